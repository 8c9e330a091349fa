"""Uplinks as ChirpStack v4 and The Things Stack v3 document them, made Soracom's envelope."""

import json
from base64 import b64encode, urlsafe_b64encode
from typing import Any

import pytest

from minori.codec.uplink import Uplink
from minori.codec.webhooks import MESSAGE_BYTES, parse_chirpstack, parse_things
from minori.errors import InvalidParameter, PayloadTooLarge

CHIRPSTACK: dict[str, Any] = {
    "deduplicationId": "8f0a1c52-53a1-4ad5-9a3e-0f5c5f3a1e01",
    "time": "2024-09-02T12:34:56.789123456+00:00",
    "deviceInfo": {
        "tenantId": "11111111-2222-3333-4444-555555555555",
        "tenantName": "Farm",
        "applicationId": "66666666-7777-8888-9999-000000000000",
        "applicationName": "Fields",
        "deviceName": "Field 7",
        "devEui": "0102030405060708",
        "tags": {"field": "7"},
    },
    "devAddr": "00189440",
    "dr": 2,
    "fCnt": 41,
    "fPort": 5,
    "data": "XI/YQYC3xkc=",
    "object": {"tmpc": 27.07, "prsp": 101743.0, "data": "the codec's own", "binaryParserEnabled": True},
    "rxInfo": [
        {
            "gatewayId": "0016c001f153a14c",
            "uplinkId": 4217106255,
            "gwTime": "2024-09-02T12:34:56.700+00:00",
            "nsTime": "2024-09-02T12:34:56.780+00:00",
            "rssi": -36,
            "snr": 10.5,
            "context": "E3OWOQ==",
        },
        {"gatewayId": "0016c001f153a14d", "nsTime": "2024-09-02T12:34:56.781+00:00", "rssi": -110},
        {"gatewayId": "0016c001f153a14e", "snr": -3.25},
    ],
    "txInfo": {"frequency": 867100000, "modulation": {"lora": {"bandwidth": 125000, "spreadingFactor": 10}}},
}

THINGS: dict[str, Any] = {
    "end_device_ids": {
        "device_id": "field-7",
        "application_ids": {"application_id": "fields"},
        "dev_eui": "0004A30B001C0530",
        "join_eui": "800000000000000C",
        "dev_addr": "00BCB929",
    },
    "correlation_ids": ["as:up:01"],
    "received_at": "2024-09-02T12:34:57.001Z",
    "uplink_message": {
        "session_key_id": "AXA50tHUGUucuzS/bCGMNw==",
        "f_cnt": 1,
        "f_port": 5,
        "frm_payload": "gkHe",
        "decoded_payload": {"temperature": 1.0, "luminosity": 0.64, "deveui": "a formatter's own"},
        "rx_metadata": [
            {
                "gateway_ids": {"gateway_id": "gtw1", "eui": "9C5C8E00001A05C4"},
                "time": "2024-09-02T12:34:56.700Z",
                "timestamp": 2463457000,
                "rssi": -35,
                "snr": 5,
            },
            {
                "gateway_ids": {"gateway_id": "packetbroker"},
                "packet_broker": {"forwarder_gateway_eui": "C0EE40FFFF293507", "forwarder_tenant_id": "other"},
                "received_at": "2024-09-02T12:34:56.750Z",
                "rssi": -119,
                "snr": -9.5,
            },
            {"gateway_ids": {"gateway_id": "roof"}, "rssi": -70},
        ],
        "settings": {"data_rate": {"lora": {"bandwidth": 125000}}, "frequency": "868300000"},
        "received_at": "2024-09-02T12:34:56.789585559Z",
    },
}


def chirpstack(message: Any, event: str | None = "up") -> Uplink:
    uplink = parse_chirpstack(event, json.dumps(message).encode())
    assert uplink is not None
    return uplink


def things(message: Any) -> Uplink:
    uplink = parse_things(json.dumps(message).encode())
    assert uplink is not None
    return uplink


