"""Every driver of the file index against the suite that is shipped with the package."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from minori.storage.base import FileIndex
from minori.storage.contract.files import FileIndexContract
from minori.storage.memory.catalog import open_catalog as open_in_memory
from minori.storage.sql.catalog import open_catalog as open_sqlite


class TestMemoryFileIndex(FileIndexContract):
    @asynccontextmanager
    async def index(self) -> AsyncIterator[FileIndex]:
        catalog = await open_in_memory("memory:")
        yield catalog.files
        await catalog.close()


class TestSqliteFileIndex(FileIndexContract):
    @asynccontextmanager
    async def index(self) -> AsyncIterator[FileIndex]:
        with tempfile.TemporaryDirectory() as folder:
            catalog = await open_sqlite(f"sqlite://{folder}/catalog.sqlite")
            try:
                yield catalog.files
            finally:
                await catalog.close()
