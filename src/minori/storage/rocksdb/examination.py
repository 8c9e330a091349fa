"""The examination of a store, key by key: does each agree with all others that speak of the same entry?

It looks at what is written, as it is at one moment for each stretch; sealing, forgetting and writing may go on between
two of them. What is found is told as a clause that follows on the name of the resource.
"""

import struct
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Final

import msgspec

from minori.codec.block import Block
from minori.codec.entry import CATEGORY, decode_row, is_entry, members, row_time, split_part, tombstone
from minori.errors import StoreFailed
from minori.model.entry import MAX_TIME
from minori.model.resource import Resource
from minori.storage.base import EntryExamination, EntryFlaw, Examined
from minori.storage.rocksdb import keys
from minori.storage.rocksdb.blocks import Blocks
from minori.storage.rocksdb.database import Database
from minori.storage.rocksdb.metadata import UNCOUNTED, Extent, unpack_metadata
from minori.storage.rocksdb.rows import category_key

_LAST_FENCE: Final = keys.last_fence(b"")
_FENCES: Final = 3
"""Keys among those of a resource's rows that are none: the fences before, behind, and where rows begin."""

_decode_names = msgspec.json.Decoder(tuple[str, ...]).decode


class _Unclear(Exception):
    """A key or a value of which nothing can be made."""


class RocksDBEntryExamination(EntryExamination):
    """Goes through all keys in their order."""

    def __init__(self, database: Database, blocks: Blocks) -> None:
        self._database = database
        self._blocks = blocks

    async def examine(self, after: bytes | None, limit: int) -> Examined:
        """See `EntryExamination.examine`."""
        found = self._database.items_once(b"" if after is None else after + b"\0", limit)
        look = _Look(self._database, self._blocks)
        for key, value in found:
            look.at(key, value)
        size = sum(len(key) + len(value) for key, value in found)
        return Examined(look.entries, size, look.flaws, found[-1][0] if len(found) == limit else None)

    async def size(self) -> int:
        """See `EntryExamination.size`."""
        return self._database.size()


