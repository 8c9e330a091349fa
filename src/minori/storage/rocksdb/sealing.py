"""Sealing: when a resource has gathered enough rows, its oldest become blocks, in slices and in one batch each.

A slice takes as many rows as fit into a few blocks, from the oldest on: blocks in, rows out, the resource's metadata
row with them. It changes no entry, so nobody waits for it, and whatever breaks off finds the rows or the blocks. Rows
that came late, replaced or removed what was sealed are folded into the block where they belong.

Slices are made while the store is idle, with rests three times as long as the work; and where a resource has gathered
rows for several blocks meanwhile, when a commit has left nothing behind it, in proportion to its writes.
"""

from asyncio import AbstractEventLoop, TimerHandle
from bisect import bisect_right
from collections.abc import Sequence
from time import perf_counter
from typing import Final

from msgspec import Struct
from rocksdict import WriteBatch

from minori.codec.block import Block, pack_block
from minori.codec.entry import is_entry, members, row_time
from minori.errors import StoreFailed
from minori.model.entry import MAX_TIME
from minori.model.resource import Resource
from minori.storage.rocksdb import keys
from minori.storage.rocksdb.blocks import Blocks
from minori.storage.rocksdb.commit import GroupCommit
from minori.storage.rocksdb.database import Database
from minori.storage.rocksdb.metadata import UNCOUNTED, Extent
from minori.storage.rocksdb.rows import inside
from minori.storage.rocksdb.tail import Tail, Tails

IDLE_BLOCKS: Final = 8
"""Blocks made in one go while the store is idle."""

SLICE_BLOCKS: Final = 4
"""Blocks made at most in one slice (our choice, measured): to begin a scan of the rows takes as long as the rest of a
block, since RocksDB sorts the removed ranges of its memory anew each time that there is one more."""

REST: Final = 3
"""How many times as long as its work a rest is while the store is idle (our choice)."""

BUSY_SECONDS: Final = 0.005
"""How soon it is looked again whether the store is idle."""

WALKED: Final = 500
"""Resources looked at in one go after a start, and the most that may be due before more are looked for."""


class Sealing(Struct, frozen=True):
    """When rows are sealed: once a resource has `due` of them, into blocks of `rows` rows or `size` bytes of text.

    While the store is busy it waits for `gathered` rows, if these are more.
    """

    rows: int = 128
    due: int = 256
    size: int = 128 * 1024
    gathered: int = 0


SEALING: Final = Sealing(gathered=640)
"""What a server does (our choice, measured)."""


