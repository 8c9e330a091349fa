"""One HTTP connection: uvicorn's protocol with the bounds that it lacks.

uvicorn on httptools sets no limit on the head of a request and no deadline on a slow client. Here the
head is counted as it arrives, and a sweep over the connections, once a second, ends those that are late.
"""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from typing import TYPE_CHECKING

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from minori.http.deadlines import Unread, in_kernel
from minori.http.exchange import Request
from minori.http.heads import LARGE, answer_head, authority, refusal, with_path, without_upgrade, write_buffers
from minori.http.outgoing import OUTGOING, Outgoing

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application

    from minori.http.listener import Listener

MALFORMED, TOO_SLOW, HEAD_TOO_LARGE = 400, 408, 431
"""Why a connection refuses by itself, as statuses."""

PIPELINED = 64
"""Requests that may wait behind the one being answered; a connection with more of them is ended."""

HEADERS = 128
"""Headers that a request may have (our choice)."""

CROWD = 8
"""Connections of a listener from which on answers are held to be written together (our choice): a lone client would
only wait for the others."""

LINGER_SECONDS = 2
LINGER_BYTES = 1 << 20
"""What is still taken in, and thrown away, of a client that was refused: closing at once would reset the
connection, and the reset may overtake the refusal."""


class _StopParsing(Exception):
    """Raised inside the parser's callbacks to stop it."""


class _Phase(Enum):
    """What the client is expected to do: ask, go on with a head or a body, or wait; after OVER, close."""

    IDLE = auto()
    HEAD = auto()
    BODY = auto()
    ANSWER = auto()
    OVER = auto()


