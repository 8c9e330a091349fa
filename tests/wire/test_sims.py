"""SIMs over REST and at the doors: what a change is to whoever sends, and what is refused."""

import socket
from typing import Any
from uuid import uuid4

import httpx
import pytest

from serving import Server
from wire.asking import Reply, ask

DEMO = "001010000000001"


class Sims:
    """Calls about SIMs, and a session for one of them on an address of its own."""

    def __init__(self, server: Server, headers: dict[str, str]) -> None:
        self.server = server
        self.headers = headers

    def call(self, method: str, path: str, body: Any = None) -> Reply:
        content = None if body is None else httpx.Request("POST", "http://x", json=body).content
        return ask(self.server, method, f"/v1{path}", self.headers, content)

    def made(self) -> Any:
        reply = self.call("POST", "/sims", {"type": "virtual", "subscription": "planArc01"})
        assert reply.status == 201
        return reply.json

    def sent(self, address: str, payload: bytes) -> bytes:
        with socket.create_connection(self.server.door_stream, 20, (address, 0)) as door:
            door.sendall(payload)
            return door.recv(1000)


@pytest.fixture
def sims(server: Server, headers: dict[str, str]) -> Sims:
    return Sims(server, headers)


def test_a_sim_that_is_switched_off_is_refused_at_the_doors_and_its_data_can_still_be_read(sims: Sims) -> None:
    sim, address = sims.made(), f"127.9.{uuid4().int % 250}.{uuid4().int % 250 + 1}"
    imsi = sim["imsi"]
    assert sims.call("PUT", f"/minori/sessions/{address}", {"imsi": imsi}).status == 201
    assert sims.sent(address, b"one") == f"400 No group ID is specified: {imsi}".encode()
    group_id = sims.call("GET", f"/subscribers/{DEMO}").json["groupId"]
    assert sims.call("POST", f"/sims/{sim['simId']}/set_group", {"groupId": group_id}).status == 200
    assert sims.sent(address, b"two") == b"201"
    for word, status in (
        ("suspend", "suspended"),
        ("set_to_standby", "standby"),
        ("deactivate", "inactive"),
    ):
        assert sims.call("POST", f"/subscribers/{imsi}/{word}").json["status"] == status
        assert sims.sent(address, b"three") == f"400 The SIM {imsi} is {status}".encode()
        assert sims.call("POST", f"/sims/{sim['simId']}/activate").json["sessionStatus"] == {"online": True}
        assert sims.sent(address, b"four") == b"201"
    assert sims.call("POST", f"/sims/{sim['simId']}/enable_termination").json["terminationEnabled"] is True
    assert sims.call("POST", f"/subscribers/{imsi}/terminate").json["sessionStatus"] == {"online": False}
    assert sims.sent(address, b"five") == f"400 The SIM {imsi} is terminated".encode()
    for path in (f"/sims/{sim['simId']}/data", f"/subscribers/{imsi}/data", f"/data/Sim/{sim['simId']}"):
        assert len(sims.call("GET", path).json) == 4


def test_a_link_to_the_next_page_carries_every_condition_on(sims: Sims) -> None:
    for _ in range(3):
        sim = sims.made()
        tags = [{"tagName": "k,1", "tagValue": "a&b; c"}]
        assert sims.call("PUT", f"/subscribers/{sim['imsi']}/tags", tags).status == 200
    for base in (
        "/subscribers?tag_name=k%2C1&tag_value=a%26b&tag_value_match_mode=prefix&status_filter=active%7Cready&limit=1",
        "/query/sims?tag=nothing&tag=A%26B%3B+c&search_type=or&session_status=ONLINE&limit=1",
    ):
        seen, target = [], base
        while target:
            reply = sims.call("GET", target)
            (found,) = reply.json
            seen.append(found["imsi"])
            target = reply.headers.get("link", "").partition(">")[0].removeprefix("</v1")
        assert len(seen) == len(set(seen)) == 3


