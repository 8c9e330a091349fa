"""Japan and Global on one server: what an operator has in one is not in the other; its people are in both."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from people import allow, document, minori, other_operator
from serving import Serve, Server
from wire.asking import Reply, ask, connect, head, read, send
from wire.furnished import IMSI, MARK, SIM_ID, TIME, Furnished, asked, made

GLOBAL = "g.api.soracom.io"
SHARED = ("Operator:", "User:", "Role:", "AuditLog:")
"""What an operator has in both coverages."""

ENABLED = {"SoracomHarvest": {"enabled": True, "category": "abroad"}, "SoracomHarvestFiles": {"enabled": True}}


class Coverages(Furnished):
    """A server whose operator has one of every kind of thing in Japan, and in Global a SIM at 127.9.9.9 alone."""

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self.abroad = self.first.at(GLOBAL)
        self.sim = made(self.abroad.ask("POST", "/sims", {"type": "virtual", "subscription": "planArc01"}))
        self.group = made(self.abroad.ask("POST", "/groups", {"tags": {}, "configuration": ENABLED}))
        sim_id = self.sim["simId"]
        assert self.abroad.ask("POST", f"/sims/{sim_id}/set_group", {"groupId": self.group["groupId"]}).status == 200
        assert self.abroad.ask("PUT", "/minori/sessions/127.9.9.9", {"simId": sim_id}).status in (200, 201)

    @property
    def imsi(self) -> str:
        """The IMSI of the SIM in Global."""
        return str(
            self.abroad.ask("GET", f"/sims/{self.sim['simId']}").json["profiles"][self.sim["simId"]]["primaryImsi"]
        )

    def send(self, body: bytes, source: str = "127.9.9.9") -> Reply:
        """A payload from a device."""
        with connect(self.server.door_http, source) as door:
            door.sendall(head("POST", "/", {"Content-Type": "application/json"}, body))
            return read(door)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coverages]:
    with Server(tmp_path_factory.mktemp("coverages") / "data") as server:
        yield Coverages(server)


def test_no_read_in_global_tells_anything_that_is_in_japan(both: Coverages) -> None:
    mine = [MARK, SIM_ID, both.ids["group_id"], both.ids["device_id"], both.ids["exported_file_id"]]
    for name, path in both.paths("GET"):
        if not name.startswith(SHARED):
            reply = both.abroad.ask("GET", asked(name, path))
            assert reply.status in (200, 400, 404), (name, reply)
            assert reply.status != 200 or not any(word.encode() in reply.body for word in mine), (name, reply)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_no_change_in_global_changes_anything_in_japan(both: Coverages, method: str) -> None:
    bodies: list[Any] = [
        {"groupId": both.ids["group_id"], "simId": SIM_ID},
        [{"tagName": "name", "tagValue": "abroad", "key": "enabled", "value": False}],
    ]
    before = both.seen(both.first)
    for name, path in both.paths(method):
        if not name.startswith((*SHARED, "Auth:")):
            for body in bodies if method != "DELETE" else [None]:
                assert both.abroad.ask(method, path, body).status < 500
    assert both.seen(both.first) == before


def test_a_paging_key_of_japan_leads_nowhere_in_global(both: Coverages) -> None:
    for name, path in both.paths("GET"):
        if not name.startswith(SHARED):
            for key in (IMSI, SIM_ID, f"{TIME}_{IMSI}", f"/{MARK}/", both.ids["group_id"], "0"):
                reply = both.abroad.ask("GET", f"{asked(name, path)}&last_evaluated_key={quote(key, safe='')}")
                assert reply.status != 200 or MARK.encode() not in reply.body, (name, reply)


def test_what_a_sim_of_global_sends_is_in_global_alone(both: Coverages) -> None:
    assert both.send(b'{"from":"abroad"}').status == 201
    path = f"/data/Subscriber/{both.imsi}"
    assert both.abroad.ask("GET", path).json[0]["content"] == '{"from":"abroad"}'
    assert both.first.ask("GET", path).json == []
    listed = "/data/resources?resource_type=Subscriber"
    assert [one["resourceId"] for one in both.abroad.ask("GET", listed).json] == [both.imsi]
    assert both.imsi not in both.first.ask("GET", listed).body.decode()
    assert len(both.abroad.ask("GET", "/data/categories/abroad").json) == 1
    assert both.first.ask("GET", "/data/categories/abroad").json == []


def test_a_file_of_a_device_in_global_is_in_global_alone(both: Coverages) -> None:
    with connect(both.server.door_http, "127.9.9.9") as door:
        door.sendall(head("PUT", "/abroad.txt", {"Host": "harvest-files.soracom.io"}, b"abroad"))
        assert read(door).status == 201
    assert "abroad.txt" in [one["filename"] for one in both.abroad.ask("GET", "/files/private/").json]
    assert both.first.ask("GET", "/files/private/abroad.txt").status == 404
    link = both.abroad.ask("GET", "/files/private/abroad.txt").headers["location"]
    assert ask(both.server, "GET", link).body == b"abroad"


def test_a_device_in_global_acts_in_a_role_of_its_operator(both: Coverages) -> None:
    role = {"permission": document(allow("FileEntry:getFile"))}
    assert both.first.ask("POST", "/operators/OP/roles/reading", role).status == 200
    path = f"/groups/{both.group['groupId']}/configuration/SoracomHarvestFiles"
    assert both.abroad.ask("PUT", path, [{"key": "assumedRoleId", "value": "reading"}]).status == 200
    with connect(both.server.door_http, "127.9.9.9") as door:
        door.sendall(head("PUT", "/refused.txt", {"Host": "harvest-files.soracom.io"}, b"refused"))
        assert read(door).status == 403
    assert both.abroad.ask("DELETE", f"{path}/assumedRoleId").status == 204


def test_an_export_in_global_holds_what_is_there_and_is_told_there_alone(both: Coverages) -> None:
    begun = both.abroad.ask("POST", "/subscribers/export?export_mode=async").json["exportedFileId"]
    assert both.first.ask("GET", f"/files/exported/{begun}").status == 404
    url = both.abroad.ask("POST", "/subscribers/export").json["url"]
    lines = ask(both.server, "GET", "/downloads/" + url.partition("/downloads/")[2]).body.decode()
    assert both.sim["simId"] in lines
    assert both.first.operator_id in lines
    assert SIM_ID not in lines


def test_operator_ids_are_the_same_in_both(both: Coverages) -> None:
    assert both.sim["operatorId"] == both.group["operatorId"] == both.first.operator_id
    assert both.abroad.ask("GET", "/operators/OP").status == 200


def test_a_user_made_in_one_is_there_in_the_other_with_the_same_rights(both: Coverages) -> None:
    assert both.abroad.ask("POST", "/operators/OP/users/traveller", {"description": ""}).status == 201
    assert both.first.ask("GET", "/operators/OP/users/traveller").status == 200
    reader = both.first.user("groups-only", allow("Group:list*"))
    assert (reader.ask("GET", "/groups").status, reader.at(GLOBAL).ask("GET", "/groups").status) == (200, 200)
    assert (reader.ask("GET", "/sims").status, reader.at(GLOBAL).ask("GET", "/sims").status) == (403, 403)


def test_a_session_may_move_from_one_s_sim_in_japan_to_one_s_sim_in_global(both: Coverages) -> None:
    assert both.first.ask("PUT", "/minori/sessions/127.9.9.10", {"imsi": IMSI}).status == 201
    assert both.abroad.ask("PUT", "/minori/sessions/127.9.9.10", {"simId": both.sim["simId"]}).status in (200, 201)
    assert both.first.ask("GET", "/minori/sessions/127.9.9.10").status == 404
    assert both.abroad.ask("GET", "/minori/sessions/127.9.9.10").status == 200


def test_the_host_of_a_whole_target_counts(both: Coverages) -> None:
    target = f"http://{GLOBAL}/v1/sims"
    reply = send(both.server, head("GET", target, {**both.first.headers, "Host": "api.soracom.io"}))
    assert [one["simId"] for one in reply.json] == [both.sim["simId"]]


@pytest.mark.parametrize(("coverage", "host"), [("global", "api.soracom.io"), ("japan", GLOBAL)])
def test_a_listener_with_a_coverage_of_its_own_does_not_ask_the_host(serve: Serve, coverage: str, host: str) -> None:
    server = serve("--coverage", coverage)
    shown = ask(server, "GET", "/v1/sims", {**server.login(), "Host": host}).json
    assert [one["simId"] for one in shown] == ([] if coverage == "global" else [SIM_ID])


def test_an_imported_sim_is_in_the_coverage_that_was_named(serve: Serve) -> None:
    server = serve()
    table = server.data_dir.with_name("sims.csv")
    table.write_text("imsi\n001010000000777\n")
    assert minori(server, "sim", "import", str(table), "--coverage", "global").returncode == 0
    listed = {name: minori(server, "sim", "list", "--coverage", name).stdout for name in ("japan", "global")}
    assert ("001010000000777" in listed["global"], "001010000000777" in listed["japan"]) == (True, False)


def test_an_operator_goes_with_what_it_has_in_both(serve: Serve) -> None:
    server = serve()
    credentials = other_operator(server, "gone@example.com")
    table = server.data_dir.with_name("sims.csv")
    table.write_text("imsi\n001010000000778\n")
    named = ("--operator", credentials["operatorId"], "--coverage", "global")
    assert minori(server, "sim", "import", str(table), *named).returncode == 0
    assert minori(server, "operator", "remove", credentials["operatorId"], "--yes").returncode == 0
    again = minori(server, "sim", "import", str(table), "--coverage", "global", "--json")
    assert json.loads(again.stdout)["imported"] == 1
