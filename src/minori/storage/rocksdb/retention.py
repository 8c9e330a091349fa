"""How old entries are forgotten, in the same batches as others are written.

Every row is removed by a key of its own. RocksDB is told to rewrite a file in which many removals stand close
together (`database`), and does so in the background, from the newest files down to those that hold the rows:
that is what frees the disk.
"""

from asyncio import Future, get_running_loop, shield, wait
from typing import Final

from minori.codec.entry import row_time
from minori.model.entry import Forgotten
from minori.model.resource import Resource
from minori.storage.base import EntryRetention
from minori.storage.rocksdb import keys
from minori.storage.rocksdb.commit import GroupCommit
from minori.storage.rocksdb.database import Database
from minori.storage.rocksdb.rows import inside, uncategorise
from minori.storage.rocksdb.tail import Tails

SLICE_BYTES: Final = 1024 * 1024
"""Bytes of rows after which a slice is cut, whatever its limit (our choice): they have to be read."""


class RocksDBEntryRetention(EntryRetention):
    """Removes rows from the oldest on."""

    def __init__(self, database: Database, commit: GroupCommit, tails: Tails) -> None:
        self._database = database
        self._commit = commit
        self._tails = tails
        self._releasing: Future[None] | None = None

    async def forget(self, resource: Resource, before: int, limit: int, after: int | None = None) -> Forgotten:
        """See `EntryRetention.forget`."""
        self._commit.admit()
        prefix = keys.entry_prefix(resource)
        first = 0 if after is None else after + 1
        found = self._database.values(prefix + keys.pack_time(first), limit + 1, SLICE_BYTES, backwards=False)
        scanned = len(found)
        rows = inside(found, first, before - 1, descending=False)
        # As with a page: a scan that is neither full nor cut for its bytes ends at a fence.
        more = len(rows) == scanned and scanned > 0
        del rows[limit:]
        gone = [row_time(row) for row in rows if self._remove(resource, prefix, row)]
        if gone:
            tail = self._tails.get(resource)
            if tail is not None:
                for time in gone:
                    tail.freed(time)
            await self._commit.confirmed(None)
        return Forgotten(len(gone), row_time(rows[-1]) if more else None)

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

    def _remove(self, resource: Resource, prefix: bytes, row: bytes) -> bool:
        """Remove a row, unless it is being changed: what it is now is not what was read."""
        key = prefix + keys.pack_time(row_time(row))
        if self._commit.changes(key):
            return False
        uncategorise(resource, row, self._commit)
        self._commit.delete(key)
        return True
