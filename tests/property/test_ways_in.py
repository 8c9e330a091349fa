"""Whatever bytes come in at the API without a login, or at Beam's door: no defect of the server shows.

Each example goes through the real listener; nothing is answered with 5xx, nothing raises but the error tree, and a
request that is right still gets through afterwards.
"""

import asyncio
import json
from collections.abc import Callable
from functools import partial
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from doorway import BEAM_KEY, DEVICE, DEVICE_SECRET, EUI, IMSI, INGEST_TOKEN, KNOWN, OPERATOR, House, house, run
from minori.model.resource import ResourceType
from sending import BeamDevice, Line, first_line, post
from unit.codec.test_webhooks import CHIRPSTACK, THINGS

API = "api.soracom.io"
SIGFOX = {"device": "1D2E3F", "time": "1621401862", "data": "895c2fb3", "seqNumber": "2651", "lqi": "AVERAGE"}
EXAMPLES = settings(max_examples=60)
SHAPES: dict[str, dict[str, Any]] = {
    "default": {},
    "parser": {"SoracomAir": {"binaryParserEnabled": True, "binaryParserFormat": "t:0:uint:16 u:2:uint:16"}},
    "timed": {"SoracomHarvest": {"customTimestamp": {"format": "unix-sec", "value": "/time"}}},
    "batch": {"SoracomHarvest": {"batchWrite": {"value": "/rxInfo"}}},
}

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
shapes = st.sampled_from(sorted(SHAPES))
token_text = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=30)


def places(value: Any, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where a JSON value has members and items."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [before, *[place for name, each in inner for place in places(each, (*before, name))]]


def replaced(value: Any, place: tuple[Any, ...], by: Any) -> Any:
    if not place:
        return by
    copy = value.copy()
    copy[place[0]] = replaced(value[place[0]], place[1:], by)
    return copy


@st.composite
def messages(draw: st.DrawFn) -> tuple[str, bytes]:
    """A feeder, and a message of its network with one value replaced, or cut, or any bytes at all."""
    name, message = draw(st.sampled_from([("chirpstack", CHIRPSTACK), ("tts", THINGS), ("sigfox", SIGFOX)]))
    if draw(st.integers(0, 5)) == 0:
        return name, draw(st.binary(max_size=60))
    whole = replaced(message, draw(st.sampled_from(places(message))), draw(json_values))
    body = json.dumps(whole).encode()
    return name, body[: draw(st.integers(0, len(body)))] if draw(st.integers(0, 4)) == 0 else body


HOSTILE: tuple[Any, ...] = (
    "",
    "zz",
    "0",
    "\u00e9",
    "\uff11",
    "\0",
    "2024-13-45T00:00:00Z",
    -1,
    10**30,
    1e308,
    True,
    None,
    [],
    {},
    [[]],
)


def test_no_single_value_of_a_message_can_be_replaced_by_one_that_the_server_fails_at() -> None:
    async def main() -> None:
        async with house() as h:
            await furnished(h, "default")
            async with h.api() as door, await Line.open(door.endpoint) as line:
                for name, message in (("chirpstack", CHIRPSTACK), ("tts", THINGS), ("sigfox", SIGFOX)):
                    for place in places(message):
                        for value in HOSTILE:
                            body = json.dumps(replaced(message, place, value)).encode()
                            target = f"/ingest/{OPERATOR}/{name}"
                            await line.send(
                                post(body, f"Authorization: Bearer {INGEST_TOKEN}", target=target, host=API)
                            )
                            assert (await line.answer()).status in (201, 204, 400), (name, place, value)

    run(main())


async def furnished(h: House, shape: str) -> None:
    await h.admit_feeders()
    for kind, name in (
        (ResourceType.SIGFOX_DEVICE, SIGFOX["device"]),
        (ResourceType.LORA_DEVICE, CHIRPSTACK["deviceInfo"]["devEui"]),
        (ResourceType.LORA_DEVICE, THINGS["end_device_ids"]["dev_eui"].lower()),
    ):
        await h.register(kind, name)
    said = SHAPES[shape]
    await h.say(
        said.get("SoracomHarvest"), **{name: options for name, options in said.items() if name != "SoracomHarvest"}
    )


def answered(request: Callable[[Line], bytes], shape: str = "default") -> int:
    """The status of the answer, which may be left out where the connection just ends; then 0."""
    told: list[int] = []

    async def main() -> None:
        async with house() as h:
            await furnished(h, shape)
            async with h.api() as door:
                async with await Line.open(door.endpoint) as line:
                    await line.send(request(line))
                    line.finish()
                    try:
                        told.append((await line.answer()).status)
                    except asyncio.IncompleteReadError:
                        told.append(0)
                async with await Line.open(door.endpoint) as line:
                    await line.send(BeamDevice(line, OPERATOR, IMSI[KNOWN], "another").message(b"1"))
                    assert (await line.answer()).status == 401

    run(main())
    return told[0]


@given(messages(), shapes)
@EXAMPLES
def test_no_message_of_a_network_is_a_fault_of_the_server(message: tuple[str, bytes], shape: str) -> None:
    name, body = message
    request = post(body, f"Authorization: Bearer {INGEST_TOKEN}", target=f"/ingest/{OPERATOR}/{name}", host=API)
    assert answered(lambda _: request, shape) in (201, 204, 400, 413)


def _given(request: bytes, _: Line) -> bytes:
    return request


def test_the_messages_that_are_changed_are_right_as_they_are() -> None:
    for name, message in (("chirpstack", CHIRPSTACK), ("tts", THINGS), ("sigfox", SIGFOX)):
        body = json.dumps(message).encode()
        request = post(body, f"Authorization: Bearer {INGEST_TOKEN}", target=f"/ingest/{OPERATOR}/{name}", host=API)
        assert answered(partial(_given, request)) == 201


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "x-soracom-imsi",
                "x-soracom-sim-id",
                "x-soracom-timestamp",
                "x-soracom-signature",
                "x-soracom-signature-version",
                "x-soracom-lora-device-id",
                "x-soracom-device-id",
                "x-soracom-a",
            ]
        ),
        token_text,
        max_size=5,
    ),
    token_text,
    st.sampled_from([OPERATOR, "OP", "", "%00", "%FF", "a%2Fb", "..", "é"]),
    st.sampled_from(["beam", "chirpstack", "tts", "sigfox", "", "x"]),
)
@EXAMPLES
def test_no_headers_are_a_fault_of_the_server(
    headers: dict[str, str], authorization: str, operator: str, feeder: str
) -> None:
    lines = [f"{name}: {value}" for name, value in headers.items()]
    request = post(b"1", *lines, f"Authorization: {authorization}", target=f"/ingest/{operator}/{feeder}", host=API)
    assert answered(lambda _: request) in (400, 401, 404)


