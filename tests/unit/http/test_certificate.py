"""The operator's certificate: what is said of one that cannot be used, and what comes of a new one."""

import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from certificates import Authority, Pair
from minori.errors import SettingsInvalid
from minori.http.certificate import FILE_BYTES, Certificate

BEGIN = b"-----BEGIN CERTIFICATE-----\n"
NONSENSE = b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
SPOILT: dict[str, tuple[Callable[[Pair], object], str]] = {
    "no file": (lambda pair: pair.cert.unlink(), "tls_cert: .*server.pem cannot be read .No such file or directory."),
    "no key": (lambda pair: pair.key.unlink(), "tls_key: .*server.key cannot be read .No such file or directory."),
    "no certificate": (
        lambda pair: pair.cert.write_bytes(b"\0DER"),
        "tls_cert: .*server.pem holds no certificate in PEM",
    ),
    "swapped": (lambda pair: pair.key.write_bytes(pair.cert.read_bytes()), "tls_key: .* holds no private key in PEM"),
    "damaged": (lambda pair: pair.cert.write_bytes(BEGIN + b"x"), r"tls_cert, tls_key: .* cannot be used \(.*make"),
    "damaged key": (lambda pair: pair.key.write_bytes(NONSENSE), r"tls_cert, tls_key: .* cannot be used \(.*make"),
    "locked": (lambda pair: pair.lock(), "tls_key: .*server.key is locked with a password; store the key without one"),
    "huge": (lambda pair: pair.key.write_bytes(bytes(FILE_BYTES + 1)), "tls_key: .* is larger than 1048576 bytes"),
}


@pytest.fixture
def authority() -> Authority:
    return Authority()


@pytest.fixture
def pair(authority: Authority, tmp_path: Path) -> Pair:
    return authority.pair(tmp_path)


def load(pair: Pair) -> Certificate:
    return Certificate(str(pair.cert), str(pair.key))


@pytest.mark.parametrize("kind", SPOILT)
def test_what_cannot_be_used_is_named_with_its_setting_and_what_to_do(pair: Pair, kind: str) -> None:
    spoil, message = SPOILT[kind]
    spoil(pair)
    with pytest.raises(SettingsInvalid, match=message):
        load(pair)


def test_a_folder_in_place_of_a_file_is_told(pair: Pair, tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match=r"tls_cert: .* cannot be read \(Is a directory\)"):
        Certificate(str(tmp_path), str(pair.key))


def test_a_key_of_another_certificate_is_told(authority: Authority, pair: Pair, tmp_path: Path) -> None:
    other = authority.pair(tmp_path, title="other")
    with pytest.raises(SettingsInvalid, match=r"tls_key: .*other.key is not the key of the first .* in .*server.pem"):
        Certificate(str(pair.cert), str(other.key))


@pytest.mark.parametrize(("days", "said"), [(-2, "has expired"), (2, "not valid yet"), (0, "is in use")])
def test_a_certificate_out_of_date_is_used_with_a_warning(
    authority: Authority, tmp_path: Path, days: int, said: str
) -> None:
    pair = authority.pair(tmp_path, now=datetime.now(UTC) + timedelta(days))
    with capture_logs() as logs:
        load(pair)
    assert [(said in log["event"], log["log_level"]) for log in logs] == [(True, "warning" if days else "info")]


def test_only_tls_1_2_and_later_is_spoken_without_renegotiation(pair: Pair) -> None:
    context = load(pair).context
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.options & ssl.OP_NO_RENEGOTIATION
    assert context.options & ssl.OP_NO_COMPRESSION
    assert context.verify_mode is ssl.CERT_NONE


def test_a_new_pair_is_taken_and_a_broken_one_is_not(authority: Authority, pair: Pair, tmp_path: Path) -> None:
    certificate = load(pair)
    first = certificate.context
    pair.replace(authority.pair(tmp_path, title="new"))
    certificate.reload()
    second = certificate.context
    assert second is not first
    pair.key.write_bytes(b"half a ke")
    with capture_logs() as logs:
        certificate.reload()
    assert certificate.context is second
    assert [log["log_level"] for log in logs] == ["error"]
    assert "holds no private key" in logs[0]["reason"]
