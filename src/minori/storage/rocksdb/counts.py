"""How many writes a resource received when, kept in the same batches as the entries.

The five minutes and the day that are under way stand in the resource's metadata row, which every commit
writes anyhow. Once they are over they become rows of their own, written once.
"""

import struct
from typing import Final

from minori.model.resource import Resource
from minori.model.statistics import SLOTS_A_DAY, Interval
from minori.storage.base import EntryCounts
from minori.storage.rocksdb import keys
from minori.storage.rocksdb.commit import GroupCommit
from minori.storage.rocksdb.database import Database

_state: Final = struct.Struct(">QQQQ")
_SLOT: Final = int(Interval.FIVE_MINUTES)


class Counter:
    """The writes of the five minutes (`slot`, their number since UNIX time 0) and of the day that are under way."""

    __slots__ = ("in_day", "in_slot", "slot")

    def __init__(self, slot: int = -1, in_slot: int = 0, in_day: int = 0) -> None:
        self.slot = slot
        self.in_slot = in_slot
        self.in_day = in_day

    def count(self, received: int, metadata_key: bytes, commit: GroupCommit, writes: int = 1) -> None:
        """Count writes received at this time, in UNIX ms. What is over becomes rows of the next commit."""
        slot = received // _SLOT
        if slot != self.slot:
            self._turn(slot, metadata_key, commit)
        self.in_slot += writes
        self.in_day += writes

    def _turn(self, slot: int, metadata_key: bytes, commit: GroupCommit) -> None:
        """Go to another five minutes: the next ones, later ones, or, where the clock was set back, earlier ones."""
        old, self.slot = self.slot, slot
        if old >= 0:
            commit.put(_key(Interval.FIVE_MINUTES, metadata_key, old), keys.pack_time(self.in_slot))
        self.in_slot = _kept(commit.current(_key(Interval.FIVE_MINUTES, metadata_key, slot)))
        day, old_day = slot // SLOTS_A_DAY, old // SLOTS_A_DAY
        if day == old_day:
            return
        if old >= 0:
            commit.put(_key(Interval.DAY, metadata_key, old_day), keys.pack_time(self.in_day))
        self.in_day = _kept(commit.current(_key(Interval.DAY, metadata_key, day)))


def pack_metadata(last_modified: int, counter: Counter) -> bytes:
    """The value of a metadata row."""
    return _state.pack(last_modified, counter.slot, counter.in_slot, counter.in_day)


def unpack_metadata(value: bytes) -> tuple[int, Counter]:
    """When the resource was last written, and its counter."""
    last_modified, slot, in_slot, in_day = _state.unpack(value)
    return last_modified, Counter(slot, in_slot, in_day)


class RocksDBEntryCounts(EntryCounts):
    """Counts of finished intervals as rows, of those under way from the metadata row."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def counts(self, resource: Resource, interval: Interval, first: int, last: int) -> dict[int, int]:
        """See `EntryCounts.counts`."""
        metadata_key = keys.metadata_key(resource)
        metadata = self._database.get(metadata_key)
        if metadata is None or first > last:
            return {}
        low, high = max(first, 0) // interval, last // interval
        prefix = _prefix(interval, metadata_key)
        rows = self._database.items(prefix + keys.pack_time(low), prefix + keys.pack_time(high))
        found = {keys.unpack_time(key[len(prefix) :]) * interval: keys.unpack_time(value) for key, value in rows}
        _, counter = unpack_metadata(metadata)
        current = counter.slot if interval is Interval.FIVE_MINUTES else counter.slot // SLOTS_A_DAY
        if low <= current <= high:
            found[current * interval] = counter.in_slot if interval is Interval.FIVE_MINUTES else counter.in_day
        return found


def _prefix(interval: Interval, metadata_key: bytes) -> bytes:
    return b"%b%b\0" % (keys.COUNTS[interval], metadata_key[1:])


def _key(interval: Interval, metadata_key: bytes, number: int) -> bytes:
    return _prefix(interval, metadata_key) + keys.pack_time(number)


def _kept(value: bytes | None) -> int:
    return 0 if value is None else keys.unpack_time(value)
