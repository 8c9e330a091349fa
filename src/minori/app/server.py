"""One server put together: stores, services, doors and API. With its siblings the one part that knows every name."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from importlib import import_module

import structlog

from minori import __version__
from minori.api.application import Api
from minori.api.services import Services
from minori.api.site import Site
from minori.app.first_start import first_start
from minori.app.stores import Stores, data_dir, open_stores
from minori.config.address import parse_endpoint
from minori.config.settings import Settings
from minori.doors.beam import BeamDoor, Feed
from minori.doors.datagram import DatagramDoor
from minori.doors.files import FileDoor
from minori.doors.http import HttpDoor
from minori.doors.sockets import bound, listen, pair
from minori.doors.stream import StreamDoor
from minori.errors import SettingsInvalid
from minori.http.certificate import Certificate
from minori.http.listener import Listener as HttpListener
from minori.http.tls import Tls
from minori.model.account import Coverage
from minori.model.registry import Operator
from minori.observe.metrics import Metrics
from minori.service.access import AccessService, kept_secret
from minori.service.accounts import Accounts
from minori.service.admission import Admission
from minori.service.audit import AuditService
from minori.service.data import DataService
from minori.service.device_files import DeviceFiles
from minori.service.devices import DeviceService, DeviceView
from minori.service.exports import ExportService
from minori.service.feeders import FeederService, FeederView
from minori.service.files import FileService
from minori.service.groups import GroupService
from minori.service.identities import Identities
from minori.service.ingest import IngestService
from minori.service.links import SIGNING, Downloads, Links
from minori.service.people import People
from minori.service.producers import producers
from minori.service.refusals import Refusals
from minori.service.registry import Registry
from minori.service.retention import KeptDays, RetentionSweep
from minori.service.sessions import SessionService
from minori.service.sims import SimService
from minori.service.statistics import StatisticsService
from minori.service.tidying import Sweep
from minori.service.views import Views
from minori.service.vouched import VouchedSenders
from minori.storage.directory import DataDirectory

_log = structlog.get_logger()


class Server:
    """One running server. What `open` and `start` put on the stack is undone in reverse order."""

    def __init__(
        self, settings: Settings, stores: Stores, metrics: Metrics, audit: AuditService, tls: Tls | None
    ) -> None:
        self._settings = settings
        store, catalog, blobs = stores.entries, stores.catalog, stores.blobs
        self._store = store
        self._catalog = catalog
        self._blobs = blobs
        self._metrics = metrics
        self._audit = audit
        self._registry = Registry()
        identities = Identities()
        self._devices = DeviceView()
        self._feeders = FeederView()
        self._vouched = VouchedSenders(self._registry, self._devices)
        self._views = Views(catalog, self._registry, identities, self._devices, self._feeders)
        limits = settings.limits
        self._refusals = Refusals(stores.refusals, self._registry, milliseconds, settings.refusals)
        self._ingest = IngestService(store, self._registry, metrics, milliseconds, limits.payload_bytes, self._refusals)
        self._files = FileService(catalog.files, blobs, metrics, milliseconds, settings.files)
        self._access = AccessService(
            catalog, identities, self._views, time.time, token_seconds=settings.auth.token_seconds
        )
        self._people = People(identities, self._views, milliseconds)
        self._tls = tls
        self._drains: list[Callable[[], Awaitable[None]]] = []

    @classmethod
    async def open(cls, settings: Settings, stack: AsyncExitStack) -> "Server":
        """Take the data directory, open the stores and make what the first start makes."""
        tls = _tls(settings)
        directory = stack.enter_context(DataDirectory(data_dir(settings)))
        metrics = Metrics()
        stores = await open_stores(settings, directory, metrics, stack)
        audit = AuditService(stores.audit, metrics, milliseconds, settings.audit)
        await first_start(stores.catalog, directory, demo=settings.demo)
        return cls(settings, stores, metrics, audit, tls)

    async def start(self, stack: AsyncExitStack) -> str:
        """Open every listener; the ready line says where."""
        self._audit.start()
        stack.push_async_callback(self._audit.close)
        self._refusals.start()
        stack.push_async_callback(self._refusals.close)
        stack.push_async_callback(self._drain)
        await self._access.start()
        await self._views.start()
        self._drains.append(self._views.close)
        settings = self._settings
        api = await self._start_api()
        largest = settings.files.device_file_bytes
        files = DeviceFiles(self._files, self._registry, self._access, self._ingest, milliseconds, largest)
        file_door = FileDoor(files, self._metrics)
        http = HttpDoor(self._ingest, self._admission(), settings.limits, self._metrics, file_door)
        await http.start(parse_endpoint(settings.door_http))
        self._drains.append(http.drain)
        https = await self._start_https(files)
        self._start_sweep()
        stream = await self._start_pair("door-stream", settings.door_stream)
        unified = await self._start_pair("door-unified", settings.door_unified)
        more = await self._start_beam() + https
        await self._start_mqtt()
        scheme = "http" if self._tls is None else "https"
        _log.info("started", version=__version__, data_dir=settings.data_dir)
        return (
            f"minori ready api={scheme}://{api} door-http={http.endpoint}"
            f" door-stream={stream} door-unified={unified}{more}"
        )

    async def _start_api(self) -> str:
        settings = self._settings
        links = Links(await kept_secret(self._catalog, SIGNING), time.time)
        data = DataService(self._store, self._registry, self._metrics)
        statistics = StatisticsService(self._store.counts, self._catalog, milliseconds)
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
            SimService(self._catalog, self._registry, self._views, milliseconds),
            DeviceService(self._catalog, self._devices, self._registry, self._views, milliseconds),
            GroupService(self._catalog, self._registry, self._views, milliseconds),
            SessionService(self._registry, self._views),
            self._vouched,
            FeederService(self._feeders, self._views, milliseconds),
            settings.ingest.beam_window_seconds,
            self._audit,
            self._refusals,
        )
        application = Api(
            services,
            Site(self._store, self._catalog, self._blobs, self._metrics),
            self._metrics,
            coverage=None if settings.coverage == "host" else Coverage(settings.coverage),
            log_requests=settings.log.level == "debug",
        )
        listener = HttpListener(application, settings.limits, self._metrics, asyncio.get_running_loop(), tls=self._tls)
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
            milliseconds,
            self._settings.exports,
        )
        await exports.start()
        self._drains.append(exports.close)
        return exports

    def _start_sweep(self) -> None:
        sweep = Sweep(self._catalog, self._blobs, self._metrics, milliseconds)
        sweep.start()
        self._drains.append(sweep.close)
        days = KeptDays(self._registry, self._devices, self._settings.data.retention_days)
        retention = RetentionSweep(self._store, days, self._metrics, milliseconds)
        retention.start()
        self._drains.append(retention.close)

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

    async def _start_https(self, files: DeviceFiles) -> str:
        """The end of the ready line that tells of it; empty where it is off."""
        settings = self._settings
        if not settings.door_https:
            return ""
        file_door = FileDoor(files, self._metrics, "door-https")
        door = HttpDoor(self._ingest, self._admission(), settings.limits, self._metrics, file_door, self._tls)
        await door.start(parse_endpoint(settings.door_https))
        self._drains.append(door.drain)
        return f" door-https={door.endpoint}"

    async def _start_beam(self) -> str:
        """The end of the ready line that tells of it; empty where it is off."""
        settings = self._settings
        if not settings.door_beam:
            return ""
        feed = Feed(self._feeders, self._vouched, settings.ingest.beam_window_seconds)
        door = BeamDoor(self._ingest, feed, self._admission(), settings.limits, self._metrics)
        await door.start(parse_endpoint(settings.door_beam))
        self._drains.append(door.drain)
        return f" door-beam={door.endpoint}"

    async def _start_mqtt(self) -> None:
        settings = self._settings.mqtt
        if not settings.url:
            return
        if await self._catalog.get(Operator, settings.operator_id) is None:
            raise SettingsInvalid(f"mqtt.operator_id: there is no operator {settings.operator_id} here")
        # What speaks MQTT takes time to load, which a server without a broker is spared.
        door = import_module("minori.doors.mqtt").MqttDoor(
            self._ingest, self._vouched, settings, self._metrics, self._settings.limits.drain_seconds
        )
        door.start()
        self._drains.append(door.drain)

    async def _drain(self) -> None:
        """Close all listeners side by side, so that together they take no longer than one may."""
        await asyncio.gather(*(drain() for drain in self._drains))

    def _admission(self) -> Admission:
        limits = self._settings.limits
        return Admission(limits.connections, limits.connections_per_address)


def _tls(settings: Settings) -> Tls | None:
    """What secures connections, if anything does; SIGHUP has the certificate read anew."""
    if not settings.tls_cert:
        return None
    certificate = Certificate(settings.tls_cert, settings.tls_key)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, certificate.reload)
    return Tls(certificate, settings.limits.head_seconds)


def milliseconds() -> int:
    """UNIX ms by the system's clock."""
    return time.time_ns() // 1_000_000
