"""Every door against the one ingest suite."""

from contextlib import AbstractAsyncContextManager

from contract.ingest_suite import Door, EmptyMessageSuite, IngestSuite
from doorway import ANYWHERE, House
from minori.config.address import Endpoint
from sending import DatagramDevice, Device, HttpDevice, StreamDevice


class TestHttpDoor(EmptyMessageSuite):
    def door(self, house: House, endpoint: Endpoint = ANYWHERE) -> AbstractAsyncContextManager[Door]:
        return house.http(endpoint)

    async def device(self, endpoint: Endpoint, source: str | None = None) -> Device:
        return await HttpDevice.open(endpoint, source)


class TestStreamDoor(IngestSuite):
    def door(self, house: House, endpoint: Endpoint = ANYWHERE) -> AbstractAsyncContextManager[Door]:
        return house.stream(endpoint)

    async def device(self, endpoint: Endpoint, source: str | None = None) -> Device:
        return await StreamDevice.open(endpoint, source)


class TestDatagramDoor(EmptyMessageSuite):
    def door(self, house: House, endpoint: Endpoint = ANYWHERE) -> AbstractAsyncContextManager[Door]:
        return house.datagram(endpoint)

    async def device(self, endpoint: Endpoint, source: str | None = None) -> Device:
        return await DatagramDevice.open(endpoint, source)
