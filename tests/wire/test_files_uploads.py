"""Bytes on their way in: of any length and form, refused early and late, and never stored by half."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from serving import Serve, Server
from wire.asking import SECONDS, Reply, ask, connect, head, read
from wire.filing import Folder, folder

LIMIT = 100_000


@pytest.fixture(scope="module")
def small_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that takes files of at most 100,000 bytes."""
    environment = {"MINORI_FILES_FILE_BYTES": str(LIMIT)}
    with Server(tmp_path_factory.mktemp("small") / "data", environment=environment) as server:
        yield server


@pytest.fixture(scope="module")
def small_headers(small_server: Server) -> dict[str, str]:
    return small_server.login()


@pytest.fixture
def small(small_server: Server, small_headers: dict[str, str]) -> Folder:
    """A folder on a server that takes files of at most 100,000 bytes."""
    return folder(small_server, small_headers)


def begin(where: Folder, path: str, *lines: tuple[str, str]) -> socket.socket:
    """A connection on which the head of a PUT has been sent."""
    connection = connect(where.server.api)
    connection.sendall(head("PUT", where.url(path), [*where.headers.items(), *lines]))
    return connection


def chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)


def counted(server: Server, name: str) -> int:
    text = ask(server, "GET", "/metrics").body.decode()
    found = re.search(rf"^minori_file_{name}_total (\S+)$", text, re.MULTILINE)
    assert found
    return int(float(found[1]))


def until(counts: int, server: Server, name: str) -> None:
    """Return once the server has counted so many."""
    end = time.monotonic() + SECONDS
    while counted(server, name) < counts:
        assert time.monotonic() < end


def test_a_body_in_chunks_is_stored_whole(own: Folder) -> None:
    with begin(own, "/f", ("Transfer-Encoding", "chunked")) as connection:
        for piece in (b"one ", b"two ", b"x" * 70_000):
            connection.sendall(chunked(piece))
        connection.sendall(b"0\r\n\r\n")
        assert read(connection).status == 201
    assert own.read("/f") == b"one two " + b"x" * 70_000


def test_a_body_of_no_bytes_is_a_file_with_and_without_a_length(own: Folder) -> None:
    own.put("/length", b"")
    assert own.ask("PUT", "/none").status == 201
    with begin(own, "/chunked", ("Transfer-Encoding", "chunked")) as connection:
        connection.sendall(b"0\r\n\r\n")
        assert read(connection).status == 201
    assert [entry["contentLength"] for entry in own.ask("GET", "/").json] == [0, 0, 0]


def test_a_client_that_waits_for_100_continue_gets_it(own: Folder) -> None:
    with begin(own, "/f", ("Content-Length", "3"), ("Expect", "100-continue")) as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"abc")
        assert read(connection).status == 201
    assert own.read("/f") == b"abc"


def test_a_file_is_taken_up_to_the_limit(small: Folder) -> None:
    small.put("/f", b"x" * LIMIT)
    assert small.read("/f") == b"x" * LIMIT


@pytest.mark.parametrize("expect", [(), (("Expect", "100-continue"),)])
def test_a_file_that_announces_too_much_is_refused_before_it_is_sent(
    small: Folder, expect: tuple[tuple[str, str], ...]
) -> None:
    small.put("/f", b"old")
    with begin(small, "/f", ("Content-Length", str(LIMIT + 1)), *expect) as connection:
        reply = read(connection)
    assert (reply.status, reply.json["code"]) == (413, "MNR0004")
    assert str(LIMIT) in reply.json["message"]
    assert small.read("/f") == b"old"


def test_a_file_that_turns_out_too_large_is_refused_when_it_does(small: Folder) -> None:
    small.put("/f", b"old")
    with begin(small, "/f", ("Transfer-Encoding", "chunked")) as connection:
        connection.sendall(chunked(b"x" * LIMIT) + chunked(b"y"))
        assert read(connection).status == 413
    assert small.read("/f") == b"old"
    assert small.names() == ["f"]


@pytest.mark.parametrize("sent", [b"", b"x", b"x" * 50_000])
@pytest.mark.parametrize("path", ["/old", "/d/new"])
def test_an_upload_that_breaks_off_stores_nothing_and_leaves_the_old_version(
    own: Folder, sent: bytes, path: str
) -> None:
    own.put("/old", b"old")
    before = [counted(own.server, name) for name in ("uploads_broken_off", "bytes_received")]
    with begin(own, path, ("Content-Length", "50001")) as connection:
        connection.sendall(sent)
    until(before[0] + 1, own.server, "uploads_broken_off")
    assert own.names() == ["old"]
    assert own.read("/old") == b"old"
    assert counted(own.server, "bytes_received") == before[1]


def test_a_chunked_upload_that_breaks_off_stores_nothing(own: Folder) -> None:
    own.put("/f", b"old")
    before = counted(own.server, "uploads_broken_off")
    with begin(own, "/f", ("Transfer-Encoding", "chunked")) as connection:
        connection.sendall(chunked(b"new", b"er"))
    until(before + 1, own.server, "uploads_broken_off")
    assert own.read("/f") == b"old"


