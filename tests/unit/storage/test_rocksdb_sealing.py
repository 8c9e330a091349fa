"""Sealing keeps what reading costs bounded, changes nothing that is read, and fails without harm."""

import asyncio
import os
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
from rocksdict import WriteBatch

from minori.codec.block import Block
from minori.codec.entry import row_time
from minori.errors import StoreFailed
from minori.model.entry import MAX_TIME, TimeRange
from minori.model.resource import Resource
from minori.storage.base import EntryStoreOptions
from minori.storage.contract.entry_examination import examined
from minori.storage.contract.entry_story import METER, Watcher, contents, dated, fill, meter
from minori.storage.rocksdb import database, keys, sealing
from minori.storage.rocksdb.entries import RocksDBEntryStore, open_entries
from minori.storage.rocksdb.metadata import Extent
from minori.storage.rocksdb.sealing import SEALING, SLICE_BLOCKS, Sealing
from minori.storage.rocksdb.tail import Tail

PREFIX = keys.entry_prefix(METER)
COUNT = 1500

Story = Callable[[RocksDBEntryStore], Coroutine[Any, Any, None]]


def tell(folder: Path, story: Story, plan: Sealing, watcher: Watcher | None = None) -> None:
    """Tell a story of a new store."""

    async def told() -> None:
        store = await open_entries(f"rocksdb://{folder}/entries", EntryStoreOptions(watcher or Watcher()), plan)
        assert isinstance(store, RocksDBEntryStore)
        await asyncio.wait_for(story(store), 30)
        await store.close()

    asyncio.run(told())


def extent_of(store: RocksDBEntryStore) -> Extent:
    extent = store._tails.extent(METER)
    assert extent is not None
    return extent


def rows_of(store: RocksDBEntryStore) -> int:
    """How many rows a resource really has, marks of deleted entries included."""
    found = store._database.keys(PREFIX, 10_000, PREFIX, backwards=False)
    return sum(len(key) == len(PREFIX) + keys.TIME_BYTES for key in found)


def blocks_of(store: RocksDBEntryStore) -> list[Block]:
    return list(store._blocks.within(PREFIX, 0, MAX_TIME, descending=False))


async def times(store: RocksDBEntryStore, *, descending: bool = False) -> list[int]:
    page = await store.query(METER, TimeRange(descending=descending, limit=1000))
    return [row_time(row) for row in page.rows]


def scattered(seed: int) -> list[int]:
    order = list(range(COUNT))
    Random(seed).shuffle(order)  # noqa: S311 - an order, not a secret
    return order


