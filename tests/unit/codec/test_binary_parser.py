"""The binary parser: published payloads and what became of them, and what its grammar means."""

import json
import struct

import pytest

from minori.codec.binary.field import Endian, Field, Kind, Operation, Sign
from minori.codec.binary.format import Format, format_of, parse_format
from minori.codec.binary.grammar import ENABLED
from minori.codec.content import JSON
from minori.errors import PayloadUnfit
from minori.model.resource import ATTRIBUTE_NAMES

DOCUMENTED = "flag:0:bool:7 temp:1:int:13:/10 humid:3:uint:8:/100 lat::float:32 long::float:32"
TRACKER = (
    "type::uint:8 bat::uint:8 timestamp::char:12 imei::char:15 sns_valid_no::uint:32:little-endian adv_add::char:12"
)
TRACKED = "040330313031323133353137303830313233343536373839303132333403000000303132333435363738394142"
SENSORS = " ".join(f"sns{number}::float:32:little-endian" for number in range(1, 25))

VECTORS = {
    "the documentation's example": (
        DOCUMENTED,
        "8007F85F420EADFF430BBE86",
        '{"flag":true,"temp":25.5,"humid":0.95,"lat":35.669918060302734,"long":139.74423217773438}',
    ),
    "a LoRaWAN sensor's floats, one of them whole": (
        "tmpc:0:float:32:little-endian prsp:4:float:32:little-endian",
        "5c8fd84180b7c647",
        '{"tmpc":27.06999969482422,"prsp":101743}',
    ),
    "flags that share a byte": (
        "b1::bool:7 b2::bool:6 i1:1:uint:16",
        "C01234",
        '{"b1":true,"b2":true,"i1":4660}',
    ),
    "half bytes": (
        "Speed::uint:8 Direction::uint:4 Status:1:uint:4::3",
        "0A5C",
        '{"Speed":10,"Direction":5,"Status":12}',
    ),
    "a quotient without a fraction": ("temp:0:uint:16:/100", "09C4", '{"temp":25}'),
    "an order of bytes, a sign and characters": (
        "a::uint:16:little-endian b::int:8 c::char:3",
        "3412FF414243",
        '{"a":4660,"b":-1,"c":"ABC"}',
    ),
    "spare bits that are dropped": ("v::int:6 w::uint:8", "F42A", '{"v":-3,"w":42}'),
    "a tracker with a table of sensors": (
        f"{TRACKER} {SENSORS}",
        f"{TRACKED}00889E4100086742{'00' * 88}",
        '{"type":4,"bat":3,"timestamp":"010121351708","imei":"012345678901234","sns_valid_no":3,'
        '"adv_add":"0123456789AB","sns1":19.81640625,"sns2":57.7578125,'
        + ",".join(f'"sns{number}":0' for number in range(3, 25))
        + "}",
    ),
}

GPS = (
    '{"lat":38.370669,"lon":141.069288,"bat":3,"rs":0,"temp":21.1,"humi":88.4,"x":0,"y":64,"z":-960,"type":0'
    ',"binaryParserEnabled":true}'
)


def members(text: str, payload: bytes | str) -> str:
    """What comes out, without the member that is always there."""
    parsed = parse_format(text).parse(bytes.fromhex(payload) if isinstance(payload, str) else payload)
    assert parsed.content_type == JSON
    assert parsed.text.endswith(f'"{ENABLED}":true}}')
    return parsed.text.removesuffix(f'"{ENABLED}":true}}').removesuffix(",") + "}"


def unfit(text: str, payload: bytes) -> PayloadUnfit:
    with pytest.raises(PayloadUnfit) as error:
        parse_format(text).parse(payload)
    return error.value


@pytest.mark.parametrize("name", VECTORS)
def test_a_published_payload_becomes_its_published_json(name: str) -> None:
    text, payload, expected = VECTORS[name]
    assert members(text, payload) == expected


def test_the_members_are_compact_and_in_the_order_of_the_format_and_the_flag_is_last() -> None:
    parsed = parse_format("z:1:uint:8 a:0:uint:8").parse(b"\x01\x02")
    assert parsed.text == '{"z":2,"a":1,"binaryParserEnabled":true}'
    assert parsed.attribute_names == ("z", "a", "binaryParserEnabled")


