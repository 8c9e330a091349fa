"""Formats of the binary parser: a text is read once, then any number of payloads by it.

    parse_format("temp:0:int:16:/10").parse(bytes.fromhex("00ff")).text
    '{"temp":25.5,"binaryParserEnabled":true}'

All work has a bound that is known when the format is read: a payload is gone through once per field, and of
custom formats comes out at most `LONGEST` bytes of JSON.
"""

from collections.abc import Callable, Collection
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Struct

from minori.codec.binary.field import Field
from minori.codec.binary.grammar import BLANKS, CHARACTERS, ENABLED, FIELDS, FORMAT_LENGTH, parse_fields
from minori.codec.binary.predefined import MARK, predefined
from minori.codec.binary.values import reader
from minori.codec.content import JSON, Content, attribute_names

REMEMBERED = 128
"""Formats that are kept ready (our choice): as many as a server's groups are likely to have."""

LONGEST = FORMAT_LENGTH + FIELDS * 32 + CHARACTERS * 6
"""The longest JSON text of a custom format, in bytes: names, numbers, and characters as their longest escape."""

_encode = msgspec.json.Encoder().encode


class Format(Struct, frozen=True):
    """A format that payloads can be read by. `fields` is empty for one that has a name instead.

    `read` gives the members of a payload in their order, without `ENABLED`, or of `@json` what was sent, which
    may be an array; it raises `PayloadUnfit`.
    """

    text: str
    read: Callable[[bytes], dict[str, Any] | list[Any]]
    fields: tuple[Field, ...] = ()
    names: tuple[str, ...] = ()

    def parse(self, payload: bytes) -> Content:
        """What a payload is stored as: compact JSON, the members in the order of the format, then `ENABLED`.

        Raises `PayloadUnfit`, and nothing else.
        """
        value = self.read(payload)
        if isinstance(value, dict):
            value[ENABLED] = True
        return Content(_encode(value).decode(), JSON, self.names or attribute_names(value))


def parse_format(text: str, reserved: Collection[str] = ()) -> Format:
    """The format in a text: fields, or a name such as `@json`. Raises `InvalidFormat`.

    No field may have a name of `reserved`: of a format for LoRaWAN or Sigfox devices, that are the members which
    their messages have without it (documented).
    """
    if text.lstrip(BLANKS).startswith(MARK):
        return Format(text, predefined(text))
    fields = parse_fields(text, reserved)
    return Format(text, reader(fields), fields, (*(field.name for field in fields), ENABLED))


@lru_cache(REMEMBERED)
def format_of(text: str) -> Format:
    """The same, remembered: for formats that were checked when they were saved. Raises `InvalidFormat`."""
    return parse_format(text)
