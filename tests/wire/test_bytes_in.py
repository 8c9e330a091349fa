"""Bodies on their way into the real listener: held up, counted, and refused so that the client hears it."""

import http.client
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
import requests
import urllib3  # type: ignore[import-untyped]  # this release ships no types

from depot import LARGEST, Running, running
from wire.asking import connect, head, read

HUGE = bytes(64 << 20)
TELLS = {"Expect": "100-continue"}
CHUNKED = {"Transfer-Encoding": "chunked"}


@pytest.fixture(scope="module")
def depot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("depot")) as open_:
        yield open_


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deadlines are looked at often, so that nothing waits for longer than they last."""
    monkeypatch.setattr("minori.http.listener.TICK_SECONDS", 0.05)
    monkeypatch.setattr("minori.http.connection.LINGER_SECONDS", 1)


@pytest.fixture
def hasty(tmp_path: Path, often: None) -> Iterator[Running]:
    """A depot that waits for the next byte of a body no longer than half a second."""
    with running(tmp_path, body_seconds=0.5) as open_:
        yield open_


@pytest.fixture(scope="module")
def huge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("huge") / "file"
    path.write_bytes(HUGE)
    return path


def declared(length: int, **headers: str) -> dict[str, str]:
    return {"Content-Length": str(length), **headers}


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def wait_for(true: Callable[[], bool]) -> None:
    deadline = monotonic() + 15
    while not true():
        assert monotonic() < deadline, "it does not come about"
        sleep(0.02)


def ended(client: socket.socket) -> bool:
    """Whether the connection ends; waits until it does."""
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


def drips(client: socket.socket) -> bool:
    """Whether one more byte can be sent."""
    try:
        return client.send(b"a") == 1
    except ConnectionError:
        return False


def is_empty(depot: Running) -> bool:
    """Whether the depot has no connection."""
    return not depot.see(lambda: depot.listener.state.connections)


def status_of_http_client(url: str) -> int:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=20)
    connection.request("PUT", "/large", HUGE)
    return connection.getresponse().status


def status_of_curl(*flags: str) -> Callable[[str, Path], int]:
    def status(url: str, huge: Path) -> int:
        command = ["curl", "-s", "-T", str(huge), *flags, "-o", "/dev/null", "-w", "%{http_code}", f"{url}/large"]
        return int(subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=60).stdout)

    return status


def in_pieces() -> Iterator[bytes]:
    for at in range(0, len(HUGE), 1 << 20):
        yield HUGE[at : at + (1 << 20)]


def status_of_a_session(url: str) -> int:
    with requests.Session() as session:
        first, second = (session.put(f"{url}/large", data=HUGE, timeout=20).status_code for _ in range(2))
        assert first == second
        return first


CLIENTS: dict[str, Callable[[str, Path], Any]] = {
    "requests": lambda url, _: requests.put(f"{url}/large", data=HUGE, timeout=20).status_code,
    "requests, chunked": lambda url, _: requests.put(f"{url}/large", data=in_pieces(), timeout=20).status_code,
    "requests, one session": lambda url, _: status_of_a_session(url),
    "urllib3": lambda url, _: urllib3.PoolManager().request("PUT", f"{url}/large", body=HUGE, timeout=20).status,
    "http.client": lambda url, _: status_of_http_client(url),
    "curl": status_of_curl(),
    "curl without Expect": status_of_curl("-H", "Expect:"),
    "curl, chunked": status_of_curl("-H", "Transfer-Encoding: chunked"),
}


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_of_a_body_that_is_too_large_hears_so(depot: Running, huge: Path, client: str) -> None:
    if client.startswith("curl") and shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    assert CLIENTS[client](depot.url, huge) == 413


def test_a_body_that_is_declared_too_large_is_not_asked_for(depot: Running) -> None:
    with connect(depot.address) as client:
        client.sendall(head("PUT", "/large", declared(LARGEST + 1, **TELLS)))
        told = read(client)
        assert (told.status, told.headers["connection"]) == (413, "close")
        assert ended(client)


def test_a_body_that_may_come_is_asked_for(depot: Running) -> None:
    with connect(depot.address) as client:
        client.sendall(head("PUT", "/large", declared(5, **TELLS)))
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"12345")
        assert read(client).json == {"length": 5, "size": 5, "largest": 5}


def test_a_body_in_chunks_has_no_declared_length(depot: Running) -> None:
    with connect(depot.address) as client:
        client.sendall(head("PUT", "/large", CHUNKED) + chunk(b"123") + chunk(b"45") + b"0\r\n\r\n")
        told = read(client).json
        assert (told["length"], told["size"]) == (None, 5)


def test_a_body_in_chunks_is_refused_once_it_is_too_large(depot: Running) -> None:
    with connect(depot.address) as client:
        client.sendall(head("PUT", "/large", CHUNKED) + chunk(bytes(LARGEST)) + chunk(b"1"))
        told = read(client)
        assert (told.status, told.headers["connection"]) == (413, "close")


def test_a_body_comes_in_pieces_of_bounded_size(depot: Running) -> None:
    told = requests.put(f"{depot.url}/any", data=HUGE, timeout=60).json()
    assert told["size"] == len(HUGE)
    assert told["largest"] <= 512 * 1024


def test_a_client_is_held_up_while_nobody_takes_its_body(depot: Running) -> None:
    depot.see(depot.depot.held.clear)
    with connect(depot.address) as client:
        client.sendall(head("PUT", "/held", declared(len(HUGE))))
        client.settimeout(0.5)
        sent = 0
        with suppress(TimeoutError):
            while sent < len(HUGE):
                sent += client.send(HUGE[sent : sent + (1 << 20)])
        # The systems of both sides take some megabytes.
        assert sent < len(HUGE) // 2
        assert max(depot.see(lambda: [len(each.cycle.body) for each in depot.listener._connections()])) < 512 * 1024
        depot.see(depot.depot.held.set)
        client.settimeout(20)
        client.sendall(HUGE[sent:])
        assert read(client).status == 413


@pytest.mark.parametrize("opening", [head("PUT", "/any", declared(100)), head("PUT", "/any", CHUNKED) + b"64\r\n"])
def test_a_client_that_leaves_before_its_body_is_whole_is_gone(depot: Running, opening: bytes) -> None:
    before = len(depot.depot.ends)
    with connect(depot.address) as client:
        client.sendall(opening + b"half")
    wait_for(lambda: depot.depot.ends[before:] == ["ClientGone"])


def test_a_client_that_stops_sending_before_its_body_is_whole_is_gone(depot: Running) -> None:
    before = len(depot.depot.ends)
    with connect(depot.address) as client:
        client.sendall(head("PUT", "/any", declared(100)) + b"half")
        client.shutdown(socket.SHUT_WR)
        assert ended(client)
    wait_for(lambda: depot.depot.ends[before:] == ["ClientGone"])


def test_a_pause_within_a_body_is_ended_in_time(hasty: Running) -> None:
    with connect(hasty.address) as client:
        client.sendall(head("PUT", "/any", declared(100)) + b"half")
        assert read(client).status == 408
        assert ended(client)


@pytest.mark.parametrize("opening", [declared(1 << 20), declared(1 << 20, **TELLS)])
def test_a_client_that_waits_for_the_server_is_not_late(hasty: Running, opening: dict[str, str]) -> None:
    with connect(hasty.address) as client:
        client.sendall(head("PUT", "/held", opening))
        if "Expect" not in opening:
            # More than the server takes in before somebody wants it.
            client.sendall(bytes(1 << 19))
        sleep(1.2)
        hasty.see(hasty.depot.held.set)
        if "Expect" in opening:
            assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
            client.sendall(bytes(1 << 19))
        client.sendall(bytes(1 << 19))
        assert read(client).json["size"] == 1 << 20


def test_a_refused_body_that_drips_does_not_keep_its_connection(hasty: Running) -> None:
    with connect(hasty.address) as client:
        client.sendall(head("PUT", "/unread", declared(1 << 30)))
        assert read(client).status == 403
        wait_for(lambda: not drips(client))
    wait_for(lambda: is_empty(hasty))


def test_a_small_body_that_nobody_reads_does_not_cost_the_connection(depot: Running) -> None:
    with connect(depot.address) as client:
        client.sendall(head("PUT", "/unread", declared(5)))
        told = read(client)
        assert (told.status, "connection" in told.headers) == (403, False)
        client.sendall(b"12345" + head("PUT", "/any", (), b"abc"))
        assert read(client).json["size"] == 3


def test_a_body_that_was_announced_and_not_asked_for_may_not_come_so_the_connection_ends(depot: Running) -> None:
    with connect(depot.address) as client:
        client.sendall(head("PUT", "/unread", declared(5, **TELLS)))
        told = read(client)
        assert (told.status, told.headers["connection"]) == (403, "close")


def test_behind_a_large_body_that_nobody_read_the_connection_ends(depot: Running) -> None:
    body = bytes(1 << 20)
    with connect(depot.address) as client:
        client.sendall(head("PUT", "/unread", declared(len(body))))
        told = read(client)
        assert (told.status, told.headers["connection"]) == (403, "close")
        client.sendall(body + head("PUT", "/behind", (), b"abc"))
        assert ended(client)
        wait_for(lambda: is_empty(depot))
    assert "/behind" not in depot.see(lambda: depot.depot.asked)
