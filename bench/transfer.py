"""The load of one large file, a process of its own: `python -m bench.transfer put|get HOST:PORT PATH BYTES HEADERS`.

HEADERS are a JSON object. Prints how long it took, from the connection to the last byte of the answer.
"""

import json
import socket
import sys
from collections.abc import Mapping
from random import Random
from time import perf_counter

_PIECE = 1024 * 1024
_HEAD_END = b"\r\n\r\n"
_SECONDS = 120.0


def put(address: str, path: str, size: int, headers: Mapping[str, str]) -> float:
    """Send `size` bytes to be stored, with `Content-Length`; seconds until the answer, which has no body."""
    piece = Random(size).randbytes(min(_PIECE, size))  # noqa: S311 - bytes that no disk compresses, not secrets
    start = perf_counter()
    with _connected(address) as peer:
        peer.sendall(_head("PUT", address, path, {**headers, "Content-Length": str(size)}))
        left = size
        while left:
            left -= peer.send(memoryview(piece)[:left])
        status, _, _ = _answer(peer, bytearray(_PIECE))
    if status not in (200, 201, 204):
        sys.exit(f"PUT {path} was answered {status}")
    return perf_counter() - start


def get(address: str, path: str, size: int, headers: Mapping[str, str]) -> float:
    """Fetch `size` bytes; seconds until the last one is here."""
    room = bytearray(_PIECE)
    start = perf_counter()
    with _connected(address) as peer:
        peer.sendall(_head("GET", address, path, headers))
        status, length, got = _answer(peer, room)
        if (status, length) != (200, size):
            sys.exit(f"GET {path} was answered {status} with {length} bytes")
        while got < size:
            more = peer.recv_into(room)
            if not more:
                sys.exit(f"GET {path} broke off after {got} bytes")
            got += more
    return perf_counter() - start


def _connected(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)), _SECONDS)


def _head(method: str, address: str, path: str, headers: Mapping[str, str]) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {address}", "Connection: close"]
    return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items()), "", ""]).encode()


def _answer(peer: socket.socket, room: bytearray) -> tuple[int, int, int]:
    """The status of an answer, its `Content-Length`, and how many bytes of its body came with the head."""
    got = b""
    while _HEAD_END not in got:
        count = peer.recv_into(room)
        if not count:
            sys.exit("the server closed the connection without an answer")
        got += room[:count]
    head, _, body = got.partition(_HEAD_END)
    first, *lines = head.decode("latin-1").split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return int(first.split()[1]), int(fields.get("content-length", "0")), len(body)


if __name__ == "__main__":
    kind, where, path, size, headers = sys.argv[1:]
    moved = {"put": put, "get": get}[kind](where, path, int(size), json.loads(headers))
    print(json.dumps({"seconds": moved}))
