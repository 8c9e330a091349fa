"""The doors' sockets: opened where a setting says, and the address of a peer as the registry knows it."""

import errno
import socket
from functools import lru_cache
from ipaddress import IPv6Address

from minori.config.address import Endpoint
from minori.errors import ListenFailed

BACKLOG = 4096
"""Connections the system keeps until they are accepted; it may hold fewer (`net.core.somaxconn`)."""

RECEIVE_BUFFER = 4 * 1024 * 1024
"""Bytes of datagrams the system is asked to keep until they are read; it may grant less."""

PAIR_ATTEMPTS = 50
"""How many free TCP ports are tried while another program holds the same number for UDP."""

_SO_RCVBUFFORCE = 33


def listen(endpoint: Endpoint) -> socket.socket:
    """A non-blocking TCP socket that listens on `endpoint`; `ListenFailed` if it cannot.

    Of a name's addresses the first IPv4 one is taken, or the first if there is none (our choice).
    """
    family, where = _resolve(endpoint, socket.SOCK_STREAM)
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted sockets inherit it; otherwise a second short answer waits for the first one's acknowledgement.
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _bind(opened, where)
        opened.listen(BACKLOG)
    except OSError as error:
        opened.close()
        raise _cannot_listen(endpoint, error) from error
    return opened


def receive(endpoint: Endpoint) -> socket.socket:
    """A non-blocking UDP socket bound to `endpoint`, by the same choice as `listen`; `ListenFailed` if it cannot be."""
    family, where = _resolve(endpoint, socket.SOCK_DGRAM)
    opened = socket.socket(family, socket.SOCK_DGRAM)
    try:
        _enlarge(opened)
        _bind(opened, where)
    except OSError as error:
        opened.close()
        raise _cannot_listen(endpoint, error) from error
    return opened


def pair(endpoint: Endpoint) -> tuple[socket.socket, socket.socket]:
    """A listening TCP socket and a UDP socket on the same host and port; `ListenFailed` if there are none.

    With port 0 the system picks a free TCP port. Another program may hold that number for UDP; then
    another one is picked.
    """
    for _ in range(PAIR_ATTEMPTS if endpoint.port == 0 else 1):
        stream = listen(endpoint)
        try:
            return stream, receive(Endpoint(endpoint.host, stream.getsockname()[1]))
        except ListenFailed as error:
            stream.close()
            clash = error
    raise clash


def bound(opened: socket.socket) -> Endpoint:
    """Where a socket is bound, with the port that the system picked."""
    host, port = opened.getsockname()[:2]
    return Endpoint(host, port)


@lru_cache(maxsize=4096)
def peer_address(host: str) -> str:
    """The IP address of a peer as text: IPv4 where it is mapped into IPv6, without a scope id."""
    if ":" not in host:
        return host
    address = IPv6Address(host.partition("%")[0])
    return str(address.ipv4_mapped or address)


def _resolve(endpoint: Endpoint, kind: socket.SocketKind) -> tuple[socket.AddressFamily, tuple[object, ...]]:
    try:
        found = socket.getaddrinfo(endpoint.host, endpoint.port, type=kind, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise _cannot_listen(endpoint, error) from error
    # A name such as localhost may have both kinds of address: clients that are told 127.0.0.1 must find the door.
    family, _, _, _, where = next((one for one in found if one[0] == socket.AF_INET), found[0])
    return family, where


def _bind(opened: socket.socket, where: tuple[object, ...]) -> None:
    if opened.family == socket.AF_INET6:
        # Set explicitly, since defaults differ: `[::]` takes IPv4 too, whose peers `peer_address` tells as IPv4.
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    opened.setblocking(False)
    opened.bind(where)


def _enlarge(opened: socket.socket) -> None:
    try:
        opened.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_BUFFER)
    except OSError:
        # Only a privileged process goes beyond the system's limit; others get as much as it allows.
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)


def _cannot_listen(endpoint: Endpoint, error: OSError) -> ListenFailed:
    advice = {
        errno.EADDRINUSE: "another program listens there; stop it, or choose another port",
        errno.EACCES: "this user may not; choose a port above 1023",
        errno.EADDRNOTAVAIL: "this machine has no such address",
    }
    reason = advice.get(error.errno or 0, error.strerror or str(error))
    return ListenFailed(f"Cannot listen on {endpoint}: {reason}")
