"""How often devices wrote, and how much was exported."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping

from minori.model.export import ExportedBytes, StatisticsRange
from minori.model.resource import Resource
from minori.model.statistics import Interval, Period, end_of, month_of, start_of
from minori.storage.base import Catalog, EntryCounts

DAY_MS = int(Interval.DAY)


class StatisticsService:
    """Counts by time of receipt (our choice), in UTC. `clock_ms` gives UNIX ms."""

    def __init__(self, counts: EntryCounts, catalog: Catalog, clock_ms: Callable[[], int]) -> None:
        self._counts = counts
        self._catalog = catalog
        self._clock_ms = clock_ms

    async def writes(self, resource: Resource, wanted: StatisticsRange) -> Mapping[int, int]:
        """The writes of each whole period of a range, by when it began (UNIX s), in order; none without writes."""
        first, end = start_of(wanted.first, wanted.period) * 1000, end_of(wanted.last, wanted.period) * 1000
        if wanted.period is not Period.MINUTES:
            days = await self._counts.counts(resource, Interval.DAY, first, end - 1)
            return _summed_up(days, wanted.period)
        writes: Counter[int] = Counter()
        for day in range(first, end, DAY_MS):
            last = min(day + DAY_MS, end) - 1
            slots = await self._counts.counts(resource, Interval.FIVE_MINUTES, day, last)
            writes.update({time // 1000: count for time, count in sorted(slots.items())})
            await asyncio.sleep(0)
        return writes

    async def exported_bytes(self, account: str, year_month: str) -> int:
        """Bytes of data entries that were exported in a month, `YYYYMM`."""
        kept = await self._catalog.get(ExportedBytes, ExportedBytes.of(account, year_month).key)
        return 0 if kept is None else kept.size

    def this_month(self) -> str:
        """The month it is, `YYYYMM`."""
        return month_of(self._clock_ms())


def _summed_up(days: Mapping[int, int], period: Period) -> Mapping[int, int]:
    writes: Counter[int] = Counter()
    for time, count in sorted(days.items()):
        writes[start_of(time // 1000, period)] += count
    return writes
