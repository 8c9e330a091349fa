"""What a handler gets and gives: a request with its path taken apart, and an answer."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from http import HTTPStatus
from urllib.parse import parse_qsl

from msgspec import Struct

from minori.model.registry import Principal

JSON = b"application/json"

Header = tuple[bytes, bytes]

REMEMBERED = 1024
REMEMBERED_BYTES = 256
"""How many queries are remembered taken apart, and how long they may be: clients ask the same again."""

Read = Callable[[int], Awaitable[bytes]]
"""Reads a body of at most so many bytes."""


async def no_body(limit: int) -> bytes:  # noqa: ARG001 - nothing is within every limit
    """The body of a request that has none."""
    return b""


class Request:
    """One request to the API.

    `params` are the path's parameters, decoded once as UTF-8 (our choice), known once the route is.
    `headers` have lower-case names. `address` is the client's IP address as text.
    """

    __slots__ = ("_read", "address", "headers", "method", "params", "query_string")

    def __init__(
        self, method: str, query_string: bytes, headers: Sequence[Header], address: str, read: Read = no_body
    ) -> None:
        self.method = method
        self.params: Mapping[str, str] = {}
        self.query_string = query_string
        self.headers = headers
        self.address = address
        self._read = read

    def header(self, name: bytes) -> str | None:
        """The first header of this name (lower case), as Latin-1 text; `None` where absent or empty."""
        for key, value in self.headers:
            if key == name:
                return value.decode("latin-1") or None
        return None

    def query(self, name: str) -> str | None:
        """The first query parameter of this name; `None` where absent or empty. `+` is a blank here (R5)."""
        return parse_query(self.query_string).get(name)

    async def body(self, limit: int) -> bytes:
        """The whole body. Raises `PayloadTooLarge` as soon as it is known to be over `limit` bytes."""
        return await self._read(limit)


class Answer(Struct, frozen=True):
    """What the client is told. `headers` come beside `Content-Type` and `Content-Length`."""

    status: int
    body: bytes = b""
    content_type: bytes = JSON
    headers: tuple[Header, ...] = ()

    def lines(self) -> list[Header]:
        """All its headers, but for those of every answer."""
        lines = list(self.headers)
        if self.status != HTTPStatus.NO_CONTENT:
            lines.append((b"content-length", b"%d" % len(self.body)))
            if self.body:
                lines.append((b"content-type", self.content_type))
        return lines


class Call(Struct, frozen=True):
    """A request that may be answered: who asks, and what."""

    principal: Principal
    request: Request


def parse_query(query_string: bytes) -> Mapping[str, str]:
    """The first value of each name; names without a value are left out."""
    return (_parse_query if len(query_string) > REMEMBERED_BYTES else _remembered)(query_string)


def _parse_query(query_string: bytes) -> Mapping[str, str]:
    text = query_string.decode("latin-1")
    if "%" in text or "+" in text:
        return dict(reversed(parse_qsl(text, errors="replace")))
    # Most queries have nothing to decode.
    pairs = [pair.partition("=") for pair in text.split("&")]
    return {name: value for name, _, value in reversed(pairs) if value}


_remembered = lru_cache(REMEMBERED)(_parse_query)