@pytest.mark.parametrize(
    "path",
    [
        "/subscribers?tag_name=x",
        "/subscribers?tag_value=x",
        "/subscribers?tag_name=x&tag_value=y&tag_value_match_mode=regex",
        "/subscribers?status_filter=asleep",
        "/subscribers?limit=0",
        "/sims?limit=x",
        "/query/sims?search_type=xor",
        "/query/sims?session_status=online",
        "/query/sims?" + "&".join(["imsi=1"] * 21),
        "/query/sims?name=" + "x" * 1025,
        "/devices?limit=-2",
    ],
)
def test_a_filter_that_means_nothing_is_refused(sims: Sims, path: str) -> None:
    reply = sims.call("GET", path)
    assert (reply.status, reply.json["code"]) == (400, "COM0001")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/sims", {"type": "uicc", "subscription": "x"}),
        ("POST", "/sims", {"type": "virtual"}),
        ("POST", "/sims", {"type": "virtual", "subscription": ""}),
        ("POST", "/sims", []),
        ("POST", f"/subscribers/{DEMO}/set_group", {"groupId": None}),
        ("POST", f"/subscribers/{DEMO}/set_group", {"groupId": ""}),
        ("PUT", f"/subscribers/{DEMO}/tags", {"tagName": "a", "tagValue": "b"}),
        ("PUT", f"/subscribers/{DEMO}/tags", [{"tagName": "", "tagValue": "b"}]),
        ("PUT", f"/subscribers/{DEMO}/tags", [{"tagName": "a\0", "tagValue": "b"}]),
        ("PUT", f"/subscribers/{DEMO}/tags", [{"tagName": "a", "tagValue": "b" * 1025}]),
        ("PUT", f"/subscribers/{DEMO}/tags", [{"tagName": "a", "tagValue": 1}]),
        ("PUT", f"/subscribers/{DEMO}/tags", [{"tagName": str(n), "tagValue": ""} for n in range(101)]),
        ("POST", "/subscribers/001019999000001/register", {}),
        ("POST", "/subscribers/001019999000001/register", {"registrationSecret": ""}),
        ("POST", "/subscribers/12345/register", {"registrationSecret": "x"}),
        ("POST", "/sims/12345/register", {"registrationSecret": "x"}),
        ("POST", f"/subscribers/{DEMO}/register", {"registrationSecret": "x"}),
        ("POST", f"/subscribers/{DEMO}/terminate", None),
        ("POST", "/devices", {"endpoint": "x" * 257}),
        ("POST", "/devices", {"tags": {"a": 1}}),
    ],
)
def test_a_body_that_cannot_be_used_is_refused_and_says_why(sims: Sims, method: str, path: str, body: Any) -> None:
    reply = sims.call(method, path, body)
    assert (reply.status, reply.json["code"]) == (400, "COM0001")
    assert "%" not in reply.json["message"]


@pytest.mark.parametrize("path", ["/subscribers/001019999999990", "/sims/8900101999999999999", "/devices/d-0"])
def test_what_is_not_there_is_not_found_by_any_operation(sims: Sims, path: str) -> None:
    for method, rest, body in (
        ("GET", "", None),
        ("POST", "/set_group", {"groupId": sims.call("GET", f"/subscribers/{DEMO}").json["groupId"]}),
        ("POST", "/unset_group", None),
        ("PUT", "/tags", [{"tagName": "a", "tagValue": "b"}]),
        ("DELETE", "/tags/a", None),
    ):
        assert sims.call(method, path + rest, body).status == 404


def test_a_body_that_is_too_large_is_refused_as_such(sims: Sims) -> None:
    tags = [{"tagName": "a", "tagValue": "b"}] * 10_000
    assert sims.call("PUT", f"/subscribers/{DEMO}/tags", tags).status == 413


def test_a_tag_with_a_slash_in_its_name_is_put_and_removed(sims: Sims) -> None:
    imsi = sims.made()["imsi"]
    assert sims.call("PUT", f"/subscribers/{imsi}/tags", [{"tagName": "a/b 東", "tagValue": ""}]).status == 200
    assert sims.call("DELETE", f"/subscribers/{imsi}/tags/a%2Fb%20%E6%9D%B1").status == 204
    assert sims.call("GET", f"/subscribers/{imsi}").json["tags"] == {}
