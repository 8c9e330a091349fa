"""What the HTTP door refuses before a request is read to its end, and how it closes."""

import asyncio

import pytest

from doorway import LOOPS, House, house, run, until
from minori.doors.http import HttpDoor
from minori.doors.http_connection import HttpConnection
from sending import Line, post

LARGE = b"POST / HTTP/1.1\r\nHost: h\r\n"


async def exchange(h: House, data: bytes) -> tuple[int, str, str]:
    """Send bytes on a connection of their own: status, sentence and `Connection` of the one answer, which ends it."""
    async with h.http() as door, await Line.open(door.endpoint) as line:
        await line.send(data)
        answer = await line.answer()
        assert await line.ended()
        return answer.status, answer.message, answer.fields["connection"]


def only(door: HttpDoor) -> HttpConnection:
    """The one connection of a door."""
    (connection,) = door._connections
    assert isinstance(connection, HttpConnection)
    return connection


def held(connection: HttpConnection) -> int:
    """How much of a request a connection keeps, in headers and bytes."""
    return sum(
        map(
            len,
            (
                connection._target,
                connection._begun or b"",
                connection._read,
                connection._headers,
                connection._fields,
                connection._body,
            ),
        )
    )


async def until_body(door: HttpDoor) -> HttpConnection:
    """The one connection of a door, once its head has come."""
    await until(lambda: any(connection.unfinished for connection in door._connections))
    return only(door)


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n12",
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length: 1x\r\n\r\n1",
        b"Content-Length: 99999999999999999999999\r\n\r\n",
        b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: gzip\r\n\r\n1",
        b"Transfer-Encoding: gzip, chunked\r\n\r\n1\r\n1\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n1\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n1\r\n12\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
        b"Folded: a\r\n b\r\nContent-Length: 1\r\n\r\n1",
        b"No colon\r\nContent-Length: 1\r\n\r\n1",
    ],
)
def test_a_request_whose_end_is_in_doubt_is_refused_with_all_that_follows(framing: bytes) -> None:
    async def main() -> None:
        async with house() as h:
            smuggled = post(b"smuggled")
            status, _, connection = await exchange(h, b"POST / HTTP/1.1\r\nHost: h\r\n" + framing + smuggled)
            assert (status, connection) == (400, "close")
            assert await h.contents() == []

    run(main())


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"HELLO / HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\nContent-Length: 1\n\n1",
        b"POST /\xff HTTP/1.1\r\n\r\n",
        b"POST / HTTP/3.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_what_is_no_http_is_told_so_in_http(data: bytes) -> None:
    async def main() -> None:
        async with house() as h:
            status, message, _ = await exchange(h, data)
            assert status == 400
            assert message.startswith("The request is malformed: ")

    run(main())


def test_connect_is_refused_as_a_method() -> None:
    async def main() -> None:
        async with house() as h:
            assert (await exchange(h, b"CONNECT harvest:80 HTTP/1.1\r\nHost: h\r\n\r\n"))[0] == 405

    run(main())


def test_a_claim_of_a_gibibyte_is_refused_before_any_of_it_is_read() -> None:
    async def main() -> None:
        async with house() as h:
            status, message, connection = await exchange(h, LARGE + b"Content-Length: 1073741824\r\n\r\n")
            assert (status, connection) == (413, "close")
            assert "1024 bytes" in message
            assert h.metric("minori_payloads_refused_total", door="http", reason="PayloadTooLarge") == 1

    run(main())


