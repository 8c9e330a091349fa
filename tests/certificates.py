"""Throw-away certificates: an authority of the test's own, and what it signs for this machine."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from minori.http.certificate import Certificate
from minori.http.tls import Tls

DAY = timedelta(days=1)


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def key_pem(key: EllipticCurvePrivateKey, password: bytes | None = None) -> bytes:
    how: KeySerializationEncryption = NoEncryption() if password is None else BestAvailableEncryption(password)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how)


class Authority:
    """Signs certificates for 127.0.0.1 and localhost, and is trusted by the contexts it makes."""

    def __init__(self) -> None:
        self._key = generate_private_key(SECP256R1())
        self._certificate = self._signed(name("a test's authority"), self._key, datetime.now(UTC), is_authority=True)

    def _signed(
        self, subject: x509.Name, key: EllipticCurvePrivateKey, now: datetime, *, is_authority: bool = False
    ) -> x509.Certificate:
        built = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(name("a test's authority"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + DAY)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )
        if not is_authority:
            names = [x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))]
            built = built.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return built.sign(self._key, hashes.SHA256())

    def pair(self, folder: Path, *, now: datetime | None = None, title: str = "server") -> "Pair":
        """A certificate with its key, in files of `folder`; valid from a day before `now` to a day after."""
        key = generate_private_key(SECP256R1())
        signed = self._signed(name(title), key, now or datetime.now(UTC))
        pair = Pair(folder / f"{title}.pem", folder / f"{title}.key", key)
        pair.cert.write_bytes(signed.public_bytes(Encoding.PEM) + self._certificate.public_bytes(Encoding.PEM))
        pair.key.write_bytes(key_pem(key))
        return pair

    def client(self) -> ssl.SSLContext:
        """What a client trusts and speaks."""
        return ssl.create_default_context(cadata=self._certificate.public_bytes(Encoding.PEM).decode())


class Pair:
    """The files of a certificate and its key."""

    def __init__(self, cert: Path, key: Path, private: EllipticCurvePrivateKey) -> None:
        self.cert = cert
        self.key = key
        self._private = private

    @property
    def flags(self) -> tuple[str, ...]:
        """What `minori serve` is told."""
        return ("--tls-cert", str(self.cert), "--tls-key", str(self.key))

    def tls(self, handshake_seconds: float) -> Tls:
        """What a listener secures its connections by."""
        return Tls(Certificate(str(self.cert), str(self.key)), handshake_seconds)

    def replace(self, other: Self) -> None:
        """Put another pair into the files of this one."""
        self.cert.write_bytes(other.cert.read_bytes())
        self.key.write_bytes(other.key.read_bytes())

    def lock(self) -> None:
        """Encrypt the key with a password."""
        self.key.write_bytes(key_pem(self._private, b"secret"))