@given(st.binary(max_size=80), st.sampled_from([b"SORACOM Beam", b"curl"]), st.sampled_from([IMSI[KNOWN], EUI]), shapes)
@EXAMPLES
def test_no_body_that_beam_forwards_is_a_fault_of_the_server(
    body: bytes, agent: bytes, sender: str, shape: str
) -> None:
    def request(line: Line) -> bytes:
        sent = BeamDevice(line, OPERATOR, sender, BEAM_KEY).message(body)
        return sent.replace(
            b"Content-Type: application/octet-stream", b"Content-Type: application/json\r\nUser-Agent: " + agent
        )

    assert answered(request, shape) in (201, 400)


@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#"), max_size=40),
    st.sampled_from(["", "/", "/a", "/%2F", "/%00"]),
    st.binary(max_size=40),
    st.none() | token_text,
    shapes,
)
@EXAMPLES
def test_no_query_of_a_device_that_publishes_is_a_fault_of_the_server(
    query: str, behind: str, body: bytes, timestamp: str | None, shape: str
) -> None:
    target = f"/v1/devices/{DEVICE[KNOWN]}/publish{behind}?{query}&device_secret={DEVICE_SECRET}"
    lines = [] if timestamp is None else [f"X-Soracom-Timestamp: {timestamp}"]
    assert answered(lambda _: post(body, *lines, target=target, host=API), shape) in (201, 400, 401, 404)


@given(token_text, st.sampled_from(["x-device-secret", "X-Device-Secret"]))
@EXAMPLES
def test_no_secret_is_a_fault_of_the_server(secret: str, name: str) -> None:
    request = post(b"1", f"{name}: {secret}", target=f"/v1/devices/{DEVICE[KNOWN]}/publish", host=API)
    assert answered(lambda _: request) in (400, 401)


@st.composite
def openings(draw: st.DrawFn) -> bytes:
    """What a connection to Beam's door may begin with: a right line changed somewhere, or any bytes at all."""
    if draw(st.booleans()):
        return draw(st.binary(min_size=1, max_size=100))
    line = first_line(BEAM_KEY, IMSI[KNOWN])
    at, by = draw(st.integers(0, len(line) - 1)), draw(st.binary(max_size=4))
    return line[:at] + by + line[at + draw(st.integers(0, 3)) :]


@given(openings(), st.lists(st.integers(1, 40), max_size=3))
@EXAMPLES
def test_no_first_line_is_a_fault_of_the_server(opening: bytes, cuts: list[int]) -> None:
    async def main() -> None:
        async with house() as h:
            await h.admit_feeders()
            async with h.beam() as door, await Line.open(door.endpoint) as line:
                start = 0
                for cut in [*sorted(cuts), len(opening)]:
                    await line.send(opening[start:cut])
                    await asyncio.sleep(0)
                    start = max(start, cut)
                line.finish()
                told = await line.reader.read()
                assert told == b"" or told.startswith((b"400 ", b"201"))

    run(main())
