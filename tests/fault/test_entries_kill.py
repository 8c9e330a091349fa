"""SIGKILL while calls of many entries are put, changed, sealed and forgotten: each is there whole, or not at all."""

import asyncio
import json
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from random import Random

import pytest

from fault.entries_at_work import ACCOUNT, CALL, CALLS_A_RUN, CATEGORIES, RESOURCES, changes, deletes, entries
from minori.codec.entry import decode_row
from minori.model.entry import MAX_TIME, CategoryKey, DataEntry, TimeRange
from minori.observe.metrics import Metrics
from minori.observe.store import StoreWatch
from minori.storage.base import EntryStore, EntryStoreOptions
from minori.storage.contract.entry_examination import examined
from minori.storage.rocksdb.entries import open_entries
from minori.storage.rocksdb.sealing import SEALING, Sealing

AT_WORK = (sys.executable, str(Path(__file__).with_name("entries_at_work.py")))
MOST_CONFIRMED = 120
"""How many confirmations a run lives to see, at most."""

PLANS = (Sealing(rows=3, due=5), SEALING)


class Confirmed:
    """What a run told: the calls that were put, and those changed, how many of a call's deletes were made in their
    order, and the call before which everything was forgotten for sure.
    """

    def __init__(self, run: int, lines: list[bytes]) -> None:
        self.put = set[int]()
        self.deleted: dict[int, int] = {}
        self.forgotten = run * CALLS_A_RUN
        for line in lines:
            match json.loads(line):
                case {"put": number}:
                    self.put.add(number)
                case {"changed": number}:
                    self.deleted[number] = 0
                case {"deleted": number, "place": place}:
                    self.deleted[number] = place + 1
                case {"forgotten": number}:
                    self.forgotten = number

    def allows(self, number: int) -> list[set[DataEntry]]:
        """What may be there of a call: as it was put or changed, or with deletes made; the next change may be, too."""
        old, new = set(entries(number)), set(changes(number))
        replaced = {(entry.resource, entry.time) for entry in new}
        states = [set(), old, {entry for entry in old if (entry.resource, entry.time) not in replaced} | new]
        for gone in deletes(number):
            states.append({entry for entry in states[-1] if (entry.resource, entry.time) != gone})
        reached = 2 + self.deleted[number] if number in self.deleted else number in self.put
        return states[reached : reached + 2]


def run_and_kill(folder: Path, run: int, chance: Random) -> Confirmed:
    """Let it work, end it at a moment that chance picks; what it had confirmed by then."""
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
    return Confirmed(run, lines)


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


async def check(folder: Path, confirmed: Confirmed, chance: Random) -> None:
    """All that was confirmed is there, and nothing that is not whole; in the end everything is forgotten."""
    store = await open_entries(f"rocksdb://{folder}", EntryStoreOptions(StoreWatch(Metrics())), chance.choice(PLANS))
    kept = await everything(store)
    await check_categories(store, kept)
    assert await examined(store, 1000) == (len(kept), [])
    calls: dict[int, set[DataEntry]] = defaultdict(set)
    for entry in kept:
        calls[entry.time // CALL].add(entry)
    assert min(calls, default=confirmed.forgotten) >= confirmed.forgotten
    for number in set(calls) | confirmed.put:
        # The next one may have been about to be forgotten.
        if number > confirmed.forgotten:
            assert calls[number] in confirmed.allows(number), number
    for resource in RESOURCES:
        while (await store.retention.forget(resource, MAX_TIME, 1000)).next_after is not None:
            pass
    await check_categories(store, [])
    assert await examined(store, 1000) == (0, [])
    await store.close()


@pytest.mark.parametrize("cycles", [5, pytest.param(200, marks=pytest.mark.slow)])
def test_a_call_is_whole_or_absent_after_a_kill_and_so_is_every_change_and_every_slice_that_was_forgotten(
    tmp_path: Path, chance: Random, cycles: int
) -> None:
    for run in range(1, cycles + 1):
        confirmed = run_and_kill(tmp_path / "entries", run, chance)
        asyncio.run(check(tmp_path / "entries", confirmed, chance))
