"""The fields of a format: what each is, and where in a payload it lies."""

from enum import StrEnum

from msgspec import Struct

TOP_BIT = 7
"""The most significant bit of a byte; the least significant one is 0 (documented)."""

BYTE = 8


class Kind(StrEnum):
    """The types of the grammar (documented)."""

    BOOL = "bool"
    INT = "int"
    UINT = "uint"
    FLOAT = "float"
    CHAR = "char"


class Endian(StrEnum):
    """The order of a field's bytes (documented)."""

    BIG = "big-endian"
    LITTLE = "little-endian"


class Sign(StrEnum):
    """What an operation does (documented)."""

    ADD = "+"
    SUBTRACT = "-"
    MULTIPLY = "*"
    DIVIDE = "/"


class Operation(Struct, frozen=True):
    """One step of a calculation; a division is never by zero."""

    sign: Sign
    number: float


class Field(Struct, frozen=True):
    """One field. Bytes count from 0.

    It touches the bytes from `first` to `last`. With these in the order that `endian` asks for, it begins at
    bit `bit` of the first of them and takes `bits` bits, the most significant one first.
    """

    name: str
    kind: Kind
    first: int
    last: int
    bit: int
    bits: int
    endian: Endian = Endian.BIG
    operations: tuple[Operation, ...] = ()

    @property
    def last_bit(self) -> int:
        """The lowest bit that it takes of the byte `last`."""
        if self.endian is Endian.LITTLE and self.last > self.first:
            return 0
        return (self.bit - self.bits + 1) % BYTE


def touched(bit: int, bits: int) -> int:
    """How many bytes a field touches that begins at a bit of its first byte."""
    return (TOP_BIT - bit + bits + BYTE - 1) // BYTE
