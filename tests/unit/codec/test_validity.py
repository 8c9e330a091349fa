"""From when to when a certificate is valid, whatever else is in it."""

import ssl
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certificates import DAY, Authority
from minori.codec.validity import parse_validity
from minori.errors import InvalidParameter


@pytest.mark.parametrize("year", [1985, 1999, 2000, 2026, 2049, 2050, 2107])
def test_both_ends_are_read_in_either_form_of_a_time(tmp_path: Path, year: int) -> None:
    now = datetime(year, 6, 15, 12, 30, 59, tzinfo=UTC)
    pem = Authority().pair(tmp_path, now=now).cert.read_text()
    validity = parse_validity(f"a comment\n{pem}")
    assert (validity.begins, validity.ends) == (now - DAY, now + DAY)


def test_the_first_certificate_of_a_chain_counts(tmp_path: Path) -> None:
    authority = Authority()
    first = authority.pair(tmp_path, now=datetime(2030, 1, 1, tzinfo=UTC), title="first").cert.read_text()
    second = authority.pair(tmp_path, now=datetime(2040, 1, 1, tzinfo=UTC), title="second").cert.read_text()
    assert parse_validity(first + second).ends == datetime(2030, 1, 2, tzinfo=UTC)


def test_what_is_no_certificate_is_refused_wherever_it_breaks(tmp_path: Path) -> None:
    lines = Authority().pair(tmp_path).cert.read_text().split("-----END")[0].splitlines()
    for pem in ("", "-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----", "\n".join(lines)):
        with pytest.raises(InvalidParameter):
            parse_validity(pem)
    for count in range(1, 5):
        broken = [*lines[:count], "-----END CERTIFICATE-----"]
        with pytest.raises(InvalidParameter):
            parse_validity("\n".join(broken))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    pem = Authority().pair(tmp_path_factory.mktemp("validity")).cert.read_text()
    return ssl.PEM_cert_to_DER_cert(pem[: pem.index("-----END") + len("-----END CERTIFICATE-----")])


@given(st.binary(max_size=60) | st.lists(st.tuples(st.integers(0, 180), st.integers(0, 255)), min_size=1, max_size=4))
def test_no_bytes_end_in_anything_but_times_or_a_refusal(
    certificate: bytes, spoilt: bytes | list[tuple[int, int]]
) -> None:
    data = bytearray(certificate)
    if isinstance(spoilt, bytes):
        data[: len(spoilt)] = spoilt
    else:
        for place, value in spoilt:
            data[place] = value
    with suppress(InvalidParameter):
        assert parse_validity(ssl.DER_cert_to_PEM_cert(bytes(data))).ends.tzinfo is UTC
