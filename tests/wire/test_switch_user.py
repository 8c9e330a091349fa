"""Trust policies, and switching to the users who have them."""

import json
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import jwt
import pytest

from people import Caller, allow, log_in, minori, other_operator, root
from serving import Server
from wire.asking import Reply, ask

READ = "/data/Subscriber/001010000000001"
SWITCH = allow("Auth:switchUser", "Operator:generateAuthToken")
STATUS = {"allowed": 200, "refused": 400}


def told(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.json["code"]


def srn(caller: Caller, name: str | None = None) -> str:
    operator_id = caller.operator_id
    return f"srn:soracom:{operator_id}::" + (f"Operator:{operator_id}" if name is None else f"User:{name}")


def rule(*holders: str, effect: str = "allow", **more: str) -> dict[str, Any]:
    return {"effect": effect, "principal": {"soracom": list(holders)}, **more}


class Stage:
    """An operator with a user to switch from and one to switch to, who may read data."""

    def __init__(self, server: Server) -> None:
        mark = uuid4().hex[:10]
        self.server, self.boss = server, root(server)
        self.from_name, self.to_name = f"from{mark}", f"to{mark}"
        self.origin = self.boss.user(self.from_name, SWITCH)
        self.target = self.boss.user(self.to_name, allow("DataEntry:*", "User:getUser", "Auth:switchUser"))

    @property
    def at(self) -> str:
        return f"/operators/OP/users/{self.to_name}"

    def trust(self, *statements: dict[str, Any]) -> None:
        policy = json.dumps({"statements": statements})
        reply = self.boss.ask("PUT", f"{self.at}/trust_policy", {"trustPolicy": policy})
        assert (reply.status, reply.body) == (204, b"")

    def switch(self, caller: Caller, **more: Any) -> Reply:
        asked = {"operatorId": self.boss.operator_id, "userName": self.to_name, **more}
        return caller.ask("POST", "/auth/switch_user", asked)

    def switched(self, caller: Caller | None = None) -> Caller:
        reply = self.switch(caller or self.origin)
        assert reply.status == 200, reply.body
        pair = {"X-Soracom-API-Key": reply.json["apiKey"], "X-Soracom-Token": reply.json["token"]}
        return Caller(self.server, reply.json["operatorId"], pair)

    def strike(self) -> None:
        for name in (self.from_name, self.to_name):
            root(self.server).ask("DELETE", f"/operators/OP/users/{name}")


@pytest.fixture
def stage(server: Server) -> Iterator[Stage]:
    set_up = Stage(server)
    yield set_up
    set_up.strike()


def test_a_trust_policy_is_set_read_and_removed_with_the_spec_s_statuses(stage: Stage) -> None:
    at = f"{stage.at}/trust_policy"
    assert (stage.boss.ask("GET", at).status, stage.boss.ask("GET", at).json) == (200, {})
    text = ' {"statements": [ {"effect":"allow", "principal":{"service":["Flux"]}} ]}\n'
    assert stage.boss.ask("PUT", at, {"trustPolicy": text}).status == 204
    assert stage.boss.ask("GET", at).json == {"trustPolicy": text}
    wrong = stage.boss.ask("PUT", at, {"trustPolicy": '{"statements":[\n{"effect":"maybe"}]}'})
    assert told(wrong) == (400, "MNR0028")
    assert wrong.json["message"].startswith("The trust policy is wrong at line 2, column 11: expected ")
    bodies: list[Any] = [{}, {"trustPolicy": {"statements": []}}, []]
    assert {told(stage.boss.ask("PUT", at, body)) for body in bodies} == {(400, "COM0001")}
    assert stage.boss.ask("GET", at).json == {"trustPolicy": text}
    assert [stage.boss.ask("DELETE", at).status for _ in range(2)] == [204, 204]
    assert stage.boss.ask("GET", at).json == {}
    asked = [("GET", None), ("PUT", {"trustPolicy": text}), ("DELETE", None)]
    assert [
        stage.boss.ask(method, "/operators/OP/users/nobody/trust_policy", body).status for method, body in asked
    ] == [404] * 3


def test_who_is_trusted_becomes_the_other_user_and_can_do_what_that_one_may(stage: Stage) -> None:
    stage.trust(rule(srn(stage.boss, stage.from_name)))
    reply = stage.switch(stage.origin)
    assert (reply.status, set(reply.json)) == (200, {"apiKey", "token", "operatorId", "userName"})
    assert (reply.json["operatorId"], reply.json["userName"]) == (stage.boss.operator_id, stage.to_name)
    switched = stage.switched()
    assert switched.ask("GET", READ).status == 200
    assert switched.ask("GET", "/subscribers").json["message"].startswith(f"SAM user '{stage.to_name}' doesn't have")
    assert stage.origin.ask("GET", READ).status == 403, "the caller keeps his own rights"
    assert switched.ask("POST", "/auth/logout").status == 204
    assert (switched.ask("GET", READ).status, stage.switched().ask("GET", READ).status) == (401, 200)


def test_a_root_user_switches_where_he_is_trusted_and_his_users_do_not_with_him(stage: Stage) -> None:
    assert told(stage.switch(stage.boss)) == (400, "MNR0044")
    stage.trust(rule(srn(stage.boss)))
    assert stage.switch(stage.boss).status == 200
    assert told(stage.switch(stage.origin)) == (400, "MNR0044"), "an operator's SRN is its root user's"
    stage.trust(rule(srn(stage.boss, stage.from_name)))
    assert told(stage.switch(stage.boss)) == (400, "MNR0044")


def test_the_permission_to_switch_is_needed_too(stage: Stage) -> None:
    stage.trust(rule(srn(stage.boss, stage.from_name)))
    stage.boss.ask("DELETE", f"/operators/OP/users/{stage.from_name}/permission")
    assert told(stage.switch(stage.origin)) == (403, "AUM0017")


def test_what_is_not_allowed_is_refused_in_one_sentence_whoever_exists(stage: Stage) -> None:
    stage.trust(rule(srn(stage.boss, "somebody")))
    refused = [
        stage.switch(stage.origin),
        stage.switch(stage.origin, userName=stage.from_name),
        stage.switch(stage.origin, userName="nobody"),
        stage.switch(stage.origin, operatorId="OP9999999999"),
        stage.switch(stage.origin, userName="*"),
        stage.switch(stage.origin, userName="a\u0000b"),
        stage.switch(stage.boss),
    ]
    stage.trust()
    refused += [stage.switch(stage.origin)]
    stage.boss.ask("DELETE", f"{stage.at}/trust_policy")
    refused += [stage.switch(stage.origin)]
    assert {(reply.status, reply.body) for reply in refused} == {(400, refused[0].body)}
    assert refused[0].json["code"] == "MNR0044"


def test_nobody_switches_to_himself_or_on_from_where_he_switched_to(stage: Stage) -> None:
    everybody = [srn(stage.boss), srn(stage.boss, stage.from_name), srn(stage.boss, stage.to_name)]
    stage.trust(rule(*everybody))
    assert told(stage.switch(stage.target)) == (400, "MNR0044")
    switched = stage.switched()
    back = json.dumps({"statements": [rule(*everybody)]})
    stage.boss.ask("PUT", f"/operators/OP/users/{stage.from_name}/trust_policy", {"trustPolicy": back})
    assert told(stage.switch(switched, userName=stage.from_name)) == (400, "MNR0044")
    assert stage.switch(stage.target, userName=stage.from_name).status == 200


@pytest.mark.parametrize(
    ("statements", "outcome"),
    [
        ([("allow", None), ("deny", None)], "refused"),
        ([("deny", "ipAddress('192.0.2.0/24')"), ("allow", None)], "allowed"),
        ([("deny", "pathVariable('user_name') == 'x'"), ("allow", None)], "refused"),
        ([("allow", "pathVariable('user_name') == 'x'")], "refused"),
        ([("allow", "ipAddress('127.0.0.0/8') and httpMethod == 'POST'")], "allowed"),
        ([("allow", "ipAddress('192.0.2.0/24')")], "refused"),
        ([("allow", "samUserName matches 'from.*'")], "allowed"),
        ([("allow", "samUserName matches 'to.*'")], "refused"),
        ([("allow", "currentDate < date(2001, 1, 1)")], "refused"),
        ([("deny", None)], "refused"),
    ],
)
def test_conditions_and_denials_count_as_in_permissions(
    stage: Stage, statements: list[tuple[str, str | None]], outcome: str
) -> None:
    who = srn(stage.boss, stage.from_name)
    rules = [rule(who, effect=effect, **({"condition": held} if held else {})) for effect, held in statements]
    stage.trust(*rules)
    assert stage.switch(stage.origin).status == STATUS[outcome]


@pytest.mark.parametrize("seconds", [0, 179, 3601, 172_800, "180", 180.0, True])
def test_a_life_outside_its_bounds_is_refused(stage: Stage, seconds: Any) -> None:
    stage.trust(rule(srn(stage.boss, stage.from_name)))
    assert told(stage.switch(stage.origin, tokenTimeoutSeconds=seconds)) == (400, "COM0001")


def test_a_switch_lives_for_an_hour_at_most_and_is_not_renewed(stage: Stage) -> None:
    stage.trust(rule(srn(stage.boss, stage.from_name)))
    for asked, life in (({}, 3600), ({"tokenTimeoutSeconds": None}, 3600), ({"tokenTimeoutSeconds": 180}, 180)):
        payload = jwt.decode(stage.switch(stage.origin, **asked).json["token"], options={"verify_signature": False})
        assert payload["exp"] - payload["iat"] == life
    renewal = stage.switched().ask("POST", "/operators/OP/token", {"tokenTimeoutSeconds": 172_800})
    assert told(renewal) == (400, "COM0001")
    assert "switch again" in renewal.json["message"]


@pytest.mark.parametrize("missing", ["operatorId", "userName"])
@pytest.mark.parametrize("value", [None, "", 1])
def test_a_switch_names_its_user_whole(stage: Stage, missing: str, value: Any) -> None:
    assert told(stage.switch(stage.origin, **{missing: value})) == (400, "COM0001")


def _ended(stage: Stage) -> dict[str, Any]:
    boss, at = stage.boss, stage.at
    origin = f"/operators/OP/users/{stage.from_name}"
    policy = {"trustPolicy": json.dumps({"statements": [rule(srn(boss))]})}
    key_id = boss.ask("GET", f"{origin}/auth_keys").json[0]["authKeyId"]
    return {
        "the user's tokens are revoked": lambda: boss.ask("DELETE", f"{at}/tokens"),
        "the user is removed": lambda: boss.ask("DELETE", at),
        "the policy is changed": lambda: boss.ask("PUT", f"{at}/trust_policy", policy),
        "the policy is removed": lambda: boss.ask("DELETE", f"{at}/trust_policy"),
        "the caller's tokens are revoked": lambda: boss.ask("DELETE", f"{origin}/tokens"),
        "the caller's key is removed": lambda: boss.ask("DELETE", f"{origin}/auth_keys/{key_id}"),
        "the caller is removed": lambda: boss.ask("DELETE", origin),
        "the caller logs out": lambda: stage.origin.ask("POST", "/auth/logout"),
    }


def test_a_switch_ends_with_all_that_it_stands_on(server: Server) -> None:
    for what in _ended(Stage(server)):
        stage = Stage(server)
        stage.trust(rule(srn(stage.boss, stage.from_name)))
        switched = stage.switched()
        assert switched.ask("GET", READ).status == 200
        assert _ended(stage)[what]().status == 204, what
        assert switched.ask("GET", READ).status == 401, what
        stage.strike()


def test_a_switch_goes_on_while_nothing_of_that_changes(own_server: Server) -> None:
    stage = Stage(own_server)
    stage.trust(rule(srn(stage.boss, stage.from_name)))
    switched = stage.switched()
    stage.trust(rule(srn(stage.boss, stage.from_name)))
    renewed = stage.origin.ask("POST", "/operators/OP/token", {}).json["token"]
    again = stage.switched(stage.origin._replace(headers={**stage.origin.headers, "X-Soracom-Token": renewed}))
    own_server.restart()
    assert [each.ask("GET", READ).status for each in (switched, again)] == [200, 200]
    assert stage.origin.ask("POST", "/auth/logout").status == 204
    own_server.restart()
    assert [each.ask("GET", READ).status for each in (switched, again)] == [401, 401]


def test_users_of_another_operator_switch_where_they_are_trusted_until_it_is_removed(own_server: Server) -> None:
    stage = Stage(own_server)
    made = other_operator(own_server, "other@example.com")
    chief = log_in(own_server, authKeyId=made["authKeyId"], authKey=made["authKey"])
    guest = chief.user(stage.from_name, SWITCH)
    stage.trust(rule(srn(stage.boss, stage.from_name)))
    assert [told(stage.switch(who)) for who in (chief, guest)] == [(400, "MNR0044")] * 2, "a namesake is another"
    stage.trust(rule(srn(chief), srn(chief, stage.from_name)))
    switched = [stage.switched(who) for who in (chief, guest)]
    assert {each.operator_id for each in switched} == {stage.boss.operator_id}
    assert [each.ask("GET", READ).status for each in switched] == [200, 200]
    shown = switched[0].ask("GET", stage.at)
    assert (shown.status, shown.json["userName"]) == (200, stage.to_name)
    assert minori(own_server, "operator", "remove", made["operatorId"], "--yes").returncode == 0
    end = time.monotonic() + 20
    while chief.ask("GET", READ).status != 401:
        assert time.monotonic() < end
        time.sleep(0.1)
    assert [each.ask("GET", READ).status for each in switched] == [401, 401]


def test_the_audit_log_names_the_one_who_was_switched_to(stage: Stage) -> None:
    stage.trust(rule(srn(stage.boss, stage.from_name)))
    path = f"/data/Subscriber/{stage.to_name}"
    assert stage.switched().ask("GET", path).status == 200
    logged = stage.boss.ask("GET", "/audit_logs/api?limit=100").json
    assert [each["userName"] for each in logged if each["requestPath"] == f"/v1{path}"] == [stage.to_name]
    switches = [each["userName"] for each in logged if each["requestPath"] == "/v1/auth/switch_user"]
    assert stage.from_name in switches


def test_a_token_whose_origin_was_tampered_with_is_refused(stage: Stage) -> None:
    stage.trust(rule(srn(stage.boss, stage.from_name)))
    switched = stage.switched()
    head, payload, signature = switched.headers["X-Soracom-Token"].split(".")
    claims = jwt.decode(switched.headers["X-Soracom-Token"], options={"verify_signature": False})
    del claims["origin"]
    forged = jwt.encode(claims, "guess" * 8).split(".")[1]
    pair = {**switched.headers, "X-Soracom-Token": f"{head}.{forged}.{signature}"}
    assert ask(stage.server, "GET", f"/v1{READ}", pair).status == 401
    assert payload != forged
