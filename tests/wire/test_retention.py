"""A server forgets entries that are older than their group, or the setting, says, and frees the disk."""

import time
from pathlib import Path
from random import Random

import httpx
import pytest

from serving import Serve, Server

IMSI = "001010000000001"
"""The demo SIM's."""

DAY_MS = 86_400_000
ENTRIES = 300
BYTES = 20_000
WAIT_SECONDS = 60


def send(server: Server, days_ago: list[float], size: int) -> None:
    """Send as the demo SIM, entries of `size` characters each with the time it gives."""
    now = time.time_ns() // 1_000_000
    random = Random(1)  # noqa: S311 - makes bytes that do not compress, not secrets
    with httpx.Client(base_url="http://{}:{}".format(*server.door_http)) as door:
        for days in days_ago:
            headers = {"X-Soracom-Timestamp": str(now - int(days * DAY_MS)), "Content-Type": "text/plain"}
            text = random.randbytes(size // 2).hex()
            assert door.post("/", content=text, headers=headers).status_code == 201


def say(server: Server, headers: dict[str, str], key: str, value: object) -> None:
    """Let the group of the demo SIM say something."""
    groups = f"{server.url}/v1/groups"
    (group,) = httpx.get(groups, headers=headers).json()
    options = [{"key": key, "value": value}]
    target = f"{groups}/{group['groupId']}/configuration/SoracomHarvest"
    assert httpx.put(target, headers=headers, json=options).status_code == 200


def ages(server: Server, headers: dict[str, str], target: str = f"Subscriber/{IMSI}") -> list[float]:
    """How many days ago the entries are, the oldest ten, to the tenth of a day."""
    now = time.time_ns() // 1_000_000
    answer = httpx.get(f"{server.url}/v1/data/{target}", headers=headers, params={"sort": "asc", "from": "0"})
    return [round((now - entry["time"]) / DAY_MS, 1) for entry in answer.json()]


def swept(server: Server, forgotten: int) -> None:
    """Wait for the sweep that follows a start, and for what it has forgotten."""
    for _ in range(WAIT_SECONDS * 20):
        text = httpx.get(f"{server.url}/metrics").text
        counts = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        if float(counts["minori_retention_sweeps_total"]):
            assert int(float(counts["minori_entries_forgotten_total"])) == forgotten
            return
        time.sleep(0.05)
    pytest.fail("the server does not sweep")


def taken(data_dir: Path) -> int:
    """The bytes of the entry store's tables."""
    return sum(path.stat().st_size for path in (data_dir / "entries").glob("*.sst") if path.exists())


def test_entries_that_their_group_keeps_no_longer_go_and_free_the_disk(serve: Serve) -> None:
    server = serve(environment={"MINORI_LIMITS_PAYLOAD_BYTES": str(BYTES)})
    swept(server, 0)
    headers = server.login()
    say(server, headers, "category", "plant")
    camera = f"{server.url}/v1/sora_cam/devices/cam/data/{time.time_ns() // 1_000_000 - 50 * DAY_MS}"
    assert httpx.put(camera, headers=headers, content=b"{}").status_code == 200
    send(server, [40 + number / 1000 for number in range(ENTRIES)], BYTES)
    send(server, [29, 0], 10)
    assert ages(server, headers)[0] == 40.3
    say(server, headers, "retentionDays", 30)
    server.stop()
    before = taken(server.data_dir)
    assert before > ENTRIES * BYTES // 2
    server.start()
    swept(server, ENTRIES)
    headers = server.login()
    assert ages(server, headers) == [29.0, 0.0]
    assert ages(server, headers, "categories/plant") == [29.0, 0.0]
    assert ages(server, headers, "SoraCam/cam") == [50.0]
    resources = httpx.get(f"{server.url}/v1/data/resources", headers=headers).json()
    assert {resource["resourceId"] for resource in resources} == {IMSI, "cam"}
    for _ in range(WAIT_SECONDS * 20):
        if taken(server.data_dir) < before // 10:
            return
        time.sleep(0.05)
    pytest.fail(f"of {before} bytes {taken(server.data_dir)} are still taken")


def test_the_setting_counts_where_the_group_says_nothing(serve: Serve) -> None:
    server = serve(environment={"MINORI_DATA_RETENTION_DAYS": "30"})
    swept(server, 0)
    send(server, [40, 20, 0], 10)
    say(server, server.login(), "retentionDays", 0)
    server.restart()
    swept(server, 0)
    say(server, server.login(), "retentionDays", None)
    server.restart()
    swept(server, 1)
    assert ages(server, server.login()) == [20.0, 0.0]
