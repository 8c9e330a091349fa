"""The next free millisecond of a resource, where nobody remembers which are taken.

A burst may have taken a hundred thousand of them ahead of the clock. After a start, or once the resource was forgotten,
to ask for one after the other would hold up everybody for seconds; so whole stretches are passed.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

from minori.codec.entry import is_entry, row_time
from minori.storage.rocksdb import keys
from minori.storage.rocksdb.blocks import Blocks
from minori.storage.rocksdb.commit import GroupCommit
from minori.storage.rocksdb.database import Database
from minori.storage.rocksdb.pages import Reading
from minori.storage.rocksdb.tail import Tail

FEW: Final = 16
"""Rows that are read first: most stretches are short (our choice)."""

MOST: Final = 1024
"""Rows that are read at once in a long one (our choice)."""

ENOUGH: Final = 1024 * 1024
"""Bytes of rows after which no more are read at once (our choice)."""


class FreeTimes:
    """The times (UNIX ms) at which resources have no entry. A block that cannot be read raises `StoreFailed`."""

    def __init__(self, database: Database, blocks: Blocks, commit: GroupCommit) -> None:
        self._database = database
        self._blocks = blocks
        self._commit = commit

    def first(self, tail: Tail, time: int) -> int:
        """The first of the tail's resource at or after `time`, counting what is not yet written."""
        waiting = self._waiting(tail.prefix)
        freed = sorted(at for at, is_taken in waiting.items() if not is_taken)
        while True:
            free = self._first_stored(tail, time)
            place = bisect_left(freed, time)
            if place < len(freed) and freed[place] < free:
                return freed[place]
            if not waiting.get(free, False):
                return free
            time = free + 1

    def _waiting(self, prefix: bytes) -> dict[int, bool]:
        """The times of rows that wait to be written or removed, and whether there is an entry then."""
        size = len(prefix) + keys.TIME_BYTES
        changes = self._commit.waiting_under(prefix)
        # Fences are shorter or longer.
        rows = [(key[len(prefix) :], row) for key, row in changes if len(key) == size]
        return {keys.unpack_time(packed): row is not None and is_entry(row) for packed, row in rows}

    def _first_stored(self, tail: Tail, time: int) -> int:
        """The same, of what is in the database."""
        want = FEW
        while time <= tail.newest:
            full = self._full_until(tail, time)
            if full is None:
                reading = Reading(
                    self._database, self._blocks, tail.prefix, tail.extent, want, ENOUGH, descending=False
                )
                rows = reading.read(time, tail.newest).rows(b"")
                full = _full_until(rows, time)
                if full < time + len(rows) or not rows:
                    return full
                want = min(2 * want, MOST)
            time = full
        return time

    def _full_until(self, tail: Tail, time: int) -> int | None:
        """Where the block ends in which `time` is, if it has a row of every millisecond, and no others among them."""
        until = min(tail.extent.blocks_until, tail.extent.rows_from)
        block = self._blocks.at(tail.prefix, time) if time < until else None
        is_full = block is not None and time <= block.newest < until and block.is_without_gaps
        return block.newest + 1 if block is not None and is_full else None


def _full_until(rows: Sequence[bytes], time: int) -> int:
    """The first millisecond from `time` on that is of none of the rows, which are later and ascend."""
    # The n-th row is n milliseconds behind `time` until the first gap, and later ever after.
    return time + bisect_left(range(len(rows)), 1, key=lambda place: row_time(rows[place]) - time - place)
