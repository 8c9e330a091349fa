"""An uplink of a LoRaWAN or Sigfox device: its own bytes, and the envelope around them that is stored.

The envelope is a JSON object with the bytes in hexadecimal under `data`; what a format makes of them stands at
its top level, beside the envelope (documented).
"""

import re
from collections.abc import Collection

import msgspec
from msgspec import Raw, Struct

from minori.codec.binary.grammar import ENABLED
from minori.codec.entry import encode_json
from minori.errors import InvalidParameter

_hexadecimal = re.compile(r"(?:[0-9A-Fa-f]{2})*\Z").match
_members = msgspec.json.Decoder(dict[str, Raw]).decode
_text = msgspec.json.Decoder(str).decode


class Uplink(Struct, frozen=True):
    """One uplink: the device, the envelope as JSON text, and the device's own bytes.

    `time` is when the network received it, in UNIX ms, or `None` if the time of receipt is to be taken.
    """

    device_id: str
    time: int | None
    text: str
    payload: bytes


def payload_of(envelope: str) -> bytes | None:
    """The device's own bytes in an envelope; `None` where it has none that can be read."""
    try:
        data = _members(envelope).get("data")
        return None if data is None else parse_hexadecimal(_text(data))
    except (msgspec.DecodeError, UnicodeError, RecursionError, InvalidParameter):
        return None


def parse_hexadecimal(text: str) -> bytes:
    """Bytes in hexadecimal, without blanks, in either case. Raises `InvalidParameter`."""
    if not _hexadecimal(text):
        raise InvalidParameter("data must be an even number of hexadecimal digits")
    return bytes.fromhex(text)


def with_fields(envelope: str, fields: str, reserved: Collection[str]) -> str:
    """An envelope with what a format made of its bytes in front, both JSON objects, compact (seen in the wild).

    A field counts before a member of the envelope of that name, but for those that are `reserved`, which are
    the network's own. `binaryParserEnabled` goes to the end. An envelope that cannot be taken apart, since it
    is nested too deeply, stays as it is (our choice).
    """
    try:
        parsed, members = _members(fields), _members(envelope)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return envelope
    merged = {name: value for name, value in parsed.items() if name not in members or name not in reserved}
    merged.update({name: value for name, value in members.items() if name not in merged})
    flag = merged.pop(ENABLED, None)
    if flag is not None:
        merged[ENABLED] = flag
    return encode_json(merged).decode()
