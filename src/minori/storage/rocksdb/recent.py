"""The newest rows of the resources that are asked for them, kept in memory as they are stored.

A dashboard asks for the newest entries again and again, and each time RocksDB would open an iterator; a range that
reaches beyond all blocks is read again, too.
"""

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from itertools import accumulate, takewhile

from minori.codec.entry import row_time
from minori.model.entry import EntryPage
from minori.storage.rocksdb.keys import TIME_BYTES, unpack_time

KEPT_BYTES = 16 * 1024 * 1024
"""Bytes that are kept in all (our choice)."""

RUN_BYTES = 96 * 1024
"""Bytes of one resource's newest rows that are kept at most (our choice): about as many as are not sealed."""

RUN_OVERHEAD = 1024
"""Bytes that a resource is counted with besides its rows."""

LEFT = 0.75
"""The share of its bytes that a resource keeps when it has too many: leaving them one by one would cost more."""


class _Run:
    """The newest rows of one resource, oldest first: all there are from `since` on. `size` counts its overhead."""

    __slots__ = ("newest", "oldest", "rows", "since", "size")

    def __init__(self, rows: list[bytes], since: int, size: int) -> None:
        self.rows = rows
        self.oldest = row_time(rows[0])
        self.newest = row_time(rows[-1])
        self.since = since
        self.size = size

    def add(self, time: int, row: bytes, largest: int) -> None:
        self.rows.append(row)
        self.newest = time
        self.size += len(row)
        if self.size > largest:
            gone = 0
            while self.size > LEFT * largest and gone < len(self.rows) - 1:
                self.size -= len(self.rows[gone])
                gone += 1
            del self.rows[:gone]
            self.since = self.oldest = row_time(self.rows[0])

    def places(self, first: int, last: int) -> tuple[int, int]:
        begin = bisect_left(self.rows, first, key=row_time) if first > self.oldest else 0
        end = bisect_right(self.rows, last, key=row_time) if last < self.newest else len(self.rows)
        return begin, max(begin, end)


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
        if run is None:
            return None
        low, end = run.places(first, last)
        begin = end - limit
        if begin < 1 and first < run.since:
            return None
        self._runs.move_to_end(prefix)
        begin = max(begin, low)
        rows = run.rows[begin:end]
        rows.reverse()
        return EntryPage(rows, row_time(rows[-1]) if begin > low else None)

    def rows(self, prefix: bytes, first: int, last: int) -> list[bytes] | None:
        """All rows from `first` to `last`, newest first; `None` if they are not all here."""
        run = self._runs.get(prefix)
        if run is None or first < run.since:
            return None
        self._runs.move_to_end(prefix)
        begin, end = run.places(first, last)
        return run.rows[begin:end][::-1]

    def keep(self, prefix: bytes, rows: Sequence[bytes], since: int) -> None:
        """Keep rows, newest first, as far as may be. They are all that there are from the time `since` on."""
        kept, size = rows, sum(map(len, rows)) + RUN_OVERHEAD
        if size > self._largest_run:
            sizes = accumulate(map(len, rows), initial=RUN_OVERHEAD)
            *_, size = taken = list(takewhile(lambda size: size <= self._largest_run, sizes))
            kept = rows[: len(taken) - 1]
        if not kept:
            return
        self.forget(prefix)
        since = since if kept is rows else row_time(kept[-1])
        self._runs[prefix] = _Run(list(reversed(kept)), since, size)
        self._size += size
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
