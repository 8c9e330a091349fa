"""A block gives back the rows that were packed, and every stretch of them, joined as a page has them."""

from itertools import pairwise
from random import Random

import pytest
from zstandard import ZstdCompressor

from minori.codec.block import LEVEL, Block, pack_block
from minori.codec.entry import decode_row, encode_row, members
from minori.errors import StoreFailed
from minori.model.entry import MAX_TIME, DataEntry
from minori.model.resource import Resource, ResourceType

METER = Resource("OP1", ResourceType.SUBSCRIBER, "001010000000001")
ODD = [
    Resource("OP1", ResourceType.SORA_CAM, name)
    for name in ('c"1', "\\", 'a","time":1,"b', '"time":', ',{"resourceType":"Device"', "é\u2028\U0001f33e", "\x01", "")
]
CONTENTS = (
    "",
    "1",
    ',{"resourceType":"Subscriber","resourceId":"001010000000001","time":7,"contentType":"text/plain","content":"1"}',
    '"},{"',
    '\\",{"resourceType":"Subscriber","resourceId":"001010000000001",',
    "\\" * 9 + '"',
    '"time":5,',
    "é実り\U0001f33e\u2028\0\n",
    "x" * 5000,
)
"""Among them what looks like the boundary of two rows."""

TIMES = (
    [0],
    [MAX_TIME],
    [0, MAX_TIME],
    [5, 6, 7],
    [0, 1, 9, 10, 255, 256, 2**32, 1732233600000, MAX_TIME - 1, MAX_TIME],
)


def rows_at(resource: Resource, times: list[int]) -> list[bytes]:
    """Rows of these times, newest first."""
    entries = [
        DataEntry(resource, time, CONTENTS[place % len(CONTENTS)], "text/plain", (None, 'c",{"')[place % 2])
        for place, time in enumerate(times)
    ]
    return [encode_row(entry) for entry in reversed(entries)]


def block_of(resource: Resource, rows: list[bytes], oldest: int) -> Block:
    return Block(oldest, pack_block(members(resource), rows))


@pytest.mark.parametrize("times", TIMES, ids=str)
@pytest.mark.parametrize("resource", [METER, *ODD], ids=lambda resource: repr(resource.id))
def test_every_stretch_is_what_was_packed(resource: Resource, times: list[int]) -> None:
    rows, front = rows_at(resource, times), members(resource)
    block = block_of(resource, rows, times[0])
    assert (block.count, block.newest, block.oldest, block.members) == (len(rows), times[-1], times[0], front)
    assert block.size == len(block.text)
    assert [block.time(place) for place in range(block.count)] == times[::-1]
    for begin in range(len(rows) + 1):
        for end in range(begin, len(rows) + 1):
            assert block.rows(begin, end) == rows[begin:end]
            if end > begin:
                assert bytes(block.part(begin, end)) == b",".join(front + row for row in rows[begin:end])
    assert [decode_row(resource, row).time for row in block.rows(0, block.count)] == times[::-1]


@pytest.mark.parametrize("times", TIMES, ids=str)
def test_a_span_of_times_is_found_whether_its_ends_are_taken_or_not(times: list[int]) -> None:
    block = block_of(METER, rows_at(METER, times), times[0])
    newest_first = times[::-1]
    edges = sorted({min(max(time + by, 0), MAX_TIME) for time in (*times, 0, MAX_TIME) for by in (-1, 0, 1)})
    for first in edges:
        for last in [edge for edge in edges if edge >= first]:
            begin, end = block.span(first, last)
            assert 0 <= begin <= end <= block.count
            assert newest_first[begin:end] == [time for time in newest_first if first <= time <= last]


@pytest.mark.parametrize("times", TIMES, ids=str)
def test_the_row_of_a_time_is_found_and_of_no_other(times: list[int]) -> None:
    rows = rows_at(METER, times)
    block = block_of(METER, rows, times[0])
    assert [block.row(time) for time in times[::-1]] == rows
    for lower, upper in pairwise(times):
        if upper - lower > 1:
            assert block.row(lower + 1) is None
            assert block.row(upper - 1) is None
    assert block.row(times[0] - 1) is None
    assert block.row(times[-1] + 1) is None


