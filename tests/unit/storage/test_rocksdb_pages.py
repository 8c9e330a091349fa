"""A page shows rows and blocks as one; one that grows large is cut, and the pages still make up the whole."""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from minori.codec.entry import encode_row, row_time
from minori.model.entry import MAX_TIME, DataEntry, EntryWrite, TimeRange
from minori.model.resource import Resource, ResourceType
from minori.observe.metrics import Metrics
from minori.observe.store import StoreWatch
from minori.storage.base import EntryStoreOptions
from minori.storage.rocksdb import entries, keys
from minori.storage.rocksdb.database import CHUNK
from minori.storage.rocksdb.pages import AGAINST, ORDERED_BYTES
from minori.storage.rocksdb.sealing import Sealing

PLANT = Resource("OP1", ResourceType.DEVICE, "d-1")
ROWS = 3 * CHUNK + 7


@pytest.mark.parametrize("descending", [True, False])
def test_pages_cut_for_their_bytes_make_up_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, descending: bool
) -> None:
    monkeypatch.setattr(entries, "PAGE_BYTES", 1000)
    pages = asyncio.run(_pages(tmp_path, TimeRange(descending=descending, limit=1000)))
    times = [time for page in pages for time in page]
    assert len(pages) > 2
    assert max(map(len, pages)) <= 2 * CHUNK
    assert times == sorted(range(ROWS), reverse=descending)


@pytest.mark.parametrize(("rows", "backwards"), [(AGAINST * 5, False), (AGAINST * 5 + 1, True)])
def test_the_newest_are_read_against_the_order_of_keys_only_where_there_are_many_others(
    tmp_path: Path, rows: int, *, backwards: bool
) -> None:
    """A step back takes RocksDB many times as long in memory. One entry more is read than the page has."""

    async def story() -> None:
        options = EntryStoreOptions(StoreWatch(Metrics()))
        store = await entries.open_entries(f"rocksdb://{tmp_path}/entries", options)
        assert isinstance(store, entries.RocksDBEntryStore)
        await store.put(*[_write(time, "1") for time in range(rows)])
        ways, values = [], store._database.values

        def note(start: bytes, limit: int, enough: int, *, backwards: bool, about: int = 16) -> list[bytes]:
            ways.append(backwards)
            return values(start, limit, enough, backwards=backwards, about=about)

        store._database.values = note  # type: ignore[method-assign]  # the real method, with a look at its direction
        page = await store.query(PLANT, TimeRange(0, rows - 1, limit=4))
        assert [row_time(row) for row in page.rows] == [rows - 1, rows - 2, rows - 3, rows - 4]
        assert ways == [backwards]
        await store.close()

    asyncio.run(story())


def test_of_large_rows_no_more_are_read_than_are_wanted_and_a_few(tmp_path: Path) -> None:
    """Not all of them, to turn them round."""

    async def story() -> None:
        options = EntryStoreOptions(StoreWatch(Metrics()))
        store = await entries.open_entries(f"rocksdb://{tmp_path}/entries", options)
        assert isinstance(store, entries.RocksDBEntryStore)
        for time in range(200):
            await store.put(_write(time, "x" * 40_000))
        read, values = [], store._database.values

        def note(start: bytes, limit: int, enough: int, *, backwards: bool, about: int = 16) -> list[bytes]:
            found = values(start, limit, enough, backwards=backwards, about=about)
            read.append((backwards, sum(map(len, found))))
            return found

        store._database.values = note  # type: ignore[method-assign]  # the real method, with a look at what it finds
        page = await store.query(PLANT, TimeRange(0, 199, limit=30))
        assert [row_time(row) for row in page.rows] == [*range(199, 169, -1)]
        (ordered, size), (against, _) = read
        assert (ordered, against) == (False, True)
        assert size <= 2 * ORDERED_BYTES
        await store.close()

    asyncio.run(story())


def test_where_rows_suffice_no_block_is_read_and_the_newest_are_kept(tmp_path: Path) -> None:
    async def story() -> None:
        options, plan = EntryStoreOptions(StoreWatch(Metrics())), Sealing(rows=100, due=300)
        store = await entries.open_entries(f"rocksdb://{tmp_path}/entries", options, plan)
        assert isinstance(store, entries.RocksDBEntryStore)
        for begin in range(0, 300, 100):
            await store.put(*[_write(time, "1") for time in range(begin, begin + 100)])
        # 200 are left of the 300 that were due: more than are asked for, and few enough to be read in order.
        for newest, span in ((299, TimeRange(limit=10)), (280, TimeRange(0, 280, limit=100))):
            page = await store.query(PLANT, span)
            assert [row_time(row) for row in page.rows] == [*range(newest, newest - span.limit, -1)]
        assert not any(store._blocks._seen)
        assert store._recent.page(keys.entry_prefix(PLANT), 0, MAX_TIME, 10) is not None
        await store.close()

    asyncio.run(story())


