"""Files of 1 GiB, and what they take in memory; then many files of 4 KiB."""

import os
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from itertools import count
from pathlib import Path
from shutil import disk_usage
from time import perf_counter

from msgspec.structs import replace

from bench.anchors import bare_files, nginx
from bench.errors import BenchError
from bench.figures import FILE_FIGURES, MIB, Reading
from bench.load import Request, Upload, http, transfer
from bench.plan import Plan
from bench.processes import cpu_seconds, forget_peak, peak_bytes
from bench.reads import CONNECTIONS
from bench.rounds import Probe, charged, measure, say
from bench.server import Server, minori

LARGE = 1024 * MIB
SMALL = 4096
_FOLDERS = 1_000
_KEPT = 200
_ROOM = 5 * LARGE
_ROOT = "/v1/files/private"


def run(plan: Plan, wanted: AbstractSet[str], work: Path) -> dict[str, list[Reading]]:
    """The readings of the figures in `wanted`, and of their anchors."""
    if disk_usage(work).free < _ROOM:
        raise BenchError(f"The files may need {_ROOM / 2**30:.0f} GiB of disk; free some")
    needed = plan.with_anchors(FILE_FIGURES, wanted)
    readings: dict[str, list[Reading]] = {}
    for name, part in ("large", _large), ("small", _small):
        (place := work / f"{name}-files").mkdir()
        place.chmod(0o755)
        readings |= part(plan, needed, place)
    return readings


def _large(plan: Plan, needed: AbstractSet[str], work: Path) -> dict[str, list[Reading]]:
    """A server of its own: what it takes in memory is counted from its rest after the start."""
    memory = {name: name.removesuffix("-memory") for name in needed if name.endswith("-memory")}
    needed = {*needed, *memory.values()}
    if needed.isdisjoint({"file-upload", "file-download"}):
        return {}
    say("Files of 1 GiB")
    with nginx(plan.core, work) as anchor, minori(plan.core, work / "data", work / "minori.log") as server:
        idle = server.resident_mib()
        peaks: dict[str, list[Reading]] = {"file-upload": [], "file-download": []}
        probes = {
            "nginx-upload": _anchored_upload(plan, anchor, work, "/put/large.bin"),
            "nginx-upload-buffered": _anchored_upload(plan, anchor, work, "/put/buffered/large.bin"),
            "nginx-upload-synced": _anchored_upload(plan, anchor, work, "/put/large.bin", synced=True),
            "file-upload": _upload(plan, server),
        }
        if "file-download" in needed:
            transfer(plan.load_core, "put", anchor, "/put/kept.bin", LARGE, {})
            transfer(plan.load_core, "put", server.api, f"{_ROOT}/kept.bin", LARGE, server.headers)
            theirs = _download(plan, anchor, "/put/kept.bin")
            probes["nginx-download"] = lambda seconds: _repeated(seconds, theirs)[0]
            probes["file-download"] = _download_by_link(plan, server)
        for name, taken in peaks.items():
            if name in probes:
                probes[name] = _watched(server.pid, idle, probes[name], taken)
        chosen = {name: probe for name, probe in probes.items() if name in needed}
        readings = measure(chosen, plan.seconds, plan.rounds, lambda: _rest(server))
        # The warm-up is not counted.
        return readings | {name: peaks[of][1:] for name, of in memory.items()}


