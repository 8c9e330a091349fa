"""What every entry store passes: the words of `storage.base.EntryStore`, each as a test.

A driver's tests subclass `EntryStoreContract`, or `DurableEntryStoreContract` if it keeps entries on
stable storage, and say where one empty store is opened. pytest collects the subclass; these modules
need no test library.
"""

from minori.codec.entry import row_time
from minori.errors import Overloaded
from minori.model.entry import EntryWrite, TimeRange, Written
from minori.model.resource import ResourceMetadata
from minori.storage.base import EntryStore, EntryStoreOptions, StoreStatus
from minori.storage.contract.entry_calls import DurableEntryCallsContract, EntryCallsContract
from minori.storage.contract.entry_counts import DurableEntryCountsContract, EntryCountsContract
from minori.storage.contract.entry_examination import EntryExaminationContract
from minori.storage.contract.entry_pages import EntryPagesContract
from minori.storage.contract.entry_retention import DurableEntryRetentionContract, EntryRetentionContract
from minori.storage.contract.entry_story import (
    METER,
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
    put_all,
    put_one,
    walk,
)
from minori.storage.contract.entry_writes import EntryWritesContract


def is_overloaded(store: EntryStore, write: EntryWrite) -> bool:
    """Whether a write is turned away at once."""
    try:
        _ = store.put(write)
    except Overloaded:
        return True
    return False


class EntryStoreContract(
    EntryWritesContract,
    EntryCallsContract,
    EntryPagesContract,
    EntryCountsContract,
    EntryRetentionContract,
    EntryExaminationContract,
):
    """The suite of every driver. Every test gets an empty store on an event loop of its own."""


