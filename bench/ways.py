"""What a group says about payloads, and what it costs; and a flood of datagrams, accounted for."""

import re
import sys
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from bench.figures import WAYS_FIGURES, Reading
from bench.load import Batch, Request, http
from bench.payload import payload
from bench.plan import Plan
from bench.processes import answer
from bench.rounds import Probe, charged, measure, say
from bench.server import DEMO_IMSI, Server, minori

CONNECTIONS = 64
ITEMS = 100
SENDERS = 4
DEVICES = 100
RATE = 1000
"""How many devices `minori simulate` is, and how many messages a second they send together."""

_GRACE_SECONDS = 30.0

_PLAIN: dict[str, dict[str, Any]] = {}
_BATCH = {
    "SoracomHarvest": {
        "customTimestamp": {"format": "unix-msec", "type": "jsonpointer", "value": "/at"},
        "batchWrite": {"enabled": True, "type": "jsonpointer", "value": ""},
    }
}
_PARSED = {
    "SoracomAir": {
        "binaryParserEnabled": True,
        "binaryParserFormat": "temp:0:int:16:/100 humid::uint:8:/2 battery::uint:8:/50 lat::float:32 long::float:32",
    }
}
_BYTES = b"ABCDEFGHIJKL"
_TOLD = re.compile(r"^minori_(\w+)_total\{([^}]*)\} ([0-9.e+]+)$", re.MULTILINE)


def run(plan: Plan, wanted: AbstractSet[str], work: Path) -> dict[str, list[Reading]]:
    """The readings of the figures in `wanted`, and of their anchors."""
    say("What a group says about payloads, and a flood")
    log = work / "ways.log"
    with minori(plan.core, work / "ways", log) as server:
        group = Group(server)
        needed = plan.with_anchors(WAYS_FIGURES, wanted)
        probes = _probes(plan, server, group, work)
        for door in ("http", "tcp", "udp"):
            probes[f"fleet-{door}"] = charged(server.pid, partial(fleet, plan, server, work / "ways", door))
        chosen = {name: probe for name, probe in probes.items() if name in needed}
        readings = measure(chosen, plan.seconds, plan.rounds, server.settle)
        if {"flood", "flood-lost"} & wanted:
            group.say(_PLAIN)
            rounds = [_flood(plan, server) for _ in range(plan.rounds)]
            readings["flood"] = [stored for stored, _ in rounds]
            readings["flood-lost"] = [lost for _, lost in rounds]
    return readings


class Group:
    """The group of the demo SIM, and what it says."""

    def __init__(self, server: Server) -> None:
        self._server = server
        sim = msgspec.json.decode(server.get(f"/v1/subscribers/{DEMO_IMSI}"))
        self._path = f"/v1/groups/{sim['groupId']}/configuration"

    def say(self, configuration: Mapping[str, Mapping[str, Any]]) -> None:
        """Say this, and nothing else, of payloads."""
        harvest = {"customTimestamp": None, "batchWrite": None, **configuration.get("SoracomHarvest", {})}
        air = {"binaryParserEnabled": False, "binaryParserFormat": None, **configuration.get("SoracomAir", {})}
        for namespace, options in (("SoracomHarvest", harvest), ("SoracomAir", air)):
            body = msgspec.json.encode([{"key": key, "value": value} for key, value in options.items()])
            self._server.ask("PUT", f"{self._path}/{namespace}", body, "application/json")


def _probes(plan: Plan, server: Server, group: Group, work: Path) -> dict[str, Probe]:
    json, octets = {"Content-Type": "application/json"}, {"Content-Type": "application/octet-stream"}

    def post(said: Mapping[str, Any], request: Request | Batch, each: int = 1) -> Probe:
        def measured(seconds: int) -> Reading:
            group.say(said)
            reading = http(plan.load_core, request, CONNECTIONS, seconds, work)
            return msgspec.structs.replace(reading, value=reading.value * each)

        return charged(server.pid, measured)

    door = server.door_http
    return {
        "ways-single": post(_PLAIN, Request(door, headers=json, body=payload())),
        "ways-batch": post(_BATCH, Batch(door, json, payload(), ITEMS), ITEMS),
        "ways-unparsed": post(_PLAIN, Request(door, headers=octets, body=_BYTES)),
        "ways-parsed": post(_PARSED, Request(door, headers=octets, body=_BYTES)),
    }


def fleet(plan: Plan, server: Server, data: Path, door: str, seconds: int) -> Reading:
    """Messages stored a second of simulated devices, each a SIM of its own, that keep a steady rate together."""
    port = server.door_http.rpartition(":")[2] if door == "http" else server.door_stream
    program = str(Path(sys.executable).parent / "minori")
    command = [program, "simulate", "--door", door, "--to", f"127.0.0.1:{port}", "--data-dir", str(data), "--register"]
    command += ["--devices", str(DEVICES), "--rate", str(RATE), "--seconds", str(seconds), "--json"]
    told = answer(plan.load_core, command, seconds + _GRACE_SECONDS)
    return Reading(told["stored"] / told["seconds"], told["p50Ms"], told["p99Ms"], told["sent"] - told["stored"])


def _flood(plan: Plan, server: Server) -> tuple[Reading, Reading]:
    """Datagrams stored a second under a flood, and how many were neither stored, refused nor counted as dropped."""
    server.settle()
    before = counted(server.get("/metrics").decode())
    command = [sys.executable, "-m", "bench.flood", str(server.door_stream), str(SENDERS), str(plan.seconds)]
    told = answer(plan.load_core, command, plan.seconds + _GRACE_SECONDS)
    server.settle()
    stored, others = (now - then for now, then in zip(counted(server.get("/metrics").decode()), before, strict=True))
    say(f"  flood: {told['sent']:,} sent, {stored:,.0f} stored, {others:,.0f} refused or dropped")
    return Reading(stored / plan.seconds), Reading(abs(told["sent"] - stored - others))


def counted(told: str) -> tuple[float, float]:
    """Datagrams stored, and those refused or dropped, each counted once, since the server started."""
    stored = others = 0.0
    for name, labels, value in _TOLD.findall(told):
        if name == "entries_accepted" and 'door="udp"' in labels:
            stored += float(value)
        elif (name == "payloads_refused" and 'door="udp"' in labels) or (
            name == "datagrams_dropped" and 'reason="buffer_full"' in labels
        ):
            others += float(value)
    return stored, others
