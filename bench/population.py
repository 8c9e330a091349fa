"""Devices that each have a SIM, a session and a resource with entries, and send datagrams."""

import sys
from pathlib import Path
from time import monotonic

from bench.errors import BenchError
from bench.fill_sims import write_senders
from bench.plan import Plan
from bench.processes import answer
from bench.server import minori
from bench.store import fill_store

_IMPORT_SECONDS = 1_800.0


def populate(plan: Plan, data: Path, entries: int, devices: int) -> None:
    """Make the data directory `data` of a server that is stopped: so many entries, as many of each device."""
    log = Path(f"{data}.log")
    with minori(plan.core, data, log) as server:
        operator_id = server.operator_id
    fill_store(data, operator_id, entries, devices)
    write_senders(table := Path(f"{data}.csv"), devices)
    import_sims(data, table, devices)


def import_sims(data: Path, table: Path, sims: int) -> float:
    """Register the SIMs of a table, so many, at the stopped server whose data is in `data`; SIMs a second."""
    command = [str(Path(sys.executable).parent / "minori"), "sim", "import", str(table), "--json"]
    start = monotonic()
    done = answer(None, [*command, "--data-dir", str(data)], _IMPORT_SECONDS)
    if done["imported"] != sims:
        raise BenchError(f"{done['imported']} of {sims} SIMs were imported")
    return sims / (monotonic() - start)
