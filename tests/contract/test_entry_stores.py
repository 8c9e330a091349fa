"""Every entry store driver against the suite that is shipped with the package."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from minori.storage.base import EntryStore, EntryStoreOptions
from minori.storage.contract.entries import DurableEntryStoreContract, EntryStoreContract
from minori.storage.contract.entry_story import Opener
from minori.storage.memory.entries import MemoryEntryStore
from minori.storage.rocksdb.entries import open_entries


class TestMemoryEntryStore(EntryStoreContract):
    @contextmanager
    def place(self) -> Iterator[Opener]:
        async def opener(options: EntryStoreOptions) -> EntryStore:
            return MemoryEntryStore()

        yield opener


class TestRocksDBEntryStore(DurableEntryStoreContract):
    @contextmanager
    def place(self) -> Iterator[Opener]:
        with tempfile.TemporaryDirectory() as folder:

            async def opener(options: EntryStoreOptions) -> EntryStore:
                return await open_entries(f"rocksdb://{folder}/entries", options)

            yield opener
