"""Blocks are found by their times, in both directions, and no more of them are kept than may be."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from minori.codec.block import Block, pack_block
from minori.codec.entry import encode_row, members
from minori.errors import StoreFailed
from minori.model.entry import MAX_TIME, DataEntry
from minori.model.resource import Resource, ResourceType
from minori.storage.rocksdb import keys
from minori.storage.rocksdb.blocks import ASKED, AT_ONCE, OVERHEAD, Blocks
from minori.storage.rocksdb.database import Database

METER = Resource("OP1", ResourceType.SUBSCRIBER, "10")
NEIGHBOURS = [Resource("OP1", ResourceType.SUBSCRIBER, name) for name in ("1", "100", "11")]
PREFIX = keys.entry_prefix(METER)

EXTENTS = [(0, 0), (1, 1), (3, 7), (8, 20), *[(first, first + 5) for first in range(30, 400, 10)], (MAX_TIME,) * 2]
"""The oldest and newest row of each block: some touch, some leave gaps, more than are asked for at once."""


class Watched(Database):
    """Notes which blocks are read."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.read: list[int] = []

    def get(self, key: bytes) -> bytes | None:
        self.read.append(_time(key))
        return super().get(key)

    def items_once(self, first: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        found = super().items_once(first, limit)
        self.read += [_time(key) for key, _ in found]
        return found


def _time(key: bytes) -> int:
    return keys.unpack_time(key[-keys.TIME_BYTES :])


def packed(resource: Resource, times: set[int]) -> bytes:
    newest_first = sorted(times, reverse=True)
    rows = [encode_row(DataEntry(resource, time, f"{resource.id} {time}", "text/plain")) for time in newest_first]
    return pack_block(members(resource), rows)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Watched]:
    database = Watched(tmp_path / "entries")
    for resource in (METER, *NEIGHBOURS):
        space = keys.block_prefix(keys.entry_prefix(resource))
        for oldest, newest in EXTENTS if resource is METER else ((0, 500), (501, MAX_TIME)):
            database._rdict[space + keys.pack_time(oldest)] = packed(resource, {oldest, newest})
    yield database
    database.close()


def extents(blocks: Iterator[Block]) -> list[tuple[int, int]]:
    return [(block.oldest, block.newest) for block in blocks]


EDGES = sorted({min(max(time + by, 0), MAX_TIME) for extent in EXTENTS for time in extent for by in (-1, 0, 1)})


@pytest.mark.parametrize("longest", [len(EXTENTS) - 1, len(EXTENTS)])
def test_the_blocks_within_a_stretch_are_found_in_either_direction(database: Watched, longest: int) -> None:
    blocks = Blocks(database, longest=longest)
    for first in EDGES[::3]:
        for last in [edge for edge in EDGES if edge >= first][::4]:
            reached = [(oldest, newest) for oldest, newest in EXTENTS if oldest <= last and newest >= first]
            assert extents(blocks.within(PREFIX, first, last, descending=False)) == reached
            assert extents(blocks.within(PREFIX, first, last, descending=True)) == reached[::-1]


def test_where_the_blocks_begin_is_remembered_of_a_resource_that_is_read_again_and_again(database: Watched) -> None:
    blocks, asked = Blocks(database), 0
    keys_of = database.keys

    def counted(start: bytes, limit: int, prefix: bytes, *, backwards: bool) -> list[bytes]:
        nonlocal asked
        asked += 1
        return keys_of(start, limit, prefix, backwards=backwards)

    database.keys = counted  # type: ignore[method-assign]  # the real method, with a look at how often it is called
    for _ in range(ASKED):
        list(blocks.within(PREFIX, 0, 20, descending=True))
    before, asked = asked, 0
    list(blocks.within(PREFIX, 40, 99, descending=True))
    assert before
    assert not asked


