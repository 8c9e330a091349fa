"""SIGKILL while calls of many entries are put and old ones forgotten: each call is there whole, or not at all."""

import asyncio
import json
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from random import Random

import pytest

from fault.entries_at_work import ACCOUNT, CALL, CALLS_A_RUN, CATEGORIES, RESOURCES, entries
from minori.codec.entry import decode_row
from minori.model.entry import MAX_TIME, CategoryKey, DataEntry, TimeRange
from minori.observe.metrics import Metrics
from minori.observe.store import StoreWatch
from minori.storage.base import EntryStore, EntryStoreOptions
from minori.storage.rocksdb.entries import open_entries

AT_WORK = (sys.executable, str(Path(__file__).with_name("entries_at_work.py")))
MOST_CONFIRMED = 60
"""How many confirmations a run lives to see, at most."""


def run_and_kill(folder: Path, run: int, chance: Random) -> tuple[set[int], int]:
    """The calls of a run that were confirmed, and the one before which everything was forgotten for sure."""
    process = subprocess.Popen((*AT_WORK, str(folder), str(run)), stdout=subprocess.PIPE)
    assert process.stdout is not None
    lines: list[bytes] = []
    enough = chance.randint(1, MOST_CONFIRMED)
    with process, process.stdout as stdout:
        for line in stdout:
            lines.append(line)
            if len(lines) == enough:
                break
        time.sleep(chance.random() / 100)
        process.kill()
        lines += stdout.readlines()
    put, forgotten = set[int](), run * CALLS_A_RUN
    for line in lines:
        told = json.loads(line)
        if "put" in told:
            put.add(told["put"])
        else:
            forgotten = told["forgotten"]
    return put, forgotten


async def everything(store: EntryStore) -> list[DataEntry]:
    """Every entry of every resource."""
    found: list[DataEntry] = []
    for resource in RESOURCES:
        after, more = None, True
        while more:
            page = await store.query(resource, TimeRange(descending=False, limit=1000), after)
            found += [decode_row(resource, row) for row in page.rows]
            after, more = page.next_after, page.next_after is not None
    return found


async def check_categories(store: EntryStore, kept: list[DataEntry]) -> None:
    """A category has the entries that carry it, no others, and no place without one."""
    for category in filter(None, CATEGORIES):
        found: list[DataEntry] = []
        after: CategoryKey | None = None
        while True:
            page = await store.query_category(ACCOUNT, category, TimeRange(descending=False, limit=500), after)
            found += [decode_row(resource, row) for resource, row in page.rows]
            assert page.next_after is None or len(page.rows) == 500, "a place of the category leads to no entry"
            after = page.next_after
            if after is None:
                break
        carrying = sorted((entry for entry in kept if entry.category == category), key=lambda entry: entry.time)
        assert found == carrying


@pytest.mark.parametrize("cycles", [5, pytest.param(200, marks=pytest.mark.slow)])
def test_a_call_is_whole_or_absent_after_a_kill_and_so_is_every_slice_that_was_forgotten(
    tmp_path: Path, chance: Random, cycles: int
) -> None:
    async def look(put: set[int], forgotten: int, run: int) -> None:
        store = await open_entries(f"rocksdb://{tmp_path}/entries", EntryStoreOptions(StoreWatch(Metrics())))
        kept = await everything(store)
        await check_categories(store, kept)
        calls: dict[int, set[DataEntry]] = defaultdict(set)
        for entry in kept:
            calls[entry.time // CALL].add(entry)
        assert min(calls, default=forgotten) >= forgotten
        whole = {number for number, found in calls.items() if found == set(entries(number))}
        # The next one may have been about to be forgotten.
        assert set(calls) - whole <= {forgotten}
        assert {number for number in put if number > forgotten} <= whole
        # The next run begins with nothing.
        for resource in RESOURCES:
            while (await store.retention.forget(resource, MAX_TIME, 1000)).next_after is not None:
                pass
        await check_categories(store, [])
        await store.close()

    for run in range(1, cycles + 1):
        put, forgotten = run_and_kill(tmp_path / "entries", run, chance)
        asyncio.run(look(put, forgotten, run))
