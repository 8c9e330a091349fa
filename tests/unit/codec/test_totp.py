"""Codes that follow the time."""

from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minori.codec.totp import SECONDS, code_of, find_step, step_at, uri_of

SECRET = b"12345678901234567890"
NOW = 1_700_000_000.0
STEP = step_at(NOW)
NEVER = -1


@pytest.mark.parametrize(
    ("time", "code"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_codes_are_the_last_six_digits_of_those_in_the_standard(time: int, code: str) -> None:
    """RFC 6238, appendix B, with SHA-1; its codes have eight digits."""
    assert code_of(SECRET, step_at(time)) == code[-6:]


def test_codes_of_the_first_steps_are_those_of_counters() -> None:
    """RFC 4226, appendix D."""
    known = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583"]
    assert [code_of(SECRET, count) for count in range(len(known))] == known


@pytest.mark.parametrize(("off", "is_found"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_an_authenticator_s_clock_may_be_off_by_one_step(off: int, *, is_found: bool) -> None:
    found = find_step(SECRET, code_of(SECRET, STEP + off), NOW, NEVER)
    assert found == (STEP + off if is_found else None)


@pytest.mark.parametrize("used", [-1, 0, 1])
def test_a_step_that_was_used_is_used_up_with_all_before_it(used: int) -> None:
    found = [find_step(SECRET, code_of(SECRET, STEP + off), NOW, STEP + used) for off in (-1, 0, 1)]
    assert [each is not None for each in found] == [off > used for off in (-1, 0, 1)]


def test_the_first_step_of_all_has_no_step_before_it() -> None:
    assert find_step(SECRET, code_of(SECRET, 0), 1.0, NEVER) == 0


@given(st.text(max_size=12))
def test_what_is_no_code_is_found_nowhere_and_harms_nobody(code: str) -> None:
    codes = {code_of(SECRET, STEP + off) for off in (-1, 0, 1)}
    assert (find_step(SECRET, code, NOW, NEVER) is not None) == (code in codes)


@given(st.binary(min_size=20, max_size=20), st.integers(0, 2**40))
def test_a_code_has_six_digits_and_is_found_again(secret: bytes, step: int) -> None:
    code = code_of(secret, step)
    assert (len(code), code.isascii(), code.isdigit()) == (6, True, True)
    assert find_step(secret, code, step * SECONDS, step - 1) is not None


def test_the_uri_is_what_authenticators_read() -> None:
    uri = urlsplit(uri_of(SECRET, "a b&c?@example.com"))
    assert (uri.scheme, uri.netloc) == ("otpauth", "totp")
    assert unquote(uri.path) == "/Minori:a b&c?@example.com"
    assert parse_qs(uri.query) == {
        "secret": ["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"],
        "issuer": ["Minori"],
        "algorithm": ["SHA1"],
        "digits": ["6"],
        "period": ["30"],
    }
