"""The members of JSON contents as columns: which there are, of what kind, and the cells of each row.

Nested objects become dotted names (`gps.lat`); an array stays one cell, as JSON. Values are kept as the JSON
text they were sent as, so that a number is never rounded. Whatever does not fit the columns stays in the
cell of the content, so that nothing is lost.
"""

from collections.abc import Iterable, Mapping
from math import isinf
from typing import Final

import msgspec

from minori.codec.content import JSON
from minori.model.resource import ATTRIBUTE_NAME_LENGTH

MOST_COLUMNS = 1000
"""Columns that contents are split into (our choice); what is in no column stays in the content."""

DEPTH = 8
"""Levels of objects that become dotted names (our choice); what is deeper stays JSON."""

FIXED = ("resourceType", "resourceId", "time", "contentType", "content", "category")
"""The columns of the entry itself. A member of the same name is put below `content.`."""

LONG_BITS, EXACT_BITS = 63, 53
"""Bits of a whole number that a 64-bit integer and a double hold."""

MOST_DIGITS, EXACT_DIGITS = 20, 15
"""Characters beyond which a whole number has more bits than a 64-bit integer, and up to which a double holds it."""

SHAPES: Final = 4096
"""How many shapes of short values are remembered with their kinds."""

_SHAPE: Final = bytes.maketrans(b"123456789", b"000000000")
"""Makes one shape of all numbers that differ in their digits alone; short ones are of one kind."""

_BRACE: Final = ord("{")

BOOLEAN: Final = 1
INTEGER: Final = 2
LONG: Final = 4
REAL: Final = 8
TEXT: Final = 16
"""Kinds of values, as bits: a column has those of all its values, and `null` has none."""

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_text = msgspec.json.Decoder(str).decode

_KINDS: Final = {ord("n"): 0, ord("t"): BOOLEAN, ord("f"): BOOLEAN, ord('"'): TEXT, ord("["): TEXT, ord("{"): TEXT}
"""What a value's first byte says; a number's says nothing."""

_SURELY_FINITE: Final = 300
"""Characters up to which a number without an exponent is no larger than a double."""


class ExportedRow(msgspec.Struct, rename="camel"):
    """A row of the store, taken apart (`codec.entry`)."""

    time: int
    content_type: str
    content: str
    category: str | None = None


_rows = msgspec.json.Decoder(list[ExportedRow]).decode


def decode_rows(rows: Iterable[bytes]) -> list[ExportedRow]:
    """Rows of the store, taken apart at once."""
    return _rows(b"[{" + b",{".join(rows) + b"]") if rows else []


class Columns:
    """The columns of one export, in order of their names. First `learn` all rows, then `settle`, then `split`.

    Kinds are learned with `typed` alone.
    """

    def __init__(self, *, typed: bool) -> None:
        self._typed = typed
        self._shapes: dict[bytes, int] = {}
        self._kinds: dict[str, int] = {}
        self.names: list[str] = []
        """What members are called in contents."""
        self.headers: list[str] = []
        """What their columns are called."""

    def learn(self, rows: Iterable[ExportedRow]) -> None:
        """Take in what columns these rows have."""
        kinds, shapes, typed = self._kinds, self._shapes, self._typed
        for row in rows:
            flat, _ = flatten(row)
            if not flat.keys() <= kinds.keys():
                self._add(flat)
            if typed:
                for name, value in flat.items():
                    known = kinds.get(name, TEXT)
                    if known < TEXT:
                        kind = shapes.get(value.translate(_SHAPE))
                        kinds[name] = known | (self._kind_of(value) if kind is None else kind)

    def _kind_of(self, value: bytes) -> int:
        kind = kind_of(value)
        if len(value) <= EXACT_DIGITS and len(self._shapes) < SHAPES:
            self._shapes[value.translate(_SHAPE)] = kind
        return kind

    def _add(self, flat: Mapping[str, bytes]) -> None:
        for name in flat:
            if name not in self._kinds and len(self._kinds) < MOST_COLUMNS and len(name) <= ATTRIBUTE_NAME_LENGTH:
                self._kinds[name] = 0

    def settle(self) -> None:
        """All rows are learned: name the columns."""
        self.names = sorted(self._kinds)
        taken = {*FIXED, *self.names}
        for name in self.names:
            header = name
            while header in FIXED or (header != name and header in taken):
                header = f"content.{header}"
            taken.add(header)
            self.headers.append(header)

    def kind(self, name: str) -> int:
        """All that was seen under a name."""
        return self._kinds[name]

    def split(self, row: ExportedRow) -> tuple[Mapping[str, bytes], bool]:
        """The values of a row by name, as JSON; and whether they are all that its content says."""
        flat, is_whole = flatten(row)
        return flat, is_whole and self._kinds.keys() >= flat.keys()


def flatten(row: ExportedRow) -> tuple[dict[str, bytes], bool]:
    """The values of a JSON object's members, as JSON, by dotted name; and whether they are all there is."""
    if row.content_type != JSON:
        return {}, False
    try:
        return _flatten(row.content, "", DEPTH, has_objects=row.content.count("{") > 1)
    except msgspec.DecodeError:
        # No object; or JSON that only a laxer parser takes, such as half a surrogate pair.
        return {}, False


def _flatten(text: str | bytes, prefix: str, depth: int, *, has_objects: bool) -> tuple[dict[str, bytes], bool]:
    flat = {prefix + name: bytes(raw) for name, raw in _members(text).items()}
    if depth == 1 or not has_objects:
        return flat, True
    is_whole = True
    objects = {name: value for name, value in flat.items() if value[0] == _BRACE}
    for name in objects:
        del flat[name]
    for name, value in objects.items():
        inner, is_all = _flatten(value, f"{name}.", depth - 1, has_objects=True)
        inner = inner or {name: value}
        # Two members may have one dotted name; the first that is there keeps it.
        is_whole &= is_all and flat.keys().isdisjoint(inner)
        flat = inner | flat
    return flat, is_whole


def kind_of(value: bytes) -> int:
    """The kind of a JSON value, 0 for `null`."""
    kind = _KINDS.get(value[0])
    if kind is not None:
        return kind
    if b"e" in value or b"E" in value or len(value) > _SURELY_FINITE:
        return TEXT if isinf(float(value)) else REAL
    if b"." in value:
        return REAL
    if len(value) <= EXACT_DIGITS:
        return INTEGER
    bits = int(value).bit_length() if len(value) <= MOST_DIGITS else MOST_DIGITS * 4
    if bits <= EXACT_BITS:
        return INTEGER
    return LONG if bits <= LONG_BITS else TEXT


def text_of(value: bytes) -> str | None:
    """A JSON value as the text of a cell: a string without its quotes, `null` as none, others as they are."""
    first = value[:1]
    if first == b'"':
        return _text(value)
    return None if first == b"n" else value.decode()
