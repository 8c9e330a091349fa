"""What devices in the field send, replayed over real sockets: see `transcripts/README.md`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from doorway import LOOPS, House, house, run
from sending import DatagramDevice, Line
from wire.transcribed import Transcript, at, name

HTTP = at("http")

CLOCK = 1_700_000_000_000
"""No time of a transcript is later, and none that the server of these tests chooses is earlier."""


async def stored(house: House) -> list[str]:
    """The entries in the words of a transcript."""
    entries = await house.entries()
    return [f"{entry.content_type} {entry.time if entry.time < CLOCK else '-'} {entry.content}" for entry in entries]


async def answered(line: Line) -> str:
    """The next HTTP answer in the words of a transcript."""
    answer = await line.answer()
    return f"{answer.status} {answer.reason}, {answer.fields['connection']}"


@asynccontextmanager
async def http_line(house: House) -> AsyncIterator[Line]:
    async with house.http() as door, await Line.open(door.endpoint) as line:
        yield line


@pytest.mark.parametrize("transcript", HTTP, ids=name)
@pytest.mark.parametrize("loop", LOOPS)
def test_a_request_over_http_is_answered_and_stored(transcript: Transcript, loop: str) -> None:
    async def main() -> None:
        async with house() as h, http_line(h) as line:
            for message, answer in transcript.exchanges:
                await line.send(message)
                assert await answered(line) == answer
            assert await stored(h) == list(transcript.stored)

    run(main(), loop)


@pytest.mark.parametrize("transcript", HTTP, ids=name)
def test_a_request_that_comes_byte_by_byte_is_the_same_request(transcript: Transcript) -> None:
    async def main() -> None:
        async with house() as h, http_line(h) as line:
            for message, answer in transcript.exchanges:
                for byte in message:
                    await line.send(bytes([byte]))
                    await asyncio.sleep(0)
                assert await answered(line) == answer
            assert await stored(h) == list(transcript.stored)

    run(main())


@pytest.mark.parametrize("transcript", HTTP, ids=name)
def test_a_request_cut_in_two_anywhere_is_the_same_request(transcript: Transcript) -> None:
    async def main() -> None:
        message, answer = transcript.exchanges[0]
        async with house() as h, h.http() as door:
            for at in range(1, len(message)):
                async with await Line.open(door.endpoint) as line:
                    await line.send(message[:at])
                    await asyncio.sleep(0)
                    await line.send(message[at:])
                    assert await answered(line) == answer

    run(main())


@pytest.mark.parametrize("transcript", HTTP, ids=name)
def test_requests_sent_in_one_breath_are_answered_in_their_order(transcript: Transcript) -> None:
    async def main() -> None:
        async with house() as h, http_line(h) as line:
            await line.send(b"".join(message for message, _ in transcript.exchanges))
            assert [await answered(line) for _ in transcript.exchanges] == [
                answer for _, answer in transcript.exchanges
            ]
            assert await stored(h) == list(transcript.stored)

    run(main())


@pytest.mark.parametrize(
    "transcript", [transcript for transcript in HTTP if transcript.exchanges[-1][1].endswith("close")], ids=name
)
def test_a_closing_answer_is_followed_by_the_end_of_the_stream(transcript: Transcript) -> None:
    async def main() -> None:
        async with house() as h, http_line(h) as line:
            for message, _ in transcript.exchanges:
                await line.send(message)
                await line.answer()
            assert await line.ended()

    run(main())


@pytest.mark.parametrize("transcript", at("tcp"), ids=name)
@pytest.mark.parametrize("loop", LOOPS)
def test_a_message_over_tcp_is_answered_and_stored(transcript: Transcript, loop: str) -> None:
    async def main() -> None:
        async with house() as h, h.stream() as door, await Line.open(door.endpoint) as line:
            for message, answer in transcript.exchanges:
                await line.send(message)
                assert await line.reply() == answer.encode()
            assert await stored(h) == list(transcript.stored)

    run(main(), loop)


@pytest.mark.parametrize("transcript", at("udp"), ids=name)
@pytest.mark.parametrize("loop", LOOPS)
def test_a_datagram_is_answered_and_stored(transcript: Transcript, loop: str) -> None:
    async def main() -> None:
        async with house() as h, h.datagram() as door, await DatagramDevice.open(door.endpoint) as device:
            for message, answer in transcript.exchanges:
                await device.send(message)
                assert await device.reply() == answer.encode()
            assert await stored(h) == list(transcript.stored)

    run(main(), loop)
