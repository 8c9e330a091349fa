"""The binary parser over all formats and payloads, beside a reader that only knows strings of 0 and 1."""

import json
import math
import re
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import example, given, settings
from hypothesis import strategies as st

from minori.codec.binary.format import LONGEST, Format, parse_format
from minori.codec.binary.grammar import FIELDS
from minori.codec.binary.hexadecimal import parse_hexadecimal
from minori.codec.content import Content
from minori.errors import Invalid, InvalidFormat, InvalidHexadecimal, PayloadUnfit


class Written(NamedTuple):
    """One field as a format has it; what is `None` is left out."""

    kind: str
    length: int
    byte: int | None
    endian: str | None
    bit: int | None
    operations: tuple[tuple[str, str], ...]

    def text(self, name: str) -> str:
        parts = [name, "" if self.byte is None else str(self.byte), self.kind, str(self.length)]
        if self.kind in ("int", "uint", "float"):
            parts.append(self.endian or "")
            parts.append("" if self.bit is None else str(self.bit))
            while not parts[-1]:
                parts.pop()
            parts += [sign + number for sign, number in self.operations]
        return ":".join(parts)


class Expected(NamedTuple):
    """What a field comes to: its value, or how many bytes a payload must have for it."""

    value: Any
    bytes_needed: int


def tried(work: Callable[[], object]) -> object:
    """What comes of it; an error of ours is an outcome too."""
    try:
        return work()
    except Invalid as error:
        return error


def as_bits(payload: bytes) -> str:
    return "".join(format(byte, "08b") for byte in payload)


def two_s_complement(bits: str) -> int:
    return int(bits, 2) - (2 ** len(bits) if bits[0] == "1" else 0)


def ieee(bits: str) -> float:
    """A float by the standard's own words: sign, exponent, fraction."""
    width = 8 if len(bits) == 32 else 11
    sign, exponent, fraction = bits[0], int(bits[1 : 1 + width], 2), bits[1 + width :]
    bias, scale = 2 ** (width - 1) - 1, 2.0 ** -len(fraction)
    if exponent == 2**width - 1:
        value = math.nan if "1" in fraction else math.inf
    elif exponent == 0:
        value = math.ldexp(int(fraction, 2) * scale, 1 - bias)
    else:
        value = math.ldexp(1 + int(fraction, 2) * scale, exponent - bias)
    return -value if sign == "1" else value


def calculated(value: float, operations: tuple[tuple[str, str], ...]) -> float:
    for sign, number in operations:
        by = float(number)
        value = {"+": value + by, "-": value - by, "*": value * by, "/": value / by if by else math.nan}[sign]
    return value


def slow(field: Written, begin: int, payload: bytes) -> Expected:
    """One field, read from a string of 0 and 1."""
    if field.kind == "bool":
        needed = begin + 1
        return Expected(len(payload) >= needed and as_bits(payload)[8 * begin + 7 - field.length] == "1", needed)
    if field.kind == "char":
        needed = begin + field.length
        return Expected("".join(chr(byte) for byte in payload[begin:needed]), needed)
    skipped = 7 - (7 if field.bit is None else field.bit)
    count = math.ceil((skipped + field.length) / 8)
    touched = payload[begin : begin + count]
    if len(touched) < count:
        return Expected(None, begin + count)
    if field.endian == "little-endian":
        touched = bytes(reversed(touched))
    bits = as_bits(touched)[skipped : skipped + field.length]
    read: Callable[[str], float] = {"uint": lambda bits: int(bits, 2), "int": two_s_complement, "float": ieee}[
        field.kind
    ]
    value = read(bits)
    if field.operations or field.kind == "float":
        value = calculated(float(value), field.operations)
    return Expected(value, begin + count)


def beginnings(fields: list[Written]) -> list[int]:
    """Where each field begins, if those that do not say it follow the one before."""
    found, last = [], -1
    for field in fields:
        begin = field.byte
        if begin is None:
            begin = max(last, 0) if field.kind == "bool" else last + 1
        found.append(begin)
        last = slow(field, begin, b"").bytes_needed - 1
    return found


numbers = st.sampled_from(("1", "2", "10", "100", "0.1", "1.8", "32", "-3", "999999999999999")) | st.decimals(
    "-1000", "1000", allow_nan=False, places=3
).map(lambda number: f"{number:f}")
operations = st.lists(
    st.tuples(st.sampled_from("+-*"), numbers)
    | st.tuples(st.just("/"), numbers.filter(lambda number: float(number) != 0)),
    max_size=5,
).map(tuple)
places = st.none() | st.integers(0, 12)
endians = st.sampled_from((None, "big-endian", "little-endian"))
bits = st.none() | st.integers(0, 7)
written = st.one_of(
    st.builds(Written, st.just("bool"), st.integers(0, 7), places, st.none(), st.none(), st.just(())),
    st.builds(Written, st.just("char"), st.integers(1, 6), places, st.none(), st.none(), st.just(())),
    st.builds(Written, st.sampled_from(("int", "uint")), st.integers(1, 64), places, endians, bits, operations),
    st.builds(Written, st.just("float"), st.sampled_from((32, 64)), places, endians, bits, operations),
)
payloads = st.binary(max_size=40) | st.binary(min_size=24, max_size=64)


