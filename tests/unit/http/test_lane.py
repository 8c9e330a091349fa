"""The fast lane: what is a plain read, what is remembered of it, and answers that are held, in parts, or not taken."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from doorway import LOOPS, run, until
from minori.config.address import Endpoint
from minori.config.settings import Limits
from minori.doors.sockets import bound, listen
from minori.http import lane as module
from minori.http.application import Application
from minori.http.connection import Connection
from minori.http.exchange import Answer, Buffer, Request
from minori.http.heads import LARGE
from minori.http.lane import HEAD_BYTES, HEADERS, REMEMBERED, Lane, Read
from minori.http.listener import Listener
from minori.http.outbox import HELD, HELD_BYTES, Outbox
from minori.observe.metrics import Metrics

LIMIT = Limits().head_bytes
PARTS: dict[str, list[Buffer]] = {
    "/v1/none": [b""],
    "/v1/short": [b"[", memoryview(b"{}"), b"]"],
    "/v1/edge": [b"x" * (LARGE // 2)] * 2,
    "/v1/long": [b"[", memoryview(b"y" * LARGE), b",", b"z" * LARGE * 3, b"]"],
}


class Parted(Application):
    """Answers a path in parts, at once below `/v1/`."""

    listener = "api"

    async def answer(self, path: str, request: Request) -> Answer:  # noqa: ARG002 - as the seam has it
        return Answer(200, parts=PARTS[path])

    def answer_at_once(self, path: str, request: Request) -> Answer | None:  # noqa: ARG002 - as the seam has it
        return Answer(200, parts=PARTS[path])

    def refusal(self, status: int) -> bytes:
        return b"%d" % status


@asynccontextmanager
async def serving(*, at_once: bool = True) -> AsyncIterator[tuple[Listener, Endpoint]]:
    listener = Listener(Parted(), Limits(), Metrics(), asyncio.get_running_loop(), at_once=at_once)
    opened = listen(Endpoint("127.0.0.1", 0))
    where = bound(opened)
    await listener.start(opened)
    try:
        yield listener, where
    finally:
        await listener.drain()


@asynccontextmanager
async def line(where: Endpoint) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(where.host, where.port, limit=1 << 20)
    try:
        yield reader, writer
    finally:
        writer.close()


@pytest.fixture(autouse=True)
def crowd(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let answers be held however few connections there are."""
    monkeypatch.setattr("minori.http.connection.CROWD", 0)


def ask(path: str, *lines: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: h", *lines, "", ""]).encode()


async def body(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return await reader.readexactly(length)


def read(data: bytes, start: int = 0) -> Read | None:
    return Lane(LIMIT).read(data, start)


def test_a_plain_read_is_its_path_its_query_and_its_headers() -> None:
    found = read(ask("/v1/data/A/b%20c?from=1&to=2", "X-A: \t1", "X-B:"))
    assert found is not None
    assert (found.path, found.query) == ("/v1/data/A/b%20c", b"from=1&to=2")
    assert list(found.headers) == [(b"host", b"h"), (b"x-a", b"1"), (b"x-b", b"")]


@pytest.mark.parametrize("known", [False, True])
def test_reads_behind_one_another_are_found_one_by_one(*, known: bool) -> None:
    lane = Lane(LIMIT)
    first, second = ask("/v1/a?b"), ask("/v1/c", "X-A: 1")
    if known:
        for one in first, second:
            assert lane.read(one, 0) is not None
    data = first + second + b"GET /v1/"
    found = lane.read(data, 0)
    assert found is not None
    assert (found.path, found.end) == ("/v1/a", len(first))
    found = lane.read(data, found.end)
    assert found is not None
    assert (found.path, found.query, found.end) == ("/v1/c", b"", len(first) + len(second))
    assert lane.read(data, found.end) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GET",
        ask("/v1/a")[:-1],
        ask("/v1/a")[:-2],
        b"GET /v1/a HTTP/1.1\r\n",
        ask("/healthz"),
        ask("/v1"),
        ask("/v1/a", method="HEAD"),
        ask("/v1/a#b"),
        ask("/v1/a|b"),
        b"GET /v1/\xe9 HTTP/1.1\r\n\r\n",
        ask("/v1/a", "Content-Length: 0"),
        ask("/v1/a", "Transfer-Encoding: chunked"),
        ask("/v1/a", "Expect: 100-continue"),
        ask("/v1/a", "Upgrade: h2c"),
        ask("/v1/a", "Upgrade: h2c", "Connection: Upgrade"),
        ask("/v1/a", "Connection: close"),
        ask("/v1/a", "Proxy-Connection: close"),
        ask("/v1/a", "X: y\n\nGET /v1/b HTTP/1.1"),
        ask("/v1/a", "X : y"),
        ask("/v1/a", *["X: y"] * HEADERS),
        ask("/v1/a", "X: " + "y" * HEAD_BYTES),
        ask("/v1/" + "a" * HEAD_BYTES),
        b"GET /v1/a HTTP/1.0\r\nHost: h\r\n\r\n",
    ],
)
def test_whatever_is_more_or_less_than_a_plain_read_has_to_be_parsed(data: bytes) -> None:
    lane = Lane(LIMIT)
    assert lane.read(data, 0) is None
    assert lane.read(data, 0) is None


