"""What a login's body may look like."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minori.codec.login import KeyLogin, Login, RootLogin, UserLogin, parse_login, parse_token_seconds
from minori.errors import InvalidParameter

ROOT = {"email": "root@example.com", "password": "pass"}
KEY = {"authKeyId": "keyId-1", "authKey": "secret-1"}
USER = {"operatorId": "OP0000000001", "userName": "sam", "password": "pass"}


def parse(**members: Any) -> Login:
    return parse_login(json.dumps(members).encode())


@pytest.mark.parametrize(
    ("members", "identity"),
    [
        (ROOT, RootLogin("root@example.com", "pass")),
        (KEY, KeyLogin("keyId-1", "secret-1")),
        (USER, UserLogin("OP0000000001", "sam", "pass")),
        (USER | ROOT | KEY, KeyLogin("keyId-1", "secret-1")),
    ],
)
def test_each_of_the_three_combinations_is_a_login(members: dict[str, str], identity: object) -> None:
    assert parse(**members) == Login(identity)  # type: ignore[arg-type]  # one of the three, by the table above


def test_the_code_of_a_second_factor_comes_with_a_password_and_is_passed_over_beside_a_key() -> None:
    assert parse(**ROOT, mfaOTPCode="123456") == Login(RootLogin("root@example.com", "pass", "123456"))
    assert parse(**USER, mfaOTPCode="123456") == Login(UserLogin("OP0000000001", "sam", "pass", "123456"))
    assert parse(**KEY, mfaOTPCode="123456") == Login(KeyLogin("keyId-1", "secret-1"))
    assert "123456" not in repr(parse(**ROOT, mfaOTPCode="123456"))


def test_unknown_members_nulls_and_empty_texts_are_ignored() -> None:
    absent: dict[str, Any] = {
        "authKeyId": None,
        "authKey": "",
        "userName": None,
        "tokenTimeoutSeconds": None,
        "mfaOTPCode": "",
        "x": {},
    }
    assert parse(**ROOT, **absent) == Login(RootLogin("root@example.com", "pass"))


def test_a_trailing_newline_is_ignored() -> None:
    assert parse_login(json.dumps(KEY).encode() + b"\r\n").identity == KeyLogin("keyId-1", "secret-1")


def test_an_email_address_is_sought_without_regard_to_case() -> None:
    assert parse(email=" Root@Example.COM", password="Pass").identity == RootLogin("root@example.com", "Pass")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b'{"email":"\xff"}', b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_invalid(body: bytes) -> None:
    with pytest.raises(InvalidParameter, match="body"):
        parse_login(body)


@pytest.mark.parametrize("name", ["authKeyId", "authKey", "email", "password", "operatorId", "userName", "mfaOTPCode"])
@pytest.mark.parametrize("value", [1, True, ["x"], {"x": "y"}, "x" * 1025])
def test_a_member_of_the_wrong_type_or_size_is_named(name: str, value: object) -> None:
    with pytest.raises(InvalidParameter, match=f"^{name} "):
        parse(**ROOT | KEY | {name: value})


@pytest.mark.parametrize("missing", ["email", "password"])
def test_half_a_combination_is_invalid(missing: str) -> None:
    with pytest.raises(InvalidParameter, match="incomplete"):
        parse(**{name: value for name, value in ROOT.items() if name != missing})


@pytest.mark.parametrize("seconds", [1, 60, 172_800])
def test_a_token_lives_for_a_second_to_two_days(seconds: int) -> None:
    assert parse(**KEY, tokenTimeoutSeconds=seconds).token_seconds == seconds


@pytest.mark.parametrize("seconds", [0, -1, 172_801, 10**30, 60.0, 0.5, "60", True, [60]])
def test_any_other_life_is_invalid(seconds: object) -> None:
    with pytest.raises(InvalidParameter, match="from 1 to 172800"):
        parse(**KEY, tokenTimeoutSeconds=seconds)


@pytest.mark.parametrize("body", [b"", b" \r\n", b"{}", b'{"tokenTimeoutSeconds":null}'])
def test_a_renewal_without_a_life_takes_the_default(body: bytes) -> None:
    assert parse_token_seconds(body) is None


def test_a_renewal_takes_the_life_it_is_asked_for() -> None:
    assert parse_token_seconds(b'{"tokenTimeoutSeconds":180}') == 180


def test_a_login_shows_no_secret() -> None:
    assert "pass" not in repr(parse(**ROOT))


CHARACTERS = "aA@ \x00é\ud800🌾"

MEMBERS = st.dictionaries(
    st.sampled_from([*ROOT, *KEY, *USER, "tokenTimeoutSeconds"]),
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(CHARACTERS) | st.lists(st.none()),
)


@given(st.binary() | MEMBERS.map(lambda members: json.dumps(members).encode()))
def test_any_body_is_a_login_or_an_invalid_parameter(body: bytes) -> None:
    with suppress(InvalidParameter):
        assert isinstance(parse_login(body), Login)
