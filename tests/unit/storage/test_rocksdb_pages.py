"""A page whose rows grow large is cut, and the pages still make up the whole."""

import asyncio
from pathlib import Path

import pytest

from minori.codec.entry import row_time
from minori.model.entry import DataEntry, EntryWrite, TimeRange
from minori.model.resource import Resource, ResourceType
from minori.observe.metrics import Metrics
from minori.observe.store import StoreWatch
from minori.storage.base import EntryStoreOptions
from minori.storage.rocksdb import entries
from minori.storage.rocksdb.database import CHUNK

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