@pytest.mark.parametrize("first", [0, 50, 150, 248])
def test_rows_that_a_range_reaches_are_read_once_and_those_that_come_are_added(tmp_path: Path, first: int) -> None:
    async def story() -> None:
        options, plan = EntryStoreOptions(StoreWatch(Metrics())), Sealing(rows=100, due=200)
        store = await entries.open_entries(f"rocksdb://{tmp_path}/entries", options, plan)
        assert isinstance(store, entries.RocksDBEntryStore)
        for time in range(250):
            await store.put(_write(time, "1"))
        read, values = [], store._database.values

        def note(start: bytes, limit: int, enough: int, *, backwards: bool, about: int = 16) -> list[bytes]:
            read.append(start)
            return values(start, limit, enough, backwards=backwards, about=about)

        store._database.values = note  # type: ignore[method-assign]  # the real method, with a look at what it is asked
        reads = []
        for last in range(248, 255):
            read.clear()
            page = await store.query(PLANT, TimeRange(first, last, limit=1000))
            assert [row_time(row) for row in page.rows] == [*range(last, first - 1, -1)]
            reads.append(len(read))
            await store.put(_write(last + 2, "1"))
        assert reads == [1, 0, 0, 0, 0, 0, 0]
        await store.close()

    asyncio.run(story())


async def _pages(folder: Path, span: TimeRange) -> list[list[int]]:
    store = await entries.open_entries(f"rocksdb://{folder}/entries", EntryStoreOptions(StoreWatch(Metrics())))
    writes = [EntryWrite(DataEntry(PLANT, time, "1", "text/plain"), 0, exact=True) for time in range(ROWS)]
    await asyncio.gather(*[store.put(write) for write in writes])
    page = await store.query(PLANT, span)
    pages = [page]
    while page.next_after is not None:
        page = await store.query(PLANT, span, page.next_after)
        pages.append(page)
    await store.close()
    return [[row_time(row) for row in page.rows] for page in pages]


CHANGES: dict[str, list[tuple[str, int]]] = {
    "nothing": [],
    "replaced at every edge": [("put", time) for time in (10, 13, 20, 23, 30, 33)],
    "deleted at every edge": [("delete", time) for time in (10, 13, 20, 23, 30, 33)],
    "replaced in the middle": [("put", 11), ("put", 22)],
    "deleted in the middle": [("delete", 12), ("delete", 31), ("delete", 32)],
    "late before, between and behind": [("put", time) for time in (0, 9, 14, 16, 19, 24, 29, 34, MAX_TIME)],
    "a block deleted": [("delete", time) for time in (20, 21, 22, 23)],
    "all deleted": [("delete", time) for first in (10, 20, 30) for time in range(first, first + 4)],
    "deleted and there again": [("delete", 10), ("delete", 23), ("put", 10), ("put", 23)],
    "some of each": [("put", 9), ("delete", 10), ("put", 13), ("put", 14), ("delete", 22), ("put", 22), ("delete", 33)],
}


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
def test_rows_shadow_blocks_and_marks_hide_them_at_every_edge_in_either_direction(
    tmp_path: Path, changes: list[tuple[str, int]]
) -> None:
    """Blocks of 10 to 13, 20 to 23 and 30 to 33 under rows; every range of edges, every limit."""
    sealed = [time for first in (10, 20, 30) for time in range(first, first + 4)]
    ends = (10, 13, 20, 23, 30, 33)
    edges = sorted({0, MAX_TIME, *[time + by for time in ends for by in (-1, 0, 1)]})

    async def story() -> None:
        options = EntryStoreOptions(StoreWatch(Metrics()))
        store = await entries.open_entries(f"rocksdb://{tmp_path}/entries", options, Sealing(rows=4, due=4))
        for begin in (0, 4, 8):
            await store.put(*[_write(time, "old") for time in sealed[begin : begin + 4]])
        await store.close()
        # At rest it seals nothing more.
        store = await entries.open_entries(f"rocksdb://{tmp_path}/entries", replace(options, at_rest=True))
        kept = {time: encode_row(_write(time, "old").entry) for time in sealed}
        for change, time in changes:
            if change == "put":
                (written,) = await store.put(_write(time, "new"))
                assert written.overwrote == (time in kept)
                kept[time] = encode_row(_write(time, "new").entry)
            else:
                assert await store.delete(PLANT, time)
                del kept[time]
        for first in edges:
            for last in [edge for edge in edges if edge >= first]:
                inside = [kept[time] for time in sorted(kept) if first <= time <= last]
                for descending in (True, False):
                    shown = inside[::-1] if descending else inside
                    for limit in (1, 2, 3, 5, 1000):
                        page = await store.query(PLANT, TimeRange(first, last, descending, limit))
                        assert list(page.rows) == shown[:limit]
                        more = len(shown) > limit
                        assert page.next_after == (row_time(shown[limit - 1]) if more else None)
        await store.close()

    asyncio.run(story())


def _write(time: int, content: str) -> EntryWrite:
    return EntryWrite(DataEntry(PLANT, time, content, "text/plain"), 0, exact=True)
