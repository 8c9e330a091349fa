"""What a payload is stored as, case by case and as devices in the field send it."""

import pytest

from minori.codec.content import Content, classify
from minori.model.resource import ATTRIBUTE_NAMES

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF"


def json(text: str, *names: str) -> Content:
    return Content(text, "application/json", names)


def text(said: str, content_type: str = "text/plain") -> Content:
    return Content(said, content_type)


@pytest.mark.parametrize("body", ['{"t": 20}', '{\n  "t" : 20\n}\r\n', '{"t":2.50,"t":1e3}', '{"t":"\\u00e9é"}'])
def test_an_object_declared_json_is_kept_verbatim(body: str) -> None:
    assert classify(body.encode(), "application/json") == json(body, "t")


@pytest.mark.parametrize("body", ["[1, 2]", "20", '"a"', "null", "true", " [] "])
def test_any_other_value_declared_json_is_kept_verbatim(body: str) -> None:
    """There are no members to name."""
    assert classify(body.encode(), "application/json") == json(body)


@pytest.mark.parametrize(
    "declared",
    ["application/json; charset=utf-8", "APPLICATION/JSON", " application/json ;x", "application/senml+json"],
)
def test_json_is_declared_with_parameters_in_any_case_and_by_suffix(declared: str) -> None:
    """It is stored under the bare type (R17)."""
    assert classify(b"20", declared) == json("20")


@pytest.mark.parametrize("body", ["{temp:20}", '{"t":20', "{'t':20}", "NaN", '{"t":Infinity}', "20 21", "\ufeff{}"])
def test_text_declared_json_that_does_not_parse_is_kept_as_text(body: str) -> None:
    assert classify(body.encode(), "application/json") == text(body)


def test_bytes_declared_json_that_are_no_utf_8_are_kept_in_base64() -> None:
    assert classify(b'{"t":"\xe9"}', "application/json") == json('{"payload":"eyJ0Ijoi6SJ9"}', "payload")


def test_json_nested_too_deep_to_parse_is_kept_as_text() -> None:
    """The parser's limit is no reason to fail."""
    body = "[" * 100_000 + "]" * 100_000
    assert classify(body.encode(), "application/json") == text(body)


@pytest.mark.parametrize("body", ["Hello, SORACOM Harvest Data!", '{"t":20}', " 20\r\n"])
def test_declared_text_is_kept_as_text(body: str) -> None:
    """Even if it would parse as JSON."""
    assert classify(body.encode(), "text/plain") == text(body)


def test_declared_text_is_kept_under_its_bare_type() -> None:
    assert classify(b"a,b", "Text/CSV; charset=utf-8; header=absent") == text("a,b", "text/csv")


def test_bytes_declared_text_that_are_no_utf_8_are_kept_in_base64() -> None:
    assert classify(b"\xe9", "text/plain") == json('{"payload":"6Q=="}', "payload")


UNCERTAIN = [
    None,
    "",
    "application/x-www-form-urlencoded",
    "application.json",
    "json",
    "multipart/form-data; boundary=x",
    "text/",
    "application/unheard-of",
    "*/*",
]


@pytest.mark.parametrize("declared", UNCERTAIN)
@pytest.mark.parametrize(("body", "names"), [('{"uptime": 12.3}', ("uptime",)), ("[1, 2]", ()), (" {} ", ())])
def test_an_object_or_array_under_an_uncertain_type_is_json(declared: str | None, body: str, names: tuple[str]) -> None:
    assert classify(body.encode(), declared) == json(body, *names)


@pytest.mark.parametrize("declared", UNCERTAIN)
@pytest.mark.parametrize("body", ["20", '"a"', "null", "true", "t=20&h=40", '{"t":20', "\0", "実り"])
def test_anything_else_under_an_uncertain_type_is_text(declared: str | None, body: str) -> None:
    """A lone number is text there, though it would parse."""
    assert classify(body.encode(), declared) == text(body)


@pytest.mark.parametrize("declared", UNCERTAIN)
def test_bytes_under_an_uncertain_type_that_are_no_utf_8_are_kept_in_base64(declared: str | None) -> None:
    assert classify(JPEG, declared) == json('{"payload":"/9j/4AAQSkZJRg=="}', "payload")


@pytest.mark.parametrize(
    "declared",
    [
        "application/octet-stream",
        "Application/Octet-Stream; x=y",
        "image/jpeg",
        "audio/wav",
        "video/mp4",
        "font/woff",
        "application/cbor",
        "application/msgpack",
        "application/zip",
    ],
)
def test_a_binary_type_is_kept_in_base64_even_if_it_reads_as_json(declared: str) -> None:
    assert classify(b'{"t":20}', declared) == json('{"payload":"eyJ0IjoyMH0="}', "payload")


def test_the_documented_octets_are_kept_as_documented() -> None:
    """Standard base64 with padding (documented)."""
    assert classify(bytes(range(1, 9)), "application/octet-stream") == json('{"payload":"AQIDBAUGBwg="}', "payload")


def test_a_datagram_keeps_its_newline() -> None:
    """What `nc` adds is part of the message (R18)."""
    assert classify(b"hello\n", "application/octet-stream") == json('{"payload":"aGVsbG8K"}', "payload")


def test_only_the_top_level_of_an_object_gives_attribute_names() -> None:
    """In the order they came, each once."""
    body = b'{"b":{"c":1},"a":[{"d":1}],"b":2}'
    assert classify(body, "application/json").attribute_names == ("b", "a")


def test_the_attribute_names_of_one_payload_are_capped() -> None:
    """The content itself is kept whole."""
    body = "{%s}" % ",".join(f'"{number}":1' for number in range(ATTRIBUTE_NAMES + 1))
    content = classify(body.encode(), None)
    assert content.attribute_names == tuple(map(str, range(ATTRIBUTE_NAMES)))
    assert content.text == body


@pytest.mark.parametrize("body", [rb'{"a":"\ud800"}', b'{"a":1e999}', rb'["\udc00\ud800"]'])
def test_json_that_the_fast_decoder_refuses_is_json_all_the_same(body: bytes) -> None:
    content = classify(body, "application/json")
    assert (content.text, content.content_type) == (body.decode(), "application/json")


@pytest.mark.parametrize("body", [b'{"a":NaN}', b"[Infinity]", b"-Infinity"])
def test_constants_that_json_does_not_know_make_text(body: bytes) -> None:
    assert classify(body, "application/json").content_type == "text/plain"


def test_half_a_surrogate_pair_is_no_attribute_name() -> None:
    assert classify(rb'{"\ud800":1,"a":2}', None).attribute_names == ("a",)


@pytest.mark.parametrize("declared", ['text/"><b>', "text/plain charset=utf-8", "text/", f"text/{'x' * 300}"])
def test_an_invalid_text_type_counts_as_none(declared: str) -> None:
    assert classify(b"hello", declared).content_type == "text/plain"


def test_a_long_member_is_no_attribute_name() -> None:
    assert classify(b'{"%b":1,"a":2}' % (b"x" * 257), None).attribute_names == ("a",)
