"""Two operators of one server: neither sees, changes or removes anything of the other, whatever id or key he has."""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest

from minori.api.routes import ROUTES, OpenRoute
from people import Caller, document, log_in, other_operator, root
from serving import Server
from wire.asking import Reply, ask, connect, head, read

MARK = f"mark{uuid4().hex}"
"""What is in everything that the first operator has, and in nothing else."""

TIME = "1700000000000"
IMSI, SIM_ID = "001010000000001", "8981100000000000001"


class Two:
    """A server with two operators: the `first` has one of every kind of thing, the `other` nothing."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.first = root(server)
        made = other_operator(server, "other@example.com")
        self._key = {name: made[name] for name in ("authKeyId", "authKey")}
        self.ids = self._furnish()

    @property
    def other(self) -> Caller:
        """The root user of the other operator, logged in anew: some calls end what they are made with."""
        return log_in(self.server, **self._key)

    def _furnish(self) -> dict[str, str]:
        first = self.first
        with connect(self.server.door_http) as door:
            door.sendall(head("POST", "/", {"X-Soracom-Timestamp": TIME}, json.dumps({MARK: 1}).encode()))
            assert read(door).status == 201
        group = _made(first.ask("POST", "/groups", {"tags": {"name": MARK}, "configuration": {}}))["groupId"]
        device = _made(first.ask("POST", "/devices", {"tags": {"name": MARK}}))["device_id"]
        key = _made(first.ask("POST", "/operators/OP/auth_keys"))["authKeyId"]
        export = _made(first.ask("POST", "/subscribers/export?export_mode=async"))["exportedFileId"]
        assert first.ask("PUT", f"/files/private/{MARK}/a.txt", MARK.encode()).status == 201
        assert first.ask("POST", f"/operators/OP/users/{MARK}", {"description": MARK}).status == 201
        assert first.ask("POST", f"/operators/OP/roles/{MARK}", {"permission": document()}).status == 200
        tags = [{"tagName": "name", "tagValue": MARK}]
        assert first.ask("PUT", f"/sims/{SIM_ID}/tags", tags).status == 200
        return {
            "group_id": group,
            "device_id": device,
            "auth_key_id": key,
            "exported_file_id": export,
            "user_name": MARK,
            "role_id": MARK,
            "operator_id": first.operator_id,
            "imsi": IMSI,
            "sim_id": SIM_ID,
            "resource_type": "Subscriber",
            "resource_id": IMSI,
            "time": TIME,
            "scope": "private",
            "path": f"{MARK}/a.txt",
            "category": MARK,
            "tag_name": "name",
            "namespace": "SoracomHarvest",
            "name": "enabled",
            "address": "127.0.0.0%2F8",
            "network": "127.0.0.0%2F8",
            "yyyyMM": "202501",
            "payment_statement_id": "1",
        }

    def paths(self, method: str) -> Iterator[tuple[str, str]]:
        """Every operation of a method that needs a login, and its path with the first operator's ids."""
        for route in ROUTES:
            if route.method != method or isinstance(route, OpenRoute):
                continue
            path = route.template
            for name in [each[1:-1] for each in path.split("/") if each.startswith("{")]:
                path = path.replace(f"{{{name}}}", self.ids[name])
            yield route.name, path

    def seen(self, caller: Caller) -> Mapping[str, bytes]:
        """What everything that can be read gives to somebody, but for exports, which go on."""
        return {
            name: caller.ask("GET", f"{path}?{_QUERY}").body
            for name, path in self.paths("GET")
            if "xport" not in name and "Stats:" not in name
        }


_QUERY = f"scope=private&prefix=/&limit=100&name={MARK}&period=day&from=0&to=9000000000"


def _made(reply: Reply) -> Any:
    assert reply.status in (200, 201), reply.body
    return reply.json


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    with Server(tmp_path_factory.mktemp("apart") / "data") as server:
        yield Two(server)


