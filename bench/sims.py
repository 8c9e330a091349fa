"""What a large registry costs who only sends. The same load on three servers, in turns: with
the demo's SIM alone, with the SIMs that send, and with `SIMS` SIMs and `SESSIONS` sessions.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from bench.errors import BenchError
from bench.figures import SIM_FIGURES, Reading
from bench.fill_sims import SESSIONS, SIMS, address, sender, senders_alone, sources, write_table
from bench.load import Request, http, post_from
from bench.payload import payload
from bench.plan import Plan
from bench.population import import_sims
from bench.rounds import Probe, charged, measure, say
from bench.server import DEMO_IMSI, Server, minori

ONE = "-one"
"""The end of the names of probes on the server with the demo alone."""

FEW = "-few"
"""The end of the names of probes on the server with the SIMs that send."""

_CONNECTIONS = 64


def run(plan: Plan, wanted: AbstractSet[str], work: Path) -> dict[str, list[Reading]]:
    """The readings of the figures in `wanted`, and of their anchors."""
    say(f"{SIMS:,} SIMs and {SESSIONS:,} sessions")
    places = {ONE: work / "sims-one", "": work / "sims"}
    few = work / "sims-few"
    log = work / "sims.log"
    readings: dict[str, list[Reading]] = {
        f"sims-{what}{end}": [] for what in ("start", "idle", "loaded") for end in places
    }
    for data in *places.values(), few:
        with minori(plan.core, data, log):
            pass
    _import(few, work / "few.csv", senders_alone())
    readings["sims-import"] = [Reading(_import(places[""], work / "sims.csv", range(SIMS)))]
    for _ in range(plan.rounds):
        for end, data in places.items():
            with minori(plan.core, data, log) as server:
                readings[f"sims-start{end}"].append(Reading(server.start_seconds * 1000))
                readings[f"sims-idle{end}"].append(Reading(server.resident_mib()))
    with ExitStack() as stack:
        servers = {end: stack.enter_context(minori(plan.core, data, log)) for end, data in {**places, FEW: few}.items()}
        needed = plan.with_anchors(SIM_FIGURES, wanted)
        chosen = {name: probe for name, probe in _probes(plan, servers, work).items() if name in needed}

        def rest() -> None:
            for each in servers.values():
                each.settle()

        readings |= measure(chosen, plan.seconds, plan.rounds, rest)
        for end in places:
            readings[f"sims-loaded{end}"].append(Reading(servers[end].resident_mib()))
        if chosen.keys() >= {"sims-senders", "sims-senders-few"}:
            _check(servers)
    return readings


def _import(data: Path, table: Path, numbers: Sequence[int]) -> float:
    write_table(table, numbers)
    return import_sims(data, table, len(numbers))


def _probes(plan: Plan, servers: Mapping[str, Server], work: Path) -> dict[str, Probe]:
    """Each probe just behind its anchors."""
    addresses = [address(session) for session in sources()]
    probes = {f"sims-post{end}": _post(plan, servers[end], work) for end in (ONE, "")}
    return probes | {f"sims-senders{end}": _post_from(plan, servers[end], addresses) for end in (ONE, FEW, "")}


def _post(plan: Plan, server: Server, work: Path) -> Probe:
    request = Request(server.door_http, headers={"Content-Type": "application/json"}, body=payload())
    return charged(server.pid, lambda seconds: http(plan.load_core, request, _CONNECTIONS, seconds, work))


def _post_from(plan: Plan, server: Server, addresses: Sequence[str]) -> Probe:
    port = int(server.door_http.rpartition(":")[2])
    return charged(server.pid, partial(post_from, plan.load_core, port, addresses, _CONNECTIONS))


def _check(servers: Mapping[str, Server]) -> None:
    """Fail unless the SIMs that send have sent, and where there are none the demo's has."""
    last = sender(sources()[-1])
    for imsi, end in (last, ""), (last, FEW), (DEMO_IMSI, ONE):
        if servers[end].get(f"/v1/data/Subscriber/{imsi}?limit=1") == b"[]":
            raise BenchError(f"The SIM {imsi} has sent nothing")
