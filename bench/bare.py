"""The bare anchors, each a process of its own: a log that appends and syncs, loops that answer `201`.

`python -m bench.bare log FILE SECONDS` prints its figures; `python -m bench.bare tcp|udp` prints its
port and answers until it is ended.
"""

import json
import os
import select
import socket
import sys
from pathlib import Path
from time import perf_counter

RECORD_BYTES = 180
"""What the bare log appends at a time: about the size of the payloads that are posted."""

_REPLY = b"201"
_READ = 2048


def log(path: str, seconds: float) -> dict[str, float]:
    """Append a record and sync it, over and over: records a second, and latencies in ms."""
    record = b"x" * RECORD_BYTES
    taken: list[float] = []
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    try:
        start = now = perf_counter()
        while now - start < seconds:
            os.write(file, record)
            os.fdatasync(file)
            before, now = now, perf_counter()
            taken.append(now - before)
    finally:
        os.close(file)
        Path(path).unlink()
    taken.sort()
    return {
        "rate": len(taken) / (now - start),
        "p50_ms": taken[len(taken) // 2] * 1000,
        "p99_ms": taken[len(taken) * 99 // 100] * 1000,
    }


def udp() -> None:
    """Answer each datagram with `201`."""
    door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    door.bind(("127.0.0.1", 0))
    _say_port(door)
    while True:
        _, sender = door.recvfrom(_READ)
        door.sendto(_REPLY, sender)


def tcp() -> None:
    """Answer what one read of a connection returns with `201`."""
    door = socket.create_server(("127.0.0.1", 0), backlog=1024)
    _say_port(door)
    peers: dict[int, socket.socket] = {}
    with select.epoll() as waiting:
        waiting.register(door, select.EPOLLIN)
        while True:
            for number, _ in waiting.poll():
                peer = peers.get(number)
                if peer is None:
                    peer, _ = door.accept()
                    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    peers[peer.fileno()] = peer
                    waiting.register(peer, select.EPOLLIN)
                elif not _answered(peer):
                    waiting.unregister(number)
                    peers.pop(number).close()


def _answered(peer: socket.socket) -> bool:
    try:
        if not peer.recv(_READ):
            return False
        peer.send(_REPLY)
    except ConnectionError:
        return False
    return True


def _say_port(door: socket.socket) -> None:
    print(door.getsockname()[1], flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "log":
        print(json.dumps(log(sys.argv[2], float(sys.argv[3]))))
    else:
        {"tcp": tcp, "udp": udp}[sys.argv[1]]()
