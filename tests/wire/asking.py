"""HTTP as it lies on the wire: a request of exactly these bytes, and the answer that came."""

import socket
from collections.abc import Callable, Iterable, Mapping
from http.client import HTTPResponse
from typing import Any, NamedTuple

import msgspec

from serving import Address, Server

Headers = Mapping[str, str] | Iterable[tuple[str, str]]

SECONDS = 20

Get = Callable[..., "Reply"]
"""GET a path below `/v1`; keywords are more headers."""

Put = Callable[..., None]
"""Store an entry under a camera at a time: camera, time, body, content type."""


class Reply(NamedTuple):
    """An answer. `headers` have lower-case names."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return msgspec.json.decode(self.body)


def head(method: str, target: str, headers: Headers = (), body: bytes | None = None) -> bytes:
    """A request in bytes, with `Content-Length` if there is a body, and `Host` unless `headers` have one."""
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
    if not any(name.lower() == "host" for name, _ in pairs):
        pairs.insert(0, ("Host", "api.soracom.io"))
    if body is not None:
        pairs.append(("Content-Length", str(len(body))))
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in pairs), "", ""]
    return "\r\n".join(lines).encode("latin-1") + (body or b"")


def connect(address: Address, source: str = "127.0.0.1") -> socket.socket:
    """A connection to `address` from `source`, which may be any address of 127.0.0.0/8."""
    return socket.create_connection(address, SECONDS, (source, 0))


def read(connection: socket.socket, method: str = "GET") -> Reply:
    """The next answer on a connection."""
    response = HTTPResponse(connection, method=method)
    response.begin()
    with response:
        return Reply(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())


def send(server: Server, request: bytes, method: str = "GET", source: str = "127.0.0.1") -> Reply:
    """The API's answer to a request in bytes, on a connection of its own."""
    with connect(server.api, source) as connection:
        connection.sendall(request)
        return read(connection, method)


def ask(
    server: Server,
    method: str,
    target: str,
    headers: Headers = (),
    body: bytes | None = None,
    source: str = "127.0.0.1",
) -> Reply:
    """The API's answer to one request, on a connection of its own."""
    return send(server, head(method, target, headers, body), method, source)


def times(reply: Reply) -> list[int]:
    """The times of a page of entries."""
    assert reply.status == 200
    return [entry["time"] for entry in reply.json]
