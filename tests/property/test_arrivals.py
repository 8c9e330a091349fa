"""Everything that payloads arrive in: no input raises outside the error tree, and nothing is lost on the way."""

import json
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from minori.codec import lorawan, sigfox
from minori.codec.batch import split_batch
from minori.codec.beam import (
    Vouched,
    check_signature,
    parse_first_line,
    read_headers,
    signature_of,
    take_first_line,
)
from minori.codec.content import JSON, classify
from minori.codec.customtime import CustomTime, TimeFormat, parse_iso, parse_value, read_time
from minori.codec.frames import FrameDecoder
from minori.codec.harvestoptions import HarvestOptions, check_option, read_options
from minori.codec.pointer import POINTER_DEPTH, Pointer, find, parse_pointer, split_items
from minori.codec.uplink import Uplink, payload_of, with_fields
from minori.codec.webhooks import parse_chirpstack, parse_things
from minori.errors import BeamRejected, Error, Invalid, InvalidBatch, InvalidParameter, InvalidTime, PayloadTooLarge
from minori.model.entry import MAX_TIME

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

texts = st.text(st.characters(codec="utf-8"))
names = st.text(st.sampled_from("ab/~01-é% \0"), max_size=4)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)
broken_json = st.one_of(st.text(), st.from_regex(r'[\[\]{}:,"\\ a-z0-9.eE+-]{0,40}', fullmatch=True))


def assert_sentence(error: Error) -> None:
    """It is of the tree, and can be shown (R27)."""
    assert error.message
    assert "%" not in error.message


def written(value: Any, indent: int | None, *, ascii_only: bool) -> str:
    return json.dumps(value, ensure_ascii=ascii_only, indent=indent)


json_texts = st.builds(written, documents, st.none() | st.integers(0, 2), ascii_only=st.booleans())
pointers = st.lists(names | st.integers(0, 5).map(str), max_size=4).map(lambda path: Pointer(tuple(path)))


def looked_up(document: Any, path: tuple[str, ...]) -> list[Any]:
    """What is at a path, or nothing, as RFC 6901 says it."""
    for name in path:
        if isinstance(document, dict) and name in document:
            document = document[name]
        elif isinstance(document, list) and name in [str(number) for number in range(len(document))]:
            document = document[int(name)]
        else:
            return []
    return [document]


@given(json_texts, pointers)
def test_a_pointer_finds_what_is_there_and_nothing_else(text: str, pointer: Pointer) -> None:
    found = find(pointer, text)
    assert ([] if found is None else [json.loads(found)]) == looked_up(json.loads(text), pointer.names)
    assert found is None or found in text


@given(st.text() | st.from_regex(r"(/(~0|~1|[a~/])*)*", fullmatch=True))
@example("/" * (POINTER_DEPTH + 1))
def test_a_pointer_is_refused_or_is_written_as_it_was(text: str) -> None:
    try:
        pointer = parse_pointer(text)
    except InvalidParameter:
        return
    assert str(pointer) == text
    assert len(pointer.names) <= POINTER_DEPTH


@given(st.lists(names, max_size=POINTER_DEPTH))
def test_every_path_has_a_pointer(path: list[str]) -> None:
    assert parse_pointer(str(Pointer(tuple(path)))).names == tuple(path)


@given(broken_json, pointers)
def test_any_text_is_looked_into_or_has_nothing(text: str, pointer: Pointer) -> None:
    found = find(pointer, text)
    assert found is None or found == found.strip(" \t\r\n")
    split_items(text)


@given(st.lists(documents, max_size=6), st.none() | st.integers(0, 2))
def test_the_items_of_an_array_are_all_there(items: list[Any], indent: int | None) -> None:
    found = split_items(json.dumps(items, indent=indent))
    assert found is not None
    assert [json.loads(item) for item in found] == items


moments = st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30))  # noqa: DTZ001 - the offset is drawn beside it
offsets = st.integers(-23 * 60 - 59, 23 * 60 + 59)


@given(moments, offsets, st.sampled_from("Tt "), st.sampled_from(".,"), st.sampled_from(("", "-")), st.integers(0, 12))
def test_every_moment_can_be_said_in_iso_8601(
    moment: datetime, offset: int, between: str, point: str, dash: str, digits: int
) -> None:
    there = moment.replace(tzinfo=timezone(timedelta(minutes=offset)))
    colon = ":" if dash else ""
    part = f"{there.microsecond:06}000000"[:digits]
    text = f"{there.year:04}{dash}{there:%m}{dash}{there:%d}{between}{there:%H}{colon}{there:%M}{colon}{there:%S}"
    text += (point + part if digits else "") + f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02}{colon}"
    text += f"{abs(offset) % 60:02}"
    kept = there.replace(microsecond=int(part.ljust(3, "0")[:3]) * 1000)
    assert parse_iso(text) == (kept - EPOCH) // timedelta(milliseconds=1)