def test_the_first_operator_sees_the_mark_in_what_is_his(two: Two) -> None:
    """Or the tests below would say nothing."""
    marked = {name.partition(":")[0] for name, body in two.seen(two.first).items() if MARK.encode() in body}
    assert marked >= {"DataEntry", "Subscriber", "Sim", "FileEntry", "User", "Role", "Group", "Device"}


def test_no_read_with_the_ids_of_another_operator_tells_anything_of_his(two: Two) -> None:
    mine = [MARK, SIM_ID, *(two.ids[name] for name in ("group_id", "auth_key_id", "exported_file_id"))]
    other = two.other
    for name, path in two.paths("GET"):
        for asked in {path, path.replace(two.first.operator_id, other.operator_id)}:
            reply = other.ask("GET", f"{asked}?{_QUERY}")
            assert reply.status in (200, 400, 404), (name, reply)
            assert reply.status != 200 or not any(word.encode() in reply.body for word in mine), (name, reply)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_no_change_with_the_ids_of_another_operator_changes_anything_of_his(two: Two, method: str) -> None:
    bodies: list[Any] = [
        {"description": "stolen", "permission": document(), "groupId": two.ids["group_id"], "simId": SIM_ID},
        [{"tagName": "name", "tagValue": "stolen", "key": "enabled", "value": False}],
    ]
    before = two.seen(two.first)
    for _, path in two.paths(method):
        for body in bodies if method != "DELETE" else [None]:
            assert two.other.ask(method, path, body).status < 500
    assert two.seen(two.first) == before


def test_a_paging_key_of_another_operator_leads_nowhere(two: Two) -> None:
    keys = [
        IMSI,
        SIM_ID,
        MARK,
        f"{TIME}_{IMSI}",
        f"/{MARK}/",
        two.ids["group_id"],
        two.ids["device_id"],
        "Subscriber",
        "0",
    ]
    other = two.other
    for name, path in two.paths("GET"):
        for key in keys:
            reply = other.ask("GET", f"{path}?{_QUERY}&last_evaluated_key={quote(key, safe='')}")
            assert reply.status in (200, 400, 404), (name, reply)
            assert reply.status != 200 or MARK.encode() not in reply.body, (name, reply)


def test_a_signed_link_is_got_for_one_s_own_files_alone_and_cannot_be_turned_to_another(two: Two) -> None:
    path = f"/files/private/{MARK}/a.txt"
    link = two.first.ask("GET", path).headers["location"]
    assert two.other.ask("GET", path).status == 404
    assert two.other.ask("PUT", path, b"mine").status == 201
    own = two.other.ask("GET", path).headers["location"]
    assert ask(two.server, "GET", own).body == b"mine"
    theirs, mine = (place.removeprefix("/downloads/").split("/")[0].split(".") for place in (link, own))
    forged = f"/downloads/{theirs[0]}.{mine[1]}.{mine[2]}/a.txt"
    assert ask(two.server, "GET", forged).status == 403
    assert ask(two.server, "GET", link).body == MARK.encode()


def test_an_export_is_of_one_s_own_data_and_its_id_is_nobody_else_s(two: Two) -> None:
    path = f"/files/exported/{two.ids['exported_file_id']}"
    assert (two.first.ask("GET", path).status, two.other.ask("GET", path).status) == (200, 404)
    begun = two.other.ask("POST", "/data/exports", {"resourceType": "Subscriber", "resourceId": IMSI})
    if begun.status == 200:
        file = begun.json["url"].partition(f":{two.server.api[1]}")[2] or begun.json["url"].partition("soracom.io")[2]
        assert MARK.encode() not in ask(two.server, "GET", file).body
    exported = two.other.ask("POST", "/subscribers/export").json["url"]
    assert SIM_ID.encode() not in ask(two.server, "GET", "/downloads/" + exported.partition("/downloads/")[2]).body


def test_a_token_of_one_operator_does_not_renew_for_another(two: Two) -> None:
    assert two.other.ask("POST", f"/operators/{two.first.operator_id}/token", {}).status == 404
