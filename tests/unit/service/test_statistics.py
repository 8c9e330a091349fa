"""Counts of writes by period, and the small tables that are made of them and of the catalog."""

import asyncio
import csv
import io
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest
from msgspec import to_builtins

from minori.model.entry import DataEntry, EntryWrite
from minori.model.export import ExportedBytes, ExportJob, StatisticsRange
from minori.model.registry import Group, Sim
from minori.model.resource import Resource, ResourceType
from minori.model.statistics import Period
from minori.service import exported_tables
from minori.service.exported_tables import FOREIGN_COLUMNS, HARVEST_COLUMNS, SUBSCRIBER_COLUMNS, TableExporter
from minori.service.exports import Output
from minori.service.statistics import StatisticsService
from minori.storage.base import Put
from minori.storage.memory.blobs import MemoryBlobStore
from minori.storage.memory.catalog import MemoryCatalog
from minori.storage.memory.entries import MemoryEntryStore

OPERATOR = "OP0000000001"
METER = Resource(OPERATOR, ResourceType.SUBSCRIBER, "001010000000001")
Table = Callable[[ExportJob, Output], Awaitable[None]]


def at(*moment: int) -> int:
    year, month, day, hour, minute, second = (*moment, 0, 0, 0)[:6]
    return int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp())


class House:
    def __init__(self) -> None:
        self.store = MemoryEntryStore()
        self.catalog = MemoryCatalog()
        self.statistics = StatisticsService(self.store.counts, self.catalog, lambda: at(2025, 3, 4) * 1000)
        self.tables = TableExporter(self.catalog, self.store, self.statistics)

    async def receive(self, *moments: tuple[int, ...], resource: Resource = METER) -> None:
        for moment in moments:
            await self.store.put(EntryWrite(DataEntry(resource, 1, "1", "text/plain"), at(*moment) * 1000, exact=False))

    async def table(self, table: Table, wanted: StatisticsRange | None = None, operation: str = "") -> list[list[str]]:
        writer = await (blobs := MemoryBlobStore()).writer()
        output = Output()
        output.begin(writer)
        await table(ExportJob("fe_1", OPERATOR, operation, to_builtins(wanted) or {}, "a", "b", 1), output)
        blob = await writer.commit()
        reader = await blobs.open(blob.blob_id)
        assert reader is not None
        text = (await reader.read(0, blob.size)).decode()
        assert text.startswith("\ufeff")
        lines = list(csv.reader(io.StringIO(text[1:], newline="")))
        assert output.entries == len(lines) - 1
        return lines


MOMENTS = [
    (2025, 1, 31, 23, 59, 59),
    (2025, 2, 1),
    (2025, 2, 1, 0, 4, 59),
    (2025, 2, 1, 0, 5),
    (2025, 2, 28, 23, 59, 59),
    (2025, 3, 1),
]


@pytest.mark.parametrize(
    ("period", "first", "last", "counts"),
    [
        (Period.MONTH, (2025, 2, 14), (2025, 2, 14), {(2025, 2, 1): 4}),
        (Period.MONTH, (2025, 1, 31), (2025, 3, 1), {(2025, 1, 1): 1, (2025, 2, 1): 4, (2025, 3, 1): 1}),
        (Period.DAY, (2025, 2, 1, 12), (2025, 2, 28), {(2025, 2, 1): 3, (2025, 2, 28): 1}),
        (Period.MINUTES, (2025, 2, 1, 0, 2), (2025, 2, 1, 0, 6), {(2025, 2, 1): 2, (2025, 2, 1, 0, 5): 1}),
        (
            Period.MINUTES,
            (2025, 1, 31, 23, 59),
            (2025, 3, 1),
            {
                (2025, 1, 31, 23, 55): 1,
                (2025, 2, 1): 2,
                (2025, 2, 1, 0, 5): 1,
                (2025, 2, 28, 23, 55): 1,
                (2025, 3, 1): 1,
            },
        ),
        (Period.MINUTES, (2025, 2, 1), (2025, 2, 1, 0, 4), {(2025, 2, 1): 2}),
        (Period.MONTH, (2024, 1, 1), (2024, 12, 31), {}),
        (Period.MINUTES, (2025, 2, 1, 0, 10), (2025, 2, 1, 1), {}),
    ],
)
def test_writes_are_summed_up_over_whole_periods_in_order(
    period: Period, first: tuple[int, ...], last: tuple[int, ...], counts: dict[tuple[int, ...], int]
) -> None:
    async def story() -> None:
        house = House()
        await house.receive(*reversed(MOMENTS))
        writes = await house.statistics.writes(METER, StatisticsRange(at(*first), at(*last), period))
        assert list(writes.items()) == [(at(*moment), count) for moment, count in counts.items()]

    asyncio.run(story())


