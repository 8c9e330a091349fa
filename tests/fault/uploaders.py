"""Clients that store, replace and remove files over both ways in, and keep account of what may be at each path."""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from hashlib import md5, sha256
from http.client import HTTPConnection, HTTPException, HTTPResponse
from itertools import count
from random import Random
from threading import Condition, Thread
from typing import Any, Self
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from serving import Server

ABSENT = ""
"""The version of a file that is not there."""

SIZES = (100, 4096, 0, 300_000, 70_000, 2_500_000, 1000)
"""Bytes of the versions of a file, about: one step of a thread, many, or none."""

PATHS = 4
"""How many files a client writes, one after the other, `CONTESTED` among them."""

CONTESTED = "/contested/file.bin"
"""A file that all clients write, and none removes."""

REMOVALS = 0.2
"""How much of what a client does is to remove a file."""

SECONDS = 60


class Way(StrEnum):
    """The two ways in."""

    API = "api"
    DOOR = "door"


WAYS = (Way.API, Way.API, Way.API, Way.DOOR, Way.DOOR)
"""The ways in of five uploaders."""


def content_of(version: str, size: int) -> bytes:
    """A whole version: what it says at its beginning decides every byte after it."""
    head = f"{version} {size}\n".encode()
    block = sha256(head).digest() * 32
    return (head + block * (size // len(block) + 1))[: max(size, len(head))]


def version_in(content: bytes) -> str:
    """Which version this is; `AssertionError` if it is not exactly one."""
    version, _, size = content[:200].partition(b"\n")[0].decode(errors="replace").rpartition(" ")
    assert size.isdecimal(), f"this is no version of a file: {content[:100]!r}"
    assert content == content_of(version, int(size)), f"version {version} is torn: {len(content)} bytes of {size}"
    return version


class Change(Struct, frozen=True):
    """What was sent over the connection from `port`: `version` for `path`, or its removal if that is `ABSENT`."""

    port: int
    path: str
    version: str


class Account:
    """What may be at each path, since what an answer did not confirm may have happened or not.

    A path is changed by one client at a time, but for `CONTESTED`: of what was sent there at once any version may
    be the last. `changes` are all that were sent, in order; those of one connection were answered in that order.
    """

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.possible: dict[str, set[str]] = {}
        self.confirmed = 0
        self.may_break_off = False
        """Whether the server is being killed."""
        self._grown = Condition()

    @contextmanager
    def changing(self, change: Change) -> Iterator[None]:
        """A change on its way; confirmed if nothing is raised."""
        path, version = change.path, change.version
        with self._grown:
            self.changes.append(change)
            self.possible[path] = self.possible.get(path, {ABSENT}) | {version}
        yield
        with self._grown:
            self.possible[path] = self.possible[path] - {ABSENT} if path == CONTESTED else {version}
            self.confirmed += 1
            self._grown.notify_all()

    def wait(self, confirmations: int) -> None:
        """Return once that many changes are confirmed in all."""
        with self._grown:
            assert self._grown.wait_for(lambda: self.confirmed >= confirmations, 2 * SECONDS), "storing stalled"

    def kill(self, server: Server, workers: list["Worker"]) -> None:
        """Kill the server, and wait for the workers; raises what any of them came upon."""
        self.may_break_off = True
        server.kill()
        for worker in workers:
            worker.join(SECONDS)
            assert not worker.is_alive(), f"{worker.name} hangs"
        for worker in workers:
            if worker.error is not None:
                raise worker.error
        self.may_break_off = False

    def check(self, server: Server, headers: dict[str, str]) -> None:
        """Fail if a path shows what it may not, or a listing says what the bytes do not; what is seen is settled."""
        with Client(server, Way.API, headers) as client:
            listed = {entry["filePath"]: entry for entry in client.listing()}
            for path, possible in self.possible.items():
                content = client.get(path)
                version = ABSENT if content is None else version_in(content)
                assert version in possible, f"{path} shows {version or 'nothing'}, and not one of {possible}"
                assert (path in listed) == (content is not None)
                if content is not None:
                    described = listed[path]["contentLength"], listed[path]["etag"]
                    assert described == (len(content), md5(content, usedforsecurity=False).hexdigest())
                self.possible[path] = {version}
        strange = {path for path in listed if not path.endswith("/")} - set(self.possible)
        assert not strange, f"{strange} were never sent"


class Client:
    """A client on one connection, which is never taken up again once it has ended."""

    def __init__(self, server: Server, way: Way, headers: dict[str, str]) -> None:
        host, port = server.api if way is Way.API else server.door_http
        self._headers = headers if way is Way.API else {"Host": "harvest-files.test"}
        self._root = "/v1/files/private" if way is Way.API else ""
        self._http = HTTPConnection(host, port, timeout=SECONDS)
        self._http.connect()
        self._http.auto_open = 0
        self.port: int = self._http.sock.getsockname()[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def put(self, path: str, content: bytes | Iterable[bytes], length: int | None = None) -> int:
        """Store a file; the status."""
        more = {} if length is None else {"Content-Length": str(length)}
        return self.ask("PUT", self._root + path, content, **more)[0].status

    def delete(self, path: str) -> int:
        """Remove a file; the status."""
        return self.ask("DELETE", self._root + path)[0].status

    def get(self, path: str) -> bytes | None:
        """The bytes of a file, `None` where there is none."""
        answer, content = self.ask("GET", self._root + path)
        if answer.status == 302:
            answer, content = self.ask("GET", answer.headers["Location"])
        assert answer.status in {200, 404}, content
        return content if answer.status == 200 else None

    def compare(self, path: str, expected: Iterable[bytes]) -> bool:
        """Whether a file is exactly these blocks one after the other; never more than one of them is held."""
        answer = self._begin("GET", self._root + path)
        if answer.status == 302:
            answer.read()
            answer = self._begin("GET", answer.headers["Location"])
        assert answer.status == 200
        return all(answer.read(len(block)) == block for block in expected) and not answer.read()

    def listing(self) -> Iterator[dict[str, Any]]:
        """Every file and directory there is, page by page."""
        query = {"scope": "private", "prefix": "/", "limit": "1000"}
        while True:
            answer, content = self.ask("GET", f"/v1/files?{urlencode(query)}")
            assert answer.status == 200, content
            yield from msgspec.json.decode(content)
            if "X-Soracom-Next-Key" not in answer.headers:
                return
            query["last_evaluated_key"] = answer.headers["X-Soracom-Next-Key"]

    def ask(
        self, method: str, target: str, content: bytes | Iterable[bytes] | None = None, **more: str
    ) -> tuple[HTTPResponse, bytes]:
        """One request; the answer with its body."""
        answer = self._begin(method, target, content, **more)
        return answer, answer.read()

    def _begin(
        self, method: str, target: str, content: bytes | Iterable[bytes] | None = None, **more: str
    ) -> HTTPResponse:
        """One request; the answer with its body still to be read."""
        self._http.request(method, target, content, self._headers | more)
        return self._http.getresponse()


class Worker(Thread):
    """A client at work until the server is gone. `error` is what went wrong before."""

    def __init__(self, server: Server, way: Way, headers: dict[str, str], account: Account, name: str) -> None:
        super().__init__(name=name)
        self.error: BaseException | None = None
        self.account = account
        self.way = way
        self.client = Client(server, way, headers)

    def run(self) -> None:
        try:
            with self.client:
                self.work()
        except (ConnectionError, HTTPException) as error:
            if not self.account.may_break_off:
                self.error = error
        except BaseException as error:  # noqa: BLE001 - it is the test's to raise
            self.error = error

    def work(self) -> None:
        """Go on for ever."""
        raise NotImplementedError


class Uploader(Worker):
    """Stores, replaces and removes a few files of its own, and one that is everybody's."""

    sizes: Sequence[int] = SIZES

    def work(self) -> None:
        chance = Random(self.name)  # noqa: S311 - picks sizes, not secrets
        place = self.name.rpartition("-")[2]
        for number in count():
            path = CONTESTED if number % PATHS == 0 else f"/{place}/{number % PATHS}/file.bin"
            removes = self.way is Way.API and path != CONTESTED and chance.random() < REMOVALS
            change = Change(self.client.port, path, ABSENT if removes else f"{self.name}-{number}")
            with self.account.changing(change):
                if removes:
                    assert self.client.delete(path) in {204, 404}
                else:
                    status = self.client.put(path, content_of(change.version, chance.choice(self.sizes)))
                    assert status in {200, 201}, f"{path} was answered {status}"


class Reader(Worker):
    """Reads files while they change: each read shows one whole version that was sent there, or none."""

    def work(self) -> None:
        while True:
            time.sleep(0.001)
            for path in list(self.account.possible):
                content = self.client.get(path)
                version = ABSENT if content is None else version_in(content)
                sent = {change.version for change in list(self.account.changes) if change.path == path}
                assert version in {ABSENT, *sent}, f"{path} shows {version}, which was never sent there"


def start_uploaders(
    server: Server, headers: dict[str, str], account: Account, name: str = "", sizes: Sequence[int] = SIZES
) -> list[Worker]:
    """Five uploaders at work, who write the same paths whatever their `name`."""
    workers = [Uploader(server, way, headers, account, f"{name}-{number}") for number, way in enumerate(WAYS)]
    for worker in workers:
        worker.sizes = sizes
        worker.start()
    return [*workers]


def start_readers(server: Server, headers: dict[str, str], account: Account) -> list[Worker]:
    """A reader at each way in."""
    readers = [Reader(server, way, headers, account, f"reader {way}") for way in Way]
    for reader in readers:
        reader.start()
    return [*readers]
