"""The audit log: every call whose operator is known is in it, with what became of it, and nothing that is secret."""

import json
import shutil
import time
from collections.abc import Iterator
from typing import Any, NamedTuple
from uuid import uuid4

import pytest

from minori.api.operation import OpenRoute
from minori.api.routes import ROUTES
from minori.service.audit import GUESSES
from people import Caller, allow, deny, log_in, minori, other_operator, root
from serving import Serve, Server
from wire.asking import Reply, ask, connect, head, read

GUESSER = "127.0.0.77"
"""Where wrong guesses come from here: they slow down who makes them."""

EMAIL = "root@minori.invalid"


class Seen(NamedTuple):
    """What the tests ask of an entry."""

    method: str
    kind: str
    path: str
    status: int
    user: str | None


class House:
    """A server with the root users of two operators."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.root = root(server)
        made = other_operator(server, "other@example.com")
        self.other = log_in(server, authKeyId=made["authKeyId"], authKey=made["authKey"])
        self.reader = self.root.user("reader", allow("Sim:*", "AuditLog:getApiAuditLogs"))
        self.blind = self.root.user("blind", allow("*"), deny("AuditLog:*"))
        assert self.root.ask("PUT", "/files/private/there.txt", b"x").status == 201


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with Server(tmp_path_factory.mktemp("audit") / "data") as server:
        yield House(server)


def entries(caller: Caller, query: str = "limit=1000") -> list[dict[str, Any]]:
    reply = caller.ask("GET", f"/audit_logs/api?{query}")
    assert reply.status == 200, reply.body
    found: list[dict[str, Any]] = reply.json
    return found


def newest(caller: Caller) -> Seen:
    """The newest entry but for those of reading the log."""
    entry = next(each for each in entries(caller) if each["apiKind"] != "/v1/audit_logs/api")
    return Seen(
        entry["requestMethod"],
        entry["apiKind"],
        entry["requestPath"],
        entry["statusCode"],
        entry.get("userName"),
    )


def count(caller: Caller) -> int:
    """How many entries there are but for those of reading the log."""
    return sum(each["apiKind"] != "/v1/audit_logs/api" for each in entries(caller))


CALLS = [
    ("GET", "/sims", None, "/v1/sims", 200),
    ("HEAD", "/sims", None, "/v1/sims", 200),
    ("GET", "/sims/8981100000000000001", None, "/v1/sims/{sim_id}", 200),
    ("GET", "/data/Subscriber/001010000000001", None, "/v1/data/{resource_type}/{resource_id}", 200),
    ("PUT", "/files/private/a/b.txt", b"x", "/v1/files/{scope}/{path}", 201),
    ("GET", "/files/private/there.txt", None, "/v1/files/{scope}/{path}", 302),
    ("GET", "/files/private//a%2Fb+%E5%AE%9F/", None, "/v1/files/{scope}/{path}/", 404),
    ("DELETE", "/data/Subscriber/nobody/1", None, "/v1/data/{resource_type}/{resource_id}/{time}", 204),
    ("GET", "/data/Nothing/1", None, "/v1/data/{resource_type}/{resource_id}", 400),
    ("GET", "/data/Subscriber/1?limit=none", None, "/v1/data/{resource_type}/{resource_id}", 400),
    ("POST", "/groups", b"no JSON", "/v1/groups", 400),
    ("GET", "/groups/nobody", None, "/v1/groups/{group_id}", 404),
    ("GET", "/operators/OP0000000000", None, "/v1/operators/{operator_id}", 404),
    ("PUT", "/files/private/" + "d/" * 17 + "x", b"x", "", 400),
    ("POST", "/operators/OP0000000000/token", b"{}", "/v1/operators/{operator_id}/token", 404),
    ("PUT", "/sims/1/tags", bytes(2_000_000), "/v1/sims/{sim_id}/tags", 413),
]


@pytest.mark.parametrize(("method", "path", "body", "kind", "status"), CALLS)
def test_a_call_is_in_the_log_with_its_status_and_its_path_as_it_was_sent(
    house: House, method: str, path: str, body: bytes | None, kind: str, status: int
) -> None:
    before = count(house.root)
    assert house.root.ask(method, path, body).status == status
    if kind:
        sent = f"/v1{path}".partition("?")[0]
        assert newest(house.root) == Seen(method, kind, sent, status, None)
    assert count(house.root) == before + bool(kind), "once, and only what is an operation"


def test_an_entry_has_the_documented_members_and_the_time_at_which_the_call_came_in(house: House) -> None:
    before = time.time_ns() // 1_000_000
    house.reader.ask("GET", "/sims")
    after = time.time_ns() // 1_000_000
    entry = entries(house.reader, "limit=1")[0]
    assert before <= entry.pop("requestedTimeEpochMs") <= after
    assert entry == {
        "apiKind": "/v1/sims",
        "operatorId": house.root.operator_id,
        "remoteIpAddress": "127.0.0.1",
        "requestMethod": "GET",
        "requestPath": "/v1/sims",
        "statusCode": 200,
        "userName": "reader",
    }


def test_what_a_user_may_not_do_is_in_the_log_too(house: House) -> None:
    assert house.reader.ask("DELETE", "/groups/nobody").status == 403
    assert newest(house.root) == Seen("DELETE", "/v1/groups/{group_id}", "/v1/groups/nobody", 403, "reader")


def test_the_log_is_read_by_whoever_may_and_by_nobody_else(house: House) -> None:
    assert house.reader.ask("GET", "/audit_logs/api").status == 200
    refused = house.blind.ask("GET", "/audit_logs/api")
    assert refused.status == 403
    assert "'AuditLog:getApiAuditLogs'" in refused.json["message"]
    kinds = {
        (entry.get("userName"), entry["statusCode"]) for entry in entries(house.root, "api_kind=/v1/audit_logs/api")
    }
    assert kinds >= {("reader", 200), ("blind", 403)}


def test_another_operator_sees_his_own_calls_and_no_other(house: House) -> None:
    mark = uuid4().hex
    house.root.ask("GET", f"/groups/{mark}")
    house.other.ask("GET", "/groups/mine")
    found = entries(house.other)
    assert {entry["operatorId"] for entry in found} == {house.other.operator_id}
    assert mark not in json.dumps(found)
    assert {entry["operatorId"] for entry in entries(house.root)} == {house.root.operator_id}
    # What he does with the first one's ids is his own call.
    house.other.ask("GET", f"/operators/{house.root.operator_id}/users/{mark}")
    assert mark in json.dumps(entries(house.other))
    assert f"users/{mark}" not in json.dumps(entries(house.root))


def login(house: House, source: str = GUESSER, **body: Any) -> Reply:
    return ask(house.server, "POST", "/v1/auth", body=json.dumps(body).encode(), source=source)


def test_logins_are_in_the_log_with_whoever_they_were_of(house: House) -> None:
    credentials = house.server.credentials
    assert login(house, "127.0.0.1", email=EMAIL, password=credentials["password"]).status == 200
    assert newest(house.root) == Seen("POST", "/v1/auth", "/v1/auth", 200, None)
    at = "/operators/OP/users/reader"
    assert house.root.ask("POST", f"{at}/password", {"password": "correct horse"}).status == 201
    named = {"operatorId": house.root.operator_id, "userName": "reader"}
    assert login(house, "127.0.0.1", **named, password="correct horse").status == 200
    assert newest(house.root) == Seen("POST", "/v1/auth", "/v1/auth", 200, "reader")


def test_guesses_are_in_the_log_of_whom_they_name(house: House) -> None:
    operator_id = house.root.operator_id
    key = house.root.ask("POST", "/operators/OP/users/reader/auth_keys").json["authKeyId"]
    guesses: list[tuple[dict[str, str], str | None]] = [
        ({"email": f" {EMAIL.upper()}", "password": "wrong"}, None),
        ({"authKeyId": house.server.credentials["authKeyId"], "authKey": "wrong"}, None),
        ({"authKeyId": key, "authKey": "wrong"}, "reader"),
        ({"operatorId": operator_id, "userName": "reader", "password": "wrong"}, "reader"),
        ({"operatorId": operator_id, "userName": "nobody", "password": "wrong"}, None),
    ]
    for number, (guess, user) in enumerate(guesses):
        before = count(house.root)
        assert login(house, f"127.7.{number}.1", **guess).status == 401
        assert newest(house.root) == Seen("POST", "/v1/auth", "/v1/auth", 401, user)
        assert count(house.root) == before + 1
    assert entries(house.root, "api_kind=/v1/auth")[0]["remoteIpAddress"] == "127.7.4.1"


def test_what_names_nobody_and_what_nobody_proved_is_in_no_log(house: House) -> None:
    before = [count(each) for each in (house.root, house.other)]
    login(house, "127.8.0.1", email="nobody@example.com", password="wrong")
    login(house, "127.8.0.2", operatorId="OP0000000000", userName="reader", password="wrong")
    login(house, "127.8.0.3", authKeyId="keyId-nobody", authKey="wrong")
    pair = house.root.headers
    for headers in ({}, pair | {"X-Soracom-Token": "wrong"}, {"X-Soracom-API-Key": pair["X-Soracom-API-Key"]}):
        assert ask(house.server, "GET", "/v1/sims", headers).status == 401
    assert house.root.ask("GET", "/nothing/of/the/kind").status == 404
    assert house.root.ask("PATCH", "/sims").status == 405
    assert [count(each) for each in (house.root, house.other)] == before


def test_pages_doors_and_links_are_in_no_log(house: House) -> None:
    assert house.root.ask("PUT", "/files/private/link.txt", b"x").status in (200, 201)
    link = house.root.ask("GET", "/files/private/link.txt").headers["location"]
    before = count(house.root)
    assert ask(house.server, "GET", link, house.root.headers).status == 200
    for page in ("/", "/healthz", "/metrics", "/docs", "/openapi.json"):
        ask(house.server, "GET", page, house.root.headers)
    with connect(house.server.door_http) as door:
        door.sendall(head("POST", "/", {}, b'{"n":1}'))
        assert read(door).status == 201
    assert count(house.root) == before


def test_a_renewed_token_an_ended_one_and_a_logout_are_in_the_log(house: House) -> None:
    caller = log_in(house.server, **{name: house.server.credentials[name] for name in ("authKeyId", "authKey")})
    kind, path = "/v1/operators/{operator_id}/token", f"/v1/operators/{caller.operator_id}/token"
    assert caller.ask("POST", "/operators/OP/token", {}).status == 200
    assert newest(house.root) == Seen("POST", kind, path, 200, None)
    assert caller.ask("POST", "/operators/OP/token", {"tokenTimeoutSeconds": 0}).status == 400
    assert newest(house.root) == Seen("POST", kind, path, 400, None)
    assert caller.ask("POST", "/auth/logout").status == 204
    assert newest(house.root) == Seen("POST", "/v1/auth/logout", "/v1/auth/logout", 204, None)
    before = count(house.root)
    assert caller.ask("POST", "/operators/OP/token", {}).status == 401
    assert count(house.root) == before


def test_a_password_that_is_reset_is_in_the_log_and_so_is_asking_for_it(house: House) -> None:
    made = other_operator(house.server, "forgetful@example.com")
    whose = log_in(house.server, authKeyId=made["authKeyId"], authKey=made["authKey"])
    at = "/v1/auth/password_reset_token"
    before = count(whose)
    for email in ("forgetful@example.com", "nobody@example.com"):
        assert ask(house.server, "POST", f"{at}/issue", body=json.dumps({"email": email}).encode()).status == 200
    assert newest(whose) == Seen("POST", f"{at}/issue", f"{at}/issue", 200, None)
    assert count(whose) == before + 1
    token = minori(house.server, "operator", "reset-password", "forgetful@example.com").stdout.strip()
    body = json.dumps({"token": token, "password": "battery staple"}).encode()
    assert ask(house.server, "POST", f"{at}/verify", body=body).status == 200
    again = log_in(house.server, email="forgetful@example.com", password="battery staple")
    assert [(entry["requestPath"], entry["statusCode"]) for entry in entries(again)[:2]] == [
        ("/v1/auth", 200),
        (f"{at}/verify", 200),
    ]


def test_switching_to_another_operator_s_user_is_in_the_logs_of_both(house: House) -> None:
    kind = "/v1/auth/switch_user"
    srn = f"srn:soracom:{house.other.operator_id}::Operator:{house.other.operator_id}"
    trust = json.dumps({"statements": [{"effect": "allow", "principal": {"soracom": [srn]}}]})
    assert house.root.ask("PUT", "/operators/OP/users/reader/trust_policy", {"trustPolicy": trust}).status == 204
    before = count(house.root)
    for user, status in (("reader", 200), ("blind", 400)):
        body = {"operatorId": house.root.operator_id, "userName": user}
        assert house.other.ask("POST", "/auth/switch_user", body).status == status
        assert newest(house.other) == Seen("POST", kind, kind, status, None)
        assert newest(house.root) == Seen("POST", kind, kind, status, user)
    assert count(house.root) == before + 2
    within = {"operatorId": house.root.operator_id, "userName": "blind"}
    assert house.reader.ask("POST", "/auth/switch_user", within).status == 403
    assert count(house.root) == before + 3, "once, where both are of one operator"


def test_a_stranger_fills_nobody_s_log(house: House) -> None:
    made = other_operator(house.server, "pestered@example.com")
    whose = log_in(house.server, authKeyId=made["authKeyId"], authKey=made["authKey"])
    before, calls = count(whose), 2 * GUESSES + 10
    body = json.dumps({"email": "pestered@example.com"}).encode()
    with connect(house.server.api) as connection:
        for _ in range(calls):
            connection.sendall(head("POST", "/v1/auth/password_reset_token/issue", {}, body))
            assert read(connection).status == 200
    # The calls may fall into two minutes.
    assert GUESSES <= count(whose) - before <= 2 * GUESSES
    dropped = ask(house.server, "GET", "/metrics").body
    assert b'minori_audit_entries_dropped_total{reason="guesses"}' in dropped


def test_a_second_factor_that_is_reset_or_asked_to_be_is_in_the_log(house: House) -> None:
    at = "/v1/operators/mfa_revoke_token"
    body = json.dumps({"email": EMAIL}).encode()
    assert ask(house.server, "POST", f"{at}/issue", body=body).status == 200
    assert newest(house.root) == Seen("POST", f"{at}/issue", f"{at}/issue", 200, None)
    proof = {"email": EMAIL, "password": house.server.credentials["password"], "token": "wrong"}
    assert ask(house.server, "POST", f"{at}/verify", body=json.dumps(proof).encode()).status == 403
    assert newest(house.root) == Seen("POST", f"{at}/verify", f"{at}/verify", 403, None)
    proof["token"] = minori(house.server, "operator", "reset-mfa", EMAIL).stdout.strip()
    assert ask(house.server, "POST", f"{at}/verify", body=json.dumps(proof).encode()).status == 200
    assert newest(house.root) == Seen("POST", f"{at}/verify", f"{at}/verify", 200, None)


def test_every_operation_that_proves_its_caller_by_itself_is_one_whose_entries_are_tested_here() -> None:
    """Each has to say whose call it is; a new one belongs into a test above. Devices that publish are no callers."""
    assert {route.operation for route in ROUTES if isinstance(route, OpenRoute)} == {
        "auth",
        "generateAuthToken",
        "issuePasswordResetToken",
        "verifyPasswordResetToken",
        "issueMFARevokingToken",
        "verifyMFARevokingToken",
        "publish",
        "publishToPath",
    }


def test_a_long_path_is_kept_in_part(house: House) -> None:
    house.root.ask("GET", f"/groups/{'x' * 5000}")
    assert newest(house.root).path == f"/v1/groups/{'x' * 5000}"[:2048]


def test_neither_query_nor_body_nor_header_is_ever_kept(house: House) -> None:
    secret = f"secret{uuid4().hex}"
    caller = house.root
    caller.ask("GET", f"/sims?name={secret}&limit=1")
    caller.ask("GET", f"/groups/nobody?{secret}")
    caller.ask("PUT", f"/files/private/{uuid4().hex}?{secret}", secret.encode())
    caller.ask("POST", "/groups", {"tags": {"name": secret}})
    login(house, "127.9.0.1", email=EMAIL, password=secret)
    ask(house.server, "GET", "/v1/sims", caller.headers | {"X-More": secret, "User-Agent": secret})
    entries(caller)
    files = [path for path in house.server.data_dir.iterdir() if path.name.startswith("audit.sqlite")]
    kept = b"".join(path.read_bytes() for path in files)
    assert b"/v1/groups/nobody" in kept
    credentials = house.server.credentials
    told = [secret, credentials["authKey"], credentials["password"], *caller.headers.values()]
    assert [each for each in told if each.encode() in kept] == []


def test_what_fails_in_the_server_is_in_the_log(serve: Serve) -> None:
    server = serve()
    caller = root(server)
    shutil.rmtree(server.data_dir / "blobs")
    reply = caller.ask("PUT", "/files/private/a.txt", b"x")
    assert reply.status in (500, 503)
    assert newest(caller) == Seen("PUT", "/v1/files/{scope}/{path}", "/v1/files/private/a.txt", reply.status, None)
