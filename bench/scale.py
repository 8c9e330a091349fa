"""A large store: its size, its reads, start-up, memory, exports, and a start after SIGKILL."""

from collections.abc import Set as AbstractSet
from pathlib import Path

from bench import crash, exports
from bench.anchors import nginx
from bench.errors import BenchError
from bench.figures import RANGE, SCALE_FIGURES, Reading
from bench.plan import Plan
from bench.reads import newest_paths, range_paths, read_probes
from bench.rounds import measure, say
from bench.server import minori
from bench.store import bytes_at_rest, fill_store

RESOURCES = 1_000


def run(plan: Plan, wanted: AbstractSet[str], work: Path) -> dict[str, list[Reading]]:
    """The readings of the figures in `wanted`, and of their anchors."""
    if plan.scale < RESOURCES * RANGE:
        raise BenchError(f"--scale {plan.scale} is too small for ranges of {RANGE}: give {RESOURCES * RANGE} or more")
    say(f"{plan.scale:,} entries over {RESOURCES:,} resources")
    data = work / "large"
    log = work / "large.log"
    entries = plan.scale // RESOURCES * RESOURCES
    readings: dict[str, list[Reading]] = {}
    with minori(plan.core, data, log) as server:
        operator_id = server.operator_id
    filled = fill_store(data, operator_id, entries, RESOURCES)
    readings["scale-fill"] = [Reading(filled.rate)]
    readings["scale-start"] = []
    readings["scale-idle"] = []
    for _ in range(plan.rounds):
        with minori(plan.core, data, log) as server:
            readings["scale-start"].append(Reading(server.start_seconds * 1000))
            readings["scale-idle"].append(Reading(server.resident_mib()))
    (place := work / "large-anchor").mkdir()
    with minori(plan.core, data, log) as server, nginx(plan.core, place) as anchor:
        stored = bytes_at_rest(server, data)
        readings["scale-disk"] = [Reading(stored / entries)]
        readings["scale-disk-ratio"] = [Reading(stored / filled.content_bytes)]
        paths = {"newest": newest_paths(RESOURCES), "range": range_paths(entries // RESOURCES, RESOURCES)}
        needed = plan.with_anchors(SCALE_FIGURES, wanted)
        probes = read_probes(server, anchor, paths, plan.load_core, place, prefix="scale-")
        chosen = {name: probe for name, probe in probes.items() if name in needed}
        readings |= measure(chosen, plan.seconds, plan.rounds, server.settle)
        readings["scale-loaded"] = [Reading(server.resident_mib())]
    readings |= exports.run(plan, wanted, data, log, entries)
    if "crash-start" in wanted:
        readings["crash-start"] = crash.starts(plan, data, log, work)
    return readings
