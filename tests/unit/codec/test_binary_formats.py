"""Formats of the binary parser that cannot be read, and where the fault is said to be; bytes in hexadecimal."""

import json

import pytest

from minori.codec.binary.format import LONGEST, parse_format
from minori.codec.binary.grammar import CHARACTERS, FIELDS, FORMAT_LENGTH, REACH
from minori.codec.binary.hexadecimal import parse_hexadecimal
from minori.errors import InvalidFormat, InvalidHexadecimal
from minori.model.resource import ATTRIBUTE_NAME_LENGTH

A_FIELD = "a field such as temp:0:int:16, or @json"
A_NAME = "a name of letters, digits, #, -, _ or $, and a colon"
A_BYTE = "the number of a byte from 0 to 65534, or nothing for the byte that follows"
A_TYPE = "bool, int, uint, float or char"
A_BIT = "a bit from 7, the most significant, to 0"
BITS = "a length in bits from 1 to 64"
OPTIONS = f"big-endian or little-endian, then {A_BIT}, then operations such as /10, or the end of the field"
MORE = "an operation such as /10, or the end of the field"


def refused(text: str, reserved: tuple[str, ...] = ()) -> InvalidFormat:
    with pytest.raises(InvalidFormat) as error:
        parse_format(text, reserved)
    return error.value


@pytest.mark.parametrize(
    ("before", "wrong", "expected"),
    [
        ("", "", A_FIELD),
        (" \t\r\n", "", A_FIELD),
        ("", ":0:int:8", A_NAME),
        ("te", "é:0:int:8", A_NAME),
        ("a:0:int:8 b", "\u3000c:0:int:8", A_NAME),
        ("a:0:int:8 b", "/c:0:int:8", A_NAME),
        ("a", "", f"a colon and {A_BYTE}"),
        ("a:0:int:8 b", " c:0:int:8", f"a colon and {A_BYTE}"),
        ("a:", "x:int:8", A_BYTE),
        ("a:", "-1:int:8", A_BYTE),
        ("a:", "65535:int:8", A_BYTE),
        ("a:", "\u0661:int:8", A_BYTE),
        ("a:", "000000:int:8", A_BYTE),
        ("a:0", "", f"a colon and {A_TYPE}"),
        ("a:", "Int:8", A_BYTE),
        ("a:0:", "Int:8", A_TYPE),
        ("a:0:", "double", A_TYPE),
        ("a::", "", A_TYPE),
        ("a:0:bool", "", f"a colon and {A_BIT}"),
        ("a:0:bool:", "", A_BIT),
        ("a:0:bool:", "8", A_BIT),
        ("a:0:bool:7:", "3", "the end of the field"),
        ("a:0:bool:7:", "", "the end of the field"),
        ("a:0:int", "", f"a colon and {BITS}"),
        ("a:0:int:", "0", BITS),
        ("a:0:uint:", "65", BITS),
        ("a:0:uint:", "/10", BITS),
        ("a:0:float:", "16", "a length in bits: 32 or 64"),
        ("a:0:float", "", "a colon and a length in bits: 32 or 64"),
        ("a:0:char:", "0", f"a length in bytes from 1 to {CHARACTERS}"),
        ("a:0:char:3:", "+1", "the end of the field"),
        ("a:0:uint:8:", "little", OPTIONS),
        ("a:0:uint:8:", "LITTLE-ENDIAN", OPTIONS),
        ("a:0:uint:8:", "8", OPTIONS),
        ("a:0:uint:8:3:", "little-endian", OPTIONS),
        ("a:0:uint:8:big-endian:", "little-endian", OPTIONS),
        ("a:0:uint:8:::", "", OPTIONS),
        ("a:0:uint:8:", "/", OPTIONS),
        ("a:0:uint:8:", "%10", OPTIONS),
        ("a:0:uint:8:", "/1e3", OPTIONS),
        ("a:0:uint:8:", "/.5", OPTIONS),
        ("a:0:uint:8:", "*1234567890123456", OPTIONS),
        ("a:0:uint:8:/10:", "3", MORE),
        ("a:0:uint:8:/10:", "", MORE),
        ("a:0:uint:8:+1:+1:+1:+1:+1:", "+1", "the end of the field, as it has at most 5 operations"),
        ("a:0:uint:8:*2:/", "0", "a number other than 0, as it is divided by"),
        ("a:0:uint:8:/", "-0.000", "a number other than 0, as it is divided by"),
        ("a:0:int:8 ", "a:1:int:8", "another name, as there is a field a already"),
        (
            "",
            "binaryParserEnabled:1:int:8",
            "another name, as binaryParserEnabled is a member that is there without the format",
        ),
        ("", "a:65534:int:16", f"a field that ends within the first {REACH} bytes of a payload"),
        ("a:65534:int:8 ", "b::int:8", f"a field that ends within the first {REACH} bytes of a payload"),
        ("", "a:60000:char:8000", f"a field that ends within the first {REACH} bytes of a payload"),
    ],
)
def test_the_error_points_to_the_place_and_says_what_was_expected(before: str, wrong: str, expected: str) -> None:
    error = refused(before + wrong)
    assert (error.column, error.expected) == (len(before) + 1, expected)
    assert error.message == (f"The binary parser's format is wrong at column {len(before) + 1}: expected {expected}")


