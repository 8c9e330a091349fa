"""`minori operator`: accounts come and go beside a running server."""

import json
import time
from collections.abc import Callable

import pytest

from people import SECONDS, Caller, allow, log_in, minori, other_operator, root
from serving import Server
from wire.asking import ask

READ = "/data/Subscriber/001010000000001"
NEW = "correct horse"
RESET = "/v1/auth/password_reset_token/verify"


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


def reset(server: Server, token: str, password: str) -> int:
    body = json.dumps({"token": token, "password": password}).encode()
    return ask(server, "POST", RESET, body=body, source="127.0.0.88").status


def test_an_operator_that_was_added_logs_in_to_the_running_server_both_ways(server: Server) -> None:
    made = other_operator(server, "Added@Example.com")
    assert set(made) == {"operatorId", "email", "password", "authKeyId", "authKey"}
    assert made["email"] == "added@example.com"
    for login in (("email", "password"), ("authKeyId", "authKey")):
        caller = log_in(server, **{name: made[name] for name in login})
        assert caller.operator_id == made["operatorId"]
        assert caller.ask("GET", READ).json == []


def test_without_json_the_credentials_are_lines_of_a_name_and_a_value(server: Server) -> None:
    done = minori(server, "operator", "add", "--email", "lines@example.com")
    names = [line.split()[0] for line in done.stdout.splitlines()]
    assert names == ["operatorId", "email", "password", "authKeyId", "authKey"]


@pytest.mark.parametrize("email", ["root@minori.invalid", "nobody", "a b@c", ""])
def test_an_address_that_is_taken_or_none_is_refused(server: Server, email: str) -> None:
    done = minori(server, "operator", "add", "--email", email)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr


def test_operators_are_listed_the_oldest_first_without_secrets(server: Server) -> None:
    other_operator(server, "listed@example.com")
    done = minori(server, "operator", "list", "--json")
    listed = json.loads(done.stdout)
    assert listed[0]["email"] == "root@minori.invalid"
    assert "listed@example.com" in [each["email"] for each in listed]
    assert {name for each in listed for name in each} == {"operatorId", "email", "createdTime"}
    assert len(minori(server, "operator", "list").stdout.splitlines()) == len(listed)


def test_a_removed_operator_s_tokens_users_and_sims_end_in_the_running_server(own_server: Server) -> None:
    made = other_operator(own_server, "gone@example.com")
    boss = log_in(own_server, authKeyId=made["authKeyId"], authKey=made["authKey"])
    user = boss.user("anna", allow("*"))
    assert boss.ask("POST", "/groups", {"tags": {}, "configuration": {}}).status == 201
    asked = minori(own_server, "operator", "remove", "gone@example.com")
    assert asked.returncode != 0, "without --yes it asks, and nobody answered"
    assert boss.ask("GET", READ).status == 200
    assert minori(own_server, "operator", "remove", made["operatorId"], "--yes").returncode == 0
    until(lambda: boss.ask("GET", READ).status == 401)
    assert user.ask("GET", READ).status == 401
    assert root(own_server).ask("GET", READ).status == 200
    again = minori(own_server, "operator", "remove", "gone@example.com", "--yes")
    assert (again.returncode, "Traceback" in again.stderr) == (1, False)


def test_the_last_operator_stays(own_server: Server) -> None:
    done = minori(own_server, "operator", "remove", "root@minori.invalid", "--yes")
    assert (done.returncode, "only operator" in done.stderr) == (1, True)
    assert root(own_server).ask("GET", READ).status == 200


def test_a_reset_token_sets_the_password_once_and_ends_the_tokens(own_server: Server) -> None:
    boss = root(own_server)
    user = boss.user("anna", allow("*"))
    older = minori(own_server, "operator", "reset-password", "root@minori.invalid").stdout.strip()
    token = json.loads(minori(own_server, "operator", "reset-password", boss.operator_id, "--json").stdout)["token"]
    assert reset(own_server, older, NEW) == 404
    assert reset(own_server, "guessed", NEW) == 404
    assert reset(own_server, token, "short") == 400
    assert reset(own_server, token, NEW) == 200
    assert reset(own_server, token, NEW) == 404
    assert (boss.ask("GET", READ).status, user.ask("GET", READ).status) == (401, 200)
    caller: Caller = log_in(own_server, email="root@minori.invalid", password=NEW)
    assert caller.ask("GET", READ).status == 200


def test_a_token_for_a_second_factor_is_printed_and_of_an_operator_who_is_there(server: Server) -> None:
    done = minori(server, "operator", "reset-mfa", "ROOT@minori.invalid", "--json")
    assert set(json.loads(done.stdout)) == {"operatorId", "token", "expiresInSeconds"}
    nobody = minori(server, "operator", "reset-mfa", "nobody@example.com")
    assert (nobody.returncode, nobody.stdout, "Traceback" in nobody.stderr) == (1, "", False)
    assert "nobody@example.com" in nobody.stderr


def test_the_demo_stays_with_the_first_operator(own_server: Server) -> None:
    for number in range(3):
        assert minori(own_server, "operator", "add", "--email", f"o{number}@example.com").returncode == 0
    own_server.restart()
    groups = root(own_server).ask("GET", "/groups").json
    assert [group["tags"]["name"] for group in groups] == ["demo"]