@given(st.integers(0, MAX_TIME))
def test_every_time_can_be_said_in_unix_time(time: int) -> None:
    seconds = f"{time // 1000}.{time % 1000:03}"
    for value in (seconds, f'"{seconds}"', f"{time}e-3", f"{time // 1000}{time % 1000:03}E-03"):
        assert parse_value(value, TimeFormat.UNIX_SECONDS) == time
    for value in (str(time), f'"{time}"', f"{seconds}e3", f"{time}.999"):
        assert parse_value(value, TimeFormat.UNIX_MILLISECONDS) == time


numbers = st.from_regex(r"-?[0-9]{1,30}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,4})?", fullmatch=True)
spoken = st.from_regex(
    r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}[Tt ]?[0-9:]{2,8}([.,][0-9]{1,9})?[Zz+-]?[0-9:]{0,5}", fullmatch=True
)
customs = st.builds(CustomTime, st.just(parse_pointer("/t")), st.sampled_from(TimeFormat), st.booleans())


@given(
    json_texts | broken_json | numbers.map('{{"t":{}}}'.format) | (numbers | spoken).map('{{"t":"{}"}}'.format), customs
)
@example('{"t":1e999999999}', CustomTime(parse_pointer("/t"), TimeFormat.UNIX_SECONDS))
@example('{"t":' + "9" * 100_000 + "}", CustomTime(parse_pointer("/t"), TimeFormat.UNIX_SECONDS))
@example('{"t":"' + "9" * 100_000 + '"}', CustomTime(parse_pointer("/t"), TimeFormat.ISO_8601))
def test_any_payload_says_a_time_within_bounds_or_is_refused(text: str, custom: CustomTime) -> None:
    try:
        time = read_time(text, custom)
    except InvalidTime as error:
        assert not custom.falls_back
        assert_sentence(error)
    else:
        assert custom.falls_back if time is None else 0 <= time <= MAX_TIME


@given(st.lists(st.tuples(st.integers(0, MAX_TIME), documents), min_size=1, max_size=8), st.none() | st.integers(0, 2))
def test_a_batch_loses_nothing(items: list[tuple[int, Any]], indent: int | None) -> None:
    array = [{"t": time, "v": value} for time, value in items]
    content = classify(json.dumps({"data": array}, indent=indent).encode(), JSON)
    custom = CustomTime(parse_pointer("/t"), TimeFormat.UNIX_MILLISECONDS)
    split = split_batch(content, parse_pointer("/data"), custom, 100_000)
    assert [(item.time, json.loads(item.content.text)) for item in split] == [(each["t"], each) for each in array]
    assert all(item.content.text in content.text for item in split)


@given(st.binary() | (json_texts | broken_json).map(lambda text: text.encode(errors="replace")), pointers, customs)
def test_any_payload_is_a_batch_or_is_refused(body: bytes, array: Pointer, custom: CustomTime) -> None:
    try:
        items = split_batch(classify(body, JSON), array, custom, 64)
    except (InvalidBatch, PayloadTooLarge):
        return
    assert 1 <= len(items) <= 100
    assert all(len(item.content.text.encode()) <= 64 for item in items)


def frame(body: bytes) -> bytes:
    """A frame by its definition, its checksum bit by bit."""
    register = 0xFFFF
    for byte in len(body).to_bytes(2) + body:
        register ^= byte << 8
        for _ in range(8):
            register = (register << 1 ^ 0x1021 if register & 0x8000 else register << 1) & 0xFFFF
    return len(body).to_bytes(2) + body + register.to_bytes(2)


def fed(stream: bytes, cuts: list[int], limit: int) -> tuple[FrameDecoder, list[bytes | None]]:
    """The bodies that a decoder finds, `None` for each that is too large."""
    decoder, found, start = FrameDecoder(lambda: limit), list[bytes | None](), 0
    for cut in [*sorted(cuts), len(stream)]:
        found += [body if isinstance(body, bytes) else None for body in decoder.feed(stream[start:cut])]
        start = max(start, cut)
        assert len(decoder._kept) <= limit + 2
    return decoder, found


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.lists(st.integers(0, 300)), st.integers(1, 40))
def test_frames_come_out_whole_however_the_stream_is_cut(bodies: list[bytes], cuts: list[int], limit: int) -> None:
    decoder, found = fed(b"".join(map(frame, bodies)), cuts, limit)
    assert found == [body if len(body) <= limit else None for body in bodies]
    assert decoder.fault is None
    assert not decoder.unfinished


