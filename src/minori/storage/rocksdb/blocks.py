"""The blocks of resources: found by time, unpacked when needed, the lately used ones kept in memory.

The blocks of one resource do not overlap: each begins where its key says and ends before the next one. Whoever
changes blocks writes the change himself, at a moment when nothing waits to be written, and says it here.
"""

from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator

from minori.codec.block import Block
from minori.storage.rocksdb.database import Database
from minori.storage.rocksdb.keys import TIME_BYTES, block_prefix, pack_time, unpack_time

KEPT_BYTES = 48 * 1024 * 1024
"""Bytes of blocks that are kept unpacked (our choice)."""

OVERHEAD = 1024
"""Bytes that a block is counted with besides its text."""

AT_ONCE = 12
"""Keys of blocks that are read at once: those of a page of 1,000, and of most others (our choice)."""

LISTED = 1_024
"""Resources of which it is remembered where all their blocks begin (our choice)."""

LONGEST = 2_048
"""The most blocks of a resource whose beginnings are remembered; of one with more they are read again each time."""


class Blocks:
    """The blocks of every resource. A resource is known by the prefix of its rows' keys.

    A block that cannot be read raises `StoreFailed`.
    """

    def __init__(self, database: Database, kept: int = KEPT_BYTES) -> None:
        self._database = database
        self._kept = kept
        self._blocks: OrderedDict[bytes, Block] = OrderedDict()
        self._size = 0
        self._lists: OrderedDict[bytes, array[int] | None] = OrderedDict()

    def at(self, prefix: bytes, time: int) -> Block | None:
        """The last block that begins at or before `time`: if any block holds that time, it is this one."""
        start = block_prefix(prefix)
        found = self._database.keys(start + pack_time(time), 1, start, backwards=True)
        return self._block(found[0]) if found else None

    def row(self, prefix: bytes, time: int) -> bytes | None:
        """The sealed row at exactly this time."""
        block = self.at(prefix, time)
        return None if block is None or block.newest < time else block.row(time)

    def after(self, prefix: bytes, time: int) -> Block | None:
        """The first block that begins after `time`."""
        start = block_prefix(prefix)
        found = self._database.keys(start + pack_time(time + 1), 1, start, backwards=False)
        return self._block(found[0]) if found else None

    def within(self, prefix: bytes, first: int, last: int, *, descending: bool) -> Iterator[Block]:
        """The blocks that reach into the times from `first` to `last`, in this order or against it.

        Each is read when it is asked for; nothing may be written meanwhile.
        """
        if descending:
            for block in self._from(prefix, first, last, descending=True):
                if block.newest < first:
                    return
                yield block
            return
        for block in self._from(prefix, first, last, descending=False):
            if block.newest >= first:
                yield block

    def dropped(self, prefix: bytes, oldest: int) -> None:
        """Take note that the block which begins there is gone, or another one."""
        block = self._blocks.pop(block_prefix(prefix) + pack_time(oldest), None)
        if block is not None:
            self._size -= block.size + OVERHEAD
        self._lists.pop(prefix, None)

    def added(self, prefix: bytes, oldest: int) -> None:
        """Take note of a block that begins there."""
        listed = self._lists.get(prefix)
        if listed is not None and len(listed) < LONGEST and (not listed or listed[-1] < oldest):
            listed.append(oldest)
        else:
            self._lists.pop(prefix, None)

    def _from(self, prefix: bytes, first: int, last: int, *, descending: bool) -> Iterator[Block]:
        """The blocks that begin from `first` to `last`, and the one before."""
        start = block_prefix(prefix)
        listed = self._listed(prefix)
        if listed is not None:
            begin, end = max(bisect_right(listed, first) - 1, 0), bisect_right(listed, last)
            for place in range(end - 1, begin - 1, -1) if descending else range(begin, end):
                yield self._block(start + pack_time(listed[place]))
        elif descending:
            for key in self._keys(start, last, descending=True):
                yield self._block(key)
        else:
            yield from (block for block in (self.at(prefix, first),) if block is not None)
            for key in self._keys(start, first + 1, descending=False):
                if unpack_time(key[-TIME_BYTES:]) > last:
                    return
                yield self._block(key)

    def _listed(self, prefix: bytes) -> "array[int] | None":
        """Where the resource's blocks begin, oldest first; `None` if there are too many to be remembered."""
        if prefix in self._lists:
            self._lists.move_to_end(prefix)
            return self._lists[prefix]
        start = block_prefix(prefix)
        found = self._database.keys(start, LONGEST + 1, start, backwards=False)
        listed = array("Q", [unpack_time(key[-TIME_BYTES:]) for key in found]) if len(found) <= LONGEST else None
        self._lists[prefix] = listed
        if len(self._lists) > LISTED:
            self._lists.popitem(last=False)
        return listed

    def _keys(self, start: bytes, time: int, *, descending: bool) -> Iterator[bytes]:
        place = start + pack_time(time)
        while True:
            found = self._database.keys(place, AT_ONCE, start, backwards=descending)
            yield from found
            if len(found) < AT_ONCE:
                return
            time = unpack_time(found[-1][-TIME_BYTES:])
            if descending and time == 0:
                return
            place = start + pack_time(time - 1 if descending else time + 1)

    def _block(self, key: bytes) -> Block:
        block = self._blocks.get(key)
        if block is not None:
            self._blocks.move_to_end(key)
            return block
        block = self._blocks[key] = Block(unpack_time(key[-TIME_BYTES:]), self._database.get(key) or b"")
        self._size += block.size + OVERHEAD
        while self._size > self._kept and len(self._blocks) > 1:
            self._size -= self._blocks.popitem(last=False)[1].size + OVERHEAD
        return block
