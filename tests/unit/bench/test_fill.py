"""What the benchmark fills its stores with, and what it asks them for."""

import asyncio
import json
from collections import Counter
from datetime import datetime
from ipaddress import ip_address, ip_network
from pathlib import Path
from statistics import mean
from urllib.parse import parse_qs, urlsplit

import pytest

from bench.crowd import RESOURCES
from bench.figures import RANGE
from bench.fill import FIRST_TIME, PLANT, STEP, TELEMETRY, Filled, fill, imsi
from bench.fill_sims import address, write_senders
from bench.plant import messages
from bench.reads import every_range, newest_paths, range_paths
from minori.codec.entry import decode_row
from minori.model.entry import DataEntry, TimeRange
from minori.model.resource import Resource, ResourceType
from minori.storage.base import EntryStoreOptions
from minori.storage.rocksdb.entries import open_entries

OPERATOR = "OP0012345678"
EACH = 1_200


class Silent:
    def commit(self, entries: int, seconds: float) -> None: ...

    def failed(self, reason: str) -> None: ...


def filled(folder: Path, kind: str) -> tuple[Filled, dict[str, list[DataEntry]]]:
    """Fill a store for three devices, and read all of it back."""

    async def run() -> tuple[Filled, dict[str, list[DataEntry]]]:
        options = EntryStoreOptions(Silent())
        told = await fill(await open_entries(f"rocksdb://{folder}", options), OPERATOR, 3 * EACH, 3, kind)
        store = await open_entries(f"rocksdb://{folder}", options)
        found: dict[str, list[DataEntry]] = {}
        for number in range(3):
            resource = Resource(OPERATOR, ResourceType.SUBSCRIBER, imsi(number))
            entries = found[resource.id] = []
            after: int | None = None
            while True:
                page = await store.query(resource, TimeRange(descending=False, limit=1_000), after)
                entries += [decode_row(resource, bytes(row)) for row in page.rows]
                after = page.next_after
                if after is None:
                    break
        await store.close()
        return told, found

    return asyncio.run(run())


@pytest.mark.parametrize("kind", [TELEMETRY, PLANT])
def test_every_device_has_an_entry_in_every_minute_and_all_contents_are_counted(tmp_path: Path, kind: str) -> None:
    told, found = filled(tmp_path / "entries", kind)
    for entries in found.values():
        assert [(entry.time - FIRST_TIME) // STEP for entry in entries] == list(range(EACH))
    assert told.content_bytes == sum(len(entry.content) for entries in found.values() for entry in entries)
    assert told.rate > 0


def test_a_range_that_is_asked_for_holds_a_thousand_minutes_of_one_device() -> None:
    for path in range_paths(EACH, 3, 50):
        asked = {name: int(value[0]) for name, value in parse_qs(urlsplit(path).query).items()}
        minutes = [minute for minute in range(EACH) if asked["from"] <= FIRST_TIME + minute * STEP <= asked["to"]]
        late = [minute for minute in range(EACH) if asked["from"] <= FIRST_TIME + minute * STEP + 999 <= asked["to"]]
        assert len(minutes) == asked["limit"] == RANGE
        assert minutes == late


def test_all_ranges_together_hold_every_minute_of_every_device_once() -> None:
    asked = [(urlsplit(path).path, parse_qs(urlsplit(path).query)["from"][0]) for path in every_range(3 * RANGE, 4)]
    assert len(set(asked)) == 12
    assert {int(first) for _, first in asked} == {FIRST_TIME + turn * RANGE * STEP for turn in range(3)}
    assert asked != sorted(asked)


def test_reads_are_spread_over_as_many_devices_as_are_named() -> None:
    for paths in newest_paths(5, 200), range_paths(EACH, 5, 200):
        assert {urlsplit(path).path.rpartition("/")[2] for path in paths} == {imsi(number) for number in range(5)}


def test_a_plant_sends_the_same_in_every_run_and_every_fourth_device_is_alike() -> None:
    def said(device: int) -> list[str]:
        say = messages(device)
        return [say(turn, FIRST_TIME + turn * STEP).text for turn in range(20)]

    assert all(said(device) == said(device) for device in range(4))
    assert said(0) != said(4)
    kinds = Counter(tuple(json.loads(said(device)[0])) for device in range(8))
    assert set(kinds.values()) == {2}


def test_dates_in_what_a_plant_sends_are_those_of_its_entries() -> None:
    say = messages(3)
    for turn in range(20):
        time = FIRST_TIME + turn * STEP
        told = json.loads(say(turn, time).text)
        assert told["date"] == told["gatewayData"][0]["date"]
        assert int(datetime.fromisoformat(told["date"]).timestamp()) == time // 1000


def test_contents_of_a_plant_are_as_long_as_the_documentation_says() -> None:
    lengths = [len(say(turn, FIRST_TIME).text) for say in map(messages, range(4)) for turn in range(500)]
    assert 85 <= mean(lengths) <= 95


def test_every_one_of_a_crowd_has_a_session_of_its_own_on_this_machine(tmp_path: Path) -> None:
    write_senders(tmp_path / "sims.csv", RESOURCES)
    lines = [line.split(",") for line in (tmp_path / "sims.csv").read_text().splitlines()[1:]]
    assert [line[0] for line in lines] == [imsi(number) for number in range(RESOURCES)]
    assert [line[3] for line in lines] == [address(session) for session in range(1, RESOURCES + 1)]
    assert len({line[3] for line in lines}) == RESOURCES
    assert all(ip_address(line[3]) in ip_network("127.0.0.0/8") for line in lines)
