"""One answer on its way out of a connection: its head and body in one write, or its content piece by piece."""

import asyncio
from concurrent.futures import Executor
from typing import TYPE_CHECKING

import structlog

from minori.errors import Error, StoreFailed
from minori.http.deadlines import in_kernel
from minori.http.exchange import Answer, Content, Stretch
from minori.http.heads import answer_head, write_buffers
from minori.http.transfer import Transfer

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

OUTGOING = "minori.outgoing"
"""Where an application finds it in the state of its scope."""

PIECE = 262_144
"""Bytes that are read at once of what cannot be sent past Python."""

SKIPPED = 65_536
"""Bytes of a declared body that are taken in and thrown away to keep a connection whose request was answered
without them; a connection with a longer one, or one of unknown length, closes (our choice)."""

_log = structlog.get_logger()


class Outgoing:
    """The answer to one request. It ends the `cycle` in which uvicorn reads that request."""

    def __init__(self, cycle: "RequestResponseCycle", loop: asyncio.AbstractEventLoop, pool: Executor) -> None:
        self._cycle = cycle
        self._loop = loop
        self._pool = pool
        self._left = 0
        self._transfer: Transfer | None = None

    @property
    def unsent(self) -> int:
        """Bytes that the client has yet to take; 0 while it is not the client that is waited for."""
        transport = self._cycle.transport
        waiting = transport.get_write_buffer_size()
        if self._transfer is not None and self._transfer.waits:
            waiting = self._transfer.left
        return waiting and waiting + self._left + in_kernel(transport)

    async def send(self, answer: Answer, *, head_only: bool) -> None:
        """Send an answer, without its body for HEAD, and close its content whatever happens.

        Returns when all of it is with the transport, or the client is gone; raises nothing of the content's.
        """
        try:
            await self._drained()
            self._begin(answer, head_only=head_only)
            if answer.content is not None and not head_only:
                await self._send(answer.content)
            self._end()
        except (ConnectionError, TimeoutError):
            self._break_off()
        except (Error, OSError) as error:
            _log.warning("an answer broke off", reason=str(error))
            self._break_off()
        finally:
            if answer.content is not None:
                answer.content.close()

    def stop(self) -> None:
        """The client is gone."""
        if self._transfer is not None:
            self._transfer.stop()

    def _begin(self, answer: Answer, *, head_only: bool) -> None:
        cycle = self._cycle
        if cycle.more_body and not self._is_skipped():
            cycle.keep_alive = False
        head = answer_head(answer, cycle.default_headers, closes=not cycle.keep_alive)
        cycle.response_started = True
        cycle.waiting_for_100_continue = False
        buffers = [head] if head_only else [head, *answer.buffers]
        write_buffers(cycle.transport, buffers, sum(map(len, buffers)))

    def _is_skipped(self) -> bool:
        if self._cycle.waiting_for_100_continue:
            # Whether the client will send its body now, nobody knows (RFC 9110, 10.1.1).
            return False
        lengths = [value for name, value in self._cycle.scope["headers"] if name == b"content-length"]
        return bool(lengths) and int(lengths[0]) <= SKIPPED

    async def _send(self, content: Content) -> None:
        self._left = content.length
        for piece in content.pieces:
            if isinstance(piece, bytes):
                await self._write(piece)
            elif piece.reader.descriptor is None or self._cycle.scope["scheme"] != "http":
                await self._copy(piece)
            else:
                await self._pass(piece, piece.reader.descriptor)

    async def _copy(self, stretch: Stretch) -> None:
        at, end = stretch.offset, stretch.offset + stretch.count
        while at < end:
            chunk = await stretch.reader.read(at, min(PIECE, end - at))
            if not chunk:
                raise StoreFailed("A stored file is shorter than it was when it was stored")
            await self._write(chunk)
            at += len(chunk)

    async def _pass(self, stretch: Stretch, descriptor: int) -> None:
        """Send a stretch past Python, once everything before it has left the transport's own buffer."""
        transport = self._cycle.transport
        transport.set_write_buffer_limits(0)
        await self._drained()
        out = transport.get_extra_info("socket").fileno()
        self._left -= stretch.count
        self._transfer = Transfer(self._loop, self._pool, out, descriptor, stretch.offset, stretch.count)
        try:
            await self._transfer.run()
        finally:
            self._transfer = None
        if not transport.is_closing():
            transport.set_write_buffer_limits()

    async def _write(self, data: bytes) -> None:
        self._left -= len(data)
        self._cycle.transport.write(data)
        await self._drained()

    async def _drained(self) -> None:
        """Return when the client has taken enough for more. Raises `ConnectionError` if it is gone."""
        if self._cycle.flow.write_paused and not self._cycle.disconnected:
            await self._cycle.flow.drain()
        if self._cycle.disconnected or self._cycle.transport.is_closing():
            raise ConnectionAbortedError

    def _end(self) -> None:
        cycle = self._cycle
        cycle.response_complete = True
        cycle.message_event.set()
        if not cycle.keep_alive:
            # What the client still sends is taken in, or a reset might overtake the answer.
            cycle.transport.write_eof()
        cycle.on_response()

    def _break_off(self) -> None:
        self._cycle.disconnected = True
        self._cycle.transport.abort()
