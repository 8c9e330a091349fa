"""A listener of HTTP: accepts connections, keeps their time, and drains."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from minori.config.settings import Limits
from minori.http.application import Application
from minori.http.connection import Connection
from minori.http.lane import Lane
from minori.http.outbox import Outbox
from minori.http.tls import Tls
from minori.observe.metrics import Metrics
from minori.service.admission import Admission

BACKLOG = 4096
"""Connections the system keeps until they are accepted; the loop would set 100 otherwise."""

TICK_SECONDS = 1.0
"""How often deadlines are looked at, and the date is told anew."""

SENDERS = 4
"""Threads on which the system sends files, each listener: as many cold disks or cold files hold nobody else up."""


class Listener:
    """Serves an ASGI application on one listening socket, or on connections that another listener accepted.

    With an `admission` of another listener both together keep within its caps. With `tls` it speaks HTTPS on its
    socket, and a client is admitted before the handshake. Without `at_once` all requests go the long way.
    """

    def __init__(
        self,
        application: Application,
        limits: Limits,
        metrics: Metrics,
        loop: asyncio.AbstractEventLoop,
        admission: Admission | None = None,
        tls: Tls | None = None,
        *,
        at_once: bool = True,
    ) -> None:
        self.application = application
        self.limits = limits
        self.metrics = metrics
        self.loop = loop
        self.admission = admission or Admission(limits.connections, limits.connections_per_address)
        self._tls = tls
        self.config = uvicorn.Config(**_config(application), timeout_keep_alive=limits.idle_seconds)
        self.config.load()
        self.state = ServerState()
        self.pool = ThreadPoolExecutor(SENDERS, "minori-send")
        self.outbox = Outbox(loop)
        self.lane = Lane(limits.head_bytes if at_once else 0)
        self._server: asyncio.Server | None = None
        self._sweep: asyncio.TimerHandle | None = None

    async def start(self, opened: socket.socket) -> None:
        """Accept connections from `opened`, which already listens."""
        self._tick()
        self._server = await self.loop.create_server(self._accepted, sock=opened, backlog=BACKLOG)

    def adopt(self, transport: asyncio.Transport, address: str, data: bytes) -> None:
        """Serve, from now on, a connection that another listener accepted from `address` and has let go of.

        `data` is what has been read of it, from the first byte of a request on.
        """
        if self._sweep is None:
            self._tick()
        connection = Connection(self, address)
        transport.set_protocol(connection)
        transport.set_write_buffer_limits()
        connection.connection_made(transport)
        connection.data_received(data)

    async def drain(self) -> None:
        """Accept no more, answer and send what is under way for at most `drain_seconds`, then cut every connection."""
        if self._server is not None:
            self._server.close()
        gone = [connection.finish() for connection in self._connections()]
        if gone:
            await asyncio.wait(gone, timeout=self.limits.drain_seconds)
        for connection in self._connections():
            connection.cut()
        self.lane.forget()
        self.pool.shutdown(wait=False)
        if self._sweep is not None:
            self._sweep.cancel()

    def _accepted(self) -> asyncio.BaseProtocol:
        connection = Connection(self)
        return connection if self._tls is None else self._tls.over(connection)

    def _tick(self) -> None:
        self.state.default_headers = [(b"date", formatdate(usegmt=True).encode())]
        now = self.loop.time()
        for connection in self._connections():
            connection.end_if_late(now)
        self._sweep = self.loop.call_later(TICK_SECONDS, self._tick)

    def _connections(self) -> list[Connection]:
        return [connection for connection in self.state.connections if isinstance(connection, Connection)]


def _config(application: Application) -> dict[str, Any]:
    """What uvicorn is told; everything it would do by itself is off."""
    return {
        "app": application,
        "lifespan": "off",
        "ws": "none",
        "access_log": False,
        "log_config": None,
        "proxy_headers": False,
        "server_header": False,
        "interface": "asgi3",
    }