ORDERS = {
    "as they come": list(range(COUNT)),
    "backwards": list(range(COUNT))[::-1],
    "one late for one in time": [
        time for pair in zip(range(0, COUNT, 2), range(COUNT - 1, 0, -2), strict=True) for time in pair
    ],
    "scattered": scattered(1),
    "every tenth first": [time for start in range(10) for time in range(start, COUNT, 10)],
    "a device that was away": [*range(COUNT // 2, COUNT), *range(COUNT // 2)],
    "again and again the same": [time % 100 for time in range(COUNT)],
}


async def put_in_calls(store: RocksDBEntryStore, order: Sequence[int], chance: Random) -> None:
    begin = 0
    while begin < len(order):
        end = begin + chance.choice((1, 3, 10, 40))
        await store.put(*[dated(time, str(begin)) for time in order[begin:end]])
        begin = end


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_in_whatever_order_entries_come_rows_stay_few_and_blocks_large(tmp_path: Path, order: list[int]) -> None:
    plan = Sealing(rows=16, due=32)

    async def story(store: RocksDBEntryStore) -> None:
        await put_in_calls(store, order, Random(2))  # noqa: S311 - sizes, no secrets
        store._sealer.slices(1000)
        assert rows_of(store) <= extent_of(store).rows < plan.due
        blocks = blocks_of(store)
        assert max(block.count for block in blocks) <= plan.rows
        assert sum(block.count for block in blocks) >= len(blocks) * plan.rows / 2
        assert await examined(store, 1000) == (len(set(order)), [])

    tell(tmp_path, story, plan)


def test_what_is_left_after_most_is_deleted_is_in_few_blocks(tmp_path: Path) -> None:
    plan = Sealing(rows=16, due=32)

    async def story(store: RocksDBEntryStore) -> None:
        await fill(store, range(640))
        gone = [time for time in range(640) if time % 20]
        for begin in range(0, len(gone), 40):
            await asyncio.gather(*[store.delete(METER, time) for time in gone[begin : begin + 40]])
        store._sealer.slices(1000)
        assert rows_of(store) <= extent_of(store).rows < plan.due
        # 32 entries are left. A block is made anew together with one neighbour, so that at most half of them are small.
        assert len(blocks_of(store)) <= 2 * 32 / (plan.rows / 2)
        assert await times(store) == list(range(0, 640, 20))

    tell(tmp_path, story, plan)


def test_large_rows_make_blocks_of_few(tmp_path: Path) -> None:
    plan = Sealing(rows=16, due=20, size=10_000)

    async def story(store: RocksDBEntryStore) -> None:
        for begin in range(0, 300, 10):
            sizes = {time: (10, 3000, 20_000)[time // 100] for time in range(begin, begin + 10)}
            await store.put(*[dated(time, "x" * size) for time, size in sizes.items()])
        assert await times(store) == list(range(300))
        for block in blocks_of(store):
            assert block.size <= plan.size + 3100 or block.count == 1
        assert max(block.count for block in blocks_of(store)) == plan.rows

    tell(tmp_path, story, plan)


GATHERING = Sealing(rows=4, due=8, gathered=20)


def test_a_busy_store_waits_for_rows_of_several_blocks_and_seals_them_in_one_slice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It is never idle.
    monkeypatch.setattr(sealing, "BUSY_SECONDS", 60)

    async def story(store: RocksDBEntryStore) -> None:
        other = meter("other")
        await store.put(*[dated(time, resource=other) for time in range(GATHERING.due)])
        slices, seal = 0, store._sealer._seal

        def count(resource: Resource, tail: Tail) -> int:
            nonlocal slices
            slices += 1
            return seal(resource, tail)

        store._sealer._seal = count  # type: ignore[method-assign]  # nothing else tells how many there were
        for first in range(0, 60, 4):
            await store.put(*[dated(time) for time in range(first, first + 4)])
            assert rows_of(store) == extent_of(store).rows < GATHERING.gathered
        # Of 20 rows 16 go, of 4 blocks; the next 16 make it 20 again.
        assert (slices, [block.count for block in blocks_of(store)]) == (3, [GATHERING.rows] * 12)
        extent = store._tails.extent(other)
        assert extent is not None
        assert extent.rows == GATHERING.due, "one that is due can wait"

    tell(tmp_path, story, GATHERING)


def test_an_idle_store_leaves_no_more_rows_than_are_due(tmp_path: Path) -> None:
    async def story(store: RocksDBEntryStore) -> None:
        await fill(store, range(19))
        for _ in range(2000):
            if rows_of(store) < GATHERING.due:
                break
            await asyncio.sleep(0.005)
        assert rows_of(store) < GATHERING.due
        assert await times(store) == list(range(19))
        assert {block.count for block in blocks_of(store)} == {GATHERING.rows}

    tell(tmp_path, story, GATHERING)


def test_rows_that_were_counted_too_often_make_no_block_that_is_not_full(tmp_path: Path) -> None:
    async def story(store: RocksDBEntryStore) -> None:
        await fill(store, range(10))
        await fill(store, range(8))
        store._sealer.slices(100)
        assert [block.count for block in blocks_of(store)] == [GATHERING.rows] * 2
        assert rows_of(store) == 2
        assert await times(store) == list(range(10))

    tell(tmp_path, story, GATHERING)


def test_no_more_rows_than_one_block_has_are_read_for_what_came_late(tmp_path: Path) -> None:
    """It goes into one block, so that the others would be read again and again."""

    async def story(store: RocksDBEntryStore) -> None:
        await fill(store, range(100, 140))
        store._sealer.slices(100)
        limits, values = [], store._database.values

        def note(start: bytes, limit: int, enough: int, *, backwards: bool, about: int = 16) -> list[bytes]:
            limits.append(limit)
            return values(start, limit, enough, backwards=backwards, about=about)

        store._database.values = note  # type: ignore[method-assign]  # nothing else tells what was read
        await store.put(*[dated(time) for time in (50, *range(140, 159))])
        store._sealer.slices(100)
        assert limits[0] == GATHERING.rows < max(limits)
        assert await times(store) == [50, *range(100, 159)]

    tell(tmp_path, story, GATHERING)


@pytest.mark.parametrize("size", [10_000, 20_000, 33_000])
def test_a_slice_of_large_rows_is_no_larger_than_its_blocks(tmp_path: Path, size: int) -> None:
    """Everyone waits for it."""

    async def story(store: RocksDBEntryStore) -> None:
        store._sealer.close()
        for time in range(SEALING.gathered):
            await store.put(dated(time, "x" * size))
        store._sealer.slices(1)
        assert 0 < SEALING.gathered - rows_of(store) <= 1.1 * SLICE_BLOCKS * SEALING.size / size + 1

    tell(tmp_path, story, SEALING)


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize(("limit", "most"), [(1, 1), (10, 2), (128, 3), (1000, 17)])
def test_a_page_asks_for_no_more_blocks_than_it_shows(
    tmp_path: Path, limit: int, most: int, *, descending: bool
) -> None:
    """As a server seals: a page of 1,000 unpacks no more than 17 blocks, though they came in any order."""

    async def story(store: RocksDBEntryStore) -> None:
        order = scattered(3) + [time + COUNT for time in range(1000)]
        for begin in range(0, len(order), 100):
            await store.put(*[dated(time) for time in order[begin : begin + 100]])
        for first in (0, 700, 1400):
            store._blocks._blocks.clear()
            page = await store.query(METER, TimeRange(first, first + 1000, descending=descending, limit=limit))
            assert len(page.rows) == limit
            found = store._blocks._blocks.values()
            assert sum("text" in block.__dict__ for block in found) <= most
            assert len(found) <= most + 1

    tell(tmp_path, story, SEALING)


def test_entries_are_seen_while_a_late_one_waits(tmp_path: Path) -> None:
    """The fence that it passes still stands then."""

    async def story(store: RocksDBEntryStore) -> None:
        await fill(store, range(100, 110))
        late = store.put(dated(50))
        assert await times(store) == list(range(100, 110))
        assert await times(store, descending=True) == list(range(100, 110))[::-1]
        await late
        assert await times(store) == [50, *range(100, 110)]

    tell(tmp_path, story, Sealing(rows=4, due=6))


def test_entries_are_seen_while_the_mark_of_a_deleted_one_waits(tmp_path: Path) -> None:
    async def story(store: RocksDBEntryStore) -> None:
        await fill(store, range(100, 110))
        syncing = store.put(dated(200))
        await asyncio.sleep(0)
        # What is handed in while a commit is being synced waits for the next one.
        deleting = asyncio.ensure_future(store.delete(METER, 100))
        await asyncio.sleep(0)
        for descending in (True, False):
            assert set(await times(store, descending=descending)) >= {*range(101, 110), 200}
        assert await deleting
        await syncing
        assert await times(store) == [*range(101, 110), 200]

    tell(tmp_path, story, Sealing(rows=4, due=6))


def test_a_read_at_any_moment_of_a_commit_shows_all_that_was_there(tmp_path: Path) -> None:
    """Late entries, marks of deleted ones, sealing and forgetting come and go beside it."""

    async def story(store: RocksDBEntryStore) -> None:
        chance = Random(4)  # noqa: S311 - a script, no secret
        await fill(store, range(1000, 1100))
        kept = set(range(1010, 1100))
        for turn in range(60):
            waiting: list[asyncio.Future[Any]] = [store.put(dated(chance.randrange(1000))) for _ in range(2)]
            waiting.append(asyncio.ensure_future(store.delete(METER, chance.randrange(1000))))
            if turn < 10:
                waiting.append(asyncio.ensure_future(store.delete(METER, 1000 + turn)))
            if turn % 7 == 0:
                waiting.append(asyncio.ensure_future(store.retention.forget(METER, 900, 5)))
            while not all(future.done() for future in waiting):
                for descending in (True, False):
                    assert kept <= set(await times(store, descending=descending))
                # Now and then the thread that syncs gets its turn at once, and other moments are met.
                await asyncio.sleep(chance.choice((0, 0.0002)))
            await asyncio.gather(*waiting)

    tell(tmp_path, story, Sealing(rows=4, due=6))


def refusing(store: RocksDBEntryStore, after: int) -> None:
    """Let so many writes through and no more."""
    write, left = store._database.write, after

    def refuse(batch: WriteBatch) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError("No space left on device")
        write(batch)

    store._database.write = refuse  # type: ignore[method-assign]  # a fault is put in from inside


def test_when_a_slice_cannot_be_written_nothing_that_was_stored_is_hidden(tmp_path: Path) -> None:
    watcher = Watcher()

    async def story(store: RocksDBEntryStore) -> None:
        await fill(store, range(5))
        refusing(store, after=1)
        with pytest.raises(StoreFailed, match="No space left"):
            await store.put(*[dated(time, resource=each) for each in (METER, meter("other")) for time in range(5, 20)])
        assert await times(store) == list(range(20))
        assert list(await contents(store)) == list(range(20))
        assert len(watcher.reasons) == 1
        with pytest.raises(StoreFailed):
            await store.delete(METER, 3)
        # Nobody seals any more, nor looks whether he could.
        await asyncio.sleep(0.03)
        assert store._sealer._timer is None
        assert await times(store) == list(range(20))
        assert len(watcher.reasons) == 1

    tell(tmp_path, story, Sealing(rows=4, due=6), watcher)


def test_when_old_entries_cannot_be_removed_they_are_still_shown_and_it_is_told_once(tmp_path: Path) -> None:
    watcher = Watcher()

    async def story(store: RocksDBEntryStore) -> None:
        await fill(store, range(20))
        refusing(store, after=2)
        first = store.put(dated(20))
        await asyncio.sleep(0)
        writing = store.put(dated(21))
        forgetting = [store.retention.forget(METER, before, 10) for before in (9, 10, 11)]
        results = await asyncio.gather(first, writing, *forgetting, return_exceptions=True)
        assert [type(result) for result in results[1:]] == [StoreFailed] * 4
        assert len(watcher.reasons) == 1
        assert await times(store) == list(range(22))

    tell(tmp_path, story, SEALING, watcher)


def stumble(*_: object) -> Any:
    raise KeyError("a fault of our own")


def test_a_fault_in_a_slice_ends_the_store_at_once_and_hides_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watcher = Watcher()

    async def story(store: RocksDBEntryStore) -> None:
        await fill(store, range(5))
        store._sealer._seal_rows = stumble  # type: ignore[assignment, method-assign]  # a fault is put in from inside
        with pytest.raises(StoreFailed):
            await asyncio.wait_for(store.put(*[dated(time) for time in range(5, 20)]), 10)
        with pytest.raises(StoreFailed):
            _ = store.put(dated(20))
        assert "a fault of our own" in watcher.reasons[0]
        assert await times(store) == list(range(20))

    tell(tmp_path, story, Sealing(rows=4, due=6), watcher)
    assert len(watcher.reasons) == 1
    assert "in stumble" in caplog.text, "the log does not say where"


def test_a_fault_in_a_removal_ends_the_store_at_once_and_hides_nothing(tmp_path: Path) -> None:
    watcher = Watcher()

    async def story(store: RocksDBEntryStore) -> None:
        await fill(store, range(20))
        store.retention._remove = stumble  # type: ignore[assignment, method-assign]  # a fault is put in from inside
        first = store.put(dated(20))
        forgetting = [store.retention.forget(METER, before, 10) for before in (9, 10)]
        await asyncio.sleep(0)
        waiting = asyncio.gather(first, store.put(dated(21)), *forgetting, return_exceptions=True)
        results = await asyncio.wait_for(waiting, 10)
        assert [type(result) for result in results[1:]] == [StoreFailed] * 3
        assert "a fault of our own" in watcher.reasons[0]
        assert await times(store) == list(range(22))

    tell(tmp_path, story, SEALING, watcher)
    assert len(watcher.reasons) == 1


def test_a_cancelled_change_behind_a_fault_holds_up_nobody(tmp_path: Path) -> None:
    async def story(store: RocksDBEntryStore) -> None:
        first = store.put(dated(20))
        changes = [store._commit.apart(stumble) for _ in range(3)]
        changes[1].cancel()
        results = await asyncio.wait_for(asyncio.gather(first, *changes, return_exceptions=True), 10)
        failed = StoreFailed
        assert [type(result) for result in results] == [failed, failed, asyncio.CancelledError, failed]

    tell(tmp_path, story, SEALING)


def test_what_is_confirmed_has_been_synced_with_all_that_was_written_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though slices are written to the logs, too: RocksDB reads nothing that follows on what is missing."""
    monkeypatch.setattr(database, "MEMTABLE_BYTES", 64 * 1024)
    synced: dict[str, bytes] = {}
    fdatasync = os.fdatasync

    def note(descriptor: int) -> None:
        # What is written while it is synced does not count.
        log = Path(f"/proc/self/fd/{descriptor}")
        name, content = log.readlink().name, log.read_bytes()
        fdatasync(descriptor)
        synced[name] = content

    monkeypatch.setattr(os, "fdatasync", note)
    folder, chance = tmp_path / "entries", Random(5)  # noqa: S311 - sizes, no secrets
    followed: set[str] = set()

    async def story(store: RocksDBEntryStore) -> None:
        # What was written as it was made is in a table.
        synced.update((log.name, log.read_bytes()) for log in folder.glob("[0-9]*.log"))
        for number in range(500):
            marker = f"entry {number:04} "
            content = marker + "".join(chance.choices("0123456789abcdef", k=chance.randrange(3000)))
            await store.put(dated(number, content))
            for log in sorted(folder.glob("[0-9]*.log"), reverse=True):
                # A file that is gone has become a table, which RocksDB has synced.
                with suppress(FileNotFoundError):
                    if marker.encode() in log.read_bytes():
                        assert marker.encode() in synced[log.name]
                        followed.add(log.name)
                        for older in folder.glob("[0-9]*.log"):
                            # What was left of a still older one is cut off its end.
                            assert older.name >= log.name or synced[older.name].startswith(older.read_bytes())
                        break

    tell(tmp_path, story, Sealing(rows=4, due=6))
    assert len(followed) > 10


def test_a_cancelled_forgetting_holds_up_nobody(tmp_path: Path) -> None:
    async def story(store: RocksDBEntryStore) -> None:
        await fill(store, range(10))
        syncing = store.put(dated(20))
        await asyncio.sleep(0)
        waiting = store.put(dated(21))
        cancelled = [asyncio.ensure_future(store.retention.forget(meter(name), 5, 9)) for name in ("unknown", METER.id)]
        last = asyncio.ensure_future(store.retention.forget(METER, 7, 9))
        await asyncio.sleep(0)
        for future in cancelled:
            future.cancel()
        await asyncio.gather(syncing, waiting)
        await last
        assert await times(store) == [7, 8, 9, 20, 21]
        assert await examined(store, 100) == (5, [])

    tell(tmp_path, story, Sealing(rows=4, due=6))


def test_the_fence_stands_before_the_rows_after_whatever_was_forgotten(tmp_path: Path) -> None:
    """It spares a scan the removed rows before it."""

    async def story(store: RocksDBEntryStore) -> None:
        await fill(store, range(20))
        for before in range(1, 20):
            await store.retention.forget(METER, before, 100)
            extent = extent_of(store)
            assert 0 < extent.fence <= extent.rows_from
            assert store._database.get(keys.fence_before(PREFIX, extent.fence)) == keys.FENCE
            assert extent.rows_from >= before
            assert await examined(store, 100) == (20 - before, [])

    tell(tmp_path, story, Sealing(rows=4, due=6))


def test_a_block_that_cannot_be_read_stops_the_sealing_of_its_resource_alone(tmp_path: Path) -> None:
    other = meter("other")

    async def story(store: RocksDBEntryStore) -> None:
        await fill(store, range(10))
        (first, *_) = blocks_of(store)
        store._database._rdict[keys.block_prefix(PREFIX) + keys.pack_time(first.oldest)] = b"1"
        store._blocks.dropped(PREFIX, first.oldest)
        for time in range(20, 40):
            # The first one belongs into the block that is damaged.
            await store.put(dated(time), dated(time, resource=other))
        with pytest.raises(StoreFailed, match="a block has no head"):
            await store.put(dated(0, "again"))
        assert store.status().failure is None
        assert list(await contents(store, other)) == list(range(20, 40))
        blocks = list(store._blocks.within(keys.entry_prefix(other), 0, MAX_TIME, descending=False))
        assert len(blocks) > 2

    tell(tmp_path, story, Sealing(rows=4, due=6))


def test_resources_that_cannot_be_walked_at_a_start_are_sealed_when_they_are_written_to(tmp_path: Path) -> None:
    troubles: list[dict[str, Any]] = []

    async def story(store: RocksDBEntryStore) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, trouble: troubles.append(trouble))
        find = store._database.keys

        def refuse(start: bytes, limit: int, prefix: bytes, *, backwards: bool) -> list[bytes]:
            if prefix == keys.METADATA:
                raise StoreFailed("The entry store could not be read")
            return find(start, limit, prefix, backwards=backwards)

        store._database.keys = refuse  # type: ignore[method-assign]  # a fault is put in from inside
        await asyncio.sleep(0.03)
        assert (store._sealer._walked, store._sealer._timer) == (None, None)
        await fill(store, range(20))
        assert extent_of(store).rows < 6
        assert await times(store) == list(range(20))

    tell(tmp_path, story, Sealing(rows=4, due=6))
    assert troubles == []


def test_a_store_at_rest_seals_nothing(tmp_path: Path) -> None:
    async def fill_it(store: RocksDBEntryStore) -> None:
        await fill(store, range(50))

    tell(tmp_path, fill_it, SEALING)

    async def looked() -> None:
        options = EntryStoreOptions(Watcher(), at_rest=True)
        store = await open_entries(f"rocksdb://{tmp_path}/entries", options, Sealing(rows=4, due=6))
        assert isinstance(store, RocksDBEntryStore)
        await asyncio.sleep(0.03)
        assert (rows_of(store), blocks_of(store)) == (50, [])
        await store.close()

    asyncio.run(looked())
