"""One TCP connection: answers in request order, bounded queues, deadlines, and a close that loses no answer."""

import asyncio
import math
from abc import ABC, abstractmethod
from collections import deque
from typing import TYPE_CHECKING, cast

from minori.codec.harvestoptions import UnifiedResponse
from minori.errors import Error
from minori.storage.base import Confirmation

if TYPE_CHECKING:
    from minori.doors.listener import Listener

WAITING = 64
"""Requests of one connection that may wait for the store before no more is read from it."""

WRITE_BUFFER = 4096
"""Bytes of answers that a peer may leave unread, beyond the system's buffer, before no more is read from it."""

LINGER_BYTES = 16 * 1024 * 1024
"""The most that is thrown away unread after the last answer, before the connection is cut."""


class Connection(asyncio.BufferedProtocol, ABC):
    """What every protocol over TCP needs; it knows no protocol itself.

    `waiting` holds, in the order of the requests, confirmations of the ingest service and answers that are
    already worded. `ending` is true once no further request is read: bytes that still come are
    thrown away, and after the last answer the connection is half-closed. Closing it for good while
    bytes are unread makes the system send a reset, which may overtake the answer.

    `deadline` is loop time; the listener's sweep calls `expire` once it has passed.
    """

    __slots__ = (
        "_blocked",
        "_discarded",
        "_entered",
        "_eof",
        "_held",
        "_listener",
        "_lost",
        "_transport",
        "address",
        "deadline",
        "ending",
        "waiting",
    )

    _transport: asyncio.Transport

    def __init__(self, listener: "Listener", address: str) -> None:
        self.address = address
        self.deadline = math.inf
        self.ending = False
        self.waiting: deque[Confirmation | tuple[Confirmation, UnifiedResponse] | bytes] = deque()
        self._listener = listener
        self._blocked = False
        self._held = False
        self._eof = False
        self._entered = False
        self._lost = False
        self._discarded = 0

    @abstractmethod
    def received(self, data: memoryview) -> None:
        """Take what one read returned; the view is good until the call ends."""

    @abstractmethod
    def words(self, error: Error | None, response: UnifiedResponse | None, *, last: bool) -> bytes:
        """The answer to a request that is stored, or failed, in a form of its own where there is a `response`.

        `last` if the connection ends with it.
        """

    @property
    @abstractmethod
    def unfinished(self) -> bool:
        """Whether a request has begun and its end has not come yet."""

    @abstractmethod
    def broken_off(self, *, late: bool) -> None:
        """An unfinished request will not be finished: its deadline has passed if `late`, else the peer has ended."""

    def await_answer(self, confirmation: Confirmation, response: UnifiedResponse | None = None) -> None:
        """Queue the answer to a request."""
        self.waiting.append(confirmation if response is None else (confirmation, response))
        confirmation.then(self.flush)

    def answer_at_once(self, answer: bytes) -> None:
        """Queue an answer that is already worded; it still waits for those before it."""
        self.waiting.append(answer)
        self.flush()

    def flush(self, _: Confirmation | None = None) -> None:
        """Write every answer that is due; called whenever a confirmation of `waiting` is known."""
        if self._lost:
            return
        due = self._due()
        if due and not self._transport.is_closing():
            self._transport.write(b"".join(due))
        if not self.waiting:
            if self.ending:
                self._finish()
            elif not self.unfinished:
                self.deadline = self._listener.idle_until
        if self._held:
            self._regulate()

    def expire(self) -> None:
        """The deadline has passed."""
        if self.waiting:
            # The peer has done its part: it waits for the store.
            self.deadline = self._listener.idle_until
        elif self.ending or self._transport.get_write_buffer_size():
            self.cut()
        elif self.unfinished:
            self.broken_off(late=True)
        else:
            self._transport.close()

    def drain(self) -> None:
        """The listener stops: end now if idle, otherwise with the answers that are due."""
        if self.ending:
            self.deadline = min(self.deadline, self._listener.linger_until)
        elif self.waiting:
            self.ending = True
        elif not self.unfinished:
            self._transport.close()

    def cut(self) -> None:
        """End the connection, even if answers are unsent."""
        self._transport.abort()

    def abandon(self) -> bool:
        """Give up setting the connection up; true if it had not entered its listener, which it then never will."""
        if self._entered:
            # The loop has closed the transport, and not every loop tells the connection.
            self.connection_lost(None)
            return False
        self._lost = True
        return True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.BaseProtocol`."""
        if self._lost:
            # The loop may tell of a connection even if its setting up was given up before.
            cast("asyncio.Transport", transport).abort()
            return
        self._entered = True
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=WRITE_BUFFER)
        self.deadline = self._listener.idle_until
        self._listener.enter(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's reason; every end is handled alike
        """See `asyncio.BaseProtocol`. What waits for the store is stored all the same."""
        if self._lost:
            return
        self._lost = True
        self.waiting.clear()
        self._listener.leave(self)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's hint; all reads share one buffer
        """See `asyncio.BufferedProtocol`."""
        return self._listener.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """See `asyncio.BufferedProtocol`."""
        if self.ending:
            self._discard(nbytes)
            return
        self.received(self._listener.buffer[:nbytes])
        if len(self.waiting) > WAITING:
            self._regulate()

    def eof_received(self) -> bool:
        """See `asyncio.BufferedProtocol`. The peer has stopped sending; it may still read the answers that are due."""
        self._eof = True
        if not self.ending:
            if self.unfinished:
                self.broken_off(late=False)
            self.ending = True
        return bool(self.waiting)

    def pause_writing(self) -> None:
        """See `asyncio.BaseProtocol`."""
        self._blocked = True
        self._regulate()

    def resume_writing(self) -> None:
        """See `asyncio.BaseProtocol`."""
        self._blocked = False
        self._regulate()

    def _due(self) -> list[bytes]:
        waiting = self.waiting
        due = []
        while waiting:
            head = waiting[0]
            if not isinstance(head, bytes):
                confirmation, response = head if isinstance(head, tuple) else (head, None)
                if not confirmation.is_known:
                    break
                head = self.words(confirmation.failure, response, last=self.ending and len(waiting) == 1)
            waiting.popleft()
            due.append(head)
        return due

    def _regulate(self) -> None:
        hold = self._blocked or len(self.waiting) > WAITING
        if hold is self._held or self._eof or self._transport.is_closing():
            return
        self._held = hold
        if hold:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _finish(self) -> None:
        if self._transport.is_closing():
            return
        if self._eof:
            self._transport.close()
        else:
            self._transport.write_eof()
            self.deadline = self._listener.linger_until

    def _discard(self, count: int) -> None:
        self._discarded += count
        if self._discarded > LINGER_BYTES:
            self.cut()
