"""Schemathesis reads `/openapi.json` and finds no call that answers 5xx or something outside the schema."""

import json
import re
import subprocess
import sys
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import integers
from requests.adapters import HTTPAdapter
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from minori.api import description
from serving import Server
from wire.asking import ask, connect, head, read

OF_ONE_ANSWER: list[schemathesis.CheckFunction] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
LEFT_OUT = ("negative_data_rejection", "positive_data_acceptance")
"""Checks that do not hold here: larger limits are taken (R19) and unknown members ignored (R10); a key, a token or a
time of the right type need not be one there is."""

OF_DATA = re.compile(
    r"^/(data|files|stats|bills|payment_statements|downloads|logs|minori/unknown_senders|healthz|metrics|openapi|docs)"
    r"|/data(/|$)|/export$"
)
"""Paths of data, files, exports and pages; `test_generated_calls` has what people and devices are managed with."""

NEVER = {"exportBilling", "exportLatestBilling", "exportPaymentStatement"}
"""There are no bills."""

CONFIGURATION = """\
generation.database = "none"
output.truncation.enabled = false

[parameters]
"path.operator_id" = "{operator_id}"
"path.exported_file_id" = "{export_id}"

[checks]
{checks}

# A directory cannot be PUT; that is 400 and says why, not 405.
[[operations]]
include-path = "/files/{{scope}}/{{path}}/"
checks.unsupported_method.enabled = false
"""


def run(server: Server, folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    """Run Schemathesis against the server with a login of its own."""
    checks = "\n".join(f"{name}.enabled = false" for name in LEFT_OUT)
    begun = ask(server, "POST", "/v1/data/exports?export_mode=async", server.login()).body
    export_id = json.loads(begun)["exportedFileId"]
    operator_id = server.credentials["operatorId"]
    configuration = CONFIGURATION.format(operator_id=operator_id, export_id=export_id, checks=checks)
    (folder / "schemathesis.toml").write_text(configuration)
    headers = [option for name, value in server.login().items() for option in ("--header", f"{name}: {value}")]
    command = [str(Path(sys.executable).with_name("schemathesis")), "run", f"{server.url}/openapi.json", "--no-color"]
    return subprocess.run([*command, *headers, *options], cwd=folder, capture_output=True, text=True, check=False)


def store_the_examples(server: Server) -> None:
    """Let there be an entry of the demo SIM, files and a directory where the description's examples look for them."""
    time = description.read()["components"]["parameters"]["Time"]["example"]
    sent = {"Content-Type": "application/json", "X-Soracom-Timestamp": str(time)}
    with connect(server.door_http) as door:
        door.sendall(head("POST", "/", sent, b'{"temperature":21.5}'))
        assert read(door).status == 201
    headers = server.login()
    for path in ("boot.txt", "old.txt", "old/file"):
        assert ask(server, "PUT", f"/v1/files/private/logs/{path}", headers, b"example").status == 201
    assert ask(server, "DELETE", "/v1/files/private/logs/old/file", headers).status == 204


def succeeded(server: Server) -> set[str]:
    """The operations that have answered 2xx, or led to where that is answered."""
    counted = ask(server, "GET", "/metrics").body.decode()
    return set(re.findall(r'minori_api_requests_total\{operation="(\w+)",status="[23]..\"}', counted))


def fuzz_data(server: Server, folder: Path, examples: int) -> None:
    store_the_examples(server)
    chosen = ["--include-path-regex", OF_DATA.pattern]
    result = run(server, folder, *chosen, "--max-examples", str(examples))
    assert result.returncode == 0, result.stdout + result.stderr
    described = [each for each in description.operations(description.read()) if each.path.startswith("/v1/")]
    operations = {each.id for each in described if OF_DATA.search(each.path.removeprefix("/v1"))}
    assert operations - succeeded(server) == NEVER


def fuzz_logins(server: Server, examples: int) -> None:
    """Log in and out with generated bodies; each login comes from an address of its own, so that none waits."""
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    login, logout = schema["/auth"]["POST"], schema["/auth/logout"]["POST"]
    key_pair = {name: server.credentials[name] for name in ("authKeyId", "authKey")}
    addresses = (f"127.1.{number // 250}.{number % 250 + 1}" for number in count())

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=login.as_strategy() | login.as_strategy(GenerationMode.NEGATIVE))
    def try_login(case: schemathesis.Case[Any]) -> None:
        with requests.Session() as session:
            session.mount("http://", From(next(addresses)))
            case.validate_response(case.call(session=session), checks=OF_ONE_ANSWER)

    @settings(max_examples=max(examples // 10, 5), deadline=None, database=None)
    @given(case=logout.as_strategy(), timeout=integers(1, 172_800))
    def try_logout(case: schemathesis.Case[Any], timeout: int) -> None:
        granted = requests.post(f"{server.url}/v1/auth", json=key_pair | {"tokenTimeoutSeconds": timeout}, timeout=20)
        pair = {"X-Soracom-API-Key": granted.json()["apiKey"], "X-Soracom-Token": granted.json()["token"]}
        for status in (204, 401):
            answer = case.call(headers=pair)
            case.validate_response(answer, checks=OF_ONE_ANSWER)
            assert answer.status_code == status

    try_login()
    try_logout()


class From(HTTPAdapter):
    """Connects from one address of 127.0.0.0/8."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options, source_address=(self._address, 0))


def test_no_call_about_data_answers_outside_the_schema(own_server: Server, tmp_path: Path) -> None:
    fuzz_data(own_server, tmp_path, 5)


def test_no_login_or_logout_answers_outside_the_schema(server: Server) -> None:
    fuzz_logins(server, 50)


@pytest.mark.slow
def test_no_call_about_data_answers_outside_the_schema_in_many_tries(own_server: Server, tmp_path: Path) -> None:
    fuzz_data(own_server, tmp_path, 300)


@pytest.mark.slow
def test_no_login_or_logout_answers_outside_the_schema_in_many_tries(server: Server) -> None:
    fuzz_logins(server, 1000)


def test_the_served_description_is_the_one_in_the_package(server: Server) -> None:
    assert json.loads(ask(server, "GET", "/openapi.json").body) == description.read()
