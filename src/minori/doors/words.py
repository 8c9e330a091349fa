"""What a door says about an outcome: one table for HTTP, one for TCP and UDP."""

from http import HTTPStatus

import structlog
from msgspec import Struct

from minori.codec.entry import encode_json
from minori.errors import (
    Error,
    FileChanged,
    FileExists,
    Forbidden,
    Invalid,
    MethodNotAllowed,
    NotFound,
    Overloaded,
    PayloadTooLarge,
    RangeUnsatisfiable,
    Refused,
    StorageFull,
    StoreFailed,
)

STATUS: dict[type[Error], HTTPStatus] = {
    Invalid: HTTPStatus.BAD_REQUEST,
    PayloadTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Refused: HTTPStatus.BAD_REQUEST,
    NotFound: HTTPStatus.NOT_FOUND,
    MethodNotAllowed: HTTPStatus.METHOD_NOT_ALLOWED,
    Forbidden: HTTPStatus.FORBIDDEN,
    FileExists: HTTPStatus.PRECONDITION_FAILED,
    FileChanged: HTTPStatus.PRECONDITION_FAILED,
    RangeUnsatisfiable: HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
    Overloaded: HTTPStatus.SERVICE_UNAVAILABLE,
    StorageFull: HTTPStatus.INSUFFICIENT_STORAGE,
    StoreFailed: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""The status that the HTTP door answers; an error without a line of its own has that of its parent."""

REPLY: dict[type[Error], str] = {
    Invalid: "400",
    PayloadTooLarge: "400",
    Refused: "400",
    Overloaded: "503",
    StorageFull: "503",
    StoreFailed: "503",
}
"""The first word of a reply over TCP and UDP. Behind `400` comes the message, behind `503` nothing."""

STORED = b"201"
"""The reply over TCP and UDP to a payload that is stored (seen in the wild)."""

BUSY = b"503"
"""The reply over TCP and UDP to what cannot be taken now."""

JSON_TYPE = "application/json"

_BODILESS = (HTTPStatus.NO_CONTENT, HTTPStatus.RESET_CONTENT, HTTPStatus.NOT_MODIFIED)
_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_log = structlog.get_logger(__name__)


def status(error: type[Error]) -> HTTPStatus:
    """The HTTP status of an error; `INTERNAL_SERVER_ERROR` if the table has forgotten it."""
    return next((STATUS[kind] for kind in error.__mro__ if kind in STATUS), HTTPStatus.INTERNAL_SERVER_ERROR)


class Complaint(Struct, frozen=True):
    r"""What is wrong with a request, in HTTP: `fields` are header lines of its own, each with its `\r\n`."""

    code: HTTPStatus
    message: str
    fields: bytes = b""


def complaint(error: Error) -> Complaint:
    """What the HTTP door says about `error`."""
    return Complaint(status(type(error)), error.message, b"".join([b"%b: %b\r\n" % field for field in fields(error)]))


def fields(error: Error) -> list[tuple[bytes, bytes]]:
    """The headers, names and values, that belong to an error."""
    if isinstance(error, MethodNotAllowed):
        return [(b"Allow", ", ".join(error.allowed).encode())]
    if isinstance(error, Overloaded):
        return [(b"Retry-After", b"%d" % error.retry_after)]
    if isinstance(error, RangeUnsatisfiable):
        return [(b"Content-Range", b"bytes */%d" % error.size)]
    return []


def refused(complaint: Complaint, date: bytes, *, keep_alive: bool, head_only: bool = False) -> bytes:
    r"""An HTTP answer with the body `{"message": …}`, without a `code` (seen in the wild).

    `date` is the whole `Date` line with its `\r\n`. With `head_only` the body is left out, as an answer
    to HEAD must be.
    """
    body = encode_json({"message": complaint.message})
    fields = date + complaint.fields
    return answer(complaint.code, body, JSON_TYPE.encode(), fields, keep_alive=keep_alive, head_only=head_only)


def answer(
    status: int, body: bytes, content_type: bytes, fields: bytes, *, keep_alive: bool, head_only: bool = False
) -> bytes:
    r"""An HTTP answer; `fields` are header lines of its own, each with its `\r\n`.

    Of a status that has no body, that is left out: a client would read it as the beginning of the next answer.
    """
    if status in _BODILESS:
        return _bodiless(status, fields, keep_alive=keep_alive)
    head = b"HTTP/1.1 %d %b\r\n%bContent-Type: %b\r\nContent-Length: %d\r\nConnection: %b\r\n\r\n" % (
        status,
        _PHRASES.get(status, "").encode(),
        fields,
        content_type,
        len(body),
        b"keep-alive" if keep_alive else b"close",
    )
    return head if head_only else head + body


def _bodiless(status: int, fields: bytes, *, keep_alive: bool) -> bytes:
    # Only 205 may say that nothing follows (RFC 9110, 8.6 and 15.3.6).
    length = b"Content-Length: 0\r\n" if status == HTTPStatus.RESET_CONTENT else b""
    connection = b"keep-alive" if keep_alive else b"close"
    phrase = _PHRASES[status].encode()
    return b"HTTP/1.1 %d %b\r\n%b%bConnection: %b\r\n\r\n" % (status, phrase, fields, length, connection)


def created(date: bytes, *, keep_alive: bool) -> bytes:
    """The HTTP answer to a payload that is stored, as the real service words it (seen in the wild)."""
    return b"HTTP/1.1 201 Created\r\n%bContent-Length: 0\r\nConnection: %b\r\n\r\n" % (
        date,
        b"keep-alive" if keep_alive else b"close",
    )


def reply(error: Error | None) -> bytes:
    """The reply over TCP and UDP to a payload that ended in `error`, or was stored."""
    if error is None:
        return STORED
    word = next((REPLY[kind] for kind in type(error).__mro__ if kind in REPLY), "503")
    return BUSY if word == "503" else f"{word} {error.message}".encode()
