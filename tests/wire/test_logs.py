"""What was refused, and why, over the wire: every reason with its sender, no payload, one's own alone, and kept."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from people import Caller, allow, minori, other_operator, root
from people import log_in as logged_in
from serving import Serve, Server
from wire.asking import Reply, ask, connect, head, read

SECRET = "zq8pay1oadzq8"
"""What every payload of these tests holds, and nothing else."""

PAYLOAD = json.dumps({SECRET: 1}).encode()
IMSI = "001010000000001"
SECONDS = 20

Check = Callable[[dict[str, Any]], bool]


class Fleet:
    """A server whose operator has the demo SIM at 127.0.0.0/8, and one SIM for each fate at an address of its own."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.first = root(server)
        self.group = self._group({"SoracomHarvest": {"enabled": True}})
        self.strict = self._group(
            {"SoracomHarvest": {"enabled": True, "customTimestamp": {"enabled": True, "format": "ISO8601"}}}
        )
        self.silent = self._group({})
        self.addresses = {
            "inactive": self._sim("127.7.0.1", self.group),
            "groupless": self._sim("127.7.0.2", None),
            "disabled": self._sim("127.7.0.3", self.silent),
            "well": self._sim("127.7.0.4", self.group),
        }
        assert self.first.ask("POST", f"/subscribers/{self.addresses['inactive']}/deactivate").status == 200

    def _group(self, configuration: dict[str, Any]) -> str:
        made = self.first.ask("POST", "/groups", {"configuration": {}})
        group_id = str(made.json["groupId"])
        for namespace, options in configuration.items():
            pairs = [{"key": key, "value": value} for key, value in options.items() if key == "enabled"]
            path = f"/groups/{group_id}/configuration/{namespace}"
            assert self.first.ask("PUT", path, pairs).status == 200
        return group_id

    def _sim(self, address: str, group: str | None) -> str:
        sim = self.first.ask("POST", "/sims", {"type": "virtual", "subscription": "planArc01"}).json
        assert self.first.ask("POST", f"/sims/{sim['simId']}/activate").status in (200, 400)
        if group is not None:
            assert self.first.ask("POST", f"/sims/{sim['simId']}/set_group", {"groupId": group}).status == 200
        put = self.first.ask("PUT", f"/minori/sessions/{address}", {"simId": sim["simId"]})
        assert put.status == 201
        return str(put.json["imsi"])

    def logs(self, query: str = "", caller: Caller | None = None) -> list[dict[str, Any]]:
        """The log of whoever, by a query."""
        reply = (caller or self.first).ask("GET", f"/logs?{query}")
        assert reply.status == 200, reply.body
        found: list[dict[str, Any]] = reply.json
        return found

    def newest(self, reason: str, **members: Any) -> dict[str, Any]:
        """The newest entry of this reason and these members of its body."""
        found = [
            one
            for one in self.logs("limit=1000")
            if one["body"]["reason"] == reason and members.items() <= one["body"].items()
        ]
        assert found, (reason, self.logs("limit=1000"))
        return found[0]

    def post(self, body: bytes = PAYLOAD, source: str = "127.7.0.4", **headers: str) -> Reply:
        """A payload at the HTTP door."""
        with connect(self.server.door_http, source) as door:
            door.sendall(head("POST", "/", {"Host": "harvest.soracom.io", **headers}, body))
            return read(door)

    def line(self, body: bytes, source: str, *, unified: bool = False) -> bytes:
        """What a message over TCP is answered."""
        with connect(self.server.door_unified if unified else self.server.door_stream, source) as door:
            door.sendall(body)
            return door.recv(1024)

    def datagram(self, body: bytes, source: str, *, unified: bool = False) -> bytes:
        """What a datagram is answered."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
            door.settimeout(SECONDS)
            door.bind((source, 0))
            door.sendto(body, self.server.door_unified if unified else self.server.door_stream)
            return door.recv(1024)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with Server(tmp_path_factory.mktemp("refused") / "data") as server:
        yield Fleet(server)


@pytest.mark.parametrize(
    ("fate", "source", "reason"),
    [
        ("inactive", "127.7.0.1", "SimInactive"),
        ("groupless", "127.7.0.2", "NoGroup"),
        ("disabled", "127.7.0.3", "HarvestDisabled"),
    ],
)
def test_a_sender_that_may_not_store_is_told_apart_at_every_door(
    fleet: Fleet, fate: str, source: str, reason: str
) -> None:
    assert fleet.post(source=source).status == 400
    assert fleet.line(PAYLOAD, source).startswith(b"400")
    assert fleet.datagram(PAYLOAD, source).startswith(b"400")
    for door in ("http", "tcp", "udp"):
        entry = fleet.newest(reason, door=door)
        body = entry.pop("body")
        assert {name: entry[name] for name in entry if name != "time"} == {
            "service": "Harvest",
            "logLevel": "warning",
            "resourceType": "Subscriber",
            "resourceId": fleet.addresses[fate],
            "operatorId": fleet.first.operator_id,
        }
        assert abs(entry["time"] / 1000 - time.time()) < 3600
        assert (body["address"], body["size"], body["count"]) == (source, len(PAYLOAD), 1)
        assert body["message"]


def test_a_payload_that_cannot_be_stored_is_told_with_its_size(fleet: Fleet) -> None:
    large = PAYLOAD * 200
    cases: list[tuple[str, int, Callable[[], object]]] = [
        ("EmptyPayload", 0, lambda: fleet.post(b"")),
        ("PayloadTooLarge", len(large), lambda: fleet.post(large)),
        ("InvalidTimestamp", len(PAYLOAD), lambda: fleet.post(PAYLOAD, **{"X-Soracom-Timestamp": SECRET})),
    ]
    for reason, size, send in cases:
        send()
        entry = fleet.newest(reason, door="http")
        assert (entry["resourceId"], entry["body"]["size"]) == (fleet.addresses["well"], size)
    assert fleet.datagram(b"", "127.7.0.4").startswith(b"400")
    assert fleet.newest("EmptyPayload", door="udp")["body"]["size"] == 0
    assert fleet.line(large, "127.7.0.4").startswith(b"400")
    assert fleet.newest("PayloadTooLarge", door="tcp")["body"]["size"] > 1024


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "MethodNotAllowed"),
        (b"POST /elsewhere HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", "NotFound"),
        (b"POST / HTTP/1.1\r\nContent-Length: zq8pay1oadzq8\r\n\r\n", "Invalid"),
        (b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", "Invalid"),
        (b"POST / HTTP/1.1\r\ncontent-length: " + b"9" * 5001 + b"\r\n\r\n", "Invalid"),
        (b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: " + b"9" * 19 + b"\r\n\r\n", "PayloadTooLarge"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "InvalidParameter"),
        (b"POST / HTTP/1.1\r\nX: " + b"zq8pay1oadzq8" * 8000 + b"\r\n\r\n", "HeadTooLarge"),
        (b"POST / HTTP/1.1\r\nContent-Length: 1000000000\r\n\r\n", "PayloadTooLarge"),
    ],
)
def test_a_request_that_never_becomes_a_payload_is_told_too(fleet: Fleet, request_: bytes, reason: str) -> None:
    source = f"127.7.1.{len(request_) % 250 + 1}"
    with connect(fleet.server.door_http, source) as door:
        door.sendall(request_)
        assert 400 <= read(door).status < 500
    entry = fleet.newest(reason, door="http", address=source)
    assert (entry["resourceId"], entry["body"]["size"] < 2**63) == (IMSI, True)


def test_a_connection_that_ends_within_its_request_is_told(fleet: Fleet) -> None:
    with connect(fleet.server.door_http, "127.7.0.4") as door:
        door.sendall(b"POST / HTTP/1.1\r\nContent-Length: 20\r\n\r\n" + PAYLOAD[:5])
        door.shutdown(socket.SHUT_WR)
        assert read(door).status == 400
    entry = fleet.newest("Invalid", address="127.7.0.4")
    assert (entry["resourceId"], entry["body"]["size"]) == (fleet.addresses["well"], 20)


def test_a_file_that_may_not_be_stored_is_told_as_harvest_s(fleet: Fleet) -> None:
    with connect(fleet.server.door_http, "127.7.0.4") as door:
        door.sendall(head("PUT", "/a.txt", {"Host": "harvest-files.soracom.io"}, PAYLOAD))
        assert read(door).status == 400
    entry = fleet.newest("FilesDisabled", door="files")
    assert (entry["service"], entry["resourceId"]) == ("Harvest", fleet.addresses["well"])
    assert entry["body"]["size"] == len(PAYLOAD)


def test_what_is_refused_at_the_unified_endpoint_has_its_name(fleet: Fleet) -> None:
    assert fleet.post(b"", Host="unified.soracom.io").status == 400
    assert fleet.line(PAYLOAD * 200, "127.7.0.4", unified=True)
    assert fleet.datagram(b"", "127.7.0.4", unified=True)
    unified = fleet.logs("service=Unified")
    assert {one["body"]["door"] for one in unified} == {"http", "tcp", "udp"}
    assert {one["service"] for one in unified} == {"Unified"}
    assert {one["service"] for one in fleet.logs("service=Harvest&limit=1000")} == {"Harvest"}
    assert fleet.logs("service=Funnel") == []


def test_what_a_camera_s_keeper_sends_over_the_api_is_told_under_the_camera(fleet: Fleet) -> None:
    assert fleet.first.ask("POST", "/sora_cam/devices/cam-of-logs/data", b"").status == 400
    (entry,) = fleet.logs("resource_type=SoraCam&resource_id=cam-of-logs")
    assert entry["body"]["door"] == "api"
    assert "address" not in entry["body"]


def test_entries_are_found_by_resource_and_time_and_come_in_pages_that_make_up_the_whole(fleet: Fleet) -> None:
    assert fleet.post(source="127.7.0.3").status == 400
    assert fleet.post(b"", Host="unified.soracom.io").status == 400
    for large in (b"", PAYLOAD * 200):
        assert fleet.post(large).status in (400, 413)
        assert fleet.datagram(large, "127.7.0.4").startswith(b"400")
    whole = fleet.logs("limit=1000")
    assert [one["time"] for one in whole] == sorted((one["time"] for one in whole), reverse=True)
    imsi = fleet.addresses["well"]
    mine = fleet.logs(f"resource_id={imsi}&resource_type=Subscriber&limit=1000")
    assert mine == [one for one in whole if one.get("resourceId") == imsi]
    at = whole[2]["time"]
    assert fleet.logs(f"from={at}&to={at}") == [one for one in whole if one["time"] == at]
    paged, path = [], f"/logs?limit=2&resource_type=Subscriber&resource_id={imsi}&service=Harvest&from=1&to={2**53}"
    while path:
        reply = fleet.first.ask("GET", path)
        assert len(reply.json) <= 2
        paged += reply.json
        path = reply.headers.get("link", "").removeprefix("</v1").removesuffix(">; rel=next")
    for query in ("from=100000000000000000000", "to=-100000000000000000000", "from=5&to=4"):
        assert fleet.logs(query) == []
    everything = "from=-100000000000000000000&to=100000000000000000000&limit=1000"
    assert fleet.logs(everything) == fleet.logs("limit=1000")
    assert paged == [one for one in whole if (one["resourceId"], one["service"]) == (imsi, "Harvest")]
    assert len(paged) >= 4


@pytest.mark.parametrize(
    "query",
    [
        "service=harvest",
        "resource_type=Sim",
        "resource_type=x",
        "from=x",
        "to=1.5",
        "limit=0",
        "limit=x",
        "last_evaluated_key=1",
        "last_evaluated_key=1_2x",
        "last_evaluated_key=99999999999999999999_1",
        "resource_id=" + "x" * 257,
        "resource_id=%00",
    ],
)
def test_a_question_that_makes_no_sense_is_400(fleet: Fleet, query: str) -> None:
    reply = fleet.first.ask("GET", f"/logs?{query}")
    assert reply.status in (200, 400)
    if query != "resource_id=%00":
        assert (reply.status, reply.json["code"]) == (400, "COM0001")


def test_a_sender_that_nobody_knows_is_listed_for_the_root_user_alone(fleet: Fleet, serve: Serve) -> None:
    server = serve(demo=False)
    lonely = Fleet.__new__(Fleet)
    lonely.server, lonely.first = server, root(server)
    for _ in range(3):
        assert lonely.post(source="127.9.9.9").status == 400
    assert lonely.datagram(PAYLOAD, "127.9.9.8").startswith(b"400")
    found = lonely.first.ask("GET", "/minori/unknown_senders").json
    assert [(one["address"], one["count"], one["door"], one["size"]) for one in found] == [
        ("127.9.9.8", 1, "udp", len(PAYLOAD)),
        ("127.9.9.9", 3, "http", len(PAYLOAD)),
    ]
    assert all(one["firstTime"] <= one["lastTime"] and one["reason"] == "UnknownSender" for one in found)
    assert len(lonely.first.ask("GET", "/minori/unknown_senders?limit=1").json) == 1
    assert lonely.logs() == []
    user = lonely.first.user("all", allow("*"))
    assert user.ask("GET", "/minori/unknown_senders").status == 403
    assert fleet.first.ask("GET", "/minori/unknown_senders").json == []
    shown = minori(server, "logs", "--unknown", "--json")
    assert [one["address"] for one in json.loads(shown.stdout)] == ["127.9.9.9", "127.9.9.8"]
    shown = minori(server, "logs", "--unknown")
    assert [line.split()[2] for line in shown.stdout.splitlines()[1:]] == ["127.9.9.9", "127.9.9.8"]


def test_nobody_sees_what_another_operator_s_senders_were_refused_nor_a_user_without_the_right(fleet: Fleet) -> None:
    assert fleet.post(b"").status == 400
    made = other_operator(fleet.server, "logs@example.com")
    other = logged_in(fleet.server, **{name: made[name] for name in ("authKeyId", "authKey")})
    assert fleet.logs(caller=other) == []
    assert fleet.logs(f"resource_id={fleet.addresses['well']}", other) == []
    assert fleet.logs(f"last_evaluated_key={int(time.time() * 1000) + 60_000}_99999", other) == []
    assert fleet.logs(f"last_evaluated_key={int(time.time() * 1000) + 60_000}_99999")
    assert fleet.first.at("g.api.soracom.io").ask("GET", "/logs").json == []
    refused = fleet.first.user("nobody", allow("Subscriber:*")).ask("GET", "/logs")
    assert (refused.status, refused.json["code"]) == (403, "AUM0017")
    assert "Log:getLogs" in refused.json["message"]
    assert fleet.first.user("helpdesk", allow("Log:getLogs")).ask("GET", "/logs").json


def test_the_command_shows_beside_the_server_what_the_api_shows(fleet: Fleet) -> None:
    assert fleet.post(b"").status == 400
    told = fleet.logs(f"resource_id={fleet.addresses['well']}&limit=1000")
    shown = minori(fleet.server, "logs", "--json", "--limit", "1000", "--resource", fleet.addresses["well"])
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout) == told[::-1]
    lines = minori(fleet.server, "logs", "--jsonl", "--since", "1h", "--operator", fleet.first.operator_id)
    assert json.loads(lines.stdout.splitlines()[-1])["time"] == fleet.logs()[0]["time"]
    table = minori(fleet.server, "logs", "--service", "Harvest")
    assert table.stdout.splitlines()[0].split()[:3] == ["time", "service", "door"]
    assert "\x1b" not in table.stdout
    assert "EmptyPayload: The payload is empty" in table.stdout


def test_what_was_refused_is_there_after_a_crash_and_no_payload_is_anywhere(serve: Serve) -> None:
    server = serve()
    fleet = Fleet(server)
    assert fleet.post(PAYLOAD, "127.7.0.4", **{"X-Soracom-Timestamp": SECRET}).status == 400
    assert fleet.post(PAYLOAD * 200).status == 413
    assert fleet.post(source="127.7.0.3").status == 400
    assert fleet.datagram(PAYLOAD, "127.7.0.2").startswith(b"400")
    assert fleet.line(PAYLOAD, "127.7.0.1").startswith(b"400")
    before = fleet.logs()
    assert len(before) == 5
    server.kill()
    places = [path for path in server.data_dir.rglob("*") if path.is_file()]
    assert any(b"HarvestDisabled" in path.read_bytes() for path in places if "refusals" in path.name)
    assert [path for path in places if SECRET.encode() in path.read_bytes()] == []
    assert SECRET not in server.stderr
    server.restart()
    fleet.first = root(server)
    assert fleet.logs() == before


def test_a_log_whose_file_is_destroyed_fails_no_payload(serve: Serve) -> None:
    server = serve()
    for name in ("refusals.sqlite", "refusals.sqlite-wal", "refusals.sqlite-shm"):
        with (server.data_dir / name).open("r+b") as file:
            file.write(b"no database any more" * 1000)
    for body, status in ((b"", 400), (PAYLOAD, 201), (b"", 400), (PAYLOAD, 201)):
        with connect(server.door_http) as door:
            door.sendall(head("POST", "/", (), body))
            assert read(door).status == status
        assert ask(server, "GET", "/v1/logs", root(server).headers).status == 503


def test_whoever_follows_sees_what_is_refused_from_then_on(fleet: Fleet) -> None:
    script = Path(sys.executable).with_name("minori")
    command = [str(script), "logs", "--follow", "--jsonl", "--limit", "1", "--data-dir", str(fleet.server.data_dir)]
    assert fleet.post(b"").status == 400
    fleet.logs()
    # Who starts the tests in the background of a script has them ignore SIGINT, and with them what they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        first = json.loads(following.stdout.readline())
        assert first == fleet.logs()[0]
        assert fleet.first.ask("POST", "/sora_cam/devices/followed/data", b"").status == 400
        assert json.loads(following.stdout.readline())["resourceId"] == "followed"
        following.send_signal(signal.SIGINT)
        assert following.wait(SECONDS) == 0