def test_an_upload_that_stands_still_is_ended_and_stores_nothing(serve: Serve) -> None:
    server = serve(environment={"MINORI_LIMITS_BODY_SECONDS": "1"})
    where = folder(server, server.login())
    with begin(where, "/f", ("Content-Length", "10")) as connection:
        connection.sendall(b"12345")
        assert read(connection).status == 408
    until(1, server, "uploads_broken_off")
    assert where.ask("HEAD", "/f").status == 404


def test_the_old_version_is_read_while_a_new_one_is_coming(own: Folder) -> None:
    own.put("/f", b"old")
    with begin(own, "/f", ("Content-Length", "200000")) as connection:
        connection.sendall(b"x" * 150_000)
        assert own.read("/f") == b"old"
        connection.sendall(b"x" * 50_000)
        assert read(connection).status == 200
    assert own.read("/f") == b"x" * 200_000


def test_of_uploads_to_one_path_at_once_one_wins_whole(own: Folder) -> None:
    writers, size = 8, 300_000
    start = threading.Barrier(writers)

    def upload(writer: int) -> Reply:
        body = bytes([65 + writer]) * size
        with begin(own, "/d/f", ("Content-Length", str(size))) as connection:
            connection.sendall(body[: size // 2])
            start.wait()
            connection.sendall(body[size // 2 :])
            return read(connection)

    with ThreadPoolExecutor(writers) as pool:
        replies = list(pool.map(upload, range(writers)))
    assert sorted(reply.status for reply in replies) == [200] * (writers - 1) + [201]
    content = own.read("/d/f")
    assert content in [bytes([65 + writer]) * size for writer in range(writers)]
    etag = own.ask("HEAD", "/d/f").headers["etag"]
    assert etag == replies[content[0] - 65].headers["etag"]


def test_a_file_that_must_not_be_replaced_is_refused_before_it_is_sent(own: Folder) -> None:
    assert own.ask("PUT", "/f", b"old", If_None_Match="*").status == 201
    with begin(own, "/f", ("Content-Length", "1000"), ("If-None-Match", "*")) as connection:
        reply = read(connection)
    assert (reply.status, reply.json["code"]) == (412, "MNR0020")
    assert own.read("/f") == b"old"


def test_of_uploads_that_must_not_replace_one_wins(own: Folder) -> None:
    writers = 6
    start = threading.Barrier(writers)

    def upload(writer: int) -> int:
        with begin(own, "/f", ("Content-Length", "2"), ("If-None-Match", "*")) as connection:
            connection.sendall(b"%d" % writer)
            start.wait()
            connection.sendall(b"%d" % writer)
            return read(connection).status

    with ThreadPoolExecutor(writers) as pool:
        statuses = list(pool.map(upload, range(writers)))
    assert sorted(statuses) == [201] + [412] * (writers - 1)
    assert own.read("/f") == b"%d" % statuses.index(201) * 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("If-None-Match", '"d41d8cd98f00b204e9800998ecf8427e"'),
        ("If-Match", "*"),
        ("If-Unmodified-Since", "Sat, 01 Jan 2028 00:00:00 GMT"),
        ("Content-Range", "bytes 0-0/2"),
    ],
)
def test_a_condition_that_put_does_not_know_is_400_and_not_passed_over(own: Folder, name: str, value: str) -> None:
    own.put("/f", b"old")
    reply = own.ask("PUT", "/f", b"new", **{name: value})
    assert (reply.status, reply.json["code"]) == (400, "COM0001")
    assert name.lower() in reply.json["message"].lower()
    assert own.read("/f") == b"old"


def test_a_connection_goes_on_after_an_upload(own: Folder) -> None:
    with connect(own.server.api) as connection:
        for number in range(3):
            connection.sendall(head("PUT", own.url(f"/{number}"), own.headers, b"x" * 100_000))
            assert read(connection).status == 201
            connection.sendall(head("HEAD", own.url(f"/{number}"), own.headers))
            assert read(connection, "HEAD").headers["content-length"] == "100000"


def test_what_is_refused_before_its_body_is_not_taken_for_a_request(own: Folder) -> None:
    """The body of a refused PUT holds a request of its own, which must never be carried out."""
    own.put("/victim", b"old")
    smuggled = head("DELETE", own.url("/victim"), own.headers)
    with connect(own.server.api) as connection:
        connection.sendall(head("PUT", own.url("/victim/below/"), own.headers, smuggled))
        assert read(connection).status == 400
        connection.sendall(head("HEAD", own.url("/victim"), own.headers))
        assert read(connection, "HEAD").status == 200
    assert own.read("/victim") == b"old"


def test_bytes_in_and_out_are_counted(own_server: Server) -> None:
    where = folder(own_server, own_server.login())
    where.put("/f", b"x" * 100_000)
    where.read("/f")
    assert ask(own_server, "HEAD", where.link("/f")).status == 200
    assert (counted(own_server, "bytes_received"), counted(own_server, "bytes_sent")) == (100_000, 100_000)
    operations = ask(own_server, "GET", "/metrics").body.decode()
    assert 'minori_api_requests_total{operation="putFile",status="201"} 1.0' in operations
    assert 'minori_api_requests_total{operation="getFile",status="302"} 2.0' in operations
