"""The first part of a run: the doors, the reads of a small store, start-up and memory."""

from collections.abc import Set as AbstractSet
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from bench.anchors import bare_log, echo, nginx
from bench.figures import DOOR_FIGURES, Reading
from bench.load import Request, http, stream
from bench.payload import payload
from bench.plan import Plan
from bench.reads import CONNECTIONS, read_paths, read_probes
from bench.rounds import Probe, charged, measure, say
from bench.scale import fill_store
from bench.server import Server, minori

_ENTRIES = 2_000
_RESOURCES = 100


def run(plan: Plan, wanted: AbstractSet[str], work: Path) -> dict[str, list[Reading]]:
    """The readings of the figures in `wanted`, and of their anchors."""
    readings: dict[str, list[Reading]] = {"start": [], "idle": []}
    log = work / "small.log"
    say("An empty data directory")
    for turn in range(plan.rounds):
        data = work / f"small-{turn}"
        with minori(plan.core, data, log) as server:
            readings["start"].append(Reading(server.start_seconds * 1000))
            readings["idle"].append(Reading(server.resident_mib()))
            operator_id = server.operator_id
    if wanted <= {"start", "idle"}:
        return readings
    say("The doors and the reads of a small store")
    fill_store(data, operator_id, _ENTRIES * _RESOURCES, _RESOURCES)
    needed = plan.with_anchors(DOOR_FIGURES, wanted)
    with ExitStack() as stack:
        anchor = stack.enter_context(nginx(plan.core, work))
        ports = {kind: stack.enter_context(echo(plan.core, kind, work)) for kind in ("tcp", "udp")}
        server = stack.enter_context(minori(plan.core, data, log))
        probes = _door_probes(plan, server, anchor, ports, work)
        paths = read_paths(_ENTRIES, _RESOURCES)
        probes |= read_probes(server, anchor, paths, plan.load_core, work)
        chosen = {name: probe for name, probe in probes.items() if name in needed}
        readings |= measure(chosen, plan.seconds, plan.rounds, server.settle)
        readings["loaded"] = [Reading(server.resident_mib())]
    return readings


def _door_probes(plan: Plan, server: Server, anchor: str, ports: dict[str, int], work: Path) -> dict[str, Probe]:
    kept = {"Content-Type": "application/json"}
    theirs = Request(anchor, headers=kept, body=payload())
    ours = Request(server.door_http, headers=kept, body=payload())
    core = plan.load_core
    probes: dict[str, Probe] = {"log": partial(bare_log, plan.core, work / "bare.log")}
    for connections in 1, 64, 512:
        probes[f"nginx-post-{connections}"] = _post(core, theirs, connections, work)
        probes[f"post-{connections}"] = charged(server.pid, _post(core, ours, connections, work))
    for kind, port in ports.items():
        probes[f"echo-{kind}"] = partial(stream, core, kind, port, CONNECTIONS)
        probes[kind] = charged(server.pid, partial(stream, core, kind, server.door_stream, CONNECTIONS))
    return probes


def _post(core: int, request: Request, connections: int, work: Path) -> Probe:
    return lambda seconds: http(core, request, connections, seconds, work)
