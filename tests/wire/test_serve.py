"""`minori serve` as others rely on it: its two streams, its files, its listeners and its pages."""

import asyncio
import json
import re
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import httpx
from msgspec.structs import replace

from minori.model.registry import Group
from minori.storage.base import Put
from minori.storage.sql.catalog import open_catalog
from serving import LISTENERS, Serve, Server

READY = re.compile(
    r"minori ready api=http://127\.0\.0\.1:\d+ door-http=127\.0\.0\.1:\d+"
    r" door-stream=127\.0\.0\.1:\d+ door-unified=127\.0\.0\.1:\d+\n"
)


def test_a_first_start_prints_its_credentials_and_the_ready_line_and_nothing_else(own_server: Server) -> None:
    first, ready = own_server.stdout
    assert json.loads(first) == own_server.credentials
    assert READY.fullmatch(ready)


def test_credentials_are_made_once_and_work_after_a_restart(own_server: Server) -> None:
    before = own_server.credentials
    own_server.restart()
    assert own_server.credentials == before
    assert [line[:12] for line in own_server.stdout] == ["minori ready"]
    assert own_server.login()


def test_the_credentials_file_has_five_members_and_is_its_owners_alone(own_server: Server) -> None:
    assert list(own_server.credentials) == ["operatorId", "email", "password", "authKeyId", "authKey"]
    mode = (own_server.data_dir / "root-credentials.json").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_credentials_of_another_catalog_are_set_aside_and_not_lost(own_server: Server, serve: Serve) -> None:
    own_server.stop()
    kept = own_server.credentials
    serve(data_dir=own_server.data_dir, environment={"MINORI_STORES_CATALOG": "memory:"}).stop()
    aside = [json.loads(file.read_bytes()) for file in own_server.data_dir.glob("root-credentials.*.json")]
    assert aside == [kept]


def test_a_disk_that_hangs_does_not_hold_up_a_stop(tmp_path: Path) -> None:
    program = "import time, minori.app.run, minori.storage.rocksdb.log as log; minori.app.run.STOP_SECONDS = 0.5; "
    program += "log.SyncTask.run = lambda task: time.sleep(60); from minori.cli.main import main; main()"
    flags = [f"--{name}=127.0.0.1:0" for name in LISTENERS]
    command = [sys.executable, "-c", program, "serve", "--demo", f"--data-dir={tmp_path / 'data'}", *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        ready = next(line for line in process.stdout if line.startswith(b"minori ready"))
        door = re.findall(rb"door-http=([0-9.]+):([0-9]+)", ready)[0]
        with socket.create_connection((door[0].decode(), int(door[1]))) as device:
            device.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n1")
            process.terminate()
            assert process.wait(30) == -signal.SIGALRM


def test_without_a_demo_nobody_is_known(serve: Serve) -> None:
    server = serve(demo=False)
    answer = httpx.post("http://{}:{}/".format(*server.door_http), content=b"1")
    assert (answer.status_code, answer.json()) == (400, {"message": "No SIM is known for 127.0.0.1"})


def test_the_demo_sim_shows_what_this_machine_sends(own_server: Server) -> None:
    sent = httpx.post("http://{}:{}/".format(*own_server.door_http), json={"temperature": 21})
    assert sent.status_code == 201
    headers = own_server.login()
    by_imsi = httpx.get(f"{own_server.url}/v1/data/Subscriber/001010000000001", headers=headers).json()
    by_sim = httpx.get(f"{own_server.url}/v1/sims/8981100000000000001/data", headers=headers).json()
    assert [entry["content"] for entry in by_imsi] == ['{"temperature":21}']
    assert [entry["time"] for entry in by_sim] == [entry["time"] for entry in by_imsi]
    assert by_sim[0]["resourceType"] == "Sim"


def test_a_stop_by_sigterm_is_a_success(own_server: Server) -> None:
    assert own_server.stop() == 0


def test_a_store_in_memory_needs_no_disk(serve: Serve) -> None:
    server = serve(environment={"MINORI_STORES_ENTRIES": "memory:", "MINORI_STORES_CATALOG": "memory:"})
    assert httpx.post("http://{}:{}/".format(*server.door_http), json={"temperature": 21}).status_code == 201
    assert not (server.data_dir / "entries").exists()


def test_health_is_told_without_a_login(server: Server) -> None:
    answer = httpx.get(f"{server.url}/healthz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")


def test_metrics_count_what_came_in_and_what_did_not(own_server: Server) -> None:
    door = "http://{}:{}/".format(*own_server.door_http)
    httpx.post(door, json={"temperature": 21})
    httpx.post(door, content=b"")
    httpx.get(f"{own_server.url}/v1/subscribers")
    lines = httpx.get(f"{own_server.url}/metrics").text.splitlines()
    assert 'minori_entries_accepted_total{door="http"} 1.0' in lines
    assert 'minori_payloads_refused_total{door="http",reason="EmptyPayload"} 1.0' in lines
    assert 'minori_api_requests_total{operation="listSubscribers",status="401"} 1.0' in lines
    (commits,) = [float(line.split()[1]) for line in lines if line.startswith("minori_commit_entries_count ")]
    # The sweep of what is too old notes the time in a commit of its own.
    assert 1 <= commits <= 2


def test_the_api_page_loads_nothing_from_elsewhere_and_runs_nothing(server: Server) -> None:
    page = httpx.get(f"{server.url}/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert not re.search(r"<script|src=|<link|url\(|@import", page.text)


def test_pages_know_no_other_method_than_get_and_head(server: Server) -> None:
    refused = httpx.post(f"{server.url}/docs")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")
    assert httpx.head(f"{server.url}/docs").content == b""


def test_an_entry_carries_its_groups_category_and_is_found_by_it(own_server: Server) -> None:
    own_server.stop()
    asyncio.run(_categorise(own_server, "a b/c"))
    own_server.restart()
    for number in range(3):
        httpx.post("http://{}:{}/".format(*own_server.door_http), json={"n": number})
    headers, path = own_server.login(), f"{own_server.url}/v1/data/categories/a%20b%2Fc?limit=2"
    first = httpx.get(path, headers=headers)
    second = httpx.get(own_server.url + first.links["next"]["url"], headers=headers)
    assert [entry["content"] for entry in [*first.json(), *second.json()]] == ['{"n":2}', '{"n":1}', '{"n":0}']
    assert {entry["category"] for entry in first.json()} == {"a b/c"}
    assert "link" not in second.headers


async def _categorise(server: Server, category: str) -> None:
    catalog = await open_catalog(f"sqlite://{server.data_dir / 'catalog.sqlite'}")
    (group,) = await catalog.find(Group)
    configuration = {"SoracomHarvest": {"enabled": True, "category": category}}
    await catalog.apply(Put(replace(group, configuration=configuration)))
    await catalog.close()
