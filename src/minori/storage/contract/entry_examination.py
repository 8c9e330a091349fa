"""What every entry store passes when it is examined: nothing sound is told as a flaw, all entries are counted."""

from collections.abc import Awaitable, Callable

from minori.model.entry import MAX_TIME
from minori.model.resource import ResourceType
from minori.storage.base import EntryFlaw, EntryStore
from minori.storage.contract.entry_story import (
    METER,
    EntryStoreStories,
    arriving,
    dated,
    fill,
    meter,
    naming,
    put_all,
    put_together,
    story,
)

OTHER = meter("other", ResourceType.DEVICE)

CHANGES = 60
"""How often a store is changed during an examination: one that grows for ever is looked at for ever."""


async def nothing() -> None:
    """What happens between two stretches of an examination if nothing does."""


async def examined(
    store: EntryStore, limit: int, between: Callable[[], Awaitable[object]] = nothing
) -> tuple[int, list[EntryFlaw]]:
    """How many entries a whole examination counts, and every flaw that it tells."""
    entries, flaws, after = 0, list[EntryFlaw](), None
    while True:
        seen = await store.examination.examine(after, limit)
        entries += seen.entries
        flaws += seen.flaws
        if seen.next_after is None:
            return entries, flaws
        assert seen.next_after != after
        after = seen.next_after
        await between()


class EntryExaminationContract(EntryStoreStories):
    """The part of the suite that asks what an examination tells."""

    @story
    async def test_an_empty_store_is_sound(self, store: EntryStore) -> None:
        """There is nothing in it."""
        assert await examined(store, 10) == (0, [])

    @story
    async def test_whatever_was_done_to_a_store_it_is_sound_and_its_entries_are_counted(
        self, store: EntryStore
    ) -> None:
        """In stretches of any length, after every step."""

        async def step(entries: int) -> None:
            for limit in (1, 3, 1000):
                assert await examined(store, limit) == (entries, [])

        await put_together(store, *[dated(time, category="c") for time in (*range(10, 30), 0, MAX_TIME)])
        await step(22)
        await put_all(store, *[dated(time, category="d") for time in (20, 21)], dated(22), dated(5, category="c"))
        await step(23)
        for time in (0, 10, 11, 20, 29):
            await store.delete(METER, time)
        await step(18)
        await put_all(store, arriving(12), arriving(12), dated(11, resource=OTHER), naming(["a", "b"], resource=OTHER))
        await step(22)
        assert (await store.retention.forget(METER, 25, 9)).entries == 9
        await step(13)
        await fill(store, [11, 12, 13, 14, 15])
        await store.retention.forget(METER, MAX_TIME, 1000)
        await step(3)
        await store.delete(METER, MAX_TIME)
        await store.retention.set_horizon(5)
        await step(2)

    @story
    async def test_nothing_is_told_of_what_changes_during_an_examination(self, store: EntryStore) -> None:
        """Entries are put, replaced, deleted and forgotten between its stretches, and while it looks."""
        await put_together(store, *[dated(time, category="c") for time in range(40)])
        turn = 0

        async def change() -> None:
            nonlocal turn
            turn += 1
            if turn > CHANGES:
                return
            await put_together(store, dated(turn % 50, category="cd"[turn % 2]), arriving(turn, category="c"))
            await store.delete(METER, 3 * turn % 40)
            await store.retention.forget(METER, turn % 40, 1)

        for limit in (1, 7):
            assert (await examined(store, limit, change))[1] == []
            waiting = store.put(dated(2, category="e"))
            assert (await examined(store, limit))[1] == []
            await waiting
