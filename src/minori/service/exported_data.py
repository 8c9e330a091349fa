"""The export of data entries: page by page out of the store, through an encoder, into a file."""

import asyncio
from collections.abc import AsyncIterator, Callable

import msgspec

from minori.codec.columns import Columns, decode_rows
from minori.codec.parquet import Parquet
from minori.codec.tabular import Csv, Encoder, JsonLines, Rows
from minori.model.entry import CategoryKey, TimeRange
from minori.model.export import DataExport, ExportJob, Format
from minori.model.resource import Resource, ResourceType
from minori.observe.metrics import Metrics
from minori.service.data import DataService
from minori.service.exports import Output
from minori.service.pace import Pace
from minori.storage.base import EntryStore

EXPORT_DATA = "exportDataEntries"
"""The operation (our own)."""

PAGE = 128
"""Entries read at once: the loop is kept for about a millisecond."""

CATEGORY_PAGE = 64
"""The same for a category, where each entry is sought by itself."""

RESOURCES_PAGE = 50
"""Resources listed at once."""


class DataExporter:
    """Writes data entries down: by resource, and within each by time; those of a category by time."""

    def __init__(self, data: DataService, store: EntryStore, metrics: Metrics) -> None:
        self._data = data
        self._store = store
        self._count_exported = metrics.entries_exported.inc

    async def produce(self, job: ExportJob, output: Output) -> None:
        """See `Producer.produce`. With columns, CSV and Parquet read everything twice: their columns come first."""
        wanted = msgspec.convert(job.parameters, DataExport)
        pace = Pace(self._store)
        columns = None
        if wanted.columns and wanted.format is not Format.JSON_LINES:
            columns = await self._columns(job.account, wanted, output, pace)
        # In a thread: this may load a large library.
        encoder = await asyncio.to_thread(_encoder(wanted, columns))
        call = asyncio.to_thread if encoder.is_slow else _call
        async for rows in self._pages(job.account, wanted):
            encoder.add(rows)
            output.entries += len(rows)
            self._count_exported(len(rows))
            if encoder.is_full:
                await output.write(await call(encoder.flush))
            await pace.rest()
        await output.write(await call(encoder.finish))

    async def _columns(self, account: str, wanted: DataExport, output: Output, pace: Pace) -> Columns:
        columns = Columns(typed=wanted.format is Format.PARQUET)
        async for rows in self._pages(account, wanted):
            columns.learn(decode_rows([row for _, row in rows]))
            output.scanned += len(rows)
            await pace.rest()
        columns.settle()
        return columns

    async def _pages(self, account: str, wanted: DataExport) -> AsyncIterator[Rows]:
        if wanted.category is not None:
            async for rows in self._of_category(account, wanted.category, wanted):
                yield rows
            return
        async for resource in self._resources(account, wanted.resource_type, wanted.resource_id):
            span = TimeRange(wanted.first, wanted.last, descending=False, limit=PAGE)
            after: int | None = None
            while True:
                page = await self._data.entries(resource, span, after)
                yield [(resource, row) for row in page.rows]
                after = page.next_after
                if after is None:
                    break

    async def _of_category(self, account: str, category: str, wanted: DataExport) -> AsyncIterator[Rows]:
        span = TimeRange(wanted.first, wanted.last, descending=False, limit=CATEGORY_PAGE)
        after: CategoryKey | None = None
        while True:
            page = await self._data.category(account, category, span, after)
            yield page.rows
            after = page.next_after
            if after is None:
                return

    async def _resources(
        self, account: str, kind: ResourceType | None, resource_id: str | None
    ) -> AsyncIterator[Resource]:
        if kind is not None and resource_id is not None:
            yield Resource(account, kind, resource_id)
            return
        after: tuple[ResourceType, str] | None = None
        more = True
        while more:
            page = await self._data.resources(account, kind, after, RESOURCES_PAGE)
            more = page.more
            for metadata in page.resources:
                yield metadata.resource
                after = (metadata.resource.type, metadata.resource.id)


async def _call(take: Callable[[], bytes]) -> bytes:
    return take()


def _encoder(wanted: DataExport, columns: Columns | None) -> Callable[[], Encoder]:
    if wanted.format is Format.PARQUET:
        return lambda: Parquet(columns)
    if wanted.format is Format.CSV:
        return lambda: Csv(columns, escape_formulas=wanted.escape_formulas)
    return lambda: JsonLines(parse=wanted.columns)