@pytest.mark.parametrize("name", ["@sensit", "@sensit.v3", "@unashield", "@gps", "@gps.accel"])
def test_a_predefined_format_nobody_has_described_is_refused_and_that_is_said(name: str) -> None:
    error = refused(f" {name}")
    assert error.column == 2
    assert error.expected == (
        "@json, @button, @soracom.button, or fields such as temp:0:int:16; what @gps, @sensit and @unashield read"
        " is not known here, so write its fields out"
    )


@pytest.mark.parametrize("name", ["@", "@Json", "@json x:0:int:8", "@buttons", "@json@json"])
def test_a_name_that_is_no_format_is_refused_with_those_there_are(name: str) -> None:
    assert refused(name).expected == "@json, @button, @soracom.button, or fields such as temp:0:int:16"


def test_a_reserved_name_is_refused_for_the_devices_that_have_it() -> None:
    text = "temp:0:int:8 data:1:int:8"
    assert len(parse_format(text).fields) == 2
    error = refused(text, ("data", "date"))
    assert (error.column, error.expected) == (14, "another name, as data is a member that is there without the format")


def test_fields_may_stand_on_lines_of_their_own() -> None:
    apart = parse_format("\n a:0:int:8\r\n\tb:1:int:8  ")
    assert apart.fields == parse_format("a:0:int:8 b:1:int:8").fields
    assert parse_format(" @json\n").read(b"{}") == {}


def test_a_long_name_is_refused_where_it_becomes_too_long() -> None:
    longest = "n" * ATTRIBUTE_NAME_LENGTH
    assert parse_format(f"{longest}::int:8").fields[0].name == longest
    assert refused(f"{longest}n::int:8").column == ATTRIBUTE_NAME_LENGTH + 1


def test_a_long_format_is_refused_at_its_first_character_too_many() -> None:
    field = "a:0:int:8"
    assert parse_format(field.ljust(FORMAT_LENGTH)).fields
    error = refused(field.ljust(FORMAT_LENGTH + 1))
    assert (error.column, error.expected) == (8_193, "the end, as a format has at most 8192 characters")


def test_a_format_has_a_bounded_number_of_fields() -> None:
    most = [f"{number:x}:0:bool:0" for number in range(FIELDS)]
    assert len(parse_format(" ".join(most)).fields) == FIELDS
    error = refused(" ".join([*most, "z:0:bool:0"]))
    assert (error.column, error.expected) == (
        len(" ".join(most)) + 2,
        "the end, as a format has at most 512 fields",
    )


def test_the_characters_of_a_format_are_bounded_together() -> None:
    assert len(parse_format(f"a:0:char:{CHARACTERS - 1} b:0:char:1").fields) == 2
    error = refused(f"a:0:char:{CHARACTERS - 1} b:0:char:2")
    assert (error.column, error.expected) == (15, "at most 8192 bytes of char in the whole format")


def test_what_comes_out_has_a_bound_whatever_went_in() -> None:
    each = CHARACTERS // 256
    numbers = " ".join(f"{number:x}:0:float:64" for number in range(FIELDS - 256))
    texts = " ".join(f"_{number:x}:1:char:{each}" for number in range(256))
    text = parse_format(f"{numbers} {texts}").parse(b"\x80\x1f" + b"\x1f" * REACH).text
    assert len(json.loads(text)) == FIELDS + 1
    assert LONGEST * 3 // 4 < len(text.encode()) <= LONGEST


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", b""),
        (" \n", b""),
        ("00ff", b"\x00\xff"),
        ("00 FF", b"\x00\xff"),
        ("00:fF", b"\x00\xff"),
        (" 00 : ff\r\n0a\t", b"\x00\xff\x0a"),
    ],
)
def test_hexadecimal_may_have_blanks_and_colons_between_bytes(text: str, expected: bytes) -> None:
    assert parse_hexadecimal(text) == expected


@pytest.mark.parametrize(
    ("before", "wrong"),
    [
        ("", "0"),
        ("00", "f"),
        ("", "0 0"),
        ("00 ", "0x01"),
        ("00", "-01"),
        ("", "gg"),
        ("00:", "\u0661\u0661"),
        ("00 ", "0\n0"),
    ],
)
def test_what_is_no_hexadecimal_is_refused_at_its_place(before: str, wrong: str) -> None:
    with pytest.raises(InvalidHexadecimal) as error:
        parse_hexadecimal(before + wrong)
    assert error.value.column == len(before) + 1
    assert error.value.message == (
        f"The hexadecimal bytes are wrong at column {len(before) + 1}: expected two digits from 0 to 9 and a to f,"
        " which make a byte"
    )
