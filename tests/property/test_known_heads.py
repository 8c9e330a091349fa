"""A head that was taken apart before means what it meant: with and without that memory a door is the same door.

Each example goes to two doors, of which one has to ask the parser every time. Both are given the same reads, which no
socket would promise: so what asyncio has between a connection and its socket is played here.
"""

import asyncio
from collections.abc import Sequence
from string import ascii_lowercase
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from doorway import KNOWN, NO_GROUP, OPERATOR, House, run
from minori.doors.heads import Heads
from minori.doors.http import READ_BYTES, HttpDoor
from minori.doors.http_connection import HttpConnection
from minori.doors.words import created
from minori.model.refusal import RefusalQuery
from sending import post
from wire.transcribed import Transcript, at, name

JSON = "Content-Type: application/json"
EVENTS = ("turn", "hold", "release", "fail", "full", "stop", "drain", "end")
"""What happens between reads: the loop turns, the store is slow, ready, broken or full, the door or the peer stops."""

SHORT = [f"{letter}:" for letter in ascii_lowercase[:24]]
"""Headers that count as more bytes than they are."""

PLAIN = (
    post(b"1"),
    post(b'{"t":21}', JSON),
    post(b'{"t":22}', JSON, "Connection: keep-alive"),
    post(b"x" * 1024, "Content-Type: text/plain"),
    post(b""),
    post(b"2", host="uni.soracom.io"),
    post(b"3", target="http://uni.soracom.io/?a=1"),
    post(post(b"within"), "Content-Type: application/octet-stream"),
    post(b"1").replace(b"POST", b"PUT"),
)
"""Requests whose heads a door keeps."""

FRAMINGS = (
    b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n1\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n1",
    b"Transfer-Encoding: chunked\r\n\r\n1\r\n1\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n\r\n1\r\n1\r\n0\r\nTrailer: t\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n",
    b"Content-Length: 1\r\nContent-Length: 1\r\n\r\n1",
    b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n12",
    b"Content-Length:  1 \r\n\r\n1",
    b"Content-Length: +1\r\n\r\n1",
    b"Content-Length: 01\r\n\r\n1",
    b"Content-Length : 1\r\n\r\n1",
    b"Content-Length: 1\r\n folded\r\n\r\n1",
    b"Content-Length: 1\nFolded: a\n\n1",
    b"Content-Length: 1\r\n\n1",
    b"Content-Length:1\r\nContent-Type: a/b\r\nContent-Type: application/json\r\n\r\n1",
    b"Content-Length: 1\r\nConnection: close\r\n\r\n1",
    b"Content-Length: 1\r\nExpect: 100-continue\r\n\r\n1",
    b"Content-Length: 1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n1",
    b"Content-Length: 1\r\nX-Soracom-Timestamp: 1545652714887\r\n\r\n1",
    b"Content-Length: 1\r\nX-Soracom-Timestamp: now\r\n\r\n1",
    b"Content-Length: 1025\r\n\r\n" + b"x" * 1025,
    b"Content-Length: 1\r\nLong: %b\r\n\r\n1" % (b"a" * 600),
    b"Content-Length: 1\r\n%b\r\n1" % b"".join(b"H%d:\r\n" % number for number in range(130)),
    b"\r\n",
)
ODD = (
    *(b"POST / HTTP/1.1\r\nHost: h\r\n" + framing for framing in FRAMINGS),
    post(b"1").replace(b"POST", b"GET"),
    post(b"1").replace(b"POST", b"HEAD"),
    post(b"1").replace(b"POST", b"CONNECT"),
    post(b"1").replace(b"1.1", b"1.0"),
    post(b"1", "Connection: keep-alive").replace(b"1.1", b"1.0"),
    post(b"1", target="/elsewhere"),
    post(b"1", host="harvest-files.soracom.io"),
    b"\r\n",
    b"\r",
    b"\0",
)

mutated = st.builds(
    lambda whole, place, gone, come: whole[: place % len(whole)] + come + whole[place % len(whole) + gone :],
    st.sampled_from(PLAIN),
    st.integers(0, 2000),
    st.integers(0, 3),
    st.sampled_from((b"", b"\r", b"\n", b"\r\n", b" ", b":", b"0", b"a", b"\xff")),
)
requests = st.lists(st.one_of(st.sampled_from(PLAIN), st.sampled_from(ODD), mutated), min_size=1, max_size=8)


