"""A flood of what is refused: memory stays flat, the door alive, and the log small."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from people import root
from serving import Serve, Server
from wire.asking import connect, head, read

DATAGRAMS = 100_000
ADDRESSES = 1500
"""From so many addresses they come: more than are remembered."""

MEGABYTES = 10
"""What the flood may cost: what the allocator keeps, and not 100 bytes a datagram."""

WINDOW = 100
"""Datagrams under way at once, so that the system drops none."""


def test_memory_stays_flat_and_the_door_alive_under_a_flood_of_refused_datagrams(serve: Serve) -> None:
    server = serve(demo=False)
    first = root(server)
    sim = first.ask("POST", "/sims", {"type": "virtual", "subscription": "planArc01"}).json
    assert first.ask("PUT", "/minori/sessions/127.8.0.0%2F24", {"simId": sim["simId"]}).status == 201
    with _senders(server) as senders:
        _flood(senders, 10_000)
        before = _resident(server)
        _flood(senders, DATAGRAMS)
        assert _resident(server) - before < MEGABYTES * 1_000_000
    logs = first.ask("GET", "/logs?limit=1000").json
    assert {one["body"]["reason"] for one in logs} == {"NoGroup"}
    assert len(first.ask("GET", "/minori/unknown_senders?limit=1000").json) == 1000
    with connect(server.door_http, "127.8.0.1") as door:
        door.sendall(head("POST", "/", (), b"{}"))
        assert read(door).status == 400
    assert (server.data_dir / "refusals.sqlite").stat().st_size < 5_000_000


@contextmanager
def _senders(server: Server) -> Iterator[list[socket.socket]]:
    """Sockets at addresses of a SIM without a group, and of nobody."""
    with ExitStack() as stack:
        senders = []
        for at in range(ADDRESSES):
            sender = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            sender.settimeout(20)
            sender.bind((f"127.8.{at // 250}.{at % 250 + 1}", 0))
            sender.connect(server.door_stream)
            senders.append(sender)
        yield senders


def _flood(senders: list[socket.socket], datagrams: int) -> None:
    for begin in range(0, datagrams, WINDOW):
        batch = [senders[(begin + at) % len(senders)] for at in range(WINDOW)]
        for sender in batch:
            sender.send(b"payload")
        for sender in batch:
            assert sender.recv(1024).startswith(b"400")


def _resident(server: Server) -> int:
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


pytestmark = pytest.mark.slow
