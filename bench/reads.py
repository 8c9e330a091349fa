"""The reads: newest 10 and ranges of 1,000, and nginx serving the same bytes."""

import json
from collections.abc import Mapping
from pathlib import Path

from bench.errors import BenchError
from bench.fill import FIRST_TIME, STEP, imsi
from bench.load import Request, http
from bench.payload import telemetry
from bench.rounds import Probe, charged
from bench.server import Server

CONNECTIONS = 64
RANGE = 1_000
NEWEST = 10
_PATHS = 1_000


def read_paths(entries: int, resources: int) -> dict[str, list[str]]:
    """The paths that ask for the newest 10 and for ranges of 1,000, in an order without a pattern.

    `entries` is how many each resource has. Ranges begin anywhere, so that they are seldom cached.
    """
    random = telemetry()
    devices = [random.randrange(resources) for _ in range(_PATHS)]
    starts = [FIRST_TIME + random.randint(0, entries - RANGE) * STEP for _ in range(_PATHS)]
    newest = [f"/v1/data/Subscriber/{imsi(device)}?limit={NEWEST}" for device in devices]
    ranges = [
        f"/v1/data/Subscriber/{imsi(device)}?from={start}&to={start + (RANGE - 1) * STEP}&limit={RANGE}"
        for device, start in zip(devices, starts, strict=True)
    ]
    return {"newest": newest, "range": ranges}


def read_probes(
    server: Server, nginx: str, paths: Mapping[str, list[str]], load_core: int, work: Path, *, prefix: str = ""
) -> dict[str, Probe]:
    """A probe for each kind of read, `newest` and `range`, and one before it for nginx with the same bytes."""
    probes: dict[str, Probe] = {}
    for kind, count in ("newest", NEWEST), ("range", RANGE):
        name = prefix + kind
        body = server.get(paths[kind][0])
        if (found := len(json.loads(body))) != count:
            raise BenchError(f"{paths[kind][0]} gave {found} entries instead of {count}")
        (work / "www" / f"{name}.json").write_bytes(body)
        theirs = Request(nginx, [f"/{name}.json"], server.headers)
        ours = Request(server.api, paths[kind], server.headers)
        probes["nginx-" + name] = _probe(load_core, theirs, work)
        probes[name] = charged(server.pid, _probe(load_core, ours, work))
    return probes


def _probe(core: int, request: Request, work: Path) -> Probe:
    return lambda seconds: http(core, request, CONNECTIONS, seconds, work)
