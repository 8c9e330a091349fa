"""Several callers of one server: operators made by the command line, SAM users made by their root user."""

import json
import re
import time
from itertools import count
from typing import Any, NamedTuple

import serving
from serving import Server
from warm import Ended
from wire.asking import Reply, ask

SECONDS = 20
"""How long a test waits for a server to see what a command beside it did; it takes half a second."""


_tries = count(1)


class Caller(NamedTuple):
    """Somebody who is logged in. `headers` are the pair; `operator_id` is the operator's."""

    server: Server
    operator_id: str
    headers: dict[str, str]

    def ask(self, method: str, path: str, body: Any = None, source: str = "127.0.0.1") -> Reply:
        """The answer to a call below `/v1`; `OP` in the path is the operator's id. Bytes are sent as they are."""
        sent = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        return ask(
            self.server,
            method,
            f"/v1{re.sub(r'/OP(?=[/?]|$)', f'/{self.operator_id}', path)}",
            self.headers,
            sent,
            source,
        )

    def at(self, host: str) -> "Caller":
        """The same one, calling the server by this name."""
        return self._replace(headers={**self.headers, "Host": host})

    def user(self, name: str, *statements: dict[str, Any]) -> "Caller":
        """A new SAM user with these statements as the permission, logged in with a key."""
        at = f"/operators/OP/users/{name}"
        assert self.ask("POST", at, {"description": "of a test"}).status == 201
        if statements:
            assert self.ask("PUT", f"{at}/permission", {"permission": document(*statements)}).status == 200
        return log_in(self.server, **self.ask("POST", f"{at}/auth_keys").json)


def document(*statements: dict[str, Any]) -> str:
    """A permission document."""
    return json.dumps({"statements": statements})


def allow(*apis: str, **more: str) -> dict[str, Any]:
    """A statement that allows."""
    return {"effect": "allow", "api": list(apis), **more}


def deny(*apis: str, **more: str) -> dict[str, Any]:
    """A statement that denies."""
    return {"effect": "deny", "api": list(apis), **more}


def log_in(server: Server, **login: Any) -> Caller:
    """Whoever these credentials are of."""
    reply = ask(server, "POST", "/v1/auth", body=json.dumps(login).encode())
    assert reply.status == 200, reply.body
    pair = {"X-Soracom-API-Key": reply.json["apiKey"], "X-Soracom-Token": reply.json["token"]}
    return Caller(server, reply.json["operatorId"], pair)


def root(server: Server) -> Caller:
    """The root user of the server's first operator, logged in anew."""
    return log_in(server, **{name: server.credentials[name] for name in ("authKeyId", "authKey")})


def other_operator(server: Server, email: str) -> dict[str, str]:
    """The credentials of another operator, added beside the server, which knows it when this returns."""
    added = minori(server, "operator", "add", "--email", email, "--json")
    assert added.returncode == 0, added.stderr
    made: dict[str, str] = json.loads(added.stdout)
    end = time.monotonic() + SECONDS
    key = json.dumps({name: made[name] for name in ("authKeyId", "authKey")}).encode()
    # Each try from another address: wrong guesses slow down who makes them.
    while ask(server, "POST", "/v1/auth", body=key, source=f"127.3.{next(_tries) % 250}.1").status != 200:
        assert time.monotonic() < end, "the server never heard of the operator"
        time.sleep(0.1)
    return made


def minori(server: Server, *words: str) -> Ended:
    """A command beside the server."""
    return serving.minori(*words, "--data-dir", str(server.data_dir))
