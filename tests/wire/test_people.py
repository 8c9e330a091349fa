"""Users, roles, keys, passwords and what becomes of tokens, as programs see it."""

import json
from uuid import uuid4

import pytest

from people import Caller, allow, deny, document, log_in, root
from serving import Server
from wire.asking import Reply, ask

PASSWORD, OTHER_PASSWORD = "correct horse", "battery staple"
GUESSER = "127.0.0.77"
"""Where wrong guesses come from here: they slow down who makes them."""
READ = "/data/Subscriber/001010000000001"


@pytest.fixture
def boss(server: Server) -> Caller:
    """The root user."""
    return root(server)


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"u{uuid4().hex[:12]}"

    return lambda: None


@pytest.fixture(autouse=True)
def _tidy(boss: Caller, name: str) -> object:
    """There may be only so many users."""
    yield
    boss = root(boss.server)
    boss.ask("DELETE", f"/operators/OP/users/{name}")
    boss.ask("DELETE", f"/operators/OP/roles/{name}")


def refused(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.json["code"]


def test_a_user_is_made_read_changed_and_removed_with_the_spec_s_statuses(boss: Caller, name: str) -> None:
    at = f"/operators/OP/users/{name}"
    made = boss.ask("POST", at, {"description": "Night shift"})
    assert (made.status, made.body) == (201, b"")
    shown = boss.ask("GET", at).json
    times = {shown.pop("createDateTime"), shown.pop("updateDateTime")}
    assert all(1_600_000_000 < time < 100_000_000_000 for time in times), "seconds, not milliseconds"
    assert shown == {
        "userName": name,
        "description": "Night shift",
        "hasPassword": False,
        "authKeyList": [],
        "roleList": [],
    }
    assert boss.ask("POST", at, {}).status == 400
    assert boss.ask("PUT", at, {"description": "Day shift"}).status == 200
    assert boss.ask("GET", at).json["description"] == "Day shift"
    assert name in [user["userName"] for user in boss.ask("GET", "/operators/OP/users").json]
    assert boss.ask("DELETE", at).status == 204
    assert [boss.ask(method, at, body).status for method, body in (("GET", None), ("PUT", {}), ("DELETE", None))] == [
        404
    ] * 3


@pytest.mark.parametrize("bad", ["", "a%20b", "%2e", ".a", "a%2Fb", "%C3%A9", "a" * 65, "a%25", "default_permissions"])
def test_a_name_that_cannot_be_used_is_refused(boss: Caller, bad: str) -> None:
    assert boss.ask("POST", f"/operators/OP/users/{bad}", {}).status in (400, 404, 405)
    assert bad not in [user["userName"] for user in boss.ask("GET", "/operators/OP/users").json]


def test_passwords_are_set_once_changed_with_the_old_one_and_removed(boss: Caller, name: str) -> None:
    at = f"/operators/OP/users/{name}"
    boss.ask("POST", at, {})
    assert boss.ask("GET", f"{at}/password").json == {"hasPassword": False}
    assert refused(boss.ask("POST", f"{at}/password", {"password": "short"})) == (400, "AUM0010")
    assert boss.ask("POST", f"{at}/password", {"password": PASSWORD}).status == 201
    assert boss.ask("POST", f"{at}/password", {"password": OTHER_PASSWORD}).status == 400
    login = {"operatorId": boss.operator_id, "userName": name, "password": PASSWORD}
    reply = ask(boss.server, "POST", "/v1/auth", body=json.dumps(login).encode())
    assert (reply.status, set(reply.json)) == (200, {"apiKey", "token", "operatorId", "userName"})
    assert (reply.json["operatorId"], reply.json["userName"]) == (boss.operator_id, name)
    wrong = {"currentPassword": "wrong horse", "newPassword": OTHER_PASSWORD}
    assert boss.ask("PUT", f"{at}/password", wrong, GUESSER).status == 400
    assert boss.ask("PUT", f"{at}/password", {**wrong, "currentPassword": PASSWORD}).status == 200
    assert ask(boss.server, "POST", "/v1/auth", body=json.dumps(login).encode(), source=GUESSER).status == 401
    log_in(boss.server, **{**login, "password": OTHER_PASSWORD})
    assert [boss.ask("DELETE", f"{at}/password").status for _ in range(2)] == [204, 404]
    again = json.dumps({**login, "password": OTHER_PASSWORD}).encode()
    assert ask(boss.server, "POST", "/v1/auth", body=again, source=GUESSER).status == 401


def test_a_new_user_may_log_out_and_nothing_else(boss: Caller, name: str) -> None:
    user = boss.user(name)
    assert refused(user.ask("GET", READ)) == (403, "AUM0017")
    assert user.ask("POST", "/auth/logout").status == 204
    assert user.ask("GET", READ).status == 401


def test_a_right_counts_from_the_next_request_on_and_is_gone_at_once(boss: Caller, name: str) -> None:
    user = boss.user(name)
    at = f"/operators/OP/users/{name}/permission"
    assert user.ask("GET", READ).status == 403
    assert boss.ask("PUT", at, {"permission": document(allow("DataEntry:*")), "description": "x"}).status == 200
    assert boss.ask("GET", at).json == {"permission": document(allow("DataEntry:*"))}
    assert user.ask("GET", READ).status == 200
    assert boss.ask("DELETE", at).status == 204
    assert boss.ask("GET", at).json == {"permission": '{"statements":[]}'}
    assert user.ask("GET", READ).status == 403


def test_roles_are_attached_counted_and_cannot_be_removed_while_somebody_has_them(boss: Caller, name: str) -> None:
    user = boss.user(name)
    role, mine = f"/operators/OP/roles/{name}", f"/operators/OP/users/{name}/roles"
    made = boss.ask("POST", role, {"permission": document(allow("DataEntry:*")), "description": "Reads"})
    assert (made.status, made.json) == (200, {"roleId": name})
    assert boss.ask("POST", role, {"permission": document()}).status == 400
    assert boss.ask("POST", mine, {"roleId": "nobody"}).status == 404
    assert [boss.ask("POST", mine, {"roleId": name}).status for _ in range(2)] == [200, 200]
    assert user.ask("GET", READ).status == 200
    assert [each["roleId"] for each in boss.ask("GET", mine).json] == [name]
    assert [each["userName"] for each in boss.ask("GET", f"{role}/users").json] == [name]
    assert [each["roleId"] for each in boss.ask("GET", f"/operators/OP/users/{name}").json["roleList"]] == [name]
    assert refused(boss.ask("DELETE", role))[0] == 400
    assert boss.ask("PUT", role, {"permission": document(allow("FileEntry:*"))}).status == 200
    assert user.ask("GET", READ).status == 403
    shown = boss.ask("GET", role).json
    assert (shown["permission"], shown["description"], shown["owner"]) == (
        document(allow("FileEntry:*")),
        "Reads",
        "operator",
    )
    assert [boss.ask("DELETE", f"{mine}/{name}").status for _ in range(2)] == [200, 404]
    assert [boss.ask("DELETE", role).status for _ in range(2)] == [204, 404]


def test_roles_are_listed_by_whose_they_are(boss: Caller, name: str) -> None:
    boss.ask("POST", f"/operators/OP/roles/{name}", {"permission": document()})

    def listed(query: str) -> bool:
        return name in [role["roleId"] for role in boss.ask("GET", f"/operators/OP/roles{query}").json]

    assert [listed(query) for query in ("", "?owner=operator", "?owner=all", "?owner=soracom")] == [
        True,
        True,
        True,
        False,
    ]
    assert boss.ask("GET", "/operators/OP/roles?owner=nobody").status == 400


def test_default_permissions_count_for_every_user_and_their_path_is_no_user_s(own_server: Server) -> None:
    boss = root(own_server)
    user = boss.user("anna", allow("DataEntry:*"))
    at = "/operators/OP/users/default_permissions"
    assert boss.ask("GET", at).json == {}
    assert boss.ask("DELETE", at).status == 404
    assert boss.ask("PUT", at, {"permissions": document(deny("DataEntry:*"))}).status == 202
    assert user.ask("GET", READ).status == 403
    assert boss.ask("GET", at).json == {"defaultPermissions": document(deny("DataEntry:*"))}
    assert boss.ask("DELETE", at).status == 204
    assert user.ask("GET", READ).status == 200


def test_a_document_that_cannot_be_read_is_refused_and_the_message_points_into_it(boss: Caller, name: str) -> None:
    boss.ask("POST", f"/operators/OP/users/{name}", {})
    text = '{"statements":[\n  {"effect":"maybe","api":"*"}]}'
    for method, path, body in (
        ("PUT", f"/operators/OP/users/{name}/permission", {"permission": text}),
        ("POST", f"/operators/OP/roles/{name}", {"permission": text}),
        ("PUT", "/operators/OP/users/default_permissions", {"permissions": text}),
    ):
        reply = boss.ask(method, path, body)
        assert refused(reply) == (400, "MNR0028")
        assert "line 2, column 13" in reply.json["message"]
    assert boss.ask("PUT", f"/operators/OP/users/{name}/permission", {"permission": {"statements": []}}).status == 400


def test_only_roles_of_soracom_have_versions_and_there_are_none(boss: Caller, name: str) -> None:
    assert boss.ask("POST", f"/operators/OP/roles/{name}", {"permission": document()}).status == 200
    asked = (name, "nobody", "srn:soracom:::Role:SIM-Viewer", "srn%3Asoracom%3A%3A%3ARole%3Ax")
    replies = [boss.ask("GET", f"/operators/OP/roles/{role_id}/versions") for role_id in asked]
    assert [refused(reply) for reply in replies] == [(400, "COM0001")] * 2 + [(404, "MNR0010")] * 2


def test_conditions_see_the_call(boss: Caller, name: str) -> None:
    own = "pathVariable('user_name') == samUserName"
    user = boss.user(
        name,
        allow("User:getUser", condition=own),
        allow("DataEntry:getDataEntries", condition="pathVariable('resource_id') matches '00101.*'"),
        allow("FileEntry:putFile", condition="pathVariable('path') matches 'up/.*' and httpMethod == 'PUT'"),
        allow("FileEntry:listFiles", condition="pathVariable('path') == 'up/'"),
        allow("DataEntry:listDataSourceResources", condition="ipAddress('127.0.0.0/8')"),
        allow("Subscriber:listSubscribers", condition="ipAddress('192.0.2.0/24')"),
    )
    asked = {
        ("GET", f"/operators/OP/users/{name}"): 200,
        ("GET", "/operators/OP/users/somebody"): 403,
        ("GET", "/data/Subscriber/001019999999999"): 200,
        ("GET", "/data/Subscriber/002010000000000"): 403,
        ("PUT", f"/files/private/up/{name}"): 201,
        ("PUT", f"/files/private//up%2F{name}"): 200,
        ("PUT", f"/files/private/down/{name}"): 403,
        ("PUT", f"/files/private/UP/{name}"): 403,
        ("GET", "/files/private/up/"): 200,
        ("GET", "/files/private/"): 403,
        ("GET", "/data/resources"): 200,
        ("GET", "/subscribers"): 403,
    }
    sent = {call: user.ask(*call, b"1" if call[0] == "PUT" else None).status for call in asked}
    assert sent == asked


def test_a_key_works_until_it_is_removed_and_so_do_its_tokens(boss: Caller, name: str) -> None:
    user = boss.user(name, allow("*"))
    at = f"/operators/OP/users/{name}/auth_keys"
    made = boss.ask("POST", at)
    assert (made.status, set(made.json)) == (200, {"authKeyId", "authKey"})
    second = log_in(boss.server, **made.json)
    listed = boss.ask("GET", at).json
    assert [set(key) for key in listed] == [{"authKeyId", "createDateTime", "lastUsedDateTime"}] * 2
    key_id = made.json["authKeyId"]
    assert boss.ask("GET", f"{at}/{key_id}").json in listed
    assert boss.ask("DELETE", f"/operators/OP/auth_keys/{key_id}").status == 404, "it is not the root user's"
    assert boss.ask("DELETE", f"{at}/{key_id}").status == 204
    assert (second.ask("GET", READ).status, user.ask("GET", READ).status) == (401, 200)
    assert ask(boss.server, "POST", "/v1/auth", body=json.dumps(made.json).encode(), source=GUESSER).status == 401
    assert boss.ask("DELETE", f"{at}/{key_id}").status == 404


def test_the_root_user_s_key_is_made_with_201_and_a_user_s_with_200(boss: Caller, name: str) -> None:
    made = boss.ask("POST", "/operators/OP/auth_keys")
    assert (made.status, made.json["authKeyId"][:6], made.json["authKey"][:7]) == (201, "keyId-", "secret-")
    again = log_in(boss.server, **made.json)
    key_id = made.json["authKeyId"]
    assert key_id in [key["authKeyId"] for key in boss.ask("GET", "/operators/OP/auth_keys").json]
    assert boss.ask("DELETE", f"/operators/OP/auth_keys/{key_id}").status == 204
    assert again.ask("GET", READ).status == 401


def test_a_removed_user_s_tokens_end_and_a_namesake_does_not_inherit_them(boss: Caller, name: str) -> None:
    old = boss.user(name, allow("*"))
    key_id = boss.ask("GET", f"/operators/OP/users/{name}/auth_keys").json[0]["authKeyId"]
    assert boss.ask("DELETE", f"/operators/OP/users/{name}").status == 204
    assert old.ask("GET", READ).status == 401
    boss.user(name, allow("*"))
    assert old.ask("GET", READ).status == 401
    assert boss.ask("GET", f"/operators/OP/users/{name}/auth_keys/{key_id}").status == 404


def test_revoking_ends_every_token_of_a_user_and_no_other(boss: Caller, name: str) -> None:
    user = boss.user(name, allow("*"))
    renewed = user.ask("POST", "/operators/OP/token", {}).json["token"]
    assert boss.ask("DELETE", f"/operators/OP/users/{name}/tokens").status == 204
    for token in (user.headers["X-Soracom-Token"], renewed):
        pair = {**user.headers, "X-Soracom-Token": token}
        assert ask(boss.server, "GET", f"/v1{READ}", pair).status == 401
    assert user.ask("POST", "/operators/OP/token", {}).status == 401
    assert boss.ask("GET", READ).status == 200


def test_revoking_the_root_user_s_tokens_ends_that_of_the_call_too(own_server: Server) -> None:
    boss = root(own_server)
    user = boss.user("anna", allow("*"))
    assert boss.ask("DELETE", "/operators/OP/tokens").status == 204
    assert (boss.ask("GET", READ).status, user.ask("GET", READ).status) == (401, 200)
    assert root(own_server).ask("GET", READ).status == 200


def test_all_of_it_is_there_after_a_restart(own_server: Server) -> None:
    user = root(own_server).user("anna", allow("DataEntry:*"))
    own_server.restart()
    user = Caller(own_server, user.operator_id, user.headers)
    assert (user.ask("GET", READ).status, user.ask("GET", "/subscribers").status) == (200, 403)


def test_there_are_no_more_users_roles_and_keys_than_may_be(own_server: Server) -> None:
    boss = root(own_server)
    users = [boss.ask("POST", f"/operators/OP/users/u{number}", {}).status for number in range(51)]
    roles = [
        boss.ask("POST", f"/operators/OP/roles/r{number}", {"permission": document()}).status for number in range(21)
    ]
    keys = [boss.ask("POST", "/operators/OP/users/u1/auth_keys").status for _ in range(11)]
    assert (users, roles, keys) == ([201] * 50 + [400], [200] * 20 + [400], [200] * 10 + [400])


def test_the_operator_is_read_with_its_dates_as_text(boss: Caller) -> None:
    shown = boss.ask("GET", "/operators/OP").json
    assert set(shown) == {"operatorId", "rootOperatorId", "email", "description", "createDate", "updateDate"}
    assert shown["email"] == "root@minori.invalid"
    assert shown["createDate"][10] == "T"


def test_the_root_password_is_changed_by_whoever_knows_it(own_server: Server) -> None:
    boss = root(own_server)
    wrong = {"currentPassword": "wrong horse", "newPassword": OTHER_PASSWORD}
    assert boss.ask("POST", "/operators/OP/password", wrong).status == 400
    right = {**wrong, "currentPassword": own_server.credentials["password"]}
    assert boss.ask("POST", "/operators/OP/password", right).status == 200
    assert boss.ask("GET", READ).status == 200
    log_in(own_server, email="root@minori.invalid", password=OTHER_PASSWORD)


def test_asking_for_a_reset_token_tells_nothing(server: Server) -> None:
    for email in ("root@minori.invalid", "nobody@example.com"):
        body = json.dumps({"email": email}).encode()
        reply = ask(server, "POST", "/v1/auth/password_reset_token/issue", body=body)
        assert (reply.status, reply.body) == (200, b"")


def test_passwords_of_users_are_guessed_no_faster_by_who_is_logged_in(own_server: Server) -> None:
    boss = root(own_server)
    boss.user("anna")
    boss.ask("POST", "/operators/OP/users/anna/password", {"password": PASSWORD})
    wrong = {"currentPassword": "wrong horse", "newPassword": OTHER_PASSWORD}
    assert {boss.ask("PUT", "/operators/OP/users/anna/password", wrong).status for _ in range(5)} == {400}
