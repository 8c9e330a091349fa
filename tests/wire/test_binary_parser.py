"""Trying the binary parser over the wire."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from serving import Server
from wire.asking import Reply, ask

Try = Callable[[Any], Reply]

PATH = "/v1/minori/binary_parser/try"
DOCUMENTED = "flag:0:bool:7 temp:1:int:13:/10 humid:3:uint:8:/100 lat::float:32 long::float:32"


@pytest.fixture
def try_(server: Server, headers: dict[str, str]) -> Try:
    """POST a body, bytes or JSON."""

    def try_(body: Any) -> Reply:
        return ask(server, "POST", PATH, headers, body if isinstance(body, bytes) else json.dumps(body).encode())

    return try_


def test_a_payload_is_answered_as_it_would_be_stored(try_: Try) -> None:
    reply = try_({"format": DOCUMENTED, "payload": "80 07F8 5F 42:0E:AD:FF 430bbe86"})
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    assert reply.body == (
        b'{"flag":true,"temp":25.5,"humid":0.95,"lat":35.669918060302734,"long":139.74423217773438,'
        b'"binaryParserEnabled":true}'
    )


def test_a_format_with_a_name_is_tried_too(try_: Try) -> None:
    assert try_({"format": "@button", "payload": "4d010351"}).body == (
        b'{"clickType":1,"clickTypeName":"SINGLE","batteryLevel":1,"binaryParserEnabled":true}'
    )
    assert try_({"format": "@json", "payload": b'{"t": 21.0}'.hex()}).body == b'{"t":21,"binaryParserEnabled":true}'


@pytest.mark.parametrize(
    ("format_", "payload", "code", "message"),
    [
        ("temp:0:int16", "00", "MNR0053", "format is wrong at column 8: expected bool, int, uint, float or char"),
        (
            "temp:0:int:16",
            "0001 0x",
            "MNR0054",
            "bytes are wrong at column 6: expected two digits from 0 to 9 and a to f",
        ),
        ("a::uint:8 temp:1:int:13", "0102", "MNR0055", "before byte 2, and temp reaches down to bit 3 of byte 2"),
        ("a::uint:8", "", "MNR0055", "before byte 0, and a reaches down to bit 0 of byte 0"),
        ("@json", "", "MNR0055", "@json takes a JSON object"),
        ("@sensit", "00", "MNR0053", "what @gps, @sensit and @unashield read is not known here"),
        ("é" * 10_000, "00", "MNR0053", "wrong at column 8193: expected the end"),
        ("a\0%s:0:uint:8", "00", "MNR0053", "wrong at column 2: expected a name"),
    ],
)
def test_what_is_wrong_is_400_and_says_where_and_why(
    try_: Try, format_: str, payload: str, code: str, message: str
) -> None:
    reply = try_({"format": format_, "payload": payload})
    assert (reply.status, reply.json["code"]) == (400, code)
    assert message in reply.json["message"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        {"format": "@json"},
        {"payload": "00"},
        {"format": 1, "payload": "00"},
        {"format": "\ud800", "payload": "00"},
    ],
)
def test_a_body_without_a_format_and_a_payload_is_400(try_: Try, body: Any) -> None:
    reply = try_(body)
    assert (reply.status, reply.json["code"]) == (400, "COM0001")


def test_a_body_has_a_bound(try_: Try) -> None:
    assert try_({"format": "a:65534:uint:8", "payload": "00" * 65_535}).body == b'{"a":0,"binaryParserEnabled":true}'
    reply = try_({"format": "a::uint:8", "payload": "00" * 131_072})
    assert (reply.status, reply.json["code"]) == (413, "MNR0004")


def test_it_needs_a_login(server: Server) -> None:
    body = json.dumps({"format": "a::uint:8", "payload": "2a"}).encode()
    assert ask(server, "POST", PATH, {}, body).status == 401