class _Look:
    """A look at some keys that follow on one another."""

    def __init__(self, database: Database, blocks: Blocks) -> None:
        self.entries = 0
        self.flaws: list[EntryFlaw] = []
        self._database = database
        self._blocks = blocks
        self._resource: Resource | None = None
        self._last: tuple[Resource, Extent | None] | None = None
        self._kinds: Mapping[bytes, Callable[[bytes, bytes], None]] = {
            b"C": self._at_category,
            b"E": self._at_row_or_fence,
            b"F": self._at_end,
            b"K": self._at_block,
            b"M": self._at_metadata,
            b"N": self._at_names,
            b"R": self._at_number,
            b"S": self._at_number,
            b"T": self._at_number,
        }

    def at(self, key: bytes, value: bytes) -> None:
        """Look at one key and its value."""
        self._resource = None
        look = self._kinds.get(key[:1])
        if look is None:
            self._tell(f"the key {key!r} is none of Minori's")
            return
        try:
            look(key, value)
        except _Unclear as unclear:
            self._tell(f"{unclear} (at the key {key!r})")

    def _tell(self, message: str) -> None:
        self.flaws.append(EntryFlaw(self._resource, message))

    def _at_category(self, key: bytes, value: bytes) -> None:
        account, category, rest = _parted(key)
        try:
            time = keys.unpack_time(rest[:8])
            self._resource = resource = Resource(account.decode(), keys.TYPES[rest[8]], rest[9:].decode())
            name = category.decode()
        except (struct.error, LookupError, UnicodeDecodeError) as error:
            raise _Unclear("a place in a category cannot be made out") from error
        entry = self._entry(resource, time)
        if entry is None:
            self._tell(f"the category {name!r} has a place for an entry of {time} that is not there")
        elif self._category(resource, entry) != name:
            self._tell(f"the category {name!r} has a place for the entry of {time}, which does not carry it")
        if value:
            self._tell(f"the place of {time} in the category {name!r} is not empty")

    def _at_row_or_fence(self, key: bytes, value: bytes) -> None:
        resource, rest = self._of_resource(key)
        extent = self._extent(resource)
        if extent is None:
            raise _Unclear("there are rows, and no metadata that knows of them")
        if len(rest) == keys.TIME_BYTES and value:
            self._at_row(resource, extent, keys.unpack_time(rest), value)
        elif value or len(rest) not in {0, len(_LAST_FENCE)}:
            raise _Unclear("neither a row nor a fence")
        elif rest and rest != _LAST_FENCE:
            behind = keys.unpack_time(rest[: keys.TIME_BYTES])
            if behind + 1 != extent.fence:
                self._tell(f"a fence stands behind {behind} and hides the rows beyond it")

    def _at_row(self, resource: Resource, extent: Extent, time: int, row: bytes) -> None:
        if time < extent.rows_from:
            self._tell(f"there is a row of {time}, and rows are said to begin at {extent.rows_from} only")
        sealed = self._sealed(resource, extent, time)
        if not is_entry(row):
            if row != tombstone(time):
                self._tell(f"the row of {time} is neither an entry nor the mark of a deleted one")
            elif sealed:
                self.entries -= 1
            else:
                self._tell(f"the entry of {time} is marked as deleted, and there is none in a block")
            return
        self.entries += not sealed
        try:
            entry = decode_row(resource, row)
        except msgspec.MsgspecError as error:
            raise _Unclear(f"the row of {time} cannot be made out: {error}") from error
        if entry.time != time or row_time(row) != time:
            self._tell(f"the row of {time} says that its time is {entry.time}")
        elif entry.category is not None:
            self._look_for_place(resource, time, entry.category)

    def _at_block(self, key: bytes, value: bytes) -> None:
        resource, rest = self._of_resource(key)
        extent = self._extent(resource)
        if extent is None:
            raise _Unclear("there are blocks, and no metadata that knows of them")
        front = members(resource)
        try:
            oldest = keys.unpack_time(rest)
            block = Block(oldest, value)
            if not block.text.startswith(front):
                raise _Unclear(f"the rows of the block of {oldest} are another resource's")
            rows = split_part(block.text, front)
            times = [row_time(row) for row in rows]
        except (struct.error, StoreFailed, ValueError) as error:
            raise _Unclear(f"a block cannot be made out: {error}") from error
        self.entries += len(rows)
        if (block.count, block.newest, oldest) != (len(rows), times[0], times[-1]):
            says = f"{block.count} rows from {oldest} to {block.newest}"
            self._tell(f"a block says that it has {says}, and has {len(rows)} from {times[-1]} to {times[0]}")
        if any(newer <= older for newer, older in pairwise(times)):
            self._tell(f"the rows of the block of {oldest} are not in their order")
        if not all(map(is_entry, rows)):
            self._tell(f"there are rows in the block of {oldest} that are no entries")
        self._look_behind(key, extent, oldest, times[0])
        if CATEGORY in block.text:
            self._look_for_places(resource, rows)

    def _look_behind(self, key: bytes, extent: Extent, oldest: int, newest: int) -> None:
        """Look at what is behind a block that reaches from `oldest` to `newest`."""
        if newest >= extent.blocks_until:
            self._tell(
                f"the block of {oldest} reaches {newest}, and blocks end before {extent.blocks_until}, it is said"
            )
        following = self._database.keys(key + b"\0", 1, key[: -keys.TIME_BYTES], backwards=False)
        begins = keys.unpack_time(following[0][-keys.TIME_BYTES :]) if following else MAX_TIME + 1
        if begins <= newest:
            self._tell(f"the block of {oldest} reaches {newest}, and the next one begins at {begins}")

    def _at_metadata(self, key: bytes, value: bytes) -> None:
        try:
            self._resource = resource = keys.parse_resource(key)
            _, _, extent = unpack_metadata(value)
        except (struct.error, LookupError, UnicodeDecodeError) as error:
            raise _Unclear("the metadata of a resource cannot be made out") from error
        prefix = keys.entry_prefix(resource)
        for fence, where in ((prefix, "before"), (keys.last_fence(prefix), "behind")):
            if self._database.get(fence) is None:
                self._tell(f"the fence {where} its rows is missing")
        if extent.fence and self._database.get(keys.fence_before(prefix, extent.fence)) is None:
            self._tell(f"the fence before {extent.fence} is missing")
        if extent.fence > extent.rows_from:
            self._tell(f"a fence stands before {extent.fence}, and rows begin at {extent.rows_from}")
        if extent.rows != UNCOUNTED:
            found = self._database.keys(prefix, extent.rows + _FENCES + 1, prefix, backwards=False)
            if sum(len(key) == len(prefix) + keys.TIME_BYTES for key in found) > extent.rows:
                self._tell(f"it has more rows than the {extent.rows} that were counted")

    def _at_names(self, key: bytes, value: bytes) -> None:
        try:
            self._resource = keys.parse_resource(key)
            _decode_names(value)
        except (LookupError, UnicodeDecodeError, msgspec.MsgspecError) as error:
            raise _Unclear("the attribute names of a resource cannot be made out") from error

    def _at_number(self, _: bytes, value: bytes) -> None:
        try:
            keys.unpack_time(value)
        except struct.error as error:
            raise _Unclear("a number cannot be made out") from error

    def _at_end(self, key: bytes, value: bytes) -> None:
        if (key, value) != (keys.END, keys.FENCE):
            raise _Unclear("no fence behind all rows")

    def _of_resource(self, key: bytes) -> tuple[Resource, bytes]:
        """The resource of the key of a row, a fence or a block, and what follows on it."""
        account, name, rest = _parted(key)
        try:
            self._resource = resource = Resource(account.decode(), keys.TYPES[name[0]], name[1:].decode())
        except (LookupError, UnicodeDecodeError) as error:
            raise _Unclear("a key cannot be made out") from error
        return resource, rest

    def _extent(self, resource: Resource) -> Extent | None:
        """Where the entries of a resource are said to be."""
        if self._last is None or self._last[0] != resource:
            kept = self._database.get(keys.metadata_key(resource))
            try:
                self._last = resource, None if kept is None else unpack_metadata(kept)[2]
            except struct.error:
                # Told where the metadata are looked at.
                self._last = resource, Extent(UNCOUNTED, 0, MAX_TIME + 1)
        return self._last[1]

    def _sealed(self, resource: Resource, extent: Extent, time: int) -> bool:
        if time >= extent.blocks_until:
            return False
        try:
            return self._blocks.row(keys.entry_prefix(resource), time) is not None
        except (StoreFailed, LookupError, ValueError):
            # Told where the block is looked at.
            return True

    def _entry(self, resource: Resource, time: int) -> bytes | None:
        prefix = keys.entry_prefix(resource)
        row = self._database.get(prefix + keys.pack_time(time))
        try:
            row = self._blocks.row(prefix, time) if row is None else row
        except (StoreFailed, LookupError, ValueError) as error:
            raise _Unclear(f"an entry of {time} cannot be read") from error
        return row if row is not None and is_entry(row) else None

    def _category(self, resource: Resource, row: bytes) -> str | None:
        try:
            return decode_row(resource, row).category
        except msgspec.MsgspecError as error:
            raise _Unclear("an entry cannot be made out") from error

    def _look_for_places(self, resource: Resource, rows: list[bytes]) -> None:
        """Look for the places of sealed rows in their categories."""
        for row in rows:
            category = self._category(resource, row) if CATEGORY in row else None
            if category is None:
                continue
            time = row_time(row)
            # One that is replaced or deleted by a row has none any more, but the other's.
            if self._database.get(keys.entry_prefix(resource) + keys.pack_time(time)) is None:
                self._look_for_place(resource, time, category)

    def _look_for_place(self, resource: Resource, time: int, category: str) -> None:
        if self._database.get(category_key(resource, category, time)) is None:
            self._tell(f"the entry of {time} has no place in its category {category!r}")


def _parted(key: bytes) -> tuple[bytes, bytes, bytes]:
    """The two names of a key, and what follows on them."""
    account, _, rest = key[1:].partition(b"\0")
    name, end, rest = rest.partition(b"\0")
    if not end:
        raise _Unclear("a key cannot be made out")
    return account, name, rest
