"""Sockets of the doors, and the addresses of peers."""

import socket
from collections.abc import Callable
from contextlib import closing

import pytest

from minori.config.address import Endpoint
from minori.doors import sockets
from minori.errors import StartError

FREE = Endpoint("127.0.0.1", 0)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::1", "::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::1"),
        ("2001:DB8:0::1", "2001:db8::1"),
    ],
)
def test_a_peer_has_one_address_however_it_is_written(host: str, address: str) -> None:
    assert sockets.peer_address(host) == address


def test_tcp_and_udp_share_the_port_that_the_system_picked() -> None:
    stream, datagram = sockets.pair(FREE)
    with closing(stream), closing(datagram):
        assert sockets.bound(stream) == sockets.bound(datagram)


def test_another_port_is_picked_where_udp_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    unlucky = sockets.listen(FREE)
    listening = [unlucky, sockets.listen(FREE)]
    with closing(sockets.receive(sockets.bound(unlucky))):
        monkeypatch.setattr(sockets, "listen", lambda _: listening.pop(0))
        stream, datagram = sockets.pair(FREE)
    with closing(stream), closing(datagram):
        assert sockets.bound(stream) == sockets.bound(datagram)
    assert unlucky.fileno() == -1


def test_a_pair_on_a_given_port_fails_where_udp_is_taken() -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(StartError, match="another program listens there"):
            sockets.pair(sockets.bound(taken))


def test_a_port_that_is_taken_is_named_with_advice() -> None:
    with closing(sockets.listen(FREE)) as taken:
        endpoint = sockets.bound(taken)
        with pytest.raises(StartError, match=f"Cannot listen on {endpoint}: another program listens there"):
            sockets.listen(endpoint)


@pytest.mark.parametrize("open_socket", [sockets.listen, sockets.receive])
def test_an_address_of_another_machine_is_refused(open_socket: Callable[[Endpoint], socket.socket]) -> None:
    with pytest.raises(StartError, match=r"Cannot listen on 192\.0\.2\.1:0: this machine has no such address"):
        open_socket(Endpoint("192.0.2.1", 0))


@pytest.mark.parametrize("open_socket", [sockets.listen, sockets.receive])
def test_a_name_with_both_kinds_of_address_is_bound_to_ipv4(
    open_socket: Callable[[Endpoint], socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve(_host: str, port: int, type: int, **_: int) -> list[tuple[object, ...]]:  # noqa: A002 - its real name
        return [(socket.AF_INET6, type, 0, "", ("::1", port, 0, 0)), (socket.AF_INET, type, 0, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with closing(open_socket(Endpoint("localhost", 0))) as opened:
        assert sockets.bound(opened).host == "127.0.0.1"


def test_a_second_answer_does_not_wait_for_the_acknowledgement_of_the_first() -> None:
    with (
        closing(sockets.listen(FREE)) as listening,
        closing(socket.create_connection(listening.getsockname())),
    ):
        accepted, _ = listening.accept()
        with closing(accepted):
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
