"""What a request costs, as entries and resources become more: the same probes on stores of several sizes.

Measured when asked for only, on the sizes that have no more entries than `--scale`.
"""

from collections.abc import Set as AbstractSet
from functools import partial
from pathlib import Path
from shutil import rmtree

from bench.figures import GROWTH_COSTS, GROWTH_SIZES, RANGE, Reading
from bench.load import Request, datagrams, http
from bench.plan import Plan
from bench.population import populate
from bench.reads import CONNECTIONS, newest_paths, range_paths
from bench.rounds import Probe, charged, measure, say
from bench.server import Server, entries_url, minori
from bench.store import bytes_at_rest


def run(plan: Plan, wanted: AbstractSet[str], work: Path) -> dict[str, list[Reading]]:
    """The readings of the figures in `wanted`, of one size after the other; each is removed behind itself."""
    readings: dict[str, list[Reading]] = {}
    for entries, resources in GROWTH_SIZES:
        end = f"{entries}-{resources}"
        if entries > plan.scale or wanted.isdisjoint(f"growth-{what}-{end}" for what in GROWTH_COSTS):
            continue
        say(f"Growth: {entries:,} entries over {resources:,} resources")
        data = work / f"growth-{end}"
        populate(plan, data, entries, resources)
        with minori(plan.core, data, work / "growth.log") as server:
            bytes_at_rest(server, data)
            probes = _probes(plan, server, entries // resources, resources, work)
            chosen = {name: probes[what] for what in probes if (name := f"growth-{what}-{end}") in wanted}
            readings |= measure(chosen, plan.seconds, plan.rounds, server.settle)
        rmtree(data)
        rmtree(entries_url(data).partition("://")[2])
    return readings


def _probes(plan: Plan, server: Server, each: int, resources: int, work: Path) -> dict[str, Probe]:
    """The probes of a store in which each of the resources has so many entries."""
    core = plan.load_core
    paths = {"newest": newest_paths(resources)}
    if each >= RANGE:
        paths["range"] = range_paths(each, resources)
    asked = {what: Request(server.api, those, server.headers) for what, those in paths.items()}
    probes: dict[str, Probe] = {what: partial(_http, core, request, work) for what, request in asked.items()}
    probes["put"] = partial(datagrams, core, server.door_stream, resources, CONNECTIONS, 0)
    return {what: charged(server.pid, probe) for what, probe in probes.items()}


def _http(core: int, request: Request, work: Path, seconds: int) -> Reading:
    return http(core, request, CONNECTIONS, seconds, work)
