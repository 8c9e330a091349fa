"""Formats that have a name instead of fields.

`@json` takes payloads that are a JSON object already; it is written anew, compact, and its numbers as the
parser writes them: `-960.0` becomes `-960` (seen in the wild). An array is taken too, so that batches can be
sent so; it has no place for the member that says that the parser was on (our choice). `@button` reads the
four bytes of an LTE-M Button: `4d`, the click, the battery and a checksum (documented); `@soracom.button` is
its older name (seen in the wild). What does not fit is refused: other JSON and what is none, a number that
no float of 64 bits holds, what is no button's, a click or battery that is not known (our choice).
"""

from collections.abc import Callable, Mapping
from math import isinf
from typing import Any

import msgspec

from minori.codec.binary.grammar import BLANKS, ENABLED, fault
from minori.codec.binary.values import Value, plain
from minori.errors import PayloadUnfit

MARK = "@"
"""What the name of such a format begins with (documented)."""

BUTTON_START = 0x4D
"""The first byte of what the LTE-M Button sends (documented)."""

BUTTON_BYTES = 4

CLICKS: Mapping[int, str] = {1: "SINGLE", 2: "DOUBLE", 3: "LONG"}
"""The names of clicks (documented)."""

LEVELS: Mapping[int, Value] = {0: 0.25, 1: 0.5, 2: 0.75, 3: 1}
"""What is left in the battery, by its byte (documented)."""

UNKNOWN = ("@gps", "@sensit", "@unashield")
"""How the names of other formats begin (documented), of which it is not known what they read."""

Members = dict[str, Any]


def predefined(text: str) -> Callable[[bytes], Members | list[Any]]:
    """The reader of the format with this name; it raises `PayloadUnfit`.

    Raises `InvalidFormat` for any other name, and says so if the format is one of `UNKNOWN`.
    """
    name = text.strip(BLANKS)
    reader = READERS.get(name)
    if reader is None:
        others = "; what @gps, @sensit and @unashield read is not known here, so write its fields out"
        more = others if name.startswith(UNKNOWN) else ""
        raise fault(text.index(MARK), f"{', '.join(READERS)}, or fields such as temp:0:int:16{more}")
    return reader


def _json(payload: bytes) -> Members | list[Any]:
    try:
        value = _decode(payload)
    except (ValueError, RecursionError) as error:
        raise PayloadUnfit("@json takes a JSON object or array in UTF-8, and it is no JSON") from error
    if isinstance(value, dict):
        value.pop(ENABLED, None)
        return value
    if isinstance(value, list):
        return value
    raise PayloadUnfit("@json takes a JSON object or array, and it is another value")


def _number(text: str) -> Value:
    number = float(text)
    if isinf(number):
        raise ValueError(text)
    return plain(number)


_decode = msgspec.json.Decoder(float_hook=_number).decode


def _button(payload: bytes) -> Members:
    if len(payload) == BUTTON_BYTES and payload[0] == BUTTON_START and payload[3] == sum(payload[:3]) & 0xFF:
        click, level = payload[1], LEVELS.get(payload[2])
        if click in CLICKS and level is not None:
            return {"clickType": click, "clickTypeName": CLICKS[click], "batteryLevel": level}
    raise PayloadUnfit("@button takes four bytes: 4d, a click 01 to 03, a battery 00 to 03, their checksum")


READERS: Mapping[str, Callable[[bytes], Members | list[Any]]] = {
    "@json": _json,
    "@button": _button,
    "@soracom.button": _button,
}
"""The formats that are read, by name."""