def test_an_uplink_of_chirpstack_becomes_the_envelope() -> None:
    uplink = chirpstack(CHIRPSTACK)
    assert (uplink.device_id, uplink.time) == ("0102030405060708", 1725280496789)
    assert uplink.payload == bytes.fromhex("5c8fd84180b7c647")
    assert json.loads(uplink.text) == {
        "tmpc": 27.07,
        "prsp": 101743.0,
        "gatewayData": [
            {
                "date": "2024-09-02T12:34:56.700+00:00",
                "rssi": -36,
                "snr": 10.5,
                "gwid": "0016c001f153a14c",
                "channel": 867100000,
            },
            {
                "date": "2024-09-02T12:34:56.781+00:00",
                "rssi": -110,
                "snr": 0,
                "gwid": "0016c001f153a14d",
                "channel": 867100000,
            },
            {
                "date": "2024-09-02T12:34:56.789123456+00:00",
                "rssi": 0,
                "snr": -3.25,
                "gwid": "0016c001f153a14e",
                "channel": 867100000,
            },
        ],
        "deveui": "0102030405060708",
        "date": "2024-09-02T12:34:56.789123456+00:00",
        "data": "5c8fd84180b7c647",
        "original": CHIRPSTACK,
    }


def test_an_uplink_of_the_things_stack_becomes_the_envelope() -> None:
    uplink = things(THINGS)
    assert (uplink.device_id, uplink.time) == ("0004a30b001c0530", 1725280496789)
    assert uplink.payload == bytes.fromhex("8241de")
    assert json.loads(uplink.text) == {
        "temperature": 1.0,
        "luminosity": 0.64,
        "gatewayData": [
            {
                "date": "2024-09-02T12:34:56.700Z",
                "rssi": -35,
                "snr": 5,
                "gwid": "9c5c8e00001a05c4",
                "channel": 868300000,
            },
            {
                "date": "2024-09-02T12:34:56.750Z",
                "rssi": -119,
                "snr": -9.5,
                "gwid": "c0ee40ffff293507",
                "channel": 868300000,
            },
            {
                "date": "2024-09-02T12:34:56.789585559Z",
                "rssi": -70,
                "snr": 0,
                "gwid": "roof",
                "channel": 868300000,
            },
        ],
        "deveui": "0004a30b001c0530",
        "date": "2024-09-02T12:34:56.789585559Z",
        "data": "8241de",
        "original": THINGS,
    }


def test_the_order_is_that_of_soracoms_records_and_the_original_keeps_its_spelling() -> None:
    """What the server decoded comes first, its own message last."""
    message = '\n{"time" : "2024-09-02T12:34:56Z",\n "deviceInfo":{"devEui":"0102030405060708"}, "object":{"t":1.50}}\n'
    uplink = parse_chirpstack("up", message.encode())
    assert uplink is not None
    assert uplink.text == (
        '{"t":1.50,"gatewayData":[],"deveui":"0102030405060708","date":"2024-09-02T12:34:56Z","data":"",'
        '"original":' + message.strip() + "}"
    )
    assert uplink.payload == b""


def test_what_is_empty_is_left_out_by_the_things_stack() -> None:
    message = {
        "end_device_ids": {"dev_eui": "0004A30B001C0530"},
        "received_at": "2024-09-02T12:34:57.001Z",
        "uplink_message": {},
    }
    uplink = things(message)
    assert (uplink.time, uplink.payload) == (1725280497001, b"")
    assert json.loads(uplink.text)["gatewayData"] == []


@pytest.mark.parametrize("event", ["join", "ack", "txack", "log", "status", "location", "integration", "", "UP"])
def test_other_events_of_chirpstack_report_no_uplink(event: str) -> None:
    assert parse_chirpstack(event, b"whatever, Protobuf too \xff") is None


def test_without_an_event_a_message_of_chirpstack_is_an_uplink() -> None:
    assert chirpstack(CHIRPSTACK, None) == chirpstack(CHIRPSTACK, "up")


@pytest.mark.parametrize(
    "what",
    [
        {"join_accept": {"session_key_id": "AXBSH1Pk6Z0G166RlH16CQ==", "received_at": "2020-02-17T07:49:09.7Z"}},
        {"downlink_ack": {"f_port": 15}},
        {"downlink_failed": {"error": {"code": 3}}},
        {"location_solved": {}},
        {"uplink_normalized": {}},
        {},
    ],
)
def test_other_messages_of_the_things_stack_report_no_uplink(what: dict[str, Any]) -> None:
    message = {"end_device_ids": {"device_id": "field-7"}, "received_at": "2020-02-17T07:49:09.9Z", **what}
    assert parse_things(json.dumps(message).encode()) is None


