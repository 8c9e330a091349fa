"""What 100,000 resources take in memory, each with a SIM, a session and ten entries, all written to and read."""

from collections.abc import Set as AbstractSet
from functools import partial
from pathlib import Path

from bench.figures import MIB, Reading
from bench.load import Request, datagrams, http
from bench.payload import payload
from bench.plan import Plan
from bench.population import populate
from bench.processes import peak_bytes
from bench.reads import CONNECTIONS, newest_paths
from bench.rounds import Probe, charged, measure, say
from bench.server import Server, minori

RESOURCES = 100_000
ENTRIES = 1_000_000
_MANY_CONNECTIONS = 512
_PATHS = 20_000


def run(plan: Plan, _: AbstractSet[str], work: Path) -> dict[str, list[Reading]]:
    """The readings of all its figures: the peak of memory is that of the whole load."""
    say(f"{RESOURCES:,} resources, each with a SIM and a session")
    data, log = work / "crowd", work / "crowd.log"
    populate(plan, data, ENTRIES, RESOURCES)
    with minori(plan.core, data, log) as server:
        idle = server.resident_mib()
        readings = measure(_probes(plan, server, work), plan.seconds, plan.rounds, server.settle)
        readings["crowd-start"] = [Reading(server.start_seconds * 1000)]
        readings["crowd-idle"] = [Reading(idle)]
        readings["crowd-memory"] = [Reading(peak_bytes(server.pid) / MIB)]
    return readings


def _probes(plan: Plan, server: Server, work: Path) -> dict[str, Probe]:
    core = plan.load_core
    newest = Request(server.api, newest_paths(RESOURCES, _PATHS), server.headers)
    post = Request(server.door_http, headers={"Content-Type": "application/json"}, body=payload())
    return {
        # However long it takes: each of them sends in each round, the warm-up included.
        "crowd-put": partial(datagrams, core, server.door_stream, RESOURCES, CONNECTIONS, RESOURCES),
        "crowd-newest": charged(server.pid, lambda seconds: http(core, newest, CONNECTIONS, seconds, work)),
        "crowd-post": charged(server.pid, lambda seconds: http(core, post, _MANY_CONNECTIONS, seconds, work)),
    }
