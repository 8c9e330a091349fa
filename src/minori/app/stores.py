"""Where things are kept: drivers by the schemes of addresses, the one place that names them, and stores opened."""

import os
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from importlib import import_module
from pathlib import Path
from typing import Any

from msgspec import Struct

from minori.config.address import StoreAddress
from minori.config.settings import Settings
from minori.errors import DataDirectoryBroken, SettingsInvalid
from minori.observe.metrics import Metrics
from minori.observe.store import StoreWatch
from minori.storage.base import AuditLog, BlobStore, Catalog, EntryStore, EntryStoreOptions, RefusalLog
from minori.storage.directory import DataDirectory

ENTRY_STORES = {
    "memory": "minori.storage.memory.entries:open_entries",
    "rocksdb": "minori.storage.rocksdb.entries:open_entries",
}
"""Drivers of data entries: scheme of the URL to the function that opens one."""

CATALOGS = {
    "memory": "minori.storage.memory.catalog:open_catalog",
    "sqlite": "minori.storage.sql.catalog:open_catalog",
}
"""Drivers of the catalog."""

BLOB_STORES = {
    "file": "minori.storage.filesystem.blobs:open_blobs",
    "memory": "minori.storage.memory.blobs:open_blobs",
}
"""Drivers of the bytes of files."""

AUDIT_LOGS = {
    "memory": "minori.storage.memory.audit:open_audit_log",
    "sqlite": "minori.storage.sql.audit:open_audit_log",
}
"""Drivers of the audit log."""

REFUSAL_LOGS = {
    "memory": "minori.storage.memory.refusals:open_refusal_log",
    "sqlite": "minori.storage.sql.refusals:open_refusal_log",
}
"""Drivers of the log of refusals."""


class Stores(Struct, frozen=True):
    """The stores of one server, open."""

    entries: EntryStore
    catalog: Catalog
    blobs: BlobStore
    audit: AuditLog
    refusals: RefusalLog


async def open_stores(settings: Settings, directory: DataDirectory, metrics: Metrics, stack: AsyncExitStack) -> Stores:
    """Open all of them; the stack closes them in reverse order."""
    where, limits = settings.stores, settings.limits
    options = EntryStoreOptions(StoreWatch(metrics), limits.waiting_writes, limits.waiting_bytes)

    async def opened(drivers: dict[str, str], address: StoreAddress, inside: Path, *given: Any) -> Any:
        store = await open_store(drivers, address, inside, *given)
        stack.push_async_callback(store.close)
        return store

    return Stores(
        await opened(ENTRY_STORES, where.entries_address, directory.entries, options),
        await opened(CATALOGS, where.catalog_address, directory.catalog),
        await opened(BLOB_STORES, where.blobs_address, directory.blobs),
        await opened(AUDIT_LOGS, where.audit_address, directory.audit),
        await opened(REFUSAL_LOGS, where.refusals_address, directory.refusals),
    )


def require(address: StoreAddress, inside: Path) -> None:
    """Nothing, if a store that another process may have open is there. Raises `StartError`."""
    if address.scheme == "memory":
        raise SettingsInvalid("A store that is kept in memory is its server's alone; give the command other settings")
    if not is_there(address, inside):
        path = address.path or inside
        raise DataDirectoryBroken(f"{path} is not there; put it back from a backup, or start minori serve once")


def is_there(address: StoreAddress, inside: Path) -> bool:
    """Whether the store at this address has been made."""
    return Path(address.path or inside).exists()


def data_dir(settings: Settings) -> str:
    """The data directory as an absolute path, but for links, which stay."""
    return os.path.abspath(settings.data_dir)  # noqa: PTH100 - a path's own absolute form would keep `..`


async def open_store(drivers: dict[str, str], address: StoreAddress, inside: Path, *options: Any) -> Any:
    """The store at this address, or `inside` the data directory, opened by its driver."""
    module, _, name = drivers[address.scheme].partition(":")
    driver: Callable[..., Awaitable[Any]] = getattr(import_module(module), name)
    return await driver(f"{address.scheme}://{address.path or inside}", *options)
