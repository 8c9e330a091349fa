"""From when to when a certificate is valid: the one thing that is read of it, as X.509 writes it (RFC 5280, 4.1)."""

import ssl
from datetime import UTC, datetime

from msgspec import Struct

from minori.errors import InvalidParameter

PEM_BEGIN = "-----BEGIN CERTIFICATE-----"
PEM_END = "-----END CERTIFICATE-----"

_UTC_TIME, _GENERALIZED_TIME, _VERSION = 0x17, 0x18, 0xA0
_FORMS = {_UTC_TIME: "%y%m%d%H%M%SZ", _GENERALIZED_TIME: "%Y%m%d%H%M%SZ"}
_LAST_OF_TWO_DIGITS = 2050


class Validity(Struct, frozen=True):
    """The first and the last moment, both in UTC, at which a certificate may be used."""

    begins: datetime
    ends: datetime


def parse_validity(pem: str) -> Validity:
    """What the first certificate of a PEM chain says. Raises `InvalidParameter` if there is none that can be read."""
    begin, end = pem.find(PEM_BEGIN), pem.find(PEM_END)
    if begin < 0 or end < begin:
        raise InvalidParameter("There is no certificate in PEM")
    try:
        der = ssl.PEM_cert_to_DER_cert(pem[begin : end + len(PEM_END)])
        _, certificate, _ = _element(der)
        _, content, _ = _element(certificate)
        tag, _, rest = _element(content)
        if tag == _VERSION:
            _, _, rest = _element(rest)
        for _ in range(2):  # the algorithm of the signature, and the issuer
            _, _, rest = _element(rest)
        _, validity, _ = _element(rest)
        first, begins, rest = _element(validity)
        second, ends, _ = _element(rest)
        return Validity(_moment(first, begins), _moment(second, ends))
    except (ValueError, KeyError, IndexError) as error:
        raise InvalidParameter("The certificate cannot be read") from error


def _element(data: bytes) -> tuple[int, bytes, bytes]:
    """The tag and the content of the element that `data` begins with, and what follows it (X.690, 8.1)."""
    tag, length, at = data[0], data[1], 2
    if length & 0x80:
        at += length & 0x7F
        length = int.from_bytes(data[2:at])
    if at + length > len(data):
        raise ValueError("an element goes beyond its end")
    return tag, data[at : at + length], data[at + length :]


def _moment(tag: int, text: bytes) -> datetime:
    moment = datetime.strptime(text.decode(), _FORMS[tag]).replace(tzinfo=UTC)
    if tag == _UTC_TIME and moment.year >= _LAST_OF_TWO_DIGITS:
        # 50 to 99 are years of the last century (RFC 5280, 4.1.2.5.1).
        moment = moment.replace(year=moment.year - 100)
    return moment
