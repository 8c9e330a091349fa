"""Second factors over the wire: set up, asked for at the login, used once, lost and removed."""

import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any, NamedTuple
from uuid import uuid4

import pytest

from authenticator import Authenticator
from people import Caller, allow, log_in, minori, other_operator, root
from serving import Serve, Server
from wire.asking import Reply, ask

PASSWORD = "correct horse"
VERIFY_RESET = "/v1/operators/mfa_revoke_token/verify"
READ = "/data/Subscriber/001010000000001"

_sources = count(1)


def stranger() -> str:
    """An address of its own: wrong guesses slow down who makes them."""
    number = next(_sources)
    return f"127.66.{number // 250}.{number % 250 + 1}"


class Person(NamedTuple):
    """A SAM user with a password. `boss` is his root user, `at` his path."""

    boss: Caller
    name: str

    @property
    def at(self) -> str:
        return f"/operators/OP/users/{self.name}"

    @property
    def login(self) -> dict[str, str]:
        return {"operatorId": self.boss.operator_id, "userName": self.name, "password": PASSWORD}

    def try_in(self, **more: Any) -> Reply:
        return try_in(self.boss.server, self.login | more)

    def protect(self) -> Authenticator:
        """A second factor that is active; the next good code is that of the next step."""
        authenticator = Authenticator(self.boss.ask("POST", f"{self.at}/mfa").json["totpUri"])
        reply = self.boss.ask("POST", f"{self.at}/mfa/verify", {"mfaOTPCode": authenticator.code()})
        assert (reply.status, reply.body) == (204, b"")
        return authenticator


def try_in(server: Server, login: dict[str, Any]) -> Reply:
    return ask(server, "POST", "/v1/auth", body=json.dumps(login).encode(), source=stranger())


def told(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.json["code"]


def employ(server: Server) -> Person:
    person = Person(root(server), f"u{uuid4().hex[:12]}")
    assert person.boss.ask("POST", person.at, {}).status == 201
    assert person.boss.ask("POST", f"{person.at}/password", {"password": PASSWORD}).status == 201
    return person


@pytest.fixture
def person(server: Server) -> Iterator[Person]:
    employed = employ(server)
    yield employed
    root(server).ask("DELETE", employed.at)


def status(person: Person) -> str:
    reply = person.boss.ask("GET", f"{person.at}/mfa")
    assert (reply.status, set(reply.json)) == (200, {"status"})
    found: str = reply.json["status"]
    return found


def test_a_user_s_second_factor_from_its_beginning_to_its_end(person: Person) -> None:
    boss, at = person.boss, f"{person.at}/mfa"
    assert status(person) == "INACTIVE"
    assert told(boss.ask("POST", f"{at}/verify", {"mfaOTPCode": "123456"})) == (400, "MNR0042")
    set_up = boss.ask("POST", at)
    assert (set_up.status, set(set_up.json)) == (200, {"totpUri"})
    assert set_up.json["totpUri"].startswith("otpauth://totp/Minori:")
    assert status(person) == "UNCONFIRMED"
    assert person.try_in().status == 200, "nothing is asked for yet"
    authenticator = Authenticator(set_up.json["totpUri"])
    assert told(boss.ask("POST", f"{at}/verify", {"mfaOTPCode": authenticator.wrong()})) == (400, "MNR0042")
    for malformed in ({}, {"mfaOTPCode": 123456}, {"mfaOTPCode": "1" * 1025}):
        assert told(boss.ask("POST", f"{at}/verify", malformed)) == (400, "COM0001")
    assert status(person) == "UNCONFIRMED"
    done = boss.ask("POST", f"{at}/verify", {"mfaOTPCode": authenticator.code()})
    assert (done.status, done.body) == (204, b"")
    assert status(person) == "ACTIVE"
    assert [told(boss.ask("POST", path, {"mfaOTPCode": authenticator.code(1)})) for path in (at, f"{at}/verify")] == [
        (400, "MNR0042")
    ] * 2, "whoever could replace an active one could do without it"
    assert person.try_in(mfaOTPCode=authenticator.code(1)).status == 200
    assert (boss.ask("DELETE", at).status, status(person)) == (204, "INACTIVE")
    assert boss.ask("DELETE", at).status == 204
    assert person.try_in().status == 200


def test_only_who_knows_the_password_learns_that_a_code_is_needed(person: Person) -> None:
    authenticator = person.protect()
    assert told(person.try_in()) == (401, "MNR0041")
    assert told(person.try_in(mfaOTPCode=None)) == (401, "MNR0041")
    assert told(person.try_in(mfaOTPCode="")) == (401, "MNR0041")
    wrong = [
        person.try_in(password="wrong"),
        person.try_in(password="wrong", mfaOTPCode=authenticator.code(1)),
        person.try_in(mfaOTPCode=authenticator.wrong()),
        person.try_in(mfaOTPCode=authenticator.code(), userName="nobody"),
        person.try_in(mfaOTPCode="\u0661\u0662\u0663\u0664\u0665\u0666"),
    ]
    assert {(reply.status, reply.body) for reply in wrong} == {(401, wrong[0].body)}
    assert wrong[0].json["code"] == "AUM0002"
    assert told(person.try_in(mfaOTPCode=123456)) == (400, "COM0001")
    assert person.try_in(mfaOTPCode=authenticator.code(1)).status == 200, "no wrong password used the code up"


def test_a_code_works_once_and_that_of_the_verification_has_worked(person: Person) -> None:
    authenticator = person.protect()
    assert told(person.try_in(mfaOTPCode=authenticator.shown)) == (401, "AUM0002")
    code = authenticator.code(1)
    assert [person.try_in(mfaOTPCode=code).status for _ in range(2)] == [200, 401]


def test_of_many_logins_with_one_code_at_once_one_gets_in(person: Person) -> None:
    code = person.protect().code(1)
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: person.try_in(mfaOTPCode=code).status, range(8)))
    assert sorted(statuses) == [200] + [401] * 7


