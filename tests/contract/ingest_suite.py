"""What a device may rely on, whichever door it sends through."""

import asyncio
import base64
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager

import pytest

from doorway import ANYWHERE, IMSI, KNOWN, LOOPS, NO_GROUP, NOT_ENABLED, UNKNOWN, ApiDoor, House, house, run
from minori.config.address import Endpoint
from minori.doors.datagram import DatagramDoor
from minori.doors.listener import Listener
from sending import BoundedDevice, Device, Told

Door = Listener | DatagramDoor | ApiDoor

STORED = Told("stored")
PARSED = {"SoracomAir": {"binaryParserEnabled": True, "binaryParserFormat": "@json"}}
TIMED = {"customTimestamp": {"format": "unix-sec", "type": "jsonpointer", "value": "/at"}}
V6_ALONE = Endpoint("::1", 0)
V6_AND_V4 = Endpoint("::", 0)


def content(body: bytes) -> str:
    """What a binary payload is stored as."""
    return f'{{"payload":"{base64.b64encode(body).decode()}"}}'


class IngestSuite(ABC):
    """One door of a protocol, with a device that speaks it."""

    sentences: Mapping[str, str] = {
        UNKNOWN: f"No SIM is known for {UNKNOWN}",
        NO_GROUP: f"No group ID is specified: {IMSI[NO_GROUP]}",
        NOT_ENABLED: "Configuration for SORACOM Harvest is not found",
    }
    """What each sender that may not store is told, in the words of Harvest where it has some."""

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

    @pytest.mark.parametrize("source", [UNKNOWN, NO_GROUP, NOT_ENABLED])
    def test_a_sender_that_may_not_store_is_told_why_in_the_words_of_harvest(self, source: str) -> None:
        async def main() -> None:
            async with house() as h, self.door(h) as door, await self.device(door.endpoint, source) as device:
                assert await device.tell(b"1") == Told("refused", self.sentences[source])
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
                    assert told.message == self.sentences[NO_GROUP]

        run(main(), loop)

    def test_bytes_are_parsed_by_the_format_of_the_group(self) -> None:
        async def main() -> None:
            async with house() as h, self.door(h) as door, await self.device(door.endpoint) as device:
                await h.say(SoracomAir={"binaryParserEnabled": True, "binaryParserFormat": "temp:0:uint:16:/100"})
                assert await device.tell(b"\x09\xc4") == STORED
                assert await device.tell(b"\x09") == STORED
                assert await h.contents() == ['{"temp":25,"binaryParserEnabled":true}', content(b"\x09")]

        run(main())

    def test_a_payload_may_say_its_time(self) -> None:
        async def main() -> None:
            async with house() as h, self.door(h) as door, await self.device(door.endpoint) as device:
                await h.say(TIMED, **PARSED)
                assert await device.tell(b'{"at":5,"t":1}') == STORED
                assert [entry.time for entry in await h.entries()] == [5000]
                assert (await device.tell(b'{"t":1}')).outcome == "refused"
                assert len(await h.entries()) == 1

        run(main())

    def test_what_is_sent_again_is_stored_again_and_at_a_time_of_its_own_replaced(self) -> None:
        async def main() -> None:
            async with house() as h, self.door(h) as door, await self.device(door.endpoint) as device:
                assert [await device.tell(b"again") for _ in range(3)] == [STORED] * 3
                assert await h.contents() == [content(b"again")] * 3
                await h.say(TIMED, **PARSED)
                assert [await device.tell(b'{"at":5,"n":%d}' % number) for number in (1, 2)] == [STORED] * 2
                first, *others = await h.contents()
                assert ('"n":2' in first, others) == (True, [content(b"again")] * 3)

        run(main())

    def test_what_comes_in_another_order_is_kept_at_its_times(self) -> None:
        async def main() -> None:
            async with house() as h, self.door(h) as door, await self.device(door.endpoint) as device:
                await h.say(TIMED, **PARSED)
                assert [await device.tell(b'{"at":%d}' % second) for second in (3, 1, 2)] == [STORED] * 3
                assert [entry.time for entry in await h.entries()] == [1000, 2000, 3000]

        run(main())

    def test_a_batch_is_stored_whole_or_not_at_all(self) -> None:
        async def main() -> None:
            async with house() as h, self.door(h) as door, await self.device(door.endpoint) as device:
                await h.say({**TIMED, "batchWrite": {"enabled": True, "value": "/data"}}, **PARSED)
                # Together they are larger than one payload may be.
                items = b",".join(b'{"at":%d,"text":"0123456789"}' % second for second in range(1, 101))
                assert await device.tell(b'{"data":[%b]}' % items) == STORED
                assert [entry.time for entry in await h.entries()] == [1000 * second for second in range(1, 101)]
                told = await device.tell(b'{"data":[{"at":500},{"t":1}]}')
                assert (told.outcome, told.message.startswith("Item 1 of the batch")) == ("refused", True)
                assert (await device.tell(b'{"data":[%b,{"at":0}]}' % items)).outcome == "refused"
                assert len(await h.entries()) == 100

        run(main())

    @pytest.mark.parametrize("limit", [5, 5000])
    def test_a_group_may_have_a_limit_of_its_own(self, limit: int) -> None:
        async def main() -> None:
            async with house() as h, self.door(h) as door:
                await h.say({"maxPayloadBytes": limit})
                async with await self.device(door.endpoint) as device:
                    assert await device.tell(b"x" * limit) == STORED
                async with await self.device(door.endpoint) as device:
                    told = await device.tell(b"x" * (limit + 1))
                assert (told.outcome, f"larger than {limit} bytes" in told.message) == ("refused", True)
                assert await h.contents() == [content(b"x" * limit)]

        run(main())

    def test_what_the_group_says_counts_from_the_next_payload_on(self) -> None:
        async def main() -> None:
            async with house() as h, self.door(h) as door, await self.device(door.endpoint) as device:
                assert await device.tell(b"1") == STORED
                await h.say({"category": "plant"}, **PARSED)
                assert await device.tell(b'{"t":1}') == STORED
                await h.say({"enabled": False})
                # Who may not store may not be known to come in frames either; a new connection is as good.
                async with await self.device(door.endpoint) as other:
                    assert (await other.tell(b"2")).outcome == "refused"
                assert [entry.category for entry in await h.entries()] == [None, "plant"]

        run(main())


