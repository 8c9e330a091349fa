"""The server that is measured: `minori serve --demo` on free ports, and a login to it."""

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from select import select
from time import monotonic
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from msgspec import Struct

from bench.errors import BenchError
from bench.figures import MIB
from bench.processes import resident_bytes, running, settle, tail

DEMO_IMSI = "001010000000001"
_START_SECONDS = 120.0
_REST_SECONDS = 20.0
_READY = re.compile(
    r"minori ready api=http://(?P<api>\S+) door-http=(?P<door_http>\S+) door-stream=\S+:(?P<stream>\d+) .*\n"
)


class Reply(Struct, frozen=True):
    """An answer of the API; `location` is empty where it leads nowhere."""

    status: int
    location: str
    body: bytes


class Server(Struct, frozen=True):
    """A running server. Addresses are `host:port`; `start_seconds` is from the start of its process to the
    ready line.
    """

    pid: int
    api: str
    door_http: str
    door_stream: int
    operator_id: str
    start_seconds: float
    headers: Mapping[str, str]

    def settle(self) -> bool:
        """Wait until it has come to rest, but no longer than a while; whether it has."""
        return settle(self.pid, _REST_SECONDS)

    def resident_mib(self) -> float:
        """Its resident memory, once it has come to rest."""
        self.settle()
        return resident_bytes(self.pid) / MIB

    def get(self, path: str) -> bytes:
        """The body of a `GET` on the API."""
        with urlopen(Request(f"http://{self.api}{path}", headers=dict(self.headers)), timeout=30) as reply:
            body: bytes = reply.read()
            return body

    def ask(self, method: str, path: str, body: bytes | None = None, kind: str = "text/plain") -> Reply:
        """The answer of the API, redirections included; one of status 400 and up ends the run."""
        connection = HTTPConnection(self.api, timeout=30)
        try:
            connection.request(method, path, body, {**self.headers, "Content-Type": kind})
            answer = connection.getresponse()
            reply = Reply(answer.status, answer.headers.get("Location", ""), answer.read())
        finally:
            connection.close()
        if reply.status >= HTTPStatus.BAD_REQUEST:
            raise BenchError(f"{method} {path} was answered {reply.status}: {reply.body!r}")
        return reply


def entries_url(data: Path) -> str:
    """The entry store of a server whose data is in `data`: a folder beside it, so that it can be filled."""
    return f"rocksdb://{data}.entries"


@contextmanager
def minori(core: int, data: Path, log: Path) -> Iterator[Server]:
    """A demo server on `core` with its data in `data`, until the block ends; it stops by SIGTERM.

    Its entries are in the folder that `entries_url` names.
    """
    program = str(Path(sys.executable).parent / "minori")
    doors = ("--api", "--door-http", "--door-stream", "--door-unified")
    free = [text for door in doors for text in (door, "127.0.0.1:0")]
    settings = {"MINORI_STORES_ENTRIES": entries_url(data)}
    start = monotonic()
    with running(core, [program, "serve", "--demo", "--data-dir", str(data), *free], log, settings) as process:
        if process.stdout is None:
            raise BenchError("The server has no standard output")
        said = ""
        while (found := _READY.search(said)) is None:
            left = start + _START_SECONDS - monotonic()
            if left < 0 or not select([process.stdout], [], [], left)[0]:
                raise BenchError(f"The server was not ready after {_START_SECONDS:.0f} seconds:\n{tail(log)}")
            part = os.read(process.stdout.fileno(), 65_536)
            if not part:
                raise BenchError(f"The server ended before it was ready:\n{tail(log)}")
            said += part.decode()
        ready = monotonic() - start
        keys = json.loads((data / "root-credentials.json").read_text())
        headers = _login(found["api"], keys)
        yield Server(
            pid=process.pid,
            api=found["api"],
            door_http=found["door_http"],
            door_stream=int(found["stream"]),
            operator_id=keys["operatorId"],
            start_seconds=ready,
            headers=headers,
        )


def _login(api: str, keys: Mapping[str, str]) -> dict[str, str]:
    body = json.dumps({"authKeyId": keys["authKeyId"], "authKey": keys["authKey"]}).encode()
    request = Request(f"http://{api}/v1/auth", body, {"Content-Type": "application/json"})
    try:
        with urlopen(request, timeout=30) as reply:  # noqa: S310 - our own server
            session = json.loads(reply.read())
    except HTTPError as error:
        raise BenchError(f"The login was refused: {error.code} {error.read()!r}") from error
    return {"X-Soracom-API-Key": session["apiKey"], "X-Soracom-Token": session["token"]}