class Connection(HttpToolsProtocol):
    """A connection that is admitted, bounded and ended in time.

    `_phase` says what is being read, `_since` when that began or went on, and `_unnoticed` how many bytes
    went into the parser since it last called back: it keeps an unfinished header or trailer to itself.
    `address` is the client's, where another listener has told it.
    """

    def __init__(self, listener: Listener, address: str = "") -> None:
        super().__init__(listener.config, listener.state, {}, listener.loop)
        self._listener = listener
        self._address = address
        self._admitted = ""
        self._answering: RequestResponseCycle | None = None
        self._outgoing: Outgoing | None = None
        self._is_upgrade = False
        self._is_ended = False
        self._phase = _Phase.IDLE
        self._head_bytes = 0
        self._unnoticed = 0
        self._held = b""
        self._discarded: int | None = None
        self._refusal = MALFORMED
        self._since = listener.loop.time()
        self._unread = Unread(self._since)
        self._gone: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Admit the connection, or close it at once."""
        super().connection_made(transport)
        if self._address:
            self.client = (self._address, 0)
        address = self.client[0] if self.client else ""
        if self._listener.admission.admit(address):
            self._admitted = address
            self._listener.metrics.connection_opened(self._listener.application.listener)
        else:
            self._listener.metrics.connection_refused(
                self._listener.application.listener, "total" if self._listener.admission.full else "address"
            )
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give back what was admitted."""
        if self._admitted:
            self._listener.admission.leave(self._admitted)
            self._listener.metrics.connection_closed(self._listener.application.listener)
            self._admitted = ""
        super().connection_lost(exc)
        if self._answering is not None:
            # With pipelining, uvicorn tells only the newest request that the client is gone.
            _forsake(self._answering)
        if self._outgoing is not None:
            self._outgoing.stop()
        if self._gone is not None and not self._gone.done():
            self._gone.set_result(None)

    def finish(self) -> asyncio.Future[None]:
        """Close once what is under way is answered and sent. The future is done when the connection is gone."""
        self._gone = self._listener.loop.create_future()
        self.write_held()
        self.shutdown()
        return self._gone

    def cut(self) -> None:
        """Close at once, whatever is under way."""
        if self._outgoing is not None:
            self._outgoing.stop()
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take bytes in; a malformed request, or one with too large a head, ends the connection."""
        if self.transport.is_closing():
            return
        if self._discarded is not None:
            self._discarded += len(data)
            if self._discarded > LINGER_BYTES:
                self.transport.abort()
            return
        if self._held:
            self.write_held()
        if self._phase is _Phase.IDLE:
            data = self._answer_at_once(data)
            if not data:
                return
        self._unnoticed += len(data)
        try:
            self._feed(data)
        except httptools.HttpParserError:
            self._refuse(self._refusal)
            return
        if self._unnoticed > self._listener.limits.head_bytes:
            self._refuse(HEAD_TOO_LARGE)

    def eof_received(self) -> bool:  # type: ignore[override]  # uvicorn always closes
        """The client sends no more; a request that is here whole is still answered."""
        self.write_held()
        if not self._owes() or self.cycle.more_body:
            return False
        self._is_ended = True
        self.cycle.keep_alive = False
        return True

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._enter(_Phase.HEAD)
        self._head_bytes = 0
        self._unnoticed = 0

    def on_url(self, url: bytes) -> None:
        """A piece of the target."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; trailers come here too, are counted, and are left out."""
        self._count(len(name) + len(value) + 4)
        if self._phase is _Phase.HEAD:
            super().on_header(name, value)
            if len(self.headers) > HEADERS:
                self._refusal = HEAD_TOO_LARGE
                raise _StopParsing

    def on_headers_complete(self) -> None:
        """The head is whole: hand it on to uvicorn, which begins to answer."""
        self._is_upgrade = self.parser.should_upgrade()
        if self._is_upgrade:
            return
        if b"#" in self.url:
            # Without what is behind it, a path may be another file's (RFC 9112, 3.2: no target has a fragment).
            raise _StopParsing
        self._enter(_Phase.BODY)
        if not self.url.startswith(b"/"):
            self._take_authority()
            self.url = with_path(self.url)
        super().on_headers_complete()
        if len(self.pipeline) > PIPELINED:
            # An error sent now would be read as the answer to the first request.
            self.transport.abort()
            raise _StopParsing

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._unnoticed = 0
        if not self.cycle.response_complete:
            # A body that goes on for ever behind its answer must not keep the connection.
            self._since = self._listener.loop.time()
        super().on_body(body)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answering = cycle
        self._outgoing = Outgoing(cycle, self._listener.loop, self._listener.pool)
        cycle.scope["state"][OUTGOING] = self._outgoing
        super()._start_asgi_task(cycle, app)

    def on_message_complete(self) -> None:
        """The request is whole; it may have been answered before that."""
        self._unnoticed = 0
        if self._is_upgrade:
            return
        if self.cycle.response_complete and not self.cycle.keep_alive:
            # The rest of a body whose request was refused before: now the client can have read why.
            self._linger()
            raise _StopParsing
        self._enter(_Phase.IDLE if self.cycle.response_complete else _Phase.ANSWER)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """An answer is out; the next request may be half here."""
        answered = self._answering
        if answered is not None and answered.response_complete and not (answered.keep_alive or answered.more_body):
            self._linger()
            return
        if self.cycle.response_complete and self._phase in {_Phase.ANSWER, _Phase.BODY}:
            # What is left of a body has the time of one pause to come, all of it.
            self._enter(_Phase.IDLE if self._phase is _Phase.ANSWER else _Phase.BODY)
        super().on_response_complete()
        # The sweep ends idle connections.
        self._unset_keepalive_if_required()
        if self.pipeline:
            # uvicorn reads on after each answer, however many requests wait.
            self.flow.pause_reading()

    def end_if_late(self, now: float) -> None:
        """End the connection if its client has kept it waiting too long. `now` is the loop's time."""
        limits = self._listener.limits
        if self._unread.seconds(self._unsent(), now) > limits.idle_seconds:
            self.transport.abort()
            return
        waited = now - self._since
        if self._phase is _Phase.OVER:
            if waited > LINGER_SECONDS:
                self.transport.close()
        elif self._phase is _Phase.IDLE:
            if waited > limits.idle_seconds:
                self.transport.close()
        elif self._phase is _Phase.ANSWER:
            return
        elif self.flow.read_paused or (self._phase is _Phase.BODY and self.cycle.waiting_for_100_continue):
            # Then the client waits for us.
            self._since = now
        elif waited > (limits.head_seconds if self._phase is _Phase.HEAD else limits.body_seconds):
            self._refuse(TOO_SLOW)

    def _feed(self, data: bytes) -> None:
        """Give bytes to the parser. It stops behind a head that offers an upgrade, and nothing is upgraded here."""
        rest: bytes | memoryview = data
        while rest:
            try:
                self.parser.feed_data(rest)
            except httptools.HttpParserUpgrade as offer:
                rest = memoryview(rest)[offer.args[0] :]
                self._pass_over_upgrade()
            else:
                return

    def _pass_over_upgrade(self) -> None:
        """Parse the head again without `Upgrade`, so that its body is read."""
        method = self.parser.get_method()
        if method == b"CONNECT":
            raise httptools.HttpParserInvalidMethodError
        head = without_upgrade(method, self.url, self.parser.get_http_version(), self.headers)
        self.parser = httptools.HttpRequestParser(self)
        # As uvicorn sets it: a request behind the last one is no error.
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.parser.feed_data(head)

    def _answer_at_once(self, data: bytes) -> bytes:
        """Answer reads that begin here, between two requests, without parser, task and cycle; what is left of `data`.

        The bytes are those that would be written the long way.
        """
        listener = self._listener
        lane, application = listener.lane, listener.application
        start = 0
        while not self.flow.write_paused:
            read = lane.read(data, start)
            if read is None:
                break
            request = Request("GET", read.query, read.headers, self._admitted, scheme=self.scheme or "http")
            answer = application.answer_at_once(read.path, request)
            if answer is None:
                break
            self._since = listener.loop.time()
            start = read.end
            buffers = [answer_head(answer, listener.state.default_headers), *answer.buffers]
            size = sum(map(len, buffers))
            is_last = start == len(data)
            if is_last and size < LARGE and len(listener.state.connections) >= CROWD:
                self._held = b"".join(buffers)
                listener.outbox.add(self, size)
            else:
                # Never held if others follow, so that these are held up while the client takes none.
                write_buffers(self.transport, buffers, size)
            if is_last:
                break
        return data[start:]

    def write_held(self) -> None:
        """Write the answer that waits to be written with others', if there is one."""
        held, self._held = self._held, b""
        if held and not self.transport.is_closing():
            self.transport.write(held)

    def _linger(self) -> None:
        """Take in, for a while, what the client sends behind its last answer, such as a line end behind a body."""
        if self._is_ended:
            self.transport.close()
            return
        self._discarded = 0
        self._enter(_Phase.OVER)
        self.flow.resume_reading()

    def _take_authority(self) -> None:
        """The host of a target counts, whatever `Host` says (RFC 9112, 3.2.2)."""
        told = authority(self.url)
        if told:
            self.headers[:] = [(b"host", told), *(line for line in self.headers if line[0] != b"host")]

    def _unsent(self) -> int:
        """Bytes that wait for the client to read."""
        if self._outgoing is not None:
            return self._outgoing.unsent
        waiting = self.transport.get_write_buffer_size()
        return waiting and waiting + in_kernel(self.transport)

    def _owes(self) -> bool:
        return self._answering is not None and not self._answering.response_complete

    def _enter(self, phase: _Phase) -> None:
        self._phase = phase
        self._since = self._listener.loop.time()

    def _count(self, size: int) -> None:
        self._unnoticed = 0
        self._head_bytes += size
        if self._head_bytes > self._listener.limits.head_bytes:
            self._refusal = HEAD_TOO_LARGE
            raise _StopParsing

    def _refuse(self, status: int) -> None:
        """Read no more; say why, unless that would be taken for the answer to another request."""
        if self.transport.is_closing() or self._discarded is not None:
            return
        cycle = self.cycle
        is_of_cycle = self._phase is _Phase.BODY
        if self._owes():
            if not is_of_cycle or cycle.response_started:
                cycle.keep_alive = False
                self._discarded = 0
                self._enter(_Phase.ANSWER)
                return
            if self._answering is not cycle:
                self.transport.abort()
                return
            _forsake(cycle)
        elif is_of_cycle:
            self.transport.close()
            return
        self.transport.write(refusal(status, self._listener.application.refusal(status)))
        self.transport.write_eof()
        self._discarded = 0
        self._enter(_Phase.OVER)
        self.flow.resume_reading()


def _forsake(cycle: RequestResponseCycle) -> None:
    """Tell the handler that nobody waits for its answer."""
    cycle.disconnected = True
    cycle.waiting_for_100_continue = False
    cycle.message_event.set()
