"""The HTTP door, plain or over TLS: one POST, one data entry, and the answer `201 Created` once it is on disk."""

import asyncio
import socket
import time
from email.utils import formatdate

from minori.config.settings import Limits
from minori.doors.connection import Connection
from minori.doors.heads import Heads
from minori.doors.http_connection import HttpConnection
from minori.doors.listener import Listener
from minori.doors.words import complaint, created, refused
from minori.errors import Overloaded
from minori.http.application import Application
from minori.http.listener import Listener as HttpListener
from minori.http.tls import Tls
from minori.observe.metrics import Metrics
from minori.service.admission import Admission
from minori.service.ingest import IngestService

READ_BYTES = 8192
"""The most that one read returns: it bounds how many pipelined requests a connection has under way."""


class HttpDoor(Listener):
    """Takes data entries over HTTP/1.0 and HTTP/1.1 at the path `/`.

    Keeps connections open as HTTP says (our choice), answers pipelined requests in order, and reads
    what devices in the field send: no content type, a form's type around JSON, a stray line end behind
    the body, a target with scheme and host. Of a header that comes twice the first counts.

    A connection whose request is for `harvest-files.*` is handed over to a listener that serves `files`,
    with all that follows on it. It stays one of this door's connections: in its caps, its metrics, its drain.

    With `tls` it is the HTTPS door. A sender is known by its address there too, not by a certificate.

    Shortcomings: no HTTP/2 (an offer to upgrade is passed over). Lines must end in CRLF,
    and a header must not be folded. No content coding is undone: a gzipped body is stored as it came.
    What is refused before its body is whole is told plainly, whatever answer a group wants at the Unified Endpoint.
    The limits of the head are checked a read at a time, so that a head behind other requests in the same
    read may be up to 8 KiB longer. A client that is one too many is told so, and may see a reset
    instead of the answer.
    """

    files: HttpListener

    def __init__(
        self,
        ingest: IngestService,
        admission: Admission,
        limits: Limits,
        metrics: Metrics,
        files: Application,
        tls: Tls | None = None,
    ) -> None:
        name = "door-http" if tls is None else "door-https"
        super().__init__(ingest, admission, limits, metrics, name=name, read_bytes=READ_BYTES, tls=tls)
        self._file_door = files
        self.heads = Heads(limits)
        self.date = b""
        self.created_keep_alive = b""
        self.created_close = b""

    def serve(self, opened: socket.socket) -> None:
        """See `Listener`."""
        super().serve(opened)
        self.files = HttpListener(self._file_door, self.limits, self._metrics, self._loop, self._admission)

    async def drain(self) -> None:
        """See `Listener`."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self.files.drain())
            await super().drain()

    def connect(self, address: str) -> Connection:
        """See `Listener`."""
        return HttpConnection(self, address)

    def full(self) -> bytes:
        """See `Listener`."""
        return refused(complaint(Overloaded()), self.date, keep_alive=False)

    def tick(self, now: float) -> None:
        """See `Listener`. The `Date` line is made once a period."""
        super().tick(now)
        date = b"Date: %b\r\n" % formatdate(time.time(), usegmt=True).encode()
        if date != self.date:
            self.date = date
            self.created_keep_alive = created(date, keep_alive=True)
            self.created_close = created(date, keep_alive=False)
