"""What one connection of the API may do to it: how much it may send unasked, how slowly, and how it ends."""

import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from time import monotonic

import httpx
import pytest

from serving import Address, Serve, Server
from wire.asking import ask, connect, head, read, send

PIECE = b"a" * 8192
ENDLESS = 512
"""Pieces that make up what would never end: 4 MiB."""

CHUNKED = head("POST", "/v1/auth", {"Transfer-Encoding": "chunked"})
PAGE = head("GET", "/openapi.json")
OFFER = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAARAAAAAAAIAAAAA"}


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that waits for nobody longer than a second."""
    short = {f"MINORI_LIMITS_{name}_SECONDS": "1" for name in ("HEAD", "BODY", "IDLE")}
    with Server(tmp_path_factory.mktemp("hasty") / "data", environment=short) as running:
        yield running


def flood(address: Address, opening: bytes) -> bytes:
    """What the API says while a client sends `opening` and then the same piece for ever."""
    with connect(address) as client:
        client.sendall(opening)
        with suppress(ConnectionError):
            for _ in range(ENDLESS):
                client.sendall(PIECE)
        return to_the_end(client)


def to_the_end(client: socket.socket) -> bytes:
    told = b""
    with suppress(ConnectionResetError):
        while piece := client.recv(1 << 20):
            told += piece
    return told


def narrow(address: Address) -> socket.socket:
    """A connection on which the client's system takes next to nothing until it is read."""
    client = socket.socket()
    client.settimeout(20)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    client.connect(address)
    return client


def open_connections(server: Server) -> int:
    text = httpx.get(f"{server.url}/metrics", timeout=30).text
    return int(float(re.findall(r'minori_connections\{listener="api"\} (\S+)', text)[0]))


def test_a_trailer_without_an_end_is_refused(server: Server) -> None:
    assert flood(server.api, CHUNKED + b"2\r\n{}\r\n0\r\nX-T: ").startswith(b"HTTP/1.1 431 ")


def test_many_trailers_are_refused(server: Server) -> None:
    with connect(server.api) as client:
        client.sendall(CHUNKED + b"2\r\n{}\r\n0\r\n" + b"X-T: a\r\n" * 8000)
        assert read(client).status == 431


def test_a_chunk_extension_without_an_end_is_refused(server: Server) -> None:
    assert flood(server.api, CHUNKED + b"2;x=").startswith(b"HTTP/1.1 431 ")


def test_a_half_head_without_an_end_behind_a_request_is_refused(server: Server) -> None:
    with connect(server.api) as client:
        client.sendall(PAGE + b"GET / HTTP/1.1\r\nX-Huge: ")
        # Only once the first answer is out can a refusal be told from it.
        assert read(client).status == 200
        with suppress(ConnectionError):
            for _ in range(ENDLESS):
                client.sendall(PIECE)
        assert to_the_end(client).startswith(b"HTTP/1.1 431 ")


def test_many_small_requests_in_one_read_are_no_large_head(server: Server) -> None:
    request = head("GET", "/v1/nothing")
    with connect(server.api) as client:
        client.sendall(request * 1500 + request[:20])
        client.shutdown(socket.SHUT_WR)
        assert to_the_end(client).count(b"HTTP/1.1 404 ") == 1500


def test_a_trailer_that_drips_does_not_put_the_deadline_off(hasty: Server) -> None:
    with connect(hasty.api) as client:
        client.sendall(CHUNKED + b"2\r\n{}\r\n0\r\n")
        assert drip(client, b"X-T: " + b"a" * 100).startswith(b"HTTP/1.1 408 ")


def test_half_a_head_behind_a_request_has_a_deadline(hasty: Server) -> None:
    with connect(hasty.api) as client:
        client.sendall(PAGE + b"GET / HTTP/1.1\r\nX: ")
        assert read(client).status == 200
        assert drip(client, b"a" * 100).startswith(b"HTTP/1.1 408 ")


def drip(client: socket.socket, slowly: bytes) -> bytes:
    """Send byte by byte until the other side speaks, and return what it says."""
    client.settimeout(0.1)
    for byte in slowly:
        with suppress(ConnectionError):
            client.send(bytes([byte]))
        with suppress(TimeoutError):
            return client.recv(65536)
    return b""


def test_a_client_that_reads_no_answers_loses_its_connection(hasty: Server) -> None:
    with narrow(hasty.api) as client:
        # More than any system buffers, and so few at a time that the API does not end the connection for their number;
        # on a slow machine the deadline may end it between two of them, which is the loss this test is about.
        with suppress(ConnectionError):
            for _ in range(4):
                client.sendall(PAGE * 40)
                for _ in range(10):
                    open_connections(hasty)
        deadline = monotonic() + 20
        while open_connections(hasty) > 1:
            assert monotonic() < deadline, "the connection is still open"


