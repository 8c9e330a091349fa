"""The heads that the HTTP door remembers; that it means the same by them is held in tests/property."""

from typing import Any

import pytest

from doorway import house, run, until
from minori.config.settings import Limits
from minori.doors import heads
from minori.doors.heads import HEAD_BYTES, Heads
from minori.doors.http import HttpDoor
from minori.doors.http_connection import HttpConnection
from minori.doors.route import HARVEST_DATA
from minori.model.payload import Payload
from sending import Line, post

JSON = "Content-Type: application/json"


class Unasked:
    """A parser that must not be asked."""

    def feed_data(self, data: Any) -> None:
        raise AssertionError(data)


def kept(door: HttpDoor) -> list[bytes]:
    return list(door.heads._kept)


async def only(door: HttpDoor) -> HttpConnection:
    """The one connection of a door, once it is there."""
    await until(lambda: len(door._connections) == 1)
    connection = next(iter(door._connections))
    assert isinstance(connection, HttpConnection)
    return connection


def test_a_head_is_taken_apart_once_and_on_whichever_connection() -> None:
    async def main() -> None:
        async with house() as h, h.http() as door:
            for number in range(2):
                async with await Line.open(door.endpoint) as line:
                    await line.send(post(b'{"n":1}', JSON))
                    assert (await line.answer()).status == 201
                    (await only(door))._parser = Unasked()  # type: ignore[assignment]  # that is the point
                    await line.send(post(b'{"n":2}', JSON) * 2)
                    assert [(await line.answer()).status for _ in range(2)] == [201, 201]
                    assert await h.contents() == ['{"n":1}', '{"n":2}', '{"n":2}'] * (number + 1)
                await until(lambda: not door._connections)

    run(main())


def test_a_stray_line_end_behind_the_body_does_not_hinder() -> None:
    async def main() -> None:
        async with house() as h, h.http() as door, await Line.open(door.endpoint) as line:
            for _ in range(3):
                await line.send(post(b"1") + b"\r\n")
                assert (await line.answer()).status == 201
            assert kept(door) == [post(b"1")[:-1]]
            assert await h.contents() == ["1", "1", "1"]

    run(main())


@pytest.mark.parametrize(
    "data",
    [
        post(b"1", "Connection: close"),
        post(b"1", "X-Soracom-Timestamp: 1545652714887"),
        post(b"1", "Expect: 100-continue"),
        post(b"1", f"Long: {'a' * HEAD_BYTES}"),
        post(b"1", target="/elsewhere"),
        post(b"1").replace(b"POST", b"GET"),
        post(b"1")
        .replace(b"Content-Length: 1", b"Transfer-Encoding: chunked")
        .replace(b"\n1", b"\n1\r\n1\r\n0\r\n\r\n"),
        post(b"x" * 1025),
    ],
)
def test_a_head_that_is_not_plain_is_not_kept(data: bytes) -> None:
    async def main() -> None:
        async with house() as h, h.http() as door, await Line.open(door.endpoint) as line:
            await line.send(data)
            await line.answer()
            assert kept(door) == []

    run(main())


def test_a_head_whose_end_is_in_doubt_is_not_kept() -> None:
    lenient = b"POST / HTTP/1.1\nContent-Length: 4\n\nbody\r\n\r\n"
    known = Heads(Limits())
    known.keep(lenient, {b"content-length": b"4"}, HARVEST_DATA, Payload(b"body"))
    assert known.find(lenient * 2) is None


def test_no_more_heads_are_kept_than_there_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "KEPT", 3)

    async def main() -> None:
        async with house() as h, h.http() as door, await Line.open(door.endpoint) as line:
            for number in range(10):
                await line.send(post(b"1", f"Number: {number}") * 2)
                assert [(await line.answer()).status for _ in range(2)] == [201, 201]
                assert 0 < len(kept(door)) <= 3
            assert len(await h.contents()) == 20

    run(main())
