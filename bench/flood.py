"""A flood of datagrams, a process of its own: `python -m bench.flood PORT SENDERS SECONDS`.

Each sender sends as fast as the system takes it and reads no reply; what is told is how many were sent.
"""

import json
import socket
import sys
from time import perf_counter

from bench.payload import payload

_AT_ONCE = 256


def flood(port: int, senders: int, seconds: float) -> dict[str, float]:
    """Datagrams sent, and how many a second."""
    body = payload()
    doors = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(senders)]
    for door in doors:
        door.connect(("127.0.0.1", port))
    sent = 0
    start = perf_counter()
    while perf_counter() - start < seconds:
        for door in doors:
            for _ in range(_AT_ONCE):
                door.send(body)
            sent += _AT_ONCE
    elapsed = perf_counter() - start
    for door in doors:
        door.close()
    return {"sent": sent, "rate": sent / elapsed}


if __name__ == "__main__":
    print(json.dumps(flood(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))))
