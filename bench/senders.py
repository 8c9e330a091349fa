"""The load of many senders over HTTP, a process of its own: `python -m bench.senders PORT UNDER_WAY SECONDS ADDRESS…`.

Each address has a connection, which stays open. So many payloads are under way at a time, and the connections take
turns. Any answer but `201` ends the run; one that does not come within a second is counted as failed.
"""

import json
import select
import socket
import sys
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from time import perf_counter

from bench.payload import payload

_PATIENCE = 1.0
_ANSWER_BYTES = 4096
_CREATED = b"HTTP/1.1 201 "


def senders(port: int, addresses: Sequence[str], under_way: int, seconds: float) -> dict[str, float]:
    """Answers a second, latencies in ms, and how many payloads got none in time."""
    body = payload()
    head = f"POST / HTTP/1.1\r\nHost: any\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    request = head.encode() + body
    connections: dict[int, socket.socket] = {}
    resting: deque[int] = deque()
    sent: dict[int, float] = {}
    taken: list[float] = []
    failed = 0

    def send_next(now: float) -> None:
        number = resting.popleft()
        sent[number] = now
        connections[number].send(request)

    with ExitStack() as stack, select.epoll(len(addresses)) as waiting:
        for address in addresses:
            connection = stack.enter_context(_connect(address, port))
            connections[connection.fileno()] = connection
            waiting.register(connection, select.EPOLLIN)
        resting.extend(connections)
        start = now = checked = perf_counter()
        for _ in range(under_way):
            send_next(start)
        while now - start < seconds:
            for number, _ in waiting.poll(_PATIENCE, under_way):
                _check(connections[number].recv(_ANSWER_BYTES))
                now = perf_counter()
                taken.append(now - sent.pop(number))
                resting.append(number)
                send_next(now)
            now = perf_counter()
            if now - checked > _PATIENCE:
                checked = now
                failed += sum(now - when > _PATIENCE for when in sent.values())
    taken.sort()
    middle = taken[len(taken) // 2] if taken else 0.0
    late = taken[len(taken) * 99 // 100] if taken else 0.0
    return {"rate": len(taken) / (now - start), "p50_ms": middle * 1000, "p99_ms": late * 1000, "failed": failed}


def _check(answer: bytes) -> None:
    # A 201 is a head without a body, in one piece: of a second one in it, or half of one, the latencies would lie.
    if not answer.startswith(_CREATED) or answer.find(b"\r\n\r\n") != len(answer) - 4:
        sys.exit(f"the HTTP door answered {answer!r}")


def _connect(address: str, port: int) -> socket.socket:
    connection = socket.socket()
    connection.bind((address, 0))
    connection.connect(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


if __name__ == "__main__":
    print(json.dumps(senders(int(sys.argv[1]), sys.argv[4:], int(sys.argv[2]), float(sys.argv[3]))))