def test_the_published_example_may_miss_the_colon_of_a_byte_that_is_left_out() -> None:
    missing = DOCUMENTED.replace("long::", "long:")
    assert parse_format(missing).fields == parse_format(DOCUMENTED).fields


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("page::uint:16:little-endian data1::float:32 data2::float:32", [(0, 1), (2, 5), (6, 9)]),
        (
            "temperature::float:32 humidity::float:32 pressure::uint:16 altitude::int:16",
            [(0, 3), (4, 7), (8, 9), (10, 11)],
        ),
        ("button::bool:7", [(0, 0)]),
        ("temp-avg::uint:16:little-endian:/100 temp-max::uint:16:little-endian:/100", [(0, 1), (2, 3)]),
    ],
)
def test_formats_seen_in_the_wild_are_read(text: str, expected: list[tuple[int, int]]) -> None:
    assert [(field.first, field.last) for field in parse_format(text).fields] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a::uint:8 b::uint:8", [(0, 0), (1, 1)]),
        ("a::int:6 b::int:8", [(0, 0), (1, 1)]),
        ("a:4:uint:16 b::uint:8", [(4, 5), (6, 6)]),
        ("a:4:uint:16 b:0:uint:8 c::uint:8", [(4, 5), (0, 0), (1, 1)]),
        ("a::uint:4::3 b::uint:8", [(0, 0), (1, 1)]),
        ("a::uint:8::3 b::uint:8", [(0, 1), (2, 2)]),
        ("a::char:3 b::uint:8", [(0, 2), (3, 3)]),
        ("a::bool:7 b::uint:8", [(0, 0), (1, 1)]),
    ],
)
def test_a_byte_that_is_left_out_is_the_one_behind_the_last_one_read(
    text: str, expected: list[tuple[int, int]]
) -> None:
    assert [(field.first, field.last) for field in parse_format(text).fields] == expected


@pytest.mark.parametrize(
    ("text", "byte"),
    [("f::bool:0", 0), ("a::uint:8 f::bool:0", 0), ("a:2:uint:16 f::bool:0", 3), ("a::int:6 f::bool:1", 0)],
)
def test_for_a_bool_it_is_the_last_byte_read_itself(text: str, byte: int) -> None:
    assert parse_format(text).fields[-1].first == byte


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("16", Field("a", Kind.UINT, 0, 1, 7, 16)),
        ("16:big-endian", Field("a", Kind.UINT, 0, 1, 7, 16)),
        ("16:little-endian", Field("a", Kind.UINT, 0, 1, 7, 16, Endian.LITTLE)),
        ("4::3", Field("a", Kind.UINT, 0, 0, 3, 4)),
        ("4:3", Field("a", Kind.UINT, 0, 0, 3, 4)),
        ("4:big-endian:3", Field("a", Kind.UINT, 0, 0, 3, 4)),
        ("8:little-endian:3", Field("a", Kind.UINT, 0, 1, 3, 8, Endian.LITTLE)),
        ("8:/10", Field("a", Kind.UINT, 0, 0, 7, 8, operations=(Operation(Sign.DIVIDE, 10),))),
        ("8:::/10", Field("a", Kind.UINT, 0, 0, 7, 8, operations=(Operation(Sign.DIVIDE, 10),))),
        ("8:3:-1.5", Field("a", Kind.UINT, 0, 1, 3, 8, operations=(Operation(Sign.SUBTRACT, 1.5),))),
        ("8::", Field("a", Kind.UINT, 0, 0, 7, 8)),
    ],
)
def test_options_stand_in_one_order_and_each_may_be_left_out_or_empty(options: str, expected: Field) -> None:
    assert parse_format(f"a::uint:{options}").fields == (expected,)


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        ("+1", 11),
        ("-40", -30),
        ("*2", 20),
        ("/4", 2.5),
        ("+2:*3", 36),
        ("*3:+2", 32),
        ("-32:/1.8", -12.222222222222221),
        ("*-1", -10),
        ("+-1", 9),
        ("*0.1", 1),
        ("/3:*3", 10),
        ("+1:+1:+1:+1:+1", 15),
        ("*0", 0),
        ("*-0.0", 0),
    ],
)
def test_operations_are_applied_one_after_the_other(operations: str, expected: float) -> None:
    read = parse_format(f"a::uint:8:{operations}").read(b"\x0a")
    assert repr(read) == repr({"a": expected})


