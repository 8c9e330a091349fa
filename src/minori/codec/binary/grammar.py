"""A custom format, from its text to fields whose places are known.

    format    = field { blank field }
    field     = name ":" [ byte ":" | ":" ] type
    type      = "bool" ":" bit
              | "char" ":" length
              | ( "int" | "uint" | "float" ) ":" bits [ ":" [ endian ] ] [ ":" [ bit ] ] { ":" operation }
    endian    = "big-endian" | "little-endian"
    operation = ( "+" | "-" | "*" | "/" ) number

A byte that is left out is the one behind the last byte read, the first one for the first field (documented);
for a `bool` it is the last byte read, so that several flags share one (inferred from the grammar's ancestor).
The published example writes `long:float:32`, without the colon of the byte that is left out; so that is
taken too.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import TypeVar

from minori.codec.binary.field import BYTE, TOP_BIT, Endian, Field, Kind, Operation, Sign, touched
from minori.errors import InvalidFormat
from minori.model.resource import ATTRIBUTE_NAME_LENGTH

FORMAT_LENGTH = 8_192
"""The longest format, in characters (our choice): as long as all options of a group may be."""

FIELDS = 512
"""Fields of a format at most (our choice)."""

REACH = 65_535
"""Bytes of a payload, from its beginning, that fields may read (our choice): a datagram has no more."""

CHARACTERS = 8_192
"""Bytes of all `char` fields together, at most (our choice), so that what comes out has a bound."""

INTEGER_BITS = 64
"""The longest `int` and `uint`, in bits (our choice; the grammar's ancestor has it too)."""

FLOAT_BITS = (32, 64)
"""Lengths of a `float` (documented)."""

OPERATIONS = 5
"""Operations of a field at most (documented)."""

BLANKS = " \t\r\n"
"""What may stand between fields, and around them (a space is documented; the others are our choice)."""

ENABLED = "binaryParserEnabled"
"""The member that the parser adds (documented)."""

_FIELD = re.compile(f"[^{BLANKS}]+")
_NAME = re.compile(r"[A-Za-z0-9#_$-]*")
_NUMBER = re.compile(r"[0-9]{1,5}")
_OPERATION = re.compile(r"([-+*/])(-?[0-9]{1,15}(?:\.[0-9]{1,15})?)")

_A_NAME = "a name of letters, digits, #, -, _ or $, and a colon"
_A_BYTE = f"the number of a byte from 0 to {REACH - 1}, or nothing for the byte that follows"
_A_TYPE = f"{', '.join(list(Kind)[:-1])} or {Kind.CHAR}"
_A_BIT = f"a bit from {TOP_BIT}, the most significant, to 0"
_THE_END = "the end of the field"
_OPTIONS = f"{Endian.BIG} or {Endian.LITTLE}, then {_A_BIT}, then operations such as /10, or {_THE_END}"

T = TypeVar("T")


def parse_fields(text: str, reserved: Collection[str] = ()) -> tuple[Field, ...]:
    """The fields of a custom format, in its order; no field may have a name of `reserved`.

    Raises `InvalidFormat`. Two fields of one name are refused, since one of them would be lost (our choice).
    """
    if len(text) > FORMAT_LENGTH:
        raise fault(FORMAT_LENGTH, f"the end, as a format has at most {FORMAT_LENGTH} characters")
    reader = _Reader(reserved)
    for found in _FIELD.finditer(text):
        reader.read(_Parts(found[0], found.start()))
    if not reader.fields:
        raise fault(len(text), "a field such as temp:0:int:16, or @json")
    return tuple(reader.fields.values())


def fault(offset: int, expected: str) -> InvalidFormat:
    """The error that says what was expected at an offset, counted from 0."""
    return InvalidFormat(offset + 1, expected)


class _Parts:
    """What stands between the colons of one field; `start` is where the next part begins."""

    def __init__(self, text: str, start: int) -> None:
        self._texts = text.split(":")
        self._texts.reverse()
        self._end = start + len(text)
        self.start = start

    @property
    def text(self) -> str | None:
        """The next part, or `None` behind the last one."""
        return self._texts[-1] if self._texts else None

    def take(self, wanted: str, read: Callable[[str], T | None]) -> T:
        """The value of the next part, which must be there and be of this kind."""
        if self.text is None:
            raise fault(self._end, f"a colon and {wanted}")
        value = read(self.text)
        if value is None:
            raise fault(self.start, wanted)
        self.skip()
        return value

    def skip(self) -> None:
        """Go behind the next part and its colon."""
        self.start += len(self._texts.pop()) + 1


class _Reader:
    """Reads fields one after the other, and knows which byte was read last."""

    def __init__(self, reserved: Collection[str]) -> None:
        self.fields: dict[str, Field] = {}
        self._reserved = reserved
        self._last = -1
        self._characters = 0

    def read(self, parts: _Parts) -> None:
        start = parts.start
        if len(self.fields) == FIELDS:
            raise fault(start, f"the end, as a format has at most {FIELDS} fields")
        name = self._name(parts)
        byte = _byte(parts)
        kind = parts.take(_A_TYPE, _KINDS.get)
        if byte is None:
            byte = max(self._last, 0) if kind is Kind.BOOL else self._last + 1
        field = _TYPES[kind](name, byte, parts)
        if field.last >= REACH:
            raise fault(start, f"a field that ends within the first {REACH} bytes of a payload")
        if kind is Kind.CHAR:
            self._characters += field.bits // BYTE
            if self._characters > CHARACTERS:
                raise fault(start, f"at most {CHARACTERS} bytes of {Kind.CHAR} in the whole format")
        self.fields[name] = field
        self._last = field.last

    def _name(self, parts: _Parts) -> str:
        start = parts.start
        name = parts.take(_A_NAME, str)
        found = _NAME.match(name)
        length = 0 if found is None else found.end()
        if not name or length < len(name):
            raise fault(start + length, _A_NAME)
        if length > ATTRIBUTE_NAME_LENGTH:
            raise fault(
                start + ATTRIBUTE_NAME_LENGTH, f"a colon, as a name has at most {ATTRIBUTE_NAME_LENGTH} characters"
            )
        if name in self.fields:
            raise fault(start, f"another name, as there is a field {name} already")
        if name == ENABLED or name in self._reserved:
            raise fault(start, f"another name, as {name} is a member that is there without the format")
        return name


def _byte(parts: _Parts) -> int | None:
    """Where a field begins, if the format says it."""
    if parts.text in _KINDS:
        return None
    if parts.text == "":
        parts.skip()
        return None
    return parts.take(_A_BYTE, _whole(0, REACH - 1))


def _bool(name: str, byte: int, parts: _Parts) -> Field:
    bit = parts.take(_A_BIT, _whole(0, TOP_BIT))
    _end(parts, _THE_END)
    return Field(name, Kind.BOOL, byte, byte, bit, 1)


def _char(name: str, byte: int, parts: _Parts) -> Field:
    length = parts.take(f"a length in bytes from 1 to {CHARACTERS}", _whole(1, CHARACTERS))
    _end(parts, _THE_END)
    return Field(name, Kind.CHAR, byte, byte + length - 1, TOP_BIT, length * BYTE)


def _number(kind: Kind, name: str, byte: int, parts: _Parts) -> Field:
    if kind is Kind.FLOAT:
        bits = parts.take(f"a length in bits: {' or '.join(_FLOAT_BITS)}", _FLOAT_BITS.get)
    else:
        bits = parts.take(f"a length in bits from 1 to {INTEGER_BITS}", _whole(1, INTEGER_BITS))
    endian = _option(parts, _ENDIANS.get, Endian.BIG)
    bit = _option(parts, _whole(0, TOP_BIT), TOP_BIT)
    last = byte + touched(bit, bits) - 1
    return Field(name, kind, byte, last, bit, bits, endian, tuple(_operations(parts)))


def _option(parts: _Parts, read: Callable[[str], T | None], default: T) -> T:
    """The next part if it is this option, or is empty, which stands for one that is left out."""
    if parts.text is None:
        return default
    value = read(parts.text) if parts.text else default
    if value is None:
        return default
    parts.skip()
    return value


def _operations(parts: _Parts) -> Iterator[Operation]:
    wanted = _OPTIONS
    for _ in range(OPERATIONS):
        if parts.text is None:
            return
        at = parts.start + 1
        operation = parts.take(wanted, _operation)
        if operation.sign is Sign.DIVIDE and not operation.number:
            raise fault(at, "a number other than 0, as it is divided by")
        wanted = f"an operation such as /10, or {_THE_END}"
        yield operation
    _end(parts, f"{_THE_END}, as it has at most {OPERATIONS} operations")


def _operation(text: str) -> Operation | None:
    found = _OPERATION.fullmatch(text)
    return None if found is None else Operation(Sign(found[1]), float(found[2]))


def _end(parts: _Parts, wanted: str) -> None:
    if parts.text is not None:
        raise fault(parts.start, wanted)


def _whole(least: int, most: int) -> Callable[[str], int | None]:
    """Reads a whole number within bounds."""

    def read(text: str) -> int | None:
        number = int(text) if _NUMBER.fullmatch(text) else -1
        return number if least <= number <= most else None

    return read


_KINDS: Mapping[str | None, Kind] = {str(kind): kind for kind in Kind}
_TYPES: Mapping[Kind, Callable[[str, int, _Parts], Field]] = {
    Kind.BOOL: _bool,
    Kind.CHAR: _char,
    Kind.INT: partial(_number, Kind.INT),
    Kind.UINT: partial(_number, Kind.UINT),
    Kind.FLOAT: partial(_number, Kind.FLOAT),
}
_ENDIANS: Mapping[str, Endian] = {str(endian): endian for endian in Endian}
_FLOAT_BITS: Mapping[str, int] = {str(bits): bits for bits in FLOAT_BITS}
