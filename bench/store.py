"""The stores that are measured: filled while their server is stopped, and what they take on disk at rest."""

import sys
from pathlib import Path
from shutil import disk_usage
from time import monotonic, sleep

import msgspec

from bench.errors import BenchError
from bench.fill import TELEMETRY, Filled
from bench.processes import answer
from bench.rounds import say
from bench.server import Server, entries_url

_ROOM = 250
_FILL_SECONDS = 3_600.0
_SLOWEST = 10_000
_QUIET_SECONDS = 5.0
_REST_SECONDS = 3_600.0


def fill_store(data: Path, operator_id: str, entries: int, resources: int, kind: str = TELEMETRY) -> Filled:
    """Put entries into the stopped server's store in `data`."""
    if disk_usage(data).free < entries * _ROOM:
        raise BenchError(f"{entries} entries may need {entries * _ROOM / 2**30:.1f} GiB of disk; free some")
    command = [sys.executable, "-m", "bench.fill", entries_url(data), operator_id, str(entries), str(resources), kind]
    return msgspec.convert(answer(None, command, _FILL_SECONDS + entries / _SLOWEST), Filled)


def bytes_at_rest(server: Server, data: Path) -> int:
    """The bytes on disk of a server's entries once nothing is sealed or compacted any more."""
    folder = Path(entries_url(data).partition("://")[2])
    start = monotonic()
    before = -1
    while monotonic() - start < _REST_SECONDS:
        is_idle = server.settle()
        now = _bytes_on_disk(folder)
        if is_idle and now == before:
            say(f"  {now:,} bytes on disk, at rest after {monotonic() - start:.0f} seconds")
            return now
        before = now
        sleep(_QUIET_SECONDS)
    raise BenchError(f"The store did not come to rest within {_REST_SECONDS:.0f} seconds")


def _bytes_on_disk(folder: Path) -> int:
    size = 0
    for path in folder.rglob("*"):
        try:
            size += path.stat().st_blocks * 512
        except FileNotFoundError:
            # Compacted away meanwhile.
            continue
    return size
