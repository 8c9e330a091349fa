"""The load generator for TCP and UDP, a process of its own: `python -m bench.stream tcp|udp PORT SENDERS SECONDS`.

Each sender has one payload under way and sends the next when its `201` has come. Any other answer ends
the run; one that does not come within a second is counted as failed, and a datagram is sent again.
"""

import json
import select
import socket
import sys
from collections.abc import Mapping
from time import perf_counter

from bench.payload import payload

_PATIENCE = 1.0
_REPLY = b"201"


def request_reply(kind: str, port: int, senders: int, seconds: float) -> dict[str, float]:
    """Answers a second, latencies in ms, and how many payloads got none in time."""
    body = payload()
    doors = {door.fileno(): door for door in (_connect(kind, port) for _ in range(senders))}
    taken: list[float] = []
    failed = 0
    with select.epoll(len(doors)) as waiting:
        for number in doors:
            waiting.register(number, select.EPOLLIN)
        start = now = checked = perf_counter()
        sent = dict.fromkeys(doors, start)
        for door in doors.values():
            door.send(body)
        while now - start < seconds:
            for number, _ in waiting.poll(_PATIENCE, len(doors)):
                door = doors[number]
                reply = door.recv(64)
                if reply != _REPLY:
                    sys.exit(f"the {kind} door answered {reply!r}")
                now = perf_counter()
                taken.append(now - sent[number])
                sent[number] = now
                door.send(body)
            now = perf_counter()
            if now - checked > _PATIENCE:
                checked = now
                failed += _send_again(kind, doors, sent, body, now)
    for door in doors.values():
        door.close()
    taken.sort()
    middle = taken[len(taken) // 2] if taken else 0.0
    late = taken[len(taken) * 99 // 100] if taken else 0.0
    return {"rate": len(taken) / (now - start), "p50_ms": middle * 1000, "p99_ms": late * 1000, "failed": failed}


def _send_again(kind: str, doors: Mapping[int, socket.socket], sent: dict[int, float], body: bytes, now: float) -> int:
    late = [number for number, when in sent.items() if now - when > _PATIENCE]
    for number in late:
        sent[number] = now
        if kind == "udp":
            doors[number].send(body)
    return len(late)


def _connect(kind: str, port: int) -> socket.socket:
    door = socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
    door.connect(("127.0.0.1", port))
    if kind == "tcp":
        door.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return door


if __name__ == "__main__":
    print(json.dumps(request_reply(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))))
