"""Files on their way out of the real listener: whole, in order, and never kept open for nobody."""

import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from time import monotonic, sleep

import pytest

from depot import ETAG, Running, running
from minori.http.listener import SENDERS
from serving import Address
from wire.asking import Reply, connect, head, read

BIG = 24 << 20
"""More than the systems on both sides hold for a client that reads nothing."""

WAYS = ("sent", "copied")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("depot")
    (folder / "big").write_bytes(os.urandom(BIG))
    (folder / "small").write_bytes(os.urandom(4096))
    (folder / "empty").write_bytes(b"")
    return folder


@pytest.fixture(scope="module")
def big(folder: Path) -> bytes:
    return (folder / "big").read_bytes()


@pytest.fixture
def depot(folder: Path) -> Iterator[Running]:
    with running(folder) as open_:
        yield open_


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deadlines are looked at often, so that nothing waits for longer than they last."""
    monkeypatch.setattr("minori.http.listener.TICK_SECONDS", 0.05)


@pytest.fixture
def hasty(folder: Path, often: None) -> Iterator[Running]:
    """A depot that waits for a reader no longer than half a second."""
    with running(folder, idle_seconds=0.5) as open_:
        yield open_


def get(depot: Running, target: str, **headers: str) -> Reply:
    with connect(depot.address) as client:
        client.sendall(head("GET", target, {name.replace("_", "-"): value for name, value in headers.items()}))
        return read(client)


def narrow(address: Address) -> socket.socket:
    """A connection on which the client's system takes next to nothing until it is read."""
    client = socket.socket()
    client.settimeout(20)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    client.connect(address)
    return client


def closed(depot: Running) -> bool:
    """Whether every reader the depot opened is closed, and no connection is left."""

    def look() -> bool:
        return not any(reader.is_open for reader in depot.depot.readers) and not depot.listener.state.connections

    return depot.see(look)


def wait_until_closed(depot: Running) -> None:
    deadline = monotonic() + 15
    while not closed(depot):
        assert monotonic() < deadline, "something is still open"
        sleep(0.02)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def to_the_end(client: socket.socket) -> int:
    """How many bytes come until the connection ends, however it does."""
    size = 0
    try:
        while piece := client.recv(1 << 20):
            size += len(piece)
    except ConnectionResetError:
        pass
    return size


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["big", "small", "empty"])
def test_a_file_arrives_whole_again_and_again_on_one_connection(
    depot: Running, folder: Path, way: str, name: str
) -> None:
    with connect(depot.address) as client:
        for _ in range(3):
            client.sendall(head("GET", f"/{way}/{name}"))
            told = read(client)
            assert (told.status, told.body) == (200, (folder / name).read_bytes())
            assert "transfer-encoding" not in told.headers
    wait_until_closed(depot)


@pytest.mark.parametrize("way", WAYS)
def test_answers_keep_the_order_of_requests_that_were_sent_at_once(
    depot: Running, folder: Path, big: bytes, way: str
) -> None:
    asked = [("GET", "big"), ("HEAD", "big"), ("GET", "small"), ("GET", "empty"), ("GET", "big"), ("GET", "small")]
    with connect(depot.address) as client:
        client.sendall(b"".join(head(method, f"/{way}/{name}") for method, name in asked))
        for method, name in asked:
            body = b"" if method == "HEAD" else (folder / name).read_bytes()
            told = read_one(client, method)
            assert (told.headers["content-length"], told.body == body) == (str((folder / name).stat().st_size), True)
    wait_until_closed(depot)


def test_a_file_that_is_sent_past_the_buffers_keeps_its_place_behind_what_is_in_them(
    depot: Running, big: bytes
) -> None:
    ways = ["copied", "sent", "copied", "sent"]
    with narrow(depot.address) as client:
        client.sendall(b"".join(head("GET", f"/{way}/big") for way in ways))
        for _ in ways:
            assert read_one(client, "GET").body == big


@pytest.mark.parametrize("way", WAYS)
def test_what_waits_for_a_client_takes_little_memory(depot: Running, big: bytes, way: str) -> None:
    def waiting() -> int:
        (connection,) = depot.listener._connections()
        return connection.transport.get_write_buffer_size()

    with narrow(depot.address) as client:
        client.sendall(head("GET", f"/{way}/big"))
        assert client.recv(10, socket.MSG_PEEK)
        assert max(depot.see(waiting) for _ in range(200)) < 1 << 20
        assert read(client).body == big
        assert depot.see(depot.listener._connections()[0].transport.get_write_buffer_limits)[1] > 0


def read_one(client: socket.socket, method: str) -> Reply:
    """The next answer and no byte of the one behind it."""
    told = b""
    while not told.endswith(b"\r\n\r\n"):
        told += client.recv(1)
    status, *lines = told.decode().split("\r\n")[:-2]
    headers = dict(line.split(": ", 1) for line in lines)
    left = 0 if method == "HEAD" else int(headers["content-length"])
    body = bytearray()
    while len(body) < left:
        body += client.recv(min(left - len(body), 1 << 20))
    return Reply(int(status.split()[1]), headers, bytes(body))


