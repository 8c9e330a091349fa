"""The newest rows of the resources that are asked for them, kept in memory as they are stored.

A dashboard asks for the newest entries again and again, and each time RocksDB would open an iterator.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from minori.codec.entry import row_time
from minori.model.entry import EntryPage
from minori.storage.rocksdb.keys import TIME_BYTES, unpack_time

KEPT_BYTES = 16 * 1024 * 1024
"""Bytes that are kept in all (our choice)."""

RUN_BYTES = 64 * 1024
"""Bytes of one resource's newest rows that are kept at most (our choice)."""

RUN_OVERHEAD = 1024
"""Bytes that a resource is counted with besides its rows."""


class _Run:
    """The newest rows of one resource, newest first; `whole` if there are no others."""

    __slots__ = ("newest", "rows", "size", "whole")

    def __init__(self, rows: Iterable[bytes], *, whole: bool) -> None:
        self.rows = deque(rows)
        self.newest = row_time(self.rows[0])
        self.size = sum(map(len, self.rows)) + RUN_OVERHEAD
        self.whole = whole

    def add(self, time: int, row: bytes, largest: int) -> None:
        self.rows.appendleft(row)
        self.newest = time
        self.size += len(row)
        while self.size > largest and len(self.rows) > 1:
            self.size -= len(self.rows.pop())
            self.whole = False


class Recent:
    """Never stale: told of every batch right after it is written, before anything else can read.

    A resource is known by the prefix of its rows' keys. The one that nobody has asked for the longest is
    forgotten when the rows take more than `kept` bytes.
    """

    def __init__(self, kept: int = KEPT_BYTES, largest_run: int = RUN_BYTES) -> None:
        self._kept = kept
        self._largest_run = largest_run
        self._runs: OrderedDict[bytes, _Run] = OrderedDict()
        self._size = 0

    def page(self, prefix: bytes, first: int, last: int, limit: int) -> EntryPage | None:
        """The newest `limit` rows from `first` to `last`, newest first; `None` if they are not all here."""
        run = self._runs.get(prefix)
        if run is None or last < run.newest:
            return None
        rows = list(islice(run.rows, limit))
        oldest = row_time(rows[-1])
        has_more = len(run.rows) > limit
        if oldest < first or not (has_more or run.whole):
            return None
        self._runs.move_to_end(prefix)
        return EntryPage(rows, oldest if has_more else None)

    def keep(self, prefix: bytes, rows: Sequence[bytes], *, whole: bool) -> None:
        """Keep what a scan found from a resource's newest row on; `whole` if it found everything."""
        if not rows or sum(map(len, rows)) + RUN_OVERHEAD > self._largest_run:
            return
        self.forget(prefix)
        run = self._runs[prefix] = _Run(rows, whole=whole)
        self._size += run.size
        while self._size > self._kept:
            self._size -= self._runs.popitem(last=False)[1].size

    def written(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Take in a batch: keys and values in the order they were put, `None` for what was removed."""
        if not self._runs:
            return
        for key, value in changes.items():
            prefix = key[:-TIME_BYTES]
            run = self._runs.get(prefix)
            if run is None:
                continue
            time = unpack_time(key[-TIME_BYTES:])
            if value is None or time <= run.newest:
                self.forget(prefix)
                continue
            self._size -= run.size
            run.add(time, value, self._largest_run)
            self._size += run.size

    def forget(self, prefix: bytes) -> None:
        """Keep nothing of a resource any more."""
        run = self._runs.pop(prefix, None)
        if run is not None:
            self._size -= run.size
