"""Pages out of an index of a million files, asked for one at a time."""

import json
import sys
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from pathlib import Path

from msgspec.structs import replace

from bench.errors import BenchError
from bench.figures import Reading
from bench.fill_index import CROWD, INDEXED, crowded
from bench.load import Request, http
from bench.payload import telemetry
from bench.plan import Plan
from bench.processes import answer
from bench.rounds import Probe, charged, measure, say
from bench.server import Server, minori

PAGES = (10, 1_000)
_PATHS = 500
_FILL_SECONDS = 1_800.0


def run(plan: Plan, wanted: AbstractSet[str], work: Path) -> dict[str, list[Reading]]:
    """The readings of the figures in `wanted`."""
    say(f"{INDEXED:,} files, {CROWD:,} of them in one folder")
    data = work / "index"
    log = work / "index.log"
    with minori(plan.core, data, log) as server:
        operator_id = server.operator_id
    catalog = data / "catalog.sqlite"
    answer(None, [sys.executable, "-m", "bench.fill_index", str(catalog), operator_id], _FILL_SECONDS)
    readings = {"index-disk": [Reading(catalog.stat().st_size / INDEXED)]}
    with minori(plan.core, data, log) as server:
        probes = {
            f"{name}-{limit}": _probe(plan, server, path, limit, work)
            for name, path in (("index-list", _listing), ("index-find", _finding))
            for limit in PAGES
        }
        chosen = {name: probe for name, probe in probes.items() if name in wanted}
        return readings | measure(chosen, plan.seconds, plan.rounds, server.settle)


def _listing(number: int) -> str:
    """A page somewhere in the crowded folder."""
    before = crowded(number).rpartition("/")[2]
    return f"/v1/files/private/log/?last_evaluated_key={before}"


def _finding(number: int) -> str:
    """The first page of the files below ten folders, or of a hundredth of the crowded one."""
    place = number % 100
    return f"/v1/files?scope=private&prefix=/{'device' if number % 2 else 'log'}/{place:02d}"


def _probe(plan: Plan, server: Server, path: Callable[[int], str], limit: int, work: Path) -> Probe:
    random = telemetry()
    paths = [f"{path(random.randrange(CROWD - limit))}&limit={limit}" for _ in range(_PATHS)]
    for asked in paths[:2]:
        if (found := len(json.loads(server.get(asked)))) != limit:
            raise BenchError(f"{asked} gave {found} files instead of {limit}")
    request = Request(server.api, paths, server.headers)
    probe = charged(server.pid, lambda seconds: http(plan.load_core, request, 1, seconds, work))

    def measured(seconds: int) -> Reading:
        reading = probe(seconds)
        return replace(reading, value=reading.p50_ms or 0.0)

    return measured
