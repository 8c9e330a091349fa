"""Where Soracom Beam brings in what devices send over TCP: a first line that says who sends, then the bytes."""

import time
from collections.abc import Sequence

from minori.codec.beam import Vouched, parse_first_line, take_first_line
from minori.codec.harvestoptions import HarvestOptions
from minori.config.settings import Limits
from minori.doors.connection import Connection
from minori.doors.stream import StreamConnection, StreamDoor
from minori.errors import BeamRejected, Error, Invalid
from minori.model.payload import Payload
from minori.model.refusal import Origin
from minori.model.registry import BeamKey
from minori.model.resource import Resource
from minori.observe.metrics import Metrics
from minori.service.admission import Admission
from minori.service.feeders import FeederView
from minori.service.ingest import IngestService
from minori.service.registry import Sender
from minori.service.vouched import VouchedSenders
from minori.storage.base import Confirmation

DOOR = "beam-tcp"
"""This door in the ingest service's counts."""


class Feed:
    """Who may bring in what: the shared keys, the senders they vouch for, and how old a signature may be."""

    def __init__(self, keys: FeederView, senders: VouchedSenders, window_seconds: int) -> None:
        self.keys = keys
        self.senders = senders
        self.window_seconds = window_seconds


class BeamDoor(StreamDoor):
    """Takes data entries from Beam's TCP to TCP entry point.

    A connection begins with a line signed with a shared key of any operator (documented); what follows are the
    device's messages, as the TCP door has them, with the same replies. A line that is wrong, late or not signed with
    a key that is kept here is told so and ends the connection, and so does the next message once the key was removed.

    Shortcomings: those of the TCP door. What follows the first line is not signed, nor is it encrypted: TLS in front
    of the door does that. Within the time that a signature may be old, who has heard a line can send it again. A line
    names no operator, so the keys of all are tried; an account has few of them.
    """

    def __init__(
        self, ingest: IngestService, feed: Feed, admission: Admission, limits: Limits, metrics: Metrics
    ) -> None:
        super().__init__("door-beam", ingest, admission, limits, metrics)
        self.counted_as = DOOR
        self.feed = feed

    def connect(self, address: str) -> Connection:
        """See `Listener`."""
        return BeamConnection(self, address)


class BeamConnection(StreamConnection):
    """One connection of Beam's; `_begun` is what has come of a first line that has not ended.

    `_signers` are the keys that have signed the line.
    """

    __slots__ = ("_beam", "_begun", "_signers", "_vouched")

    def __init__(self, door: BeamDoor, address: str) -> None:
        super().__init__(door, address)
        self._beam = door
        self._begun = b""
        self._signers: Sequence[BeamKey] = ()
        self._vouched: Vouched | None = None

    @property
    def unfinished(self) -> bool:
        """See `Connection`."""
        return bool(self._begun) if self._vouched is None else super().unfinished

    def received(self, data: memoryview) -> None:
        """See `Connection`."""
        if self._vouched is not None:
            super().received(data)
            return
        if not self._begun:
            self.deadline = self._beam.head_until
        self._begun += data
        try:
            taken = take_first_line(self._begun)
            if taken is None:
                return
            self._trust(parse_first_line(taken[0]))
        except Error as error:
            self._end(error)
            return
        self._begun = b""
        self.deadline = self._beam.idle_until
        if taken[1]:
            super().received(memoryview(taken[1]))

    def broken_off(self, *, late: bool) -> None:
        """See `Connection`."""
        if self._vouched is not None:
            super().broken_off(late=late)
        elif late:
            self._end(Invalid(f"Beam's first line took longer than {self._beam.limits.head_seconds} seconds"))
        else:
            self._end(Invalid("The connection ended before Beam's first line did"))

    def options(self) -> HarvestOptions | None:
        """See `StreamConnection`."""
        try:
            return self._sender().options
        except Error:
            return None

    def largest(self) -> int:
        """See `StreamConnection`."""
        try:
            return self._beam.ingest.largest_from(self._sender())
        except Error:
            return self._beam.limits.payload_bytes

    def origin(self) -> Origin:
        """See `StreamConnection`."""
        if self._vouched is None:
            return Origin(self.address)
        account = self._account(self._vouched, self._kept() or self._signers)
        return Origin(resource=Resource(account, self._vouched.type, self._vouched.id))

    def store(self, payload: Payload) -> Confirmation:
        """See `StreamConnection`. Whether the sender may store is asked for each payload anew."""
        try:
            sender = self._sender()
        except Error as error:
            if isinstance(error, BeamRejected):
                self.ending = True
            self._beam.ingest.refuse(DOOR, error, self.origin(), len(payload.body))
            raise
        return self._beam.ingest.accept_from(DOOR, sender, payload)

    def _trust(self, vouched: Vouched) -> None:
        feed, now = self._beam.feed, time.time_ns() // 1_000_000
        self._signers = feed.keys.signers(vouched, None, now, feed.window_seconds)
        self._vouched = vouched

    def _sender(self) -> Sender:
        assert self._vouched is not None  # noqa: S101 - nothing is stored before the first line
        kept = self._kept()
        if not kept:
            raise BeamRejected("The shared key that has signed the first line was removed; set another one in Beam")
        return self._beam.feed.senders.vouched(self._account(self._vouched, kept), self._vouched)

    def _kept(self) -> list[BeamKey]:
        return [key for key in self._signers if self._beam.feed.keys.has_beam_key(key)]

    def _account(self, vouched: Vouched, keys: Sequence[BeamKey]) -> str:
        return self._beam.feed.senders.account([key.account for key in keys], vouched)

    def _end(self, error: Error) -> None:
        self.ending = True
        self._begun = b""
        self.refuse(error)