class DurableEntryStoreContract(
    EntryStoreContract, DurableEntryCallsContract, DurableEntryCountsContract, DurableEntryRetentionContract
):
    """What a driver passes as well that keeps entries on stable storage and bounds what waits for it."""

    @place_story
    async def test_what_was_confirmed_is_there_when_the_store_is_opened_again(self, opener: Opener) -> None:
        """Entries, categories and metadata, with every overwrite and delete."""
        for turn in range(3):
            store = await opener(EntryStoreOptions(Watcher()))
            await put_all(store, dated(10 + turn, f"turn {turn}", category="c"), arriving(100 + turn, "kept"))
            await put_all(store, dated(50, f"turn {turn}", category=f"c{turn}"), naming([f"n{turn}"], 1000 + turn))
            await store.delete(METER, 9 + turn)
            await store.close()
        store = await opener(EntryStoreOptions(Watcher()))
        whole = {12: "turn 2", 50: "turn 2", 100: "kept", 101: "kept", 102: "kept"}
        assert {time: text for time, text in (await contents(store)).items() if time >= 10} == whole
        assert await category_times(store, "c0") == []
        assert await category_times(store, "c2") == [50]
        assert await category_times(store, "c") == [12]
        assert await metadata(store) == ResourceMetadata(METER, 1002, ("n0", "n1", "n2"))
        await store.close()

    @place_story
    async def test_times_are_still_taken_when_the_store_is_opened_again(self, opener: Opener) -> None:
        """By a burst, by an explicit time behind it, and not where an entry was deleted."""
        store = await opener(EntryStoreOptions(Watcher()))
        await put_all(store, arriving(5), arriving(5), arriving(5), dated(9), dated(1, resource=meter("other")))
        await store.delete(METER, 6)
        await store.close()
        store = await opener(EntryStoreOptions(Watcher()))
        assert await put_all(store, arriving(5), arriving(5), arriving(9), arriving(20)) == [6, 8, 10, 20]
        assert await put_one(store, dated(9)) == Written(9, overwrote=True)
        await store.close()

    @place_story
    async def test_a_resource_without_entries_is_known_when_the_store_is_opened_again(self, opener: Opener) -> None:
        """And can be written to as before."""
        store = await opener(EntryStoreOptions(Watcher()))
        await put_all(store, *[arriving(5, resource=meter(name)) for name in ("a", "b", "c")])
        await store.delete(meter("b"), 5)
        await store.close()
        store = await opener(EntryStoreOptions(Watcher()))
        assert await put_all(store, *[arriving(5, resource=meter("b"))] * 2) == [5, 6]
        assert await walk(store, TimeRange(limit=1), meter("b")) == [6, 5]
        assert await walk(store, TimeRange(limit=1), meter("a")) == [5]
        await store.close()

    @place_story
    async def test_close_confirms_what_waits(self, opener: Opener) -> None:
        """Whoever handed it in."""
        store = await opener(EntryStoreOptions(Watcher()))
        sent = [store.put(arriving(5)) for _ in range(10)]
        await store.close()
        assert [future.result()[0].time for future in sent] == list(range(5, 15))
        store = await opener(EntryStoreOptions(Watcher()))
        assert list(await contents(store)) == list(range(5, 15))
        await store.close()

    @place_story
    async def test_close_of_an_idle_store_returns(self, opener: Opener) -> None:
        """One that was never used, and one whose writes are all confirmed."""
        await (await opener(EntryStoreOptions(Watcher()))).close()
        store = await opener(EntryStoreOptions(Watcher()))
        await store.put(arriving(5))
        await store.close()

    @place_story
    async def test_too_many_writes_waiting_turn_the_next_one_away(self, opener: Opener) -> None:
        """Nothing of it is stored; once there is room again, writes are taken."""
        store = await opener(EntryStoreOptions(Watcher(), waiting_writes=3))
        sent = [store.put(arriving(5, str(number), category="c")) for number in range(3)]
        assert store.status().waiting == 3
        assert is_overloaded(store, arriving(5, "lost", category="c"))
        assert is_overloaded(store, arriving(5, "lost", meter("other")))
        for future in sent:
            await future
        await store.put(arriving(5, "3"))
        assert list((await contents(store)).values()) == ["0", "1", "2", "3"]
        assert await category_times(store, "c") == [5, 6, 7]
        assert await metadata(store, meter("other")) is None
        await store.close()

    @place_story
    async def test_too_many_bytes_waiting_turn_the_next_write_away(self, opener: Opener) -> None:
        """A write is taken while fewer bytes wait than may, even if it is larger than what is left."""
        store = await opener(EntryStoreOptions(Watcher(), waiting_bytes=1000))
        sent = [store.put(arriving(5, "x" * 600)) for _ in range(2)]
        assert store.status().waiting_bytes > 1000
        assert is_overloaded(store, arriving(5))
        for future in sent:
            await future
        assert (await put_one(store, arriving(5))).time == 7
        await store.close()

    @place_story
    async def test_too_much_waiting_turns_a_delete_away(self, opener: Opener) -> None:
        """It counts as a write."""
        store = await opener(EntryStoreOptions(Watcher(), waiting_writes=1))
        sent = store.put(arriving(5))
        try:
            await store.delete(METER, 5)
        except Overloaded:
            await sent
        else:
            raise AssertionError("the delete was taken")
        assert await store.delete(METER, 5)
        await store.close()

    @place_story
    async def test_the_status_counts_what_waits(self, opener: Opener) -> None:
        """And nothing once it is confirmed."""
        store = await opener(EntryStoreOptions(Watcher()))
        sent = [store.put(arriving(5, "x" * 100)) for _ in range(4)]
        status = store.status()
        assert (status.waiting, status.failure) == (4, None)
        assert status.waiting_bytes >= 400
        for future in sent:
            await future
        assert store.status() == StoreStatus(0, 0, None)
        await store.close()

    @place_story
    async def test_the_observer_is_told_of_every_write_that_became_durable(self, opener: Opener) -> None:
        """Once, with the seconds it took."""
        watcher = Watcher()
        store = await opener(EntryStoreOptions(watcher))
        await put_all(store, *[arriving(5) for _ in range(7)])
        assert sum(watcher.commits) == 7
        await store.delete(METER, 5)
        assert sum(watcher.commits) == 8
        assert len(watcher.seconds) == len(watcher.commits)
        assert min(watcher.seconds) >= 0
        assert watcher.reasons == []
        await store.close()

    @place_story
    async def test_a_cancelled_write_does_not_count_as_waiting_for_ever(self, opener: Opener) -> None:
        """It is there when the store is opened again."""
        store = await opener(EntryStoreOptions(Watcher(), waiting_writes=2))
        for _ in range(5):
            store.put(arriving(5)).cancel()
            await store.put(arriving(5))
        assert store.status().waiting == 0
        await store.close()
        store = await opener(EntryStoreOptions(Watcher()))
        page = await store.query(METER, TimeRange(descending=False, limit=1000))
        assert [row_time(row) for row in page.rows] == list(range(5, 15))
        await store.close()
