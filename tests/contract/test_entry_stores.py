"""Every entry store driver against the suite that is shipped with the package; RocksDB with sealing forced, too."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from minori.model.entry import EntryWrite, Written
from minori.storage.base import EntryStore, EntryStoreOptions
from minori.storage.contract.entries import DurableEntryStoreContract, EntryStoreContract
from minori.storage.contract.entry_story import METER, Opener, Watcher, add_one, dated
from minori.storage.memory.entries import MemoryEntryStore
from minori.storage.rocksdb.entries import RocksDBEntryStore, open_entries
from minori.storage.rocksdb.sealing import SEALING, Sealing

PAIRS, ONES = Sealing(rows=2, due=3, size=300), Sealing(rows=1, due=1)
"""Pairs, of which large ones are cut for their bytes; and every row a block."""


def adding(store: EntryStore) -> EntryStore:
    """A store whose calls with one write go through `add`."""
    put = store.put

    def add(*writes: EntryWrite) -> "asyncio.Future[tuple[Written, ...]]":
        return add_one(store, *writes) if len(writes) == 1 else put(*writes)

    store.put = add  # type: ignore[method-assign]  # the suite is told of one way to write, and there are two
    return store


class TestMemoryEntryStore(EntryStoreContract):
    @contextmanager
    def place(self) -> Iterator[Opener]:
        async def opener(options: EntryStoreOptions) -> EntryStore:
            return MemoryEntryStore()

        yield opener


class TestRocksDBEntryStore(DurableEntryStoreContract):
    plan = SEALING

    @contextmanager
    def place(self) -> Iterator[Opener]:
        with tempfile.TemporaryDirectory() as folder:

            async def opener(options: EntryStoreOptions) -> EntryStore:
                return await open_entries(f"rocksdb://{folder}/entries", options, self.plan)

            yield opener


class TestRocksDBEntryStoreSealingInPairs(TestRocksDBEntryStore):
    plan = PAIRS


class TestRocksDBEntryStoreSealingEveryRow(TestRocksDBEntryStore):
    plan = ONES


class TestMemoryEntryStoreAdding(EntryStoreContract):
    @contextmanager
    def place(self) -> Iterator[Opener]:
        async def opener(options: EntryStoreOptions) -> EntryStore:
            return adding(MemoryEntryStore())

        yield opener


class TestRocksDBEntryStoreAdding(TestRocksDBEntryStore):
    @contextmanager
    def place(self) -> Iterator[Opener]:
        with super().place() as plain:

            async def opener(options: EntryStoreOptions) -> EntryStore:
                return adding(await plain(options))

            yield opener


class TestRocksDBEntryStoreAddingAndSealingInPairs(TestRocksDBEntryStoreAdding):
    plan = PAIRS


@pytest.mark.parametrize("plan", [PAIRS, ONES])
def test_under_these_plans_every_commit_seals_what_it_made_due(tmp_path: Path, plan: Sealing) -> None:
    """So that no story above is told about rows alone; nobody waits for an idle moment."""

    async def story() -> None:
        store = await open_entries(f"rocksdb://{tmp_path}/entries", EntryStoreOptions(Watcher()), plan)
        assert isinstance(store, RocksDBEntryStore)
        blocks = []
        for first in range(0, 40, 4):
            await store.put(*[dated(first + number) for number in range(4)])
            blocks.append(len(store._database.keys(b"K", 1000, b"K", backwards=False)))
            extent = store._tails.extent(METER)
            assert extent is not None
            assert extent.rows < plan.due
        assert blocks == sorted(set(blocks))
        await store.close()

    asyncio.run(story())
