"""Every catalog driver against the suite that is shipped with the package."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from minori.storage.base import Catalog
from minori.storage.contract.catalog import CatalogContract
from minori.storage.memory.catalog import open_catalog as open_in_memory
from minori.storage.sql.catalog import open_catalog as open_sqlite


class TestMemoryCatalog(CatalogContract):
    @asynccontextmanager
    async def catalog(self) -> AsyncIterator[Catalog]:
        catalog = await open_in_memory("memory:")
        yield catalog
        await catalog.close()


class TestSqliteCatalog(CatalogContract):
    @asynccontextmanager
    async def catalog(self) -> AsyncIterator[Catalog]:
        with tempfile.TemporaryDirectory() as folder:
            catalog = await open_sqlite(f"sqlite://{folder}/catalog.sqlite")
            try:
                yield catalog
            finally:
                await catalog.close()