def _small(plan: Plan, needed: AbstractSet[str], work: Path) -> dict[str, list[Reading]]:
    if needed.isdisjoint({"file-put", "file-put-many", "file-link", "file-get"}):
        return {}
    say("Files of 4 KiB")
    with nginx(plan.core, work) as anchor, minori(plan.core, work / "data", work / "minori.log") as server:
        content = "0123456789abcdef" * (SMALL // 16)
        names = [f"{number}.txt" for number in range(_KEPT)]
        (work / "www" / "kept").mkdir()
        for name in names:
            (work / "www" / "kept" / name).write_text(content)
            server.ask("PUT", f"{_ROOT}/kept/{name}", content.encode())
        runs = count()
        theirs = Request(anchor, [f"/kept/{name}" for name in names])
        ours = [f"{_ROOT}/kept/{name}" for name in names]
        probes: dict[str, Probe] = {
            "bare-files": lambda seconds: bare_files(plan.core, work / f"bare-{next(runs)}", SMALL, seconds),
            "file-put": _put(plan, server, 1, content, work),
            "file-put-many": _put(plan, server, _FOLDERS, content, work),
            "nginx-file": lambda seconds: http(plan.load_core, theirs, CONNECTIONS, seconds, work),
            "file-link": _get_by_link(plan, server, ours, work),
            "file-get": _get(plan, server, ours, work),
        }
        chosen = {name: probe for name, probe in probes.items() if name in needed}
        return measure(chosen, plan.seconds, plan.rounds, lambda: _rest(server))


def _rest(server: Server) -> None:
    """Nothing of what was written before is left to be written during the next probe."""
    os.sync()
    server.settle()


def _repeated(seconds: int, move: Callable[[], float]) -> tuple[Reading, int]:
    """The speed of whole transfers, one after the other until `seconds` have passed, and how many there were.

    `move` makes one and says how long it took.
    """
    taken: list[float] = []
    until = perf_counter() + seconds
    while not taken or perf_counter() < until:
        taken.append(move())
    return Reading(LARGE / MIB * len(taken) / sum(taken)), len(taken)


def _anchored_upload(plan: Plan, anchor: str, work: Path, path: str, *, synced: bool = False) -> Probe:
    target = work / "www" / path.removeprefix("/")

    def upload() -> float:
        seconds = transfer(plan.load_core, "put", anchor, path, LARGE, {})
        if synced:
            start = perf_counter()
            for written in target, target.parent:
                _sync(written)
            seconds += perf_counter() - start
        target.unlink()
        return seconds

    return lambda seconds: _repeated(seconds, upload)[0]


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _upload(plan: Plan, server: Server) -> Probe:
    path = f"{_ROOT}/large.bin"

    def upload() -> float:
        seconds = transfer(plan.load_core, "put", server.api, path, LARGE, server.headers)
        server.ask("DELETE", path)
        return seconds

    return _charged(server, upload)


def _download(plan: Plan, address: str, path: str) -> Callable[[], float]:
    return lambda: transfer(plan.load_core, "get", address, path, LARGE, {})


def _download_by_link(plan: Plan, server: Server) -> Probe:
    def measured(seconds: int) -> Reading:
        # Anew each time: a link does not live long.
        link = server.ask("GET", f"{_ROOT}/kept.bin").location
        return _charged(server, _download(plan, server.api, link))(seconds)

    return measured


def _charged(server: Server, move: Callable[[], float]) -> Probe:
    """Transfers, with the processor time that each costs the server, all that belongs to it included."""

    def measured(seconds: int) -> Reading:
        before = cpu_seconds(server.pid)
        reading, moved = _repeated(seconds, move)
        return replace(reading, cpu_us=(cpu_seconds(server.pid) - before) / moved * 1e6)

    return measured


def _watched(pid: int, idle_mib: float, probe: Probe, taken: list[Reading]) -> Probe:
    """The same probe, which also puts down how far beyond its rest the memory of the process `pid` went."""

    def measured(seconds: int) -> Reading:
        forget_peak(pid)
        reading = probe(seconds)
        taken.append(Reading(peak_bytes(pid) / MIB - idle_mib))
        return reading

    return measured


def _put(plan: Plan, server: Server, folders: int, content: str, work: Path) -> Probe:
    runs = count()
    headers = {**server.headers, "Content-Type": "text/plain"}

    def measured(seconds: int) -> Reading:
        root = f"{_ROOT}/put-{folders}/"
        upload = Upload(server.api, root, folders, str(next(runs)), headers, content.encode())
        return http(plan.load_core, upload, CONNECTIONS, seconds, work)

    return charged(server.pid, measured)


def _get_by_link(plan: Plan, server: Server, paths: list[str], work: Path) -> Probe:
    def measured(seconds: int) -> Reading:
        # Anew each time, too.
        links = Request(server.api, [server.ask("GET", path).location for path in paths])
        probe = charged(server.pid, lambda seconds: http(plan.load_core, links, CONNECTIONS, seconds, work))
        return probe(seconds)

    return measured


def _get(plan: Plan, server: Server, paths: list[str], work: Path) -> Probe:
    """Files a second; each takes two answers, whose latencies say nothing of one file's."""
    asked = Request(server.api, paths, server.headers, follow=True)

    def measured(seconds: int) -> Reading:
        reading = http(plan.load_core, asked, CONNECTIONS, seconds, work)
        return Reading(reading.value / 2, failed=reading.failed)

    return charged(server.pid, measured)
