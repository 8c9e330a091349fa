"""The smaller exports, all of them CSV: subscribers, and statistics."""

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from minori.codec.entry import encode_json
from minori.codec.tabular import CsvWriter
from minori.model.account import operator_of
from minori.model.export import ExportJob, StatisticsRange
from minori.model.registry import Group, Sim
from minori.model.resource import ResourceType
from minori.model.statistics import Period
from minori.service.exports import Output
from minori.service.pace import Pace
from minori.service.statistics import StatisticsService
from minori.storage.base import Catalog, EntryStore

EXPORT_HARVEST, EXPORT_SUBSCRIBERS = "exportHarvestStats", "exportSubscribers"
"""The operations (spec)."""

WRITE = "write"
"""What the one kind of write is called in statistics (our choice)."""

PAGE = 200
"""Records read at once."""

HARVEST_COLUMNS = ("imsi", "date", "soracomHarvestType", "count")
"""By analogy with those of Beam and Funk (our choice)."""

SUBSCRIBER_COLUMNS = (
    "imsi",
    "simId",
    "operatorId",
    "status",
    "groupId",
    "groupName",
    "createdTime",
    "lastModifiedTime",
    "name",
    "tags",
)
"""The scalar members of a subscriber, its group, its display name, and all its tags as JSON (our choice)."""

FOREIGN_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "exportAirStats": (
        "imsi",
        "date",
        "type",
        "uploadByteSizeTotal",
        "uploadPacketCountTotal",
        "downloadByteSizeTotal",
        "downloadPacketCountTotal",
    ),
    "exportBeamStats": ("imsi", "date", "soracomBeamType", "count"),
    "exportFunkStats": ("imsi", "date", "soracomFunkType", "count"),
    "exportFunnelStats": ("imsi", "date", "soracomFunnelType", "count"),
}
"""The columns of statistics about what Minori does not do (documented; Funnel's by analogy), by operation."""

_DATES = {Period.MONTH: "%Y%m", Period.DAY: "%Y%m%d", Period.MINUTES: "%Y%m%d%H%M"}


class TableExporter:
    """Writes the small tables down, a page of records at a time."""

    def __init__(self, catalog: Catalog, store: EntryStore, statistics: StatisticsService) -> None:
        self._catalog = catalog
        self._store = store
        self._statistics = statistics

    async def harvest_statistics(self, job: ExportJob, output: Output) -> None:
        """Writes of every subscriber that ever sent data, also of those that are no more (documented)."""
        wanted = msgspec.convert(job.parameters, StatisticsRange)
        form, pace, lines = _DATES[wanted.period], Pace(self._store), CsvWriter(HARVEST_COLUMNS)
        after: tuple[ResourceType, str] | None = None
        more = True
        while more:
            page = await self._store.resources(job.account, ResourceType.SUBSCRIBER, after, PAGE)
            more = page.more
            for metadata in page.resources:
                imsi = metadata.resource.id
                after = (ResourceType.SUBSCRIBER, imsi)
                writes = await self._statistics.writes(metadata.resource, wanted)
                days = [(datetime.fromtimestamp(second, UTC).strftime(form), count) for second, count in writes.items()]
                lines.write((imsi, date, WRITE, count) for date, count in days)
                output.entries += len(days)
                await output.write(lines.take())
                await pace.rest()
        await output.write(lines.take())

    async def foreign_statistics(self, job: ExportJob, output: Output) -> None:
        """The header alone: there is nothing to count."""
        await output.write(CsvWriter(FOREIGN_COLUMNS[job.operation]).take())

    async def subscribers(self, job: ExportJob, output: Output) -> None:
        """A line a subscriber, in order of SIM ids."""
        groups = await self._catalog.find(Group, {"account": job.account})
        names = {group.group_id: group.tags.get("name") for group in groups}
        lines = CsvWriter(SUBSCRIBER_COLUMNS)
        after: str | None = None
        while True:
            sims = await self._catalog.find(Sim, {"account": job.account}, after, PAGE)
            lines.write(_subscriber(sim, names) for sim in sims)
            output.entries += len(sims)
            await output.write(lines.take())
            if len(sims) < PAGE:
                return
            after = sims[-1].sim_id


def _subscriber(sim: Sim, groups: Mapping[str, str | None]) -> tuple[str | int | None, ...]:
    group_name = groups.get(sim.group_id) if sim.group_id else None
    named = (sim.imsi, sim.sim_id, operator_of(sim.account), sim.status, sim.group_id, group_name)
    tags = encode_json(sim.tags).decode()
    return (*named, sim.created_time, sim.last_modified_time, sim.tags.get("name"), tags)
