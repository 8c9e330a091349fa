"""Frames of Soracom Binary Format v1 at the TCP door."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from contract.ingest_suite import content
from doorway import LOOPS, House, house, run
from sending import Line, frame

VECTOR = bytes.fromhex("00060102030405064917")


def tell(story: Any, loop: str = "uvloop", **limits: int) -> None:
    """A story of a house and a connection whose group wants frames."""

    async def main() -> None:
        async with house(**limits) as h:
            await h.say({"binaryFormatV1Enabled": True})
            async with h.stream() as door, await Line.open(door.endpoint) as line:
                told: Coroutine[Any, Any, None] = story(h, line)
                await told

    run(main(), loop)


async def replies(line: Line, count: int) -> bytes:
    return await line.reader.readexactly(3 * count)


@pytest.mark.parametrize("loop", LOOPS)
def test_the_documented_frame_is_stored_and_answered_however_it_is_split(loop: str) -> None:
    async def story(h: House, line: Line) -> None:
        for cut in range(1, len(VECTOR)):
            await line.send(VECTOR[:cut])
            await asyncio.sleep(0.002)
            await line.send(VECTOR[cut:])
            assert await replies(line, 1) == b"201"
        assert await h.contents() == [content(bytes(range(1, 7)))] * (len(VECTOR) - 1)

    tell(story, loop)


def test_frames_in_one_breath_are_as_many_messages() -> None:
    async def story(h: House, line: Line) -> None:
        await line.send(frame(b"1") + frame(b"2") + frame(b"3")[:-1])
        assert await replies(line, 2) == b"201201"
        await line.send(frame(b"3")[-1:])
        assert await replies(line, 1) == b"201"
        assert await h.contents() == [content(b"1"), content(b"2"), content(b"3")]

    tell(story)


@pytest.mark.parametrize("wrong", [VECTOR[:-1] + b"\x00", b"\x00\x00"])
def test_a_wrong_frame_is_refused_and_ends_the_connection_after_the_answers_before_it(wrong: bytes) -> None:
    async def story(h: House, line: Line) -> None:
        await line.send(frame(b"1") + wrong + frame(b"2"))
        told = await line.reader.read()
        assert told.startswith(b"201400 ")
        assert b"out of step" in told
        assert await h.contents() == [content(b"1")]

    tell(story)


def test_a_frame_over_the_limit_is_refused_and_the_next_one_stored() -> None:
    async def story(h: House, line: Line) -> None:
        await line.send(frame(b"x" * 65_535))
        assert b"larger than 1024 bytes" in await line.reply()
        await line.send(frame(b"1"))
        assert await line.reply() == b"201"
        assert await h.contents() == [content(b"1")]

    tell(story)


def test_a_connection_that_ends_within_a_frame_is_told_so_and_stores_nothing_of_it() -> None:
    async def story(h: House, line: Line) -> None:
        await line.send(VECTOR[:-1])
        line.finish()
        assert await line.reader.read() == b"400 The connection ended before the frame did"
        assert await h.contents() == []

    tell(story)


def test_a_frame_that_pauses_is_told_so_and_its_connection_ended() -> None:
    async def story(h: House, line: Line) -> None:
        await line.send(VECTOR[:3])
        assert (await line.reader.read()).startswith(b"400 A frame paused for more than 1 seconds")
        assert await h.contents() == []

    tell(story, body_seconds=1)


def test_frames_begun_go_on_though_the_group_wants_them_no_more() -> None:
    async def story(h: House, line: Line) -> None:
        await line.send(VECTOR[:3])
        await asyncio.sleep(0.02)
        await h.say({"binaryFormatV1Enabled": False})
        await line.send(VECTOR[3:])
        assert await replies(line, 1) == b"201"
        assert await h.contents() == [content(bytes(range(1, 7)))]

    tell(story)


def test_a_stream_without_frames_holds_what_looks_like_one_as_it_is() -> None:
    async def main() -> None:
        async with house() as h, h.stream() as door, await Line.open(door.endpoint) as line:
            await line.send(VECTOR)
            assert await line.reply() == b"201"
            assert await h.contents() == [content(VECTOR)]

    run(main())


def test_the_unified_endpoint_has_frames_of_its_own() -> None:
    async def main() -> None:
        async with house() as h:
            await h.say({"binaryFormatV1Enabled": True})
            async with h.stream(name="door-unified") as door, await Line.open(door.endpoint) as line:
                await line.send(VECTOR)
                assert await line.reply() == b"201"
            await h.say(UnifiedEndpoint={"binaryFormatV1Enabled": True})
            async with h.stream(name="door-unified") as door, await Line.open(door.endpoint) as line:
                await line.send(VECTOR)
                assert await line.reply() == b"201"
            assert await h.contents() == [content(VECTOR), content(bytes(range(1, 7)))]

    run(main())


def test_a_limit_that_grows_within_a_frame_never_lets_a_part_of_it_be_stored() -> None:
    async def story(h: House, line: Line) -> None:
        long = frame(b"x" * 2000)
        await line.send(long[:1500])
        await asyncio.sleep(0.02)
        await h.say({"maxPayloadBytes": 5000})
        await line.send(long[1500:])
        assert b"larger than 1024 bytes" in await line.reply()
        await line.send(long)
        assert await line.reply() == b"201"
        assert await h.contents() == [content(b"x" * 2000)]

    tell(story)
