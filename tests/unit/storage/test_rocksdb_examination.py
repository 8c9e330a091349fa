"""An examination finds whatever in a store does not agree with the rest, and says whose it is."""

import asyncio
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from rocksdict import Options, Rdict

from minori.codec.block import Block, pack_block
from minori.codec.entry import encode_row, members, tombstone
from minori.model.entry import CategoryKey, DataEntry
from minori.storage.base import EntryFlaw, EntryStoreOptions
from minori.storage.contract.entry_examination import examined
from minori.storage.contract.entry_story import METER, OPERATOR, Watcher, dated, meter, put_all, put_together
from minori.storage.rocksdb import keys
from minori.storage.rocksdb.entries import open_entries
from minori.storage.rocksdb.metadata import Extent, pack_metadata, unpack_metadata
from minori.storage.rocksdb.sealing import Sealing

PREFIX = keys.entry_prefix(METER)
OTHER = meter("other")
METADATA = keys.metadata_key(METER)
UNKNOWN = meter("unknown")

Break = Callable[[Rdict], None]


def row(time: int, category: str | None = None) -> bytes:
    return encode_row(DataEntry(METER, time, "1", "text/plain", category))


def at(time: int) -> bytes:
    """The key of a row."""
    return PREFIX + keys.pack_time(time)


def block_at(oldest: int) -> bytes:
    return keys.block_prefix(PREFIX) + keys.pack_time(oldest)


