"""Every route, as called by everybody who may or may not call it."""

import time
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import pytest

from minori.api.operation import AnyRoute, OpenRoute
from minori.api.routes import ROUTES
from people import Caller, allow, deny, log_in, other_operator, root
from serving import Server
from wire.asking import Reply, ask

READS = ("*:get*", "*:list*", "*:find*", "*:search*", "*:has*")
KEPT_FROM_WRITERS = ("Operator:*", "User:*", "Role:*")
FREE = {
    "auth",
    "issuePasswordResetToken",
    "verifyPasswordResetToken",
    "issueMFARevokingToken",
    "verifyMFARevokingToken",
    "publish",
    "publishToPath",
}
"""Operations that need no login; a device has a secret of its own."""

PARAMETERS = {
    "resource_type": "Subscriber",
    "imsi": "001010000000009",
    "sim_id": "8981100000000000009",
    "time": "1",
    "scope": "private",
    "path": "a/b.txt",
    "yyyyMM": "202501",
}
GUARDED = [route for route in ROUTES if route.operation not in FREE]


ROOT_ALONE = {"listUnknownSenders"}
"""Operations that no permission opens to a SAM user."""


class House:
    """A server with two operators, and a reader and a writer of the first."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.operator_id = server.credentials["operatorId"]
        first = root(server)
        self.reader = _key(first, "reader", allow(*READS))
        self.writer = _key(first, "writer", allow("*"), deny(*KEPT_FROM_WRITERS))
        made = other_operator(server, "other@example.com")
        self.other = {name: made[name] for name in ("authKeyId", "authKey")}

    def call(self, route: AnyRoute, headers: dict[str, str]) -> Reply:
        """Call a route with ids that nothing has, but for the first operator's."""
        path = route.template
        for name in [segment[1:-1] for segment in path.split("/") if segment.startswith("{")]:
            value = self.operator_id if name == "operator_id" else PARAMETERS.get(name, "nobody")
            path = path.replace(f"{{{name}}}", value)
        body = b"{}" if route.method in ("POST", "PUT") else None
        return ask(self.server, route.method, f"/v1{path}?export_mode=async", headers, body)


def _key(first: Caller, name: str, *statements: dict[str, Any]) -> dict[str, str]:
    first.user(name, *statements)
    made: dict[str, str] = first.ask("POST", f"/operators/OP/users/{name}/auth_keys").json
    return made


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with Server(tmp_path_factory.mktemp("authorization") / "data") as server:
        yield House(server)


def _unexpected(house: House, login: dict[str, str], expected: Any) -> list[tuple[str, int, bytes]]:
    """What routes answer to somebody, each after a login of its own, where that is not as expected."""
    found = []
    for route in GUARDED:
        reply = house.call(route, log_in(house.server, **login).headers)
        if not expected(route, reply):
            found.append((route.name, reply.status, reply.body))
    return found


def _is_told(route: AnyRoute, reply: Reply, user: str) -> bool:
    sentence = f"SAM user '{user}' doesn't have permission '{route.permission}' to perform this action. "
    is_silent = route.method == "HEAD"
    return reply.status == 403 and (
        is_silent or (reply.json["code"] == "AUM0017" and reply.json["message"].startswith(sentence))
    )


def _is_let_in(_: AnyRoute, reply: Reply) -> bool:
    return reply.status not in (401, 403) and reply.status < 500


def _may_do(route: AnyRoute, reply: Reply) -> bool:
    """What a SAM user is answered who has the permission."""
    return reply.status == 403 if route.operation in ROOT_ALONE else _is_let_in(route, reply)


def test_without_a_token_every_route_is_closed(house: House) -> None:
    replies = {route.name: house.call(route, {}) for route in GUARDED}
    assert {name: reply.status for name, reply in replies.items()} == dict.fromkeys(replies, 401)
    assert {reply.json["code"] for reply in replies.values() if reply.body} == {"AUM0001"}


def test_an_expired_token_opens_no_route(house: House) -> None:
    key = {name: house.server.credentials[name] for name in ("authKeyId", "authKey")}
    expired = log_in(house.server, **key, tokenTimeoutSeconds=1).headers
    time.sleep(1.1)
    statuses = {route.name: house.call(route, expired).status for route in GUARDED}
    assert statuses == dict.fromkeys(statuses, 401) | {"Operator:generateAuthToken": 400}


def test_a_token_that_was_logged_out_opens_no_route(house: House) -> None:
    gone = root(house.server)
    assert gone.ask("POST", "/auth/logout").status == 204
    statuses = {route.name: house.call(route, gone.headers).status for route in GUARDED}
    assert statuses == dict.fromkeys(statuses, 401)


def test_the_root_user_may_call_every_route(house: House) -> None:
    key = {name: house.server.credentials[name] for name in ("authKeyId", "authKey")}
    assert _unexpected(house, key, _is_let_in) == []


def test_a_reader_may_read_and_nothing_else(house: House) -> None:
    def expected(route: AnyRoute, reply: Reply) -> bool:
        may = any(fnmatchcase(route.permission, name) for name in READS) or route.permission == "Auth:logout"
        return _may_do(route, reply) if may else _is_told(route, reply, "reader")

    assert _unexpected(house, house.reader, expected) == []


def test_a_writer_may_do_all_but_what_is_denied(house: House) -> None:
    def expected(route: AnyRoute, reply: Reply) -> bool:
        may = not any(fnmatchcase(route.permission, name) for name in KEPT_FROM_WRITERS)
        return _may_do(route, reply) if may else _is_told(route, reply, "writer")

    assert _unexpected(house, house.writer, expected) == []


def test_another_operator_is_told_of_no_operator_but_his_own(house: House) -> None:
    def expected(route: AnyRoute, reply: Reply) -> bool:
        return "{operator_id}" not in route.template or (reply.status, reply.json["code"]) == (404, "MNR0010")

    assert _unexpected(house, house.other, expected) == []


def test_every_open_route_is_one_that_is_known_to_need_no_login_or_to_ask_by_itself() -> None:
    assert {route.operation for route in ROUTES if isinstance(route, OpenRoute)} == FREE | {"generateAuthToken"}