def test_a_token_goes_on_and_no_code_is_asked_for_beside_a_key(person: Person) -> None:
    user = log_in(person.boss.server, **person.login)
    person.boss.ask("PUT", f"{person.at}/permission", {"permission": '{"statements":[{"effect":"allow","api":"*"}]}'})
    key = person.boss.ask("POST", f"{person.at}/auth_keys").json
    person.protect()
    assert user.ask("GET", READ).status == 200
    assert log_in(person.boss.server, **key).ask("GET", READ).status == 200
    assert log_in(person.boss.server, **key, mfaOTPCode="wrong").ask("GET", READ).status == 200


def test_a_namesake_has_not_got_the_second_factor_of_a_removed_user(person: Person) -> None:
    person.protect()
    assert person.boss.ask("DELETE", person.at).status == 204
    assert person.boss.ask("GET", f"{person.at}/mfa").status == 404
    assert person.boss.ask("POST", person.at, {}).status == 201
    assert person.boss.ask("POST", f"{person.at}/password", {"password": PASSWORD}).status == 201
    assert (status(person), person.try_in().status) == ("INACTIVE", 200)


def test_nobody_has_no_second_factor(server: Server) -> None:
    at = "/operators/OP/users/nobody/mfa"
    asked = (("GET", at), ("POST", at), ("DELETE", at), ("POST", f"{at}/verify"))
    replies = [root(server).ask(method, path, {"mfaOTPCode": "123456"}) for method, path in asked]
    assert [told(reply) for reply in replies] == [(404, "MNR0010")] * 4


