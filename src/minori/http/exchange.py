"""What a handler gets and gives: a request with its path taken apart, and an answer."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from msgspec import Struct

from minori.errors import PayloadTooLarge
from minori.model.registry import Principal
from minori.storage.base import BlobReader

JSON = b"application/json"

Header = tuple[bytes, bytes]

Buffer = bytes | memoryview
"""Bytes to send; a `memoryview` is one of bytes."""

T = TypeVar("T")

REMEMBERED = 1024
REMEMBERED_BYTES = 256
"""How many queries are remembered taken apart, and how long they may be: clients ask the same again."""

Chunks = Callable[[], AsyncIterator[bytes]]
"""Begins to read a body, chunk by chunk as it comes."""

BODILESS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
"""Statuses whose answers have no body, and say no length of one."""


async def no_body() -> AsyncIterator[bytes]:
    """The body of a request that has none."""
    nothing: tuple[bytes, ...] = ()
    for chunk in nothing:
        yield chunk


class Headers:
    """The headers of a request, in their order; names are lower case. They never change."""

    __slots__ = ("_known", "_lines")

    def __init__(self, lines: Iterable[Header] = ()) -> None:
        self._lines = tuple(lines)
        self._known: dict[object, Any] = {}

    def __iter__(self) -> Iterator[Header]:
        """Each header, as its name and its value."""
        return iter(self._lines)

    def first(self, name: bytes) -> str | None:
        """The first header of this name (lower case), as Latin-1 text; `None` where absent or empty."""
        for key, value in self._lines:
            if key == name:
                return value.decode("latin-1") or None
        return None

    def once(self, find: "Callable[[Headers], T]") -> T:
        """What `find` finds in them; it is asked once, and must look at nothing else."""
        known = self._known
        if find not in known:
            known[find] = find(self)
        found: T = known[find]
        return found


class Request:
    """One request to the API.

    `params` are the path's parameters, decoded once as UTF-8 (our choice), known once the route is.
    `address` is the client's IP address as text.
    `scheme` is what the client spoke, `http` or `https`.
    `caller` is whose request it is, once that is proven; `claimed` whose it says to be, or to become, if there is
    such an operator.
    """

    __slots__ = ("_chunks", "address", "caller", "claimed", "headers", "method", "params", "query_string", "scheme")

    def __init__(
        self,
        method: str,
        query_string: bytes,
        headers: Headers,
        address: str,
        chunks: Chunks = no_body,
        scheme: str = "http",
    ) -> None:
        self.method = method
        self.params: Mapping[str, str] = {}
        self.caller: Principal | None = None
        self.claimed: Principal | None = None
        self.query_string = query_string
        self.headers = headers
        self.address = address
        self.scheme = scheme
        self._chunks = chunks

    def header(self, name: bytes) -> str | None:
        """See `Headers.first`."""
        return self.headers.first(name)

    def query(self, name: str) -> str | None:
        """The first query parameter of this name; `None` where absent or empty. `+` is a blank here (R5)."""
        return parse_query(self.query_string).get(name)

    @property
    def length(self) -> int | None:
        """The bytes of the body as the head declares them; `None` where it does not (chunked)."""
        length = self.header(b"content-length")
        if length is not None:
            return int(length)
        return None if self.header(b"transfer-encoding") else 0

    def stream(self, limit: int) -> AsyncIterator[bytes]:
        """The body as it comes, in chunks of a few 100 KiB at most; the client is held up until they are taken.

        Raises `PayloadTooLarge`: here, before a byte is read, if the head declares more than `limit` bytes,
        and while iterating as soon as more have come. Iterating raises `ClientGone` if the client leaves
        before the body is whole.
        """
        if (self.length or 0) > limit:
            raise PayloadTooLarge(limit)
        return self._counted(limit)

    async def _counted(self, limit: int) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._chunks():
            size += len(chunk)
            if size > limit:
                raise PayloadTooLarge(limit)
            yield chunk

    async def body(self, limit: int) -> bytes:
        """The whole body. Raises as `stream` does."""
        return b"".join([chunk async for chunk in self.stream(limit)])


class Stretch(Struct, frozen=True):
    """`count` bytes of an open blob from `offset` on; all of them are there."""

    reader: BlobReader
    offset: int
    count: int


class Content(Struct, frozen=True):
    """A body that is read while it is sent: `pieces` one behind the other, `length` bytes in all.

    Whoever sends it closes it. Pieces may be left out where only HEAD is answered.
    """

    length: int
    pieces: tuple[bytes | Stretch, ...] = ()

    def close(self) -> None:
        """Close the readers of all pieces."""
        for piece in self.pieces:
            if isinstance(piece, Stretch):
                piece.reader.close()


class Answer(Struct, frozen=True):
    """What the client is told. `headers` come beside `Content-Type` and `Content-Length`.

    A body in parts, one behind the other, stands as `parts` in place of `body`; nobody joins a long one.

    `content` stands in place of both. It is sent, and its readers are closed, whatever happens on the
    way; an answer that is thrown away must be closed by who does so.
    """

    status: int
    body: bytes = b""
    content_type: bytes = JSON
    headers: tuple[Header, ...] = ()
    content: Content | None = None
    parts: Sequence[Buffer] = ()

    @property
    def buffers(self) -> Sequence[Buffer]:
        """Its body, as far as it is in memory."""
        return self.parts or (self.body,)

    @property
    def length(self) -> int:
        """Bytes of its body, as GET is answered."""
        if self.content is not None:
            return self.content.length
        return sum(map(len, self.parts)) if self.parts else len(self.body)

    def lines(self) -> list[Header]:
        """All its headers, but for those of every answer."""
        if self.status in BODILESS:
            return [*self.headers]
        length = self.length
        told = (b"content-length", b"%d" % length)
        if length == 0 and self.content is None:
            return [*self.headers, told]
        return [*self.headers, told, (b"content-type", self.content_type)]


class Call(Struct, frozen=True):
    """A request that may be answered: who asks, what, and whose things are meant (see `model.account`)."""

    principal: Principal
    request: Request
    account: str


def parse_query(query_string: bytes) -> Mapping[str, str]:
    """The first value of each name; names without a value are left out."""
    return (_parse_query if len(query_string) > REMEMBERED_BYTES else _remembered)(query_string)


def parse_values(query_string: bytes) -> Mapping[str, Sequence[str]]:
    """All values of each name, in their order; names without a value are left out."""
    found: dict[str, list[str]] = {}
    for name, value in parse_qsl(query_string.decode("latin-1"), errors="replace"):
        found.setdefault(name, []).append(value)
    return found


def _parse_query(query_string: bytes) -> Mapping[str, str]:
    text = query_string.decode("latin-1")
    if "%" in text or "+" in text:
        return dict(reversed(parse_qsl(text, errors="replace")))
    # Most queries have nothing to decode.
    pairs = [pair.partition("=") for pair in text.split("&")]
    return {name: value for name, _, value in reversed(pairs) if value}


_remembered = lru_cache(REMEMBERED)(_parse_query)
