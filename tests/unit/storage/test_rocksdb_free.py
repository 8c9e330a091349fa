"""The next free millisecond is found exactly, and without a look at each that is taken."""

import asyncio
from pathlib import Path

import pytest

from minori.codec.block import Block
from minori.codec.entry import row_time
from minori.model.entry import DataEntry, EntryWrite, TimeRange
from minori.model.resource import Resource, ResourceType
from minori.observe.metrics import Metrics
from minori.observe.store import StoreWatch
from minori.storage.base import EntryStoreOptions
from minori.storage.rocksdb import free
from minori.storage.rocksdb.entries import RocksDBEntryStore, open_entries
from minori.storage.rocksdb.sealing import Sealing

PLANT = Resource("OP1", ResourceType.DEVICE, "d-1")
BEGIN = 1_700_000_000_000
AS_ROWS = Sealing(due=1_000_000)
IN_BLOCKS = Sealing(rows=100, due=200)
BOTH = pytest.mark.parametrize("plan", [AS_ROWS, IN_BLOCKS], ids=["rows", "blocks"])


@BOTH
def test_after_a_restart_a_burst_goes_on_behind_its_end(tmp_path: Path, plan: Sealing) -> None:
    async def story() -> None:
        store = await _with_burst(tmp_path, plan, 3_000)
        await store.close()
        store = await _opened(tmp_path, plan)
        assert [await _put(store) for _ in range(3)] == [3_000, 3_001, 3_002]
        assert await _times(store) == [*range(3_003)]
        await store.close()

    asyncio.run(story())


@BOTH
def test_a_long_burst_is_passed_with_few_reads(tmp_path: Path, plan: Sealing) -> None:
    async def story() -> None:
        store = await _with_burst(tmp_path, plan, 5_000)
        store._tails.clear()
        read = _watched(store)
        assert await _put(store) == 5_000
        assert len(read) < 150
        assert len(read) > 3, "the watch sees what is read"
        await store.close()

    asyncio.run(story())


@BOTH
@pytest.mark.parametrize("gap", [0, 1, 15, 16, 99, 100, 150, 1_000, 2_998, 2_999])
def test_a_time_that_was_freed_is_the_next_one(tmp_path: Path, plan: Sealing, gap: int) -> None:
    async def story() -> None:
        store = await _with_burst(tmp_path, plan, 3_000)
        assert await store.delete(PLANT, BEGIN + gap)
        store._tails.clear()
        assert [await _put(store) for _ in range(2)] == [gap, 3_000]
        await store.close()

    asyncio.run(story())


@BOTH
def test_what_waits_to_be_written_counts(tmp_path: Path, plan: Sealing) -> None:
    """Of four that are made in one turn each sees those before it: two frees, one taken again, one behind the end."""

    async def story() -> None:
        store = await _with_burst(tmp_path, plan, 3_000)
        freed = [asyncio.ensure_future(store.delete(PLANT, BEGIN + time)) for time in (2_500, 40)]
        placed = [asyncio.ensure_future(_put(store)) for _ in range(4)]
        assert await asyncio.gather(*freed) == [True, True]
        assert await asyncio.gather(*placed) == [40, 2_500, 3_000, 3_001]
        await store.close()

    asyncio.run(story())


@BOTH
def test_a_time_that_was_freed_and_is_taken_again_in_one_turn_is_passed(tmp_path: Path, plan: Sealing) -> None:
    async def story() -> None:
        store = await _with_burst(tmp_path, plan, 3_000)
        deleted = asyncio.ensure_future(store.delete(PLANT, BEGIN + 700))
        await asyncio.sleep(0)
        taken = store.put(*[_write(time, exact=True) for time in (700, 3_000, 3_002)])
        placed = store.put(_write(0), _write(0))
        assert [written.time - BEGIN for written in await placed] == [3_001, 3_003]
        await asyncio.gather(deleted, taken)
        assert await _times(store) == [*range(3_004)]
        await store.close()

    asyncio.run(story())


def test_a_block_that_is_full_is_passed_by_its_head(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        store = await _with_burst(tmp_path, IN_BLOCKS, 3_000)
        store._tails.clear()
        unpacked, unpack = [], Block._unpacked

        def note(block: Block) -> bytes:
            unpacked.append(block.oldest - BEGIN)
            return unpack(block)

        monkeypatch.setattr(Block, "_unpacked", note)
        assert await _put(store) == 3_000
        # In that one there might have been a gap.
        assert unpacked == [0]
        await store.close()

    asyncio.run(story())


def test_a_gap_in_a_block_is_found_and_a_row_that_came_late_into_it_is_seen(tmp_path: Path) -> None:
    async def story() -> None:
        store = await _opened(tmp_path, IN_BLOCKS)
        for begin in range(0, 1_000, 100):
            await store.put(*[_write(time, exact=True) for time in range(begin, begin + 100) if time not in {250, 601}])
        store._tails.clear()
        assert await _put(store) == 250
        store._tails.clear()
        assert [await _put(store) for _ in range(2)] == [601, 1_000]
        await store.close()

    asyncio.run(story())


@pytest.mark.parametrize(("few", "most"), [(1, 1), (1, 2), (3, 7), (100_000, 100_000)])
def test_however_many_are_read_at_once_the_answer_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few: int, most: int
) -> None:
    monkeypatch.setattr(free, "FEW", few)
    monkeypatch.setattr(free, "MOST", most)

    async def story() -> None:
        store = await _with_burst(tmp_path, AS_ROWS, 300)
        assert await store.delete(PLANT, BEGIN + 200)
        assert [await _put(store) for _ in range(2)] == [200, 300]
        await store.close()

    asyncio.run(story())


async def _opened(folder: Path, plan: Sealing) -> RocksDBEntryStore:
    store = await open_entries(f"rocksdb://{folder}/entries", EntryStoreOptions(StoreWatch(Metrics())), plan)
    assert isinstance(store, RocksDBEntryStore)
    return store


async def _with_burst(folder: Path, plan: Sealing, size: int) -> RocksDBEntryStore:
    """A store in which so many entries were received at one time."""
    store = await _opened(folder, plan)
    for _ in range(0, size, 100):
        await store.put(*[_write(0) for _ in range(100)])
    return store


def _write(time: int, *, exact: bool = False) -> EntryWrite:
    return EntryWrite(DataEntry(PLANT, BEGIN + time, "1", "text/plain", None), BEGIN, exact, ())


async def _put(store: RocksDBEntryStore) -> int:
    (written,) = await store.put(_write(0))
    return written.time - BEGIN


async def _times(store: RocksDBEntryStore) -> list[int]:
    page = await store.query(PLANT, TimeRange(descending=False, limit=100_000))
    return [row_time(row) - BEGIN for row in page.rows]


def _watched(store: RocksDBEntryStore) -> list[str]:
    """The names of what the database is asked from now on."""
    read: list[str] = []
    for name in ("get", "keys", "values", "items_once"):
        ask = getattr(store._database, name)

        def asked(*given: object, _ask: object = ask, _name: str = name, **named: object) -> object:
            read.append(_name)
            return _ask(*given, **named)  # type: ignore[operator]  # the real method, with a look at its name

        setattr(store._database, name, asked)
    return read