def test_a_user_sets_up_his_own_where_he_may(server: Server, person: Person) -> None:
    own = "pathVariable('user_name') == samUserName"
    rights = {"statements": [allow("User:*MFA*", condition=own)]}
    person.boss.ask("PUT", f"{person.at}/permission", {"permission": json.dumps(rights)})
    user = log_in(server, **person.login)
    assert user.ask("POST", "/operators/OP/users/somebody/mfa").status == 403
    authenticator = Authenticator(user.ask("POST", f"{person.at}/mfa").json["totpUri"])
    assert user.ask("POST", f"{person.at}/mfa/verify", {"mfaOTPCode": authenticator.code()}).status == 204
    assert told(person.try_in()) == (401, "MNR0041")


def test_wrong_codes_from_everywhere_together_stop_the_guessing(person: Person) -> None:
    authenticator = person.protect()
    wrong = authenticator.wrong()
    assert [person.try_in(mfaOTPCode=wrong).status for _ in range(10)] == [401] * 10
    stopped = person.try_in(mfaOTPCode=authenticator.code(1))
    assert told(stopped) == (429, "MNR0009")
    assert 0 < int(stopped.headers["retry-after"]) <= 900
    assert told(person.try_in(password="wrong")) == (401, "AUM0002")


def protect_root(server: Server) -> tuple[Caller, Authenticator, list[str]]:
    boss = root(server)
    authenticator = Authenticator(boss.ask("POST", "/operators/OP/mfa").json["totpUri"])
    reply = boss.ask("POST", "/operators/OP/mfa/verify", {"mfaOTPCode": authenticator.code()})
    assert (reply.status, set(reply.json)) == (200, {"backupCodes"})
    return boss, authenticator, reply.json["backupCodes"]


def test_the_root_user_has_backup_codes_and_each_works_once(own_server: Server) -> None:
    boss, authenticator, codes = protect_root(own_server)
    login = {name: own_server.credentials[name] for name in ("email", "password")}
    assert boss.ask("GET", "/operators/OP/mfa").json == {"status": "ACTIVE"}
    assert (len(set(codes)), {len(code) for code in codes}) == (10, {8})
    assert told(try_in(own_server, login)) == (401, "MNR0041")
    assert try_in(own_server, login | {"mfaOTPCode": authenticator.code(1)}).status == 200
    for typed in (codes[0], f"{codes[1][:4]}-{codes[1][4:]}".upper()):
        assert [try_in(own_server, login | {"mfaOTPCode": typed}).status for _ in range(2)] == [200, 401]
    wrong = boss.ask("DELETE", "/operators/OP/mfa", {"password": "wrong"}, stranger())
    assert (told(wrong), boss.ask("GET", "/operators/OP/mfa").json) == ((400, "COM0001"), {"status": "ACTIVE"})
    assert boss.ask("DELETE", "/operators/OP/mfa", {"password": login["password"]}).status == 204
    assert boss.ask("GET", "/operators/OP/mfa").json == {"status": "INACTIVE"}
    assert try_in(own_server, login).status == 200
    _, _, renewed = protect_root(own_server)
    assert set(renewed).isdisjoint(codes)
    assert try_in(own_server, login | {"mfaOTPCode": codes[2]}).status == 401
    assert boss.ask("DELETE", "/operators/OP/mfa").status == 204, "older clients send no body"