@st.composite
def steps(draw: st.DrawFn) -> list[bytes | str]:
    """Requests in one stream, cut into reads anywhere or nowhere, and what happens between the reads."""
    if draw(st.booleans()):
        reads = draw(requests)
    else:
        stream = b"".join(draw(requests))
        cuts = sorted(draw(st.lists(st.integers(0, len(stream)), max_size=6)))
        reads = [stream[first:last] for first, last in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    story: list[bytes | str] = []
    for read in reads:
        story += [read[at : at + READ_BYTES] for at in range(0, len(read), READ_BYTES)]
        story += draw(st.lists(st.sampled_from(EVENTS), max_size=2)) if draw(st.booleans()) else ["turn"]
    return story


LARGER = {"SoracomHarvest": {"enabled": True, "maxPayloadBytes": 2000, "category": "plant"}}
shapes = st.sampled_from(
    [
        {},
        {"UnifiedEndpoint": {"response": {"format": "Unified"}}},
        {"SoracomHarvest": {"enabled": True, "maxPayloadBytes": 5}},
        LARGER,
        {"SoracomHarvest": {"enabled": True, "customTimestamp": {"format": "unix-sec", "value": "/t"}}},
    ]
)


class Wire(asyncio.Transport):
    """Notes what a connection asks of its socket, and what is handed over to the file door."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[Any] = []

    def write(self, data: Any) -> None:
        self.said.append(bytes(data))

    def write_eof(self) -> None:
        self.said.append("eof")

    def close(self) -> None:
        self.said.append("close")

    def abort(self) -> None:
        self.said.append("abort")

    def adopt(self, _: object, address: str, data: bytes) -> None:
        self.said.append(("handed over", address, data))

    def is_closing(self) -> bool:
        return any(one in ("close", "abort") or isinstance(one, tuple) for one in self.said)

    def pause_reading(self) -> None:
        self.said.append("pause")

    def resume_reading(self) -> None:
        self.said.append("resume")

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0


class Forgetful(Heads):
    """Knows no head."""

    def find(self, read: bytes) -> None:
        del read


class Stage:
    """A house whose HTTP door has connections that are played."""

    def __init__(self, head_bytes: int, *, remembers: bool) -> None:
        house = self.house = House(head_bytes=head_bytes)
        self.door = HttpDoor(house.ingest, house.admission(), house.limits, house.metrics, None)  # type: ignore[arg-type]  # nobody asks the file door
        self.door.tick(0.0)
        date = self.door.date = b"Date: now\r\n"
        self.door.created_keep_alive = created(date, keep_alive=True)
        self.door.created_close = created(date, keep_alive=False)
        if not remembers:
            self.door.heads = Forgetful(house.limits)

    async def play(self, steps: Sequence[bytes | str], address: str) -> list[Any]:
        """All that can be seen of one connection, a line for each step."""
        door, wire = self.door, Wire()
        door.files = wire  # type: ignore[assignment]  # it adopts as the file door's listener does
        door._admission.admit(address)
        connection = HttpConnection(door, address)
        connection.connection_made(wire)
        told = []
        for step in steps:
            if wire.is_closing():
                break
            if isinstance(step, str):
                await self._happen(step, connection)
            elif not connection._held and not connection._eof:
                door.buffer[: len(step)] = step
                connection.buffer_updated(len(step))
            told.append((step, *wire.said, *seen(connection)))
        self.house.store.held, door.stopping = False, False
        self.house.store.release()
        await asyncio.sleep(0)
        connection.connection_lost(None)
        return [*told, wire.said]

    async def _happen(self, event: str, connection: HttpConnection) -> None:
        store = self.house.store
        if event == "turn":
            await asyncio.sleep(0)
        elif event == "hold":
            store.held = True
        elif event == "release":
            store.held = store.full = False
            store.release()
        elif event == "fail":
            store.fail()
        elif event == "full":
            store.full = True
        elif event == "stop":
            self.door.stopping = True
        elif event == "drain":
            connection.drain()
        elif not connection._eof:
            connection.eof_received()

    async def left(self) -> tuple[Any, ...]:
        """What is stored, refused and counted."""
        counted = [line for line in self.house.metrics.text().splitlines() if b"process" not in line]
        refused = await self.house.refusals.page(RefusalQuery(OPERATOR), None)
        return await self.house.entries(), refused, counted


def seen(connection: HttpConnection) -> tuple[Any, ...]:
    """Where a connection stands."""
    return (
        connection.ending,
        connection.deadline,
        len(connection.waiting),
        connection._stage,
        connection._taken,
        connection._begun,
        repr(connection._route),
        connection._body,
        connection._target,
        dict(connection._fields),
    )


async def compare(
    *told: Sequence[bytes | str],
    kept: int | None = None,
    last: str = KNOWN,
    shape: Any = None,
    head_bytes: int = 32_768,
) -> None:
    """Tell both doors the same, connection by connection, the `last` from its own address.

    The one that remembers then has so many heads `kept`, if that is said.
    """
    stages = [Stage(head_bytes, remembers=remembers) for remembers in (True, False)]
    addresses = [KNOWN] * (len(told) - 1) + [last]
    stories = []
    for stage in stages:
        await stage.house.furnish()
        await stage.house.say(**(shape or {}))
        stories.append([await stage.play(*one) for one in zip(told, addresses, strict=True)])
    for ours, theirs in zip(*stories, strict=True):
        for mine, other in zip(ours, theirs, strict=True):
            assert mine == other
    assert await stages[0].left() == await stages[1].left()
    assert kept is None or len(stages[0].door.heads._kept) == kept


@pytest.mark.parametrize("transcript", at("http"), ids=name)
def test_a_device_that_comes_again_is_answered_as_the_first_time(transcript: Transcript) -> None:
    messages = [message for message, _ in transcript.exchanges]
    apart = [step for message in messages for step in (message, "turn")]

    run(compare(apart, apart, [b"".join(messages * 3), "turn"], [b"".join(messages * 2)[:-1], "end"]))


def test_the_heads_of_devices_are_kept() -> None:
    run(compare([*PLAIN], kept=len(PLAIN)))


@pytest.mark.parametrize("odd", ODD)
def test_what_is_not_plain_is_the_same_each_time(odd: bytes) -> None:
    run(compare([*PLAIN, "turn"], [odd, "turn", odd], [odd + post(b"1"), "turn"], [post(b"1") + odd]))


@given(steps(), st.sampled_from((KNOWN, NO_GROUP)), shapes, st.sampled_from((32_768, 162)))
@example([post(b"1", target="/elsewhere") + post(b"1"), post(b"1", target="/elsewhere")], KNOWN, {}, 32_768)
@example([b"\r\n\r\n" + post(b""), b"\r\n\r\n"], KNOWN, {}, 32_768)
@example([post(b"1") + post(b"1", host="harvest-files.x")], NO_GROUP, {}, 32_768)
@example([post(b"1") * 100, "turn", post(b"1") * 100], KNOWN, {}, 32_768)
@example(["hold", post(b"1") * 100, post(b"1"), "release", "turn", post(b"1")], KNOWN, {}, 32_768)
@example([post(b"2", host="uni.soracom.io") + b"\0"], NO_GROUP, {}, 32_768)
@example([post(b"1") + b"\r\n", post(b"1") + b"\r", b"\n" + post(b"1")], KNOWN, {}, 32_768)
@example([post(b"1")[:-1], b"1" + post(b"1") + post(b"1")[:-20], post(b"1")[-20:]], KNOWN, {}, 32_768)
@example([post(post(b"1"), JSON)[: -len(post(b"1"))], post(b"1")], KNOWN, {}, 32_768)
@example([post(b"x" * 1500), "turn"], NO_GROUP, LARGER, 32_768)
@example([post(b"1", *SHORT), post(b"1", *SHORT) + post(b"1")], KNOWN, {}, 162)
@example(["stop", post(b"1") * 2, "turn", "drain"], KNOWN, {}, 32_768)
@settings(max_examples=200)
def test_with_and_without_the_memory_of_heads_a_door_is_the_same(
    story: list[bytes | str], last: str, shape: dict[str, Any], head_bytes: int
) -> None:
    run(compare([*PLAIN, "turn"], story, story, last=last, shape=shape, head_bytes=head_bytes))
