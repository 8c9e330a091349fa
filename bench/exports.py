"""The exports of a large store: how fast its entries are written down, and what that takes in memory."""

import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from time import monotonic, sleep

from bench.errors import BenchError
from bench.figures import MIB, Reading
from bench.plan import Plan
from bench.processes import cpu_seconds, peak_bytes
from bench.rounds import say
from bench.server import Server, minori

EXPORTS: Mapping[str, Mapping[str, object]] = {
    "export-jsonl": {"format": "jsonl"},
    "export-csv": {"format": "csv"},
    "export-parquet": {"format": "parquet"},
    "export-columns": {"format": "parquet", "columns": True},
}
"""Figure → what is asked for. The figure's memory is `NAME-memory`."""

_POLL_SECONDS = 0.1
_TELL_SECONDS = 10.0
_LONGEST_SECONDS = 7_200.0


def run(plan: Plan, wanted: AbstractSet[str], data: Path, log: Path, entries: int) -> dict[str, list[Reading]]:
    """The readings of the figures in `wanted`, one each: every export on a server of its own, from its start on."""
    readings: dict[str, list[Reading]] = {}
    for name, asked in EXPORTS.items():
        if wanted.isdisjoint({name, f"{name}-memory"}):
            continue
        with minori(plan.core, data, log) as server:
            idle = server.resident_mib()
            say(f"  {name}")
            readings[name] = [_export(server, asked, entries)]
            readings[f"{name}-memory"] = [Reading(peak_bytes(server.pid) / MIB - idle)]
        for blob in (data / "blobs").glob("*/*"):
            blob.unlink()
    return readings


def _export(server: Server, asked: Mapping[str, object], entries: int) -> Reading:
    start = told = monotonic()
    used = cpu_seconds(server.pid)
    begun = server.ask("POST", "/v1/data/exports?export_mode=async", json.dumps(asked).encode(), "application/json")
    path = f"/v1/files/exported/{json.loads(begun.body)['exportedFileId']}"
    while (job := json.loads(server.get(path)))["status"] == "processing":
        if monotonic() - start > _LONGEST_SECONDS:
            raise BenchError(f"The export of {entries} entries took longer than {_LONGEST_SECONDS:.0f} seconds")
        if monotonic() - told > _TELL_SECONDS:
            told = monotonic()
            exported, scanned = job["exportedEntries"], job.get("scannedEntries", 0)
            say(f"  {exported or scanned:,} of {entries:,} entries {'exported' if exported else 'looked at'}")
        sleep(_POLL_SECONDS)
    seconds = monotonic() - start
    if job["status"] != "exported" or job["exportedEntries"] != entries:
        raise BenchError(f"The export of {entries} entries ended otherwise: {job}")
    return Reading(entries / seconds, cpu_us=(cpu_seconds(server.pid) - used) / entries * 1e6)
