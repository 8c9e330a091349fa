"""The blocks of resources: found by time, unpacked when needed, the lately used ones kept in memory.

The blocks of one resource do not overlap: each begins where its key says and ends before the next one. Whoever
changes blocks writes the change himself, at a moment when nothing waits to be written, and says it here.
"""

from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from itertools import islice
from zlib import crc32

from minori.codec.block import Block
from minori.storage.rocksdb.database import Database
from minori.storage.rocksdb.keys import TIME_BYTES, block_prefix, pack_time, unpack_time

KEPT_BYTES = 48 * 1024 * 1024
"""Bytes of blocks that are kept unpacked (our choice)."""

OVERHEAD = 2048
"""Bytes that a block is counted with besides its text: where its rows begin, and their times."""

SEEN = 2_048
"""Places for what was read, by checksums of the keys. A block is kept when it is read again before another has taken
its place (our choice): ranges that are read once drive nothing out, and are unpacked into memory still at hand."""

AT_ONCE = 12
"""Blocks that are read at once: those of a page of 1,000, and of most others (our choice)."""

FEW = 100
"""Rows for which the first block alone is read first: it is often enough (our choice)."""

LISTED = 1_024
"""Resources of which it is remembered where all their blocks begin (our choice)."""

ASKED = 3
"""How often a resource is read, with no more others than those between, until that is remembered (our choice): to find
where all blocks begin takes reading them."""

LONGEST = 512
"""The most blocks of a resource whose beginnings are remembered; of one with more they are read again each time."""


class Blocks:
    """The blocks of every resource. A resource is known by the prefix of its rows' keys.

    A block that cannot be read raises `StoreFailed`.
    """

    def __init__(self, database: Database, kept: int = KEPT_BYTES, longest: int = LONGEST) -> None:
        self._database = database
        self._longest = longest
        self._kept = kept
        self._blocks: OrderedDict[bytes, Block] = OrderedDict()
        self._size = 0
        self._seen = array("L", [0]) * SEEN
        self._lists: OrderedDict[bytes, array[int] | int] = OrderedDict()

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

    def within(self, prefix: bytes, first: int, last: int, *, descending: bool, want: int = 1) -> Iterator[Block]:
        """The blocks that reach into the times from `first` to `last`, in this order or against it.

        They are read as they are asked for, several at once if many rows are wanted; nothing may be written meanwhile.
        """
        keys = self._keys(prefix, first, last, descending=descending)
        chunk = list(islice(keys, AT_ONCE if want > FEW else 1))
        while chunk:
            kept = [self._known(key) for key in chunk]
            packed = self._packed(chunk, kept) if None in kept else {}
            for key, known in zip(chunk, kept, strict=True):
                block = known or self._unpacked(key, packed.get(key, b""))
                # The first of them in time may end before.
                if block.newest >= first:
                    yield block
            chunk = list(islice(keys, AT_ONCE))

    def dropped(self, prefix: bytes, oldest: int) -> None:
        """Take note that the block which begins there is gone, or another one."""
        block = self._blocks.pop(block_prefix(prefix) + pack_time(oldest), None)
        if block is not None:
            self._size -= block.size + OVERHEAD
        self._lists.pop(prefix, None)

    def added(self, prefix: bytes, oldest: int) -> None:
        """Take note of a block that begins there."""
        listed = self._lists.get(prefix)
        if not isinstance(listed, array):
            return
        if len(listed) < self._longest and (not listed or listed[-1] < oldest):
            listed.append(oldest)
        else:
            del self._lists[prefix]

    def _keys(self, prefix: bytes, first: int, last: int, *, descending: bool) -> Iterator[bytes]:
        """The keys of the blocks that begin from `first` to `last`, and of the one before."""
        start, listed = block_prefix(prefix), self._listed(prefix)
        if listed is None:
            return self._scanned(start, first, last, descending=descending)
        begin, end = max(bisect_right(listed, first) - 1, 0), bisect_right(listed, last)
        places = range(end - 1, begin - 1, -1) if descending else range(begin, end)
        return (start + pack_time(listed[place]) for place in places)

    def _listed(self, prefix: bytes) -> "array[int] | None":
        """Where the resource's blocks begin, oldest first; `None` if that is not remembered."""
        listed = self._lists.get(prefix, 0)
        if isinstance(listed, array):
            self._lists.move_to_end(prefix)
            return listed
        self._lists[prefix] = listed + 1
        self._lists.move_to_end(prefix)
        if len(self._lists) > LISTED:
            self._lists.popitem(last=False)
        if listed + 1 != ASKED:
            return None
        start = block_prefix(prefix)
        found = self._database.keys(start, self._longest + 1, start, backwards=False)
        if len(found) > self._longest:
            return None
        begins = self._lists[prefix] = array("Q", [unpack_time(key[-TIME_BYTES:]) for key in found])
        return begins

    def _scanned(self, start: bytes, first: int, last: int, *, descending: bool) -> Iterator[bytes]:
        before = self._database.keys(start + pack_time(first), 1, start, backwards=True)
        lowest = before[0] if before else start
        place, end = (start + pack_time(last), lowest) if descending else (lowest, start + pack_time(last))
        while True:
            found = self._database.keys(place, AT_ONCE, start, backwards=descending)
            for key in found:
                if key < end if descending else key > end:
                    return
                yield key
            if len(found) < AT_ONCE:
                return
            time = unpack_time(found[-1][-TIME_BYTES:])
            if descending and time == 0:
                return
            place = start + pack_time(time - 1 if descending else time + 1)

    def _packed(self, keys: list[bytes], kept: list[Block | None]) -> dict[bytes, bytes]:
        """What is not kept of these keys, between which there are no others, read at once."""
        missing = [place for place, block in enumerate(kept) if block is None]
        begin, end = missing[0], missing[-1]
        if begin == end:
            # A scan takes two or three times as long for one.
            return {keys[begin]: self._database.get(keys[begin]) or b""}
        return dict(self._database.items_once(min(keys[begin], keys[end]), end - begin + 1))

    def _known(self, key: bytes) -> Block | None:
        block = self._blocks.get(key)
        if block is not None:
            self._blocks.move_to_end(key)
        return block

    def _block(self, key: bytes) -> Block:
        return self._known(key) or self._unpacked(key, self._database.get(key) or b"")

    def _unpacked(self, key: bytes, packed: bytes) -> Block:
        block = Block(unpack_time(key[-TIME_BYTES:]), packed)
        mark = crc32(key)
        if self._seen[mark % SEEN] == mark:
            self._keep(key, block)
        else:
            self._seen[mark % SEEN] = mark
        return block

    def _keep(self, key: bytes, block: Block) -> None:
        self._blocks[key] = block
        self._size += block.size + OVERHEAD
        while self._size > self._kept and len(self._blocks) > 1:
            self._size -= self._blocks.popitem(last=False)[1].size + OVERHEAD
