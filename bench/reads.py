"""The reads: newest 10 and ranges of 1,000, and nginx serving the same bytes."""

import json
from collections.abc import Mapping
from pathlib import Path

from bench.errors import BenchError
from bench.figures import RANGE
from bench.fill import FIRST_TIME, STEP, imsi
from bench.load import Request, http
from bench.payload import telemetry
from bench.rounds import Probe, charged
from bench.server import Server

CONNECTIONS = 64
NEWEST = 10
_PATHS = 1_000
_COUNTS = {"newest": NEWEST, "range": RANGE}


def newest_paths(resources: int, paths: int = _PATHS) -> list[str]:
    """The paths that ask for the newest 10 of the first so many resources, in an order without a pattern."""
    random = telemetry()
    devices = [random.randrange(resources) for _ in range(paths)]
    return [f"/v1/data/Subscriber/{imsi(device)}?limit={NEWEST}" for device in devices]


def range_paths(entries: int, resources: int, paths: int = _PATHS) -> list[str]:
    """The paths that ask for ranges of 1,000 of the first so many resources, in an order without a pattern.

    `entries` is how many each resource has. Ranges begin anywhere.
    """
    random = telemetry()
    chosen = [(random.randint(0, entries - RANGE), random.randrange(resources)) for _ in range(paths)]
    return [_range_path(device, first) for first, device in chosen]


def every_range(entries: int, resources: int) -> list[str]:
    """The paths that ask for all entries, in ranges of 1,000 that share none, in an order without a pattern."""
    chosen = [(device, first) for device in range(resources) for first in range(0, entries - RANGE + 1, RANGE)]
    telemetry().shuffle(chosen)
    return [_range_path(device, first) for device, first in chosen]


def _range_path(device: int, first: int) -> str:
    start = FIRST_TIME + first * STEP
    return f"/v1/data/Subscriber/{imsi(device)}?from={start}&to={start + RANGE * STEP - 1}&limit={RANGE}"


def read_probes(
    server: Server,
    nginx: str,
    paths: Mapping[str, list[str]],
    load_core: int,
    work: Path,
    *,
    prefix: str = "",
    suffix: str = "",
) -> dict[str, Probe]:
    """A probe for each kind of read in `paths`, `newest` or `range`, and one before it for nginx with the same bytes.

    The probes' names are the kinds between `prefix` and `suffix`.
    """
    probes: dict[str, Probe] = {}
    for kind, asked in paths.items():
        name = prefix + kind + suffix
        body = server.get(asked[0])
        if (found := len(json.loads(body))) != _COUNTS[kind]:
            raise BenchError(f"{asked[0]} gave {found} entries instead of {_COUNTS[kind]}")
        (work / "www" / f"{name}.json").write_bytes(body)
        theirs = Request(nginx, [f"/{name}.json"], server.headers)
        ours = Request(server.api, asked, server.headers)
        probes["nginx-" + name] = _probe(load_core, theirs, work)
        probes[name] = charged(server.pid, _probe(load_core, ours, work))
    return probes


def _probe(core: int, request: Request, work: Path) -> Probe:
    return lambda seconds: http(core, request, CONNECTIONS, seconds, work)