def test_a_head_without_headers_is_a_plain_read() -> None:
    found = read(b"GET /v1/a HTTP/1.1\r\n\r\n")
    assert found is not None
    assert list(found.headers) == []


def test_heads_beyond_the_listener_s_own_limit_have_to_be_parsed() -> None:
    data = ask("/v1/a", "X: " + "y" * 1_100)
    assert Lane(1_024).read(data, 0) is None
    assert Lane(len(data)).read(data, 0) is not None
    assert Lane(0).read(ask("/v1/a"), 0) is None


def test_what_is_remembered_has_a_bound_and_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[bytes] = []
    taken_apart = module._taken_apart

    def counting(section: bytes) -> object:
        taken.append(section)
        return taken_apart(section)

    monkeypatch.setattr(module, "_taken_apart", counting)
    lane = Lane(LIMIT)
    for number in (*range(REMEMBERED), *range(REMEMBERED)):
        assert lane.read(ask(f"/v1/{number}", f"X: {number}"), 0) is not None
    assert len(taken) == REMEMBERED
    lane.read(ask("/v1/a", "X: another"), 0)
    lane.read(ask("/v1/a", "X: 1"), 0)
    assert len(taken) == REMEMBERED + 1
    lane.read(ask("/v1/a", "X: 0"), 0)
    assert len(taken) == REMEMBERED + 2
    assert (len(lane._heads), len(lane._sections)) == (REMEMBERED, REMEMBERED)
    lane.forget()
    assert (len(lane._heads), len(lane._sections)) == (0, 0)
    lane.read(ask("/v1/a", "X: 1"), 0)
    assert len(taken) == REMEMBERED + 3


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("path", PARTS)
def test_an_answer_in_parts_is_its_parts(loop: str, path: str, *, at_once: bool) -> None:
    async def main() -> None:
        async with serving(at_once=at_once) as (listener, where), line(where) as (reader, writer):
            for _ in range(3):
                writer.write(ask(path))
                assert await body(reader) == b"".join(PARTS[path])
            assert listener.state.total_requests == (0 if at_once else 3)
            writer.write(ask(path, method="HEAD") + ask("/v1/short", "Connection: close"))
            head = await reader.readuntil(b"\r\n\r\n")
            assert b"content-length: %d\r\n" % sum(map(len, PARTS[path])) in head
            assert (await reader.read()).endswith(b"\r\n\r\n[{}]")

    run(main(), loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_as_many_as_ask_at_once_are_answered(loop: str) -> None:
    async def main() -> None:
        async with serving() as (_, where):
            lines = [await asyncio.open_connection(where.host, where.port) for _ in range(3 * HELD // 2)]
            for _ in range(2):
                for _, writer in lines:
                    writer.write(ask("/v1/short"))
                assert [await body(reader) for reader, _ in lines] == [b"[{}]"] * len(lines)
            for _, writer in lines:
                writer.close()

    run(main(), loop)


@asynccontextmanager
async def alone() -> AsyncIterator[tuple[Listener, Connection, asyncio.StreamReader]]:
    """A listener with one connection, whose reads a test makes itself, so that they come as they are cut."""
    async with serving() as (listener, where), line(where) as (reader, _):
        await until(lambda: bool(listener.state.connections))
        (connection,) = listener.state.connections
        assert isinstance(connection, Connection)
        yield listener, connection, reader


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("how", ["eof", "stop"])
def test_an_answer_that_is_held_is_out_before_the_connection_ends(loop: str, how: str) -> None:
    async def main() -> None:
        async with alone() as (_, connection, reader):
            connection.data_received(ask("/v1/short"))
            if how == "eof":
                assert not connection.eof_received()
                connection.transport.close()
            else:
                gone = connection.finish()
            assert (await reader.read()).endswith(b"[{}]")
            if how == "stop":
                await gone

    run(main(), loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_what_follows_on_an_answer_that_is_held_comes_behind_it(loop: str) -> None:
    async def main() -> None:
        async with alone() as (_, connection, reader):
            connection.data_received(ask("/v1/short"))
            connection.data_received(b"rubbish\r\n\r\n")
            told = await reader.read(4096)
            assert told.startswith(b"HTTP/1.1 200 ")
            assert b"[{}]HTTP/1.1 400 " in told

    run(main(), loop)


INSIDE = ask("/v1/short")
CLOSE = "Connection: close"


@pytest.mark.parametrize(
    ("begun", "end"),
    [
        (ask("/v1/none", CLOSE)[:-2] + b"X: ", b""),
        (ask("/v1/none", CLOSE)[:-2], b""),
        (ask("/v1/no", CLOSE)[:7], b""),
        (ask("/v1/none", CLOSE, f"Content-Length: {len(INSIDE)}", method="POST"), b""),
        (ask("/v1/none", CLOSE, f"Content-Length: {len(INSIDE) + 1}", method="POST"), b"x"),
        (
            ask("/v1/none", CLOSE, "Transfer-Encoding: chunked", method="POST") + b"%x\r\n" % len(INSIDE),
            b"\r\n0\r\n\r\n",
        ),
        (ask("/v1/none", CLOSE, "Transfer-Encoding: chunked", method="POST") + b"0\r\n", b"X: y\r\n\r\n"),
    ],
)
def test_what_looks_like_a_read_within_another_request_is_none(begun: bytes, end: bytes) -> None:
    """However the client's bytes are cut into reads: else one request could be taken for two."""

    async def told(*pieces: bytes) -> bytes:
        async with alone() as (_, connection, reader):
            for piece in pieces:
                connection.data_received(piece)
            return b"".join([line for line in (await reader.read()).splitlines(True) if not line.startswith(b"date")])

    async def main() -> None:
        cut, whole = await told(begun, INSIDE, end), await told(begun + INSIDE + end)
        assert whole.count(b"HTTP/1.1 ") == 1
        assert b"[{}]" not in whole
        assert cut == whole

    run(main())


def test_an_answer_at_once_begins_the_time_that_a_connection_may_be_idle() -> None:
    async def main() -> None:
        async with alone() as (listener, connection, reader):
            made, idle = listener.loop.time(), listener.limits.idle_seconds
            await asyncio.sleep(0.05)
            connection.data_received(ask("/v1/short"))
            connection.end_if_late(made + idle + 0.02)
            assert await body(reader) == b"[{}]"
            connection.end_if_late(made + idle + 60)
            assert await reader.read() == b""

    run(main())


@pytest.mark.parametrize("loop", LOOPS)
def test_a_client_that_takes_no_answers_makes_no_memory_grow(loop: str) -> None:
    answer = sum(map(len, PARTS["/v1/long"]))

    async def main() -> None:
        async with alone() as (_, connection, reader):
            connection.data_received(ask("/v1/long") * 200)
            waiting = connection.transport.get_write_buffer_size()
            assert waiting < 3 * answer
            for _ in range(20):
                connection.data_received(ask("/v1/short"))
                await asyncio.sleep(0)
            assert connection.transport.get_write_buffer_size() <= waiting
            assert reader is not None

    run(main(), loop)


class Held:
    """Something that has an answer to write."""

    def __init__(self) -> None:
        self.written = 0

    def write_held(self) -> None:
        self.written += 1


def test_answers_are_held_for_one_turn_of_the_loop() -> None:
    async def main() -> None:
        outbox, holders = Outbox(asyncio.get_running_loop()), [Held(), Held()]
        for holder in holders:
            outbox.add(holder, 100)
        assert [holder.written for holder in holders] == [0, 0]
        await asyncio.sleep(0)
        assert [holder.written for holder in holders] == [1, 1]
        outbox.flush()
        assert [holder.written for holder in holders] == [1, 1]

    run(main())


@pytest.mark.parametrize(("count", "size"), [(HELD, 1), (2, HELD_BYTES // 2)])
def test_neither_many_answers_nor_many_bytes_are_held(count: int, size: int) -> None:
    async def main() -> None:
        outbox, holder = Outbox(asyncio.get_running_loop()), Held()
        for _ in range(count - 1):
            outbox.add(holder, size)
        assert holder.written == 0
        outbox.add(holder, size)
        assert holder.written == count

    run(main())
