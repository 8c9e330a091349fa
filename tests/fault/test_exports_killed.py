"""SIGKILL while exports run: each is there afterwards, whole, or says that it is not."""

import json
import time
from random import Random

import httpx
import pytest

from serving import Serve, Server

CAMERA = "cam-1"
ENTRIES = 300
SECONDS = 60


def fill(client: httpx.Client) -> list[int]:
    times = list(range(1, ENTRIES + 1))
    for at in times:
        client.put(f"/v1/sora_cam/devices/{CAMERA}/data/{at}", content=b'{"n":1}').raise_for_status()
    return times


def polled(server: Server, headers: dict[str, str], export_id: str) -> bytes:
    """The file of an export, once it is there."""
    until = time.monotonic() + SECONDS
    while True:
        target = f"{server.url}/v1/files/exported/{export_id}"
        answer = httpx.get(target, headers=headers, timeout=30).raise_for_status().json()
        if answer["status"] != "processing":
            assert answer["status"] == "exported", answer
            return httpx.get(answer["url"], timeout=30).raise_for_status().content
        assert time.monotonic() < until


@pytest.mark.parametrize("cycles", [2, pytest.param(50, marks=pytest.mark.slow)])
def test_an_export_that_was_promised_is_made_however_often_the_server_is_killed(
    serve: Serve, chance: Random, cycles: int
) -> None:
    server = serve(environment={"MINORI_EXPORTS_KEPT": "10000", "MINORI_EXPORTS_RUNNING": "4"})
    headers = server.login()
    with httpx.Client(base_url=server.url, headers=headers, timeout=30) as client:
        times = fill(client)
    promised = 0
    for _ in range(cycles):
        ids = []
        with httpx.Client(base_url=server.url, headers=headers, timeout=30) as client:
            for number in range(chance.randint(1, 12)):
                body = {"format": ("csv", "jsonl", "parquet")[number % 3], "columns": True}
                reply = client.post("/v1/data/exports?export_mode=async", json=body).raise_for_status()
                ids.append((reply.json()["exportedFileId"], body["format"]))
        server.kill()
        server.start()
        for export_id, written in ids:
            file = polled(server, headers, export_id)
            if written == "jsonl":
                assert [json.loads(line)["time"] for line in file.splitlines()] == times
            elif written == "csv":
                assert [int(line.split(b",")[2]) for line in file.splitlines()[1:]] == times
            else:
                assert (file[:4], file[-4:]) == (b"PAR1", b"PAR1")
            promised += len(file)
    statistics = f"{server.url}/v1/stats/harvest/operators/{server.credentials['operatorId']}"
    counted = httpx.get(statistics, headers=headers, timeout=30).raise_for_status().json()
    assert counted["exportedBytes"] == promised
