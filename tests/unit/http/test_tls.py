"""TLS between a connection and its socket: handshakes, ends, bounds, on both loops."""

import asyncio
import gc
import socket
import ssl
import warnings
import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import cast

import pytest
from structlog.testing import capture_logs

from certificates import Authority, Pair
from doorway import LOOPS, House, house, run, until
from minori.config.address import Endpoint
from minori.doors.connection import WAITING
from minori.doors.http import READ_BYTES as DOOR_BYTES
from minori.doors.sockets import bound, listen
from minori.http.application import Application
from minori.http.exchange import Answer, Request
from minori.http.listener import Listener
from minori.http.tls import PLAIN_BYTES, READ_BYTES, TlsTransport
from secured import SecuredLine
from sending import Line, post

RECORD = 16_384
"""The most plain bytes that one record of TLS bears (RFC 8446, 5.1)."""

EDGES = sorted({0, 1, *(size + by for size in (RECORD, READ_BYTES, PLAIN_BYTES, 1 << 20) for by in (-1, 0, 1))})
REPEATED = 2_000
"""Requests that are more than a connection and its socket take in one breath."""

REFUSED = 10_000
"""Requests whose answers, unread, are more than a bounded socket keeps."""

PUT = b"PUT /a.txt HTTP/1.1\r\nHost: harvest-files.soracom.io\r\nContent-Length: 5\r\n\r\nhello"


class Mirror(Application):
    """Gives back the body it was sent; without one, what was spoken. At `/held` it does once it is let."""

    listener = "api"

    def __init__(self) -> None:
        self.asked, self.let = asyncio.Event(), asyncio.Event()

    async def answer(self, path: str, request: Request) -> Answer:
        body = await request.body(1 << 24)
        if path == "/held":
            self.asked.set()
            await self.let.wait()
        return Answer(200, body or request.scheme.encode())

    def answer_at_once(self, path: str, request: Request) -> Answer | None:
        return Answer(200, request.scheme.encode()) if path == "/v1/now" else None

    def refusal(self, status: int) -> bytes:
        return b"%d" % status