def place(category: str, time: int) -> bytes:
    prefix = keys.category_prefix(OPERATOR, category)
    return keys.category_key(prefix, CategoryKey(time, METER.type, METER.id))


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Blocks of 0 to 3, 4 to 7 and so on, those of category `c` divisible by 3; 5 and 6 are deleted, 9 replaced."""
    folder = tmp_path_factory.mktemp("sound") / "entries"

    async def made() -> None:
        store = await open_entries(f"rocksdb://{folder}", EntryStoreOptions(Watcher()), Sealing(rows=4, due=8))
        for first in range(0, 20, 4):
            await put_together(store, *[dated(time, category="c") for time in range(first, first + 4) if not time % 3])
            await put_together(store, *[dated(time) for time in range(first, first + 4) if time % 3])
        await put_all(store, *[dated(time, category="c", resource=OTHER) for time in (1, 2)])
        await store.delete(METER, 5)
        await store.delete(METER, 6)
        await store.put(dated(9, category="d"))
        await store.close()

    asyncio.run(made())
    return folder


def look(folder: Path) -> tuple[int, list[EntryFlaw]]:
    """What an examination of the folder tells; it must not change what it looks at."""

    async def looked() -> tuple[int, list[EntryFlaw]]:
        store = await open_entries(f"rocksdb://{folder}", EntryStoreOptions(Watcher(), at_rest=True), Sealing(1, 1))
        try:
            found = await examined(store, 1000)
            await asyncio.sleep(0.02)
            assert await examined(store, 1) == await examined(store, 1000) == found
        finally:
            await store.close()
        return found

    return asyncio.run(looked())


def edit(folder: Path, change: Break) -> None:
    opened = Rdict(str(folder), Options(raw_mode=True))
    change(opened)
    opened.close()


def value_of(opened: Rdict, key: bytes) -> bytes:
    found = opened.get(key)
    assert isinstance(found, bytes)
    return found


def extent_of(opened: Rdict) -> Extent:
    return unpack_metadata(value_of(opened, METADATA))[2]


def said(**fields: int) -> Break:
    """The metadata say something else of where the entries are."""

    def change(opened: Rdict) -> None:
        modified, counter, extent = unpack_metadata(value_of(opened, METADATA))
        for name, value in fields.items():
            setattr(extent, name, value)
        opened[METADATA] = pack_metadata(modified, counter, extent)

    return change


def block_with(oldest: int, repack: Callable[[Block], bytes]) -> Break:
    """A block is another one."""

    def change(opened: Rdict) -> None:
        opened[block_at(oldest)] = repack(Block(oldest, value_of(opened, block_at(oldest))))

    return change


def rows_of(block: Block) -> list[bytes]:
    return block.rows(0, block.count)


def with_rows(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Block], bytes]:
    """The block with other rows in it."""
    return lambda block: pack_block(members(METER), change(rows_of(block)))


def put(key: bytes, value: bytes) -> Break:
    def change(opened: Rdict) -> None:
        opened[key] = value

    return change


def gone(key: bytes) -> Break:
    def change(opened: Rdict) -> None:
        assert key in opened
        del opened[key]

    return change


def test_a_sound_store_has_no_flaws_and_its_entries_are_counted(sound: Path) -> None:
    assert look(sound) == (20 - 2 + 2, [])


def test_the_store_that_is_broken_below_has_blocks_rows_and_marks(sound: Path) -> None:
    def shown(opened: Rdict) -> None:
        extent = extent_of(opened)
        assert (extent.rows_from, extent.blocks_until, extent.fence) == (5, 16, 0)
        assert [block_at(oldest) in opened for oldest in (0, 4, 8, 12, 16)] == [True, True, True, True, False]
        assert opened[at(5)] == tombstone(5)
        assert at(9) in opened

    edit(sound, shown)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (put(block_at(4), b"\0\0\0\4"), "a block cannot be made out: .*has no head"),
        (put(block_at(4), b"\0" * 30), "a block cannot be made out"),
        (block_with(4, lambda block: block._packed[:-1]), "a block cannot be made out: .*cannot be unpacked"),
        (block_with(4, lambda block: b"\0\0\0\5" + block._packed[4:]), "says that it has 5 rows .*, and has 4"),
        (block_with(4, lambda block: block._packed[:11] + b"\6" + block._packed[12:]), "from 4 to 6, .* from 4 to 7"),
        (block_with(4, with_rows(lambda rows: rows[:-1])), "has 3 rows from 4 to 7, and has 3 from 5 to 7"),
        (block_with(4, with_rows(lambda rows: [rows[0], rows[2], rows[1], rows[3]])), "not in their order"),
        (block_with(4, with_rows(lambda rows: [rows[0], rows[0], *rows[1:]])), "not in their order"),
        (block_with(4, with_rows(lambda rows: [rows[0], tombstone(6), *rows[2:]])), "that are no entries"),
        (block_with(4, with_rows(lambda rows: [row(8), *rows])), "the block of 4 reaches 8, and the next .* at 8"),
        (block_with(4, lambda block: pack_block(members(OTHER), rows_of(block))), "are another resource's"),
        (block_with(12, with_rows(lambda rows: [row(16), *rows])), "reaches 16, and blocks end before 16"),
        (put(at(17), row(18)), "the row of 17 says that its time is 18"),
        (put(at(17), b'"time":17,"content'), "neither an entry nor the mark of a deleted one"),
        (put(at(17), b'"time":17,"content"}'), "the row of 17 cannot be made out"),
        (put(at(3), row(3, "c")), "there is a row of 3, and rows are said to begin at 5"),
        (said(rows_from=6), "there is a row of 5, and rows are said to begin at 6"),
        (said(blocks_until=15), "the block of 12 reaches 15, and blocks end before 15"),
        (said(rows=6), "more rows than the 6"),
        (put(at(17), tombstone(17)), "the entry of 17 is marked as deleted, and there is none in a block"),
        (put(at(6), tombstone(7)), "the row of 6 is neither"),
        (put(place("c", 11), b""), "'c' has a place for the entry of 11, which does not carry it"),
        (put(place("c", 5), b""), "'c' has a place for an entry of 5 that is not there"),
        (put(place("c", 9), b""), "'c' has a place for the entry of 9, which does not carry it"),
        (put(place("c", 99), b""), "'c' has a place for an entry of 99 that is not there"),
        (put(place("c", 12), b"\0"), "the place of 12 in the category 'c' is not empty"),
        (gone(place("c", 12)), "the entry of 12 has no place in its category 'c'"),
        (gone(place("c", 18)), "the entry of 18 has no place in its category 'c'"),
        (gone(place("d", 9)), "the entry of 9 has no place in its category 'd'"),
        (gone(PREFIX), "the fence before its rows is missing"),
        (gone(keys.last_fence(PREFIX)), "the fence behind its rows is missing"),
        (said(fence=4), "the fence before 4 is missing"),
        (said(fence=6), "a fence stands before 6, and rows begin at 5"),
        (put(keys.fence_before(PREFIX, 18), b""), "a fence stands behind 17 and hides the rows beyond it"),
        (put(PREFIX + b"12345", b""), "neither a row nor a fence"),
        (put(PREFIX, b"1"), "neither a row nor a fence"),
        (put(METADATA, b"1234"), "the metadata of a resource cannot be made out"),
        (put(b"N" + METADATA[1:], b"{}"), "the attribute names of a resource cannot be made out"),
        (gone(METADATA), "there are blocks, and no metadata that knows of them"),
        (gone(METADATA), "there are rows, and no metadata that knows of them"),
    ],
)
def test_what_does_not_agree_is_told(sound: Path, tmp_path: Path, change: Break, told: str) -> None:
    folder = tmp_path / "entries"
    shutil.copytree(sound, folder)
    edit(folder, change)
    flaws = look(folder)[1]
    assert {flaw.resource for flaw in flaws} <= {METER, None}
    assert any(re.search(told, flaw.message) for flaw in flaws), flaws


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (put(b"R", b"123"), "a number cannot be made out"),
        (put(b"S" + METADATA[1:] + b"\0" + bytes(8), b""), "a number cannot be made out"),
        (put(b"Z1", b""), "the key b'Z1' is none of Minori's"),
        (put(b"E1", b""), "a key cannot be made out"),
        (put(b"E1\0\x09a\0", b""), "a key cannot be made out"),
        (put(b"C1\0c\0" + bytes(8) + b"\x09a", b""), "a place in a category cannot be made out"),
        (put(b"F", b"1"), "no fence behind all rows"),
        (put(b"F1", b""), "no fence behind all rows"),
        (put(keys.entry_prefix(UNKNOWN) + bytes(8), row(0)), "there are rows, and no metadata"),
        (put(keys.block_prefix(keys.entry_prefix(UNKNOWN)) + bytes(8), b""), "there are blocks, and no metadata"),
    ],
)
def test_what_is_of_no_known_resource_is_told(sound: Path, tmp_path: Path, change: Break, told: str) -> None:
    folder = tmp_path / "entries"
    shutil.copytree(sound, folder)
    edit(folder, change)
    (flaw,) = look(folder)[1]
    assert re.search(told, flaw.message), flaw
