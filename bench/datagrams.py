"""The load of a crowd over UDP, a process of its own: `python -m bench.datagrams PORT SENDERS UNDER_WAY LEAST SECONDS`.

The sessions of `fill_sims` send in turn, each from its own address, all through one socket. So many payloads are
under way at a time. Any answer but `201` ends the run; one that does not come within a second is counted as failed. It
goes on for SECONDS, and until LEAST payloads are answered.
"""

import json
import socket
import struct
import sys
from itertools import cycle
from time import perf_counter

from bench.fill_sims import address
from bench.payload import payload

_PATIENCE = 1.0
_REPLY = b"201"

# Linux's `IP_PKTINFO`, which Python does not name: the address that one datagram is sent from.
_FROM = 8
_NO_INTERFACE = struct.pack("=I", 0)


def datagrams(port: int, senders: int, under_way: int, least: int, seconds: float) -> dict[str, float]:
    """Answers a second, and how many payloads got none in time. The senders are the sessions from the first on."""
    body, to = [payload()], ("127.0.0.1", port)
    sources = cycle([_source(address(session)) for session in range(1, senders + 1)])
    answered = failed = waiting = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        door.settimeout(_PATIENCE)
        start = now = perf_counter()
        while now - start < seconds or answered < least:
            while waiting < under_way:
                door.sendmsg(body, [(socket.IPPROTO_IP, _FROM, next(sources))], 0, to)
                waiting += 1
            try:
                reply = door.recv(64)
            except TimeoutError:
                failed += waiting
                waiting = 0
            else:
                if reply != _REPLY:
                    sys.exit(f"the UDP door answered {reply!r}")
                answered += 1
                waiting -= 1
            now = perf_counter()
    return {"rate": answered / (now - start), "failed": failed}


def _source(host: str) -> bytes:
    return _NO_INTERFACE + socket.inet_aton(host) + bytes(4)


if __name__ == "__main__":
    print(json.dumps(datagrams(*(int(argument) for argument in sys.argv[1:]))))
