"""The stores of a server, for a command beside it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from minori.app.stores import (
    AUDIT_LOGS,
    BLOB_STORES,
    CATALOGS,
    ENTRY_STORES,
    REFUSAL_LOGS,
    data_dir,
    is_there,
    open_store,
    require,
)
from minori.config.settings import Settings
from minori.observe.metrics import Metrics
from minori.observe.store import StoreWatch
from minori.storage.base import AuditLog, BlobStore, Catalog, EntryStore, EntryStoreOptions, RefusalLog
from minori.storage.directory import DataDirectory, visit


class Beside:
    """The stores of a server that may be running, for a command beside it.

    Raises `DataDirectoryBroken` and `FormatTooNew` if there is no such data directory. No store is made that is
    not there: its methods raise `StartError` then, and `SettingsInvalid` for one that no other process could see.
    """

    def __init__(self, settings: Settings) -> None:
        self._stores = settings.stores
        self._places = visit(data_dir(settings))

    @asynccontextmanager
    async def catalog(self) -> AsyncIterator[Catalog]:
        """The catalog alone. A server that runs sees within a second what is changed here."""
        require(self._stores.catalog_address, self._places.catalog)
        catalog: Catalog = await open_store(CATALOGS, self._stores.catalog_address, self._places.catalog)
        try:
            yield catalog
        finally:
            await catalog.close()

    @asynccontextmanager
    async def files(self) -> AsyncIterator[tuple[Catalog, BlobStore]]:
        """The catalog and the blobs, which several processes may have open."""
        require(self._stores.catalog_address, self._places.catalog)
        require(self._stores.blobs_address, self._places.blobs)
        async with AsyncExitStack() as stack:
            catalog: Catalog = await open_store(CATALOGS, self._stores.catalog_address, self._places.catalog)
            stack.push_async_callback(catalog.close)
            blobs: BlobStore = await open_store(BLOB_STORES, self._stores.blobs_address, self._places.blobs)
            stack.push_async_callback(blobs.close)
            yield catalog, blobs

    @asynccontextmanager
    async def refusals(self) -> AsyncIterator[RefusalLog]:
        """The log of refusals, which a server that runs writes about a second after it refuses."""
        require(self._stores.refusals_address, self._places.refusals)
        log: RefusalLog = await open_store(REFUSAL_LOGS, self._stores.refusals_address, self._places.refusals)
        try:
            yield log
        finally:
            await log.close()

    async def audit_flaws(self) -> Sequence[str]:
        """What is wrong with the audit log, see `AuditLog.flaws`; nothing where none is kept on the disk yet."""
        address = self._stores.audit_address
        if address.scheme == "memory" or not is_there(address, self._places.audit):
            return []
        log: AuditLog = await open_store(AUDIT_LOGS, address, self._places.audit)
        try:
            return await log.flaws()
        finally:
            await log.close()

    async def refusals_flaws(self) -> Sequence[str]:
        """The same of the log of refusals."""
        if self._stores.refusals_address.scheme == "memory" or not is_there(
            self._stores.refusals_address, self._places.refusals
        ):
            return []
        async with self.refusals() as log:
            return await log.flaws()

    @asynccontextmanager
    async def entries(self) -> AsyncIterator[EntryStore]:
        """The entry store, opened as a server would, and at rest. Raises `DataDirectoryBusy` while one runs."""
        require(self._stores.entries_address, self._places.entries)
        with DataDirectory(self._places.path) as directory:
            options = EntryStoreOptions(StoreWatch(Metrics()), at_rest=True)
            store: EntryStore = await open_store(ENTRY_STORES, self._stores.entries_address, directory.entries, options)
            try:
                yield store
            finally:
                await store.close()