def test_exported_bytes_are_those_of_the_month_and_the_operator() -> None:
    async def story() -> None:
        house = House()
        assert house.statistics.this_month() == "202503"
        await house.catalog.apply(
            Put(ExportedBytes.of(OPERATOR, "202503", 7)), Put(ExportedBytes.of("OP2", "202502", 9))
        )
        assert await house.statistics.exported_bytes(OPERATOR, "202503") == 7
        assert await house.statistics.exported_bytes(OPERATOR, "202502") == 0

    asyncio.run(story())


@pytest.mark.parametrize(
    ("period", "dates"),
    [
        (Period.MONTH, ["202501", "202502", "202503"]),
        (Period.DAY, ["20250131", "20250201", "20250228", "20250301"]),
        (Period.MINUTES, ["202501312355", "202502010000", "202502010005", "202502282355", "202503010000"]),
    ],
)
def test_the_table_of_writes_has_a_line_a_subscriber_and_period(
    period: Period, dates: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exported_tables, "PAGE", 2)

    async def story() -> None:
        house = House()
        names = ["001010000000001", "001010000000002", "001010000000003"]
        for name in names:
            await house.receive(*MOMENTS, resource=Resource(OPERATOR, ResourceType.SUBSCRIBER, name))
        await house.receive(*MOMENTS, resource=Resource(OPERATOR, ResourceType.DEVICE, "d"))
        await house.receive(*MOMENTS, resource=Resource("OP2", ResourceType.SUBSCRIBER, "x"))
        wanted = StatisticsRange(at(2025, 1, 31), at(2025, 3, 1), period)
        header, *lines = await house.table(house.tables.harvest_statistics, wanted)
        assert header == list(HARVEST_COLUMNS)
        assert [line[:2] for line in lines] == [[name, date] for name in names for date in dates]
        assert {line[2] for line in lines} == {"write"}
        assert sum(int(line[3]) for line in lines) == 3 * len(MOMENTS)

    asyncio.run(story())


@pytest.mark.parametrize("operation", FOREIGN_COLUMNS)
def test_the_table_of_what_is_not_done_here_is_a_header(operation: str) -> None:
    async def story() -> None:
        house = House()
        assert await house.table(house.tables.foreign_statistics, operation=operation) == [
            list(FOREIGN_COLUMNS[operation])
        ]

    asyncio.run(story())


def test_the_table_of_subscribers_has_a_line_for_each_of_the_operators_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exported_tables, "PAGE", 2)

    async def story() -> None:
        house = House()
        group = Group("g1", OPERATOR, {"name": "plänt, 1"}, {}, 1, 2)
        sims = [Sim(f"sim{number}", f"imsi{number}", OPERATOR, None, "active", {}, 3, 4) for number in range(5)]
        sims[1] = Sim("sim1", "imsi1", OPERATOR, "g1", "inactive", {"name": "pump", "at": 'a"b'}, 5, 6)
        sims[2] = Sim("sim2", "imsi2", OPERATOR, "gone", "active", {}, 3, 4)
        other = Sim("sim9", "imsi9", "OP2", None, "active", {}, 3, 4)
        await house.catalog.apply(Put(group), Put(other), *map(Put, sims))
        header, *lines = await house.table(house.tables.subscribers)
        assert header == list(SUBSCRIBER_COLUMNS)
        assert [line[0] for line in lines] == ["imsi0", "imsi1", "imsi2", "imsi3", "imsi4"]
        assert lines[0] == ["imsi0", "sim0", OPERATOR, "active", "", "", "3", "4", "", "{}"]
        tags = '{"name":"pump","at":"a\\"b"}'
        assert lines[1] == ["imsi1", "sim1", OPERATOR, "inactive", "g1", "plänt, 1", "5", "6", "pump", tags]
        assert lines[2][4:6] == ["gone", ""]

    asyncio.run(story())
