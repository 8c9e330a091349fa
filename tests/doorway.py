"""A house with doors for tests: the real service on the memory store, whose confirmations can be held back."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import msgspec
import uvloop

from certificates import Pair
from minori.api.application import Api
from minori.api.services import Services
from minori.api.site import Site
from minori.codec.entry import decode_row
from minori.config.address import Endpoint
from minori.config.settings import Files, Limits, RefusalsKept
from minori.doors.beam import BeamDoor, Feed
from minori.doors.datagram import DatagramDoor
from minori.doors.files import FileDoor
from minori.doors.http import HttpDoor
from minori.doors.sockets import bound, listen, pair
from minori.doors.stream import StreamDoor
from minori.errors import Overloaded, StoreFailed
from minori.http.application import Application
from minori.http.listener import Listener as HttpListener
from minori.model.entry import PAGE_LIMIT, DataEntry, EntryWrite, TimeRange, Written
from minori.model.refusal import RefusalQuery
from minori.model.registry import BeamKey, Device, Group, IngestToken, Record, Session, Sim
from minori.model.resource import Resource, ResourceType
from minori.observe.metrics import Metrics
from minori.service.access import AccessService
from minori.service.admission import Admission
from minori.service.device_files import DeviceFiles
from minori.service.devices import DeviceView, device_key
from minori.service.feeders import FeederService, FeederView
from minori.service.files import FileService
from minori.service.identities import Identities
from minori.service.ingest import IngestService
from minori.service.passwords import sha256_hex
from minori.service.refusals import Refusals
from minori.service.registry import Registry
from minori.service.views import Views
from minori.service.vouched import VouchedSenders
from minori.storage.base import BlobReader, Confirmation, Put, Remove
from minori.storage.memory.blobs import MemoryBlobStore
from minori.storage.memory.catalog import MemoryCatalog
from minori.storage.memory.entries import MemoryEntryStore
from minori.storage.memory.refusals import MemoryRefusalLog

OPERATOR = "OP0000000001"
KNOWN = "127.0.0.1"
NO_GROUP = "127.0.0.2"
NOT_ENABLED = "127.0.0.3"
UNKNOWN = "127.0.0.4"
IMSI = {KNOWN: "001010000000001", NO_GROUP: "001010000000002", NOT_ENABLED: "001010000000003"}
STRANGER_IMSI = "001010000000004"
DEVICE = {KNOWN: "d-known", NO_GROUP: "d-groupless", NOT_ENABLED: "d-disabled"}
EUI = "000b78fffe050b09"
"""A LoRaWAN device in the group of the SIM behind `KNOWN`."""

BEAM_KEY, INGEST_TOKEN = "topsecret", "ingest-0123456789"
DEVICE_SECRET = "s3cret+/="
"""Devices write such a secret into a query as it is, though a plus means a blank there."""
ANYWHERE = Endpoint("127.0.0.1", 0)
FILE_BYTES = 200_000
"""The largest file that a device may send."""

SECONDS = 20
"""How long a test waits for what must come; it is never reached by a door that works."""

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "uvloop": uvloop.new_event_loop,
    "asyncio": asyncio.new_event_loop,
}


def run(main: Coroutine[Any, Any, None], loop: str = "uvloop") -> None:
    """Run a test's coroutine on a loop of its own, with an end to all waiting.

    Whatever a callback raised, or left unlooked at, fails the test too.
    """
    unforeseen: list[dict[str, Any]] = []

    async def bounded() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: unforeseen.append(context))
        async with asyncio.timeout(SECONDS):
            await main

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(bounded())
    assert unforeseen == []


async def until(true: Callable[[], bool]) -> None:
    """Let the loop run until something is true that has no event of its own."""
    while not true():  # noqa: ASYNC110 - a door tells nobody when it pauses, closes or counts
        await asyncio.sleep(0.001)


class SlowStore(MemoryEntryStore):
    """The memory store on a disk that can be slow (`held`), behind (`full`) or broken (`broken`)."""

    def __init__(self) -> None:
        super().__init__()
        self.held = False
        self.full = False
        self.broken = False
        self._waiting: list[Callable[[StoreFailed | None], None]] = []
        self._arrived = asyncio.Event()

    def put(self, *writes: EntryWrite) -> "asyncio.Future[tuple[Written, ...]]":
        self._admit()
        written = super().put(*writes)
        if not self.held:
            return written
        later: asyncio.Future[tuple[Written, ...]] = asyncio.get_running_loop().create_future()

        def settle(failure: StoreFailed | None) -> None:
            if failure is None:
                later.set_result(written.result())
            else:
                later.set_exception(failure)

        self._hold(settle)
        return later

    def add(self, write: EntryWrite) -> tuple[Written, Confirmation]:
        self._admit()
        written, confirmation = super().add(write)
        if self.held:
            confirmation = Confirmation()
            self._hold(confirmation.settle)
        return written, confirmation

    async def arrived(self, writes: int = 1) -> None:
        """Return once so many writes are held."""
        while len(self._waiting) < writes:
            self._arrived.clear()
            await self._arrived.wait()

    @property
    def waiting(self) -> int:
        """How many writes are held."""
        return len(self._waiting)

    def release(self) -> None:
        """Confirm what is held."""
        self._settle(None)

    def fail(self) -> None:
        """Let the sync of what is held fail."""
        self._settle(StoreFailed("The disk refused a sync"))

    def _admit(self) -> None:
        if self.broken:
            raise StoreFailed("The disk refused a sync")
        if self.full:
            raise Overloaded

    def _hold(self, settle: Callable[[StoreFailed | None], None]) -> None:
        self._waiting.append(settle)
        self._arrived.set()

    def _settle(self, failure: StoreFailed | None) -> None:
        held, self._waiting = self._waiting, []
        for settle in held:
            settle(failure)


class SlowBlobs(MemoryBlobStore):
    """The memory store on a disk so slow that something happens (`meanwhile`) before the next blob is open."""

    meanwhile: Callable[[], Awaitable[None]] | None = None

    async def open(self, blob_id: str) -> BlobReader | None:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        return await super().open(blob_id)


class House:
    """One ingest service with its store, and doors on demand."""

    def __init__(self, **limits: int) -> None:
        self.limits = msgspec.structs.replace(Limits(), **limits)
        self.said: dict[str, dict[str, Any]] = {"SoracomHarvest": {"enabled": True}}
        self.metrics = Metrics()
        self.store = SlowStore()
        self.catalog = MemoryCatalog()
        self.registry = Registry()
        self.identities = Identities()
        self.devices = DeviceView()
        self.feeders = FeederView()
        self.vouched = VouchedSenders(self.registry, self.devices)
        self.views = Views(self.catalog, self.registry, self.identities, self.devices, self.feeders)
        self.access = AccessService(self.catalog, self.identities, self.views, lambda: 1_700_000_000.0)
        clock = count(1_700_000_000_000, 1000)
        self.refusals = Refusals(MemoryRefusalLog(), self.registry, lambda: 1_700_000_000_000, RefusalsKept())
        self.ingest = IngestService(
            self.store, self.registry, self.metrics, lambda: next(clock), self.limits.payload_bytes, self.refusals
        )
        self.kind, self.names = ResourceType.SUBSCRIBER, IMSI
        self.blobs = SlowBlobs()
        self.files = FileService(self.catalog.files, self.blobs, self.metrics, lambda: next(clock), Files())
        self.device_files = DeviceFiles(
            self.files, self.registry, self.access, self.ingest, lambda: next(clock), FILE_BYTES
        )

    async def furnish(self) -> None:
        """Three SIMs on three loopback addresses: one that may store, one in no group, one without Harvest."""
        groups = {KNOWN: "enabled", NO_GROUP: None, NOT_ENABLED: "disabled"}
        options: dict[str, dict[str, Any]] = {"enabled": self.said, "disabled": {}}
        for name, configuration in options.items():
            await self.catalog.apply(Put(Group(name, OPERATOR, {}, configuration, 0, 0)))
        for address, group in groups.items():
            imsi = IMSI[address]
            await self.catalog.apply(
                Put(Sim(f"8981{imsi}", imsi, OPERATOR, group, "active", {}, 0, 0)), Put(Session(address, imsi))
            )
        await self.catalog.apply(Put(Session("::1", IMSI[KNOWN])))
        await self.views.refresh()

    async def admit_feeders(self) -> None:
        """A shared key of Beam, an ingest token, and an Inventory device beside each SIM, with one secret for all."""
        groups = {KNOWN: "enabled", NO_GROUP: None, NOT_ENABLED: "disabled"}
        for address, group in groups.items():
            await self.register(ResourceType.DEVICE, DEVICE[address], group)
        await self.register(ResourceType.LORA_DEVICE, EUI, "enabled")
        await self.catalog.apply(
            Put(BeamKey("bk_1", OPERATOR, "", BEAM_KEY, 1)),
            Put(IngestToken("it_1", OPERATOR, "", sha256_hex(INGEST_TOKEN), 1)),
        )
        await self.views.refresh()

    async def register(
        self, kind: ResourceType, device_id: str, group: str | None = "enabled", account: str = OPERATOR
    ) -> None:
        """A device of an account; one of Inventory has the secret of all."""
        key, secret = device_key(account, kind, device_id), sha256_hex(DEVICE_SECRET)
        await self.catalog.apply(Put(Device(key, account, kind, device_id, group, {}, {}, 0, 0, secret_sha256=secret)))
        await self.views.refresh()

    async def say(self, harvest: dict[str, Any] | None = None, **namespaces: dict[str, Any]) -> None:
        """Let the group of the SIM behind `KNOWN` say more about payloads, besides what it has said."""
        said = self.said
        said["SoracomHarvest"] = {**said["SoracomHarvest"], **(harvest or {})}
        said.update(namespaces)
        await self.catalog.apply(Put(Group("enabled", OPERATOR, {}, dict(said), 0, 0)))
        await self.views.refresh()

    async def let_files(self, **options: Any) -> None:
        """Let the SIM behind `KNOWN` store files alone, with further options of Harvest Files."""
        configuration = {"SoracomHarvestFiles": {"enabled": True, **options}}
        await self.catalog.apply(Put(Group("enabled", OPERATOR, {}, configuration, 0, 0)))
        await self.views.refresh()

    async def file(self, path: str) -> tuple[str, bytes]:
        """The type and the bytes of a stored file of the operator; `NotFound` if there is none."""
        entry = await self.files.entry(OPERATOR, path)
        reader = await self.files.open(entry)
        return entry.content_type, await reader.read(0, reader.size) if reader.size else b""

    async def paths(self) -> list[str]:
        """The paths of all the operator's files, without the directories."""
        page = await self.files.find(OPERATOR, "/", "", PAGE_LIMIT)
        return [entry.path for entry in page.entries if not entry.is_directory]

    def admission(self) -> Admission:
        return Admission(self.limits.connections, self.limits.connections_per_address)

    @asynccontextmanager
    async def http(
        self, endpoint: Endpoint = ANYWHERE, files: Application | None = None, pair: Pair | None = None
    ) -> AsyncIterator[HttpDoor]:
        """An HTTP door that is drained at the end; `files` stands in for the file door behind it.

        With a certificate it is the HTTPS door.
        """
        files = files or FileDoor(self.device_files, self.metrics)
        tls = None if pair is None else pair.tls(self.limits.head_seconds)
        door = HttpDoor(self.ingest, self.admission(), self.limits, self.metrics, files, tls)
        await door.start(endpoint)
        try:
            yield door
        finally:
            await door.drain()

    @asynccontextmanager
    async def stream(self, endpoint: Endpoint = ANYWHERE, name: str = "door-stream") -> AsyncIterator[StreamDoor]:
        """A TCP door that is drained at the end."""
        door = StreamDoor(name, self.ingest, self.admission(), self.limits, self.metrics)
        await door.start(endpoint)
        try:
            yield door
        finally:
            await door.drain()

    @asynccontextmanager
    async def datagram(self, endpoint: Endpoint = ANYWHERE, name: str = "door-stream") -> AsyncIterator[DatagramDoor]:
        """A UDP door that is drained at the end."""
        door = DatagramDoor(name, self.ingest, self.limits, self.metrics)
        await door.start(endpoint)
        try:
            yield door
        finally:
            await door.drain()

    @asynccontextmanager
    async def both(self, endpoint: Endpoint = ANYWHERE) -> AsyncIterator[tuple[StreamDoor, DatagramDoor]]:
        """A TCP and a UDP door on one port."""
        stream = StreamDoor("door-stream", self.ingest, self.admission(), self.limits, self.metrics)
        datagram = DatagramDoor("door-stream", self.ingest, self.limits, self.metrics)
        stream_socket, datagram_socket = pair(endpoint)
        stream.serve(stream_socket)
        datagram.serve(datagram_socket)
        try:
            yield stream, datagram
        finally:
            await stream.drain()
            await datagram.drain()

    @asynccontextmanager
    async def beam(self, endpoint: Endpoint = ANYWHERE, window_seconds: int = 300) -> AsyncIterator[BeamDoor]:
        """Beam's TCP door, drained at the end."""
        feed = Feed(self.feeders, self.vouched, window_seconds)
        door = BeamDoor(self.ingest, feed, self.admission(), self.limits, self.metrics)
        await door.start(endpoint)
        try:
            yield door
        finally:
            await door.drain()

    @asynccontextmanager
    async def api(self, endpoint: Endpoint = ANYWHERE) -> AsyncIterator["ApiDoor"]:
        """The API's listener, drained at the end, with those services alone that payloads come through."""
        given: dict[str, Any] = dict.fromkeys(Services.__struct_fields__) | {
            "ingest": self.ingest,
            "vouched": self.vouched,
            "feeders": FeederService(self.feeders, self.views, lambda: 0),
            "beam_window_seconds": 300,
        }
        site = Site(self.store, self.catalog, self.blobs, self.metrics)
        application = Api(Services(**given), site, self.metrics)
        listener = HttpListener(application, self.limits, self.metrics, asyncio.get_running_loop())
        opened = listen(endpoint)
        door = ApiDoor(listener, bound(opened))
        await listener.start(opened)
        try:
            yield door
        finally:
            await door.drain()

    async def entries(self, address: str = KNOWN) -> list[DataEntry]:
        """What is stored for the SIM behind `address`, oldest first; or for the device that `kind` and `names` say."""
        resource = Resource(OPERATOR, self.kind, self.names[address])
        page = await self.store.query(resource, TimeRange(descending=False, limit=PAGE_LIMIT))
        return [decode_row(resource, row) for row in page.rows]

    async def contents(self) -> list[str]:
        """The contents of `entries()`."""
        return [entry.content for entry in await self.entries()]

    async def refused(self, account: str = OPERATOR) -> list[tuple[str, str, str | None, int | None]]:
        """Door, reason, resource id and size of what was refused of an account's, the latest first."""
        page = await self.refusals.page(RefusalQuery(account), None)
        return [(one.door, one.reason, one.resource_id, one.size) for one in page.refusals]

    async def suspend(self, address: str = KNOWN, status: str = "suspended") -> None:
        """Let the SIM behind an address be of another status."""
        imsi = IMSI[address]
        await self.catalog.apply(Put(Sim(f"8981{imsi}", imsi, OPERATOR, "enabled", status, {}, 0, 0)))
        await self.views.refresh()

    async def forget(self, record: Record) -> None:
        """Take a record out of the catalog."""
        await self.catalog.apply(Remove(record))
        await self.views.refresh()

    def metric(self, name: str, **labels: str) -> float:
        """The value of a sample by its exposed name, 0 if it has not been counted."""
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


class ApiDoor:
    """A listener of the API, as a door."""

    def __init__(self, listener: HttpListener, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._listener = listener

    async def drain(self) -> None:
        await self._listener.drain()


@asynccontextmanager
async def house(**limits: int) -> AsyncIterator[House]:
    """A furnished house."""
    built = House(**limits)
    await built.furnish()
    yield built