@pytest.mark.parametrize("seed", range(8))
def test_stretches_of_large_blocks_are_found_whatever_lies_in_them(seed: int) -> None:
    """In any order of asking, since what was found is remembered."""
    chance = Random(seed)  # noqa: S311 - a script, no secret
    count = chance.choice((2, 3, 17, 128, 255))
    times = sorted(chance.sample(range(chance.choice((count, 1000, 10**12))), count))
    entries = [DataEntry(METER, time, chance.choice(CONTENTS) * chance.randrange(4), "text/plain") for time in times]
    rows, front = [encode_row(entry) for entry in reversed(entries)], members(METER)
    block = block_of(METER, rows, times[0])
    newest_first = times[::-1]
    for _ in range(300):
        first, last = sorted(max(chance.choice(times) + chance.choice((-1, 0, 0, 1)), 0) for _ in range(2))
        begin, end = block.span(first, last)
        assert newest_first[begin:end] == [time for time in newest_first if first <= time <= last]
        assert block.rows(begin, end) == rows[begin:end]
        if end > begin:
            assert bytes(block.part(begin, end)) == b",".join(front + row for row in rows[begin:end])
            assert (block.time(begin), block.time(end - 1)) == (newest_first[begin], newest_first[end - 1])
        time = chance.choice(times) + chance.choice((0, 0, 1))
        assert block.row(time) == (rows[newest_first.index(time)] if time in times else None)


def test_a_head_is_read_without_unpacking() -> None:
    block = Block(3, pack_block(members(METER), rows_at(METER, [3, 4, 9]))[:16])
    assert (block.count, block.newest, block.oldest) == (3, 9, 3)
    with pytest.raises(StoreFailed, match="cannot be unpacked"):
        _ = block.text


def test_what_compresses_well_becomes_small() -> None:
    """The resource's members stand in front of each row."""
    rows = rows_at(METER, list(range(10_000, 10_128)))
    assert len(pack_block(members(METER), rows)) < sum(map(len, rows)) / 10


@pytest.mark.parametrize("size", [0, 10, 100, 1_000, 10_000, 100_000])
@pytest.mark.parametrize("count", [1, 2, 128])
def test_rows_of_any_length_are_packed(size: int, count: int) -> None:
    chance = Random(size)  # noqa: S311 - a script, no secret
    text = "".join(chance.choices("abcdefghijklmnopqrstuvwxyz ", k=size))
    rows = [encode_row(DataEntry(METER, time, f"{time} {text}", "text/plain")) for time in range(count, 0, -1)]
    packed = pack_block(members(METER), rows)
    assert Block(1, packed).rows(0, count) == rows
    if count > 2 and size < 10_000:
        # What is the same in all of them is there once.
        assert len(packed) < 2 * size + 20 * count + 200


def test_telemetry_is_no_larger_than_by_the_level_of_zstd_alone() -> None:
    chance = Random(7)  # noqa: S311 - a script, no secret
    contents = [
        f'{{"temperature":{chance.gauss(20, 3):.2f},"humidity":{chance.gauss(50, 9):.1f},"seq":{number}}}'
        for number in range(128)
    ]
    rows = [encode_row(DataEntry(METER, time, text, "application/json")) for time, text in enumerate(contents)][::-1]
    packed = pack_block(members(METER), rows)
    assert len(packed) < 16 + len(ZstdCompressor(level=LEVEL).compress(Block(0, packed).text))


SOUND = pack_block(members(METER), rows_at(METER, [3, 4, 9]))


@pytest.mark.parametrize(
    ("packed", "how"),
    [
        (b"", "has no head"),
        (SOUND[:15], "has no head"),
        (b"\0\0\0\0" + SOUND[4:], "has no rows"),
        (SOUND[:16], "cannot be unpacked"),
        (SOUND[:-1], "cannot be unpacked"),
        (SOUND[:20] + b"\xff" + SOUND[21:], "cannot be unpacked|and says"),
        (SOUND[:16] + b"not zstd", "cannot be unpacked"),
        (SOUND[:12] + b"\0\0\0\1" + SOUND[16:], "bytes and says 1"),
        (SOUND[:12] + b"\0\1\0\0" + SOUND[16:], "bytes and says 65536"),
    ],
)
def test_a_damaged_block_is_told_and_never_read(packed: bytes, how: str) -> None:
    with pytest.raises(StoreFailed, match=how):
        Block(3, packed).row(4)
