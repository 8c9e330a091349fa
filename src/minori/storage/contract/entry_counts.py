"""What every entry store passes when it is asked how often it was written to."""

from msgspec.structs import replace

from minori.model.entry import MAX_TIME, EntryWrite
from minori.model.resource import ResourceType
from minori.model.statistics import Interval
from minori.storage.base import EntryStore, EntryStoreOptions
from minori.storage.contract.entry_story import (
    METER,
    EntryStoreStories,
    Opener,
    Watcher,
    arriving,
    dated,
    meter,
    place_story,
    put_all,
    story,
)

SLOT, DAY = Interval.FIVE_MINUTES, Interval.DAY


def received(time: int, entry_time: int = 1) -> EntryWrite:
    """A write to a free millisecond from `entry_time` on, received at `time`."""
    return replace(arriving(entry_time), received=time)


async def all_counts(store: EntryStore, interval: Interval) -> dict[int, int]:
    """Everything that is counted of the meter."""
    return dict(await store.counts.counts(METER, interval, 0, MAX_TIME))


class EntryCountsContract(EntryStoreStories):
    """The part of the suite that asks for counts."""

    @story
    async def test_writes_are_counted_by_the_five_minutes_and_the_day_of_their_receipt(self, store: EntryStore) -> None:
        """Both ends of a interval belong to where they are; the entry's own time does not matter."""
        times = [0, SLOT - 1, SLOT, DAY - 1, DAY, DAY + 5 * SLOT, 40 * DAY]
        await put_all(store, *[received(time, 10**12) for time in times])
        slots = {0: 2, SLOT: 1, DAY - SLOT: 1, DAY: 1, DAY + 5 * SLOT: 1, 40 * DAY: 1}
        assert await all_counts(store, SLOT) == slots
        assert await all_counts(store, DAY) == {0: 4, DAY: 2, 40 * DAY: 1}

    @story
    async def test_a_range_holds_the_intervals_of_both_its_ends(self, store: EntryStore) -> None:
        """Whole, wherever in them it begins and ends."""
        await put_all(store, *[received(number * SLOT + 7) for number in range(6)])
        counts = await store.counts.counts(METER, SLOT, 2 * SLOT + 9, 4 * SLOT)
        assert counts == {2 * SLOT: 1, 3 * SLOT: 1, 4 * SLOT: 1}
        assert await store.counts.counts(METER, SLOT, 5 * SLOT, 6 * SLOT) == {5 * SLOT: 1}
        assert await store.counts.counts(METER, SLOT, 6 * SLOT, 9 * SLOT) == {}
        assert await store.counts.counts(METER, DAY, 5, 5) == {0: 6}
        assert await store.counts.counts(METER, SLOT, 3 * SLOT, 2 * SLOT) == {}
        assert await store.counts.counts(METER, SLOT, SLOT + 2, SLOT + 1) == {}

    @story
    async def test_overwrites_count_and_deletes_change_nothing(self, store: EntryStore) -> None:
        """What is counted is what was written."""
        await put_all(store, dated(5), dated(5), dated(5))
        await store.delete(METER, 5)
        assert await all_counts(store, SLOT) == {0: 3}

    @story
    async def test_a_clock_that_is_set_back_counts_on_where_it_was(self, store: EntryStore) -> None:
        """Nothing is forgotten, whichever way it goes, and across days too."""
        times = [DAY, 0, DAY, SLOT, 0, DAY + SLOT, DAY, 0]
        await put_all(store, *[received(time) for time in times])
        assert await all_counts(store, SLOT) == {0: 3, SLOT: 1, DAY: 3, DAY + SLOT: 1}
        assert await all_counts(store, DAY) == {0: 4, DAY: 4}
        for time in times:
            await store.put(received(time))
        assert await all_counts(store, SLOT) == {0: 6, SLOT: 2, DAY: 6, DAY + SLOT: 2}
        assert await all_counts(store, DAY) == {0: 8, DAY: 8}

    @story
    async def test_resources_are_counted_apart(self, store: EntryStore) -> None:
        """Even if all else is equal, and one name begins with the other."""
        others = [
            meter("00101"),
            meter("001010000000001x"),
            meter(METER.id, ResourceType.DEVICE),
            meter(METER.id, account="OP00000000010"),
        ]
        for number, other in enumerate([METER, *others], 1):
            await put_all(store, *[arriving(time * SLOT, resource=other) for time in range(number)])
        for number, other in enumerate([METER, *others], 1):
            counts = await store.counts.counts(other, SLOT, 0, MAX_TIME)
            assert counts == {time * SLOT: 1 for time in range(number)}

    @story
    async def test_a_resource_that_was_never_written_to_has_no_counts(self, store: EntryStore) -> None:
        """No error either."""
        assert await all_counts(store, SLOT) == {}
        assert await all_counts(store, DAY) == {}


class DurableEntryCountsContract(EntryStoreStories):
    """What a driver passes as well that keeps entries on stable storage."""

    @place_story
    async def test_counts_go_on_where_they_were_when_the_store_is_opened_again(self, opener: Opener) -> None:
        """Those under way, and those that are over."""
        for _ in range(3):
            store = await opener(EntryStoreOptions(Watcher()))
            await put_all(store, received(DAY - 1), received(DAY - 1), received(DAY), received(DAY + SLOT))
            await store.close()
        store = await opener(EntryStoreOptions(Watcher()))
        assert await all_counts(store, SLOT) == {DAY - SLOT: 6, DAY: 3, DAY + SLOT: 3}
        assert await all_counts(store, DAY) == {0: 6, DAY: 6}
        await store.close()
