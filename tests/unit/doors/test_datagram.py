"""What is particular about the UDP door."""

import asyncio
import socket
import sys
from contextlib import closing

import pytest

from doorway import LOOPS, House, house, run, until
from minori.config.address import Endpoint
from minori.model.payload import Payload
from minori.storage.base import Confirmation
from sending import DatagramDevice, Told


@pytest.fixture(params=LOOPS)
def loop(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def flood(endpoint: Endpoint, datagrams: int) -> None:
    """Send, without letting the loop run in between."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as device:
        for number in range(datagrams):
            device.sendto(b"%d" % number, (endpoint.host, endpoint.port))


def test_a_burst_is_stored_whole_and_in_its_order(loop: str) -> None:
    async def main() -> None:
        async with house() as h, h.datagram() as door:
            flood(door.endpoint, 500)
            async with await DatagramDevice.open(door.endpoint) as device:
                assert await device.tell(b"last") == Told("stored")
            times = [entry.time for entry in await h.entries()]
            assert len(times) == 501
            assert times == sorted(times)

    run(main(), loop)


def test_a_reply_to_a_port_that_has_closed_harms_nobody(loop: str) -> None:
    async def main() -> None:
        async with house() as h, h.datagram() as door:
            flood(door.endpoint, 50)
            async with await DatagramDevice.open(door.endpoint) as device:
                assert await device.tell(b"1") == Told("stored")
                flood(door.endpoint, 50)
                assert await device.tell(b"2") == Told("stored")
            assert len(await h.entries()) == 102

    run(main(), loop)


def test_the_largest_datagram_is_refused_in_one_reply(loop: str) -> None:
    async def main() -> None:
        async with house() as h, h.datagram() as door, await DatagramDevice.open(door.endpoint) as device:
            assert (await device.tell(b"x" * 65_507)).outcome == "refused"
            assert await device.tell(b"1") == Told("stored")

    run(main(), loop)


@pytest.mark.parametrize(("fault", "reason"), [("full", "Overloaded"), ("broken", "StoreFailed")])
def test_a_datagram_that_cannot_be_taken_is_counted(fault: str, reason: str) -> None:
    async def main() -> None:
        async with house() as h, h.datagram() as door, await DatagramDevice.open(door.endpoint) as device:
            setattr(h.store, fault, True)
            assert await device.tell(b"1") == Told("busy")
            assert h.metric("minori_datagrams_dropped_total", listener="door-stream", reason=reason) == 1

    run(main())


def test_a_datagram_that_is_refused_is_not_counted_as_dropped() -> None:
    async def main() -> None:
        async with house() as h, h.datagram() as door, await DatagramDevice.open(door.endpoint) as device:
            assert (await device.tell(b"")).outcome == "refused"
            assert b'minori_datagrams_dropped_total{listener="door-stream",reason="E' not in h.metrics.text()

    run(main())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what it had no room for")
@pytest.mark.parametrize("name", ["door-stream", "door-unified"])
def test_datagrams_that_the_system_had_no_room_for_are_counted(name: str, loop: str) -> None:
    async def main() -> None:
        async with house() as h, h.datagram(name=name) as door:
            door._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            flood(door.endpoint, 1000)
            door._timer.cancel()
            door._count_no_room()
            dropped = h.metric("minori_datagrams_dropped_total", listener=name, reason="buffer_full")
            assert dropped > 0
            await until(lambda: h.metric("minori_entries_accepted_total", door="udp") + dropped >= 1000)
            assert len(await h.entries()) + dropped == 1000

    run(main(), loop)


def test_a_door_that_drains_waits_for_the_store_no_longer_than_it_may(loop: str) -> None:
    async def main() -> None:
        async with house(drain_seconds=0) as h, h.datagram() as door:
            h.store.held = True
            async with await DatagramDevice.open(door.endpoint) as device:
                await device.send(b"1")
                await h.store.arrived()
                await door.drain()
            h.store.release()
            await asyncio.sleep(0)
            assert len(await h.entries()) == 1

    run(main(), loop)


def judged(h: House) -> float:
    """How many datagrams were taken, or refused as too large."""
    refused = h.metric("minori_payloads_refused_total", door="udp", reason="PayloadTooLarge")
    return h.metric("minori_entries_accepted_total", door="udp") + refused


@pytest.mark.parametrize("limit", [1, 1024])
@pytest.mark.parametrize(
    "body",
    [
        *[b"201", b"503", b"400 The payload\nis empty", b"400 "],
        *[b'{"result":"%b","detail":{"harvest":{"statusCode":204,"body":""}}}' % result for result in (b"ok", b"ng")],
    ],
)
def test_what_reads_like_a_reply_gets_none(body: bytes, limit: int) -> None:
    async def main() -> None:
        async with (
            house(payload_bytes=limit) as h,
            h.datagram() as door,
            await DatagramDevice.open(door.endpoint) as device,
        ):
            await device.send(body)
            await until(lambda: judged(h) == 1)
            assert await device.tell(b"") == Told("refused", "The payload is empty; send at least one byte")
            assert len(await h.entries()) == (limit > len(body))

    run(main())


@pytest.mark.parametrize("body", [b"", b"2", b"2011", b"400", b"4000", b" 201", b"503\n"])
def test_what_only_begins_like_a_reply_gets_one(body: bytes) -> None:
    async def main() -> None:
        async with house() as h, h.datagram() as door, await DatagramDevice.open(door.endpoint) as device:
            assert (await device.tell(body)).outcome == ("stored" if body else "refused")

    run(main())


@pytest.mark.parametrize("limit", [1, 1024])
@pytest.mark.parametrize("body", [b"1", b""])
def test_a_forged_source_does_not_set_two_doors_answering_each_other(body: bytes, limit: int, loop: str) -> None:
    async def main() -> None:
        async with house(payload_bytes=limit) as h, h.datagram() as one, h.datagram() as other:
            came: list[bytes] = []
            accept = h.ingest.accept

            def counted(door: str, address: str, payload: Payload) -> Confirmation:
                came.append(payload.body)
                return accept(door, address, payload)

            h.ingest.accept = counted  # type: ignore[method-assign]  # the real method, with a look at it
            one._socket.sendto(body, (other.endpoint.host, other.endpoint.port))
            await until(lambda: len(came) == 2)
            for door in (one, other, one, other):
                async with await DatagramDevice.open(door.endpoint) as device:
                    assert (await device.tell(b"x")).outcome == "stored"
            assert len(came) == 2 + 4

    run(main(), loop)


def test_what_has_come_before_a_door_drains_is_taken_to_the_last_datagram(loop: str) -> None:
    async def main() -> None:
        async with house() as h, h.datagram() as door:
            flood(door.endpoint, 300)
            await door.drain()
            assert len(await h.entries()) == 300

    run(main(), loop)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what it had no room for")
def test_what_the_system_had_no_room_for_is_counted_before_a_door_closes(loop: str) -> None:
    async def main() -> None:
        async with house() as h, h.datagram() as door:
            door._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            flood(door.endpoint, 1000)
            await door.drain()
            dropped = h.metric("minori_datagrams_dropped_total", listener="door-stream", reason="buffer_full")
            assert len(await h.entries()) + dropped == 1000

    run(main(), loop)


def test_tcp_and_udp_are_served_side_by_side_on_one_port(loop: str) -> None:
    async def main() -> None:
        async with house() as h, h.both() as (stream, datagram):
            assert stream.endpoint == datagram.endpoint
            async with await DatagramDevice.open(datagram.endpoint) as device:
                assert await device.tell(b"1") == Told("stored")

    run(main(), loop)
