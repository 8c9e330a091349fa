"""Who is trusted by a policy."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minori.codec.permission.reader import Effect
from minori.model.registry import Principal, holder_srn
from minori.service.permissions import Context
from minori.service.trust import trusts

ANNA = Principal("OP0123456789", "anna")
ROOT = Principal("OP0123456789")
NEAR = Context(1_700_000_000_000, "10.0.0.7", "anna", "OP0123456789", "POST")

STATEMENTS = st.fixed_dictionaries(
    {
        "effect": st.sampled_from([each.value for each in Effect]),
        "principal": st.fixed_dictionaries(
            {
                "soracom": st.lists(
                    st.sampled_from([holder_srn(*who) for who in (("OP0123456789", "anna"), ("OP0123456789", None))])
                )
            }
        ),
    },
    optional={"condition": st.sampled_from(["ipAddress('10.0.0.0/24')", "pathVariable('x') == 'y'", "false", "true"])},
)


def policy(*statements: Any) -> str:
    return json.dumps({"statements": statements})


@pytest.mark.parametrize("text", [None, "", "{", "null", policy({"effect": "allow"}), policy()])
def test_a_policy_that_is_none_or_cannot_be_read_any_more_trusts_nobody(text: str | None) -> None:
    assert not trusts(text, ANNA, NEAR)
    assert not trusts(text, ROOT, NEAR)


def test_a_service_is_nobody_who_switches() -> None:
    assert not trusts(policy({"effect": "allow", "principal": {"service": ["Flux"]}}), ANNA, NEAR)


@given(st.lists(STATEMENTS, max_size=6), st.randoms())
def test_a_denial_always_wins_order_does_not_matter_and_more_trust_takes_none_away(
    statements: list[Any], random: Any
) -> None:
    srn = holder_srn(ANNA.operator_id, ANNA.user_name)
    is_trusted = trusts(policy(*statements), ANNA, NEAR)
    shuffled = random.sample(statements, len(statements))
    assert trusts(policy(*shuffled), ANNA, NEAR) is is_trusted
    allow, deny = ({"effect": effect, "principal": {"soracom": [srn]}} for effect in ("allow", "deny"))
    assert not trusts(policy(*statements, deny), ANNA, NEAR)
    assert trusts(policy(allow, *statements), ANNA, NEAR) or not is_trusted
    named = [each for each in statements if srn in each["principal"]["soracom"]]
    assert trusts(policy(*named), ANNA, NEAR) is is_trusted, "what does not name him says nothing of him"
