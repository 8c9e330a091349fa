"""What a handler gets of a request, and the headers of what it gives."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from minori.errors import PayloadTooLarge
from minori.http.exchange import Answer, Content, Header, Headers, Request


def request(body: list[bytes], *headers: Header) -> tuple[Request, list[bytes]]:
    """A request, and the chunks of it that have been read."""
    read: list[bytes] = []

    async def chunks() -> AsyncIterator[bytes]:
        for chunk in body:
            read.append(chunk)
            yield chunk

    return Request("PUT", b"", Headers(headers), "192.0.2.1", chunks), read


async def taken(request: Request, limit: int) -> list[bytes]:
    return [chunk async for chunk in request.stream(limit)]


@pytest.mark.parametrize(
    ("headers", "length"),
    [((b"content-length", b"7"), 7), ((b"transfer-encoding", b"chunked"), None), ((b"host", b"x"), 0)],
)
def test_the_length_of_a_body_is_what_its_head_declares(headers: Header, length: int | None) -> None:
    assert request([], headers)[0].length == length


def test_a_declared_length_over_the_limit_is_refused_before_a_byte_is_read() -> None:
    asked, read = request([b"12345678"], (b"content-length", b"8"))
    with pytest.raises(PayloadTooLarge) as raised:
        asked.stream(7)
    assert (raised.value.limit, read) == (7, [])


def test_a_body_over_the_limit_is_refused_when_it_gets_there() -> None:
    asked, read = request([b"1234", b"5678", b"9"], (b"transfer-encoding", b"chunked"))
    with pytest.raises(PayloadTooLarge):
        asyncio.run(taken(asked, 7))
    assert read == [b"1234", b"5678"]


def test_a_body_of_exactly_the_limit_is_taken_chunk_by_chunk() -> None:
    asked, _ = request([b"1234", b"5678"], (b"content-length", b"8"))
    assert asyncio.run(taken(asked, 8)) == [b"1234", b"5678"]


def test_a_whole_body_is_its_chunks_joined() -> None:
    assert asyncio.run(request([b"12", b"34"])[0].body(4)) == b"1234"


def test_a_request_without_a_body_streams_nothing() -> None:
    assert asyncio.run(taken(Request("GET", b"", Headers(), "192.0.2.1"), 0)) == []


@pytest.mark.parametrize(
    ("answer", "lines"),
    [
        (Answer(200, b"[]"), {b"content-length": b"2", b"content-type": b"application/json"}),
        (Answer(201), {b"content-length": b"0"}),
        (Answer(204), {}),
        (Answer(304, headers=((b"etag", b'"a"'),)), {b"etag": b'"a"'}),
        (Answer(200, content_type=b"a/b", content=Content(7)), {b"content-length": b"7", b"content-type": b"a/b"}),
        (Answer(200, content_type=b"a/b", content=Content(0)), {b"content-length": b"0", b"content-type": b"a/b"}),
    ],
)
def test_an_answer_says_how_long_and_of_what_type_its_body_is(answer: Answer, lines: dict[bytes, bytes]) -> None:
    assert dict(answer.lines()) == lines
