"""Two operators of one server: neither sees, changes or removes anything of the other, whatever id or key he has."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from people import Caller, document, log_in, other_operator
from serving import Server
from wire.asking import ask
from wire.furnished import IMSI, MARK, SIM_ID, TIME, Furnished, asked


class Two(Furnished):
    """A server with two operators: the `first` has one of every kind of thing, the `other` nothing."""

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        made = other_operator(server, "other@example.com")
        self._key = {name: made[name] for name in ("authKeyId", "authKey")}

    @property
    def other(self) -> Caller:
        """The root user of the other operator, logged in anew: some calls end what they are made with."""
        return log_in(self.server, **self._key)


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
        for target in {path, path.replace(two.first.operator_id, other.operator_id)}:
            reply = other.ask("GET", asked(name, target))
            assert reply.status in (200, 400, 404), (name, reply)
            assert reply.status != 200 or not any(word.encode() in reply.body for word in mine), (name, reply)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_no_change_with_the_ids_of_another_operator_changes_anything_of_his(two: Two, method: str) -> None:
    bodies: list[Any] = [
        {"description": "stolen", "permission": document(), "groupId": two.ids["group_id"], "simId": SIM_ID},
        {"trustPolicy": '{"statements":[]}', "operatorId": two.first.operator_id, "userName": MARK},
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
            reply = other.ask("GET", f"{asked(name, path)}&last_evaluated_key={quote(key, safe='')}")
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
