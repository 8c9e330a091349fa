"""Trust policies: what is one, and where one is wrong."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minori.codec.permission.reader import DOCUMENT_LENGTH, STATEMENTS, Effect
from minori.codec.permission.trust import Trust, parse_trust_policy
from minori.errors import InvalidPermission

ANNA = "srn:soracom:OP0123456789::User:anna"
ROOT = "srn:soracom:OP0123456789::Operator:OP0123456789"


def policy(*statements: Any) -> str:
    return json.dumps({"statements": statements})


def allow(*holders: str, **more: Any) -> dict[str, Any]:
    return {"effect": "allow", "principal": {"soracom": list(holders)}, **more}


def test_the_documented_examples_are_read() -> None:
    with_condition = allow(ROOT, ANNA, condition="currentDate >= date(2023, 07, 01) and ipAddress('10.0.0.0/24')")
    (read,) = parse_trust_policy(policy(with_condition))
    assert (read.effect, read.holders, read.services) == (Effect.ALLOW, (ROOT, ANNA), ())
    assert read.condition is not None
    flux = {"effect": "allow", "principal": {"service": ["Flux"]}}
    assert parse_trust_policy(policy(flux)) == (Trust(Effect.ALLOW, (), ("Flux",)),)


def test_members_may_come_in_any_order_and_both_kinds_of_principal_together() -> None:
    text = f'{{"statements":[{{"principal":{{"service":["Flux"],"soracom":["{ANNA}"]}},"effect":"deny"}}]}}'
    assert parse_trust_policy(text) == (Trust(Effect.DENY, (ANNA,), ("Flux",)),)
    assert parse_trust_policy('{"statements":[]}') == ()


@pytest.mark.parametrize(
    "srn",
    [
        "*",
        "srn:soracom:*::User:anna",
        "srn:soracom:OP0123456789::User:*",
        "srn:soracom:OP0123456789::User:a*",
        "srn:soracom:OP0123456789::*",
        "srn:soracom:OP0123456789::User:",
        "srn:soracom:OP0123456789::User:.anna",
        "srn:soracom:OP0123456789::User:an/na",
        "srn:soracom:OP0123456789::User:" + "a" * 65,
        "srn:soracom:OP0123456789::Role:anna",
        "srn:soracom:OP0123456789:User:anna",
        "srn:soracom:OP0123456789::user:anna",
        "srn:soracom:OP012345678::User:anna",
        "srn:soracom:0123456789::User:anna",
        "srn:soracom:OP0123456789::Operator:OP9876543210",
        "srn:soracom:OP0123456789::Operator:*",
        " " + ANNA,
        ANNA + "\n",
        "anna",
        "",
    ],
)
def test_what_could_name_nobody_is_refused_where_it_stands(srn: str) -> None:
    text = policy(allow(ANNA), allow(ANNA, srn))
    with pytest.raises(InvalidPermission, match=r"^The trust policy is wrong at line 1, column ") as caught:
        parse_trust_policy(text)
    assert caught.value.column == text.rindex(json.dumps(srn)) + 1


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("", 1, 1),
        ("[]", 1, 1),
        ("null", 1, 1),
        ("{}", 1, 1),
        ('{"statements":{}}', 1, 15),
        ('{"statements":[{}]}', 1, 16),
        ('{"statements":[\n  {"effect":"permit"}]}', 2, 13),
        ('{"statements":[{"effect":"allow","api":"*"}]}', 1, 34),
        ('{"statements":[{"effect":"allow","principal":"*"}]}', 1, 46),
        ('{"statements":[{"effect":"allow","principal":{}}]}', 1, 46),
        ('{"statements":[{"effect":"allow","principal":{"aws":[]}}]}', 1, 47),
        ('{"statements":[{"effect":"allow","principal":{"soracom":"x"}}]}', 1, 57),
        ('{"statements":[{"effect":"allow","principal":{"service":["flux"]}}]}', 1, 58),
        ('{"statements":[{"effect":"allow","principal":{"service":[],"service":[]}}]}', 1, 60),
        ('{"statements":[{"principal":{"service":[]}}]}', 1, 16),
        ('{"statements":[{"effect":"allow","principal":{"service":[]},"condition":""}]}', 1, 74),
        ('{"statements":[{"effect":"allow","principal":{"service":[]},"condition":null}]}', 1, 73),
        ('{"statements":[]}x', 1, 18),
        ('{"statements":[],"version":1}', 1, 18),
    ],
)
def test_what_is_no_policy_is_refused_and_pointed_at(text: str, line: int, column: int) -> None:
    with pytest.raises(InvalidPermission) as caught:
        parse_trust_policy(text)
    assert (caught.value.line, caught.value.column) == (line, column), caught.value.message


def test_a_condition_is_checked_as_in_permissions_and_pointed_into() -> None:
    text = policy(allow(ANNA, condition="currentDate >= 2023"))
    with pytest.raises(InvalidPermission, match="trust policy") as caught:
        parse_trust_policy(text)
    assert caught.value.column == text.index("2023") + 1


def test_a_policy_is_bounded() -> None:
    assert len(parse_trust_policy(policy(*[allow()] * STATEMENTS))) == STATEMENTS
    with pytest.raises(InvalidPermission):
        parse_trust_policy(policy(*[allow()] * (STATEMENTS + 1)))
    with pytest.raises(InvalidPermission):
        parse_trust_policy(policy() + " " * DOCUMENT_LENGTH)


@given(st.text(max_size=60), st.integers(0, 200))
def test_nothing_that_is_sent_makes_it_fail_otherwise(text: str, at: int) -> None:
    whole = policy(allow(ANNA, condition="ipAddress('10.0.0.0/24')"))
    place = at % len(whole)
    for tried in (text, whole[:place], whole[:place] + text + whole[place:]):
        with suppress(InvalidPermission):
            assert isinstance(parse_trust_policy(tried), tuple)
