"""What a device may rely on, whichever door it sends through."""

import asyncio
import base64
from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager

import pytest

from doorway import ANYWHERE, IMSI, KNOWN, LOOPS, NO_GROUP, NOT_ENABLED, UNKNOWN, House, house, run
from minori.config.address import Endpoint
from minori.doors.datagram import DatagramDoor
from minori.doors.listener import Listener
from sending import Device, Told

Door = Listener | DatagramDoor

STORED = Told("stored")
V6_ALONE = Endpoint("::1", 0)
V6_AND_V4 = Endpoint("::", 0)


def content(body: bytes) -> str:
    """What a binary payload is stored as."""
    return f'{{"payload":"{base64.b64encode(body).decode()}"}}'


class IngestSuite(ABC):
    """One door of a protocol, with a device that speaks it."""

    @pytest.fixture(params=LOOPS)
    def loop(self, request: pytest.FixtureRequest) -> str:
        """The loop that the door runs on: production's, and the standard library's."""
        name: str = request.param
        return name

    @abstractmethod
    def door(self, house: House, endpoint: Endpoint = ANYWHERE) -> AbstractAsyncContextManager[Door]:
        """An open door."""

    @abstractmethod
    async def device(self, endpoint: Endpoint, source: str | None = None) -> Device:
        """A device that may send to the door, from the address `source`."""

    def test_a_confirmed_payload_is_there_to_be_read(self, loop: str) -> None:
        async def main() -> None:
            async with house() as h, self.door(h) as door, await self.device(door.endpoint) as device:
                assert await device.tell(b"21.5 degrees") == STORED
                assert await h.contents() == [content(b"21.5 degrees")]

        run(main(), loop)

    def test_one_device_sends_many_payloads_and_they_are_kept_in_their_order(self, loop: str) -> None:
        async def main() -> None:
            bodies = [b"payload %d" % number for number in range(50)]
            async with house() as h, self.door(h) as door, await self.device(door.endpoint) as device:
                assert [await device.tell(body) for body in bodies] == [STORED] * 50
                assert await h.contents() == [content(body) for body in bodies]

        run(main(), loop)

    def test_every_byte_value_passes_unchanged(self, loop: str) -> None:
        async def main() -> None:
            body = bytes(range(256))
            async with house() as h, self.door(h) as door, await self.device(door.endpoint) as device:
                assert await device.tell(body) == STORED
                assert await h.contents() == [content(body)]

        run(main(), loop)

    @pytest.mark.parametrize("limit", [1, 1024, 9000])
    def test_a_payload_of_exactly_the_limit_is_stored(self, limit: int) -> None:
        async def main() -> None:
            async with (
                house(payload_bytes=limit) as h,
                self.door(h) as door,
                await self.device(door.endpoint) as device,
            ):
                assert await device.tell(b"x" * limit) == STORED
                assert await h.contents() == [content(b"x" * limit)]

        run(main())

    @pytest.mark.parametrize("limit", [1, 1024, 9000])
    def test_a_payload_one_byte_over_the_limit_is_refused_and_the_limit_is_named(self, limit: int) -> None:
        async def main() -> None:
            async with (
                house(payload_bytes=limit) as h,
                self.door(h) as door,
                await self.device(door.endpoint) as device,
            ):
                told = await device.tell(b"x" * (limit + 1))
                assert told.outcome == "refused"
                assert f"larger than {limit} bytes" in told.message
                assert await h.contents() == []

        run(main())

    @pytest.mark.parametrize(
        ("source", "sentence"),
        [
            (UNKNOWN, f"No SIM is known for {UNKNOWN}"),
            (NO_GROUP, f"No group ID is specified: {IMSI[NO_GROUP]}"),
            (NOT_ENABLED, "Configuration for SORACOM Harvest is not found"),
        ],
    )
    def test_a_sender_that_may_not_store_is_told_why_in_the_words_of_harvest(self, source: str, sentence: str) -> None:
        async def main() -> None:
            async with house() as h, self.door(h) as door, await self.device(door.endpoint, source) as device:
                assert await device.tell(b"1") == Told("refused", sentence)
                assert await h.contents() == []

        run(main())

    def test_a_device_that_was_refused_may_send_again(self, loop: str) -> None:
        async def main() -> None:
            async with house() as h, self.door(h) as door, await self.device(door.endpoint, NO_GROUP) as device:
                assert (await device.tell(b"1")).outcome == "refused"
                assert (await device.tell(b"2")).outcome == "refused"

        run(main(), loop)

    def test_nothing_is_confirmed_before_the_store_confirms(self, loop: str) -> None:
        async def main() -> None:
            async with house() as h, self.door(h) as door, await self.device(door.endpoint) as device:
                h.store.held = True
                await device.send(b"1")
                await h.store.arrived()
                told = asyncio.create_task(device.told())
                await asyncio.wait([told], timeout=0.05)
                assert not told.done()
                h.store.release()
                assert await told == STORED

        run(main(), loop)

    def test_a_full_queue_is_told_as_busy_and_the_device_may_try_again(self, loop: str) -> None:
        async def main() -> None:
            async with house() as h, self.door(h) as door, await self.device(door.endpoint) as device:
                h.store.full = True
                assert (await device.tell(b"1")).outcome == "busy"
                h.store.full = False
                assert await device.tell(b"2") == STORED
                assert await h.contents() == [content(b"2")]

        run(main(), loop)

    def test_a_sync_that_fails_is_told_as_busy_and_never_as_stored(self, loop: str) -> None:
        async def main() -> None:
            async with house() as h, self.door(h) as door, await self.device(door.endpoint) as device:
                h.store.held = True
                await device.send(b"1")
                await h.store.arrived()
                h.store.fail()
                assert (await device.told()).outcome == "busy"

        run(main(), loop)

    def test_a_broken_store_is_told_as_busy(self, loop: str) -> None:
        async def main() -> None:
            async with house() as h, self.door(h) as door, await self.device(door.endpoint) as device:
                h.store.broken = True
                assert (await device.tell(b"1")).outcome == "busy"

        run(main(), loop)

    def test_what_a_device_sent_before_it_went_is_stored(self, loop: str) -> None:
        async def main() -> None:
            async with house() as h, self.door(h) as door:
                h.store.held = True
                gone = await self.device(door.endpoint)
                await gone.send(b"last words")
                await h.store.arrived()
                await gone.close()
                async with await self.device(door.endpoint) as device:
                    await device.send(b"1")
                    await h.store.arrived(2)
                    h.store.release()
                    assert await device.told() == STORED
                assert await h.contents() == [content(b"last words"), content(b"1")]

        run(main(), loop)

    def test_a_failing_sync_harms_nobody_else_where_its_sender_has_gone(self, loop: str) -> None:
        async def main() -> None:
            async with house() as h, self.door(h) as door:
                h.store.held = True
                gone = await self.device(door.endpoint)
                await gone.send(b"1")
                await h.store.arrived()
                await gone.close()
                h.store.fail()
                h.store.held = False
                async with await self.device(door.endpoint) as device:
                    assert await device.tell(b"2") == STORED

        run(main(), loop)

    def test_a_payload_under_way_is_confirmed_while_the_door_drains(self, loop: str) -> None:
        async def main() -> None:
            async with house() as h, self.door(h) as door, await self.device(door.endpoint) as device:
                h.store.held = True
                await device.send(b"1")
                await h.store.arrived()
                drained = asyncio.create_task(door.drain())
                await asyncio.sleep(0)
                h.store.release()
                assert await device.told() == STORED
                await device.close()
                await drained

        run(main(), loop)

    def test_a_device_on_ipv6_is_known_by_its_address(self, loop: str) -> None:
        async def main() -> None:
            async with house() as h, self.door(h, V6_ALONE) as door, await self.device(door.endpoint) as device:
                assert await device.tell(b"1") == STORED

        run(main(), loop)

    def test_a_device_on_ipv4_is_known_as_such_at_a_door_on_ipv6(self, loop: str) -> None:
        async def main() -> None:
            async with house() as h, self.door(h, V6_AND_V4) as door:
                endpoint = Endpoint(KNOWN, door.endpoint.port)
                async with await self.device(endpoint, NO_GROUP) as device:
                    told = await device.tell(b"1")
                    assert told.message == f"No group ID is specified: {IMSI[NO_GROUP]}"

        run(main(), loop)


class EmptyMessageSuite(IngestSuite):
    """A door of a protocol that can carry a message without a byte."""

    def test_an_empty_payload_is_refused(self, loop: str) -> None:
        async def main() -> None:
            async with house() as h, self.door(h) as door, await self.device(door.endpoint) as device:
                told = await device.tell(b"")
                assert told == Told("refused", "The payload is empty; send at least one byte")
                assert await h.contents() == []

        run(main(), loop)