class Sealer:
    """Seals what is due. Begins with a walk over all resources, whose rows an earlier run may have left."""

    def __init__(
        self,
        database: Database,
        blocks: Blocks,
        tails: Tails,
        commit: GroupCommit,
        loop: AbstractEventLoop,
        plan: Sealing,
    ) -> None:
        self._database = database
        self._blocks = blocks
        self._tails = tails
        self._commit = commit
        self._loop = loop
        self._plan = plan
        self.due_from = plan.due
        self._due: dict[Resource, None] = {}
        self._pressing: dict[Resource, None] = {}
        self._pressing_from = max(plan.due, plan.gathered)
        self._walked: bytes | None = keys.METADATA
        self._timer: TimerHandle | None = loop.call_later(BUSY_SECONDS, self._idle)
        commit.on_quiet = self._keep_up

    def note(self, resource: Resource, extent: Extent) -> None:
        """Take note of a resource that was written to."""
        if extent.rows < self._plan.due:
            return
        if extent.rows >= self._pressing_from:
            self._pressing[resource] = None
        if resource not in self._due:
            self._due[resource] = None
            if self._timer is None:
                self._timer = self._loop.call_later(BUSY_SECONDS, self._idle)

    def close(self) -> None:
        """Seal no more."""
        self._commit.on_quiet = lambda _: None
        if self._timer is not None:
            self._timer.cancel()

    def _keep_up(self, writes: int) -> None:
        """Seal twice as many rows as were written, if as many are due."""
        if self._pressing:
            self._make(1 + 2 * writes // self._plan.rows, self._pressing)

    def _idle(self) -> None:
        if self._commit.has_failed:
            self._timer = None
            return
        began = perf_counter()
        if self._commit.is_quiet:
            if self._walked is not None and len(self._due) < WALKED:
                try:
                    self._walk(self._walked)
                except StoreFailed:
                    # As below. A resource that is not found now is when it is written to.
                    self._walked = None
            self.slices(IDLE_BLOCKS)
        # Until here the timer that rang counts as set, or whatever is noted meanwhile would set another one.
        self._timer = None
        if self._due or self._walked is not None:
            rest = max(REST * (perf_counter() - began), BUSY_SECONDS)
            self._timer = self._loop.call_later(rest, self._idle)

    def _walk(self, after: bytes) -> None:
        found = self._database.keys(after, WALKED, keys.METADATA, backwards=False)
        self._walked = found[-1] + b"\0" if len(found) == WALKED else None
        for key in found:
            resource = keys.parse_resource(key)
            extent = self._tails.extent(resource)
            if extent is not None:
                self.note(resource, extent)

    def slices(self, blocks: int) -> None:
        """Make slices until there are so many blocks, or nothing is due; only while the commit is quiet."""
        self._make(blocks, self._due)

    def _make(self, blocks: int, due: dict[Resource, None]) -> None:
        while blocks > 0 and due:
            resource = next(iter(due))
            self._due.pop(resource, None)
            self._pressing.pop(resource, None)
            try:
                tail = self._tails.find(resource)
                blocks -= 1 if tail is None else self._seal(resource, tail)
                if tail is not None:
                    self.note(resource, tail.extent)
            except StoreFailed:
                # What cannot be read stays as it is: whoever asks for it is told, and `minori doctor` tells it too.
                return
            except Exception as error:  # noqa: BLE001 - it must not hold up those who wait
                self._commit.fault("sealed", error)
                return

    def _seal(self, resource: Resource, tail: Tail) -> int:
        """Make one slice; how many blocks' work it was."""
        extent, batch, plan = tail.extent, WriteBatch(raw_mode=True), self._plan
        start = tail.prefix + keys.pack_time(extent.rows_from)
        count = self._blocks_due(extent)
        found = self._database.values(start, count * plan.rows, count * plan.size, backwards=False)
        rows = inside(found, 0, MAX_TIME, descending=False)
        size = sum(map(len, rows))
        if len(rows) > plan.rows and size < count * plan.size:
            # What is left over is no block of its own yet.
            del rows[len(rows) // plan.rows * plan.rows :]
        if len(rows) < plan.rows and size < plan.size:
            # Fewer than were counted: some were replaced, or removed.
            extent.rows = len(rows)
            extent.rows_from = row_time(rows[0]) if rows else MAX_TIME + 1
        else:
            self._seal_rows(resource, tail, rows, batch)
        batch.put(tail.metadata_key, tail.metadata_row())
        self._commit.write_apart(batch)
        return count

    def _blocks_due(self, extent: Extent) -> int:
        """How many blocks a slice is to make of a resource's rows."""
        if extent.rows_from < extent.blocks_until:
            # What came late goes into one block, whatever else is read.
            return 1
        return max(1, min(1 + (extent.rows - self._plan.due) // self._plan.rows, SLICE_BLOCKS))

    def _seal_rows(self, resource: Resource, tail: Tail, rows: list[bytes], batch: WriteBatch) -> None:
        extent = tail.extent
        if row_time(rows[0]) >= extent.blocks_until:
            gone: list[Block] = []
            entries, last = rows, row_time(rows[-1])
        else:
            gone, entries, last = self._folded(tail, rows)
        space = keys.block_prefix(tail.prefix)
        for block in gone:
            batch.delete(space + keys.pack_time(block.oldest))
            self._blocks.dropped(tail.prefix, block.oldest)
        front = members(resource)
        for part in self._parts(entries):
            oldest = row_time(part[0])
            batch.put(space + keys.pack_time(oldest), pack_block(front, part[::-1]))
            self._blocks.added(tail.prefix, oldest)
        batch.delete_range(tail.prefix + keys.pack_time(row_time(rows[0])), tail.prefix + keys.pack_time(last + 1))
        if extent.fence:
            batch.delete(keys.fence_before(tail.prefix, extent.fence))
        batch.put(keys.fence_before(tail.prefix, last + 1), keys.FENCE)
        extent.rows_from = extent.fence = last + 1
        if extent.rows != UNCOUNTED:
            extent.rows = max(0, extent.rows - bisect_right(rows, last, key=row_time))
        if entries:
            extent.blocks_until = max(extent.blocks_until, row_time(entries[-1]) + 1)

    def _folded(self, tail: Tail, rows: list[bytes]) -> tuple[list[Block], list[bytes], int]:
        """The blocks that the first of the rows go into, what takes their place, and the time of the last such row."""
        first = row_time(rows[0])
        base = self._blocks.at(tail.prefix, first)
        following = self._blocks.after(tail.prefix, first)
        gone = [] if base is None else [base]
        while True:
            last = row_time(rows[-1]) if following is None else min(row_time(rows[-1]), following.oldest - 1)
            entries = _merged(gone, [row for row in rows if row_time(row) <= last])
            # A block that would be small takes the next one in, or small ones would gather.
            if following is None or len(entries) >= self._plan.rows // 2 or len(gone) > 1:
                return gone, entries, last
            gone.append(following)
            following = self._blocks.after(tail.prefix, following.oldest)

    def _parts(self, rows: list[bytes]) -> list[list[bytes]]:
        """Rows parted evenly, so that no part is over the plan's rows, nor over its bytes by much."""
        if not rows:
            return []
        count = max(-(-len(rows) // self._plan.rows), -(-sum(map(len, rows)) // self._plan.size))
        step = -(-len(rows) // count)
        return [rows[start : start + step] for start in range(0, len(rows), step)]


def _merged(blocks: Sequence[Block], rows: Sequence[bytes]) -> list[bytes]:
    """The entries of the blocks as the rows change them, oldest first."""
    by_time = {row_time(row): row for block in blocks for row in block.rows(0, block.count)}
    by_time.update((row_time(row), row) for row in rows)
    return [by_time[time] for time in sorted(by_time) if is_entry(by_time[time])]
