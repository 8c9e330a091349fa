"""How the HTTP door hands a connection over to the file door, and what happens on it from then on."""

import asyncio

import pytest

from doorway import LOOPS, House, house, run, until
from minori.codec.entry import encode_json
from minori.config.address import Endpoint
from minori.http.application import Application, ClientGone
from minori.http.exchange import Answer, Request
from sending import Line, post

PUT = b"PUT /a.txt HTTP/1.1\r\nHost: harvest-files.soracom.io\r\nContent-Length: 5\r\n\r\nhello"
GET = b"GET /a.txt?b=c HTTP/1.1\r\nHost: Harvest-Files.example:8880\r\n\r\n"


class Echo(Application):
    """Tells what it was asked, once it is let; it knows no host that is not its own."""

    listener = "door-http"

    def __init__(self) -> None:
        self.let = asyncio.Event()
        self.let.set()
        self.asked = 0
        self.gone = 0

    async def answer(self, path: str, request: Request) -> Answer:
        self.asked += 1
        try:
            body = await request.body(1 << 24)
        except ClientGone:
            self.gone += 1
            raise
        await self.let.wait()
        told = f"{request.method} {path} {request.header(b'host')} {request.address} {len(body)}"
        return Answer(200, encode_json({"message": told}))

    def answer_at_once(self, path: str, request: Request) -> Answer | None:  # noqa: ARG002 - it never does
        return None

    def refusal(self, status: int) -> bytes:
        return encode_json({"message": str(status)})


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deadlines are looked at often, so that nothing waits for longer than they last."""
    monkeypatch.setattr("minori.http.listener.TICK_SECONDS", 0.05)
    monkeypatch.setattr("minori.http.connection.LINGER_SECONDS", 1)


@pytest.fixture(params=LOOPS)
def loop(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


async def told(line: Line) -> tuple[int, str]:
    """Status and sentence of the next answer."""
    answer = await line.answer()
    return answer.status, answer.message


def open_connections(h: House) -> float:
    return h.metric("minori_connections", listener="door-http")


def test_a_request_for_files_is_answered_by_the_file_door(loop: str) -> None:
    async def main() -> None:
        async with house() as h, h.http(files=Echo()) as door, await Line.open(door.endpoint) as line:
            await line.send(PUT)
            assert await told(line) == (200, "PUT /a.txt harvest-files.soracom.io 127.0.0.1 5")
            await line.send(GET)
            assert await told(line) == (200, "GET /a.txt Harvest-Files.example:8880 127.0.0.1 0")

    run(main(), loop)


def test_a_device_on_ipv4_is_known_as_such_at_a_door_on_ipv6(loop: str) -> None:
    async def main() -> None:
        async with (
            house() as h,
            h.http(Endpoint("::", 0), Echo()) as door,
            await Line.open(Endpoint("127.0.0.1", door.endpoint.port)) as line,
        ):
            await line.send(PUT)
            assert (await told(line))[1].endswith(" 127.0.0.1 5")

    run(main(), loop)


def test_a_request_that_comes_byte_by_byte_is_handed_over_whole(loop: str) -> None:
    async def main() -> None:
        async with house() as h, h.http(files=Echo()) as door, await Line.open(door.endpoint) as line:
            for byte in b"\r\n" + PUT:
                await line.send(bytes([byte]))
                await asyncio.sleep(0)
            assert await told(line) == (200, "PUT /a.txt harvest-files.soracom.io 127.0.0.1 5")

    run(main(), loop)


@pytest.mark.parametrize(
    "request_line",
    [b"PUT /a.txt HTTP/1.1\r\nHost: harvest-files.x", b"PUT http://harvest-files.x/a.txt HTTP/1.1\r\nHost: other"],
)
def test_a_request_cut_in_two_anywhere_is_handed_over_whole(request_line: bytes, loop: str) -> None:
    async def main() -> None:
        message = request_line + b"\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
        async with house() as h, h.http(files=Echo()) as door:
            for at in range(1, len(message)):
                async with await Line.open(door.endpoint) as line:
                    await line.send(message[:at])
                    await asyncio.sleep(0)
                    await line.send(message[at:])
                    assert await told(line) == (200, "PUT /a.txt harvest-files.x 127.0.0.1 2")

    run(main(), loop)


def test_requests_for_files_in_one_breath_are_answered_in_their_order(loop: str) -> None:
    async def main() -> None:
        async with house() as h, h.http(files=Echo()) as door, await Line.open(door.endpoint) as line:
            await line.send(PUT + GET + PUT)
            assert [(await told(line))[1].split()[0] for _ in range(3)] == ["PUT", "GET", "PUT"]

    run(main(), loop)


def test_a_body_larger_than_any_buffer_arrives(loop: str) -> None:
    async def main() -> None:
        async with house() as h, h.http(files=Echo()) as door, await Line.open(door.endpoint) as line:
            size = 3_000_000
            await line.send(PUT.replace(b"Content-Length: 5", b"Content-Length: %d" % size)[:-5] + bytes(size))
            assert await told(line) == (200, f"PUT /a.txt harvest-files.soracom.io 127.0.0.1 {size}")

    run(main(), loop)


def test_an_offer_to_upgrade_is_passed_over() -> None:
    async def main() -> None:
        async with house() as h, h.http(files=Echo()) as door, await Line.open(door.endpoint) as line:
            await line.send(PUT.replace(b"Host", b"Connection: Upgrade\r\nUpgrade: h2c\r\nHost"))
            assert await told(line) == (200, "PUT /a.txt harvest-files.soracom.io 127.0.0.1 5")

    run(main())


def test_who_expects_to_be_told_to_go_on_is_told_once_and_by_the_file_door() -> None:
    async def main() -> None:
        async with house() as h, h.http(files=Echo()) as door, await Line.open(door.endpoint) as line:
            await line.send(PUT.replace(b"Host", b"Expect: 100-continue\r\nHost")[:-5])
            assert await line.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            await line.send(b"hello")
            assert (await told(line))[0] == 200

    run(main())


def test_a_connection_that_has_sent_data_may_go_on_to_files_but_not_back(loop: str) -> None:
    async def main() -> None:
        async with house() as h, h.http(files=Echo()) as door, await Line.open(door.endpoint) as line:
            await line.send(post(b"1"))
            assert (await line.answer()).status == 201
            await line.send(PUT)
            assert (await told(line))[0] == 200
            await line.send(post(b"2"))
            assert await told(line) == (200, "POST / harvest.soracom.io 127.0.0.1 1")
            assert await h.contents() == ["1"]

    run(main(), loop)


@pytest.mark.parametrize("cut", [0, 1, 20, len(PUT)])
@pytest.mark.parametrize(("first", "status"), [(post(b"1"), 201), (b"GET / HTTP/1.1\r\n\r\n", 405)])
def test_a_request_for_files_in_one_breath_with_another_is_misdirected(
    first: bytes, status: int, cut: int, loop: str
) -> None:
    async def main() -> None:
        async with house() as h, h.http(files=Echo()) as door, await Line.open(door.endpoint) as line:
            await line.send(first + PUT[:cut])
            assert (await line.answer()).status == status
            await line.send(PUT[cut:])
            answer = await line.answer()
            if cut == 0:
                assert answer.status == 200
            else:
                assert (answer.status, answer.fields["connection"]) == (421, "close")
                assert "connect anew" in answer.message
                assert await line.ended()
                assert h.metric("minori_payloads_refused_total", door="http", reason="Misdirected") == 1
            assert len(await h.entries()) == (status == 201)

    run(main(), loop)


def test_a_request_for_files_before_the_answer_to_data_is_misdirected(loop: str) -> None:
    async def main() -> None:
        async with house() as h, h.http(files=Echo()) as door, await Line.open(door.endpoint) as line:
            h.store.held = True
            await line.send(post(b"1"))
            await h.store.arrived()
            await line.send(PUT)
            await until(lambda: any(connection.ending for connection in door._connections))
            h.store.release()
            assert (await line.answer()).status == 201
            assert (await line.answer()).status == 421
            assert await line.ended()

    run(main(), loop)


@pytest.mark.parametrize("over", [b"X: " + b"x" * 40_000, b"\r\n".join(b"X%d: y" % n for n in range(130))])
def test_the_bounds_of_a_head_hold_before_anything_is_handed_over(over: bytes) -> None:
    async def main() -> None:
        echo = Echo()
        async with house() as h, h.http(files=echo) as door, await Line.open(door.endpoint) as line:
            await line.send(PUT.replace(b"Host", over + b"\r\nHost"))
            assert (await line.answer()).status == 431
            assert echo.asked == 0

    run(main())


def test_what_a_head_brought_is_kept_only_until_it_is_whole() -> None:
    async def main() -> None:
        async with house() as h, h.http(files=Echo()) as door, await Line.open(door.endpoint) as line:
            request = post(b"12")
            await line.send(request[:10])
            await until(lambda: any(connection.unfinished for connection in door._connections))
            (connection,) = door._connections
            assert connection._begun == request[:10]  # type: ignore[attr-defined]  # a door over HTTP has no others
            await line.send(request[10:-1])
            await until(lambda: not connection._begun)  # type: ignore[attr-defined]  # as above
            await line.send(request[-1:])
            assert (await line.answer()).status == 201

    run(main())


def test_a_connection_handed_over_is_counted_once_and_forgotten_at_its_end(loop: str) -> None:
    async def main() -> None:
        async with house(connections=1) as h, h.http(files=Echo()) as door:
            for _ in range(3):
                async with await Line.open(door.endpoint) as line:
                    await line.send(PUT)
                    assert (await told(line))[0] == 200
                    assert open_connections(h) == 1
                    async with await Line.open(door.endpoint) as second:
                        assert (await second.answer()).status == 503
                await until(lambda: open_connections(h) == 0)
            assert not door._connections
            assert door._admission.open == 0

    run(main(), loop)


@pytest.mark.parametrize(("limits", "sent"), [({"idle_seconds": 1}, PUT), ({"body_seconds": 1}, PUT[:-1])])
def test_a_connection_handed_over_is_ended_when_it_is_late(limits: dict[str, int], sent: bytes) -> None:
    async def main() -> None:
        async with house(**limits) as h, h.http(files=Echo()) as door, await Line.open(door.endpoint) as line:
            await line.send(sent)
            assert (await line.answer()).status == (200 if sent == PUT else 408)
            assert await line.ended()

    run(main())


def test_after_the_last_answer_line_ends_are_taken_in_but_not_for_ever(loop: str) -> None:
    async def main() -> None:
        async with house() as h, h.http(files=Echo()) as door, await Line.open(door.endpoint) as line:
            await line.send(PUT.replace(b"Host", b"Connection: close\r\nHost"))
            assert (await told(line))[0] == 200
            assert await line.ended()
            for _ in range(10):
                await line.send(b"\r\n")
                await asyncio.sleep(0.01)
            assert open_connections(h) == 1
            await until(lambda: open_connections(h) == 0)

    run(main(), loop)


def test_a_stop_waits_for_what_is_under_way_at_the_file_door(loop: str) -> None:
    async def main() -> None:
        echo = Echo()
        async with house() as h, h.http(files=echo) as door:
            async with await Line.open(door.endpoint) as idle, await Line.open(door.endpoint) as busy:
                await idle.send(PUT)
                await told(idle)
                echo.let.clear()
                await busy.send(PUT[:-1])
                await until(lambda: echo.asked == 2)
                draining = asyncio.create_task(door.drain())
                assert await idle.ended()
                await busy.send(PUT[-1:])
                echo.let.set()
                answer = await busy.answer()
                assert (answer.status, answer.fields["connection"]) == (200, "close")
                assert await busy.ended()
                await draining
            assert open_connections(h) == 0

    run(main(), loop)


def test_a_stop_ends_what_will_not_end_at_the_file_door() -> None:
    async def main() -> None:
        echo = Echo()
        async with house(drain_seconds=0) as h, h.http(files=echo) as door, await Line.open(door.endpoint) as line:
            await line.send(PUT[:-1])
            await until(lambda: echo.asked == 1)
            await door.drain()
            await until(lambda: echo.gone == 1)
            assert open_connections(h) == 0

    run(main())


def test_a_head_that_was_unfinished_when_the_stop_began_is_told_so(loop: str) -> None:
    async def main() -> None:
        echo = Echo()
        async with house() as h, h.http(files=echo) as door, await Line.open(door.endpoint) as line:
            await line.send(PUT[:20])
            await until(lambda: any(connection.unfinished for connection in door._connections))
            draining = asyncio.create_task(door.drain())
            await until(lambda: door.stopping)
            await line.send(PUT[20:])
            assert (await line.answer()).status == 503
            assert await line.ended()
            await line.close()
            await draining
            assert echo.asked == 0

    run(main(), loop)


def test_a_client_that_is_gone_in_mid_upload_leaves_nothing_open(loop: str) -> None:
    async def main() -> None:
        echo = Echo()
        async with house() as h, h.http(files=echo) as door:
            line = await Line.open(door.endpoint)
            await line.send(PUT[:-1])
            await until(lambda: echo.asked == 1)
            line.reset()
            await until(lambda: echo.gone == 1 and open_connections(h) == 0)

    run(main(), loop)


def test_the_door_forgets_what_it_handed_over_and_leaves_nothing_of_its_own_on_it(loop: str) -> None:
    async def main() -> None:
        async with house() as h, h.http(files=Echo()) as door, await Line.open(door.endpoint) as line:
            await line.send(PUT)
            await told(line)
            assert not door._connections
            (connection,) = door.files.state.connections
            assert connection.transport.get_write_buffer_limits() == (16_384, 65_536)

    run(main(), loop)
