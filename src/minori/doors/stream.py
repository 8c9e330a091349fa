"""The TCP door: what one read returns is one message, and each gets a reply of its own."""

from asyncio import Future

from minori.codec.content import OCTETS
from minori.config.settings import Limits
from minori.doors.connection import Connection
from minori.doors.listener import Listener
from minori.doors.words import BUSY, failure, reply
from minori.errors import Error
from minori.model.entry import Written
from minori.model.payload import Payload
from minori.observe.metrics import Metrics
from minori.service.admission import Admission
from minori.service.ingest import IngestService

DOOR = "tcp"
"""This door in the ingest service's counts."""

READ_BYTES = 65_536
"""The most that one read returns, unless the size limit is higher."""


class StreamDoor(Listener):
    """Takes data entries over TCP, without framing (our choice).

    Replies `201`, `400 <message>` or `503`, without a newline, in the order of the messages. A
    message is binary, whatever it looks like (documented).

    Shortcomings: TCP keeps no boundaries. Two messages sent in one breath arrive as one, and a
    message that the network splits arrives as two; senders wait for the reply before they send on.
    A message over the size limit that arrives in pieces gets a reply for each of them, and a last
    piece within the limit is stored. Two replies on their way may be read as one (`201201`). No TLS.
    """

    def __init__(
        self, name: str, ingest: IngestService, admission: Admission, limits: Limits, metrics: Metrics
    ) -> None:
        read_bytes = max(READ_BYTES, limits.payload_bytes + 1)
        super().__init__(ingest, admission, limits, metrics, name=name, read_bytes=read_bytes)

    def connect(self, address: str) -> Connection:
        """See `Listener`."""
        return StreamConnection(self, address)

    def full(self) -> bytes:
        """See `Listener`."""
        return BUSY


class StreamConnection(Connection):
    """One connection of a TCP door."""

    __slots__ = ("_door", "_overflowing")

    def __init__(self, door: StreamDoor, address: str) -> None:
        super().__init__(door, address)
        self._door = door
        self._overflowing = False

    @property
    def unfinished(self) -> bool:
        """See `Connection`. Every message is whole when it is read."""
        return False

    def received(self, data: memoryview) -> None:
        """See `Connection`."""
        # A read that fills the buffer was over the limit and has its reply; this read continues the same message.
        continued, self._overflowing = self._overflowing, len(data) == len(self._door.buffer)
        if continued:
            return
        # One byte beyond the limit says as much as all of them.
        body = bytes(data[: self._door.limits.payload_bytes + 1])
        try:
            written = self._door.ingest.accept(DOOR, self.address, Payload(body, OCTETS))
        except Error as error:
            self.answer_at_once(reply(error))
        else:
            self.await_answer(written)

    def words(self, written: "Future[Written]", *, last: bool) -> bytes:  # noqa: ARG002 - a TCP reply does not say whether the connection stays open
        """See `Connection`."""
        return reply(failure(written))

    def broken_off(self, *, late: bool) -> None:
        """See `Connection`. It does not happen, since no message is unfinished."""
