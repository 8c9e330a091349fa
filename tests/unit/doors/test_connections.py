"""Connections of the doors over TCP: caps, deadlines, back-pressure, and the end."""

import asyncio
import gc
import os
import resource
import socket
import struct
from contextlib import closing

import pytest

from doorway import KNOWN, LOOPS, NO_GROUP, House, house, run, until
from minori.doors.connection import WAITING, WRITE_BUFFER, Connection
from minori.doors.http import READ_BYTES
from minori.doors.listener import Listener
from sending import Line, post


@pytest.fixture(params=LOOPS)
def loop(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


async def only(door: Listener) -> Connection:
    """The one connection of a door, once it is there."""
    await until(lambda: len(door._connections) == 1)
    return next(iter(door._connections))


def test_who_is_one_too_many_is_told_so(loop: str) -> None:
    async def main() -> None:
        async with house(connections=1) as h, h.http() as door, await Line.open(door.endpoint) as first:
            await only(door)
            async with await Line.open(door.endpoint) as second:
                answer = await second.answer()
                assert (answer.status, answer.fields["retry-after"]) == (503, "1")
                assert await second.ended()
            assert h.metric("minori_connections_refused_total", listener="door-http", reason="total") == 1
            await first.send(post(b"1"))
            assert (await first.answer()).status == 201

    run(main(), loop)


def test_who_is_one_too_many_over_tcp_is_told_503(loop: str) -> None:
    async def main() -> None:
        async with house(connections=1) as h, h.stream() as door, await Line.open(door.endpoint):
            await only(door)
            async with await Line.open(door.endpoint) as second:
                assert await second.reader.read() == b"503"

    run(main(), loop)


def test_one_address_does_not_take_the_places_of_others() -> None:
    async def main() -> None:
        async with (
            house(connections_per_address=1) as h,
            h.stream() as door,
            await Line.open(door.endpoint, KNOWN),
            await Line.open(door.endpoint, KNOWN) as second,
            await Line.open(door.endpoint, NO_GROUP) as other,
        ):
            assert await second.reader.read() == b"503"
            assert h.metric("minori_connections_refused_total", listener="door-stream", reason="address") == 1
            await other.send(b"1")
            assert (await other.reply()).startswith(b"400 No group")

    run(main())


def test_a_connection_that_ends_makes_room_and_is_no_longer_counted(loop: str) -> None:
    async def main() -> None:
        async with house(connections=1) as h, h.stream() as door:
            for _ in range(3):
                async with await Line.open(door.endpoint) as line:
                    await line.send(b"1")
                    assert await line.reply() == b"201"
                    assert h.metric("minori_connections", listener="door-stream") == 1
                await until(lambda: not door._connections)
            assert h.metric("minori_connections", listener="door-stream") == 0

    run(main(), loop)


def test_what_was_sent_before_a_reset_is_stored_even_if_nobody_had_accepted_yet(loop: str) -> None:
    async def main() -> None:
        async with house() as h, h.stream() as door:
            # Nothing is awaited in between, so that the door has not run when the reset comes.
            with closing(socket.create_connection((door.endpoint.host, door.endpoint.port))) as device:
                device.send(b"last words")
                device.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            await until(lambda: bool(h.store._entries))
            assert len(await h.entries()) == 1

    run(main(), loop)


def test_a_reset_while_the_store_works_harms_nothing(loop: str) -> None:
    async def main() -> None:
        async with house() as h, h.http() as door:
            h.store.held = True
            line = await Line.open(door.endpoint)
            await line.send(post(b"1"))
            await h.store.arrived()
            line.reset()
            await until(lambda: not door._connections)
            h.store.release()
            assert await h.contents() == ["1"]

    run(main(), loop)


@pytest.mark.parametrize("door_name", ["http", "stream"])
def test_a_half_closed_connection_still_gets_its_answer(door_name: str, loop: str) -> None:
    async def main() -> None:
        async with house() as h, getattr(h, door_name)() as door, await Line.open(door.endpoint) as line:
            h.store.held = True
            await line.send(post(b"1") if door_name == "http" else b"1")
            line.finish()
            await h.store.arrived()
            h.store.release()
            assert b"201" in await line.reader.read()

    run(main(), loop)


def test_line_ends_behind_the_last_request_do_not_reset_its_answer(loop: str) -> None:
    async def main() -> None:
        async with house() as h, h.http() as door, await Line.open(door.endpoint) as line:
            await line.send(post(b"1", "Connection: close"))
            await until(lambda: not any(connection.waiting for connection in door._connections))
            for _ in range(10):
                await line.send(b"\r\n")
                await asyncio.sleep(0)
            assert (await line.answer()).status == 201
            assert await line.ended()

    run(main(), loop)


def test_deadlines_end_slow_connections_and_say_why_where_a_request_has_begun(loop: str) -> None:
    async def main() -> None:
        limits = {"head_seconds": 1, "body_seconds": 1, "idle_seconds": 1}
        async with house(**limits) as h, h.http() as door, h.stream() as stream:

            async def told(data: bytes) -> tuple[int, str]:
                async with await Line.open(door.endpoint) as line:
                    await line.send(data)
                    answer = await line.answer()
                    assert answer.fields["connection"] == "close"
                    assert await line.ended()
                    return answer.status, answer.message

            async def silent(listener: Listener) -> bool:
                async with await Line.open(listener.endpoint) as line:
                    return await line.ended()

            head, body, idle, idle_stream = await asyncio.gather(
                told(b"POST / HTTP/1.1\r\nHost:"), told(post(b"12345")[:-1]), silent(door), silent(stream)
            )
            assert head == (408, "The head took longer than 1 seconds")
            assert body == (408, "The body paused for more than 1 seconds")
            assert h.metric("minori_payloads_refused_total", door="http", reason="TooSlow") == 2
            assert idle
            assert idle_stream

    run(main(), loop)


def test_a_client_that_sends_its_head_byte_by_byte_is_not_waited_for_longer() -> None:
    async def main() -> None:
        async with house(head_seconds=1) as h, h.http() as door, await Line.open(door.endpoint) as line:
            answered = asyncio.create_task(line.answer())
            await line.send(b"POST / HTTP/1.1\r\nX: ")
            while not answered.done():
                await line.send(b"x")
                await asyncio.wait([answered], timeout=0.02)
            assert (await answered).status == 408

    run(main())


def test_stray_line_ends_do_not_keep_a_connection_open() -> None:
    async def main() -> None:
        async with house(idle_seconds=1) as h, h.http() as door, await Line.open(door.endpoint) as line:
            ended = asyncio.create_task(line.ended())
            while not ended.done():
                await line.send(b"\r\n")
                await asyncio.wait([ended], timeout=0.02)
            # A line end that reaches the closed socket is answered with a reset.
            assert isinstance(ended.exception(), ConnectionResetError | None)

    run(main())


def test_a_deadline_does_not_end_a_connection_that_waits_for_the_store(loop: str) -> None:
    async def main() -> None:
        async with house() as h, h.http() as door, await Line.open(door.endpoint) as line:
            h.store.held = True
            await line.send(post(b"1"))
            await h.store.arrived()
            (await only(door)).expire()
            h.store.release()
            assert (await line.answer()).status == 201

    run(main(), loop)


def test_a_peer_that_never_closes_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        monkeypatch.setattr("minori.doors.listener.LINGER_SECONDS", 0)
        async with house(head_seconds=1) as h, h.http() as door, await Line.open(door.endpoint) as line:
            await line.send(post(b"1", "Connection: close"))
            assert (await line.answer()).status == 201
            await until(lambda: not door._connections)

    run(main())


def test_many_pipelined_requests_are_answered_in_their_order(loop: str) -> None:
    async def main() -> None:
        async with house() as h, h.http() as door, await Line.open(door.endpoint) as line:
            bodies = [b"%d" % number if number % 3 else b"" for number in range(3000)]
            line.writer.write(b"".join(post(body) for body in bodies))
            told = [(await line.answer()).status for _ in bodies]
            assert told == [201 if body else 400 for body in bodies]
            assert len(await h.entries()) == 1000
            assert h.metric("minori_entries_accepted_total", door="http") == 2000

    run(main(), loop)


def test_no_more_is_read_while_many_requests_of_one_connection_wait_for_the_store(loop: str) -> None:
    async def main() -> None:
        async with house() as h, h.http() as door, await Line.open(door.endpoint) as line:
            h.store.held = True
            request = post(b"1")
            line.writer.write(request * 3000)
            connection = await only(door)
            await until(lambda: connection._held)
            await asyncio.sleep(0.02)
            assert WAITING < h.store.waiting <= WAITING + READ_BYTES // len(request) + 1
            h.store.held = False
            h.store.release()
            assert {(await line.answer()).status for _ in range(3000)} == {201}

    run(main(), loop)


def test_no_more_is_read_from_a_client_that_does_not_read_its_answers(loop: str) -> None:
    async def main() -> None:
        async with house() as h, h.http() as door, await Line.open(door.endpoint) as line:
            requests = 40_000
            line.writer.write(post(b"", target="/nothing") * requests)
            connection = await only(door)
            await until(lambda: connection._held)
            assert connection._transport.get_write_buffer_size() < WRITE_BUFFER + 300 * READ_BYTES // 60
            assert {(await line.answer()).status for _ in range(requests)} == {404}

    run(main(), loop)


def test_a_client_that_does_not_read_its_answers_is_cut_off_when_its_deadline_passes(loop: str) -> None:
    async def main() -> None:
        async with house() as h, h.http() as door, await Line.open(door.endpoint) as line:
            line.writer.write(post(b"", target="/nothing") * 40_000)
            connection = await only(door)
            await until(lambda: connection._held)
            connection.expire()
            await until(lambda: not door._connections)

    run(main(), loop)


def test_a_listener_without_descriptors_neither_dies_nor_spins(loop: str) -> None:
    async def main() -> None:
        async with house(head_seconds=1) as h, h.stream() as door:
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            with closing(socket.socket()) as device:
                device.setblocking(False)
                free = os.dup(0)
                os.close(free)
                resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
                try:
                    running = asyncio.get_running_loop()
                    await running.sock_connect(device, (door.endpoint.host, door.endpoint.port))
                    refused = {"listener": "door-stream", "reason": "resources"}
                    await until(lambda: h.metric("minori_connections_refused_total", **refused) >= 1)
                    for _ in range(20):
                        await asyncio.sleep(0)
                    assert h.metric("minori_connections_refused_total", **refused) <= 2
                finally:
                    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
                await running.sock_sendall(device, b"1")
                assert await running.sock_recv(device, 100) == b"201"

    run(main(), loop)


def test_a_connection_that_fails_while_it_is_set_up_makes_room_again(
    loop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: str) -> Connection:
        raise MemoryError

    async def main() -> None:
        async with house(connections=1) as h, h.stream() as door:
            with monkeypatch.context() as broken:
                broken.setattr(door, "connect", fail)
                async with await Line.open(door.endpoint) as line:
                    assert await line.ended()
            async with await Line.open(door.endpoint) as line:
                await line.send(b"1")
                assert await line.reply() == b"201"

    run(main(), loop)


@pytest.mark.parametrize("door_name", ["http", "stream"])
def test_a_connection_whose_setting_up_is_cancelled_makes_room_once(door_name: str, loop: str) -> None:
    async def main() -> None:
        async with house(connections=1) as h, getattr(h, door_name)() as door:
            with closing(socket.create_connection((door.endpoint.host, door.endpoint.port))):
                door._accept()
                (arrival,) = door._arrivals
                # One turn of the loop starts the task, which then waits for the transport.
                await asyncio.sleep(0)
                arrival.cancel()
                await asyncio.wait([arrival])
                await until(lambda: not door._admission.open)
            async with await Line.open(door.endpoint) as line:
                await line.send(post(b"1") if door_name == "http" else b"1")
                assert b"201" in await line.reply()
            await until(lambda: not door._connections)
            assert door._admission.open == h.metric("minori_connections", listener=door.name) == 0

    run(main(), loop)


@pytest.mark.parametrize("door_name", ["http", "stream"])
def test_draining_closes_idle_connections_and_takes_no_new_ones(door_name: str, loop: str) -> None:
    async def main() -> None:
        async with house() as h, getattr(h, door_name)() as door, await Line.open(door.endpoint) as line:
            await only(door)
            await door.drain()
            assert await line.ended()
            with pytest.raises(OSError, match=r"refused|Connect call failed"):
                await Line.open(door.endpoint)

    run(main(), loop)


def test_draining_lets_a_request_finish_whose_head_has_come(loop: str) -> None:
    async def main() -> None:
        async with house() as h, h.http() as door, await Line.open(door.endpoint) as line:
            request = post(b"12345")
            await line.send(request[:-3])
            connection = await only(door)
            await until(lambda: connection.unfinished)
            drained = asyncio.create_task(door.drain())
            await asyncio.sleep(0)
            await line.send(request[-3:] + request)
            answer = await line.answer()
            assert (answer.status, answer.fields["connection"]) == (201, "close")
            assert await line.ended()
            await line.close()
            await drained
            assert await h.contents() == ["12345"]

    run(main(), loop)


def test_draining_cuts_what_does_not_finish_in_time(loop: str) -> None:
    async def main() -> None:
        async with house(drain_seconds=0) as h, h.http() as door, await Line.open(door.endpoint) as line:
            await line.send(post(b"12345")[:-1])
            connection = await only(door)
            await until(lambda: connection.unfinished)
            await door.drain()
            assert not door._connections

    run(main(), loop)


def test_a_connection_that_arrives_while_the_door_drains_is_closed(loop: str) -> None:
    async def main() -> None:
        async with house() as h, h.stream() as door:
            with closing(socket.create_connection((door.endpoint.host, door.endpoint.port))):
                door._accept()
                await door.drain()
            assert h.metric("minori_connections", listener="door-stream") == 0

    run(main(), loop)


async def overflow(h: House) -> bytes:
    """What a TCP door replies to a message that fills its buffer, the message's rest, and a message of its own."""
    async with h.stream() as door, await Line.open(door.endpoint) as line:
        connection = await only(door)
        connection.buffer_updated(len(door.buffer))
        connection.buffer_updated(5)
        connection.buffer_updated(3)
        line.finish()
        return await line.reader.read()


def test_the_rest_of_a_message_that_filled_the_buffer_is_no_message(loop: str) -> None:
    async def main() -> None:
        async with house() as h:
            replies = await overflow(h)
            assert replies.count(b"400") == 1
            assert replies.endswith(b"201")
            assert len(await h.entries()) == 1

    run(main(), loop)


def test_replies_over_tcp_keep_the_order_of_the_messages(loop: str) -> None:
    async def main() -> None:
        async with house() as h, h.stream() as door, await Line.open(door.endpoint) as line:
            h.store.held = True
            await line.send(b"1")
            await h.store.arrived()
            await line.send(b"x" * 2000)
            connection = await only(door)
            await until(lambda: len(connection.waiting) == 2)
            h.store.release()
            line.finish()
            assert (await line.reader.read()).startswith(b"201400 ")

    run(main(), loop)


def test_a_disk_that_refuses_the_payload_of_one_who_has_gone_is_no_fault_of_the_loops(loop: str) -> None:
    async def main() -> None:
        async with house() as h, h.http() as door:
            h.store.held = True
            async with await Line.open(door.endpoint) as line:
                await line.send(post(b"1") * 3)
                await h.store.arrived(3)
                line.reset()
                await until(lambda: not door._connections)
            h.store.fail()
            await asyncio.sleep(0)
            gc.collect()

    run(main(), loop)
