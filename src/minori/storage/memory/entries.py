"""Data entries in memory: the reference driver, plain enough to be the oracle of every other."""

from asyncio import Future, get_running_loop
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Mapping

from minori.codec.entry import encode_row
from minori.model.entry import (
    CategoryKey,
    CategoryPage,
    DataEntry,
    EntryPage,
    EntryWrite,
    Forgotten,
    ResourcePage,
    TimeRange,
    Written,
)
from minori.model.resource import Resource, ResourceMetadata, ResourceType
from minori.model.statistics import Interval
from minori.storage.base import (
    Confirmation,
    EntryCounts,
    EntryExamination,
    EntryRetention,
    EntryStore,
    EntryStoreOptions,
    Examined,
    StoreStatus,
)


async def open_entries(
    url: str,  # noqa: ARG001 - every driver is opened alike
    options: EntryStoreOptions,  # noqa: ARG001 - every driver is opened alike
) -> EntryStore:
    """A new, empty store; nothing ever waits in it, so it needs neither `url` nor `options`."""
    return MemoryEntryStore()


class MemoryEntryStore(EntryStore):
    """Entries in dictionaries. Stable storage is the one promise it cannot keep."""

    def __init__(self) -> None:
        self._entries: dict[Resource, dict[int, DataEntry]] = {}
        self._times: dict[Resource, list[int]] = {}
        self._metadata: dict[Resource, ResourceMetadata] = {}
        self._received: dict[Resource, Counter[int]] = {}
        self.counts = MemoryEntryCounts(self._received)
        self.retention = MemoryEntryRetention(self._entries, self._times)
        self.examination = MemoryEntryExamination(self._entries)

    def put(self, *writes: EntryWrite) -> "Future[tuple[Written, ...]]":
        """See `EntryStore.put`."""
        done: Future[tuple[Written, ...]] = get_running_loop().create_future()
        done.set_result(tuple([self._put(write) for write in writes]))
        return done

    def add(self, write: EntryWrite) -> tuple[Written, Confirmation]:
        """See `EntryStore.add`."""
        confirmation = Confirmation()
        get_running_loop().call_soon(confirmation.settle)
        return self._put(write), confirmation

    def _put(self, write: EntryWrite) -> Written:
        resource = write.entry.resource
        entries = self._entries.setdefault(resource, {})
        time = write.entry.time
        while not write.exact and time in entries:
            time += 1
        overwrote = time in entries
        if not overwrote:
            insort(self._times.setdefault(resource, []), time)
        entries[time] = write.entry.at(time)
        self._metadata[resource] = write.touch(self._metadata.get(resource))
        self._received.setdefault(resource, Counter())[write.received // Interval.FIVE_MINUTES] += 1
        return Written(time, overwrote)

    async def delete(self, resource: Resource, time: int) -> bool:
        """See `EntryStore.delete`."""
        if self._entries.get(resource, {}).pop(time, None) is None:
            return False
        self._times[resource].remove(time)
        return True

    async def get(self, resource: Resource, time: int) -> bytes | None:
        """See `EntryStore.get`."""
        entry = self._entries.get(resource, {}).get(time)
        return None if entry is None else encode_row(entry)

    async def query(self, resource: Resource, span: TimeRange, after: int | None = None) -> EntryPage:
        """See `EntryStore.query`."""
        first, last = span.bounds(after)
        times = self._times.get(resource, [])
        inside = times[bisect_left(times, first) : bisect_right(times, last)]
        ordered = inside[::-1] if span.descending else inside
        page = ordered[: span.limit]
        rows = [encode_row(self._entries[resource][time]) for time in page]
        return EntryPage(rows, page[-1] if len(ordered) > span.limit else None)

    async def query_category(
        self, account: str, category: str, span: TimeRange, after: CategoryKey | None = None
    ) -> CategoryPage:
        """See `EntryStore.query_category`."""
        found = [
            (CategoryKey(time, resource.type, resource.id), entry)
            for resource, entries in self._entries.items()
            if resource.account == account
            for time, entry in entries.items()
            if entry.category == category and span.first <= time <= span.last
        ]
        found.sort(key=lambda pair: pair[0].order(), reverse=span.descending)
        if after is not None:
            place = after.order()
            beyond = place.__gt__ if span.descending else place.__lt__
            found = [pair for pair in found if beyond(pair[0].order())]
        page = found[: span.limit]
        rows = [(entry.resource, encode_row(entry)) for _, entry in page]
        return CategoryPage(rows, page[-1][0] if len(found) > span.limit else None)

    async def resources(
        self, account: str, kind: ResourceType | None, after: tuple[ResourceType, str] | None, limit: int
    ) -> ResourcePage:
        """See `EntryStore.resources`."""
        found = sorted(
            (
                metadata
                for resource, metadata in self._metadata.items()
                if resource.account == account
                and (kind is None or resource.type is kind)
                and (after is None or _order(resource.type, resource.id) > _order(*after))
            ),
            key=lambda metadata: _order(metadata.resource.type, metadata.resource.id),
        )
        return ResourcePage(found[:limit], len(found) > limit)

    def status(self) -> StoreStatus:
        """See `EntryStore.status`."""
        return StoreStatus(0, 0, None)

    async def close(self) -> None:
        """See `EntryStore.close`."""


class MemoryEntryCounts(EntryCounts):
    """Sums of what was received in each five minutes."""

    def __init__(self, received: Mapping[Resource, Mapping[int, int]]) -> None:
        self._received = received

    async def counts(self, resource: Resource, interval: Interval, first: int, last: int) -> Mapping[int, int]:
        """See `EntryCounts.counts`."""
        found: Counter[int] = Counter()
        for slot, count in self._received.get(resource, {}).items():
            number = slot * Interval.FIVE_MINUTES // interval
            if first // interval <= number <= last // interval:
                found[number * interval] += count
        return found if first <= last else {}


class MemoryEntryRetention(EntryRetention):
    """Takes entries out of the dictionaries of the store."""

    def __init__(self, entries: dict[Resource, dict[int, DataEntry]], times: dict[Resource, list[int]]) -> None:
        self._entries = entries
        self._times = times
        self._horizon: int | None = None

    async def forget(self, resource: Resource, before: int, limit: int, after: int | None = None) -> Forgotten:
        """See `EntryRetention.forget`."""
        times = self._times.get(resource, [])
        old = [time for time in times if time < before and (after is None or time > after)]
        gone = old[:limit]
        for time in gone:
            times.remove(time)
            del self._entries[resource][time]
        return Forgotten(len(gone), gone[-1] if len(old) > limit else None)

    async def resources(self, after: Resource | None, limit: int) -> list[Resource]:
        """See `EntryRetention.resources`."""
        beyond = [each for each in self._entries if after is None or _place(each) > _place(after)]
        return sorted(beyond, key=_place)[:limit]

    async def release(self) -> None:
        """See `EntryRetention.release`."""

    async def horizon(self) -> int | None:
        """See `EntryRetention.horizon`."""
        return self._horizon

    async def set_horizon(self, time: int) -> None:
        """See `EntryRetention.set_horizon`."""
        self._horizon = time


class MemoryEntryExamination(EntryExamination):
    """Counts; there is only one of everything, so that nothing can disagree."""

    def __init__(self, entries: Mapping[Resource, Mapping[int, DataEntry]]) -> None:
        self._entries = entries

    async def examine(self, after: bytes | None, limit: int) -> Examined:  # noqa: ARG002 - all of it at once
        """See `EntryExamination.examine`."""
        count = await self.size()
        return Examined(count, count, (), None)

    async def size(self) -> int:
        """See `EntryExamination.size`."""
        return sum(map(len, self._entries.values()))


def _place(resource: Resource) -> tuple[bytes, bytes, bytes]:
    return resource.account.encode(), *_order(resource.type, resource.id)


def _order(kind: ResourceType, resource_id: str) -> tuple[bytes, bytes]:
    return kind.encode(), resource_id.encode()
