"""Uplinks in Soracom's envelopes, and callbacks of the Sigfox backend."""

import json
from typing import Any

import pytest

from minori.codec import lorawan, sigfox
from minori.codec.binary.format import parse_format
from minori.codec.uplink import parse_hexadecimal, payload_of, with_fields
from minori.errors import InvalidParameter, PayloadTooLarge

RECORD = (
    '{"prsp":101743,"tmpc":27.06999969482422,'
    '"gatewayData":[{"date":"2018-09-02T21:53:04.743531+09:00","rssi":-26,"snr":11,"gwid":"000b78fffeb000e9",'
    '"channel":923200000}],'
    '"deveui":"000b78fffe050b09","date":"2018-09-02T21:53:04.743531+09:00","data":"5c8fd84180b7c647",'
    '"binaryParserEnabled":true}'
)
"""A LoRaWAN uplink as Harvest kept it."""

SIGFOX = {
    "device": "1D2E3F",
    "time": "1621401862",
    "data": "895c2fb3",
    "seqNumber": "2651",
    "lqi": "Average",
    "operatorName": "SIGFOX_Japan_KCCS",
    "countryCode": "392",
}
"""A Sigfox uplink without a format, as it is documented."""


def compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def test_a_lorawan_uplink_is_kept_as_soracom_hands_it_on() -> None:
    uplink = lorawan.parse_uplink(RECORD.encode())
    assert uplink.device_id == "000b78fffe050b09"
    assert uplink.text == RECORD
    assert uplink.payload == bytes.fromhex("5c8fd84180b7c647")
    assert uplink.time is None


def test_a_sigfox_uplink_is_kept_as_soracom_hands_it_on() -> None:
    text = json.dumps(SIGFOX)
    uplink = sigfox.parse_uplink(text.encode())
    assert (uplink.device_id, uplink.text, uplink.payload) == ("1D2E3F", text, bytes.fromhex("895c2fb3"))
    assert uplink.time is None


def test_a_device_eui_is_known_in_lower_case_and_the_envelope_stays() -> None:
    text = '{"deveui":"000B78FFFE050B09","data":"0A"}'
    uplink = lorawan.parse_uplink(text.encode())
    assert (uplink.device_id, uplink.text, uplink.payload) == ("000b78fffe050b09", text, b"\n")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "no JSON",
        '{"deveui":"000b78fffe050b09"}',
        '{"data":"00"}',
        '{"deveui":1,"data":"00"}',
        '{"deveui":"000b78fffe050b0","data":"00"}',
        '{"deveui":"000b78fffe050b0g","data":"00"}',
        '{"deveui":"000b78fffe050b09\\n","data":"00"}',
        '{"deveui":"000b78fffe050b09","data":"0"}',
        '{"deveui":"000b78fffe050b09","data":"00 11"}',
        '{"deveui":"000b78fffe050b09","data":"zz"}',
        '{"deveui":"000b78fffe050b09","data":"\u0660\u0660"}',
        '{"deveui":"000b78fffe050b09","data":null}',
        "[" * 5000,
    ],
)
def test_what_is_no_lorawan_envelope_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter):
        lorawan.parse_uplink(text.encode())


def test_hexadecimal_may_be_empty_and_in_either_case() -> None:
    assert parse_hexadecimal("") == b""
    assert parse_hexadecimal("0aFf") == b"\n\xff"


@pytest.mark.parametrize(
    ("text", "payload"),
    [
        (RECORD, bytes.fromhex("5c8fd84180b7c647")),
        ('{"data":""}', b""),
        ("{}", None),
        ('{"data":1}', None),
        ('{"data":"0"}', None),
        ('{"data":{"a":"00"}}', None),
        ("[]", None),
        ("", None),
        ("[" * 5000, None),
    ],
)
def test_the_devices_own_bytes_are_found_in_an_envelope(text: str, payload: bytes | None) -> None:
    assert payload_of(text) == payload


def test_a_format_puts_its_fields_beside_the_envelope_as_in_the_record() -> None:
    """The fields come first and the flag last."""
    bare = {name: value for name, value in json.loads(RECORD).items() if name in lorawan.RESERVED}
    found = parse_format("prsp:4:float:32:little-endian tmpc:0:float:32:little-endian", lorawan.RESERVED)
    fields = found.parse(bytes.fromhex("5c8fd84180b7c647")).text
    assert with_fields(compact(bare), fields, lorawan.RESERVED) == RECORD


