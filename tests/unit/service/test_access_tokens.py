"""Tokens: what is taken, and that nothing else is."""

import base64
import hashlib
import hmac
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minori.errors import CredentialsMissing, TokenRejected, Unauthenticated
from minori.model.registry import Logout, Principal
from minori.service import tokens
from minori.service.passwords import sha256_hex
from minori.service.tokens import Holder, Tokens

SECRET = bytes(range(32))
API_KEY = "api-1"
OPERATOR = "OP0000000001"
NOW = 1_700_000_000


@pytest.fixture
def house() -> Tokens:
    return Tokens(SECRET, lambda: NOW, [])


def issue(house: Tokens, seconds: int = 60) -> str:
    return house.issue(Holder(Principal(OPERATOR)), sha256_hex(API_KEY), seconds)


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def signed(header: object, payload: object, secret: bytes = SECRET, digest: str = "sha256") -> str:
    text = f"{part(header)}.{part(payload)}"
    signature = hmac.new(secret, text.encode(), digest).digest()
    return f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def claims(**changes: Any) -> dict[str, Any]:
    whole = {"operator": {"operatorId": OPERATOR}, "jti": "1", "iat": NOW, "exp": NOW + 60}
    return {name: value for name, value in (whole | {"apiKeySha256": sha256_hex(API_KEY)} | changes).items() if value}


HS256 = {"alg": "HS256", "typ": "JWT"}


def test_a_pair_that_was_issued_here_tells_the_operator(house: Tokens) -> None:
    token = issue(house)
    for _ in range(2):
        assert house.authenticate(API_KEY, token).holder.principal == Principal(OPERATOR)


def test_the_forgery_below_would_pass_if_it_were_right(house: Tokens) -> None:
    assert house.authenticate(API_KEY, signed(HS256, claims())).holder.principal == Principal(OPERATOR)


@pytest.mark.parametrize(("api_key", "token"), [(None, "x"), ("x", None), ("", "x"), ("x", ""), (None, None)])
def test_half_a_pair_is_missing_credentials(house: Tokens, api_key: str | None, token: str | None) -> None:
    with pytest.raises(CredentialsMissing):
        house.authenticate(api_key, token)


def test_a_token_works_with_no_other_api_key(house: Tokens) -> None:
    token = issue(house)
    house.authenticate(API_KEY, token)
    with pytest.raises(TokenRejected):
        house.authenticate("api-2", token)


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "HS384", "HS512", "RS256", "ES256", "hs256", "", 1, None, ["HS256"]]
)
def test_no_other_algorithm_is_taken(house: Tokens, algorithm: object) -> None:
    digest = {"HS384": "sha384", "HS512": "sha512"}.get(str(algorithm), "sha256")
    token = signed({"alg": algorithm, "typ": "JWT"}, claims(), digest=digest)
    for forged in (token, token.rpartition(".")[0] + "."):
        with pytest.raises(TokenRejected):
            house.authenticate(API_KEY, forged)


@pytest.mark.parametrize("name", ["operator", "jti", "iat", "exp", "apiKeySha256"])
@pytest.mark.parametrize("value", [None, "x", 1.5, [1], {"operatorId": 1}])
def test_a_claim_that_is_missing_or_of_the_wrong_type_is_refused(house: Tokens, name: str, value: object) -> None:
    if (name, value) == ("jti", "x"):
        return
    with pytest.raises(TokenRejected):
        house.authenticate(API_KEY, signed(HS256, claims(**{name: value})))


def test_a_token_signed_with_another_secret_is_refused(house: Tokens) -> None:
    with pytest.raises(TokenRejected):
        house.authenticate(API_KEY, signed(HS256, claims(), secret=bytes(32)))


def test_changing_any_character_of_a_token_makes_it_invalid(house: Tokens) -> None:
    token = issue(house)
    house.authenticate(API_KEY, token)
    for place, old in enumerate(token):
        with pytest.raises(TokenRejected):
            house.authenticate(API_KEY, token[:place] + ("A" if old != "A" else "B") + token[place + 1 :])


def test_a_logged_out_key_is_refused_at_once_though_it_was_remembered(house: Tokens) -> None:
    token = issue(house)
    house.authenticate(API_KEY, token)
    logout = house.log_out(sha256_hex(API_KEY))
    with pytest.raises(TokenRejected):
        house.authenticate(API_KEY, token)
    house.revive(logout)
    house.authenticate(API_KEY, token)


def test_logouts_that_were_kept_count_from_the_start() -> None:
    house = Tokens(SECRET, lambda: NOW, [Logout(sha256_hex(API_KEY), NOW + 1)])
    with pytest.raises(TokenRejected):
        house.authenticate(API_KEY, issue(house))


def test_what_is_remembered_is_bounded_and_holds_no_token(house: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "REMEMBERED", 3)
    issued = [issue(house, seconds) for seconds in range(1, 6)]
    for token in issued:
        house.authenticate(API_KEY, token)
    assert len(house._remembered) == 3
    assert all(len(digest) == 16 for digest in house._remembered)
    house.authenticate(API_KEY, issued[0])


def test_a_pair_that_is_used_is_remembered_longest(house: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "REMEMBERED", 2)
    first, second, third = (issue(house, seconds) for seconds in (1, 2, 3))
    house.authenticate(API_KEY, first)
    (remembered,) = house._remembered
    for token in (second, first, third):
        house.authenticate(API_KEY, token)
    assert remembered in house._remembered


CHARACTERS = "aZ09-_.={}\n\x00é\udcff🌾"
LEAVES = st.none() | st.booleans() | st.integers() | st.sampled_from(["HS256", "none", OPERATOR, "b64", "x", ""])
NAMES = ["alg", "kid", "typ", "crit", "b64", "operator", "operatorId", "exp"]
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(NAMES), inner))


@given(st.text(CHARACTERS), st.text(CHARACTERS))
def test_any_other_text_is_refused_and_nothing_else_happens(api_key: str, token: str) -> None:
    with pytest.raises(Unauthenticated):
        Tokens(SECRET, lambda: NOW, []).authenticate(api_key, token)


@given(VALUES)
def test_any_other_payload_is_refused_even_if_signed(payload: object) -> None:
    with pytest.raises(TokenRejected):
        Tokens(SECRET, lambda: NOW, []).authenticate(API_KEY, signed(HS256, payload))


@given(VALUES)
def test_no_header_but_ours_gets_any_further(header: Any) -> None:
    with suppress(TokenRejected):
        Tokens(SECRET, lambda: NOW, []).authenticate(API_KEY, signed(header, claims()))
        assert header["alg"] == "HS256"


@pytest.mark.parametrize("token", ["\udcff.a.b", "a.b.c", "..", "eyJ" + "a" * 10_000, "é.é.é", "\x00"])
def test_odd_texts_are_refused(house: Tokens, token: str) -> None:
    for api_key in (API_KEY, "\udcff", "é"):
        with pytest.raises(TokenRejected):
            house.authenticate(api_key, token)


def test_the_secret_cannot_be_read_from_a_token(house: Tokens) -> None:
    header = json.loads(base64.urlsafe_b64decode(issue(house).partition(".")[0] + "=="))
    assert header == {"kid": hashlib.sha256(SECRET).hexdigest()[:16], "typ": "JWT", "alg": "HS256"}
