"""From the bytes of a payload to the values of fields: everything that a format says is worked out beforehand.

Numbers are as the real service writes them (seen in the wild): a float of 32 bits is widened to 64, and a
number without a fraction is an integer, `101743` and not `101743.0`. What operations come to is a float of
64 bits first. Whole floats from `WHOLE` on stay floats, `1e16`; minus zero is `0`; what JSON has no number
for, infinity and NaN, is `null` (all three our choice).

A `char` is a text of one character a byte. ASCII is documented; a byte beyond it is the character of that
number in Unicode (our choice: nothing is lost, and zeros at the end stay too).
"""

import operator
import struct
from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Literal

from minori.codec.binary.field import BYTE, TOP_BIT, Endian, Field, Kind, Operation, Sign
from minori.errors import PayloadUnfit

WHOLE = 1e16
"""The least float that is written with an exponent instead of all its digits (our choice)."""

Value = bool | int | float | str | None

Read = Callable[[bytes], Value]
"""Reads the value of one field from a payload that is long enough."""

_ORDERS: Mapping[Endian, Literal["big", "little"]] = {Endian.BIG: "big", Endian.LITTLE: "little"}
_OPERATORS: Mapping[Sign, Callable[[float, float], float]] = {
    Sign.ADD: operator.add,
    Sign.SUBTRACT: operator.sub,
    Sign.MULTIPLY: operator.mul,
    Sign.DIVIDE: operator.truediv,
}
_FLOATS = {32: struct.Struct(">f"), 64: struct.Struct(">d")}
_LITTLE_FLOATS = {32: struct.Struct("<f"), 64: struct.Struct("<d")}


def reader(fields: Sequence[Field]) -> Callable[[bytes], dict[str, Value]]:
    """A function that reads these fields, in their order; it raises `PayloadUnfit`.

    What is behind the last byte of any field does not matter (our choice).
    """
    size = max(field.last for field in fields) + 1
    reads = tuple((field.name, _read(field)) for field in fields)

    def read(payload: bytes) -> dict[str, Value]:
        if len(payload) < size:
            raise _too_short(fields, len(payload))
        return {name: value(payload) for name, value in reads}

    return read


def plain(value: float) -> Value:
    """A number as it is written: see the head of this file."""
    if value.is_integer() and -WHOLE < value < WHOLE:
        return int(value)
    return value if isfinite(value) else None


def _too_short(fields: Sequence[Field], length: int) -> PayloadUnfit:
    field = next(each for each in fields if each.last >= length)
    reason = (
        f"it ends before byte {length}, and {field.name} reaches down to bit {field.last_bit} of byte {field.last},"
        " the first byte being 0"
    )
    return PayloadUnfit(reason, field.name, field.last, field.last_bit)


def _read(field: Field) -> Read:
    if field.kind is Kind.BOOL:
        return _bool(field)
    if field.kind is Kind.CHAR:
        return _char(field)
    if field.kind is Kind.FLOAT:
        return _calculated(_float(field), field.operations)
    whole = _signed(field) if field.kind is Kind.INT else _unsigned(field)
    return _calculated(whole, field.operations) if field.operations else whole


def _bool(field: Field) -> Callable[[bytes], bool]:
    place, mask = field.first, 1 << field.bit
    return lambda payload: payload[place] & mask != 0


def _char(field: Field) -> Callable[[bytes], str]:
    bytes_ = slice(field.first, field.last + 1)
    return lambda payload: payload[bytes_].decode("latin-1")


def _unsigned(field: Field) -> Callable[[bytes], int]:
    bytes_, order = slice(field.first, field.last + 1), _ORDERS[field.endian]
    size = field.last + 1 - field.first
    shift = size * BYTE - (TOP_BIT - field.bit) - field.bits
    mask = (1 << field.bits) - 1
    if field.bits == size * BYTE:
        return lambda payload: int.from_bytes(payload[bytes_], order)
    return lambda payload: int.from_bytes(payload[bytes_], order) >> shift & mask


def _signed(field: Field) -> Callable[[bytes], int]:
    """Two's complement (documented)."""
    unsigned, sign = _unsigned(field), 1 << field.bits - 1
    return lambda payload: (unsigned(payload) ^ sign) - sign


def _float(field: Field) -> Callable[[bytes], float]:
    if field.bit == TOP_BIT:
        form = (_LITTLE_FLOATS if field.endian is Endian.LITTLE else _FLOATS)[field.bits]
        place = field.first
        return lambda payload: form.unpack_from(payload, place)[0]
    unsigned, form, size = _unsigned(field), _FLOATS[field.bits], field.bits // BYTE
    return lambda payload: form.unpack(unsigned(payload).to_bytes(size, "big"))[0]


def _calculated(number: Callable[[bytes], float], operations: Sequence[Operation]) -> Read:
    """The number after its operations, one after the other."""
    steps = tuple((_OPERATORS[each.sign], each.number) for each in operations)

    def calculated(payload: bytes) -> Value:
        value = float(number(payload))
        for operate, by in steps:
            value = operate(value, by)
        return plain(value)

    return calculated
