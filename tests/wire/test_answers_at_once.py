"""A read is answered at once where it can be: the bytes are those of the long way."""

import re
import socket
from itertools import product

import pytest

from serving import Server
from wire.asking import ask, connect, head

PATHS = (
    "/v1/data/Subscriber/001010000000001",
    "/v1/data/SoraCam/at-once",
    "/v1/data/SoraCam/at-once?limit=2&sort=asc&from=1&to=9",
    "/v1/data/SoraCam/at-once?limit=2&last_evaluated_key=2_at-once",
    "/v1/data/SoraCam/at-once?limit=%32&unknown=+%zz",
    "/v1/data/SoraCam/at-once?",
    "/v1/data/SoraCam/at%2Donce/2",
    "/v1/data/SoraCam/at-once/99",
    "/v1/data/SoraCam/a%00b",
    "/v1/data/Nothing/x",
    "/v1/data/SoraCam/at-once?limit=0",
    "/v1/data/categories/a%2Fb?limit=1",
    "/v1/data/resources?resource_type=SoraCam&limit=1000",
    "/v1/sims/8981100000000000001/data?limit=1",
    "/v1/subscribers?limit=1",
    "/v1/nothing",
    "/v1/",
)


@pytest.fixture(scope="module")
def stored(server: Server, headers: dict[str, str]) -> Server:
    for time in range(1, 6):
        with connect(server.api) as connection:
            path = f"/v1/sora_cam/devices/at-once/data/{time}"
            assert _ask(connection, "PUT", path, {**headers, "Content-Length": "1"}, b"5").startswith(b"HTTP/1.1 200")
    return server


@pytest.mark.parametrize(("path", "known"), list(product(PATHS, (True, False))))
def test_both_ways_give_the_same_bytes(stored: Server, headers: dict[str, str], path: str, *, known: bool) -> None:
    login = headers if known else {}
    with connect(stored.api) as connection:
        at_once = _ask(connection, "GET", path, login)
        # A body's length, be it none, sends a request the long way.
        long_way = _ask(connection, "GET", path, {**login, "Content-Length": "0"})
    assert _undated(at_once) == _undated(long_way)


def test_answers_keep_the_order_of_requests_that_go_different_ways(stored: Server, headers: dict[str, str]) -> None:
    entry = "/v1/data/SoraCam/at-once/{}"
    requests = [
        _request("GET", entry.format(time), {**headers, **({"Content-Length": "0"} if time % 2 else {})})
        for time in (1, 2, 3, 4, 5)
    ]
    with connect(stored.api) as connection:
        connection.sendall(b"".join(requests))
        told = b""
        while told.count(b'"time":') < len(requests):
            told += connection.recv(65536)
    assert re.findall(rb'"time":(\d)', told) == [b"1", b"2", b"3", b"4", b"5"]


def _request(method: str, path: str, headers: dict[str, str]) -> bytes:
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: api.soracom.io",
        *(f"{name}: {text}" for name, text in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def _ask(connection: socket.socket, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    connection.sendall(_request(method, path, headers) + body)
    told = b""
    while b"\r\n\r\n" not in told:
        told += connection.recv(65536)
    length = int(re.findall(rb"content-length: (\d+)", told)[0])
    while len(told.partition(b"\r\n\r\n")[2]) < length:
        told += connection.recv(65536)
    return told


def _undated(answer: bytes) -> bytes:
    return re.sub(rb"date: [^\r]*", b"date", answer)


def test_a_read_that_asks_the_catalog_does_not_make_reads_of_entries_wait(
    stored: Server, headers: dict[str, str]
) -> None:
    """More requests in one write than may wait behind one another: only answers at once let them all through."""
    for path in ("/v1/files/private/", "/v1/files/private/none", "/v1/files?scope=private&prefix=/"):
        assert ask(stored, "GET", path, headers).status in (200, 404)
    requests = 200
    with connect(stored.api) as connection:
        connection.sendall(head("GET", "/v1/data/SoraCam/at-once", headers) * requests)
        connection.shutdown(socket.SHUT_WR)
        told = b"".join(iter(lambda: connection.recv(1 << 20), b""))
    assert told.count(b"HTTP/1.1 200 ") == requests
