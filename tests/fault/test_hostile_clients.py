"""Slow, silent, huge and deaf clients harm nobody else, and take little memory."""

import re
import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

import httpx
import pytest

from fault.devices import CONFIRMED, Device, Door, payload
from fault.needs import lacking
from serving import Address, Server

MEMORY_MIB = 300
IDLE = 2_000
BYTE_PAUSE = 0.2
CLAIM = 1 << 30
HUGE = 10 << 20
DEAF_BYTES = 2 << 20

Hostile = Callable[[Server, Address, ExitStack], None]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with short deadlines, so that a slow client meets them during the test."""
    short = {"MINORI_LIMITS_HEAD_SECONDS": "2", "MINORI_LIMITS_BODY_SECONDS": "2"}
    with Server(tmp_path_factory.mktemp("hostile") / "data", environment=short) as running:
        yield running


@pytest.fixture(scope="module")
def headers(server: Server) -> dict[str, str]:
    return server.login()


@pytest.fixture(scope="module", autouse=True)
def many_sockets(server: Server) -> Iterator[None]:
    """Let this process open as many sockets as it may; the server came first and looks after itself."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 4 * IDLE:
        lacking(f"the hard limit of open files is {hard}, too low for {IDLE} connections")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Memory:
    """The memory a server is resident in."""

    def __init__(self, server: Server) -> None:
        self._process = Path(f"/proc/{server.process.pid}")
        # proc(5): from now on VmHWM is the peak since now.
        (self._process / "clear_refs").write_text("5")

    def peak(self) -> int:
        """The most since this object was made, in MiB."""
        status = (self._process / "status").read_text()
        return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) // 1024


def works(server: Server, headers: dict[str, str], label: str) -> None:
    """Fail unless every door confirms and the API answers."""
    for door in Door:
        device = Device(server, door)
        assert device.send(payload(door, label).body) == CONFIRMED
        device.close()
    answer = httpx.get(f"{server.url}/v1/data/resources", headers=headers, timeout=30)
    assert answer.status_code == 200


def one_byte_at_a_time(server: Server, address: Address, stack: ExitStack) -> None:
    clients = [stack.enter_context(socket.create_connection(address, timeout=30)) for _ in range(50)]
    stop = Event()

    def drip() -> None:
        for byte in b"POST / HTTP/1.1\r\n" + b"X: y\r\n" * 1000:
            for client in clients:
                with suppress(OSError):
                    client.send(bytes([byte]))
            if stop.wait(BYTE_PAUSE):
                return

    dripping = Thread(target=drip)
    dripping.start()
    stack.callback(dripping.join)
    stack.callback(stop.set)


def thousands_of_idle_connections(server: Server, address: Address, stack: ExitStack) -> None:
    for _ in range(IDLE):
        stack.enter_context(socket.create_connection(address, timeout=30))


def a_huge_header(server: Server, address: Address, stack: ExitStack) -> None:
    client = stack.enter_context(socket.create_connection(address, timeout=30))
    with suppress(OSError):
        client.sendall(b"POST / HTTP/1.1\r\nHost: any\r\nX-Huge: ")
        for _ in range(HUGE >> 16):
            client.sendall(b"x" * (1 << 16))


def many_claims_of_huge_bodies(server: Server, address: Address, stack: ExitStack) -> None:
    for _ in range(50):
        client = stack.enter_context(socket.create_connection(address, timeout=30))
        with suppress(OSError):
            client.sendall(b"POST /v1/auth HTTP/1.1\r\nHost: any\r\nContent-Length: %d\r\n\r\n" % CLAIM)
            client.sendall(b"x" * (1 << 16))


def an_endless_chunked_body(server: Server, address: Address, stack: ExitStack) -> None:
    client = stack.enter_context(socket.create_connection(address, timeout=30))
    with suppress(OSError):
        client.sendall(b"POST /v1/auth HTTP/1.1\r\nHost: any\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(HUGE >> 16):
            client.sendall(b"10000\r\n" + b"x" * (1 << 16) + b"\r\n")


def deaf_clients(server: Server, address: Address, stack: ExitStack) -> None:
    # Few enough at a time that the API does not end the connection for their number.
    requests = b"GET /openapi.json HTTP/1.1\r\nHost: any\r\n\r\n" * 40
    for _ in range(4):
        client = stack.enter_context(socket.create_connection(address, timeout=0.5))
        with suppress(OSError):
            for _ in range(DEAF_BYTES // len(requests)):
                client.sendall(requests)


@contextmanager
def under_attack(server: Server, hostile: Hostile, address: Address) -> Iterator[None]:
    with ExitStack() as stack:
        hostile(server, address, stack)
        yield


@pytest.mark.parametrize("listener", ["api", "door_http", "door_stream", "door_unified"])
@pytest.mark.parametrize(
    "hostile",
    [
        one_byte_at_a_time,
        thousands_of_idle_connections,
        a_huge_header,
        many_claims_of_huge_bodies,
        an_endless_chunked_body,
        deaf_clients,
    ],
)
def test_a_healthy_client_keeps_working_and_memory_stays_small_beside(
    server: Server, headers: dict[str, str], hostile: Hostile, listener: str
) -> None:
    memory = Memory(server)
    with under_attack(server, hostile, getattr(server, listener)):
        works(server, headers, f"{hostile.__name__}{listener}")
    works(server, headers, f"{hostile.__name__}{listener}after")
    assert memory.peak() < MEMORY_MIB


@pytest.mark.parametrize("listener", ["api", "door_http"])
def test_a_client_that_sends_a_head_byte_by_byte_is_cut_off(server: Server, listener: str) -> None:
    with socket.create_connection(getattr(server, listener), timeout=30) as client, suppress(ConnectionError):
        client.settimeout(BYTE_PAUSE)
        for byte in b"POST / HTTP/1.1\r\n" + b"X: y\r\n" * 100:
            client.send(bytes([byte]))
            with suppress(TimeoutError):
                while client.recv(65536):
                    pass
                return
        pytest.fail("the server waited for a hundred seconds")


@pytest.mark.parametrize("listener", ["api", "door_http"])
def test_a_claim_of_a_gibibyte_is_refused_unread(server: Server, listener: str) -> None:
    with socket.create_connection(getattr(server, listener), timeout=30) as client:
        path = b"/v1/auth" if listener == "api" else b"/"
        client.sendall(b"POST %b HTTP/1.1\r\nHost: any\r\nContent-Length: %d\r\n\r\n{" % (path, CLAIM))
        assert client.recv(65536).startswith(b"HTTP/1.1 413 ")
