"""How old entries are forgotten, in a batch of their own while nothing waits to be written.

Rows go by their range, blocks by their keys, and a block of which a part goes is written anew without it. RocksDB is
told to rewrite a file in which many removals stand close together (`database`), and does so in the background, from
the newest files down to those that hold what is removed: that is what frees the disk.
"""

from asyncio import Future, get_running_loop, shield, wait
from collections.abc import Sequence
from functools import partial
from typing import Final

from rocksdict import WriteBatch

from minori.codec.block import Block, pack_block
from minori.codec.entry import members, row_time
from minori.model.entry import Forgotten
from minori.model.resource import Resource
from minori.storage.base import EntryRetention
from minori.storage.rocksdb import keys
from minori.storage.rocksdb.blocks import Blocks
from minori.storage.rocksdb.commit import GroupCommit
from minori.storage.rocksdb.database import Database
from minori.storage.rocksdb.pages import Reading
from minori.storage.rocksdb.recent import Recent
from minori.storage.rocksdb.rows import place_in_category
from minori.storage.rocksdb.tail import Tail, Tails

SLICE_BYTES: Final = 1024 * 1024
"""Bytes of rows after which a slice is cut, whatever its limit (our choice): they have to be read."""


class RocksDBEntryRetention(EntryRetention):
    """Removes rows from the oldest on."""

    def __init__(self, database: Database, commit: GroupCommit, tails: Tails, recent: Recent, blocks: Blocks) -> None:
        self._database = database
        self._commit = commit
        self._tails = tails
        self._recent = recent
        self._blocks = blocks
        self._releasing: Future[None] | None = None

    async def forget(self, resource: Resource, before: int, limit: int, after: int | None = None) -> Forgotten:
        """See `EntryRetention.forget`."""
        self._commit.admit()
        first = 0 if after is None else after + 1
        if first >= before:
            return Forgotten(0, None)
        return await self._commit.apart(partial(self._forget, resource, first, before - 1, limit))

    async def resources(self, after: Resource | None, limit: int) -> list[Resource]:
        """See `EntryRetention.resources`."""
        start = keys.METADATA if after is None else keys.metadata_key(after) + b"\0"
        found = self._database.keys(start, limit, keys.METADATA, backwards=False)
        return [keys.parse_resource(key) for key in found]

    async def release(self) -> None:
        """See `EntryRetention.release`."""
        self._releasing = get_running_loop().run_in_executor(None, self._database.flush)
        # The thread goes on even if nobody waits for it any more.
        await shield(self._releasing)

    async def horizon(self) -> int | None:
        """See `EntryRetention.horizon`."""
        kept = self._database.get(keys.HORIZON)
        return None if kept is None else keys.unpack_time(kept)

    async def set_horizon(self, time: int) -> None:
        """See `EntryRetention.set_horizon`."""
        self._commit.admit()
        self._commit.put(keys.HORIZON, keys.pack_time(time))
        await self._commit.confirmed(None)

    async def close(self) -> None:
        """Wait for the thread that may still use the database."""
        if self._releasing is not None:
            await wait([self._releasing])

    def _forget(self, resource: Resource, first: int, last: int, limit: int) -> tuple[WriteBatch, Forgotten]:
        batch, extent = WriteBatch(raw_mode=True), self._tails.extent(resource)
        if extent is None:
            return batch, Forgotten(0, None)
        prefix = keys.entry_prefix(resource)
        reading = Reading(self._database, self._blocks, prefix, extent, limit + 1, SLICE_BYTES, descending=False)
        found = reading.read(first, last)
        has_more = reading.is_over
        found.cut(limit)
        rows = found.rows(members(resource))
        tail = self._tails.find(resource) if rows else None
        if tail is not None:
            self._remove(resource, tail, rows, (first, found.last_time), batch)
        return batch, Forgotten(len(rows), found.last_time if has_more else None)

    def _remove(
        self, resource: Resource, tail: Tail, rows: Sequence[bytes], bounds: tuple[int, int], batch: WriteBatch
    ) -> None:
        """Remove all entries within the bounds, which are these rows."""
        for row in rows:
            tail.freed(row_time(row))
            place = place_in_category(resource, row)
            if place is not None:
                batch.delete(place)
        first, last = bounds
        for block in list(self._blocks.within(tail.prefix, first, last, descending=False)):
            self._shorten(resource, tail, block, bounds, batch)
        batch.delete_range(tail.prefix + keys.pack_time(first), tail.prefix + keys.pack_time(last + 1))
        extent = tail.extent
        if first <= extent.rows_from <= last:
            extent.rows_from = last + 1
        if first < extent.fence <= last + 1:
            # It went with the range.
            extent.fence = extent.rows_from
            batch.put(keys.fence_before(tail.prefix, extent.fence), keys.FENCE)
        batch.put(tail.metadata_key, tail.metadata_row())
        self._recent.forget(tail.prefix)

    def _shorten(
        self, resource: Resource, tail: Tail, block: Block, bounds: tuple[int, int], batch: WriteBatch
    ) -> None:
        """Leave of a block what is outside the bounds."""
        begin, end = block.span(*bounds)
        left = block.rows(0, begin) + block.rows(end, block.count)
        space = keys.block_prefix(tail.prefix)
        batch.delete(space + keys.pack_time(block.oldest))
        self._blocks.dropped(tail.prefix, block.oldest)
        if left:
            oldest = row_time(left[-1])
            batch.put(space + keys.pack_time(oldest), pack_block(members(resource), left))
            self._blocks.added(tail.prefix, oldest)
