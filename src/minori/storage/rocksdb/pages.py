"""Reading a stretch of a resource's entries out of rows and blocks.

The rule is one sentence: a row shadows the sealed row of its time, and a tombstone hides it. Where no row lies among
the times of a block, a part of the block is a part of the page as it is.
"""

from bisect import bisect_left, bisect_right
from typing import Final

from minori.codec.block import Block
from minori.codec.entry import is_entry, row_time
from minori.model.entry import MAX_TIME
from minori.storage.rocksdb import keys
from minori.storage.rocksdb.blocks import Blocks
from minori.storage.rocksdb.database import Database
from minori.storage.rocksdb.metadata import Extent
from minori.storage.rocksdb.recent import Recent
from minori.storage.rocksdb.rows import inside
from minori.storage.rocksdb.stretch import Stretch

AGAINST: Final = 8
"""How many rows are read in key order in the time of one against it, at least (our choice, measured): in memory RocksDB
links them one way, and looks for each one before anew."""


ORDERED_BYTES: Final = 512 * 1024
"""How many bytes of rows are read in key order for that (our choice): to read the few wanted of large ones is less."""


class Reading:
    """One read of a resource, known by the `prefix` of its rows' keys. Nothing may be written meanwhile.

    It ends when `want` entries are found, or `enough` bytes; a few more of either may be. Newest first, `recent` is
    asked for what is newer than all blocks, where there are no tombstones.
    """

    def __init__(
        self,
        database: Database,
        blocks: Blocks,
        prefix: bytes,
        extent: Extent,
        want: int,
        enough: int,
        *,
        descending: bool,
        recent: Recent | None = None,
    ) -> None:
        self._recent = recent
        self._database = database
        self._blocks = blocks
        self._prefix = prefix
        self._extent = extent
        self._want = want
        self._enough = enough
        self._descending = descending
        self.found = Stretch()

    @property
    def is_over(self) -> bool:
        """Whether enough is found, so that there may be more."""
        return self.found.count >= self._want or self.found.size >= self._enough

    def read(self, first: int, last: int) -> Stretch:
        """Entries from `first` to `last` (UNIX ms, both included): as many as were wanted, or all there are."""
        while first <= last and not self.is_over:
            rows, low, high = self._rows(first, last)
            if low >= self._extent.blocks_until:
                self.found.add_rows(rows)
            else:
                self._merge(rows, low, high)
            if self._descending:
                last = low - 1
            else:
                first = high + 1
        return self.found

    def _rows(self, first: int, last: int) -> tuple[list[bytes], int, int]:
        """Rows and tombstones in the order of reading, and the first and last time of which they are all."""
        if last < self._extent.rows_from:
            return [], first, last
        beyond = max(first, self._extent.blocks_until)
        if self._recent is not None and self._descending and beyond <= last:
            newest = self._recent.rows(self._prefix, beyond, last)
            if newest is None:
                newest = self._read_newest(self._recent, beyond, last)
            if newest is not None:
                return newest, beyond, last
        if not self._descending and first < self._extent.rows_from:
            return [], first, self._extent.rows_from - 1
        want = self._want - self.found.count
        if self._descending and self._extent.rows <= AGAINST * want:
            newest = self._all_rows(max(first, self._extent.rows_from), last)
            if newest is not None:
                # Behind as many as are wanted nothing is looked at, nor are the blocks there.
                low = row_time(newest[want - 1]) if len(newest) > want else first
                return newest[:want], low, last
        start = last if self._descending else first
        # The fence behind the rows is read with them.
        about = self._extent.rows + 1
        place = self._prefix + keys.pack_time(start)
        rows = self._database.values(place, want, self._enough, backwards=self._descending, about=about)
        scanned = len(rows)
        rows = inside(rows, first, last, descending=self._descending)
        if len(rows) < scanned or not rows:
            return rows, first, last
        end = row_time(rows[-1])
        return (rows, end, last) if self._descending else (rows, first, end)

    def _read_newest(self, recent: Recent, beyond: int, last: int) -> list[bytes] | None:
        """Those newest first that `recent` lacked: all rows behind the blocks are read, and kept there.

        `None` if they are large, or not all are wanted: of what a dashboard asks for no more is kept than it needs.
        """
        since = self._extent.blocks_until
        if self._extent.rows >= self._want - self.found.count:
            return None
        newest = self._all_rows(max(since, self._extent.rows_from), MAX_TIME)
        if newest is None:
            return None
        recent.keep(self._prefix, newest, since)
        return newest[bisect_left(newest, -last, key=_age) : bisect_right(newest, -beyond, key=_age)]

    def _all_rows(self, first: int, last: int) -> list[bytes] | None:
        """All rows and tombstones from `first` to `last`, newest first; `None` if they are too large together."""
        count = self._extent.rows + 1
        place = self._prefix + keys.pack_time(first)
        rows = self._database.values(place, count, min(self._enough, ORDERED_BYTES), backwards=False)
        scanned = len(rows)
        rows = inside(rows, first, last, descending=False)
        # Without what lies behind them, or the fence, they are not known to be all.
        return rows[::-1] if len(rows) < scanned else None

    def _merge(self, rows: list[bytes], low: int, high: int) -> None:
        """Add the entries from `low` to `high`: the rows, and what is sealed; no more once it is over."""
        until = min(high, self._extent.blocks_until - 1)
        want = self._want - self.found.count
        for block in self._blocks.within(self._prefix, low, until, descending=self._descending, want=want):
            among: list[bytes] = []
            if rows:
                before, among, rows = self._parted(rows, block)
                self.found.add_rows(before)
            begin, end = block.span(low, high)
            if among:
                self._add_merged(block, among, begin, end)
            elif self._descending:
                self.found.add_block(block, begin, end)
            else:
                self.found.add_rows(block.rows(begin, end)[::-1])
            if self.is_over:
                # The rows that are left are beyond this block.
                return
        self.found.add_rows([row for row in rows if is_entry(row)])

    def _add_merged(self, block: Block, among: list[bytes], begin: int, end: int) -> None:
        by_time = {row_time(row): row for row in block.rows(begin, end)}
        by_time.update((row_time(row), row) for row in among)
        times = sorted(by_time, reverse=self._descending)
        self.found.add_rows([by_time[time] for time in times if is_entry(by_time[time])])

    def _parted(self, rows: list[bytes], block: Block) -> tuple[list[bytes], list[bytes], list[bytes]]:
        """The rows before a block, those among its times, and those beyond it, in the order of reading."""
        if self._descending:
            begin = bisect_left(rows, -block.newest, key=_age)
            end = bisect_right(rows, -block.oldest, key=_age)
        else:
            begin = bisect_left(rows, block.oldest, key=row_time)
            end = bisect_right(rows, block.newest, key=row_time)
        before = [row for row in rows[:begin] if is_entry(row)]
        return before, rows[begin:end], rows[end:]


def _age(row: bytes) -> int:
    return -row_time(row)