@pytest.mark.parametrize("way", WAYS)
def test_parts_of_a_file_arrive_each_in_its_place(depot: Running, big: bytes, way: str) -> None:
    spans = [(BIG - 5_000_000, BIG - 1), (7, 7), (1000, 9_000_000)]
    told = get(depot, f"/{way}/big", range="bytes=" + ",".join(f"{first}-{last}" for first, last in spans))
    assert told.status == 206
    boundary = told.headers["content-type"].removeprefix("multipart/byteranges; boundary=").encode()
    pieces = told.body.split(b"\r\n--" + boundary)[1:-1]
    assert [piece.partition(b"\r\n\r\n")[2] for piece in pieces] == [big[first : last + 1] for first, last in spans]
    assert get(depot, f"/{way}/big", range="bytes=5-5000004").body == big[5:5_000_005]


def test_conditions_and_ranges_are_answered_over_the_wire(depot: Running) -> None:
    assert get(depot, "/sent/big", if_none_match=f'"{ETAG}"').status == 304
    assert get(depot, "/sent/big", if_match='"another"').status == 412
    beyond = get(depot, "/sent/big", range=f"bytes={BIG}-")
    assert (beyond.status, beyond.headers["content-range"]) == (416, f"bytes */{BIG}")
    wait_until_closed(depot)


@pytest.mark.parametrize("request_line", ["GET /sent/big HTTP/1.0", "GET /sent/big HTTP/1.1\r\nConnection: close"])
def test_a_connection_that_is_to_close_closes_behind_the_last_byte(
    depot: Running, big: bytes, request_line: str
) -> None:
    with connect(depot.address) as client:
        client.sendall(f"{request_line}\r\nHost: a\r\n\r\n".encode())
        told = b""
        while piece := client.recv(1 << 20):
            told += piece
    assert told.partition(b"\r\n\r\n")[2] == big


@pytest.mark.parametrize("way", WAYS)
def test_a_client_that_has_sent_all_it_will_send_gets_its_file(depot: Running, big: bytes, way: str) -> None:
    with connect(depot.address) as client:
        client.sendall(head("GET", f"/{way}/big"))
        client.shutdown(socket.SHUT_WR)
        assert read(client).body == big


@pytest.mark.parametrize("way", WAYS)
def test_clients_that_leave_in_the_middle_leave_nothing_open(depot: Running, way: str) -> None:
    # The first request makes a loop open what it keeps.
    get(depot, f"/{way}/big")
    wait_until_closed(depot)
    before = descriptors()
    for _ in range(10):
        with narrow(depot.address) as client:
            client.sendall(head("GET", f"/{way}/big"))
            assert client.recv(1000)
    wait_until_closed(depot)
    deadline = monotonic() + 10
    while descriptors() > before:
        assert monotonic() < deadline, "a descriptor is left"
        sleep(0.02)


def test_clients_that_read_nothing_hold_up_nobody_else(depot: Running, big: bytes) -> None:
    with ExitStack() as stack:
        for _ in range(2 * SENDERS):
            silent = stack.enter_context(narrow(depot.address))
            silent.sendall(head("GET", "/sent/big"))
            assert silent.recv(1000)
        assert get(depot, "/sent/big").body == big


@pytest.mark.parametrize("way", WAYS)
def test_a_client_that_reads_nothing_loses_its_connection(hasty: Running, way: str) -> None:
    with narrow(hasty.address) as client:
        client.sendall(head("GET", f"/{way}/big"))
        assert client.recv(10, socket.MSG_PEEK)
        wait_until_closed(hasty)
        assert to_the_end(client) < BIG


@pytest.mark.parametrize("way", WAYS)
def test_a_client_that_reads_slowly_gets_its_file(hasty: Running, big: bytes, way: str) -> None:
    with narrow(hasty.address) as client:
        client.sendall(head("GET", f"/{way}/big"))
        # So slowly that the system's buffers alone last for many times as long as a silent client has.
        came = 0
        for _ in range(15):
            sleep(0.1)
            came += len(client.recv(40_000))
        while came <= BIG:
            more = len(client.recv(1 << 20))
            assert more
            came += more


def test_a_connection_whose_file_has_lost_bytes_ends_early(depot: Running) -> None:
    with connect(depot.address) as client:
        client.sendall(head("GET", "/short/small"))
        assert to_the_end(client) < len(head("GET", "/short/small")) + 4096 + 500
    wait_until_closed(depot)


@pytest.mark.parametrize("way", WAYS)
def test_a_stop_lets_a_download_end(folder: Path, big: bytes, way: str) -> None:
    with running(folder) as depot, narrow(depot.address) as client, ThreadPoolExecutor(1) as stopping:
        client.sendall(head("GET", f"/{way}/big"))
        assert client.recv(10, socket.MSG_PEEK)
        stopped = stopping.submit(depot.call, depot.listener.drain())
        assert read(client).body == big
        client.close()
        stopped.result(20)


@pytest.mark.parametrize("way", WAYS)
def test_a_stop_cuts_a_download_that_nobody_reads(folder: Path, way: str) -> None:
    with running(folder, drain_seconds=0) as depot, narrow(depot.address) as client:
        client.sendall(head("GET", f"/{way}/big"))
        assert client.recv(10, socket.MSG_PEEK)
        depot.call(depot.listener.drain())
        wait_until_closed(depot)


def test_a_hundred_downloads_at_once_are_each_whole(depot: Running, big: bytes) -> None:
    def fetch(number: int) -> bool:
        first = number * 1000
        return get(depot, "/sent/big", range=f"bytes={first}-{first + 999_999}").body == big[first : first + 1_000_000]

    with ThreadPoolExecutor(20) as clients:
        assert all(clients.map(fetch, range(100)))
