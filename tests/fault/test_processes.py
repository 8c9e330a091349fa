"""One process a data directory, and a stop that lets requests under way come to their end."""

import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from subprocess import TimeoutExpired

import pytest

from fault.devices import CONFIRMED, Device, Door, payload
from serving import Address, Serve, Server


def test_a_second_server_on_a_data_directory_is_refused_with_the_holders_pid(own_server: Server) -> None:
    second = Server(own_server.data_dir)
    with pytest.raises(AssertionError, match=f"process {own_server.process.pid}"):
        second.start()
    assert second.process.returncode not in {0, -signal.SIGKILL}
    assert "Traceback" not in own_server.stderr
    device = Device(own_server, Door.HTTP)
    assert device.send(payload(Door.HTTP, "first").body) == CONFIRMED
    device.close()


def ask(address: Address, request: bytes) -> bytes:
    with socket.create_connection(address, timeout=10) as client:
        client.sendall(request)
        return client.recv(65536)


def until_refused(server: Server, address: Address) -> None:
    """Return once the running server listens there no more."""
    for _ in range(1000):
        try:
            socket.create_connection(address, timeout=10).close()
        except ConnectionRefusedError:
            return
        with suppress(TimeoutExpired):
            server.process.wait(0.01)
    pytest.fail("the server listens on after SIGTERM")


@pytest.mark.parametrize(
    ("listener", "head", "body", "answer"),
    [
        (lambda server: server.door_http, b"POST / HTTP/1.1", b'{"value": 1}', b"HTTP/1.1 201"),
        (lambda server: server.api, b"POST /v1/auth HTTP/1.1", b'{"authKeyId": "k"}', b"HTTP/1.1 40"),
    ],
    ids=["door", "api"],
)
def test_a_request_under_way_is_answered_before_the_server_stops(
    own_server: Server, listener: Callable[[Server], Address], head: bytes, body: bytes, answer: bytes
) -> None:
    address = listener(own_server)
    head += b"\r\nHost: any\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    with socket.create_connection(address, timeout=10) as client:
        client.sendall(head + body[:5])
        # Whoever comes later is answered later, so the first half has been read by then.
        assert ask(address, head + body).startswith(answer)
        own_server.process.send_signal(signal.SIGTERM)
        until_refused(own_server, address)
        client.sendall(body[5:])
        assert client.recv(65536).startswith(answer)
    assert own_server.process.wait(10) == 0


def test_idle_connections_do_not_hold_up_a_stop(own_server: Server) -> None:
    listeners = (own_server.api, own_server.door_http, own_server.door_stream, own_server.door_unified)
    idle = [socket.create_connection(listener, timeout=10) for listener in listeners]
    device = Device(own_server, Door.HTTP)
    assert device.send(payload(Door.HTTP, "kept alive").body) == CONFIRMED
    own_server.process.send_signal(signal.SIGTERM)
    assert own_server.process.wait(10) == 0
    device.close()
    for client in idle:
        client.close()


def test_a_half_sent_request_does_not_hold_up_a_stop_for_ever(serve: Serve) -> None:
    server = serve(environment={"MINORI_LIMITS_DRAIN_SECONDS": "1"})
    with socket.create_connection(server.door_http, timeout=10) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: any\r\nContent-Length: 10\r\n\r\n12345")
        assert ask(server.door_http, b"POST / HTTP/1.1\r\nHost: any\r\nContent-Length: 1\r\n\r\n1")
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(10) == 0