@pytest.mark.parametrize("path", ["/v1/auth", "/v1/operators/{operatorId}/token"])
def test_a_body_beside_a_login_may_have_16_kib_and_no_more(server: Server, headers: dict[str, str], path: str) -> None:
    target = path.format_map(server.credentials)
    with connect(server.api) as client:
        client.sendall(head("POST", target, {**headers, "Content-Length": "16385"}))
        assert read(client).status == 413


def test_a_renewal_without_a_login_is_refused_before_its_body_is_there(server: Server) -> None:
    with connect(server.api) as client:
        client.sendall(head("POST", "/v1/operators/OP1/token", {"Content-Length": "10"}))
        assert read(client).status == 401


@pytest.mark.parametrize(("more", "status"), [(127, 404), (128, 431)])
def test_a_request_has_at_most_128_headers(server: Server, more: int, status: int) -> None:
    assert ask(server, "GET", "/v1/nothing", [(f"X-{n}", "a") for n in range(more)]).status == status


def test_a_body_behind_an_offer_to_upgrade_is_read(server: Server) -> None:
    body = b'{"authKeyId":"%b","authKey":"%b"}' % tuple(
        server.credentials[name].encode() for name in ("authKeyId", "authKey")
    )
    with connect(server.api) as client:
        for _ in range(2):
            client.sendall(head("POST", "/v1/auth", OFFER, body))
            assert read(client).status == 200


def test_a_chunked_body_behind_an_offer_to_upgrade_is_read(server: Server) -> None:
    with connect(server.api) as client:
        client.sendall(head("POST", "/v1/auth", {**OFFER, "Transfer-Encoding": "chunked"}))
        client.sendall(b"2\r\n{}\r\n0\r\n\r\n")
        assert read(client).status == 400
        client.sendall(PAGE)
        assert read(client).status == 200


def test_a_request_that_is_whole_is_answered_after_the_client_has_shut_its_side(server: Server) -> None:
    with connect(server.api) as client:
        client.sendall(head("POST", "/v1/auth", body=b'{"email":"nobody@example.com","password":"wrong"}'))
        client.shutdown(socket.SHUT_WR)
        assert to_the_end(client).startswith(b"HTTP/1.1 401 ")


def test_half_a_request_is_dropped_after_the_client_has_shut_its_side(server: Server) -> None:
    with connect(server.api) as client:
        client.sendall(head("POST", "/v1/auth", {"Content-Length": "10"}))
        client.shutdown(socket.SHUT_WR)
        assert to_the_end(client) == b""


def test_rubbish_behind_a_request_does_not_cost_it_its_answer(server: Server) -> None:
    with connect(server.api) as client:
        client.sendall(PAGE + b"\x00rubbish\r\n\r\n")
        assert to_the_end(client).startswith(b"HTTP/1.1 200 ")


def test_a_refusal_reaches_a_client_that_is_still_sending(server: Server) -> None:
    told = set()
    for _ in range(20):
        with connect(server.api) as client:
            client.sendall(b"\x00" * (1 << 19))
            told.add(client.recv(12))
    assert told == {b"HTTP/1.1 400"}


@pytest.mark.parametrize(
    "target", ["/v1/data/resources", "/v1/data/SoraCam/none", "/v1/data/SoraCam/none/1", "/v1/subscribers?limit=1"]
)
def test_head_answers_as_get_without_the_body(server: Server, headers: dict[str, str], target: str) -> None:
    got, told = (ask(server, method, target, headers) for method in ("GET", "HEAD"))
    assert (told.status, told.body) == (got.status, b"")
    assert told.headers.keys() - {"date"} == got.headers.keys() - {"date"}
    assert told.headers["content-length"] == got.headers["content-length"]


def test_a_405_names_head_beside_get(server: Server) -> None:
    assert ask(server, "POST", "/v1/subscribers").headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("target", ["http://any", "http://any?x=1"])
def test_a_target_without_a_path_is_the_root(server: Server, target: str) -> None:
    reply = send(server, head("GET", target))
    assert (reply.status, reply.json["code"]) == (404, "MNR0010")


def test_a_stop_lets_answers_reach_a_client_that_reads_late(serve: Serve) -> None:
    server = serve()
    pages = 60
    length = len(httpx.get(f"{server.url}/openapi.json", timeout=30).content)
    with narrow(server.api) as client:
        client.sendall(PAGE * pages)
        first = client.recv(4096)
        server.process.terminate()
        # Nobody is let in once the stop has begun.
        with suppress(OSError):
            while True:
                connect(server.api).close()
        assert len(first + to_the_end(client)) > pages * length
