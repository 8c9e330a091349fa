"""The server put together: settings, stores, services, doors and API. The one file that knows every name."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import structlog
import uvloop

from minori import __version__
from minori.api.application import Api
from minori.api.services import Services
from minori.api.site import Site
from minori.codec.entry import encode_json
from minori.config.address import StoreAddress, parse_endpoint
from minori.config.descriptors import within_descriptors
from minori.config.settings import Settings
from minori.doors.datagram import DatagramDoor
from minori.doors.files import FileDoor
from minori.doors.http import HttpDoor
from minori.doors.sockets import bound, listen, pair
from minori.doors.stream import StreamDoor
from minori.errors import DataDirectoryBroken, SettingsInvalid
from minori.http.listener import Listener as HttpListener
from minori.model.account import Coverage
from minori.model.registry import Operator
from minori.observe.logs import configure
from minori.observe.metrics import Metrics
from minori.observe.store import StoreWatch
from minori.service.access import AccessService, kept_secret
from minori.service.accounts import Accounts
from minori.service.admission import Admission
from minori.service.audit import AuditService
from minori.service.data import DataService
from minori.service.device_files import DeviceFiles
from minori.service.devices import DeviceService, DeviceView
from minori.service.exports import ExportService
from minori.service.files import FileService
from minori.service.groups import GroupService
from minori.service.identities import Identities
from minori.service.ingest import IngestService
from minori.service.links import SIGNING, Downloads, Links
from minori.service.operators import Credentials, create_operator, ensure_demo
from minori.service.people import People
from minori.service.producers import producers
from minori.service.registry import Registry
from minori.service.sessions import SessionService
from minori.service.sims import SimService
from minori.service.statistics import StatisticsService
from minori.service.tidying import Sweep
from minori.service.views import Views
from minori.storage.base import AuditLog, BlobStore, Catalog, EntryStore, EntryStoreOptions
from minori.storage.directory import DataDirectory, visit

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

ROOT_EMAIL = "root@minori.invalid"
"""The e-mail of the first operator's root user; `.invalid` names nobody."""

STOP_SECONDS = 9.5
"""How long a stop may take; it is promised within ten seconds."""

_log = structlog.get_logger()


def serve(settings: Settings) -> None:
    """Run a server until SIGTERM or SIGINT. Raises `StartError` if it cannot start."""
    configure(settings.log.level, settings.log.format)
    fitting = within_descriptors(settings)
    uvloop.run(_serve(fitting, is_lowered=fitting != settings))


