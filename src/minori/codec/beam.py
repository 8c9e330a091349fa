"""What Soracom Beam says of a sender: the headers it adds over HTTP, its first line over TCP, and its signature.

    sha256("topsecret" "x-soracom-imsi=440101234567890" "x-soracom-timestamp=1608251959862")
    imsi=440101234567890 timestamp=1608251959862;signature=9b7c3587… version=20151001

The signature, of version 20151001, is over the shared key and what Beam says, the headers in order of their
names (documented). It says nothing of the body.
"""

import re
from collections.abc import Iterable, Sequence
from hashlib import sha256
from hmac import compare_digest

from msgspec import Struct

from minori.errors import BeamRejected, InvalidParameter
from minori.model.entry import MAX_TIME
from minori.model.resource import ResourceType

VERSION = "20151001"
"""The version of the signature that there is (documented)."""

KEY_CHARACTERS = 64
"""The longest shared key (documented)."""

FIRST_LINE_BYTES = 1024
"""The longest first line over TCP, its end not counted, in bytes (our choice)."""

MOST_HEADERS = 32
"""The most headers of Beam in one request (our choice; Beam has eleven)."""

_PREFIX = "x-soracom-"
_SIGNATURE = "x-soracom-signature"
_OPERATOR = "x-soracom-operator-id"

_printable = re.compile(r"[ -~]{0,1024}\Z").match
_key = re.compile(r"[A-Za-z0-9]{1,64}\Z").match
_digest = re.compile(r"[0-9a-fA-F]{64}\Z").match
_id = re.compile(r"[A-Za-z0-9-]{1,64}\Z").match
_hexadecimal = re.compile(r"[0-9a-fA-F]{1,16}\Z").match
_digits = re.compile(r"[0-9]{1,32}\Z").match
_imsi = re.compile(r"[0-9]{6,15}\Z").match
_sim_id = re.compile(r"[0-9]{10,22}\Z").match
_time = re.compile(r"[0-9]{1,19}\Z").match

_FORMS = {
    "x-soracom-imsi": _imsi,
    "x-soracom-imei": _digits,
    "x-soracom-msisdn": _digits,
    "x-soracom-sim-id": _sim_id,
    "x-soracom-timestamp": _time,
    "x-soracom-lora-device-id": _hexadecimal,
    "x-soracom-sigfox-device-id": _hexadecimal,
    "x-soracom-device-id": _id,
    _OPERATOR: _id,
}
"""What the value of each header that is known looks like."""

_LINE = {
    "imsi": "x-soracom-imsi",
    "imei": "x-soracom-imei",
    "msisdn": "x-soracom-msisdn",
    "simId": "x-soracom-sim-id",
    "timestamp": "x-soracom-timestamp",
}
"""The names in a first line (documented), and the headers that say the same."""

_DEVICES = {
    "x-soracom-lora-device-id": ResourceType.LORA_DEVICE,
    "x-soracom-sigfox-device-id": ResourceType.SIGFOX_DEVICE,
    "x-soracom-device-id": ResourceType.DEVICE,
}


class Vouched(Struct, frozen=True):
    """Whom Beam vouches for, if its signature is right.

    `type` and `id` name the sender: an IMSI (`Subscriber`), a SIM id where there is no IMSI (`Sim`), or a
    LoRaWAN, Sigfox or Inventory device. `sim_id` is known beside an IMSI where Beam says it; it has to be
    that SIM's. `time` is when Beam sent it, in UNIX ms. `operator_id` is the vendor's, and may stand outside
    the signature. `texts` are what the signature may be over.
    """

    type: ResourceType
    id: str
    sim_id: str | None
    time: int | None
    operator_id: str | None
    texts: tuple[str, ...]
    signature: str | None


def read_headers(headers: Iterable[tuple[bytes, bytes]]) -> Vouched:
    """What the headers of a request say; those that are not Beam's are passed over, names are so whatever their case.

    All headers that begin with `x-soracom-` are signed, known or not, but for those of the signature itself.
    `x-soracom-operator-id` is both with and without: sources differ on it. `x-device-id`, which one public
    sample signs, is no identity (our choice). Raises `InvalidParameter`: a header twice, a value that is not
    what Beam sends, no sender or two of them.
    """
    said: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name = raw_name.decode("latin-1").lower()
        if not name.startswith(_PREFIX):
            continue
        if name in said:
            raise InvalidParameter("A header of Beam came twice, and it is not known which is meant; send each once")
        said[name] = _checked(name, raw_value.decode("latin-1").strip(" \t"))
        if len(said) > MOST_HEADERS:
            raise InvalidParameter(f"There are more than {MOST_HEADERS} headers of Beam; send those that it adds")
    signed = sorted(name for name in said if not name.startswith(_SIGNATURE))
    whole = _joined(signed, said)
    without = _joined([name for name in signed if name != _OPERATOR], said)
    version = said.get("x-soracom-signature-version")
    return _vouched(said, (whole, without) if _OPERATOR in said else (whole,), said.get(_SIGNATURE), version)


