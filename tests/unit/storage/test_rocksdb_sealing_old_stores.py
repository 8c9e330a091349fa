"""A store of before there were blocks is read as it is, and sealed while it is idle, without a write."""

import asyncio
import struct
from pathlib import Path
from typing import Any

import pytest
from rocksdict import Options, Rdict

from minori.codec.entry import encode_json, encode_row
from minori.model.entry import CategoryKey, DataEntry, TimeRange
from minori.model.resource import Resource, ResourceMetadata, ResourceType
from minori.model.statistics import Interval
from minori.storage.base import EntryStore, EntryStoreOptions
from minori.storage.contract.entry_examination import examined
from minori.storage.contract.entry_story import Watcher, arriving
from minori.storage.rocksdb import keys, sealing
from minori.storage.rocksdb.entries import RocksDBEntryStore, open_entries
from minori.storage.rocksdb.metadata import UNCOUNTED
from minori.storage.rocksdb.sealing import SEALING

SIZES = {"busy": 1000, "b": 300, "c": 257, "few": 10, "forgotten": 0}
"""How many entries each resource has."""

RECEIVED = 5
LOOKS = 2000
"""How often it is looked whether all is sealed, before it is given up."""


def resource_of(name: str) -> Resource:
    return Resource("OP1", ResourceType.DEVICE, name)


def entries_of(name: str) -> list[DataEntry]:
    kinds = (None, "c", None)
    return [
        DataEntry(resource_of(name), 10 * number, f"{name} {number}", "text/plain", kinds[number % 3])
        for number in range(SIZES[name])
    ]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A folder as it was written before there were blocks."""
    folder = tmp_path / "entries"
    opened = Rdict(str(folder), Options(raw_mode=True))
    opened[keys.END] = keys.FENCE
    for name, size in SIZES.items():
        resource = resource_of(name)
        prefix, metadata = keys.entry_prefix(resource), keys.metadata_key(resource)
        opened[prefix] = opened[keys.last_fence(prefix)] = keys.FENCE
        opened[metadata] = struct.pack(">QQQQ", RECEIVED, 0, size, size)
        opened[keys.names_key(metadata)] = encode_json(["n"])
        for entry in entries_of(name):
            opened[prefix + keys.pack_time(entry.time)] = encode_row(entry)
            if entry.category is not None:
                place = CategoryKey(entry.time, resource.type, resource.id)
                opened[keys.category_key(keys.category_prefix("OP1", entry.category), place)] = b""
    opened.close()
    return folder


async def told(store: EntryStore) -> list[Any]:
    """All that the store answers."""
    answers: list[Any] = []
    for name in SIZES:
        resource = resource_of(name)
        for descending in (True, False):
            page = await store.query(resource, TimeRange(0, 5000, descending, 1000))
            answers.append((list(page.rows), page.next_after))
            page = await store.query(resource, TimeRange(descending=descending, limit=10))
            answers.append((list(page.rows), page.next_after))
        answers.append(dict(await store.counts.counts(resource, Interval.DAY, 0, 10)))
        answers.append([await store.get(resource, time) for time in (0, 5, 10, 2990)])
    for descending in (True, False):
        found = await store.query_category("OP1", "c", TimeRange(descending=descending, limit=1000))
        answers.append((list(found.rows), found.next_after))
    answers.append(list((await store.resources("OP1", None, None, 100)).resources))
    return answers


def left(store: RocksDBEntryStore) -> dict[str, int]:
    """How many rows each resource is said to have."""
    extents = {name: store._tails.extent(resource_of(name)) for name in SIZES}
    return {name: extent.rows for name, extent in extents.items() if extent is not None}


def timers(store: RocksDBEntryStore) -> int:
    """How many timers of its sealing are set; each would do as much as one."""
    scheduled = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]  # nobody else tells
    return sum(handle._callback == store._sealer._idle and not handle.cancelled() for handle in scheduled)


def test_it_is_read_as_it_is_and_sealed_while_it_is_idle(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # So little at a time that every look between finds it further.
    monkeypatch.setattr(sealing, "WALKED", 2)
    monkeypatch.setattr(sealing, "IDLE_BLOCKS", 1)
    monkeypatch.setattr(sealing, "SLICE_BLOCKS", 1)
    count = sum(SIZES.values())

    async def story() -> None:
        store = await open_entries(f"rocksdb://{old}", EntryStoreOptions(Watcher(), at_rest=True))
        assert isinstance(store, RocksDBEntryStore)
        before = await told(store)
        assert before[0][0] == [encode_row(entry) for entry in entries_of("busy") if entry.time <= 5000][::-1]
        known = [ResourceMetadata(resource_of(name), RECEIVED, ("n",)) for name in sorted(SIZES)]
        assert before[-1] == known
        assert left(store) == dict.fromkeys(SIZES, UNCOUNTED)
        assert await examined(store, 100) == (count, [])
        await store.close()

        store = await open_entries(f"rocksdb://{old}", EntryStoreOptions(Watcher()))
        assert isinstance(store, RocksDBEntryStore)
        blocks = set[int]()
        for _ in range(LOOKS):
            blocks.add(len(store._database.keys(b"K", 1000, b"K", backwards=False)))
            assert await told(store) == before
            assert timers(store) <= 1, "it works with rests"
            if max(left(store).values()) < SEALING.due:
                break
            await asyncio.sleep(0.001)
        assert max(left(store).values()) < SEALING.due, "it is not sealed"
        assert left(store)["few"] == 10
        assert len(blocks) > 2, f"it was not seen in the midst of it: {blocks}"
        assert await examined(store, 100) == (count, [])
        await store.close()

        store = await open_entries(f"rocksdb://{old}", EntryStoreOptions(Watcher()))
        assert await told(store) == before
        for name, size in SIZES.items():
            assert (await store.put(arriving(0, resource=resource_of(name))))[0].time == (1 if size else 0)
        await store.close()

    asyncio.run(story())


def test_it_can_be_written_to_before_and_while_it_is_sealed(old: Path) -> None:
    async def story() -> None:
        store = await open_entries(f"rocksdb://{old}", EntryStoreOptions(Watcher()))
        kept = {entry.time for entry in entries_of("busy")}
        for time in range(0, 10_000, 700):
            await store.put(arriving(time + 3, resource=resource_of("busy")))
            assert await store.delete(resource_of("busy"), time)
            kept ^= {time, time + 3}
            assert (await store.put(arriving(time + 10, resource=resource_of("busy"))))[0].time == time + 11
            kept.add(time + 11)
            page = await store.query(resource_of("busy"), TimeRange(0, time + 100, descending=False, limit=1000))
            times = [int(row[7 : row.index(b",")]) for row in page.rows]
            assert times == sorted(each for each in kept if each <= time + 100)[:1000]
        entries, flaws = await examined(store, 100)
        assert (entries, flaws) == (sum(SIZES.values()) - SIZES["busy"] + len(kept), [])
        await store.close()

    asyncio.run(story())
