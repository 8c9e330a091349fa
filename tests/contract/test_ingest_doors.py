"""Every way in against the one ingest suite."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from certificates import Authority
from contract.ingest_suite import BoundedSuite, Door, EmptyMessageSuite, IngestSuite
from doorway import (
    ANYWHERE,
    BEAM_KEY,
    DEVICE,
    DEVICE_SECRET,
    IMSI,
    KNOWN,
    NO_GROUP,
    NOT_ENABLED,
    OPERATOR,
    STRANGER_IMSI,
    UNKNOWN,
    House,
)
from minori.config.address import Endpoint
from minori.model.resource import ResourceType
from secured import SecuredLine
from sending import (
    BeamDevice,
    BeamStreamDevice,
    BoundedDevice,
    DatagramDevice,
    Device,
    FramingDevice,
    HttpDevice,
    Line,
    PublishingDevice,
    StreamDevice,
    UnifiedHttpDevice,
    WrappedBeamDevice,
    first_line,
)

PUBLISH_SENTENCES = {
    UNKNOWN: "The device secret is not that of this device; it was told when the device was made",
    NO_GROUP: f"No group ID is specified: {DEVICE[NO_GROUP]}",
    NOT_ENABLED: IngestSuite.sentences[NOT_ENABLED],
}
BEAM_SENTENCES = {
    **IngestSuite.sentences,
    UNKNOWN: f"No SIM is registered as {STRANGER_IMSI}; register it, and put it into a group",
}


def imsi(source: str | None) -> str:
    """The IMSI that Beam says for the device that would send from an address."""
    return IMSI.get(source or KNOWN, STRANGER_IMSI)


class TestHttpDoor(EmptyMessageSuite, BoundedSuite):
    def door(self, house: House, endpoint: Endpoint = ANYWHERE) -> AbstractAsyncContextManager[Door]:
        return house.http(endpoint)

    async def device(self, endpoint: Endpoint, source: str | None = None) -> BoundedDevice:
        return await HttpDevice.open(endpoint, source)


class TestHttpsDoor(EmptyMessageSuite, BoundedSuite):
    @pytest.fixture(autouse=True)
    def certified(self, tmp_path: Path) -> None:
        self.authority = Authority()
        self.pair = self.authority.pair(tmp_path)

    def door(self, house: House, endpoint: Endpoint = ANYWHERE) -> AbstractAsyncContextManager[Door]:
        return house.http(endpoint, pair=self.pair)

    async def device(self, endpoint: Endpoint, source: str | None = None) -> BoundedDevice:
        return HttpDevice(await SecuredLine.secure(endpoint, self.authority.client(), source))


class TestStreamDoor(IngestSuite):
    def door(self, house: House, endpoint: Endpoint = ANYWHERE) -> AbstractAsyncContextManager[Door]:
        return house.stream(endpoint)

    async def device(self, endpoint: Endpoint, source: str | None = None) -> Device:
        return await StreamDevice.open(endpoint, source)


class TestFramedStreamDoor(BoundedSuite):
    @asynccontextmanager
    async def door(self, house: House, endpoint: Endpoint = ANYWHERE) -> AsyncIterator[Door]:
        await house.say({"binaryFormatV1Enabled": True})
        async with house.stream(endpoint) as door:
            yield door

    async def device(self, endpoint: Endpoint, source: str | None = None) -> BoundedDevice:
        return await FramingDevice.open(endpoint, source)


class TestUnifiedHttpDoor(EmptyMessageSuite, BoundedSuite):
    def door(self, house: House, endpoint: Endpoint = ANYWHERE) -> AbstractAsyncContextManager[Door]:
        return house.http(endpoint)

    async def device(self, endpoint: Endpoint, source: str | None = None) -> BoundedDevice:
        return await UnifiedHttpDevice.open(endpoint, source)


class TestUnifiedStreamDoor(IngestSuite):
    def door(self, house: House, endpoint: Endpoint = ANYWHERE) -> AbstractAsyncContextManager[Door]:
        return house.stream(endpoint, "door-unified")

    async def device(self, endpoint: Endpoint, source: str | None = None) -> Device:
        return await StreamDevice.open(endpoint, source)


class TestUnifiedDatagramDoor(EmptyMessageSuite):
    def door(self, house: House, endpoint: Endpoint = ANYWHERE) -> AbstractAsyncContextManager[Door]:
        return house.datagram(endpoint, "door-unified")

    async def device(self, endpoint: Endpoint, source: str | None = None) -> Device:
        return await DatagramDevice.open(endpoint, source)


class TestDatagramDoor(EmptyMessageSuite):
    def door(self, house: House, endpoint: Endpoint = ANYWHERE) -> AbstractAsyncContextManager[Door]:
        return house.datagram(endpoint)

    async def device(self, endpoint: Endpoint, source: str | None = None) -> Device:
        return await DatagramDevice.open(endpoint, source)


class TestPublish(EmptyMessageSuite, BoundedSuite):
    """Inventory devices, at the API."""

    sentences = PUBLISH_SENTENCES

    @asynccontextmanager
    async def door(self, house: House, endpoint: Endpoint = ANYWHERE) -> AsyncIterator[Door]:
        house.kind, house.names = ResourceType.DEVICE, DEVICE
        await house.admit_feeders()
        async with house.api(endpoint) as door:
            yield door

    async def device(self, endpoint: Endpoint, source: str | None = None) -> BoundedDevice:
        line = await Line.open(endpoint)
        return PublishingDevice(line, DEVICE.get(source or KNOWN, "d-nobody"), DEVICE_SECRET)


class TestBeamOverHttp(EmptyMessageSuite, BoundedSuite):
    """What Beam forwards of HTTP, at the API."""

    sentences = BEAM_SENTENCES

    @asynccontextmanager
    async def door(self, house: House, endpoint: Endpoint = ANYWHERE) -> AsyncIterator[Door]:
        await house.admit_feeders()
        async with house.api(endpoint) as door:
            yield door

    async def device(self, endpoint: Endpoint, source: str | None = None) -> BoundedDevice:
        return BeamDevice(await Line.open(endpoint), OPERATOR, imsi(source), BEAM_KEY)


class TestBeamFromTcpToHttp(TestBeamOverHttp):
    """What Beam wraps in JSON, at the API."""

    async def device(self, endpoint: Endpoint, source: str | None = None) -> BoundedDevice:
        return WrappedBeamDevice(await Line.open(endpoint), OPERATOR, imsi(source), BEAM_KEY)


class TestBeamDoor(IngestSuite):
    sentences = BEAM_SENTENCES

    @asynccontextmanager
    async def door(self, house: House, endpoint: Endpoint = ANYWHERE) -> AsyncIterator[Door]:
        await house.admit_feeders()
        async with house.beam(endpoint) as door:
            yield door

    async def device(self, endpoint: Endpoint, source: str | None = None) -> Device:
        return BeamStreamDevice(await Line.open(endpoint), first_line(BEAM_KEY, imsi(source)))


class TestFramedBeamDoor(BoundedSuite):
    sentences = BEAM_SENTENCES

    @asynccontextmanager
    async def door(self, house: House, endpoint: Endpoint = ANYWHERE) -> AsyncIterator[Door]:
        await house.admit_feeders()
        await house.say({"binaryFormatV1Enabled": True})
        async with house.beam(endpoint) as door:
            yield door

    async def device(self, endpoint: Endpoint, source: str | None = None) -> BoundedDevice:
        return FramingDevice(await Line.open(endpoint), first_line(BEAM_KEY, imsi(source)))
