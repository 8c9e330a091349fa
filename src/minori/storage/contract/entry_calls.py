"""What every entry store passes when one call brings several writes: all of them, in order, or none."""

import asyncio

from minori.errors import Overloaded
from minori.model.entry import TimeRange, Written
from minori.model.resource import ResourceMetadata
from minori.model.statistics import Interval
from minori.storage.base import EntryStore, EntryStoreOptions
from minori.storage.contract.entry_story import (
    METER,
    OPERATOR,
    EntryStoreStories,
    Opener,
    Watcher,
    arriving,
    category_times,
    contents,
    dated,
    metadata,
    meter,
    naming,
    place_story,
    put_together,
    story,
)


class EntryCallsContract(EntryStoreStories):
    """The part of the suite that puts several entries at once."""

    @story
    async def test_a_call_says_where_each_of_its_entries_landed(self, store: EntryStore) -> None:
        """In their order, and they are there."""
        assert await put_together(store, dated(9, "a"), arriving(5, "b"), dated(1, "c")) == [9, 5, 1]
        assert await contents(store) == {1: "c", 5: "b", 9: "a"}

    @story
    async def test_of_one_time_twice_in_a_call_the_last_stands(self, store: EntryStore) -> None:
        """And says that it overwrote, though the first was never to be seen."""
        written = await store.put(dated(5, "a", category="a"), dated(6, "b"), dated(5, "c", category="c"))
        assert written == (Written(5, overwrote=False), Written(6, overwrote=False), Written(5, overwrote=True))
        assert await contents(store) == {5: "c", 6: "b"}
        assert (await category_times(store, "a"), await category_times(store, "c")) == ([], [5])

    @story
    async def test_a_call_overwrites_what_is_there_and_what_waits(self, store: EntryStore) -> None:
        """And is overwritten by the next one."""
        await store.put(dated(5, "old", category="old"))
        waiting = store.put(dated(6, "waiting", category="old"))
        written = await store.put(dated(5, "a", category="new"), dated(6, "b"), dated(7, "c"))
        assert [each.overwrote for each in written] == [True, True, False]
        assert [each.overwrote for each in await waiting] == [False]
        assert await store.put(dated(6, "last"), dated(7, "last")) == (Written(6, True), Written(7, True))
        assert await contents(store) == {5: "a", 6: "last", 7: "last"}
        assert (await category_times(store, "old"), await category_times(store, "new")) == ([], [5])

    @story
    async def test_entries_of_a_call_without_a_time_take_the_next_free_milliseconds(self, store: EntryStore) -> None:
        """Clear of what is there and of each other, whichever comes first."""
        await store.put(dated(6))
        assert await put_together(store, arriving(5), dated(8), arriving(5), arriving(5), dated(7)) == [5, 8, 7, 9, 7]
        assert await put_together(store, *[arriving(5)] * 100) == list(range(10, 110))

    @story
    async def test_a_call_may_bring_many_resources(self, store: EntryStore) -> None:
        """Each keeps its own times, categories and metadata; new ones and known ones."""
        one, two = meter("one"), meter("two", account="OP1")
        await store.put(naming(["old"], 1, one))
        times = await put_together(
            store,
            arriving(5, "a", one, "c"),
            arriving(5, "b", two, "c"),
            arriving(5, "c", one, "d"),
            naming(["new"], 7, two),
            naming(["new"], 6, one),
        )
        assert times == [5, 5, 6, 1, 2]
        assert await contents(store, one) == {1: "1", 2: "1", 5: "a", 6: "c"}
        assert await contents(store, two) == {1: "1", 5: "b"}
        assert await metadata(store, one) == ResourceMetadata(one, 6, ("new", "old"))
        assert await metadata(store, two) == ResourceMetadata(two, 7, ("new",))
        assert (await category_times(store, "c"), await category_times(store, "d")) == ([5], [6])
        assert len((await store.query_category("OP1", "c", TimeRange())).rows) == 1

    @story
    async def test_every_write_of_a_call_is_counted(self, store: EntryStore) -> None:
        """In the interval of its receipt, overwrites too."""
        await store.put(*[dated(time % 3) for time in range(10)])
        assert await store.counts.counts(METER, Interval.FIVE_MINUTES, 0, 0) == {0: 10}

    @story
    async def test_the_newest_rows_show_the_whole_of_a_call(self, store: EntryStore) -> None:
        """Though they were asked for before, and whether it came in order or not."""
        for turn, order in enumerate(([1, 2, 3], [3, 2, 1], [2, 3, 3])):
            times = [10 * turn + time for time in order]
            await store.put(dated(10 * turn))
            before = await store.query(METER, TimeRange(limit=100))
            await put_together(store, *[dated(time, str(number)) for number, time in enumerate(times)])
            page = await store.query(METER, TimeRange(limit=100))
            added = [row for row in page.rows if row not in before.rows]
            assert len(added) == len(set(times))
            assert page.rows[len(added) :] == list(before.rows)
            assert await store.get(METER, times[-1]) in added

    @story
    async def test_no_reader_sees_a_part_of_a_call(self, store: EntryStore) -> None:
        """However often it looks."""
        seen = set()
        done = asyncio.Event()

        async def look() -> None:
            while not done.is_set():
                seen.add(len((await store.query(METER, TimeRange(limit=1000))).rows))
                seen.add(len((await store.query_category(OPERATOR, "c", TimeRange(limit=1000))).rows))
                await asyncio.sleep(0)

        looking = asyncio.create_task(look())
        for turn in range(5):
            await store.put(*[arriving(turn * 100, category="c") for _ in range(100)])
        done.set()
        await looking
        assert all(count % 100 == 0 for count in seen)


