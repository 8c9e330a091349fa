"""How many writes a resource received when: counts of finished intervals, and those under way."""

from minori.model.resource import Resource
from minori.model.statistics import SLOTS_A_DAY, Interval
from minori.storage.base import EntryCounts
from minori.storage.rocksdb import keys
from minori.storage.rocksdb.counter import count_prefix
from minori.storage.rocksdb.database import Database
from minori.storage.rocksdb.metadata import unpack_metadata


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
        prefix = count_prefix(interval, metadata_key)
        rows = self._database.items(prefix + keys.pack_time(low), prefix + keys.pack_time(high))
        found = {keys.unpack_time(key[len(prefix) :]) * interval: keys.unpack_time(value) for key, value in rows}
        _, counter, _ = unpack_metadata(metadata)
        current = counter.slot if interval is Interval.FIVE_MINUTES else counter.slot // SLOTS_A_DAY
        if low <= current <= high:
            found[current * interval] = counter.in_slot if interval is Interval.FIVE_MINUTES else counter.in_day
        return found
