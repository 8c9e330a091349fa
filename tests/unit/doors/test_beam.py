"""Beam's door: the first line, and what may change while a connection goes on."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from contract.ingest_suite import content
from doorway import BEAM_KEY, IMSI, KNOWN, OPERATOR, STRANGER_IMSI, House, house, run
from minori.config.address import Endpoint
from minori.model.account import Coverage, account_of
from minori.model.entry import TimeRange
from minori.model.registry import BeamKey, Group, Sim
from minori.model.resource import Resource, ResourceType
from minori.storage.base import Put
from sending import Line, first_line, frame, now

LINE = b"imsi=001010000000001 timestamp=1;signature=%b version=20151001\n"
GLOBAL = account_of(OPERATOR, Coverage.GLOBAL)
OTHER = "OP0000000002"
CLOCK = 1_700_000_000_000
"""What the clock of the house shows first."""

Story = Callable[[House, Line], Awaitable[None]]


def tell(story: Story, **limits: int) -> None:
    """A story of a house and a connection to Beam's door."""

    async def main() -> None:
        async with house(**limits) as h:
            await h.admit_feeders()
            async with h.beam() as door, await Line.open(door.endpoint) as line:
                await story(h, line)

    run(main())


def greeting(imsi: str = IMSI[KNOWN], key: str = BEAM_KEY) -> bytes:
    return first_line(key, imsi)


async def told(line: Line, data: bytes) -> bytes:
    await line.send(data)
    return await line.reply()


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_the_first_line_may_be_split_at_every_byte_and_is_no_message(end: bytes) -> None:
    async def story(h: House, line: Line) -> None:
        for byte in greeting()[:-1] + end:
            await line.send(bytes([byte]))
            await asyncio.sleep(0)
        assert await told(line, b"1") == b"201"
        assert await h.contents() == [content(b"1")]

    tell(story)


def test_a_line_that_never_ends_is_refused_before_it_costs_memory() -> None:
    async def story(h: House, line: Line) -> None:
        assert (await told(line, b"x" * 1026)).startswith(b"400 The first line is longer than 1024 bytes")
        assert await line.ended()
        assert h.metric("minori_payloads_refused_total", door="beam-tcp", reason="InvalidParameter") == 1

    tell(story)


def test_a_line_that_comes_too_slowly_is_refused_though_bytes_keep_coming() -> None:
    async def story(h: House, line: Line) -> None:
        reading = asyncio.create_task(line.reader.read())
        while not reading.done():
            await line.send(b"i")
            await asyncio.wait([reading], timeout=0.1)
        assert reading.result().startswith(b"400 Beam's first line took longer than 1 seconds")
        assert await h.contents() == []

    tell(story, head_seconds=1)


def test_a_connection_that_ends_within_the_line_is_told_so() -> None:
    async def story(_: House, line: Line) -> None:
        await line.send(greeting()[:-1])
        line.finish()
        assert await line.reader.read() == b"400 The connection ended before Beam's first line did"

    tell(story)


@pytest.mark.parametrize(
    "wrong",
    [
        b"\n",
        b"{}\n",
        b"\xff\xfe\n",
        LINE % (b"0" * 64),
        LINE % (b"0" * 63),
        LINE.replace(b";", b" "),
        first_line("another", IMSI[KNOWN]),
        first_line("", IMSI[KNOWN]),
        first_line(BEAM_KEY, IMSI[KNOWN], now() - 301_000),
        first_line(BEAM_KEY, IMSI[KNOWN], now() + 400_000),
        first_line(BEAM_KEY, "x"),
    ],
)
def test_a_line_that_proves_nothing_ends_the_connection_and_what_follows_is_not_stored(wrong: bytes) -> None:
    async def story(h: House, line: Line) -> None:
        await line.send(wrong + b"payload")
        assert (await line.reader.read()).startswith(b"400 ")
        assert await h.contents() == []

    tell(story)


def test_who_cannot_prove_itself_is_noted_as_the_sender_behind_its_address() -> None:
    async def story(h: House, line: Line) -> None:
        assert (await told(line, first_line("another", STRANGER_IMSI))).startswith(b"400 ")
        assert await h.refused() == [("beam-tcp", "BeamRejected", IMSI[KNOWN], None)]

    tell(story)


def test_a_sim_that_nobody_registered_is_noted_in_the_account_of_the_key() -> None:
    async def story(h: House, line: Line) -> None:
        assert (await told(line, greeting(STRANGER_IMSI) + b"12")).startswith(b"400 No SIM is registered")
        assert await h.refused() == [("beam-tcp", "UnknownDevice", STRANGER_IMSI, 2)]

    tell(story)