def test_a_lost_second_factor_is_removed_with_a_token_from_the_server_and_the_password(own_server: Server) -> None:
    _, _, codes = protect_root(own_server)
    other = other_operator(own_server, "other@example.com")
    login = {name: own_server.credentials[name] for name in ("email", "password")}

    def token(command: str) -> str:
        return minori(own_server, "operator", command, "root@minori.invalid").stdout.strip()

    def reset(**proof: str) -> Reply:
        return ask(own_server, "POST", VERIFY_RESET, body=json.dumps(proof).encode(), source=stranger())

    older, for_password, good = token("reset-mfa"), token("reset-password"), token("reset-mfa")
    wrong = [
        reset(**login | {"password": "wrong"}, token=good),
        reset(**login | {"email": "nobody@example.com"}, token=good),
        reset(email=other["email"], password=other["password"], token=good),
        reset(**login, token="guessed"),
        reset(**login, token=older),
        reset(**login, token=for_password),
        reset(**login, token=good, backupCode="wrong"),
    ]
    assert {(reply.status, reply.body) for reply in wrong} == {(403, wrong[0].body)}
    assert wrong[0].json["code"] == "MNR0043"
    assert told(reset(**login)) == (400, "COM0001")
    assert told(try_in(own_server, login)) == (401, "MNR0041")
    new = json.dumps({"token": good, "password": "battery staple"}).encode()
    assert ask(own_server, "POST", "/v1/auth/password_reset_token/verify", body=new, source=stranger()).status == 404
    done = reset(**login, token=good, backupCode=codes[0])
    assert (done.status, done.body) == (200, b"")
    assert try_in(own_server, login).status == 200
    assert reset(**login, token=good).status == 403, "it works once"
    protect_root(own_server)
    assert reset(**login, token=token("reset-mfa")).status == 200, "who lost all has no backup code either"
    assert try_in(own_server, login).status == 200


def test_asking_for_a_token_tells_nothing(server: Server) -> None:
    for email in ("root@minori.invalid", "nobody@example.com"):
        body = json.dumps({"email": email, "password": "x"}).encode()
        reply = ask(server, "POST", "/v1/operators/mfa_revoke_token/issue", body=body)
        assert (reply.status, reply.body) == (200, b"")
    assert ask(server, "POST", "/v1/operators/mfa_revoke_token/issue", body=b"{}").status == 400


def test_whenever_the_server_is_killed_a_code_lets_in_once_at_most(own_server: Server) -> None:
    for milliseconds in (20, 60):
        person = employ(own_server)
        code = person.protect().code(1)
        with ThreadPoolExecutor(1) as pool:
            before = pool.submit(_status_or_none, person, code)
            time.sleep(milliseconds / 1000)
            own_server.kill()
            got_in = before.result() == 200
        own_server.restart()
        after = [person.try_in(mfaOTPCode=code).status for _ in range(2)]
        assert after in ([401, 401], [200, 401])
        assert not (got_in and after[0] == 200)
        assert told(person.try_in()) == (401, "MNR0041")
    own_server.kill()
    own_server.restart()
    assert person.try_in(mfaOTPCode=code).status == 401


def _status_or_none(person: Person, code: str) -> int | None:
    try:
        return person.try_in(mfaOTPCode=code).status
    except (OSError, EOFError, ValueError):
        return None


def test_no_secret_of_a_second_factor_is_logged_or_kept_where_a_hash_would_do(serve: Serve) -> None:
    own = serve(environment={"MINORI_LOG_LEVEL": "debug"})
    _, authenticator, codes = protect_root(own)
    login = {name: own.credentials[name] for name in ("email", "password")}
    shown = [authenticator.code(1), authenticator.wrong(), codes[0]]
    for code in shown:
        try_in(own, login | {"mfaOTPCode": code})
    token = minori(own, "operator", "reset-mfa", "root@minori.invalid").stdout.strip()
    proof = {**login, "token": token, "backupCode": codes[1]}
    assert ask(own, "POST", VERIFY_RESET, body=json.dumps(proof).encode(), source=stranger()).status == 200
    protect_root(own)
    logged = root(own).ask("GET", "/audit_logs/api?limit=100")
    assert (logged.status, b"mfa/verify" in logged.body) == (200, True)
    own.stop()
    secrets = [*codes, token, authenticator.text, authenticator.secret.hex(), login["password"]]
    told_of = own.stderr + logged.body.decode()
    assert not [secret for secret in secrets if secret in told_of]
    # Six digits may be part of a time: those of a code would stand alone.
    assert not [code for code in shown if re.search(rf"\b{code}\b", told_of)]
    kept = b"".join(
        path.read_bytes() for path in own.data_dir.rglob("*") if path.is_file() and path.name != "root-credentials.json"
    )
    assert not [secret for secret in [*codes, token, login["password"]] if secret.encode() in kept]