def take_first_line(data: bytes) -> tuple[bytes, bytes] | None:
    r"""The first line of a stream without its end, `\n` or `\r\n`, and what follows; `None` if it has not ended.

    Raises `InvalidParameter` if it is longer than `FIRST_LINE_BYTES`.
    """
    line, end, rest = data.partition(b"\n")
    if len(line) > FIRST_LINE_BYTES + 1:
        raise InvalidParameter(f"The first line is longer than {FIRST_LINE_BYTES} bytes; Beam's is the first of all")
    return (line.removesuffix(b"\r"), rest) if end else None


def parse_first_line(line: bytes) -> Vouched:
    """What Beam's first line over TCP says: `imsi=… timestamp=…;signature=… version=…` (documented).

    Names that are not known are signed and passed over. Raises `InvalidParameter`.
    """
    text = line.decode("latin-1")
    if len(text) > FIRST_LINE_BYTES or not _printable(text):
        raise InvalidParameter(
            f"The first line must be Beam's: up to {FIRST_LINE_BYTES} printable characters of ASCII, then a line end"
        )
    signed, _, proof = text.partition(";")
    said = {_LINE[name]: _checked(_LINE[name], value) for name, value in _pairs(signed).items() if name in _LINE}
    proofs = _pairs(proof) if proof else {}
    return _vouched(said, (signed,), proofs.get("signature"), proofs.get("version"))


def check_signature(vouched: Vouched, keys: Sequence[str], now: int, window_seconds: int) -> int:
    """Which of the shared `keys`, by its place, has signed what Beam says.

    A message is as old as it says; more than `window_seconds` away from `now`, in UNIX ms, either way, it is
    refused, since somebody may have kept it (our choice). 0 lets it be of any age. All keys are tried in the
    same time, whichever fits. Raises `BeamRejected`.
    """
    if vouched.signature is None:
        raise BeamRejected("There is no signature of Beam; switch its signature on, and choose a shared key")
    given = vouched.signature.lower()
    matches = [
        place
        for place, key in enumerate(keys)
        for text in vouched.texts
        if compare_digest(signature_of(key, text), given)
    ]
    if not matches:
        raise BeamRejected("The signature of Beam is not that of any shared key that is kept here")
    if window_seconds and (vouched.time is None or abs(now - vouched.time) > window_seconds * 1000):
        raise BeamRejected(
            f"What Beam signed is not of the last {window_seconds} s, or says no time; set the clocks right"
        )
    return matches[0]


def signature_of(key: str, text: str) -> str:
    """The signature of a text: hexadecimal digits of SHA-256, in lower case (documented)."""
    return sha256((key + text).encode()).hexdigest()


def checked_key(text: str) -> str:
    """A shared key that Beam can have: letters and digits, 64 at most (documented). Raises `InvalidParameter`."""
    if not _key(text):
        raise InvalidParameter(f"A shared key of Beam has 1 to {KEY_CHARACTERS} letters and digits")
    return text


def _checked(name: str, value: str) -> str:
    """A value that leaves no doubt where it ends, though nothing stands between it and the next name when signed.

    Printable ASCII is also what keeps a signature from being lengthened, which plain SHA-256 would allow:
    the padding in between is not printable.
    """
    form = _FORMS.get(name, _printable)
    if not form(value) or _PREFIX in value.lower():
        known = name if name in _FORMS else "a header of Beam"
        raise InvalidParameter(f"The value of {known} is not what Beam sends there")
    return value


def _joined(names: Iterable[str], said: dict[str, str]) -> str:
    return "".join([f"{name}={said[name]}" for name in names])


def _pairs(text: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for word in text.split(" "):
        name, equals, value = word.partition("=")
        if not equals or name in pairs:
            raise InvalidParameter("The first line must be Beam's: name=value, each name once, a blank between them")
        pairs[name] = value
    return pairs


def _vouched(said: dict[str, str], texts: tuple[str, ...], signature: str | None, version: str | None) -> Vouched:
    if signature is not None and (version != VERSION or not _digest(signature)):
        raise InvalidParameter(f"The signature must be 64 hexadecimal digits, and its version {VERSION}")
    kind, sender = _sender(said)
    time = int(said["x-soracom-timestamp"]) if "x-soracom-timestamp" in said else None
    if time is not None and time > MAX_TIME:
        raise InvalidParameter("The value of x-soracom-timestamp is not what Beam sends there")
    return Vouched(kind, sender, said.get("x-soracom-sim-id"), time, said.get(_OPERATOR), texts, signature)


def _sender(said: dict[str, str]) -> tuple[ResourceType, str]:
    found = [(kind, said[name]) for name, kind in _DEVICES.items() if name in said]
    if "x-soracom-imsi" in said:
        found.append((ResourceType.SUBSCRIBER, said["x-soracom-imsi"]))
    elif "x-soracom-sim-id" in said:
        found.append((ResourceType.SIM, said["x-soracom-sim-id"]))
    if not found:
        raise InvalidParameter("Beam does not say who sends; switch its IMSI, SIM id or device id header on")
    if len(found) > 1:
        raise InvalidParameter("Beam says more than one sender; send the headers that it adds, and no others")
    kind, sender = found[0]
    # A device EUI is kept in lower case, whoever reports it.
    return kind, sender.lower() if kind is ResourceType.LORA_DEVICE else sender
