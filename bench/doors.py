"""The doors, the reads of a small store, start-up and memory."""

from collections.abc import Set as AbstractSet
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from bench.anchors import bare_log, bare_loop, nginx
from bench.figures import DOOR_FIGURES, Reading
from bench.load import Request, http, stream
from bench.payload import payload
from bench.peers import Peers, peers
from bench.plan import Plan
from bench.processes import compiled
from bench.reads import CONNECTIONS, newest_paths, range_paths, read_probes
from bench.rounds import Probe, charged, measure, say
from bench.server import Server, minori
from bench.store import fill_store

_ENTRIES = 2_000
_RESOURCES = 100
_HOT_RESOURCES = 10
_LATE_SECONDS = 10


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
        others = stack.enter_context(peers(plan, needed, work))
        server = stack.enter_context(minori(plan.core, data, log))
        probes = _posts(plan, server, anchor, others, work)
        if {"tcp", "udp"} & needed:
            ports = {kind: stack.enter_context(bare_loop(plan.core, kind, work)) for kind in ("tcp", "udp")}
            probes |= _streams(plan, server, ports, work)
        paths = {"newest": newest_paths(_RESOURCES), "range": range_paths(_ENTRIES, _HOT_RESOURCES)}
        probes |= read_probes(server, anchor, paths, plan.load_core, work)
        chosen = {name: probe for name, probe in probes.items() if name in needed}

        def rest() -> None:
            server.settle()
            others.settle()

        readings |= measure(chosen, plan.seconds, plan.rounds, rest)
        readings["loaded"] = [Reading(server.resident_mib())]
    return readings


def _posts(plan: Plan, server: Server, anchor: str, others: Peers, work: Path) -> dict[str, Probe]:
    kept = {"Content-Type": "application/json"}
    theirs = Request(anchor, headers=kept, body=payload())
    ours = Request(server.door_http, headers=kept, body=payload())
    core = plan.load_core
    probes: dict[str, Probe] = {"log": partial(bare_log, plan.core, work / "bare.log"), **others.probes}
    for connections in 1, 64, 512:
        probes[f"nginx-post-{connections}"] = _post(core, theirs, connections, work)
        probes[f"post-{connections}"] = charged(server.pid, _post(core, ours, connections, work))
    return probes | {"post-64-late": _late(_post(core, ours, CONNECTIONS, work))}


def _post(core: int, request: Request, connections: int, work: Path) -> Probe:
    return lambda seconds: http(core, request, connections, seconds, work)


def _late(probe: Probe) -> Probe:
    """How many times its p50 the p99 of a probe is, over a while in which the store does all that it does by itself."""

    def measured(seconds: int) -> Reading:
        reading = probe(max(seconds, _LATE_SECONDS))
        return replace(reading, value=(reading.p99_ms or 0.0) / (reading.p50_ms or 1.0))

    return measured


def _streams(plan: Plan, server: Server, ports: dict[str, int], work: Path) -> dict[str, Probe]:
    load = compiled("stream.c", work)
    probes: dict[str, Probe] = {}
    for kind, port in ports.items():
        probes[f"bare-{kind}"] = partial(stream, plan.load_core, load, kind, port, CONNECTIONS)
        ours = partial(stream, plan.load_core, load, kind, server.door_stream, CONNECTIONS)
        probes[kind] = charged(server.pid, ours)
    return probes