@settings(max_examples=200)
@given(st.lists(written, min_size=1, max_size=6), payloads)
@example([Written("uint", 64, 0, "little-endian", 0, ())], bytes(range(9)))
@example([Written("int", 12, 0, "little-endian", None, ())], b"\xf1\x8f")
@example([Written("float", 64, 0, None, None, (("*", "10"),))], b"\x7f\xef\xff\xff\xff\xff\xff\xff")
def test_every_field_is_what_a_slow_reader_of_single_bits_reads(fields: list[Written], payload: bytes) -> None:
    text = " ".join(field.text(f"f{place}") for place, field in enumerate(fields))
    expected = [slow(field, begin, payload) for field, begin in zip(fields, beginnings(fields), strict=True)]
    missing = [place for place, each in enumerate(expected) if each.bytes_needed > len(payload)]
    outcome = tried(lambda: parse_format(text).parse(payload))
    if missing:
        assert isinstance(outcome, PayloadUnfit)
        assert (outcome.field, outcome.byte) == (f"f{missing[0]}", expected[missing[0]].bytes_needed - 1)
        return
    assert isinstance(outcome, Content)
    found = json.loads(outcome.text, parse_int=Number, parse_float=Number)
    assert found.pop("binaryParserEnabled") is True
    assert list(found) == [f"f{place}" for place in range(len(fields))]
    for value, each in zip(found.values(), expected, strict=True):
        check(value, each.value)


class Number(str):
    """A number as it is written."""

    __slots__ = ()


def check(found: Any, expected: Any) -> None:
    """The one value is written as the other one should be."""
    if isinstance(expected, (bool, str)):
        assert found == expected
        assert not isinstance(found, Number)
    elif not math.isfinite(expected):
        assert found is None
    elif isinstance(expected, int):
        assert found == str(expected)
    elif expected == math.floor(expected) and abs(expected) < 1e16:
        assert found == str(int(expected))
    else:
        assert isinstance(found, Number)
        assert float(found) == expected
        assert len(digits(found)) <= len(digits(repr(expected)))


def digits(number: str) -> str:
    """The digits of a number that say something."""
    return number.lower().partition("e")[0].lstrip("-").replace(".", "").strip("0")


pieces = st.sampled_from(
    (
        *("a", "b", "temp", "#", "$", "_", "é", ":", "::", " ", "  ", "\n", "\u3000", "0", "1", "7", "8", "16", "32"),
        *("64", "65535", "99999999", "bool", "int", "uint", "float", "char", "big-endian", "little-endian", "/10"),
        *("*0.1", "/0", "+", "-", "-1", "*-2", "@", "@json", "@button", "@gps", "binaryParserEnabled", "\0", "\ud800"),
    )
)
texts = st.text(max_size=40) | st.lists(pieces, max_size=30).map("".join)


@given(texts, st.binary(max_size=80) | st.text(max_size=40).map(lambda text: text.encode(errors="replace")))
@example("@json", b"[" * 100_000)
@example("@json", b'{"a":' + b"9" * 100_000 + b"}")
@example("@button", b"")
def test_no_format_and_no_payload_raises_anything_but_its_own_error(text: str, payload: bytes) -> None:
    read = tried(lambda: parse_format(text))
    if isinstance(read, InvalidFormat):
        assert 1 <= read.column <= len(text) + 1
        assert "%" not in read.message
        return
    assert isinstance(read, Format)
    told = tried(lambda: read.parse(payload))
    if isinstance(told, Content):
        value = json.loads(told.text)
        assert set(told.attribute_names) == (set(value) if isinstance(value, dict) else set())
        assert text.lstrip().startswith("@") or len(told.text.encode()) <= LONGEST
    else:
        assert isinstance(told, PayloadUnfit)


@given(st.text(alphabet="0123456789abcdefABCDEF :-gx\n", max_size=40) | st.text(max_size=20))
def test_hexadecimal_is_bytes_or_is_refused_at_its_first_fault(text: str) -> None:
    found = tried(lambda: parse_hexadecimal(text))
    if isinstance(found, InvalidHexadecimal):
        good, wrong = text[: found.column - 1], text[found.column - 1 :]
        assert isinstance(tried(lambda: parse_hexadecimal(good)), bytes)
        assert not re.match("[0-9a-fA-F]{2}|[ :\n]", wrong)
        assert wrong
    else:
        assert isinstance(found, bytes)
        assert found.hex() == re.sub("[ :\t\r\n]", "", text.lower())


def steps(work: Callable[[], object]) -> int:
    """How many functions were called, ours and the interpreter's."""
    count = 0

    def counted(*_: object) -> None:
        nonlocal count
        count += 1

    sys.setprofile(counted)
    try:
        tried(work)
    finally:
        sys.setprofile(None)
    return count


@given(st.lists(texts, min_size=1, max_size=300).map(" ".join))
@example(" ".join(f"{number:x}:0:uint:1" for number in range(FIELDS)))
@example(" ".join(f"{number:x}::bool:0" for number in range(2 * FIELDS)))
@example("a" * 1_000_000)
@example("a:" * 4_000)
@example("a::uint:8" + ":/1" * 2_000)
@example(" " * 1_000_000)
def test_the_work_for_a_format_is_bounded_by_its_fields_not_by_its_length(text: str) -> None:
    fields = min(len(text.split()), FIELDS) + 1
    assert steps(lambda: parse_format(text)) < 300 * fields


@given(st.lists(written, min_size=1, max_size=60), st.binary(min_size=200, max_size=400))
def test_the_work_for_a_payload_is_bounded_by_the_fields(fields: list[Written], payload: bytes) -> None:
    read = parse_format(" ".join(field.text(f"f{place}") for place, field in enumerate(fields)))
    assert steps(lambda: read.parse(payload)) < 40 * len(fields) + 40
