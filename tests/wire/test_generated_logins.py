"""Generated calls to second factors, trust policies and switches: none is answered 5xx or outside the schema.

Each comes from an address of its own, since guessed passwords slow down who makes them.
"""

import re
from itertools import count
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from minori.api.operation import AnyRoute
from minori.api.routes import ROUTES
from people import root
from serving import Server
from wire.test_schemathesis import OF_ONE_ANSWER, From, succeeded

DRIVEN = [route for route in ROUTES if re.search(r"/mfa|/trust_policy$|/switch_user$", route.template)]
NEEDS_MORE = {"verifyMFA", "verifyUserMFA", "verifyMFARevokingToken", "updateUserTrustPolicy", "switchUser"}
"""Operations whose bodies hold a code, a token or a document: what is made up is refused."""

_numbers = count(1)


def drive(server: Server, schema: Any, route: AnyRoute, examples: int) -> None:
    """Call an operation with generated data, of a user who is there and of others."""
    operation = schema[route.template][route.method]
    boss = root(server)

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data(), is_there=st.booleans())
    def call(data: st.DataObject, *, is_there: bool) -> None:
        mode = GenerationMode.POSITIVE if is_there else data.draw(st.sampled_from(GenerationMode))
        case = data.draw(operation.as_strategy(mode))
        if is_there and case.path_parameters is not None:
            there = {"operator_id": boss.operator_id, "user_name": "anna"}
            case.path_parameters = {name: there[name] for name in case.path_parameters}
        with requests.Session() as session:
            session.mount("http://", From(f"127.88.{next(_numbers) // 250}.{next(_numbers) % 250 + 1}"))
            answer = case.call(headers=boss.headers, session=session, timeout=20)
            case.validate_response(answer, checks=OF_ONE_ANSWER)

    call()


@pytest.mark.slow
def test_no_call_about_second_factors_and_switches_answers_outside_the_schema(own_server: Server) -> None:
    assert root(own_server).ask("POST", "/operators/OP/users/anna", {}).status == 201
    schema = schemathesis.openapi.from_url(f"{own_server.url}/openapi.json")
    for route in DRIVEN:
        drive(own_server, schema, route, 30)
    assert {route.operation for route in DRIVEN} - succeeded(own_server) - NEEDS_MORE == set()
