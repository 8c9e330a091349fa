"""One API behind two listeners: one answers reads at once where it can, the other sends every request the long way."""

import asyncio
import json
import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httptools
import pytest
import uvloop
from msgspec import Struct
from msgspec.structs import replace

from minori.app import server as app
from minori.config.address import Endpoint
from minori.config.settings import Settings, Stores
from minori.doors.sockets import bound, listen
from minori.http import connection
from minori.http.listener import Listener
from minori.model.audit import AuditEntry
from minori.service.audit import AuditService
from serving import Address

IN_MEMORY = Stores("memory:", "memory:", "memory:", "memory:", "memory:")
ANYWHERE = "127.0.0.1:0"
SECONDS = 20

_DATE = re.compile(rb"(?i)date: [^\r]*")


class Told(Struct, frozen=True):
    """What came of some requests: the bytes, without dates; counts by metric; what the audit log was told."""

    answers: bytes
    counts: dict[str, float]
    noted: list[tuple[AuditEntry, bool]]


class Twin:
    """One of the two listeners."""

    def __init__(self, listener: Listener, address: Address, noted: list[tuple[AuditEntry, bool]]) -> None:
        self.address = address
        self._listener = listener
        self._noted = noted

    @property
    def long_ways(self) -> int:
        """Requests that have gone the long way, so far."""
        return self._listener.state.total_requests

    def connect(self) -> socket.socket:
        """A connection to it."""
        return socket.create_connection(self.address, SECONDS)

    def ask(self, *requests: bytes | Sequence[bytes]) -> Told:
        """Send requests, each once the one before is answered, the last one perhaps in pieces; read to the end."""
        before = self._counts()
        self._noted.clear()
        with self.connect() as line:
            answers = [asked(line, request) for request in requests]
            line.shutdown(socket.SHUT_WR)
            answers += iter(lambda: line.recv(65536), b"")
        self._settle()
        counts = {name: value - before.get(name, 0) for name, value in self._counts().items()}
        changed = {name: value for name, value in counts.items() if value}
        return Told(_DATE.sub(b"date", b"".join(answers)), changed, [*self._noted])

    def _settle(self) -> None:
        """Wait until what was refused while its handler was on its way is over, too."""
        asyncio.run_coroutine_threadsafe(_turns(), self._listener.loop).result(SECONDS)

    def _counts(self) -> dict[str, float]:
        metrics = self._listener.metrics
        counted = (metrics.requests, metrics.entries_read, metrics.audit_dropped)
        samples = [sample for metric in counted for family in metric.collect() for sample in family.samples]
        return {f"{sample.name}{sorted(sample.labels.items())}": sample.value for sample in samples}


async def _turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


class _Due:
    """What an answer is due to: heads that are whole, and their methods."""

    def __init__(self, data: bytes) -> None:
        self.methods: list[bytes] = []
        self._parser = httptools.HttpRequestParser(self)
        self.is_malformed = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass
        except httptools.HttpParserError:
            self.is_malformed = True

    def on_headers_complete(self) -> None:
        self.methods.append(self._parser.get_method())

    @property
    def answers(self) -> list[bytes]:
        """The method for each answer; a refusal answers none."""
        return self.methods or [b"GET"] * self.is_malformed


def asked(line: socket.socket, request: bytes | Sequence[bytes]) -> bytes:
    """Send a request, perhaps in pieces, and wait for what is due to it: the connection may end with it."""
    pieces = [request] if isinstance(request, bytes) else request
    for piece in pieces:
        line.sendall(piece)
    told = rest = b""
    for method in _Due(b"".join(pieces)).answers:
        answer, rest = _answer(line, method, rest)
        told += answer
    return told + rest


def _answer(line: socket.socket, method: bytes, told: bytes) -> tuple[bytes, bytes]:
    """One whole answer, and what came behind it; less if the connection ends."""
    while (end := told.find(b"\r\n\r\n")) < 0:
        if not (more := line.recv(65536)):
            return told, b""
        told += more
    length = re.findall(rb"(?i)content-length: (\d+)", told[:end])
    end += 4 if method == b"HEAD" or not length else 4 + int(length[0])
    while len(told) < end:
        if not (more := line.recv(65536)):
            break
        told += more
    return told[:end], told[end:]


class Twins:
    """Both listeners, `fast` and `plain`, on `loop`. `credentials` are those of the root user's key."""

    fast: Twin
    plain: Twin
    credentials: dict[str, str]

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop

    async def open(self, folder: Path, stack: AsyncExitStack) -> None:
        """Start the server and the second listener."""
        listeners: list[Listener] = []
        noted: list[tuple[AuditEntry, bool]] = []

        class Seen(Listener):
            def __init__(self, *given: Any, **named: Any) -> None:
                super().__init__(*given, **named)
                listeners.append(self)

        class Heard(AuditService):
            def record(self, entry: AuditEntry, *, is_proven: bool) -> None:
                noted.append((replace(entry, time=0), is_proven))
                super().record(entry, is_proven=is_proven)

        settings = Settings(
            data_dir=str(folder / "data"),
            demo=True,
            stores=IN_MEMORY,
            api=ANYWHERE,
            door_http=ANYWHERE,
            door_stream=ANYWHERE,
            door_unified=ANYWHERE,
        )
        crowded = stack.enter_context(pytest.MonkeyPatch.context())
        # So few connections would not have their answers held otherwise.
        crowded.setattr(connection, "CROWD", 0)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(app, "HttpListener", Seen)
            patch.setattr(app, "AuditService", Heard)
            server = await app.Server.open(settings, stack)
            ready = await server.start(stack)
        (first,) = listeners
        second = Listener(first.application, first.limits, first.metrics, self.loop, at_once=False)
        opened = listen(Endpoint("127.0.0.1", 0))
        where = bound(opened)
        await second.start(opened)
        stack.push_async_callback(second.drain)
        port = int(re.findall(r"api=http://127\.0\.0\.1:(\d+)", ready)[0])
        self.credentials = json.loads((folder / "data" / "root-credentials.json").read_bytes())
        self.fast = Twin(first, ("127.0.0.1", port), noted)
        self.plain = Twin(second, ("127.0.0.1", where.port), noted)


@contextmanager
def twins(folder: Path) -> Iterator[Twins]:
    """Both, on a loop in a thread of its own, until the block ends."""
    ready, over = Event(), Event()
    loop = uvloop.new_event_loop()
    pair = Twins(loop)

    async def main() -> None:
        async with AsyncExitStack() as stack:
            await pair.open(folder, stack)
            ready.set()
            await loop.run_in_executor(None, over.wait)

    thread = Thread(target=loop.run_until_complete, args=(main(),))
    thread.start()
    try:
        assert ready.wait(SECONDS)
        yield pair
    finally:
        over.set()
        thread.join()
        loop.close()