async def _serve(settings: Settings, *, is_lowered: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        server = await Server.open(settings, stack)
        print(await server.start(stack), flush=True)
        if is_lowered:
            # The system grants fewer descriptors than the settings ask for.
            _log.warning("fewer connections than set", each_listener=settings.limits.connections)
        await stop.wait()
        _log.info("stopping")
        _stop_in_time(loop)
    signal.setitimer(signal.ITIMER_REAL, 0)
    _log.info("stopped")


def _stop_in_time(loop: asyncio.AbstractEventLoop) -> None:
    """From now on a second signal ends the process at once, and so does time.

    A disk that hangs may hold the interpreter's lock, so the system's own alarm ends the process. What is
    confirmed has been synced.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, STOP_SECONDS)


class Server:
    """One running server. What `open` and `start` put on the stack is undone in reverse order."""

    def __init__(
        self,
        settings: Settings,
        store: EntryStore,
        catalog: Catalog,
        blobs: BlobStore,
        metrics: Metrics,
        audit: AuditService,
    ) -> None:
        self._settings = settings
        self._store = store
        self._catalog = catalog
        self._blobs = blobs
        self._metrics = metrics
        self._audit = audit
        self._registry = Registry()
        identities = Identities()
        self._devices = DeviceView()
        self._views = Views(catalog, self._registry, identities, self._devices)
        limits = settings.limits
        self._ingest = IngestService(store, self._registry, metrics, _milliseconds, limits.payload_bytes)
        self._files = FileService(catalog.files, blobs, metrics, _milliseconds, settings.files)
        self._access = AccessService(
            catalog, identities, self._views, time.time, token_seconds=settings.auth.token_seconds
        )
        self._people = People(identities, self._views, _milliseconds)
        self._drains: list[Callable[[], Awaitable[None]]] = []

    @classmethod
    async def open(cls, settings: Settings, stack: AsyncExitStack) -> "Server":
        """Take the data directory, open the stores and make what the first start makes."""
        directory = stack.enter_context(DataDirectory(_data_dir(settings)))
        metrics = Metrics()
        limits = settings.limits
        options = EntryStoreOptions(StoreWatch(metrics), limits.waiting_writes, limits.waiting_bytes)
        store = await _open(ENTRY_STORES, settings.stores.entries_address, directory.entries, options)
        stack.push_async_callback(store.close)
        catalog = await _open(CATALOGS, settings.stores.catalog_address, directory.catalog)
        stack.push_async_callback(catalog.close)
        blobs = await _open(BLOB_STORES, settings.stores.blobs_address, directory.blobs)
        stack.push_async_callback(blobs.close)
        log: AuditLog = await _open(AUDIT_LOGS, settings.stores.audit_address, directory.audit)
        stack.push_async_callback(log.close)
        audit = AuditService(log, metrics, _milliseconds, settings.audit)
        await _first_start(catalog, directory, demo=settings.demo)
        return cls(settings, store, catalog, blobs, metrics, audit)

    async def start(self, stack: AsyncExitStack) -> str:
        """Open every listener; the ready line says where."""
        self._audit.start()
        stack.push_async_callback(self._audit.close)
        stack.push_async_callback(self._drain)
        await self._access.start()
        await self._views.start()
        self._drains.append(self._views.close)
        settings = self._settings
        api = await self._start_api()
        largest = settings.files.device_file_bytes
        files = DeviceFiles(self._files, self._registry, self._access, self._ingest, _milliseconds, largest)
        file_door = FileDoor(files, self._metrics)
        http = HttpDoor(self._ingest, self._admission(), settings.limits, self._metrics, file_door)
        await http.start(parse_endpoint(settings.door_http))
        self._drains.append(http.drain)
        self._start_sweep()
        stream = await self._start_pair("door-stream", settings.door_stream)
        unified = await self._start_pair("door-unified", settings.door_unified)
        _log.info("started", version=__version__, data_dir=settings.data_dir)
        return f"minori ready api=http://{api} door-http={http.endpoint} door-stream={stream} door-unified={unified}"

    async def _start_api(self) -> str:
        settings = self._settings
        links = Links(await kept_secret(self._catalog, SIGNING), time.time)
        data = DataService(self._store, self._registry, self._metrics)
        statistics = StatisticsService(self._store.counts, self._catalog, _milliseconds)
        exports = await self._start_exports(data, statistics)
        services = Services(
            self._access,
            data,
            self._ingest,
            self._registry,
            settings.limits,
            self._files,
            links,
            Downloads(links, self._blobs, self._files.download, exports.download),
            settings.files,
            exports,
            settings.exports,
            statistics,
            self._people,
            Accounts(self._people, self._access, self._catalog),
            SimService(self._catalog, self._registry, self._views, _milliseconds),
            DeviceService(self._catalog, self._devices, self._registry, self._views, _milliseconds),
            GroupService(self._catalog, self._registry, self._views, _milliseconds),
            SessionService(self._registry, self._views),
            audit=self._audit,
        )
        application = Api(
            services,
            Site(self._store, self._catalog, self._blobs, self._metrics),
            self._metrics,
            coverage=None if settings.coverage == "host" else Coverage(settings.coverage),
            log_requests=settings.log.level == "debug",
        )
        listener = HttpListener(application, settings.limits, self._metrics, asyncio.get_running_loop())
        opened = listen(parse_endpoint(settings.api))
        where = bound(opened)
        await listener.start(opened)
        self._drains.append(listener.drain)
        return str(where)

    async def _start_exports(self, data: DataService, statistics: StatisticsService) -> ExportService:
        exports = ExportService(
            self._catalog,
            self._blobs,
            producers(data, statistics, self._catalog, self._store, self._metrics),
            self._metrics,
            _milliseconds,
            self._settings.exports,
        )
        await exports.start()
        self._drains.append(exports.close)
        return exports

    def _start_sweep(self) -> None:
        sweep = Sweep(self._catalog, self._blobs, self._metrics, _milliseconds)
        sweep.start()
        self._drains.append(sweep.close)

    async def _start_pair(self, name: str, where: str) -> str:
        stream_socket, datagram_socket = pair(parse_endpoint(where))
        limits = self._settings.limits
        stream = StreamDoor(name, self._ingest, self._admission(), limits, self._metrics)
        stream.serve(stream_socket)
        self._drains.append(stream.drain)
        datagram = DatagramDoor(name, self._ingest, limits, self._metrics)
        datagram.serve(datagram_socket)
        self._drains.append(datagram.drain)
        return str(stream.endpoint)

    async def _drain(self) -> None:
        """Close all listeners side by side, so that together they take no longer than one may."""
        await asyncio.gather(*(drain() for drain in self._drains))

    def _admission(self) -> Admission:
        limits = self._settings.limits
        return Admission(limits.connections, limits.connections_per_address)


class Beside:
    """The stores of a server that may be running, for a command beside it.

    Raises `DataDirectoryBroken` and `FormatTooNew` if there is no such data directory. No store is made that is
    not there: its methods raise `StartError` then, and `SettingsInvalid` for one that no other process could see.
    """

    def __init__(self, settings: Settings) -> None:
        self._stores = settings.stores
        self._places = visit(_data_dir(settings))

    @asynccontextmanager
    async def catalog(self) -> AsyncIterator[Catalog]:
        """The catalog alone. A server that runs sees within a second what is changed here."""
        _require(self._stores.catalog_address, self._places.catalog)
        catalog: Catalog = await _open(CATALOGS, self._stores.catalog_address, self._places.catalog)
        try:
            yield catalog
        finally:
            await catalog.close()

    @asynccontextmanager
    async def files(self) -> AsyncIterator[tuple[Catalog, BlobStore]]:
        """The catalog and the blobs, which several processes may have open."""
        _require(self._stores.catalog_address, self._places.catalog)
        _require(self._stores.blobs_address, self._places.blobs)
        async with AsyncExitStack() as stack:
            catalog: Catalog = await _open(CATALOGS, self._stores.catalog_address, self._places.catalog)
            stack.push_async_callback(catalog.close)
            blobs: BlobStore = await _open(BLOB_STORES, self._stores.blobs_address, self._places.blobs)
            stack.push_async_callback(blobs.close)
            yield catalog, blobs

    async def audit_flaws(self) -> Sequence[str]:
        """What is wrong with the audit log, see `AuditLog.flaws`; nothing where none is kept on the disk yet."""
        address = self._stores.audit_address
        if address.scheme == "memory" or not _there(address, self._places.audit):
            return []
        log: AuditLog = await _open(AUDIT_LOGS, address, self._places.audit)
        try:
            return await log.flaws()
        finally:
            await log.close()

    async def try_entries(self) -> None:
        """Open the entry store as a server would, and close it again. Raises `DataDirectoryBusy` while one runs."""
        _require(self._stores.entries_address, self._places.entries)
        with DataDirectory(self._places.path) as directory:
            options = EntryStoreOptions(StoreWatch(Metrics()))
            store: EntryStore = await _open(ENTRY_STORES, self._stores.entries_address, directory.entries, options)
            await store.close()


def _require(address: StoreAddress, inside: Path) -> None:
    if address.scheme == "memory":
        raise SettingsInvalid("A store that is kept in memory is its server's alone; give the command other settings")
    if not _there(address, inside):
        path = address.path or inside
        raise DataDirectoryBroken(f"{path} is not there; put it back from a backup, or start minori serve once")


def _there(address: StoreAddress, inside: Path) -> bool:
    return Path(address.path or inside).exists()


def _data_dir(settings: Settings) -> str:
    """As an absolute path, but for links, which stay."""
    return os.path.abspath(settings.data_dir)  # noqa: PTH100 - a path's own absolute form would keep `..`


async def _open(drivers: dict[str, str], address: StoreAddress, inside: Path, *options: Any) -> Any:
    module, _, name = drivers[address.scheme].partition(":")
    driver: Callable[..., Awaitable[Any]] = getattr(import_module(module), name)
    return await driver(f"{address.scheme}://{address.path or inside}", *options)


async def _first_start(catalog: Catalog, directory: DataDirectory, *, demo: bool) -> None:
    operators = await catalog.find(Operator)
    if operators:
        # The demo is the first operator's, also when others have come.
        operator_id = min(operators, key=lambda operator: operator.created_time).operator_id
    else:
        credentials = await create_operator(catalog, ROOT_EMAIL, time.time, partial(_keep, directory))
        operator_id = credentials.operator_id
        print(encode_json(credentials).decode(), flush=True)
    if demo:
        await ensure_demo(catalog, operator_id, time.time)


def _keep(directory: DataDirectory, credentials: Credentials) -> None:
    """Write the credentials file. One that is there is of another catalog, or of a start cut short; it is set aside."""
    if directory.credentials.exists():
        directory.credentials.rename(directory.credentials.with_suffix(f".{time.time_ns()}.json"))
    directory.write_credentials(encode_json(credentials) + b"\n")


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000
