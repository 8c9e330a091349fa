"""What the doors over TCP share: a socket that listens, its connections, their caps and deadlines, and the end."""

import asyncio
import errno
import socket
from abc import ABC, abstractmethod
from contextlib import suppress

import structlog

from minori.config.address import Endpoint
from minori.config.settings import Limits
from minori.doors.connection import Connection
from minori.doors.sockets import bound, listen, peer_address
from minori.http.tls import Tls
from minori.observe.metrics import Metrics
from minori.service.admission import Admission
from minori.service.ingest import IngestService

SWEEP_SECONDS = 1.0
"""How often deadlines are looked at, at most: they end up to this much late, and never early."""

LINGER_SECONDS = 5.0
"""How long a connection that was answered for the last time waits for the peer to close."""

LINGER_STOPPING_SECONDS = 1.0
"""The same while the listener drains."""

ACCEPTS = 64
"""Connections accepted before the loop turns to others."""

_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_log = structlog.get_logger(__name__)


class Listener(ABC):
    """One listening socket with its connections. Used on the loop that `start` runs on.

    `name` is the metric label. `read_bytes` is the most that one read returns, for every connection:
    they share one buffer, since whatever is read is used before the next read. With `tls` connections are
    secured; a peer is admitted before the handshake.

    `idle_until`, `head_until`, `body_until` and `linger_until` are what a connection takes as its
    deadline (loop time); one sweep a period moves them and looks for those that have passed, so that
    a request costs no timer.
    """

    def __init__(
        self,
        ingest: IngestService,
        admission: Admission,
        limits: Limits,
        metrics: Metrics,
        *,
        name: str,
        read_bytes: int,
        tls: Tls | None = None,
    ) -> None:
        self.name = name
        self.ingest = ingest
        self.limits = limits
        self.buffer = memoryview(bytearray(read_bytes))
        self.stopping = False
        self.idle_until = self.head_until = self.body_until = self.linger_until = 0.0
        self._admission = admission
        self._metrics = metrics
        self._tls = tls
        self._period = min(SWEEP_SECONDS, min(limits.head_seconds, limits.body_seconds, limits.idle_seconds) / 4)
        self._connections: set[Connection] = set()
        self._arrivals: set[asyncio.Task[None]] = set()
        self._accepting = False
        self._empty = asyncio.Event()

    @abstractmethod
    def connect(self, address: str) -> Connection:
        """A connection for a peer that was admitted."""

    @abstractmethod
    def full(self) -> bytes:
        """The answer to a connection over the limit."""

    async def start(self, endpoint: Endpoint) -> None:
        """Listen on `endpoint` and serve until `drain`; `ListenFailed` if nothing can listen there."""
        self.serve(listen(endpoint))

    def serve(self, opened: socket.socket) -> None:
        """Serve until `drain` what comes in on a listening socket, which is now this listener's."""
        self._loop = asyncio.get_running_loop()
        self._socket = opened
        self.endpoint = bound(opened)
        self._resume_accepting()
        self._sweep()

    async def drain(self) -> None:
        """Accept no more, close idle connections, and let requests under way have their answers.

        Returns when every connection is closed; after `drain_seconds` those that are left are cut. To
        drain twice does no harm.
        """
        self.stopping = True
        if self._accepting:
            self._pause_accepting()
        self._socket.close()
        if self._arrivals:
            await asyncio.wait(self._arrivals)
        self.tick(self._loop.time())
        for connection in tuple(self._connections):
            connection.drain()
        try:
            async with asyncio.timeout(self.limits.drain_seconds):
                await self._emptied()
        except TimeoutError:
            for connection in tuple(self._connections):
                connection.cut()
            await self._emptied()
        self._timer.cancel()

    def enter(self, connection: Connection) -> None:
        """Keep an eye on a connection, until it leaves."""
        self._connections.add(connection)
        self._metrics.connection_opened(self.name)

    def leave(self, connection: Connection) -> None:
        """Forget a connection that is lost."""
        self._connections.discard(connection)
        self._admission.leave(connection.address)
        self._metrics.connection_closed(self.name)
        if not self._connections:
            self._empty.set()

    def tick(self, now: float) -> None:
        """Move the deadlines; `now` is loop time."""
        # A period is added because deadlines come from the last tick: none ends early.
        now += self._period
        self.idle_until = now + self.limits.idle_seconds
        self.head_until = now + self.limits.head_seconds
        self.body_until = now + self.limits.body_seconds
        self.linger_until = now + (LINGER_STOPPING_SECONDS if self.stopping else LINGER_SECONDS)

    async def _emptied(self) -> None:
        self._empty.clear()
        if self._connections:
            await self._empty.wait()

    def _sweep(self) -> None:
        self._timer = self._loop.call_later(self._period, self._sweep)
        now = self._loop.time()
        self.tick(now)
        for connection in [connection for connection in self._connections if connection.deadline <= now]:
            connection.expire()
        if not self._accepting and not self.stopping:
            self._resume_accepting()

    def _resume_accepting(self) -> None:
        self._accepting = True
        self._loop.add_reader(self._socket, self._accept)

    def _pause_accepting(self) -> None:
        self._accepting = False
        self._loop.remove_reader(self._socket)

    def _accept(self) -> None:
        for _ in range(ACCEPTS):
            try:
                opened, peer = self._socket.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    # The socket stays readable, so the loop would call again and again; the next sweep tries anew.
                    self._pause_accepting()
                    self._metrics.connection_refused(self.name, "resources")
                    _log.warning("no connection can be accepted", listener=self.name, reason=error.strerror)
                    return
                # A peer that gave up in between leaves its error to accept(); the next one may be well.
                continue
            self._admit(opened, peer_address(peer[0]))

    def _admit(self, opened: socket.socket, address: str) -> None:
        opened.setblocking(False)
        if not self._admission.admit(address):
            self._metrics.connection_refused(self.name, "total" if self._admission.full else "address")
            with suppress(OSError), opened:
                if self._tls is None:
                    # Before a handshake nobody can be told anything.
                    opened.send(self.full())
            return
        arrival = self._loop.create_task(self._open(opened, address))
        self._arrivals.add(arrival)
        arrival.add_done_callback(self._arrivals.discard)

    async def _open(self, opened: socket.socket, address: str) -> None:
        connection: Connection | None = None
        connected = False

        def connect() -> asyncio.BaseProtocol:
            nonlocal connection
            connection = self.connect(address)
            return connection if self._tls is None else self._tls.over(connection)

        # The loop's own server cannot tell the address of a peer that has already reset, and would lose what it sent.
        try:
            await self._loop.connect_accepted_socket(connect, opened)
            connected = True
        except OSError as error:
            _log.warning("a connection could not be set up", listener=self.name, reason=error.strerror)
        except Exception:  # noqa: BLE001 - whatever it is, one connection must not take the place of others for ever
            _log.exception("a connection could not be set up, which was not foreseen", listener=self.name)
        finally:
            if not connected:
                if connection is None or connection.abandon():
                    self._admission.leave(address)
                opened.close()
