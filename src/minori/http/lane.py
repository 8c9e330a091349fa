"""The fast lane: the heads of plain reads, taken apart with the least work.

A client that reads again and again sends the same head each time, or one that differs in its first line alone.
So what heads say is remembered by their bytes, and what the headers in them say by theirs; the parser that reads all
other requests has read them once.
"""

import re

import httptools
from msgspec import Struct

from minori.http.exchange import Header, Headers, T

HEAD_BYTES = 2_048
"""The longest head that is remembered, and so the longest that comes here (our choice)."""

HEADERS = 32
"""The most headers of such a head (our choice): they bound the memory as much as its bytes do."""

REMEMBERED = 1_024
"""Heads that each listener remembers, and headers of heads (our choice); there are tokens in them, so they are told
nowhere."""

_LINE = re.compile(rb"GET (/v1/[A-Za-z0-9._~:/@!$&'()*+,;=%-]*)(?:\?([A-Za-z0-9._~:/?@!$&'()*+,;=%-]*))? HTTP/1\.1\r\n")
_ANY_LINE = b"GET / HTTP/1.1\r\n"
_END = b"\r\n\r\n"
_UNFIT = frozenset({b"content-length", b"transfer-encoding", b"expect", b"upgrade"})
"""Headers of which more follows than the head alone."""


class Read(Struct, frozen=True, gc=False):
    """A plain read: a GET whose head is all of it, after whose answer the connection stays open.

    `end` is where the next request begins in what it was read from.
    """

    path: str
    query: bytes
    headers: Headers
    end: int


class Lane:
    """Takes heads apart, for the connections of one listener whose limit of a head is `head_bytes`."""

    def __init__(self, head_bytes: int) -> None:
        self._largest = min(head_bytes, HEAD_BYTES)
        self._heads: dict[bytes, Read] = {}
        self._sections: dict[bytes, Headers | None] = {}

    def read(self, data: bytes, start: int) -> Read | None:
        """The read whose head begins at `start`; `None` for whatever has to be parsed, and for half a head.

        Exactly the targets of RFC 3986 below `/v1/` come here, in HTTP/1.1.
        """
        is_alone = start == 0 and len(data) <= self._largest
        known = self._heads.get(data) if is_alone else None
        if known is not None:
            return known
        line = _LINE.match(data, start)
        if line is None:
            return None
        begin = line.end()
        # A head without headers ends with the line end of its first line.
        end = data.find(_END, begin - 2) + len(_END)
        if end < begin or end - start > self._largest:
            return None
        headers = self._section(data[begin:end])
        if headers is None:
            return None
        path, query = line.groups(b"")
        found = Read(path.decode(), query, headers, end)
        if is_alone and end == len(data):
            _remember(self._heads, data, found)
        return found

    def forget(self) -> None:
        """Let go of all that is remembered."""
        self._heads.clear()
        self._sections.clear()

    def _section(self, section: bytes) -> Headers | None:
        """What the headers say that are these bytes, up to the end of the head; `None` if more than a plain read."""
        if section not in self._sections:
            _remember(self._sections, section, _taken_apart(section))
        return self._sections[section]


def _remember(remembered: dict[bytes, T], key: bytes, value: T) -> None:
    """Keep one more, in place of the one that is kept the longest if there are enough."""
    if len(remembered) >= REMEMBERED:
        del remembered[next(iter(remembered))]
    remembered[key] = value


class _Section:
    """What the parser calls."""

    def __init__(self) -> None:
        self.headers: list[Header] = []
        self.ends = 0
        self.stays_open = False
        self.parser = httptools.HttpRequestParser(self)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.stays_open = self.parser.should_keep_alive()

    def on_message_complete(self) -> None:
        self.ends += 1


def _taken_apart(section: bytes) -> Headers | None:
    parsed = _Section()
    try:
        parsed.parser.feed_data(_ANY_LINE + section)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return None
    finally:
        # It holds methods of what holds it.
        del parsed.parser
    is_plain = parsed.ends == 1 and parsed.stays_open and len(parsed.headers) <= HEADERS
    return Headers(parsed.headers) if is_plain and _UNFIT.isdisjoint(dict(parsed.headers)) else None