class Bench:
    """A house with a certificate; its HTTPS door, and a listener as the API's."""

    def __init__(self, built: House, authority: Authority, pair: Pair) -> None:
        self.house = built
        self.context = authority.client()
        self._pair = pair

    @asynccontextmanager
    async def at(self, where: str) -> AsyncIterator[Endpoint]:
        """The HTTPS door (`door`) or a listener (`api`), drained at the end."""
        if where == "door":
            async with self.house.http(pair=self._pair) as door:
                self.door = door
                yield door.endpoint
            return
        limits = self.house.limits
        tls, loop = self._pair.tls(limits.head_seconds), asyncio.get_running_loop()
        self.mirror = Mirror()
        self.listener = Listener(self.mirror, limits, self.house.metrics, loop, tls=tls)
        opened = listen(Endpoint("127.0.0.1", 0))
        await self.listener.start(opened)
        try:
            yield bound(opened)
        finally:
            await self.listener.drain()

    def open(self, where: str) -> float:
        """The connections that are admitted."""
        return self.house.metric("minori_connections", listener="api" if where == "api" else "door-https")

    async def line(self, endpoint: Endpoint) -> SecuredLine:
        return await SecuredLine.secure(endpoint, self.context)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def pair(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return authority.pair(tmp_path_factory.mktemp("tls"))


@pytest.fixture(params=LOOPS)
def loop(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(params=["door", "api"])
def where(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@asynccontextmanager
async def bench(authority: Authority, pair: Pair, **limits: int) -> AsyncIterator[Bench]:
    async with house(**limits) as built:
        yield Bench(built, authority, pair)


@contextmanager
def without_collector() -> Iterator[None]:
    """Only what nothing refers to any more is freed."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def asked(body: bytes = b"1", *fields: str) -> bytes:
    """What both listeners answer."""
    return post(body, "Content-Type: application/octet-stream", *fields)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_handshake_that_comes_byte_by_byte_is_a_handshake(
    authority: Authority, pair: Pair, where: str, loop: str, version: ssl.TLSVersion
) -> None:
    async def main() -> None:
        async with bench(authority, pair) as b, b.at(where) as endpoint:
            b.context.minimum_version = b.context.maximum_version = version
            line = await SecuredLine.begin(endpoint, b.context)
            while not line.shake():
                for byte in line.unsent():
                    await line.below.send(bytes([byte]))
                    await asyncio.sleep(0)
                await line.take()
            for byte in line.unsent() + line.sealed(asked()):
                await line.below.send(bytes([byte]))
                await asyncio.sleep(0)
            async with line.pumped():
                assert (await line.answer()).status in {200, 201}

    run(main(), loop)


@pytest.mark.parametrize("how", ["close_notify", "FIN"])
def test_a_client_that_has_said_its_last_still_gets_its_answer(
    authority: Authority, pair: Pair, loop: str, how: str
) -> None:
    async def main() -> None:
        async with bench(authority, pair) as b, b.at("door") as endpoint, await b.line(endpoint) as line:
            b.house.store.held = True
            await line.send(asked())
            if how == "FIN":
                line.below.finish()
            else:
                line.finish()
            await b.house.store.arrived()
            b.house.store.release()
            assert b" 201 " in await line.reader.read()
            assert line.is_notified

        async with bench(authority, pair) as b, b.at("api") as endpoint, await b.line(endpoint) as line:
            await line.send(b"GET /held HTTP/1.1\r\nHost: h\r\n\r\n")
            await b.mirror.asked.wait()
            if how == "FIN":
                line.below.finish()
            else:
                line.finish()
            await asyncio.sleep(0.02)
            b.mirror.let.set()
            assert (await line.reader.read()).endswith(b"https")
            assert line.is_notified

    run(main(), loop)


def test_the_end_after_a_last_answer_is_told_by_close_notify(
    authority: Authority, pair: Pair, where: str, loop: str
) -> None:
    async def main() -> None:
        async with bench(authority, pair) as b, b.at(where) as endpoint, await b.line(endpoint) as line:
            await line.send(asked(b"1", "Connection: close"))
            assert (await line.answer()).status in {200, 201}
            assert await line.ended()
            assert line.is_notified
            await until(lambda: line.is_finished)
            # The client may still be sending what nobody wants; that must not reset the answer.
            await line.send(bytes(100_000))
            await asyncio.sleep(0.02)
            assert b.open(where) == 1
            line.notify()
            await until(lambda: b.open(where) == 0)

    with capture_logs() as logs:
        run(main(), loop)
    assert not [log for log in logs if "failed" in log["event"]]


def test_what_came_with_a_request_that_is_refused_does_not_end_the_connection(
    authority: Authority, pair: Pair, loop: str
) -> None:
    async def main() -> None:
        async with bench(authority, pair) as b, b.at("door") as endpoint, await b.line(endpoint) as line:
            # Read at once, but not taken at once: in this very record, and in two more.
            await line.send(b"rubbish\r\n\r\n" + bytes(3 * RECORD))
            assert (await line.answer()).status == 400
            assert await line.ended()
            await asyncio.sleep(0.02)
            assert b.open("door") == 1
            line.notify()
            await until(lambda: b.open("door") == 0)

    run(main(), loop)


def test_what_comes_behind_the_end_is_thrown_away(authority: Authority, pair: Pair, loop: str) -> None:
    async def main() -> None:
        async with bench(authority, pair) as b, b.at("door") as endpoint, await b.line(endpoint) as line:
            b.house.store.held = True
            await line.send(asked())
            await b.house.store.arrived()
            line.finish()
            await line.below.send(bytes(300_000))
            (connection,) = b.door._connections
            below = cast("TlsTransport", connection._transport)
            await asyncio.sleep(0.05)
            assert below._incoming.pending < READ_BYTES
            b.house.store.release()
            assert (await line.answer()).status == 201

    run(main(), loop)


def test_a_refusal_reaches_a_client_that_is_still_sending(
    authority: Authority, pair: Pair, where: str, loop: str
) -> None:
    async def main() -> None:
        async with bench(authority, pair) as b, b.at(where) as endpoint, await b.line(endpoint) as line:
            size = 900_000
            await line.send(b"POST / HTTP/1.1\r\nHost: h\r\nX: %b" % (b"x" * size))
            answer = await line.answer()
            assert answer.status == 431
            assert await line.ended()

    run(main(), loop)


@pytest.mark.parametrize("size", EDGES)
def test_bodies_pass_unchanged_both_ways(authority: Authority, pair: Pair, size: int) -> None:
    async def main() -> None:
        body = bytes(range(251)) * (size // 251 + 1)
        async with bench(authority, pair) as b, b.at("api") as endpoint, await b.line(endpoint) as line:
            await line.send(asked(body[:size]))
            assert (await line.answer()).body == (body[:size] or b"https")

    run(main())


def test_a_long_body_is_taken_as_fast_as_it_is_wanted(authority: Authority, pair: Pair, loop: str) -> None:
    async def main() -> None:
        async with bench(authority, pair) as b, b.at("api") as endpoint, await b.line(endpoint) as line:
            # More than uvicorn keeps: reading pauses and goes on many times.
            body = bytes(range(256)) * 32_768
            for _ in range(2):
                sending = asyncio.create_task(line.send(asked(body)))
                assert (await line.answer()).body == body
                await sending

    run(main(), loop)


def test_many_requests_in_one_breath_are_answered_in_their_order(authority: Authority, pair: Pair, loop: str) -> None:
    async def main() -> None:
        async with bench(authority, pair) as b, b.at("door") as endpoint, await b.line(endpoint) as line:
            b.house.store.held = True
            requests = [asked(b"%d" % number) for number in range(REPEATED)]
            line.writer.write(b"".join(requests))
            line.below.finish()
            await until(lambda: len(b.door._connections) == 1)
            (connection,) = b.door._connections
            await until(lambda: connection._held)
            await asyncio.sleep(0.02)
            assert b.house.store.waiting <= WAITING + DOOR_BYTES // len(requests[0]) + 1
            assert cast("TlsTransport", connection._transport)._incoming.pending <= READ_BYTES
            b.house.store.held = False
            b.house.store.release()
            assert {(await line.answer()).status for _ in range(REPEATED)} == {201}
            assert b.house.metric("minori_entries_accepted_total", door="http") == REPEATED

    run(main(), loop)


def test_a_client_that_does_not_read_is_not_read_from(authority: Authority, pair: Pair, loop: str) -> None:
    async def main() -> None:
        async with bench(authority, pair) as b, b.at("door") as endpoint:
            line = await SecuredLine.secure(endpoint, b.context, pump=False)
            await until(lambda: len(b.door._connections) == 1)
            (connection,) = b.door._connections
            # What the system keeps of answers is bounded, so that few fill it.
            ours, theirs = connection._transport.get_extra_info("socket"), line.writer.get_extra_info("socket")
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
            line.below.writer.write(line.sealed(post(b"", target="/nothing") * REFUSED))
            await until(lambda: connection._held)
            assert connection._transport.get_write_buffer_size() < 100_000
            async with line.pumped():
                assert {(await line.answer()).status for _ in range(REFUSED)} == {404}

    run(main(), loop)


def test_what_is_spoken_is_known_to_whoever_answers(authority: Authority, pair: Pair, loop: str) -> None:
    async def main() -> None:
        async with bench(authority, pair) as b, b.at("api") as endpoint, await b.line(endpoint) as line:
            for target in ("/v1/now", "/v1/later"):
                await line.send(f"GET {target} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
                assert (await line.answer()).body == b"https"

    run(main(), loop)


def test_a_request_for_files_is_handed_over_with_its_connection(authority: Authority, pair: Pair, loop: str) -> None:
    async def main() -> None:
        async with house() as h, h.http(files=Mirror(), pair=pair) as door:
            async with await SecuredLine.secure(door.endpoint, authority.client()) as line:
                for byte in PUT:
                    await line.send(bytes([byte]))
                assert (await line.answer()).body == b"hello"
                await line.send(PUT.replace(b"PUT", b"GET").replace(b"5\r\n\r\nhello", b"0\r\n\r\n"))
                assert (await line.answer()).body == b"https"
            await until(lambda: door._admission.open == 0)

    run(main(), loop)


def test_half_open_handshakes_are_counted_in_the_caps_and_hold_nothing_beyond(
    authority: Authority, pair: Pair, where: str, loop: str
) -> None:
    async def main() -> None:
        async with bench(authority, pair, connections=5) as b, b.at(where) as endpoint:
            lines = [await SecuredLine.begin(endpoint, b.context) for _ in range(5)]
            for line in lines[:3]:
                assert not line.shake()
                await line.below.send(line.unsent()[:100])
            await until(lambda: b.open(where) == 5)
            async with await Line.open(endpoint) as sixth:
                assert await sixth.ended()
            name = "api" if where == "api" else "door-https"
            assert b.house.metric("minori_connections_refused_total", listener=name, reason="total") == 1
            for line in lines:
                await line.below.close()
            await until(lambda: b.open(where) == 0)
            async with await b.line(endpoint) as line:
                await line.send(asked())
                assert (await line.answer()).status in {200, 201}

    run(main(), loop)


def test_a_handshake_that_takes_too_long_is_cut_off_and_nothing_else_is(
    authority: Authority, pair: Pair, where: str
) -> None:
    async def main() -> None:
        async with bench(authority, pair, head_seconds=1) as b, b.at(where) as endpoint, await b.line(endpoint) as line:
            silent, slow = await Line.open(endpoint), await SecuredLine.begin(endpoint, b.context)
            assert not slow.shake()
            hello = slow.unsent()
            await until(lambda: b.open(where) == 3)

            async def drip() -> None:
                for byte in hello:
                    await slow.below.send(bytes([byte]))
                    await asyncio.sleep(0.1)

            dripping = asyncio.create_task(drip())
            await until(lambda: b.open(where) == 1)
            dripping.cancel()
            await asyncio.wait([dripping])
            await line.send(asked())
            assert (await line.answer()).status in {200, 201}
            await silent.close()
            await slow.below.close()

    run(main())


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", b"CONNECT h:1 HTTP/1.1\r\n\r\n"])
def test_who_speaks_plain_http_is_told_so(authority: Authority, pair: Pair, where: str, loop: str, said: bytes) -> None:
    async def main() -> None:
        async with bench(authority, pair) as b, b.at(where) as endpoint, await Line.open(endpoint) as line:
            await line.send(said)
            answer = await line.answer()
            assert (answer.status, answer.body) == (400, b"This port speaks HTTPS; ask with https://\n")
            assert await line.ended()
            await until(lambda: b.open(where) == 0)

    with capture_logs() as logs:
        run(main(), loop)
    assert {log["log_level"] for log in logs if log["event"] != "a certificate is in use"} == {"debug"}


@pytest.mark.parametrize("said", [b"\0" * 50, b"\x16\x03\x01\xff\xff" + bytes(70_000), b"POST", b"201"])
def test_what_is_no_handshake_ends_quietly(
    authority: Authority, pair: Pair, where: str, loop: str, said: bytes
) -> None:
    async def main() -> None:
        async with bench(authority, pair) as b, b.at(where) as endpoint:
            line = await Line.open(endpoint)
            await line.send(said)
            line.finish()
            await until(lambda: b.open(where) == 0)
            await line.close()

    with capture_logs() as logs:
        run(main(), loop)
    assert not [log for log in logs if log["log_level"] not in {"debug", "info"}]


def test_damaged_and_reset_connections_end_quietly(authority: Authority, pair: Pair, where: str, loop: str) -> None:
    async def main() -> None:
        async with bench(authority, pair) as b, b.at(where) as endpoint:
            damaged, reset = await b.line(endpoint), await b.line(endpoint)
            sealed = bytearray(damaged.sealed(asked()))
            sealed[-1] ^= 1
            await damaged.below.send(bytes(sealed))
            reset.reset()
            half = await SecuredLine.begin(endpoint, b.context)
            half.shake()
            await half.flush()
            half.reset()
            await until(lambda: b.open(where) == 0)
            await damaged.close()
            assert not await b.house.entries()

    with capture_logs() as logs:
        run(main(), loop)
    assert not [log for log in logs if log["log_level"] not in {"debug", "info"}]


def test_a_connection_that_has_ended_is_freed_at_once(authority: Authority, pair: Pair, loop: str) -> None:
    async def main() -> None:
        async with bench(authority, pair) as b, b.at("door") as endpoint:
            freed = []
            with without_collector():
                async with await b.line(endpoint) as line:
                    await line.send(asked())
                    assert (await line.answer()).status == 201
                    freed += [weakref.ref(each) for each in gc.get_objects() if isinstance(each, TlsTransport)]
                await until(lambda: all(each() is None for each in freed))
            assert freed

    run(main(), loop)


def test_tls_1_1_is_refused(authority: Authority, pair: Pair, where: str) -> None:
    async def main() -> None:
        async with bench(authority, pair) as b, b.at(where) as endpoint:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                b.context.minimum_version = b.context.maximum_version = ssl.TLSVersion.TLSv1_1
            b.context.set_ciphers("DEFAULT:@SECLEVEL=0")
            with pytest.raises(ssl.SSLError, match=r"(?i)protocol.version"):
                await b.line(endpoint)

    run(main())


@pytest.mark.parametrize(("offered", "agreed"), [(["h2", "http/1.1"], "http/1.1"), (["h2"], None), ([], None)])
def test_http_1_1_is_what_is_agreed_on(
    authority: Authority, pair: Pair, where: str, offered: list[str], agreed: str | None
) -> None:
    async def main() -> None:
        async with bench(authority, pair) as b, b.at(where) as endpoint:
            if offered:
                b.context.set_alpn_protocols(offered)
            async with await b.line(endpoint) as line:
                assert line.tls.selected_alpn_protocol() == agreed
                await line.send(asked())
                assert (await line.answer()).status in {200, 201}

    run(main())


@pytest.mark.parametrize("name", ["elsewhere.example", None])
def test_whatever_name_a_client_asks_for_it_gets_the_one_certificate(
    authority: Authority, pair: Pair, where: str, name: str | None
) -> None:
    async def main() -> None:
        async with bench(authority, pair) as b, b.at(where) as endpoint:
            b.context.check_hostname = False
            async with await SecuredLine.secure(endpoint, b.context, name=name) as line:
                assert line.tls.getpeercert()

    run(main())


def test_a_stop_ends_handshakes_and_idle_connections_and_answers_what_is_under_way(
    authority: Authority, pair: Pair, loop: str
) -> None:
    async def main() -> None:
        async with bench(authority, pair) as b, b.at("door") as endpoint:
            half, idle, asking = await Line.open(endpoint), await b.line(endpoint), await b.line(endpoint)
            await idle.send(asked())
            assert (await idle.answer()).status == 201
            b.house.store.held = True
            await asking.send(asked())
            await b.house.store.arrived()
            await until(lambda: b.open("door") == 3)
            stop = asyncio.create_task(b.door.drain())
            assert await half.ended()
            assert await idle.ended()
            assert idle.is_notified
            b.house.store.release()
            assert (await asking.answer()).status == 201
            assert await asking.ended()
            for line in (half, idle, asking):
                await line.close()
            await stop

    run(main(), loop)


def test_a_stop_of_the_api_ends_handshakes_and_idle_connections(authority: Authority, pair: Pair, loop: str) -> None:
    async def main() -> None:
        async with bench(authority, pair) as b, b.at("api") as endpoint:
            half, idle = await Line.open(endpoint), await b.line(endpoint)
            await idle.send(asked())
            assert (await idle.answer()).status == 200
            await until(lambda: b.open("api") == 2)
            await b.listener.drain()
            assert await half.ended()
            assert await idle.ended()
            assert idle.is_notified
            for line in (half, idle):
                await line.close()

    run(main(), loop)