@given(st.lists(st.binary(min_size=1, max_size=20), max_size=3), st.binary(max_size=60), st.lists(st.integers(0, 200)))
def test_any_stream_gives_the_same_frames_however_it_is_cut(bodies: list[bytes], rest: bytes, cuts: list[int]) -> None:
    stream = b"".join(map(frame, bodies)) + rest
    decoder, found = fed(stream, cuts, 16)
    whole, at_once = fed(stream, [], 16)
    assert found == at_once
    assert found[: len(bodies)] == [body if len(body) <= 16 else None for body in bodies]
    assert (decoder.fault is None, decoder.unfinished) == (whole.fault is None, whole.unfinished)


keys = st.text(st.sampled_from("aZ09"), min_size=1, max_size=64)
imsis = st.from_regex(r"[0-9]{6,15}", fullmatch=True)
header_names = st.from_regex(r"x-soracom-[a-z]{1,8}", fullmatch=True).filter(
    lambda name: not name.startswith(("x-soracom-imsi", "x-soracom-signature", "x-soracom-msisdn", "x-soracom-imei"))
)
header_values = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20).filter(
    lambda value: "x-soracom-" not in value.lower()
)


@given(
    keys,
    imsis,
    st.integers(0, MAX_TIME),
    st.dictionaries(header_names, header_values, max_size=4),
    st.lists(keys, max_size=3),
)
def test_what_beam_signs_is_taken_and_what_is_changed_is_not(
    key: str, imsi: str, time: int, more: dict[str, str], others: list[str]
) -> None:
    said = {**more, "x-soracom-imsi": imsi, "x-soracom-timestamp": str(time)}
    text = "".join(f"{name}={said[name]}" for name in sorted(said))
    proof = {
        "x-soracom-signature": sha256((key + text).encode()).hexdigest(),
        "x-soracom-signature-version": "20151001",
    }
    vouched = read_headers((name.upper().encode(), value.encode()) for name, value in {**said, **proof}.items())
    assert (vouched.id, vouched.time) == (imsi, time)
    assert [*others, key][check_signature(vouched, [*others, key], time, 1)] == key
    changed = {**said, "x-soracom-imsi": imsi[:-1] + str((int(imsi[-1]) + 1) % 10)}
    with pytest.raises(BeamRejected):
        check_signature(
            read_headers((name.encode(), value.encode()) for name, value in {**changed, **proof}.items()),
            [key],
            time,
            0,
        )


beam_names = st.sampled_from(
    (
        "imsi",
        "imei",
        "sim-id",
        "timestamp",
        "lora-device-id",
        "device-id",
        "operator-id",
        "signature",
        "signature-version",
    )
)
headers = st.lists(
    st.tuples(beam_names.map(lambda name: f"X-Soracom-{name}".encode()) | st.binary(), st.binary(max_size=70)),
    max_size=5,
)


@given(headers, st.lists(keys, max_size=2), st.integers(0, MAX_TIME), st.integers(0, 10))
def test_any_headers_vouch_for_somebody_or_are_refused(
    headers: list[tuple[bytes, bytes]], keys: list[str], now: int, window: int
) -> None:
    try:
        check_signature(read_headers(headers), keys, now, window)
    except (InvalidParameter, BeamRejected) as error:
        assert_sentence(error)


words = st.from_regex(r"(imsi|imei|simId|timestamp|signature|version|x)=[0-9a-f]{0,64}", fullmatch=True)
lines = st.binary() | st.lists(words, max_size=5).map(" ".join).flatmap(
    lambda left: words.map(lambda right: f"{left};{right} version=20151001".encode())
)


@given(lines)
def test_any_first_line_vouches_for_somebody_or_is_refused(line: bytes) -> None:
    try:
        check_signature(parse_first_line(line), ["key"], 0, 0)
    except (InvalidParameter, BeamRejected) as error:
        assert_sentence(error)


