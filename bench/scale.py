"""The second part of a run: a large store, its size, its reads, start-up and memory."""

import sys
from collections.abc import Set as AbstractSet
from pathlib import Path
from shutil import disk_usage

from bench import exports
from bench.anchors import nginx
from bench.errors import BenchError
from bench.figures import SCALE_FIGURES, Reading
from bench.plan import Plan
from bench.processes import answer
from bench.reads import RANGE, read_paths, read_probes
from bench.rounds import measure, say
from bench.server import entries_url, minori

RESOURCES = 1_000
_ROOM = 600
_FILL_SECONDS = 3_600.0


def run(plan: Plan, wanted: AbstractSet[str], work: Path) -> dict[str, list[Reading]]:
    """The readings of the figures in `wanted`, and of their anchors."""
    if plan.scale < RESOURCES * RANGE:
        raise BenchError(f"--scale {plan.scale} is too small for ranges of {RANGE}: give {RESOURCES * RANGE} or more")
    if disk_usage(work).free < plan.scale * _ROOM:
        raise BenchError(f"{plan.scale} entries may need {plan.scale * _ROOM / 2**30:.1f} GiB of disk; free some")
    say(f"{plan.scale:,} entries over {RESOURCES:,} resources")
    data = work / "large"
    log = work / "large.log"
    readings: dict[str, list[Reading]] = {}
    with minori(plan.core, data, log) as server:
        operator_id = server.operator_id
    readings["scale-fill"] = [Reading(fill_store(data, operator_id, plan.scale, RESOURCES))]
    readings["scale-start"] = []
    readings["scale-idle"] = []
    for _ in range(plan.rounds):
        with minori(plan.core, data, log) as server:
            readings["scale-start"].append(Reading(server.start_seconds * 1000))
            readings["scale-idle"].append(Reading(server.resident_mib()))
    (place := work / "large-anchor").mkdir()
    with minori(plan.core, data, log) as server, nginx(plan.core, place) as anchor:
        server.settle()
        readings["scale-disk"] = [Reading(_bytes_on_disk(Path(f"{data}.entries")) / plan.scale)]
        paths = read_paths(plan.scale // RESOURCES, RESOURCES)
        needed = plan.with_anchors(SCALE_FIGURES, wanted)
        probes = read_probes(server, anchor, paths, plan.load_core, place, prefix="scale-")
        chosen = {name: probe for name, probe in probes.items() if name in needed}
        readings |= measure(chosen, plan.seconds, plan.rounds, server.settle)
        readings["scale-loaded"] = [Reading(server.resident_mib())]
    return readings | exports.run(plan, wanted, data, log, plan.scale // RESOURCES * RESOURCES)


def fill_store(data: Path, operator_id: str, entries: int, resources: int) -> float:
    """Put entries into the stopped server's store in `data`; entries a second."""
    command = [sys.executable, "-m", "bench.fill", entries_url(data), operator_id, str(entries), str(resources)]
    return float(answer(None, command, _FILL_SECONDS)["rate"])


def _bytes_on_disk(folder: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())