@pytest.mark.parametrize(
    ("text", "payload", "expected"),
    [
        ("a::uint:64", "ffffffffffffffff", "18446744073709551615"),
        ("a::int:64", "8000000000000000", "-9223372036854775808"),
        ("a::uint:64:+0", "ffffffffffffffff", "1.8446744073709552e19"),
        ("a::int:1", "80", "-1"),
        ("a::uint:1", "80", "1"),
        ("a::uint:64::0", "01fffffffffffffffe", "18446744073709551615"),
    ],
)
def test_integers_are_exact_up_to_64_bits_unless_they_are_calculated_with(
    text: str, payload: str, expected: str
) -> None:
    assert members(text, payload) == f'{{"a":{expected}}}'


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0.1, "0.1"),
        (-0.0, "0"),
        (1e15, "1000000000000000"),
        (9007199254740994.0, "9007199254740994"),
        (1e16, "1e16"),
        (-1e16, "-1e16"),
        (1e300, "1e300"),
        (5e-324, "5e-324"),
        (float("nan"), "null"),
        (float("inf"), "null"),
        (float("-inf"), "null"),
    ],
)
def test_a_float_is_written_as_short_as_it_can_be_and_null_where_json_has_no_number(
    number: float, expected: str
) -> None:
    assert members("a::float:64", struct.pack(">d", number)) == f'{{"a":{expected}}}'


def test_what_no_float_can_hold_any_more_is_null_too() -> None:
    assert members("a::float:64:*10", struct.pack(">d", 1e308)) == '{"a":null}'
    assert members("a::float:64:-1", struct.pack(">d", float("inf"))) == '{"a":null}'


def test_what_has_no_number_is_none_before_it_is_json() -> None:
    assert parse_format("a::float:32").read(b"\x7f\xc0\0\0") == {"a": None}


def test_a_float_may_begin_within_a_byte() -> None:
    shifted = (struct.unpack(">I", struct.pack(">f", 1.5))[0] << 4).to_bytes(5, "big")
    assert members("a::float:32::3", shifted) == '{"a":1.5}'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # The bytes are put in reverse order, then bits are taken from the top of what was the last one.
        ("a::uint:12:little-endian", 0x341),
        ("a::uint:12:big-endian", 0x123),
        ("a::uint:8:little-endian:3", 0x41),
        ("a::uint:4:little-endian:3", 0x2),
        ("a::int:12:little-endian:3", 0x412),
    ],
)
def test_little_endian_bits_are_taken_from_the_reversed_bytes(text: str, expected: int) -> None:
    assert parse_format(text).read(b"\x12\x34") == {"a": expected}


def test_characters_beyond_ascii_are_those_of_that_number_in_unicode_and_zeros_stay() -> None:
    assert members("a::char:4", b'\x00"\xe9\xff') == '{"a":"\\u0000\\"éÿ"}'


def test_a_name_may_be_one_that_means_something_elsewhere() -> None:
    assert members("__proto__::uint:8 $#-_9::uint:8 uint::uint:8", b"\1\2\3") == '{"__proto__":1,"$#-_9":2,"uint":3}'


def test_names_of_other_devices_messages_are_free_where_they_are_not_reserved() -> None:
    assert members("lat::uint:8 time::uint:8 data::uint:8", b"\1\2\3") == '{"lat":1,"time":2,"data":3}'


def test_what_is_behind_the_last_field_does_not_matter() -> None:
    assert members("a::uint:8", b"\1\2\3") == '{"a":1}'


