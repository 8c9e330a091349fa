"""The entry store on RocksDB: where an entry is placed, and how pages are read back."""

from asyncio import Future, get_running_loop, sleep
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from minori.codec.entry import encode_json, is_entry, members, row_at, row_end, tombstone
from minori.model.entry import (
    MAX_TIME,
    CategoryKey,
    CategoryPage,
    EntryPage,
    EntryWrite,
    ResourcePage,
    TimeRange,
    Written,
)
from minori.model.resource import Resource, ResourceMetadata, ResourceType, grow
from minori.storage.base import Confirmation, EntryStore, EntryStoreOptions, StoreStatus
from minori.storage.rocksdb import keys
from minori.storage.rocksdb.blocks import Blocks
from minori.storage.rocksdb.commit import GroupCommit
from minori.storage.rocksdb.counter import Counter
from minori.storage.rocksdb.counts import RocksDBEntryCounts
from minori.storage.rocksdb.database import Database
from minori.storage.rocksdb.examination import RocksDBEntryExamination
from minori.storage.rocksdb.free import FreeTimes
from minori.storage.rocksdb.metadata import Extent, unpack_metadata
from minori.storage.rocksdb.pages import Reading
from minori.storage.rocksdb.recent import Recent
from minori.storage.rocksdb.retention import RocksDBEntryRetention
from minori.storage.rocksdb.rows import category_key, uncategorise
from minori.storage.rocksdb.sealing import SEALING, Sealer, Sealing
from minori.storage.rocksdb.tail import REMEMBERED, Tail, Tails

PAGE_BYTES = 16 * 1024 * 1024
"""Bytes of rows after which a page is cut, whatever its limit (our choice)."""

AT_ONCE = 50
"""Entries of a category that are looked up before the loop turns to others (our choice)."""

AHEAD = 64
"""How many of the newest entries are read at least, to be kept (our choice)."""


async def open_entries(url: str, options: EntryStoreOptions, plan: Sealing = SEALING) -> EntryStore:
    """Open, or make, the store at `rocksdb:///absolute/folder`; the path is taken as it is, unescaped.

    Raises `DataDirectoryBroken`.
    """
    database = Database(Path(url.partition("://")[2]))
    loop = get_running_loop()
    tails = Tails(database, max(REMEMBERED, 2 * options.waiting_writes))
    recent, blocks = Recent(), Blocks(database)
    commit = GroupCommit(database, options, loop, recent.written)
    commit.on_failed = tails.clear
    sealer = Sealer(database, blocks, tails, commit, loop, plan)
    if options.at_rest:
        sealer.close()
    return RocksDBEntryStore(database, commit, tails, recent, blocks, sealer)


