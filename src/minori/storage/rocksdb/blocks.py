"""The blocks of resources: found by time, unpacked when needed, the lately used ones kept in memory.

The blocks of one resource do not overlap: each begins where its key says and ends before the next one. Whoever
changes blocks writes the change himself, at a moment when nothing waits to be written, and says it here.
"""

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


class Blocks:
    """The blocks of every resource. A resource is known by the prefix of its rows' keys.

    A block that cannot be read raises `StoreFailed`.
    """

    def __init__(self, database: Database, kept: int = KEPT_BYTES) -> None:
        self._database = database
        self._kept = kept
        self._blocks: OrderedDict[bytes, Block] = OrderedDict()
        self._size = 0

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
            for block in self._from(prefix, last, descending=True):
                if block.newest < first:
                    return
                yield block
            return
        before = self.at(prefix, first)
        if before is not None and before.newest >= first:
            yield before
        for block in self._from(prefix, first + 1, descending=False):
            if block.oldest > last:
                return
            yield block

    def dropped(self, prefix: bytes, oldest: int) -> None:
        """Take note that the block which begins there is gone, or another one."""
        block = self._blocks.pop(block_prefix(prefix) + pack_time(oldest), None)
        if block is not None:
            self._size -= block.size + OVERHEAD

    def _from(self, prefix: bytes, time: int, *, descending: bool) -> Iterator[Block]:
        start = block_prefix(prefix)
        place = start + pack_time(time)
        while True:
            found = self._database.keys(place, AT_ONCE, start, backwards=descending)
            for key in found:
                yield self._block(key)
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