@pytest.mark.parametrize(
    ("text", "payload", "field", "byte", "bit"),
    [
        ("a::uint:8", b"", "a", 0, 0),
        ("a::uint:8 temp:1:int:13", b"\0\0", "temp", 2, 3),
        ("a:9:uint:8 b:5:uint:8", b"\0" * 5, "a", 9, 0),
        ("a:9:uint:8 b:5:uint:8", b"\0" * 9, "a", 9, 0),
        ("a::uint:8 b:5:bool:6 c:9:uint:8", b"\0", "b", 5, 6),
        ("a::char:3", b"\0\0", "a", 2, 0),
        ("a::uint:4::3", b"", "a", 0, 0),
        ("a::uint:4::6", b"", "a", 0, 3),
        ("a::uint:12:little-endian", b"\0", "a", 1, 0),
        ("a::uint:4:little-endian", b"", "a", 0, 4),
        ("a::float:32::2", b"\0" * 4, "a", 4, 3),
    ],
)
def test_a_payload_that_is_too_short_says_which_field_reaches_how_far(
    text: str, payload: bytes, field: str, byte: int, bit: int
) -> None:
    error = unfit(text, payload)
    assert (error.field, error.byte, error.bit) == (field, byte, bit)
    assert error.message == (
        f"The payload does not fit the binary parser's format: it ends before byte {len(payload)}, and {field}"
        f" reaches down to bit {bit} of byte {byte}, the first byte being 0"
    )


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("4d010351", '{"clickType":1,"clickTypeName":"SINGLE","batteryLevel":1}'),
        ("4d020251", '{"clickType":2,"clickTypeName":"DOUBLE","batteryLevel":0.75}'),
        ("4d030151", '{"clickType":3,"clickTypeName":"LONG","batteryLevel":0.5}'),
        ("4d01004e", '{"clickType":1,"clickTypeName":"SINGLE","batteryLevel":0.25}'),
    ],
)
def test_the_button_s_bytes_become_its_click_and_its_battery(payload: str, expected: str) -> None:
    assert members("@button", payload) == members("@soracom.button", payload) == expected


@pytest.mark.parametrize(
    "payload", ["", "4d0103", "4d01035100", "4e010352", "4d010352", "4d000350", "4d040354", "4d010452"]
)
def test_what_is_no_button_s_payload_does_not_fit(payload: str) -> None:
    assert "4d" in unfit("@button", bytes.fromhex(payload)).message


def test_the_gps_multiunit_s_json_is_written_as_the_record_in_the_wild_has_it() -> None:
    sent = (
        b'{"lat": 38.370669, "lon": 141.069288, "bat": 3, "rs": 0, "temp": 21.10, "humi": 88.4,'
        b' "x": 0.0, "y": 64.0, "z": -960.0, "type": 0}\n'
    )
    assert parse_format("@json").parse(sent).text == GPS


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"{}", "{}"),
        (b'{"lat":null,"on":true}', '{"lat":null,"on":true}'),
        (b'{"a":{"b":[1.0,-2.50,1e3]}}', '{"a":{"b":[1,-2.5,1000]}}'),
        (b'{"a":123456789012345678901234567890}', '{"a":123456789012345678901234567890}'),
        (b'{"binaryParserEnabled":false,"a":1}', '{"a":1}'),
        (b'{"a":1,"a":2}', '{"a":2}'),
        ('{"名":"\\u00e9 \\ud83d\\ude00"}'.encode(), '{"名":"é 😀"}'),
    ],
)
def test_an_object_passes_through_json(sent: bytes, expected: str) -> None:
    assert members("@json", sent) == expected


@pytest.mark.parametrize("sent", [b"[]", b'[{"t":1.50,"a":2.0},[1.0]]\n'])
def test_an_array_passes_through_json_without_the_flag(sent: bytes) -> None:
    parsed = parse_format("@json").parse(sent)
    assert parsed.text == ("[]" if sent == b"[]" else '[{"t":1.5,"a":2},[1]]')
    assert (parsed.content_type, parsed.attribute_names) == (JSON, ())


@pytest.mark.parametrize(
    "sent",
    [
        *(b"", b"nope", b"{", b"[1", b'"a"', b"1", b"null", b'{"a":NaN}', b'{"a":1e400}', b'{"a":-1e400}'),
        *(b'{"a":"\xff"}', b'{"a":"\\ud800"}', b"\xef\xbb\xbf{}", b'{"a":' + b"9" * 5000 + b"}"),
        b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}",
    ],
)
def test_what_is_no_object_does_not_pass_through_json(sent: bytes) -> None:
    assert "@json takes a JSON object or array" in unfit("@json", sent).message


def test_the_members_of_a_large_object_are_named_as_far_as_names_are_kept() -> None:
    sent = json.dumps({f"m{number}": number for number in range(2 * ATTRIBUTE_NAMES)} | {"n" * 300: 1})
    parsed = parse_format("@json").parse(sent.encode())
    assert parsed.attribute_names == tuple(f"m{number}" for number in range(ATTRIBUTE_NAMES))
    assert len(json.loads(parsed.text)) == 2 * ATTRIBUTE_NAMES + 2


def test_a_format_that_is_asked_for_again_is_the_same_one() -> None:
    assert format_of(DOCUMENTED) is format_of(DOCUMENTED)
    assert isinstance(format_of("@json"), Format)