def test_blocks_that_come_and_go_are_seen_where_it_is_remembered_where_they_begin(database: Watched) -> None:
    blocks, space = Blocks(database), keys.block_prefix(PREFIX)
    known = [extent for extent in EXTENTS if extent[0] < MAX_TIME]
    database._rdict.delete(space + keys.pack_time(MAX_TIME))
    for _ in range(ASKED):
        assert extents(blocks.within(PREFIX, 0, MAX_TIME, descending=False)) == known
    for oldest, newest in (500, 509), (600, 609):
        database._rdict[space + keys.pack_time(oldest)] = packed(METER, {oldest, newest})
        blocks.added(PREFIX, oldest)
        known.append((oldest, newest))
        assert extents(blocks.within(PREFIX, 0, MAX_TIME, descending=False)) == known
    database._rdict[space + keys.pack_time(25)] = packed(METER, {25, 29})
    blocks.added(PREFIX, 25)
    known = sorted([*known, (25, 29)])
    for _ in range(ASKED):
        assert extents(blocks.within(PREFIX, 0, MAX_TIME, descending=True)) == known[::-1]
    database._rdict.delete(space + keys.pack_time(500))
    blocks.dropped(PREFIX, 500)
    known.remove((500, 509))
    for _ in range(ASKED):
        assert extents(blocks.within(PREFIX, 0, MAX_TIME, descending=True)) == known[::-1]


def test_the_block_at_a_time_and_the_one_after_it_are_found(database: Watched) -> None:
    blocks = Blocks(database)
    for time in EDGES:
        at, after = blocks.at(PREFIX, time), blocks.after(PREFIX, time)
        assert at is not None
        assert at.oldest == max(oldest for oldest, _ in EXTENTS if oldest <= time)
        assert (after.oldest if after else None) == min((old for old, _ in EXTENTS if old > time), default=None)
        row = blocks.row(PREFIX, time)
        assert (row is not None) == any(time in extent for extent in EXTENTS)
        assert row is None or row.startswith(b'"time":%d,"contentType":"text/plain","content":"10 %d"' % (time, time))


def test_a_resource_without_blocks_has_none_and_shows_none_of_its_neighbours(database: Watched) -> None:
    blocks = Blocks(database)
    for name in ("0", "101", "12"):
        prefix = keys.entry_prefix(Resource("OP1", ResourceType.SUBSCRIBER, name))
        assert (blocks.at(prefix, MAX_TIME), blocks.after(prefix, 0), blocks.row(prefix, 0)) == (None, None, None)
        for descending in (True, False):
            assert list(blocks.within(prefix, 0, MAX_TIME, descending=descending)) == []


OLDEST = [oldest for oldest, _ in EXTENTS]


def test_the_first_block_is_read_alone_and_others_together_once_they_are_asked_for(database: Watched) -> None:
    found = Blocks(database).within(PREFIX, 0, MAX_TIME, descending=False)
    next(found)
    assert database.read == OLDEST[:1]
    next(found)
    next(found)
    assert database.read == OLDEST[: 1 + AT_ONCE]


@pytest.mark.parametrize("descending", [False, True])
def test_if_many_rows_are_wanted_no_block_is_read_alone(database: Watched, *, descending: bool) -> None:
    next(Blocks(database).within(PREFIX, 30, 135, descending=descending, want=1000))
    assert database.read == [*range(30, 140, 10)]


def test_a_block_is_kept_once_it_is_read_again(database: Watched) -> None:
    blocks = Blocks(database)
    for _ in range(4):
        blocks.row(PREFIX, 30)
        list(blocks.within(PREFIX, 50, 65, descending=True, want=1000))
    assert database.read == [30, 50, 60, 30, 50, 60]


def test_what_is_kept_at_either_end_is_not_read_again_with_others(database: Watched) -> None:
    blocks = Blocks(database)
    for _ in range(2):
        blocks.row(PREFIX, 30)
        blocks.row(PREFIX, 60)
    database.read.clear()
    assert extents(blocks.within(PREFIX, 30, 60, descending=True, want=1000)) == [
        (60, 65),
        (50, 55),
        (40, 45),
        (30, 35),
    ]
    assert database.read == [40, 50]