class RocksDBEntryStore(EntryStore):
    """Rows under ordered keys. See `keys` for the layout, `commit` for how a write becomes durable."""

    def __init__(
        self, database: Database, commit: GroupCommit, tails: Tails, recent: Recent, blocks: Blocks, sealer: Sealer
    ) -> None:
        self._database = database
        self._commit = commit
        self._tails = tails
        self._recent = recent
        self._blocks = blocks
        self._sealer = sealer
        self._free = FreeTimes(database, blocks, commit)
        self.counts = RocksDBEntryCounts(database)
        self.retention: RocksDBEntryRetention = RocksDBEntryRetention(database, commit, tails, recent, blocks)
        self.examination = RocksDBEntryExamination(database, blocks)

    def put(self, *writes: EntryWrite) -> "Future[tuple[Written, ...]]":
        """See `EntryStore.put`."""
        return self._commit.confirmed(self._commit.made(self._put_several, writes), len(writes))

    def add(self, write: EntryWrite) -> tuple[Written, Confirmation]:
        """See `EntryStore.add`."""
        return self._commit.made(self._put, write), self._commit.joined()

    async def delete(self, resource: Resource, time: int) -> bool:
        """See `EntryStore.delete`."""
        self._commit.admit()
        tail = self._tails.find(resource)
        if tail is None:
            return await self._commit.confirmed(False) if self._commit.status().waiting else False
        key = tail.prefix + keys.pack_time(time)
        row, sealed = self._commit.current(key), self._sealed(tail, time)
        old = sealed if row is None else row
        if old is None or not is_entry(old):
            # A delete that is not yet durable may be why there is none.
            return await self._commit.confirmed(False) if self._commit.status().waiting else False
        uncategorise(resource, old, self._commit)
        if sealed is None:
            self._commit.delete(key)
        else:
            self._mark(tail, time)
            self._commit.put(key, tombstone(time))
            self._commit.put_last(tail.metadata_key, tail.metadata_row)
            self._sealer.note(resource, tail.extent)
        tail.freed(time)
        return await self._commit.confirmed(True)

    async def get(self, resource: Resource, time: int) -> bytes | None:
        """See `EntryStore.get`."""
        return self._get(resource, time)

    async def query(self, resource: Resource, span: TimeRange, after: int | None = None) -> EntryPage:
        """See `EntryStore.query`."""
        first, last = span.bounds(after)
        if first > last:
            return EntryPage((), None)
        prefix = keys.entry_prefix(resource)
        kept = self._recent.page(prefix, first, last, span.limit) if span.descending else None
        if kept is not None:
            return kept
        extent = self._tails.extent(resource)
        if extent is None:
            return EntryPage((), None)
        is_newest = span.descending and last == MAX_TIME
        # Some more are read of the newest, for the next who asks.
        want = max(span.limit, AHEAD if is_newest else 0) + 1
        reading = Reading(
            self._database,
            self._blocks,
            prefix,
            extent,
            want,
            PAGE_BYTES,
            descending=span.descending,
            recent=self._recent,
        )
        found = reading.read(first, last)
        if is_newest and not found.has_blocks:
            self._recent.keep(prefix, found.rows(b""), found.last_time if reading.is_over else first)
        # Over the limit, or cut for its bytes.
        has_more = found.count > span.limit or reading.is_over
        found.cut(span.limit)
        return EntryPage(found.rows(members(resource)), found.last_time if has_more else None)

    async def query_category(
        self, account: str, category: str, span: TimeRange, after: CategoryKey | None = None
    ) -> CategoryPage:
        """See `EntryStore.query_category`."""
        places = self._places(keys.category_prefix(account, category), span, after)
        rows = []
        for number, place in enumerate(places[: span.limit]):
            if number and number % AT_ONCE == 0:
                # Each of them may be in another block: a thousand take as long as many requests of others.
                await sleep(0)
            resource = Resource(account, place.type, place.id)
            row = self._get(resource, place.time)
            if row is not None:
                rows.append((resource, row))
        return CategoryPage(rows, places[span.limit - 1] if len(places) > span.limit else None)

    async def resources(
        self, account: str, kind: ResourceType | None, after: tuple[ResourceType, str] | None, limit: int
    ) -> ResourcePage:
        """See `EntryStore.resources`."""
        every = keys.metadata_prefix(account)
        prefix = start = every if kind is None else every + keys.CODES[kind]
        if after is not None:
            start = max(prefix, keys.metadata_key(Resource(account, *after)) + b"\0")
        found = self._database.keys(start, limit + 1, prefix, backwards=False)
        known = [self._metadata(keys.parse_metadata_key(account, key), key) for key in found[:limit]]
        return ResourcePage([metadata for metadata in known if metadata is not None], len(found) > limit)

    def status(self) -> StoreStatus:
        """See `EntryStore.status`."""
        return self._commit.status()

    async def close(self) -> None:
        """See `EntryStore.close`."""
        self._sealer.close()
        await self.retention.close()
        await self._commit.close()
        self._database.close()

    def _put(self, write: EntryWrite) -> Written:
        end = row_end(write.entry)
        tail = self._tail(write.entry.resource)
        written = self._lay(tail, write, end)
        self._touch(tail, write)
        return written

    def _put_several(self, writes: Sequence[EntryWrite]) -> tuple[Written, ...]:
        ends = [row_end(write.entry) for write in writes]
        tails = self._tails_of(writes)
        written = tuple([self._lay(*laid) for laid in zip(tails, writes, ends, strict=True)])
        # A batch comes from one device at one time, and its items are alike: what they change but for rows is put once.
        first, alike = 0, 0
        for place, write in enumerate(writes):
            begun = writes[first]
            is_alike = write.attribute_names is begun.attribute_names and write.received == begun.received
            if not is_alike or tails[place] is not tails[first]:
                self._touch(tails[first], begun, alike)
                first, alike = place, 0
            alike += 1
        self._touch(tails[first], writes[first], alike)
        return written

    def _tails_of(self, writes: Sequence[EntryWrite]) -> list[Tail]:
        tails: list[Tail] = []
        resource: Resource | None = None
        for write in writes:
            is_same = write.entry.resource is resource
            resource = write.entry.resource
            tails.append(tails[-1] if is_same else self._tail(resource))
        return tails

    def _lay(self, tail: Tail, write: EntryWrite, end: bytes) -> Written:
        entry = write.entry
        time, old = self._place(tail, write)
        if old is not None:
            uncategorise(entry.resource, old, self._commit)
        self._mark(tail, time)
        self._commit.put(tail.prefix + keys.pack_time(time), row_at(time, end))
        if entry.category is not None:
            self._commit.put(category_key(entry.resource, entry.category, time), b"")
        return Written(time, old is not None)

    def _tail(self, resource: Resource) -> Tail:
        tail = self._tails.get(resource) or self._tails.find(resource)
        if tail is None:
            prefix = keys.entry_prefix(resource)
            self._commit.put(prefix, keys.FENCE)
            self._commit.put(keys.last_fence(prefix), keys.FENCE)
            tail = Tail(prefix, keys.metadata_key(resource), -1, Counter(), Extent(rows_from=MAX_TIME + 1))
            self._tails.remember(resource, tail)
        return tail

    def _metadata(self, resource: Resource, key: bytes) -> ResourceMetadata | None:
        kept = self._database.get(key)
        if kept is None:
            return None
        return ResourceMetadata(resource, unpack_metadata(kept)[0], self._tails.names(key))

    def _place(self, tail: Tail, write: EntryWrite) -> tuple[int, bytes | None]:
        time = write.entry.time
        if write.exact:
            old = self._entry(tail, time) if time <= tail.newest else None
            tail.newest = max(tail.newest, time)
            return time, old
        candidate = time = tail.candidate(time)
        if time <= tail.newest and self._entry(tail, time) is not None:
            time = self._free.first(tail, time + 1)
        tail.taken(candidate, time)
        return time, None

    def _entry(self, tail: Tail, time: int) -> bytes | None:
        """The row of an entry, counting what is not yet written, wherever it is."""
        row = self._commit.current(tail.prefix + keys.pack_time(time))
        if row is None:
            return self._sealed(tail, time)
        return row if is_entry(row) else None

    def _mark(self, tail: Tail, time: int) -> None:
        """Note that a row is to be written at this time, which may be before all others."""
        extent = tail.extent
        extent.rows += 1
        if time < extent.rows_from:
            tail.late = min(tail.late, time)
            if time < extent.fence:
                self._commit.delete(keys.fence_before(tail.prefix, extent.fence))

    def _sealed(self, tail: Tail, time: int) -> bytes | None:
        return self._blocks.row(tail.prefix, time) if time < tail.extent.blocks_until else None

    def _get(self, resource: Resource, time: int) -> bytes | None:
        prefix = keys.entry_prefix(resource)
        row = self._database.get(prefix + keys.pack_time(time))
        if row is None:
            return self._blocks.row(prefix, time)
        return row if is_entry(row) else None

    def _touch(self, tail: Tail, write: EntryWrite, writes: int = 1) -> None:
        received, names = write.received, write.attribute_names
        if received > tail.last_modified:  # noqa: PLR1730 - to call `max` would take as long as all else here
            tail.last_modified = received
        if names != tail.seen:
            tail.seen, grown = names, grow(tail.names, names)
            if grown is not tail.names:
                tail.names = grown
                self._commit.put_last(keys.names_key(tail.metadata_key), partial(encode_json, grown))
        tail.counter.count(received, tail.metadata_key, self._commit, writes)
        if not tail.is_noted:
            tail.is_noted = True
            self._commit.put_last(tail.metadata_key, tail.metadata_row)
        if tail.extent.rows >= self._sealer.due_from:
            self._sealer.note(write.entry.resource, tail.extent)

    def _places(self, prefix: bytes, span: TimeRange, after: CategoryKey | None) -> list[CategoryKey]:
        start = prefix + keys.pack_time(span.last if span.descending else span.first)
        start += b"\xff" if span.descending else b""
        if after is not None:
            place = keys.category_key(prefix, after)
            start = min(start, place) if span.descending else max(start, place)
        found = self._database.keys(start, span.limit + 2, prefix, backwards=span.descending)
        places = [keys.parse_category_key(prefix, key) for key in found]
        return [place for place in places if span.first <= place.time <= span.last and place != after]