@given(keys, imsis, st.integers(0, MAX_TIME), st.binary())
def test_a_first_line_leads_to_its_sender_and_to_the_bytes_behind_it(
    key: str, imsi: str, time: int, rest: bytes
) -> None:
    text = f"imsi={imsi} timestamp={time}"
    taken = take_first_line(f"{text};signature={signature_of(key, text)} version=20151001\r\n".encode() + rest)
    assert taken is not None
    line, behind = taken
    vouched: Vouched = parse_first_line(line)
    assert (vouched.id, vouched.time, behind) == (imsi, time, rest)
    assert check_signature(vouched, [key], time, 1) == 0


def message(data: bytes, more: Any) -> dict[str, Any]:
    encoded = b64encode(data).decode()
    return {
        "time": "2024-09-02T12:34:56Z",
        "deviceInfo": {"devEui": "0102030405060708", "tags": more},
        "data": encoded,
        "object": more,
        "rxInfo": [{"gatewayId": "01", "rssi": -36, "context": more}],
        "txInfo": {"frequency": 867100000},
        "end_device_ids": {"dev_eui": "0102030405060708", "x": more},
        "received_at": "2024-09-02T12:34:56Z",
        "uplink_message": {
            "frm_payload": encoded,
            "decoded_payload": more,
            "rx_metadata": [{"gateway_ids": {"eui": "01"}, "snr": 2.5, "x": more}],
            "settings": {"frequency": "867100000"},
        },
        "device": "1D2E3F",
        "deveui": "0102030405060708",
        "seqNumber": 7,
        "lqi": "GOOD",
    }


READERS: list[Callable[[bytes], Uplink | None]] = [
    lambda body: parse_chirpstack("up", body),
    parse_things,
    lorawan.parse_uplink,
    sigfox.parse_uplink,
    sigfox.parse_callback,
]


@given(st.sampled_from(READERS), st.binary(max_size=60), documents)
def test_an_uplink_keeps_the_devices_bytes_and_is_json(
    read: Callable[[bytes], Uplink | None], data: bytes, more: Any
) -> None:
    said = message(data, more)
    is_server = read in READERS[:2]
    body = said if is_server else {**said, "data": data.hex(), "time": 1725280496}
    uplink = read(json.dumps(body).encode())
    assert uplink is not None
    assert uplink.payload == data == payload_of(uplink.text)
    shown = json.loads(uplink.text)
    assert not is_server or shown["original"] == body
    merged = json.loads(with_fields(uplink.text, '{"v":1,"data":2}', lorawan.RESERVED))
    assert merged == {"v": 1, **{name: value for name, value in shown.items() if name != "v"}}


@given(st.sampled_from(READERS), st.data())
def test_any_message_is_an_uplink_or_none_or_is_refused(
    read: Callable[[bytes], Uplink | None], data: st.DataObject
) -> None:
    body = message(b"\1", None)
    place: Any = body
    name: Any = data.draw(st.sampled_from(sorted(body)))
    while isinstance(place[name], (dict, list)) and data.draw(st.booleans()):
        place = place[name]
        name = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
    place[name] = data.draw(documents)
    try:
        uplink = read(data.draw(st.just(json.dumps(body).encode()) | st.binary()))
    except (InvalidParameter, PayloadTooLarge) as error:
        assert_sentence(error)
        return
    assert uplink is None or isinstance(json.loads(uplink.text), dict)


known = st.sampled_from(
    [
        ("SoracomHarvest", "enabled"),
        ("SoracomHarvest", "category"),
        ("SoracomHarvest", "customTimestamp"),
        ("SoracomHarvest", "batchWrite"),
        ("SoracomHarvest", "maxPayloadBytes"),
        ("SoracomHarvest", "retentionDays"),
        ("SoracomAir", "binaryParserEnabled"),
        ("SoracomAir", "binaryParserFormat"),
        ("SoracomSigfox", "binaryParserFormat"),
        ("UnifiedEndpoint", "response"),
    ]
)
members = st.sampled_from(
    ("format", "type", "value", "enabled", "fallback", "success", "failure", "statusCode", "body")
)
likely = st.sampled_from(
    ("iso-8601", "unix-sec", "jsonpointer", "/a", "Custom", "Auto", "temp:0:int:16", "@json", True, 200)
)
values = st.recursive(
    scalars | likely,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(members, inner, max_size=5),
    max_leaves=8,
)


@given(known, values)
def test_any_value_of_an_option_is_refused_or_is_read(place: tuple[str, str], value: Any) -> None:
    namespace, key = place
    options = read_options({namespace: {key: value}})
    try:
        check_option(namespace, key, value)
    except Invalid as error:
        assert_sentence(error)
        assert options == HarvestOptions()
    assert options.batch is None or options.time is not None
