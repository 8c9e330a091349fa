"""A server that has one of everything, all of it marked: what tests of apartness begin with."""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

from minori.api.operation import OpenRoute
from minori.api.routes import ROUTES
from people import Caller, document, root
from serving import Server
from wire.asking import Reply, connect, head, read

MARK = f"mark{uuid4().hex}"
"""What is in everything that the first operator has, and in nothing else."""

TIME = "1700000000000"
IMSI, SIM_ID = "001010000000001", "8981100000000000001"

TRUST = json.dumps(
    {"statements": [{"effect": "allow", "principal": {"soracom": [f"srn:soracom:OP0000000000::User:{MARK}"]}}]}
)
"""The trust policy of the marked user."""

QUERY = f"scope=private&prefix=/&limit=100&name={MARK}&period=day&api_kind=/v1/auth"
"""What every operation that reads gets, so that it reads something. The audit log of whoever asks names what he
asked for, but for his logins."""


class Furnished:
    """A server whose `first` operator has one of every kind of thing; `ids` are its path parameters."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.first = root(server)
        self.ids = self._furnish()

    def _furnish(self) -> dict[str, str]:
        first = self.first
        with connect(self.server.door_http) as door:
            door.sendall(head("POST", "/", {"X-Soracom-Timestamp": TIME}, json.dumps({MARK: 1}).encode()))
            assert read(door).status == 201
        group = made(first.ask("POST", "/groups", {"tags": {"name": MARK}, "configuration": {}}))["groupId"]
        device = made(first.ask("POST", "/devices", {"tags": {"name": MARK}}))["device_id"]
        key = made(first.ask("POST", "/operators/OP/auth_keys"))["authKeyId"]
        export = made(first.ask("POST", "/subscribers/export?export_mode=async"))["exportedFileId"]
        assert first.ask("PUT", f"/files/private/{MARK}/a.txt", MARK.encode()).status == 201
        assert first.ask("POST", f"/operators/OP/users/{MARK}", {"description": MARK}).status == 201
        assert first.ask("POST", f"/operators/OP/users/{MARK}/mfa").status == 200
        assert first.ask("PUT", f"/operators/OP/users/{MARK}/trust_policy", {"trustPolicy": TRUST}).status == 204
        assert first.ask("POST", f"/operators/OP/roles/{MARK}", {"permission": document()}).status == 200
        beam_key = made(first.ask("POST", "/minori/beam_keys", {"description": MARK}))["beamKeyId"]
        token = made(first.ask("POST", "/minori/ingest_tokens", {"description": MARK}))["ingestTokenId"]
        with connect(self.server.door_http) as door:
            door.sendall(head("POST", "/", {}, MARK.encode() * 100))
            assert read(door).status == 413
        tags = [{"tagName": "name", "tagValue": MARK}]
        assert first.ask("PUT", f"/sims/{SIM_ID}/tags", tags).status == 200
        return {
            "group_id": group,
            "device_id": device,
            "auth_key_id": key,
            "beam_key_id": beam_key,
            "ingest_token_id": token,
            "exported_file_id": export,
            "user_name": MARK,
            "role_id": MARK,
            "operator_id": first.operator_id,
            "imsi": IMSI,
            "sim_id": SIM_ID,
            "resource_type": "Subscriber",
            "resource_id": IMSI,
            "time": TIME,
            "scope": "private",
            "path": f"{MARK}/a.txt",
            "category": MARK,
            "tag_name": "name",
            "namespace": "SoracomHarvest",
            "name": "enabled",
            "address": "127.0.0.0%2F8",
            "network": "127.0.0.0%2F8",
            "yyyyMM": "202501",
            "payment_statement_id": "1",
        }

    def paths(self, method: str) -> Iterator[tuple[str, str]]:
        """Every operation of a method that needs a login, and its path with the first operator's ids."""
        for route in ROUTES:
            if route.method != method or isinstance(route, OpenRoute):
                continue
            path = route.template
            for name in [each[1:-1] for each in path.split("/") if each.startswith("{")]:
                path = path.replace(f"{{{name}}}", self.ids[name])
            yield route.name, path

    def seen(self, caller: Caller) -> Mapping[str, bytes]:
        """What everything that can be read gives to somebody, but for exports, which go on."""
        return {
            name: caller.ask("GET", asked(name, path)).body
            for name, path in self.paths("GET")
            if "xport" not in name and "Stats:" not in name
        }


def asked(name: str, path: str) -> str:
    """A path with a query that lets the operation of this name read something; statistics want seconds."""
    return f"{path}?{QUERY}{'&from=0&to=9000000000' if 'Stats:' in name else ''}"


def made(reply: Reply) -> Any:
    """What was made."""
    assert reply.status in (200, 201), reply.body
    return reply.json
