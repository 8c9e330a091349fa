"""The TCP door: a message is what one read returns, or a frame, and each gets a reply of its own."""

from minori.codec.content import OCTETS
from minori.codec.frames import FrameDecoder
from minori.codec.harvestoptions import HarvestOptions, UnifiedResponse
from minori.config.settings import Limits
from minori.doors.connection import Connection
from minori.doors.listener import Listener
from minori.doors.route import service_of
from minori.doors.unified import reply, response_of
from minori.doors.words import BUSY
from minori.errors import Error, Invalid, PayloadTooLarge
from minori.model.payload import Payload
from minori.model.refusal import Origin, Service
from minori.observe.metrics import Metrics
from minori.service.admission import Admission
from minori.service.ingest import IngestService
from minori.storage.base import Confirmation

DOOR = "tcp"
"""This door in the ingest service's counts."""

READ_BYTES = 65_536
"""The most that one read returns, unless the size limit is higher."""


class StreamDoor(Listener):
    """Takes data entries over TCP, without framing (our choice) unless the group wants Soracom Binary Format v1.

    Replies `201`, `400 <message>` or `503`, without a newline, in the order of the messages. At the Unified
    Endpoint, which `name` tells, a group may want others. A message is binary, whatever it looks like (documented).
    A connection on which frames have begun goes on in frames, and ends where one is wrong (our choice).

    Shortcomings: TCP keeps no boundaries. Two messages sent in one breath arrive as one, and a
    message that the network splits arrives as two; senders wait for the reply before they send on.
    A message over the size limit that arrives in pieces gets a reply for each of them, and a last
    piece within the limit is stored. None of this is so in frames. No message is longer than 64 KiB, whatever
    the group says. Two replies on their way may be read as one (`201201`). No TLS.
    """

    def __init__(
        self, name: str, ingest: IngestService, admission: Admission, limits: Limits, metrics: Metrics
    ) -> None:
        read_bytes = max(READ_BYTES, limits.payload_bytes + 1)
        super().__init__(ingest, admission, limits, metrics, name=name, read_bytes=read_bytes)
        self.service = service_of(name)
        self.is_unified = self.service is Service.UNIFIED
        self.counted_as = DOOR

    def connect(self, address: str) -> Connection:
        """See `Listener`."""
        return StreamConnection(self, address)

    def full(self) -> bytes:
        """See `Listener`."""
        return BUSY


class StreamConnection(Connection):
    """One connection of a TCP door."""

    __slots__ = ("_door", "_frames", "_overflowing")

    def __init__(self, door: StreamDoor, address: str) -> None:
        super().__init__(door, address)
        self._door = door
        self._overflowing = False
        self._frames: FrameDecoder | None = None

    @property
    def unfinished(self) -> bool:
        """See `Connection`. Without frames every message is whole when it is read."""
        return self._frames is not None and self._frames.unfinished

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.BaseProtocol`."""
        # It holds a method of this connection; breaking the circle frees both at once.
        self._frames = None
        super().connection_lost(exc)

    def received(self, data: memoryview) -> None:
        """See `Connection`."""
        if self._frames is None:
            options = self.options()
            if options is not None and (options.unified_framed if self._door.is_unified else options.framed):
                self._frames = FrameDecoder(self.largest)
        if self._frames is not None:
            self._receive_frames(self._frames, data)
            return
        # A read that fills the buffer was over the limit and has its reply; this read continues the same message.
        continued, self._overflowing = self._overflowing, len(data) == len(self._door.buffer)
        if continued:
            return
        if self._overflowing:
            self.refuse(PayloadTooLarge(min(self.largest(), len(data) - 1)), len(data))
        else:
            self._accept(bytes(data))

    def words(self, error: Error | None, response: UnifiedResponse | None, *, last: bool) -> bytes:  # noqa: ARG002 - a TCP reply does not say whether the connection stays open
        """See `Connection`."""
        return reply(error, response)

    def broken_off(self, *, late: bool) -> None:
        """See `Connection`."""
        self.ending = True
        if late:
            message = f"A frame paused for more than {self._door.limits.body_seconds} seconds"
        else:
            message = "The connection ended before the frame did"
        self.refuse(Invalid(message))

    def _response(self) -> UnifiedResponse | None:
        options = self.options() if self._door.is_unified else None
        return None if options is None else response_of(options.response)

    def _receive_frames(self, frames: FrameDecoder, data: memoryview) -> None:
        for body in frames.feed(data):
            if self.ending:
                return
            if isinstance(body, bytes):
                self._accept(body)
            else:
                self.refuse(body)
        if frames.fault is not None:
            self.ending = True
            self.refuse(frames.fault)
        elif frames.unfinished:
            self.deadline = self._door.body_until

    def _accept(self, body: bytes) -> None:
        response = self._response() if self._door.is_unified else None
        try:
            written = self.store(Payload(body, OCTETS, service=self._door.service))
        except Error as error:
            self.answer_at_once(reply(error, response))
        else:
            self.await_answer(written, response)

    def refuse(self, error: Error, size: int | None = None) -> None:
        """Say no to what does not reach the ingest service."""
        self._door.ingest.refuse(self._door.counted_as, error, self.origin(), size)
        self.answer_at_once(reply(error, self._response()))

    def options(self) -> HarvestOptions | None:
        """What is said about the sender's payloads; `None` for one that may not store."""
        return self._door.ingest.options(self.address)

    def largest(self) -> int:
        """The bytes of the largest payload that the sender may send."""
        return self._door.ingest.largest(self.address)

    def origin(self) -> Origin:
        """Who sends, for the log of refusals."""
        return Origin(self.address, service=self._door.service)

    def store(self, payload: Payload) -> Confirmation:
        """Hand a payload to the ingest service."""
        return self._door.ingest.accept(DOOR, self.address, payload)