def test_a_key_that_was_removed_ends_the_connections_that_it_began() -> None:
    async def story(h: House, line: Line) -> None:
        assert await told(line, greeting() + b"1") == b"201"
        await h.forget(BeamKey("bk_1", OPERATOR, "", BEAM_KEY, 1))
        assert b"was removed" in await told(line, b"2")
        assert await h.refused() == [("beam-tcp", "BeamRejected", IMSI[KNOWN], 1)]
        assert await line.ended()
        assert await h.contents() == [content(b"1")]

    tell(story)


def test_frames_behind_a_removed_key_get_one_answer() -> None:
    async def story(h: House, line: Line) -> None:
        await h.say({"binaryFormatV1Enabled": True})
        assert await told(line, greeting() + frame(b"1")) == b"201"
        await h.forget(BeamKey("bk_1", OPERATOR, "", BEAM_KEY, 1))
        await line.send(frame(b"2") + frame(b"3"))
        assert (await line.reader.read()).count(b"400 ") == 1
        assert await h.contents() == [content(b"1")]

    tell(story)


def test_what_changes_about_the_sim_counts_from_the_next_message_on() -> None:
    async def story(h: House, line: Line) -> None:
        assert await told(line, greeting() + b"1") == b"201"
        await h.suspend()
        assert await told(line, b"2") == f"400 The SIM {IMSI[KNOWN]} is suspended".encode()
        await h.suspend(status="active")
        assert await told(line, b"3") == b"201"
        await h.forget(Group("enabled", OPERATOR, {}, h.said, 0, 0))
        assert (await told(line, b"4")).startswith(b"400 No group ID is specified")
        assert await h.contents() == [content(b"1"), content(b"3")]

    tell(story)


def test_accounts_that_chose_the_same_key_keep_their_sims_apart() -> None:
    async def story(h: House, line: Line) -> None:
        for number, account in enumerate((OTHER, GLOBAL)):
            group = Group(f"of {account}", account, {}, {"SoracomHarvest": {"enabled": True}}, 0, 0)
            sim = Sim(f"8982{number}", f"00101000000100{number}", account, group.group_id, "active", {}, 0, 0)
            await h.catalog.apply(Put(BeamKey(f"bk_{account}", account, "", BEAM_KEY, 0)), Put(group), Put(sim))
        await h.views.refresh()
        assert await told(line, greeting() + b"mine") == b"201"
        for number, account in enumerate((OTHER, GLOBAL)):
            imsi = f"00101000000100{number}"
            async with await Line.open(Endpoint(*line.writer.get_extra_info("peername"))) as other:
                assert await told(other, greeting(imsi) + b"theirs") == b"201"
            resource = Resource(account, ResourceType.SUBSCRIBER, imsi)
            assert len((await h.store.query(resource, TimeRange())).rows) == 1
            await h.forget(Sim(f"8982{number}", imsi, account, f"of {account}", "active", {}, 0, 0))
            await h.catalog.apply(Put(Sim(f"8982{number}", imsi, account, None, "active", {}, 0, 0)))
            await h.views.refresh()
            async with await Line.open(Endpoint(*line.writer.get_extra_info("peername"))) as other:
                assert (await told(other, greeting(imsi) + b"theirs")).startswith(b"400 No group ID")
            assert await h.refused(account) == [("beam-tcp", "NoGroup", imsi, 6)]
        assert await h.contents() == [content(b"mine")]

    tell(story)


def test_a_key_signs_for_no_sim_of_another_operator() -> None:
    async def story(h: House, line: Line) -> None:
        await h.catalog.apply(Put(BeamKey("bk_2", OTHER, "", "theirs", 1)))
        await h.views.refresh()
        assert (await told(line, greeting(key="theirs") + b"1")).startswith(b"400 No SIM is registered")
        assert await h.contents() == []
        assert (await h.refused(OTHER))[0][:3] == ("beam-tcp", "UnknownDevice", IMSI[KNOWN])

    tell(story)


def test_a_message_is_kept_at_its_receipt_and_not_at_the_time_of_the_line() -> None:
    async def story(h: House, line: Line) -> None:
        assert await told(line, greeting() + b"1") == b"201"
        (entry,) = await h.entries()
        assert entry.time == CLOCK

    tell(story)


def test_a_sender_that_nobody_registered_is_told_to_those_alone_whose_key_is_kept() -> None:
    async def story(h: House, line: Line) -> None:
        theirs = BeamKey("bk_0", OTHER, "", BEAM_KEY, 0)
        await h.catalog.apply(Put(theirs))
        await h.views.refresh()
        assert (await told(line, greeting(STRANGER_IMSI) + b"1")).startswith(b"400 No SIM")
        await h.forget(theirs)
        assert (await told(line, b"22")).startswith(b"400 No SIM")
        assert [size for *_, size in await h.refused(OTHER)] == [1]
        assert [size for *_, size in await h.refused()] == [2]

    tell(story)
