"""What every entry store passes when it is told to forget what is old."""

import asyncio

from minori.model.entry import MAX_TIME, Forgotten, TimeRange, Written
from minori.model.resource import Resource, ResourceMetadata, ResourceType
from minori.model.statistics import Interval
from minori.storage.base import EntryStore, EntryStoreOptions
from minori.storage.contract.entry_story import (
    METER,
    EntryStoreStories,
    Opener,
    Watcher,
    arriving,
    category_times,
    contents,
    dated,
    fill,
    metadata,
    meter,
    naming,
    place_story,
    put_all,
    put_one,
    story,
    walk,
)


async def forget_all(store: EntryStore, before: int, limit: int, resource: Resource = METER) -> list[int]:
    """Forget everything before a time, slice by slice; how many each of them removed."""
    slices: list[int] = []
    after = None
    while True:
        forgotten = await store.retention.forget(resource, before, limit, after)
        slices.append(forgotten.entries)
        if forgotten.next_after is None:
            return slices
        after = forgotten.next_after


class EntryRetentionContract(EntryStoreStories):
    """The part of the suite that forgets."""

    @story
    async def test_what_is_before_the_time_is_forgotten_and_nothing_else(self, store: EntryStore) -> None:
        """The entry at the time itself stays; it is the entry's own time that counts, not the receipt."""
        await fill(store, [0, 5, 9, 10, 11, MAX_TIME])
        await store.put(naming([], 1_000))
        assert await store.retention.forget(METER, 10, 100) == Forgotten(4, None)
        assert list(await contents(store)) == [10, 11, MAX_TIME]
        assert await store.get(METER, 9) is None
        assert await walk(store, TimeRange(limit=1)) == [MAX_TIME, 11, 10]

    @story
    async def test_the_oldest_are_forgotten_first_and_no_more_than_asked_for(self, store: EntryStore) -> None:
        """Each call goes on where the last one ended."""
        await fill(store, list(range(10)))
        assert await store.retention.forget(METER, 8, 3) == Forgotten(3, 2)
        assert list(await contents(store)) == list(range(3, 10))
        assert await store.retention.forget(METER, 8, 3, 2) == Forgotten(3, 5)
        assert await store.retention.forget(METER, 8, 3, 5) == Forgotten(2, None)
        assert list(await contents(store)) == [8, 9]
        assert await forget_all(store, MAX_TIME, 1) == [1, 1]

    @story
    async def test_there_may_be_nothing_to_forget(self, store: EntryStore) -> None:
        """No entry that old, none at all, an unknown resource, the beginning of time."""
        assert await store.retention.forget(METER, 5, 10) == Forgotten(0, None)
        await fill(store, [5, 6])
        await fill(store, [1], meter(METER.id + "0"))
        await fill(store, [1], meter(METER.id[:-1]))
        for before in (0, 5):
            assert await store.retention.forget(METER, before, 10) == Forgotten(0, None)
        assert await store.retention.forget(METER, 7, 10, 6) == Forgotten(0, None)
        assert await forget_all(store, 7, 1) == [1, 1]
        assert await store.retention.forget(METER, 7, 10) == Forgotten(0, None)

    @story
    async def test_what_is_forgotten_leaves_its_category(self, store: EntryStore) -> None:
        """The others stay in theirs, at the same times too."""
        await put_all(
            store, *[dated(time, category="ab"[time % 2]) for time in range(6)], dated(1, "1", meter("x"), "b")
        )
        await store.retention.forget(METER, 3, 10)
        assert await category_times(store, "a") == [4]
        assert await category_times(store, "b") == [1, 3, 5]
        await fill(store, [0, 1])
        assert await category_times(store, "a") == [4]

    @story
    async def test_others_keep_what_one_forgets(self, store: EntryStore) -> None:
        """Of whatever type, account or name."""
        others = [
            meter(METER.id, ResourceType.DEVICE),
            meter(METER.id, account="OP00000000010"),
            meter(METER.id + "0"),
            meter(METER.id[:-1]),
        ]
        for resource in (METER, *others):
            await fill(store, [1, 2, 3], resource)
        await store.retention.forget(METER, MAX_TIME, 100)
        assert await contents(store) == {}
        for other in others:
            assert list(await contents(store, other)) == [1, 2, 3]

    @story
    async def test_metadata_and_counts_outlive_what_is_forgotten(self, store: EntryStore) -> None:
        """The resource has sent data."""
        await put_all(store, naming(["a"]), naming(["b"], 2))
        await store.retention.forget(METER, MAX_TIME, 10)
        assert await metadata(store) == ResourceMetadata(METER, 2, ("a", "b"))
        assert await store.counts.counts(METER, Interval.FIVE_MINUTES, 0, 9) == {0: 2}

    @story
    async def test_the_newest_rows_do_not_show_what_is_forgotten(self, store: EntryStore) -> None:
        """Though they were asked for before; nor does what comes after bring it back."""
        await fill(store, list(range(6)))
        for before, left in ((3, [5, 4, 3]), (6, [])):
            for _ in range(2):
                await walk(store, TimeRange(limit=100))
            await store.retention.forget(METER, before, 100)
            assert await walk(store, TimeRange(limit=100)) == left
        await fill(store, [6])
        assert await walk(store, TimeRange(limit=100)) == [6]

    @story
    async def test_an_old_time_can_be_written_again(self, store: EntryStore) -> None:
        """It is free; it stays until it is forgotten in its turn."""
        await put_all(store, *[arriving(5)] * 3)
        await store.retention.forget(METER, 7, 10)
        assert await put_all(store, arriving(5), arriving(5), arriving(5)) == [5, 6, 8]
        assert await put_one(store, dated(1)) == Written(1, overwrote=False)
        assert list(await contents(store)) == [1, 5, 6, 7, 8]
        assert await forget_all(store, 7, 10) == [3]
        assert list(await contents(store)) == [7, 8]

    @story
    async def test_what_is_written_while_others_are_forgotten_is_not_lost(self, store: EntryStore) -> None:
        """Where nothing was, in place of what is forgotten, and with another category."""
        await put_all(store, *[dated(time, "old", category="old") for time in range(4)])
        forgetting = asyncio.ensure_future(store.retention.forget(METER, 4, 10))
        await asyncio.sleep(0)
        writing = store.put(dated(1, "new", category="new"), dated(9, "new", category="old"), arriving(2, "new"))
        await forgetting
        await writing
        kept = await contents(store)
        assert {time: kept.get(time) for time in (0, 1, 2, 3, 9)} == {0: None, 1: "new", 2: "new", 3: None, 9: "new"}
        assert (await category_times(store, "new"), await category_times(store, "old")) == ([1], [9])

    @story
    async def test_what_waits_is_not_lost_when_others_are_forgotten(self, store: EntryStore) -> None:
        """What is being written when old entries are forgotten is there or forgotten, with its category."""
        await put_all(store, *[dated(time, "old", category="old") for time in range(4)])
        writing = store.put(dated(1, "new", category="new"), dated(2, "new", category="old"), dated(9, "new"))
        await store.retention.forget(METER, 4, 10)
        await writing
        kept = await contents(store)
        assert set(kept) <= {1, 2, 9}
        assert set(kept.values()) == {"new"}
        assert await category_times(store, "new") == [time for time in (1,) if time in kept]
        assert await category_times(store, "old") == [time for time in (2,) if time in kept]
        await forget_all(store, 4, 10)
        assert list(await contents(store)) == [9]
        # A place in a category that was left behind would be seen again, in either.
        await fill(store, [0, 1, 2, 3])
        assert (await category_times(store, "new"), await category_times(store, "old")) == ([], [])

    @story
    async def test_what_is_being_deleted_is_not_forgotten_as_well(self, store: EntryStore) -> None:
        """Only one of both says that it removed it."""
        await put_all(store, *[dated(time, category="c") for time in range(4)])
        deleted, forgotten = await asyncio.gather(store.delete(METER, 1), store.retention.forget(METER, 3, 10))
        assert (deleted, forgotten) == (True, Forgotten(2, None))
        assert list(await contents(store)) == await category_times(store, "c") == [3]

    @story
    async def test_all_resources_of_all_accounts_are_walked(self, store: EntryStore) -> None:
        """Each once, whatever the size of the page; those without entries too."""
        assert await store.retention.resources(None, 10) == []
        known = {
            meter(name, kind, account)
            for name in ("a", "a\x01", "ab", "é")
            for kind in (ResourceType.DEVICE, ResourceType.SUBSCRIBER)
            for account in ("OP1", "OP10", "OP1-g")
        }
        await asyncio.gather(*[store.put(arriving(1, resource=resource)) for resource in known])
        await store.delete(meter("a", account="OP1"), 1)
        for limit in (1, 5, len(known), 1000):
            walked: list[Resource] = []
            while page := await store.retention.resources(walked[-1] if walked else None, limit):
                assert len(page) <= limit
                walked += page
            assert len(walked) == len(known)
            assert set(walked) == known

    @story
    async def test_the_horizon_is_kept(self, store: EntryStore) -> None:
        """The last one that was set."""
        assert await store.retention.horizon() is None
        for time in (7, 5, 0):
            await store.retention.set_horizon(time)
            assert await store.retention.horizon() == time

    @story
    async def test_a_store_works_on_while_it_lets_go_of_what_was_forgotten(self, store: EntryStore) -> None:
        """Even if nothing was."""
        await store.retention.release()
        await fill(store, list(range(100)))
        await store.retention.forget(METER, 50, 100)
        releasing = asyncio.ensure_future(store.retention.release())
        await put_all(store, *[dated(time) for time in range(40, 200)])
        await releasing
        assert list(await contents(store)) == list(range(40, 200))


