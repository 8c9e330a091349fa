"""Wire requirements R1 and R9 to R14 as they touch logging in and out, over real sockets."""

import json
import re
from typing import Any

import pytest

from serving import Serve, Server
from wire.asking import ask

JSON = {"Content-Type": "application/json"}
STRANGER = "127.0.0.9"
"""Wrong guesses come from an address of their own, since they slow down every login from it."""


def key_pair(server: Server) -> dict[str, Any]:
    return {name: server.credentials[name] for name in ("authKeyId", "authKey")}


def log_in(server: Server, body: dict[str, Any], **headers: str) -> dict[str, str]:
    reply = ask(server, "POST", "/v1/auth", JSON | headers, json.dumps(body).encode())
    assert reply.status == 200
    pair = reply.json
    return {"X-Soracom-API-Key": pair["apiKey"], "X-Soracom-Token": pair["token"]}


def test_r1_a_bare_question_mark_after_the_login_s_path_is_ignored(server: Server) -> None:
    reply = ask(server, "POST", "/v1/auth?", JSON, json.dumps(key_pair(server)).encode())
    assert reply.status == 200


def test_r9_a_login_answers_200_with_three_strings(server: Server) -> None:
    reply = ask(server, "POST", "/v1/auth", JSON, json.dumps(key_pair(server)).encode())
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    assert {name: type(value) for name, value in reply.json.items()} == {"apiKey": str, "token": str, "operatorId": str}
    assert re.fullmatch(r"OP[0-9]{10}", reply.json["operatorId"])
    assert reply.json["apiKey"].startswith("api-")
    assert reply.json["token"].startswith("eyJra")


def test_r10_a_login_takes_email_and_password(server: Server) -> None:
    credentials = server.credentials
    assert log_in(server, {"email": credentials["email"], "password": credentials["password"]})


def test_r10_a_sam_user_s_login_is_understood_and_refused_while_there_are_none(server: Server) -> None:
    body = {"operatorId": server.credentials["operatorId"], "userName": "someone", "password": "x"}
    reply = ask(server, "POST", "/v1/auth", JSON, json.dumps(body).encode(), STRANGER)
    assert reply.status == 401


@pytest.mark.parametrize(
    "extra",
    [
        {"email": None, "password": None, "operatorId": None, "userName": None, "mfaOTPCode": None},
        {"email": "", "password": ""},
        {"colour": "green", "nested": {"a": [1]}},
        {"tokenTimeoutSeconds": 60},
        {"tokenTimeoutSeconds": None},
    ],
    ids=["nulls", "empty", "unknown", "timeout", "null timeout"],
)
def test_r10_members_that_say_nothing_to_a_login_are_ignored(server: Server, extra: dict[str, Any]) -> None:
    assert log_in(server, key_pair(server) | extra)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Soracom-API-Key": "", "X-Soracom-Token": ""},
        {"Authorization": "Basic dXNlcjpwYXNz"},
        {"X-Soracom-Lang": "en"},
        {"Content-Type": "application/json; charset=utf-8"},
    ],
    ids=["empty pair", "basic", "language", "charset"],
)
def test_r10_headers_that_say_nothing_to_a_login_are_ignored(server: Server, headers: dict[str, str]) -> None:
    assert log_in(server, key_pair(server), **headers)


def test_r10_a_line_feed_after_the_login_s_body_is_ignored(server: Server) -> None:
    reply = ask(server, "POST", "/v1/auth", JSON, json.dumps(key_pair(server)).encode() + b"\n")
    assert reply.status == 200


def test_r10_a_login_needs_no_content_type(server: Server) -> None:
    assert ask(server, "POST", "/v1/auth", {}, json.dumps(key_pair(server)).encode()).status == 200


@pytest.mark.parametrize("name", ["X-Soracom-API-Key", "X-Soracom-Api-Key", "x-soracom-api-key", "X-SORACOM-API-KEY"])
def test_r11_the_key_s_header_is_known_in_any_case(server: Server, headers: dict[str, str], name: str) -> None:
    pair = {name: headers["X-Soracom-API-Key"], "x-sORACOM-tOKEN": headers["X-Soracom-Token"]}
    assert ask(server, "GET", "/v1/data/resources", pair).status == 200


