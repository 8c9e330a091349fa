"""A server that is killed while it stores, and how long the next one takes to be ready."""

import os
import signal
from pathlib import Path
from time import sleep

from bench.errors import BenchError
from bench.figures import Reading
from bench.load import Request, wrk
from bench.payload import payload
from bench.plan import Plan
from bench.processes import running
from bench.reads import CONNECTIONS
from bench.rounds import say
from bench.server import DEMO_IMSI, minori

_FOR_EVER = 3_600


def starts(plan: Plan, data: Path, log: Path, work: Path) -> list[Reading]:
    """The milliseconds from the start of a process to its ready line, on a store whose server was just killed.

    SIGKILL comes after `plan.seconds` of payloads, with more of them under way.
    """
    readings = []
    for turn in range(1, plan.rounds + 1):
        with minori(plan.core, data, log) as server:
            request = Request(server.door_http, headers={"Content-Type": "application/json"}, body=payload())
            with running(plan.load_core, wrk(request, CONNECTIONS, _FOR_EVER, work), work / "wrk.log"):
                sleep(plan.seconds)
                os.kill(server.pid, signal.SIGKILL)
        with minori(plan.core, data, log) as server:
            if server.get(f"/v1/data/Subscriber/{DEMO_IMSI}?limit=1") == b"[]":
                raise BenchError("Nothing was stored before the server was killed")
            readings.append(Reading(server.start_seconds * 1000))
            say(f"  round {turn} of {plan.rounds}: crash-start {readings[-1].value:,.0f} ms")
    return readings
