"""One connection of the HTTP door: requests read, handed to the ingest service, and answered in their order."""

from http import HTTPStatus
from typing import TYPE_CHECKING

import httptools
import structlog

from minori.codec.harvestoptions import UnifiedResponse
from minori.doors.connection import Connection
from minori.doors.heads import Head
from minori.doors.route import HARVEST_DATA, METHODS, route
from minori.doors.unified import http_answer, response_at
from minori.doors.words import Complaint, complaint, refused
from minori.errors import Error, Invalid, InvalidParameter, MethodNotAllowed, PayloadTooLarge
from minori.model.payload import Payload
from minori.model.refusal import Origin

if TYPE_CHECKING:
    from minori.doors.http import HttpDoor

DOOR = "http"
"""This door in the ingest service's counts."""

FRAMING = 8
"""Bytes of chunk framing allowed for each byte of the payload limit."""

HEADERS = 128
"""The most headers of one request (our choice); those of one name count once.

A header of four bytes takes more than a hundred in memory, so that the head's size alone bounds too little.
"""

_LENGTH_DIGITS = 18
_IDLE, _HEAD, _BODY = range(3)
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_log = structlog.get_logger(__name__)


class _Refusal(Exception):
    """Raised through the parser: the request is refused before its end."""

    def __init__(self, complaint: Complaint) -> None:
        super().__init__()
        self.complaint = complaint


class _HandOver(Exception):
    """Raised through the parser: this request, and what follows on its connection, is for the file door."""


class _LastAnswered(Exception):
    """Raised through the parser: no further request is read from this connection."""


