"""Heads of requests, mended, and answers: all in bytes."""

import asyncio
from collections.abc import Iterable, Sequence

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from minori.http.exchange import Answer, Buffer, Header

LARGE = 65_536
"""Bytes of an answer from which on its body is not copied to stand behind its head in one write."""

_REASONS = {400: b"Bad Request", 408: b"Request Timeout", 431: b"Request Header Fields Too Large"}


def with_path(target: bytes) -> bytes:
    """A target, with the path `/` where it has scheme and host alone (RFC 9112, 3.2.2).

    Raises `HttpParserInvalidURLError`.
    """
    parsed = httptools.parse_url(target)
    if parsed.path is not None:
        return target
    return b"/" if parsed.query is None else b"/?" + parsed.query


def authority(target: bytes) -> bytes:
    """Host and port of a target with scheme and host, as they are written there; empty in any other."""
    _, separator, rest = target.partition(b"://")
    return rest.partition(b"/")[0].partition(b"?")[0] if separator else b""


def without_upgrade(method: bytes, target: bytes, version: str, headers: Iterable[Header]) -> bytes:
    """The head of a request that offers no upgrade. Names in `headers` are lower case."""
    lines = [b"%b %b HTTP/%b" % (method, target, version.encode())]
    lines += [b"%b: %b" % line for line in headers if line[0] != b"upgrade"]
    return b"\r\n".join([*lines, b"", b""])


def answer_head(answer: Answer, first: Iterable[Header], *, closes: bool = False) -> bytes:
    """The head of an answer, whose headers begin with `first`. Raises `ValueError` if one would be taken for two.

    `closes` says that the connection ends behind it.
    """
    lines = [*first, *answer.lines()]
    if closes:
        lines.append((b"connection", b"close"))
    pieces = [STATUS_LINE[answer.status]]
    for name, value in lines:
        pieces += (name, b": ", value, b"\r\n")
    pieces.append(b"\r\n")
    head = b"".join(pieces)
    if head.count(b"\n") != len(lines) + 2 or head.count(b"\r") != len(lines) + 2:
        raise ValueError("A header holds a line break")
    return head


def write_buffers(transport: asyncio.Transport, buffers: Sequence[Buffer], size: int) -> None:
    """Write what is `size` bytes in all; if that is much, it is not copied to be one."""
    if size < LARGE:
        transport.write(b"".join(buffers))
    else:
        transport.writelines(buffers)


def refusal(status: int, body: bytes) -> bytes:
    """The last answer of a connection: 400, 408 or 431, and a body of JSON."""
    head = b"HTTP/1.1 %d %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
    return head % (status, _REASONS[status], len(body)) + body