class DurableEntryRetentionContract(EntryStoreStories):
    """What a driver passes as well that keeps entries on stable storage."""

    @place_story
    async def test_what_is_forgotten_stays_so_when_the_store_is_opened_again(self, opener: Opener) -> None:
        """With its categories, and the horizon; its times are free."""
        store = await opener(EntryStoreOptions(Watcher()))
        await put_all(store, *[dated(time, category="c") for time in range(20)])
        assert await forget_all(store, 15, 4) == [4, 4, 4, 3]
        await store.retention.set_horizon(15)
        await store.retention.release()
        await store.close()
        store = await opener(EntryStoreOptions(Watcher()))
        assert list(await contents(store)) == await category_times(store, "c") == list(range(15, 20))
        assert await store.retention.horizon() == 15
        assert await put_all(store, arriving(14), arriving(14)) == [14, 20]
        await store.close()

    @place_story
    async def test_a_store_may_be_closed_while_it_lets_go_of_what_was_forgotten(self, opener: Opener) -> None:
        """Whoever waited for it has left."""
        store = await opener(EntryStoreOptions(Watcher()))
        await fill(store, list(range(100)))
        await store.retention.forget(METER, 50, 100)
        releasing = asyncio.ensure_future(store.retention.release())
        await asyncio.sleep(0)
        releasing.cancel()
        await store.close()
        store = await opener(EntryStoreOptions(Watcher()))
        assert list(await contents(store)) == list(range(50, 100))
        await store.close()