class HttpConnection(Connection):
    """One connection of the HTTP door; the methods `on_…` are called by the parser.

    `_taken` counts the bytes of the request under way, a read at a time, and `_fed` those of the read
    in hand. `_begun` is what earlier reads brought of a head that is unfinished, in case it is to be handed
    over; `None` if the first of them brought the end of another request as well. `_read` is the read in hand from
    where a request began, until that has ended.
    """

    __slots__ = (
        "_begun",
        "_body",
        "_door",
        "_fed",
        "_fields",
        "_headers",
        "_parser",
        "_read",
        "_route",
        "_stage",
        "_taken",
        "_target",
        "on_header",
    )

    def __init__(self, door: "HttpDoor", address: str) -> None:
        super().__init__(door, address)
        self._door = door
        self._stage = _IDLE
        self._taken = 0
        self._fed = 0
        self._begun: bytes | None = b""
        self._read = b""
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._fields = self._headers
        self._body: bytes | bytearray = b""
        self._route = HARVEST_DATA
        # `setdefault` itself is the callback: the first header of a name wins, without a Python frame a header.
        self.on_header = self._headers.setdefault
        self._parser = httptools.HttpRequestParser(self)

    @property
    def unfinished(self) -> bool:
        """See `Connection`."""
        return self._stage != _IDLE

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.BaseProtocol`."""
        if not self._lost:
            # The parser holds methods of this connection; breaking the circle frees both at once.
            del self._parser
        super().connection_lost(exc)

    def received(self, data: memoryview) -> None:
        """See `Connection`."""
        self._fed = len(data)
        if self._stage != _IDLE:
            self._parse(data)
            return
        self._taken = 0
        read = bytes(data)
        while (head := self._door.heads.find(read)) is not None:
            self._take(head, read)
            read = read[head.end :]
            if self.ending or not read:
                return
        self._read = read
        self._parse(read)
        self._read = b""

    def _take(self, head: Head, read: bytes) -> None:
        """Take a request whose head is known, and leave behind what the parser's way would leave."""
        self._taken = -self._fed
        self._route = head.route
        self.deadline = self._door.body_until
        self.ending = self._door.stopping
        self._accept(head.payload(read))

    def _parse(self, data: bytes | memoryview) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._pass_over_upgrade(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError as error:
            self._stop(error, data)
        if self._stage != _IDLE:
            self._measure(data)

    def words(self, error: Error | None, response: UnifiedResponse | None, *, last: bool) -> bytes:
        """See `Connection`."""
        if response is not None:
            told = None if error is None else complaint(error)
            return http_answer(response, told, self._door.date, keep_alive=not last)
        if error is None:
            return self._door.created_close if last else self._door.created_keep_alive
        return refused(complaint(error), self._door.date, keep_alive=not last)

    def broken_off(self, *, late: bool) -> None:
        """See `Connection`."""
        if not late:
            self._refuse(self._counted(Invalid("The connection ended before the request did")))
        elif self._stage == _HEAD:
            self._refuse(self._too_slow(f"The head took longer than {self._door.limits.head_seconds} seconds"))
        else:
            self._refuse(self._too_slow(f"The body paused for more than {self._door.limits.body_seconds} seconds"))

    def on_message_begin(self) -> None:
        """A request begins."""
        if self.ending:
            raise _LastAnswered
        self._stage = _HEAD
        self.deadline = self._door.head_until

    def on_url(self, part: bytes) -> None:
        """A part of the target."""
        self._target += part

    def on_headers_complete(self) -> None:
        """The head is here: refuse what need not be read, or go on to the body."""
        if self._taken + self._fed > self._door.limits.head_bytes:
            # What was read so far bounds the head, so that most heads are not measured.
            self._check_head()
        if len(self._headers) > HEADERS:
            raise _Refusal(self._too_many_headers())
        # Reversed, so that the first of a name wins whatever its case.
        self._fields = fields = {name.lower(): value for name, value in reversed(self._headers.items())}
        self._route = route(self._parser.get_method(), self._target, fields.get(b"host", b""))
        if self._route.files:
            raise self._way_to_files()
        if self._parser.should_upgrade():
            return
        self._stage = _BODY
        if b"expect" in fields:
            self._meet_expectation(fields[b"expect"])
        self.deadline = self._door.body_until
        if b"content-length" in fields:
            if not self._may_send(int(fields[b"content-length"])):
                raise self._too_large()
        elif fields.get(b"transfer-encoding", b"chunked").lower() != b"chunked":
            raise _Refusal(self._counted(InvalidParameter("The only Transfer-Encoding taken here is chunked")))

    def on_body(self, part: bytes) -> None:
        """A part of the body."""
        if not self._body:
            self._body = part
        elif isinstance(self._body, bytearray):
            self._body += part
        else:
            self._body = bytearray(self._body + part)
        if not self._may_send(len(self._body)):
            raise self._too_large()

    def on_message_complete(self) -> None:
        """The request is here whole: hand it on, or say why not."""
        read, self._read = self._read, b""
        if self._stage == _HEAD:
            # An offer to upgrade: the parser leaves its body to another protocol, and we come back to it.
            return
        self._stage = _IDLE
        # The rest of this read belongs to the next request: `_measure` adds the read back.
        self._taken = -self._fed
        self.ending = self._door.stopping or not self._parser.should_keep_alive()
        refusal = self._route.refusal
        if refusal is not None:
            answer = self._counted(refusal)
            self._release()
            head_only = self._parser.get_method() == b"HEAD"
            self.answer_at_once(refused(answer, self._door.date, keep_alive=not self.ending, head_only=head_only))
            return
        payload = self._payload()
        if read and not self.ending:
            self._door.heads.keep(read, self._fields, self._route, payload)
        self._release()
        self._accept(payload)

    def _accept(self, payload: Payload) -> None:
        """Hand a payload on; what is wrong with it is told in its turn."""
        response = response_at(self._door.ingest, self.address) if self._route.unified else None
        try:
            self.await_answer(self._door.ingest.accept(DOOR, self.address, payload), response)
        except Error as error:
            answer = complaint(error)
            if response is not None:
                told = http_answer(response, answer, self._door.date, keep_alive=not self.ending)
            else:
                told = refused(answer, self._door.date, keep_alive=not self.ending)
            self.answer_at_once(told)

    def _may_send(self, size: int) -> bool:
        """Whether a body may have so many bytes; where a group allows less, the ingest service says so."""
        return size <= self._door.limits.payload_bytes or size <= self._door.ingest.largest(self.address)

    def _release(self) -> None:
        # A connection may be idle for long, and there are many: none holds what its last request was.
        self._target = b""
        self._begun = b""
        self._headers.clear()
        self._fields = self._headers
        self._body = b""

    def _payload(self) -> Payload:
        fields = self._fields
        content_type = timestamp = None
        if b"content-type" in fields:
            content_type = fields[b"content-type"].decode("latin-1")
        if b"x-soracom-timestamp" in fields and not self._route.unified:
            timestamp = fields[b"x-soracom-timestamp"].decode("latin-1")
        return Payload(bytes(self._body), content_type, timestamp, self._route.service)

    def _check_head(self) -> None:
        size = len(self._target) + sum(len(name) + len(value) + 4 for name, value in self._headers.items())
        if size > self._door.limits.head_bytes:
            raise _Refusal(self._head_too_large())

    def _measure(self, data: bytes | memoryview) -> None:
        limits = self._door.limits
        self._taken += self._fed
        if self._stage == _HEAD:
            if self._taken > limits.head_bytes:
                self._refuse(self._head_too_large())
            elif len(self._headers) > HEADERS:
                self._refuse(self._too_many_headers())
            else:
                self._keep(data)
            return
        # The head has been read; what comes in as a header now is a trailer, which means nothing here.
        self._headers.clear()
        self._begun = b""
        self.deadline = self._door.body_until
        if not self._may_send((self._taken - limits.head_bytes) // FRAMING):
            self._refuse(self._too_large().complaint)

    def _keep(self, data: bytes | memoryview) -> None:
        if self._taken == 0:
            # This read ended another request; where this one begins in it, the parser does not tell.
            self._begun = None
        elif self._begun is not None:
            self._begun += bytes(data)

    def _way_to_files(self) -> Exception:
        if self._taken < 0 or self._begun is None or self.waiting:
            message = "A request for Harvest Files must not follow on others before their answers; connect anew for it"
            self._count(Invalid(message), "Misdirected")
            return _Refusal(Complaint(HTTPStatus.MISDIRECTED_REQUEST, message))
        if self._door.stopping:
            return _Refusal(Complaint(HTTPStatus.SERVICE_UNAVAILABLE, "The server is stopping; send it again later"))
        return _HandOver()

    def _hand_over(self, data: bytes | memoryview) -> None:
        transport, request = self._transport, b"".join([self._begun or b"", data])
        self._stage = _IDLE
        self._release()
        # It leaves one listener and enters the other in one step, so that nobody takes its place.
        self.connection_lost(None)
        self._door.files.adopt(transport, self.address, request)

    def _meet_expectation(self, expected: bytes) -> None:
        if expected.lower() == b"100-continue":
            if self._route.refusal is not None:
                raise _Refusal(self._counted(self._route.refusal))
            if self._may_send(int(self._fields.get(b"content-length", b"0"))):
                self.answer_at_once(_CONTINUE)

    def _pass_over_upgrade(self, rest: bytes | memoryview) -> None:
        """Parse the head again without `Upgrade`: the parser stops at one and would leave the body unread."""
        method = self._parser.get_method()
        if method == b"CONNECT":
            self._refuse(self._counted(MethodNotAllowed(METHODS)))
            return
        lines = [b"%b %b HTTP/1.1" % (method, self._target)]
        lines += [b"%b: %b" % (name, value) for name, value in self._headers.items() if name.lower() != b"upgrade"]
        self._parser = httptools.HttpRequestParser(self)
        self._stage = _IDLE
        self._release()
        self.received(memoryview(b"".join([b"\r\n".join([*lines, b"", b""]), rest])))

    def _stop(self, error: httptools.HttpParserError, data: bytes | memoryview) -> None:
        if self.ending:
            # Behind the last request anything may follow; it is not looked at.
            return
        if not isinstance(error, httptools.HttpParserCallbackError):
            self._refuse(self._counted(Invalid(f"The request is malformed: {error}")))
        elif isinstance(error.__context__, _Refusal):
            self._refuse(error.__context__.complaint)
        elif isinstance(error.__context__, _HandOver):
            self._hand_over(data)
        else:
            _log.error("a request met an error that was not foreseen", exc_info=error.__context__)
            message = "The server failed at this request; its log says why"
            self._refuse(Complaint(HTTPStatus.INTERNAL_SERVER_ERROR, message))

    def _refuse(self, answer: Complaint) -> None:
        self._stage = _IDLE
        self.ending = True
        self._release()
        self.answer_at_once(refused(answer, self._door.date, keep_alive=False))

    def _counted(self, error: Error) -> Complaint:
        self._count(error)
        return complaint(error)

    def _count(self, error: Error, reason: str | None = None) -> None:
        announced = self._fields.get(b"content-length", b"")
        is_number = announced.isdigit() and len(announced) <= _LENGTH_DIGITS
        size = int(announced) if is_number else len(self._body)
        self._door.ingest.refuse(DOOR, error, Origin(self.address, service=self._route.service), size, reason)

    def _too_large(self) -> _Refusal:
        return _Refusal(self._counted(self._route.refusal or PayloadTooLarge(self._door.ingest.largest(self.address))))

    def _head_too_large(self) -> Complaint:
        message = f"The head of the request is larger than {self._door.limits.head_bytes} bytes"
        self._count(Invalid(message), "HeadTooLarge")
        return Complaint(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, message)

    def _too_many_headers(self) -> Complaint:
        message = f"The request has more than {HEADERS} headers; send fewer"
        self._count(Invalid(message), "HeadTooLarge")
        return Complaint(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, message)

    def _too_slow(self, message: str) -> Complaint:
        self._count(Invalid(message), "TooSlow")
        return Complaint(HTTPStatus.REQUEST_TIMEOUT, message)
