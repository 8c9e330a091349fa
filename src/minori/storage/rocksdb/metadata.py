"""The metadata row of a resource: when it was last written, the counts under way, and where its rows are.

It is written with every commit that touches the resource, so that all it says is as durable as the entries.
"""

import struct
from typing import Final

from minori.storage.rocksdb.counter import Counter

_counts: Final = struct.Struct(">QQQQ")
_whole: Final = struct.Struct(">QQQQQQQI")

UNCOUNTED: Final = 2**32 - 1
"""How many rows a resource has of which nobody has counted them; no resource gathers so many."""


class Extent:
    """Where a resource's entries are: rows of their own, or in blocks.

    No row is older than `rows_from`, and no block reaches `blocks_until` (UNIX ms). There are at most `rows` rows,
    tombstones included: what is replaced or removed by its own key is counted on. A fence stands before the time
    `fence`, which is not after `rows_from`; 0 if there is none.
    """

    __slots__ = ("blocks_until", "fence", "rows", "rows_from")

    def __init__(self, rows: int = 0, rows_from: int = 0, blocks_until: int = 0, fence: int = 0) -> None:
        self.rows = rows
        self.rows_from = rows_from
        self.blocks_until = blocks_until
        self.fence = fence

    def begin(self, time: int) -> None:
        """Note that rows begin at this time or before; a fence behind it is gone."""
        self.rows_from = min(self.rows_from, time)
        if self.rows_from < self.fence:
            self.fence = 0


def pack_metadata(last_modified: int, counter: Counter, extent: Extent) -> bytes:
    """The value of a metadata row."""
    return _whole.pack(
        last_modified,
        counter.slot,
        counter.in_slot,
        counter.in_day,
        extent.rows_from,
        extent.blocks_until,
        extent.fence,
        min(extent.rows, UNCOUNTED),
    )


def unpack_metadata(value: bytes) -> tuple[int, Counter, Extent]:
    """When the resource was last written, its counter, and where its entries are.

    Before there were blocks the row said nothing of them: all entries were rows, and nobody counted them.
    """
    if len(value) == _counts.size:
        last_modified, slot, in_slot, in_day = _counts.unpack(value)
        return last_modified, Counter(slot, in_slot, in_day), Extent(UNCOUNTED)
    last_modified, slot, in_slot, in_day, rows_from, blocks_until, fence, rows = _whole.unpack(value)
    return last_modified, Counter(slot, in_slot, in_day), Extent(rows, rows_from, blocks_until, fence)