def test_the_documented_sigfox_uplink_with_its_fields() -> None:
    fields = '{"ctr":8,"tmp":28.5,"vlt":3.3,"binaryParserEnabled":true}'
    merged = with_fields(compact(SIGFOX), fields, sigfox.RESERVED)
    assert json.loads(merged) == {**SIGFOX, **json.loads(fields)}
    assert merged.endswith('"countryCode":"392","binaryParserEnabled":true}')


def test_a_field_counts_before_a_member_of_its_name_unless_that_is_the_networks() -> None:
    envelope = '{"temp":1,"data":"00","binaryParserEnabled":true}'
    fields = '{"temp":2.50,"data":3,"date":4,"binaryParserEnabled":true}'
    merged = with_fields(envelope, fields, lorawan.RESERVED)
    assert merged == '{"temp":2.50,"date":4,"data":"00","binaryParserEnabled":true}'


def test_an_envelope_too_deep_to_take_apart_stays_as_it_is() -> None:
    envelope = '{"data":"00","x":' + "[" * 5000 + "]" * 5000 + "}"
    assert with_fields(envelope, '{"a":1}', lorawan.RESERVED) == envelope


def test_a_callback_of_sigfox_becomes_the_documented_envelope() -> None:
    """Numbers become texts, and the quality its word in Soracom's spelling."""
    callback = {
        "device": "1D2E3F",
        "time": 1621401862,
        "data": "895C2FB3",
        "seqNumber": 2651,
        "lqi": "AVERAGE",
        "operatorName": "SIGFOX_Japan_KCCS",
        "countryCode": 392,
    }
    uplink = sigfox.parse_callback(json.dumps(callback).encode())
    assert uplink.text == compact(SIGFOX)
    assert (uplink.device_id, uplink.time, uplink.payload) == ("1D2E3F", 1621401862000, bytes.fromhex("895c2fb3"))


def test_a_callback_may_have_its_numbers_as_texts_as_templates_write_them() -> None:
    assert sigfox.parse_callback(json.dumps(SIGFOX).encode()).text == compact(SIGFOX)


def test_what_else_a_callback_says_follows_as_it_came() -> None:
    uplink = sigfox.parse_callback(
        b'{"rssi": -121.00,"data":"00","custom":{ "a":[1] },"device":"AB","station":"0A1B","lqi":"NA","extra":null}'
    )
    assert uplink.text == (
        '{"device":"AB","data":"00","lqi":"NA","rssi":-121.00,"custom":{ "a":[1] },"station":"0A1B","extra":null}'
    )
    assert uplink.time is None


NO_UPLINKS = [
    "",
    "[]",
    "device=1D2E3F&data=00",
    '{"device":"1D2E3F","time":"1621401862"}',
    '{"data":"00"}',
    '{"device":"","data":"00"}',
    '{"device":"1D2E3F001","data":"00"}',
    '{"device":"{device}","data":"{data}"}',
    '{"device":"1D2E3F","data":"0"}',
    '{"device":"1D2E3F","data":"00","x":' + "[" * 5000 + "]" * 5000 + "}",
]
NO_CALLBACKS = [
    '{"device":"1D2E3F","data":"00","time":"now"}',
    '{"device":"1D2E3F","data":"00","time":-1}',
    '{"device":"1D2E3F","data":"00","time":1.5}',
    '{"device":"1D2E3F","data":"00","time":9223372036854776}',
    '{"device":"1D2E3F","data":"00","time":1' + "0" * 5000 + "}",
    '{"device":"1D2E3F","data":"00","lqi":3}',
]


@pytest.mark.parametrize("text", NO_UPLINKS, ids=lambda text: text[:40])
def test_what_is_no_sigfox_envelope_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter):
        sigfox.parse_uplink(text.encode())


@pytest.mark.parametrize("text", [*NO_UPLINKS, *NO_CALLBACKS], ids=lambda text: text[:40])
def test_what_is_no_callback_of_sigfox_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter):
        sigfox.parse_callback(text.encode())


def test_a_callback_is_bounded() -> None:
    start, end = '{"device":"1D","data":"00","x":"', '"}'
    room = sigfox.CALLBACK_BYTES - len(start) - len(end)
    sigfox.parse_callback((start + "a" * room + end).encode())
    with pytest.raises(PayloadTooLarge, match="16384 bytes"):
        sigfox.parse_callback((start + "a" * (room + 1) + end).encode())