def test_blocks_that_are_read_once_drive_none_out(database: Watched) -> None:
    size = next(Blocks(database).within(PREFIX, 30, 30, descending=True)).size + OVERHEAD
    blocks = Blocks(database, kept=size + size // 2)
    for _ in range(2):
        blocks.row(PREFIX, 30)
    list(blocks.within(PREFIX, 0, MAX_TIME, descending=True))
    database.read.clear()
    blocks.row(PREFIX, 30)
    assert database.read == []


def test_a_block_that_is_driven_out_by_others_of_its_own_stretch_is_found_all_the_same(database: Watched) -> None:
    size = next(Blocks(database).within(PREFIX, 30, 30, descending=True)).size + OVERHEAD
    blocks = Blocks(database, kept=2 * size + size // 2)
    for time in (50, 50, 60, 60, 30, 40):
        blocks.row(PREFIX, time)
    assert extents(blocks.within(PREFIX, 30, 60, descending=False, want=1000)) == [
        (30, 35),
        (40, 45),
        (50, 55),
        (60, 65),
    ]


def test_it_is_not_remembered_for_ever_that_a_block_was_read(
    database: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minori.storage.rocksdb.blocks.SEEN", 1)
    blocks = Blocks(database)
    for time in (30, 40, 30, 50, 50):
        blocks.row(PREFIX, time)
    assert [_time(key) for key in blocks._blocks] == [50]


def test_more_blocks_than_are_asked_for_at_once_are_all_found(database: Watched) -> None:
    assert len(EXTENTS) > 3 * AT_ONCE
    assert len(list(Blocks(database).within(PREFIX, 0, MAX_TIME, descending=True))) == len(EXTENTS)


def test_as_many_blocks_are_kept_as_their_bytes_allow_and_those_used_last(database: Watched) -> None:
    size = next(Blocks(database).within(PREFIX, 30, 30, descending=True)).size + OVERHEAD
    blocks = Blocks(database, kept=5 * size + size // 2)
    times = list(range(30, 130, 10))
    for time in times:
        for _ in range(2):
            blocks.row(PREFIX, 30)
            blocks.row(PREFIX, time)
        assert blocks._size == sum(block.size + OVERHEAD for block in blocks._blocks.values())
        assert blocks._size <= 5.5 * size
    database.read.clear()
    for time in (30, *times[-4:]):
        blocks.row(PREFIX, time)
    assert database.read == []
    blocks.row(PREFIX, times[-5])
    assert database.read == [times[-5]]


def test_a_block_larger_than_all_that_may_be_kept_is_read_all_the_same(database: Watched) -> None:
    blocks = Blocks(database, kept=1)
    for _ in range(2):
        for time in (30, 30, 40, 40):
            assert blocks.row(PREFIX, time) is not None
        assert len(blocks._blocks) == 1


def test_a_block_that_is_gone_or_another_one_is_not_shown_from_memory(database: Watched) -> None:
    blocks = Blocks(database)
    assert blocks.row(PREFIX, 35) is not None
    database._rdict[keys.block_prefix(PREFIX) + keys.pack_time(30)] = packed(METER, {30, 34})
    blocks.dropped(PREFIX, 30)
    assert blocks.row(PREFIX, 35) is None
    assert blocks.row(PREFIX, 34) is not None
    blocks.dropped(PREFIX, 30)
    blocks.dropped(PREFIX, 30)
    blocks.dropped(PREFIX, 31)
    assert blocks._size == sum(block.size + OVERHEAD for block in blocks._blocks.values())


def test_a_block_that_is_damaged_is_told_by_whoever_asks_for_it(database: Watched) -> None:
    database._rdict[keys.block_prefix(PREFIX) + keys.pack_time(30)] = b"1"
    database._rdict[keys.block_prefix(PREFIX) + keys.pack_time(40)] = packed(METER, {40, 45})[:-1]
    blocks = Blocks(database)
    for _ in range(2):
        with pytest.raises(StoreFailed, match="a block has no head"):
            blocks.row(PREFIX, 30)
        with pytest.raises(StoreFailed, match="a block cannot be unpacked"):
            blocks.row(PREFIX, 40)
    assert blocks.row(PREFIX, 50) is not None
