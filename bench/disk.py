"""Ranges out of a store that is several times larger than all that the server keeps in memory.

What is asked for comes again only after much more than fits into memory, so it is read from RocksDB's files, most of
which the system may have in its own page cache.
"""

from collections.abc import Set as AbstractSet
from pathlib import Path

from bench.anchors import nginx
from bench.figures import DISK_FIGURES, Reading
from bench.plan import Plan
from bench.reads import every_range, read_probes
from bench.rounds import Probe, measure, say
from bench.server import minori
from bench.store import bytes_at_rest, fill_store

ENTRIES = 10_000_000
RESOURCES = 1_000
_SECONDS = 10


def run(plan: Plan, wanted: AbstractSet[str], work: Path) -> dict[str, list[Reading]]:
    """The readings of the figures in `wanted`, and of their anchors."""
    say(f"Ranges from disk: {ENTRIES:,} entries over {RESOURCES:,} resources")
    data, log, place = work / "disk", work / "disk.log", work / "disk-anchor"
    place.mkdir()
    with minori(plan.core, data, log) as server:
        operator_id = server.operator_id
    fill_store(data, operator_id, ENTRIES, RESOURCES)
    with minori(plan.core, data, log) as server, nginx(plan.core, place) as anchor:
        bytes_at_rest(server, data)
        paths = {"range": every_range(ENTRIES // RESOURCES, RESOURCES)}
        probes = read_probes(server, anchor, paths, plan.load_core, place, suffix="-disk")
        needed = plan.with_anchors(DISK_FIGURES, wanted)
        chosen = {name: _long(probe) for name, probe in probes.items() if name in needed}
        return measure(chosen, plan.seconds, plan.rounds, server.settle)


def _long(probe: Probe) -> Probe:
    """The same probe for long enough that most of the store is asked for."""
    return lambda seconds: probe(max(seconds, _SECONDS))