@pytest.mark.parametrize("payload", [b"", b"\0", b"\xfb\xff\xfe", bytes(range(51))])
def test_bytes_come_in_either_alphabet_padded_or_not(payload: bytes) -> None:
    forms = [b64encode(payload).decode(), urlsafe_b64encode(payload).decode()]
    for form in [*forms, *[form.rstrip("=") for form in forms]]:
        assert chirpstack({**CHIRPSTACK, "data": form}).payload == payload


def with_member(message: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    name, _, rest = path.partition(".")
    return {**message, name: with_member(message[name], rest, value) if rest else value}


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("deviceInfo", None, "deviceInfo"),
        ("deviceInfo.devEui", "01", "deviceInfo.devEui must be the device's EUI"),
        ("deviceInfo.devEui", 1, "devEui"),
        ("time", "yesterday", "time must be a date and time"),
        ("time", "1969-12-31T23:59:59Z", "time must be a date and time"),
        ("time", 1725280496, "time"),
        ("data", "é", "data must be bytes in Base64"),
        ("data", "A", "data must be bytes in Base64"),
        ("data", "AA==AA==", "data must be bytes in Base64"),
        ("data", "A A=", "data must be bytes in Base64"),
        ("data", "AA==\n", "data must be bytes in Base64"),
        ("rxInfo", {}, "rxInfo"),
        ("rxInfo", [{"rssi": "-36"}], "rssi"),
        ("txInfo.frequency", "868.3 MHz", "txInfo.frequency must be a frequency in Hz"),
        ("txInfo.frequency", -1, "txInfo.frequency must be a frequency in Hz"),
    ],
)
def test_what_chirpstack_does_not_send_is_refused_by_name(path: str, value: Any, named: str) -> None:
    with pytest.raises(InvalidParameter, match=named):
        chirpstack(with_member(CHIRPSTACK, path, value))


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("end_device_ids", None, "end_device_ids"),
        ("end_device_ids.dev_eui", None, "give the device a DevEUI"),
        ("end_device_ids.dev_eui", "dev1", "end_device_ids.dev_eui must be the device's EUI"),
        ("uplink_message", [], "uplink_message"),
        ("uplink_message.received_at", "soon", "received_at must be a date and time"),
        ("uplink_message.frm_payload", "?", "uplink_message.frm_payload must be bytes in Base64"),
        ("uplink_message.settings.frequency", "x", "uplink_message.settings.frequency must be a frequency"),
    ],
)
def test_what_the_things_stack_does_not_send_is_refused_by_name(path: str, value: Any, named: str) -> None:
    with pytest.raises(InvalidParameter, match=named):
        things(with_member(THINGS, path, value))


@pytest.mark.parametrize("body", [b"", b"[]", b"\n\x10protobuf\xff", b"{", b'"up"', b"[" * 5000])
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidParameter):
        parse_chirpstack("up", body)
    with pytest.raises(InvalidParameter):
        parse_things(body)


@pytest.mark.parametrize("decoded", [None, 1, "text", [1], {}])
def test_only_an_object_that_was_decoded_has_members_to_show(decoded: Any) -> None:
    shown = json.loads(chirpstack({**CHIRPSTACK, "object": decoded}).text)
    assert list(shown) == ["gatewayData", "deveui", "date", "data", "original"]
    shown = json.loads(things(with_member(THINGS, "uplink_message.decoded_payload", decoded)).text)
    assert list(shown) == ["gatewayData", "deveui", "date", "data", "original"]


def test_a_message_is_bounded() -> None:
    size = len(json.dumps({**CHIRPSTACK, "x": ""}))
    assert chirpstack({**CHIRPSTACK, "x": "a" * (MESSAGE_BYTES - size)}).payload
    for parse in (lambda body: parse_chirpstack("up", body), parse_things):
        with pytest.raises(PayloadTooLarge, match="65536 bytes"):
            parse(b"{" + b" " * MESSAGE_BYTES)
