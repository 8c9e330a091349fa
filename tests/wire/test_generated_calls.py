"""Generated calls to what people, SIMs and devices are managed with: none is answered 5xx or outside the schema.

`test_schemathesis` has the calls about data. Its phases would take minutes here, most of them to try links that it
infers between all these operations. So each operation gets a bounded number of calls, at things that are there.
"""

import re
from itertools import count
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from minori.api.operation import AnyRoute
from minori.api.routes import ROUTES
from people import Caller, document, root
from serving import Server
from wire.test_schemathesis import OF_DATA, OF_ONE_ANSWER, succeeded

EXAMPLES = 12
"""Calls of an operation: about half of them fit the schema."""

GUESSES = re.compile(r"^/auth|/mfa|^/operators/mfa_|^/operators/{operator_id}/(tokens|password)$")
"""Paths of what ends the login in use, or is slowed when secrets are guessed; other tests have them."""

SLOWED = {"updateUserPassword"}
DRIVEN = [
    route
    for route in ROUTES
    if not OF_DATA.search(route.template) and not GUESSES.search(route.template) and route.operation not in SLOWED
]
NEEDS_MORE = {
    *("attachRole", "createRole", "updateUserPermission", "updateDefaultPermissions", "updateUserTrustPolicy"),
    *("setGroup", "setSimGroup", "setDeviceGroup", "setLoraDeviceGroup", "setSigfoxDeviceGroup"),
    *("setSoraCamDeviceGroup", "putSession"),
}
"""Operations whose bodies name something, or hold a document: what is made up is refused."""

NEVER = {"listRoleVersions", "publish", "publishToPath"}
"""There are no versions of one's own roles, and a secret that is made up is no device's."""

MAKERS = re.compile(r"/register$|^/operators/{operator_id}/(users/{user_name}|roles/{role_id})$")
"""Paths that POST makes something under: the id must be free."""


class Things:
    """One of everything that a server has; `ids` are its path parameters."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.boss: Caller = root(server)
        self._numbers = count(1)
        self.ids: dict[str, str] = {}

    def renew(self, route: AnyRoute) -> None:
        """Make what a call of a route needs, apart from what was there; only a name, where the call makes it."""
        number = next(self._numbers)
        kind = route.template.split("/")[1]
        self.ids = {
            "operator_id": self.boss.operator_id,
            "imsi": f"44010{number:010}",
            "device_id": f"device{number}",
            "network": f"10.0.{number // 256}.{number % 256}",
            "user_name": f"user{number}",
            "role_id": f"role{number}",
            "tag_name": "name",
            "namespace": "SoracomHarvest",
            "name": "enabled",
            "sim_id": f"89811000{number:011}",
        }
        tags, options = {"name": "a thing"}, {"SoracomHarvest": {"enabled": True}}
        self.ids["group_id"] = self._made("POST", "/groups", {"tags": tags, "configuration": options})["groupId"]
        if route.method == "POST" and MAKERS.search(route.template):
            return
        registration = {"registrationSecret": "x", "groupId": self.ids["group_id"], "tags": tags}
        if kind in ("subscribers", "sims", "minori"):
            sim = self._made("POST", f"/subscribers/{self.ids['imsi']}/register", registration)
            self.ids["sim_id"] = sim["simId"]
            self._made("POST", f"/sims/{sim['simId']}/enable_termination")
            self._made("PUT", f"/minori/sessions/{self.ids['network']}", {"imsi": sim["imsi"]})
            if kind == "minori":
                self._feeders()
        elif kind == "devices":
            device = self._made("POST", "/devices", {"groupId": self.ids["group_id"], "tags": tags})
            self.ids["device_id"] = device["deviceId"]
        elif "{device_id}" in route.template:
            path = route.template.partition("/{device_id}")[0]
            self._made("POST", f"{path}/{self.ids['device_id']}/register", registration)
        elif kind == "operators":
            self._people(route)

    def _feeders(self) -> None:
        """There may be only so many: those before go."""
        for kind, name in (("beam_keys", "beamKeyId"), ("ingest_tokens", "ingestTokenId")):
            for one in self.boss.ask("GET", f"/minori/{kind}").json:
                self._made("DELETE", f"/minori/{kind}/{one[name]}")
        self.ids["beam_key_id"] = self._made("POST", "/minori/beam_keys")["beamKeyId"]
        self.ids["ingest_token_id"] = self._made("POST", "/minori/ingest_tokens")["ingestTokenId"]

    def _people(self, route: AnyRoute) -> None:
        """There may be only so many: those before go."""
        for kind in ("users", "roles"):
            for one in self.boss.ask("GET", f"/operators/OP/{kind}").json:
                name = one.get("userName") or one["roleId"]
                self._made("DELETE", f"/operators/OP/{kind}/{name}")
        user, role = f"/operators/OP/users/{self.ids['user_name']}", f"/operators/OP/roles/{self.ids['role_id']}"
        self._made("POST", user, {})
        self._made("POST", role, {"permission": document()})
        if route.operation != "deleteRole":
            self._made("POST", f"{user}/roles", {"roleId": self.ids["role_id"]})
        if route.operation != "createUserPassword":
            self._made("POST", f"{user}/password", {"password": "correct horse"})
        self._made("PUT", "/operators/OP/users/default_permissions", {"permissions": document()})
        whose = user if "{user_name}" in route.template else "/operators/OP"
        for key in self.boss.ask("GET", f"{whose}/auth_keys").json[1:]:
            self._made("DELETE", f"{whose}/auth_keys/{key['authKeyId']}")
        self.ids["auth_key_id"] = self._made("POST", f"{whose}/auth_keys")["authKeyId"]

    def _made(self, method: str, path: str, body: Any = None) -> Any:
        reply = self.boss.ask(method, path, body)
        assert reply.status < 300, (method, path, reply.body)
        return reply.json if reply.body else None


def drive(schema: Any, things: Things, route: AnyRoute, examples: int) -> None:
    """Call an operation with generated data, the first time at what was just made for it."""
    operation = schema[route.template][route.method]
    things.renew(route)
    pair = things.boss.headers

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data(), is_there=st.booleans())
    def call(data: st.DataObject, *, is_there: bool) -> None:
        mode = GenerationMode.POSITIVE if is_there else data.draw(st.sampled_from(GenerationMode))
        case = data.draw(operation.as_strategy(mode))
        if mode is GenerationMode.POSITIVE and case.path_parameters is not None:
            case.path_parameters = {name: things.ids[name] for name in case.path_parameters}
        case.validate_response(case.call(headers=pair, timeout=20), checks=OF_ONE_ANSWER)

    call()


@pytest.mark.slow
def test_no_call_about_people_and_things_answers_outside_the_schema(own_server: Server) -> None:
    schema = schemathesis.openapi.from_url(f"{own_server.url}/openapi.json")
    things = Things(own_server)
    for route in DRIVEN:
        drive(schema, things, route, EXAMPLES)
    unheard = {route.operation for route in DRIVEN} - succeeded(own_server)
    assert unheard - NEEDS_MORE == NEVER