class DurableEntryCallsContract(EntryStoreStories):
    """What a driver passes as well that keeps entries on stable storage and bounds what waits for it."""

    @place_story
    async def test_a_call_counts_as_many_writes_as_it_has(self, opener: Opener) -> None:
        """It is taken while fewer wait than may, however many it brings; the next is turned away whole."""
        watcher = Watcher()
        store = await opener(EntryStoreOptions(watcher, waiting_writes=3))
        sent = store.put(*[arriving(5) for _ in range(10)])
        assert store.status().waiting == 10
        try:
            _ = store.put(dated(5, "lost"), dated(99, "lost", meter("other")))
        except Overloaded:
            await sent
        else:
            raise AssertionError("the call was taken")
        assert watcher.commits == [10]
        assert store.status().waiting == 0
        assert set((await contents(store)).values()) == {"1"}
        assert await metadata(store, meter("other")) is None
        await store.close()

    @place_story
    async def test_a_call_larger_than_what_may_wait_is_taken_when_nothing_waits(self, opener: Opener) -> None:
        """Its bytes count until it is confirmed."""
        store = await opener(EntryStoreOptions(Watcher(), waiting_writes=2, waiting_bytes=1000))
        sent = store.put(*[arriving(5, "x" * 2000) for _ in range(10)])
        assert store.status().waiting_bytes > 20_000
        await sent
        assert await put_together(store, *[arriving(5)] * 10) == list(range(15, 25))
        await store.close()

    @place_story
    async def test_the_whole_of_a_call_is_there_when_the_store_is_opened_again(self, opener: Opener) -> None:
        """And its order still counts."""
        for turn in range(3):
            store = await opener(EntryStoreOptions(Watcher()))
            waiting = store.put(*[dated(time % 50, f"{turn} {time}", category="c") for time in range(100)])
            await store.close()
            assert [each.overwrote for each in waiting.result()] == [turn > 0] * 50 + [True] * 50
        store = await opener(EntryStoreOptions(Watcher()))
        assert await contents(store) == {time: f"2 {time + 50}" for time in range(50)}
        assert await category_times(store, "c") == list(range(50))
        await store.close()
