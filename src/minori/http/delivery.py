"""A stored file as an answer to GET and HEAD: conditions, ranges, and headers that keep it out of our origin."""

import os
import re
from collections.abc import Sequence
from email.utils import formatdate
from secrets import token_hex
from urllib.parse import quote

from msgspec import Struct

from minori.codec.ranges import Span, parse_ranges
from minori.errors import StoreFailed
from minori.http.conditions import Version, is_not_modified, is_range_wanted
from minori.http.exchange import Answer, Content, Header, Request, Stretch
from minori.storage.base import BlobReader

SMALL = 65_536
"""Bytes up to which a file, or what is wanted of it, is read before it is answered: one write is cheaper then."""

UNKNOWN = b"application/octet-stream"

FIXED: tuple[Header, ...] = (
    (b"accept-ranges", b"bytes"),
    # Kept only by the client itself, and only to ask whether it is still so.
    (b"cache-control", b"private, no-cache"),
    # A stranger's file must not run as a page of this server.
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"sandbox; default-src 'none'"),
    (b"referrer-policy", b"no-referrer"),
)
"""Headers of every answer that bears a file, or tells that the client has it."""

_SAFE_TYPE = re.compile(r"[!-~]([ -~]{0,254}[!-~])?")
_UNSAFE_IN_QUOTES = re.compile(r'[^ -~]|["\\%]')


class Described(Struct, frozen=True):
    """What is known of a file beside its bytes.

    `etag` is the MD5 in hex, without quotes. `content_type` is what was stored with it, which may be
    anything. With a `filename` the client is told to save the file under that name.
    """

    etag: str
    content_type: str
    last_modified_ms: int
    filename: str | None = None


async def deliver(request: Request, reader: BlobReader, described: Described) -> Answer:
    """The answer to GET or HEAD for an open blob: 200, 206 or 304. The reader is closed, at the latest by the sending.

    Raises `FileChanged` (412), `RangeUnsatisfiable` (416), and `StoreFailed` if the blob cannot be read.
    """
    answer = None
    try:
        answer = await _deliver(request, reader, described)
    finally:
        if answer is None or answer.content is None or not answer.content.pieces:
            reader.close()
    return answer


def metadata(request: Request, size: int, described: Described) -> Answer:
    """The answer to HEAD for a file of `size` bytes that nobody has opened: 200 or 304. Raises `FileChanged`."""
    headers = _headers(described)
    if is_not_modified(request, _version(described)):
        return Answer(304, headers=headers)
    return Answer(200, b"", _content_type(described), headers, Content(size))


async def _deliver(request: Request, reader: BlobReader, described: Described) -> Answer:
    whole = metadata(request, reader.size, described)
    if whole.content is None or request.method == "HEAD":
        return whole
    # The RFC has ranges for GET alone.
    asked = request.header(b"range")
    spans: Sequence[Span] = ()
    if asked is not None and is_range_wanted(request, _version(described)):
        spans = parse_ranges(asked, reader.size)
    if not spans:
        return await _bearing(whole, Content(reader.size, (Stretch(reader, 0, reader.size),)))
    if len(spans) == 1:
        span = spans[0]
        headers = (*whole.headers, (b"content-range", span.content_range(reader.size)))
        one = Answer(206, b"", whole.content_type, headers)
        return await _bearing(one, Content(span.count, (Stretch(reader, span.offset, span.count),)))
    boundary = token_hex(16).encode()
    many = Answer(206, b"", b"multipart/byteranges; boundary=" + boundary, whole.headers)
    return await _bearing(many, _parts(reader, spans, whole.content_type, boundary))


def _parts(reader: BlobReader, spans: Sequence[Span], content_type: bytes, boundary: bytes) -> Content:
    """Several spans as `multipart/byteranges` (RFC 9110, 14.6)."""
    pieces: list[bytes | Stretch] = []
    length = 0
    for span in spans:
        lines = (b"\r\n--", boundary, b"\r\nContent-Type: ", content_type, b"\r\nContent-Range: ")
        head = b"".join([*lines, span.content_range(reader.size), b"\r\n\r\n"])
        pieces += [head, Stretch(reader, span.offset, span.count)]
        length += len(head) + span.count
    end = b"\r\n--%b--\r\n" % boundary
    return Content(length + len(end), (*pieces, end))


async def _bearing(answer: Answer, content: Content) -> Answer:
    """The answer with its content; with a small one already read."""
    if content.length > SMALL:
        return Answer(answer.status, b"", answer.content_type, answer.headers, content)
    if content.length == 0:
        return Answer(answer.status, b"", answer.content_type, answer.headers, Content(0))
    pieces = [piece if isinstance(piece, bytes) else await _read(piece) for piece in content.pieces]
    return Answer(answer.status, b"".join(pieces), answer.content_type, answer.headers)


async def _read(stretch: Stretch) -> bytes:
    """The bytes of a short stretch. Raises `StoreFailed`."""
    got = _cached(stretch)
    while len(got) < stretch.count:
        more = await stretch.reader.read(stretch.offset + len(got), stretch.count - len(got))
        if not more:
            raise StoreFailed("A stored file is shorter than it was when it was stored")
        got += more
    return got


def _cached(stretch: Stretch) -> bytes:
    """What of a stretch the system has in memory, from its beginning; never waits for a disk."""
    if stretch.reader.descriptor is None:
        return b""
    room = bytearray(stretch.count)
    try:
        count = os.preadv(stretch.reader.descriptor, [room], stretch.offset, os.RWF_NOWAIT)
    except OSError:
        # Not in memory, or a file system that cannot tell.
        return b""
    return bytes(memoryview(room)[:count])


def _version(described: Described) -> Version:
    return Version(described.etag, described.last_modified_ms // 1000)


def _headers(described: Described) -> tuple[Header, ...]:
    headers = [
        *FIXED,
        (b"etag", b'"%b"' % described.etag.encode()),
        (b"last-modified", formatdate(described.last_modified_ms // 1000, usegmt=True).encode()),
    ]
    if described.filename is not None:
        headers.append((b"content-disposition", _attachment(described.filename)))
    return tuple(headers)


def _attachment(filename: str) -> bytes:
    """`Content-Disposition` that saves under a name: in ASCII for old clients, and whole (RFC 6266)."""
    plain = _UNSAFE_IN_QUOTES.sub("_", filename)
    coded = quote(filename, safe="!#$&+^`|")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{coded}".encode()


def _content_type(described: Described) -> bytes:
    """The type as stored, if it may stand in a header."""
    text = described.content_type
    return text.encode() if _SAFE_TYPE.fullmatch(text) else UNKNOWN