@pytest.mark.parametrize("loop", LOOPS)
def test_a_client_that_sends_a_body_of_ten_mebibytes_reads_the_refusal_and_no_reset(loop: str) -> None:
    async def main() -> None:
        async with house() as h:
            size = 10 * 1024 * 1024
            assert (await exchange(h, LARGE + b"Content-Length: %d\r\n\r\n" % size + bytes(size)))[0] == 413

    run(main(), loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_client_that_sends_a_header_of_ten_mebibytes_reads_the_refusal_and_no_reset(loop: str) -> None:
    async def main() -> None:
        async with house() as h:
            header = b"X: " + b"x" * 10 * 1024 * 1024
            status, message, connection = await exchange(h, LARGE + header + b"\r\n\r\n")
            assert (status, connection) == (431, "close")
            assert "32768 bytes" in message
            assert h.metric("minori_payloads_refused_total", door="http", reason="HeadTooLarge") == 1

    run(main(), loop)


def test_a_flood_of_headers_is_refused_whatever_their_size() -> None:
    async def main() -> None:
        async with house() as h:
            assert (await exchange(h, LARGE + b"X: y\r\n" * 10_000))[0] == 431

    run(main())


@pytest.mark.parametrize("end", [b"", b"\r\n"], ids=["unfinished", "whole"])
def test_more_than_128_headers_are_refused_while_the_head_is_read_and_at_its_end(end: bytes) -> None:
    async def main() -> None:
        async with house() as h:
            headers = b"".join(b"%d:\r\n" % number for number in range(129))
            status, message, connection = await exchange(h, LARGE + headers + end)
            assert (status, connection) == (431, "close")
            assert message == "The request has more than 128 headers; send fewer"
            assert h.metric("minori_payloads_refused_total", door="http", reason="HeadTooLarge") == 1

    run(main())


def test_128_headers_are_taken() -> None:
    async def main() -> None:
        async with house() as h, h.http() as door, await Line.open(door.endpoint) as line:
            await line.send(post(b"1", *(f"{number}:" for number in range(126))))
            assert (await line.answer()).status == 201

    run(main())


def test_a_connection_holds_nothing_of_a_request_that_is_answered() -> None:
    async def main() -> None:
        async with house() as h, h.http() as door, await Line.open(door.endpoint) as line:
            await line.send(post(b"1", "X: y", target="/?x"))
            assert (await line.answer()).status == 201
            await line.send(post(b"1", "X: y", target="/nothing"))
            assert (await line.answer()).status == 404
            assert held(only(door)) == 0

    run(main())


def test_a_connection_holds_nothing_of_a_request_that_is_refused_half_way() -> None:
    async def main() -> None:
        async with house() as h, h.http() as door, await Line.open(door.endpoint) as line:
            await line.send(LARGE + b"Transfer-Encoding: chunked\r\n\r\n1000\r\n" + b"x" * 4096)
            assert (await line.answer()).status == 413
            assert held(only(door)) == 0

    run(main())


def test_trailers_are_not_kept() -> None:
    async def main() -> None:
        async with house() as h, h.http() as door, await Line.open(door.endpoint) as line:
            await line.send(LARGE + b"Transfer-Encoding: chunked\r\n\r\n")
            connection = await until_body(door)
            trailers = b"1\r\n1\r\n0\r\n" + b"".join(b"%d:\r\n" % number for number in range(500))
            connection.received(memoryview(trailers))
            assert not connection._headers
            await line.send(b"\r\n")
            assert (await line.answer()).status == 201

    run(main())


def test_the_limit_of_the_head_holds_within_one_read_too() -> None:
    async def main() -> None:
        async with house(head_bytes=1024) as h:
            assert (await exchange(h, post(b"1", f"X: {'x' * 1100}")))[0] == 431
            async with h.http() as door, await Line.open(door.endpoint) as line:
                await line.send(post(b"1", f"X: {'x' * 900}"))
                assert (await line.answer()).status == 201

    run(main())


def test_the_limit_of_the_head_holds_for_every_request_of_a_connection() -> None:
    async def main() -> None:
        async with house(head_bytes=1024) as h, h.http() as door, await Line.open(door.endpoint) as line:
            await line.send(post(b"1", f"X: {'x' * 900}"))
            assert (await line.answer()).status == 201
            await line.send(post(b"1", f"X: {'x' * 1100}"))
            assert (await line.answer()).status == 431

    run(main())


def test_pipelined_requests_do_not_count_into_each_others_heads() -> None:
    async def main() -> None:
        async with house(head_bytes=1024) as h, h.http() as door, await Line.open(door.endpoint) as line:
            await line.send(post(b"1", f"X: {'x' * 600}") * 100)
            assert {(await line.answer()).status for _ in range(100)} == {201}

    run(main())


def test_a_chunked_body_over_the_limit_is_refused_when_the_limit_is_passed() -> None:
    async def main() -> None:
        async with house() as h:
            chunks = b"200\r\n" + b"x" * 512 + b"\r\n"
            assert (await exchange(h, LARGE + b"Transfer-Encoding: chunked\r\n\r\n" + chunks * 3))[0] == 413

    run(main())


def test_a_chunked_body_in_single_bytes_is_taken_whole() -> None:
    async def main() -> None:
        async with house() as h, h.http() as door, await Line.open(door.endpoint) as line:
            chunked = LARGE + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 1024 + b"0\r\n\r\n"
            await line.send(chunked)
            assert (await line.answer()).status == 201
            assert await h.contents() == ["x" * 1024]

    run(main())


@pytest.mark.parametrize(
    "endless", [b"1;" + b"x" * 200_000, b"0\r\n" + b"X: y\r\n" * 30_000], ids=["extension", "trailer"]
)
def test_framing_without_end_around_a_small_body_is_refused(endless: bytes) -> None:
    async def main() -> None:
        async with house() as h:
            assert (await exchange(h, LARGE + b"Transfer-Encoding: chunked\r\n\r\n" + endless))[0] == 413

    run(main())


def test_a_request_that_ends_before_its_body_does_is_not_stored() -> None:
    async def main() -> None:
        async with house() as h, h.http() as door, await Line.open(door.endpoint) as line:
            await line.send(post(b"12345")[:-1])
            line.finish()
            assert (await line.answer()).status == 400
            assert await line.ended()
            assert await h.contents() == []

    run(main())


def test_a_client_that_waits_for_100_continue_gets_it_and_then_the_answer() -> None:
    async def main() -> None:
        async with house() as h, h.http() as door, await Line.open(door.endpoint) as line:
            request = post(b"12345", "Expect: 100-Continue")
            await line.send(request[:-5])
            assert (await line.answer()).status == 100
            await line.send(request[-5:])
            assert (await line.answer()).status == 201
            assert await h.contents() == ["12345"]

    run(main())


@pytest.mark.parametrize(("target", "length", "status"), [("/", 5000, 413), ("/data", 5, 404)])
def test_a_client_that_waits_for_100_continue_is_refused_without_it(target: str, length: int, status: int) -> None:
    async def main() -> None:
        async with house() as h:
            request = post(b"x" * length, "Expect: 100-continue", target=target)
            assert (await exchange(h, request[:-length]))[0] == status

    run(main())


def test_100_continue_waits_for_the_answers_before_it() -> None:
    async def main() -> None:
        async with house() as h, h.http() as door, await Line.open(door.endpoint) as line:
            h.store.held = True
            await line.send(post(b"1") + post(b"2", "Expect: 100-continue"))
            await h.store.arrived(2)
            h.store.release()
            assert [(await line.answer()).status for _ in range(3)] == [201, 100, 201]

    run(main())


def test_an_answer_to_head_has_no_body_and_the_connection_goes_on() -> None:
    async def main() -> None:
        async with house() as h, h.http() as door, await Line.open(door.endpoint) as line:
            await line.send(b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n")
            head = await line.reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 405 ")
            assert b"\r\nAllow: POST, PUT\r\n" in head
            await line.send(post(b"1"))
            assert (await line.answer()).status == 201

    run(main())


def test_an_overloaded_door_says_when_to_come_back_and_keeps_the_connection() -> None:
    async def main() -> None:
        async with house() as h, h.http() as door, await Line.open(door.endpoint) as line:
            h.store.full = True
            await line.send(post(b"1"))
            answer = await line.answer()
            assert (answer.status, answer.fields["retry-after"], answer.fields["connection"]) == (
                503,
                "1",
                "keep-alive",
            )

    run(main())


def test_a_fault_of_ours_is_answered_and_ends_the_connection_alone(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with house() as h, h.http() as door, await Line.open(door.endpoint) as line:
            del h.store._entries
            await line.send(post(b"1"))
            answer = await line.answer()
            assert (answer.status, answer.fields["connection"]) == (500, "close")
            assert await line.ended()
            async with await Line.open(door.endpoint) as other:
                await other.send(post(b""))
                assert (await other.answer()).status == 400

    run(main())


async def send_for_ever(line: Line) -> None:
    while True:
        await line.send(bytes(65_536))
        await asyncio.sleep(0)


def test_a_client_that_never_stops_sending_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        monkeypatch.setattr("minori.doors.connection.LINGER_BYTES", 100_000)
        async with house() as h, h.http() as door, await Line.open(door.endpoint) as line:
            await line.send(LARGE + b"Content-Length: 1073741824\r\n\r\n")
            with pytest.raises(ConnectionError):
                await send_for_ever(line)

    run(main())