class EmptyMessageSuite(IngestSuite):
    """A door of a protocol that can carry a message without a byte."""

    def test_an_empty_payload_is_refused(self, loop: str) -> None:
        async def main() -> None:
            async with house() as h, self.door(h) as door, await self.device(door.endpoint) as device:
                told = await device.tell(b"")
                assert told == Told("refused", "The payload is empty; send at least one byte")
                assert await h.contents() == []

        run(main(), loop)


class BoundedSuite(IngestSuite):
    """A door of a protocol that says where a message ends, however TCP cuts it."""

    @abstractmethod
    async def device(self, endpoint: Endpoint, source: str | None = None) -> BoundedDevice:
        """See `IngestSuite`."""

    def test_a_message_may_be_split_at_every_byte(self) -> None:
        async def main() -> None:
            async with house() as h, self.door(h) as door, await self.device(door.endpoint) as device:
                cuts = range(1, len(device.message(b"whole")))
                for cut in cuts:
                    message = device.message(b"whole")
                    await device.write(message[:cut])
                    await asyncio.sleep(0.001)
                    await device.write(message[cut:])
                    assert await device.told() == STORED
                assert await h.contents() == [content(b"whole")] * len(cuts)

        run(main())

    def test_messages_may_come_joined(self, loop: str) -> None:
        async def main() -> None:
            async with house() as h, self.door(h) as door, await self.device(door.endpoint) as device:
                bodies = [b"1", b"2", b"3"]
                await device.write(b"".join([device.message(body) for body in bodies]))
                assert [await device.told() for _ in bodies] == [STORED] * 3
                assert await h.contents() == [content(body) for body in bodies]

        run(main(), loop)

    def test_of_a_message_that_ends_early_nothing_is_stored(self) -> None:
        async def main() -> None:
            async with house() as h, self.door(h) as door:
                async with await self.device(door.endpoint) as device:
                    cuts = {*range(1, len(device.message(b"never")), 7), len(device.message(b"never")) - 1}
                for cut in sorted(cuts):
                    async with await self.device(door.endpoint) as device:
                        await device.write(device.message(b"never")[:cut])
                        await device.end()
                async with await self.device(door.endpoint) as device:
                    assert await device.tell(b"whole") == STORED
                assert await h.contents() == [content(b"whole")]

        run(main())

    def test_what_came_before_a_message_that_ends_early_is_stored_and_confirmed(self) -> None:
        async def main() -> None:
            async with house() as h, self.door(h) as door, await self.device(door.endpoint) as device:
                await device.write(device.message(b"whole") + device.message(b"never")[:-1])
                assert await device.told() == STORED
                await device.end()
                assert await h.contents() == [content(b"whole")]

        run(main())