@pytest.mark.parametrize("missing", ["X-Soracom-API-Key", "X-Soracom-Token"])
def test_both_headers_are_needed(server: Server, headers: dict[str, str], missing: str) -> None:
    alone = {name: value for name, value in headers.items() if name != missing}
    reply = ask(server, "GET", "/v1/data/resources", alone)
    assert (reply.status, reply.json["code"]) == (401, "AUM0001")


def test_a_token_of_another_key_is_refused(server: Server, headers: dict[str, str]) -> None:
    other = log_in(server, key_pair(server))
    mixed = {"X-Soracom-API-Key": headers["X-Soracom-API-Key"], "X-Soracom-Token": other["X-Soracom-Token"]}
    assert ask(server, "GET", "/v1/data/resources", mixed).status == 401


@pytest.mark.parametrize("place", [5, -5])
def test_a_token_that_was_tampered_with_is_refused(server: Server, headers: dict[str, str], place: int) -> None:
    token = list(headers["X-Soracom-Token"])
    token[place] = "A" if token[place] != "A" else "B"
    forged = {"X-Soracom-API-Key": headers["X-Soracom-API-Key"], "X-Soracom-Token": "".join(token)}
    assert ask(server, "GET", "/v1/data/resources", forged).status == 401


def test_wrong_credentials_are_refused_in_the_documented_shape(server: Server) -> None:
    body = {"authKeyId": server.credentials["authKeyId"], "authKey": "secret-wrong"}
    reply = ask(server, "POST", "/v1/auth", JSON, json.dumps(body).encode(), STRANGER)
    assert (reply.status, reply.headers["content-type"]) == (401, "application/json")
    assert reply.json["code"] == "AUM0002"


@pytest.mark.parametrize(
    ("headers", "body"),
    [({}, None), ({}, b'""'), (JSON, b'""'), (JSON, None), (JSON, b"{}"), ({}, b"")],
    ids=["nothing", "quotes", "typed quotes", "type alone", "object", "length 0"],
)
def test_r12_a_logout_takes_any_body_or_none(server: Server, headers: dict[str, str], body: bytes | None) -> None:
    pair = log_in(server, key_pair(server))
    reply = ask(server, "POST", "/v1/auth/logout", pair | headers, body)
    assert (reply.status, reply.body) == (204, b"")
    assert ask(server, "GET", "/v1/data/resources", pair).status == 401


def test_a_new_token_works_beside_the_old_one(server: Server) -> None:
    pair = log_in(server, key_pair(server))
    target = f"/v1/operators/{server.credentials['operatorId']}/token"
    reply = ask(server, "POST", target, pair | JSON, b'{"tokenTimeoutSeconds":600}')
    assert reply.status == 200
    for token in (pair["X-Soracom-Token"], reply.json["token"]):
        assert ask(server, "GET", "/v1/subscribers", pair | {"X-Soracom-Token": token}).status == 200


def test_a_new_token_for_somebody_else_is_refused(server: Server, headers: dict[str, str]) -> None:
    assert ask(server, "POST", "/v1/operators/OP9999999999/token", headers | JSON, b"{}").status == 404


@pytest.mark.parametrize("seconds", [0, -1, 172_801, "60", 1.5, True])
def test_a_life_of_a_token_outside_its_bounds_is_refused(server: Server, seconds: Any) -> None:
    body = key_pair(server) | {"tokenTimeoutSeconds": seconds}
    reply = ask(server, "POST", "/v1/auth", JSON, json.dumps(body).encode())
    assert (reply.status, reply.json["code"]) == (400, "COM0001")


def test_r14_nothing_secret_is_logged(serve: Serve) -> None:
    own = serve(environment={"MINORI_LOG_LEVEL": "debug"})
    headers = own.login()
    credentials = own.credentials
    log_in(own, {"email": credentials["email"], "password": credentials["password"]})
    wrong = {"authKeyId": credentials["authKeyId"], "authKey": "secret-guessed"}
    ask(own, "POST", "/v1/auth", JSON, json.dumps(wrong).encode(), STRANGER)
    ask(own, "GET", "/v1/data/Device/d1?device_secret=query-string-secret&limit=no", headers)
    ask(own, "POST", "/v1/sora_cam/devices/c/data", headers | JSON, b'{"payload":"body-secret"}')
    ask(own, "POST", "/v1/auth/logout", headers)
    own.stop()
    secrets = [*headers.values(), credentials["password"], credentials["authKey"], "secret-guessed"]
    for secret in [*secrets, "query-string-secret", "body-secret"]:
        assert secret not in own.stderr
