"""A depot for tests: the real listener in a thread, before a small application that takes bodies and delivers files.

PUT /…                 reads a body of at most `LARGEST` bytes and answers how many came
PUT /unread            answers 403 without reading
PUT /held              reads nothing until the test releases it, then as PUT /…
GET, HEAD /sent/NAME   delivers a file of the depot's folder from its descriptor
GET, HEAD /copied/NAME the same through a reader without a descriptor
GET /short/NAME        promises one byte more than the file has
"""

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

import msgspec
import uvloop

from minori.api.answers import error_answer
from minori.config.settings import Limits
from minori.errors import Error, MethodNotAllowed
from minori.http.application import Application, ClientGone
from minori.http.delivery import Described, deliver
from minori.http.exchange import Answer, Content, Request, Stretch
from minori.http.listener import Listener
from minori.observe.metrics import Metrics
from minori.storage.base import BlobReader
from serving import Address

LARGEST = 1 << 20
ETAG = "0123456789abcdef0123456789abcdef"
MODIFIED_MS = 1_700_000_000_999
HTML = "text/html; charset=utf-8"
T = TypeVar("T")


class FileReader(BlobReader):
    """A file of the depot's folder."""

    def __init__(self, path: Path, *, has_descriptor: bool) -> None:
        self._file = os.open(path, os.O_RDONLY)
        self.size = os.fstat(self._file).st_size
        self.descriptor = self._file if has_descriptor else None
        self.is_open = True

    async def read(self, offset: int, count: int) -> bytes:
        await asyncio.sleep(0)
        return os.pread(self._file, count, offset)

    def close(self) -> None:
        if self.is_open:
            os.close(self._file)
            self.is_open = False


class Depot(Application):
    """See above. What happened is kept in lists that tests read."""

    listener = "api"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.readers: list[FileReader] = []
        self.asked: list[str] = []
        self.ends: list[str] = []
        self.taken = 0
        self.held = asyncio.Event()

    async def answer(self, path: str, request: Request) -> Answer:
        self.asked.append(path)
        try:
            return await self._answer(path, request)
        except Error as error:
            self.ends.append(type(error).__name__)
            return error_answer(error)
        except ClientGone:
            self.ends.append("ClientGone")
            raise

    async def _answer(self, path: str, request: Request) -> Answer:
        if request.method == "PUT":
            return await self._put(path, request)
        if request.method not in ("GET", "HEAD"):
            raise MethodNotAllowed(("GET", "HEAD", "PUT"))
        _, way, name = path.split("/")
        reader = FileReader(self.folder / name, has_descriptor=way != "copied")
        self.readers.append(reader)
        if way == "short":
            return Answer(200, content=Content(reader.size + 1, (Stretch(reader, 0, reader.size + 1),)))
        return await deliver(request, reader, Described(ETAG, HTML, MODIFIED_MS, name))

    async def _put(self, path: str, request: Request) -> Answer:
        if path == "/unread":
            return Answer(403, b'"no"')
        if path == "/held":
            await self.held.wait()
        size, largest = 0, 0
        async for chunk in request.stream(LARGEST if path != "/any" else 1 << 40):
            size += len(chunk)
            largest = max(largest, len(chunk))
            self.taken = size
            if path == "/held":
                await asyncio.sleep(0.001)
        return Answer(200, msgspec.json.encode({"length": request.length, "size": size, "largest": largest}))

    def answer_at_once(self, path: str, request: Request) -> Answer | None:  # noqa: ARG002 - it always waits
        return None

    def refusal(self, status: int) -> bytes:
        return b'"%d"' % status


class Running:
    """A depot that is open at `address`."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.loop = uvloop.new_event_loop()
        self.depot = Depot(folder)
        self.unforeseen: list[dict[str, Any]] = []
        self.loop.set_exception_handler(lambda _, context: self.unforeseen.append(context))
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address: Address = self._socket.getsockname()
        self.listener = Listener(self.depot, limits, Metrics(), self.loop)
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        self.loop.run_until_complete(self.listener.start(self._socket))
        self.loop.run_forever()

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run something on the depot's loop, and wait for it."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(20)

    def see(self, look: Callable[[], T]) -> T:
        """Call something on the depot's loop."""

        async def looked() -> T:
            return look()

        return self.call(looked())

    @property
    def url(self) -> str:
        return f"http://{self.address[0]}:{self.address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.call(self.listener.drain())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


@contextmanager
def running(folder: Path, **limits: float) -> Iterator[Running]:
    """A depot of the files in a folder. Whatever a callback of its loop raised fails the test."""
    with Running(folder, msgspec.structs.replace(Limits(), **limits)) as depot:
        yield depot
    assert depot.unforeseen == []
