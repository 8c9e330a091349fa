"""An export of any size takes the same little memory, and shows how far it is."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench.fill import fill
from minori.storage.base import EntryStoreOptions
from minori.storage.contract.entry_story import Watcher
from minori.storage.rocksdb.entries import open_entries
from serving import Serve, Server

ENTRIES, RESOURCES = 1_000_000, 1000
EXTRA_MIB = 64
SECONDS = 600


def resident(server: Server, name: str) -> int:
    """A figure of the server's memory in MiB: `VmRSS` now, `VmHWM` at most."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith(name))) // 1024


def watched(server: Server, headers: dict[str, str], body: dict[str, Any]) -> tuple[str, list[int]]:
    """Export, and look how far it is again and again; where the file is, and what was seen."""
    begun = httpx.post(f"{server.url}/v1/data/exports?export_mode=async", headers=headers, json=body, timeout=30)
    target = f"{server.url}/v1/files/exported/{begun.raise_for_status().json()['exportedFileId']}"
    seen: list[int] = []
    until = time.monotonic() + SECONDS
    while True:
        answer = httpx.get(target, headers=headers, timeout=30).raise_for_status().json()
        if answer["status"] != "processing":
            assert answer["status"] == "exported", answer
            assert answer["exportedEntries"] == ENTRIES
            return answer["url"], seen
        seen.append(answer["exportedEntries"])
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.slow
def test_a_million_entries_are_exported_in_little_memory_and_the_progress_shows(serve: Serve) -> None:
    server = serve()
    operator_id = server.credentials["operatorId"]
    server.stop()

    async def fill_store() -> None:
        store = await open_entries(f"rocksdb://{server.data_dir}/entries", EntryStoreOptions(Watcher()))
        await fill(store, operator_id, ENTRIES, RESOURCES)

    asyncio.run(fill_store())
    server.start()
    headers = server.login()
    # What any reader of so much data leaves behind: the store's own cache.
    watched(server, headers, {})
    before = resident(server, "VmRSS")
    for body in (
        {"format": "jsonl", "columns": True},
        {"format": "csv"},
        {"format": "csv", "columns": True},
        {"format": "parquet"},
        {"format": "parquet", "columns": True},
    ):
        url, seen = watched(server, headers, body)
        assert resident(server, "VmHWM") - before < EXTRA_MIB, body
        assert seen == sorted(seen)
        assert any(0 < entries < ENTRIES for entries in seen), body
        if body["format"] != "parquet":
            with httpx.stream("GET", url, timeout=60) as file:
                lines = sum(chunk.count(b"\n") for chunk in file.iter_raw())
            assert lines == ENTRIES + (body["format"] == "csv")
    assert "error" not in {json.loads(line)["level"] for line in server.stderr.splitlines()}
