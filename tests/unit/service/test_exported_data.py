"""The export of data entries: what of the store is in the file, and in which order."""

import asyncio
import io
import json
from typing import Any

import msgspec
import pytest

from minori.codec.entry import encode_json
from minori.model.entry import DataEntry, EntryWrite
from minori.model.export import DataExport, ExportJob, Format
from minori.model.registry import Sim
from minori.model.resource import Resource, ResourceType
from minori.observe.metrics import Metrics
from minori.service import exported_data
from minori.service.data import DataService
from minori.service.exported_data import EXPORT_DATA, DataExporter
from minori.service.exports import Output
from minori.service.registry import Registry
from minori.service.views import Views
from minori.storage.base import Put
from minori.storage.memory.blobs import MemoryBlobStore
from minori.storage.memory.catalog import MemoryCatalog
from minori.storage.memory.entries import MemoryEntryStore

OPERATOR = "OP0000000001"
JSON = "application/json"
IMSI, SIM_ID = "001010000000001", "8981100000000000001"


def resource(resource_id: str, kind: ResourceType = ResourceType.SUBSCRIBER, operator_id: str = OPERATOR) -> Resource:
    return Resource(operator_id, kind, resource_id)


class House:
    """An entry store with an exporter on it."""

    def __init__(self) -> None:
        self.store = MemoryEntryStore()
        self.catalog = MemoryCatalog()
        self.metrics = Metrics()
        self.output = Output()

    async def put(self, where: Resource, *times: int, content: str = '{"t":1}', category: str | None = None) -> None:
        for time in times:
            await self.store.put(EntryWrite(DataEntry(where, time, content, JSON, category), 1, exact=True))

    async def export(self, wanted: DataExport) -> bytes:
        registry = Registry()
        await Views(self.catalog, registry).refresh()
        exporter = DataExporter(DataService(self.store, registry, self.metrics), self.store, self.metrics)
        parameters = msgspec.json.decode(encode_json(wanted))
        job = ExportJob("fe_1", OPERATOR, EXPORT_DATA, parameters, "a", "b", 1)
        blobs = MemoryBlobStore()
        writer = await blobs.writer()
        self.output = Output()
        self.output.begin(writer)
        await exporter.produce(job, self.output)
        blob = await writer.commit()
        reader = await blobs.open(blob.blob_id)
        assert reader is not None
        return await reader.read(0, blob.size)

    async def entries(self, wanted: DataExport) -> list[tuple[str, str, int]]:
        lines = [json.loads(line) for line in (await self.export(wanted)).splitlines()]
        assert self.output.entries == len(lines)
        return [(line["resourceType"], line["resourceId"], line["time"]) for line in lines]


def subscriber(resource_id: str, *times: int) -> list[tuple[str, str, int]]:
    return [("Subscriber", resource_id, time) for time in times]


def test_everything_is_in_order_of_resources_and_times() -> None:
    async def story() -> None:
        house = House()
        await house.put(resource("b"), 3, 1, 2)
        await house.put(resource("a"), 9)
        await house.put(resource("c", ResourceType.DEVICE), 5)
        await house.put(resource("z", operator_id="OP0000000002"), 5)
        whole = [("Device", "c", 5), *subscriber("a", 9), *subscriber("b", 1, 2, 3)]
        assert await house.entries(DataExport()) == whole
        assert await house.entries(DataExport(ResourceType.SUBSCRIBER)) == whole[1:]
        assert await house.entries(DataExport(ResourceType.SUBSCRIBER, "b")) == whole[2:]
        assert await house.entries(DataExport(ResourceType.DEVICE, "b")) == []
        assert await house.entries(DataExport(first=2, last=5)) == [whole[0], *whole[3:]]

    asyncio.run(story())


def test_a_category_is_in_order_of_times_alone() -> None:
    async def story() -> None:
        house = House()
        await house.put(resource("a"), 1, 3, category="plant")
        await house.put(resource("b"), 2, 3, category="plant")
        await house.put(resource("b"), 5, category="other")
        listed = [*subscriber("a", 1), *subscriber("b", 2), *subscriber("a", 3), *subscriber("b", 3)]
        assert await house.entries(DataExport(category="plant")) == listed
        assert await house.entries(DataExport(category="plant", first=2, last=2)) == listed[1:2]
        assert await house.entries(DataExport(category="none")) == []

    asyncio.run(story())


def test_more_than_a_page_of_everything_is_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exported_data, "RESOURCES_PAGE", 2)

    async def story() -> None:
        house = House()
        times = range(exported_data.PAGE + 1)
        whole = []
        for name in ("a", "b", "c", "d", "e"):
            await house.put(resource(name), *times, category="plant")
            whole += subscriber(name, *times)
        assert await house.entries(DataExport()) == whole
        by_time = sorted(whole, key=lambda entry: entry[2])
        assert await house.entries(DataExport(category="plant")) == by_time

    asyncio.run(story())


def test_sims_are_exported_under_their_sim_ids() -> None:
    async def story() -> None:
        house = House()
        await house.put(resource(IMSI), 1, 2)
        await house.put(resource("no-sim"), 1)
        await house.catalog.apply(Put(Sim(SIM_ID, IMSI, OPERATOR, None, "active", {}, 1, 1)))
        listed = [("Sim", SIM_ID, 1), ("Sim", SIM_ID, 2)]
        assert await house.entries(DataExport(ResourceType.SIM)) == listed
        assert await house.entries(DataExport(ResourceType.SIM, SIM_ID)) == listed
        assert await house.entries(DataExport(ResourceType.SIM, "other")) == []

    asyncio.run(story())


@pytest.mark.parametrize(
    ("written", "scanned"),
    [(Format.CSV, 3), (Format.PARQUET, 3), (Format.JSON_LINES, 0)],
)
def test_columns_are_learned_from_all_that_is_exported_and_from_no_more(written: Format, scanned: int) -> None:
    if written is Format.PARQUET:
        pytest.importorskip("pyarrow")

    async def story() -> None:
        house = House()
        await house.put(resource("a"), 1, content='{"first":1}')
        await house.put(resource("a"), 2, content='{"last":"x"}')
        await house.put(resource("b"), 2, content='{"gps":{"lat":1.50}}')
        await house.put(resource("b"), 3, content='{"outside":1}')
        wanted = DataExport(last=2, format=written, columns=True)
        rows = read(await house.export(wanted), written)
        assert (house.output.scanned, house.output.entries) == (scanned, 3)
        assert [row["time"] for row in rows] == [1, 2, 2]
        if written is Format.JSON_LINES:
            assert [row["content"] for row in rows] == [{"first": 1}, {"last": "x"}, {"gps": {"lat": 1.5}}]
            return
        assert list(rows[0])[6:] == ["first", "gps.lat", "last"]
        assert [row["first"] or None for row in rows] == ["1" if written is Format.CSV else 1, None, None]
        assert rows[2]["gps.lat"] == ("1.50" if written is Format.CSV else 1.5)

    asyncio.run(story())


def read(file: bytes, written: Format) -> list[dict[str, Any]]:
    if written is Format.JSON_LINES:
        return [json.loads(line) for line in file.splitlines()]
    if written is Format.CSV:
        header, *lines = [line.split(",") for line in file.decode("utf-8-sig").splitlines()]
        return [dict(zip(header, line, strict=True)) | {"time": int(line[2])} for line in lines]
    table = pytest.importorskip("pyarrow.parquet").read_table(io.BytesIO(file))
    times = table["time"].cast("int64").to_pylist()
    return [row | {"time": time} for row, time in zip(table.to_pylist(), times, strict=True)]


def test_formulas_are_escaped_where_that_is_asked_for() -> None:
    async def story() -> None:
        house = House()
        await house.put(resource("a"), 1, content='{"f":"=1+1"}')
        plain = await house.export(DataExport(format=Format.CSV, columns=True))
        escaped = await house.export(DataExport(format=Format.CSV, columns=True, escape_formulas=True))
        assert plain.endswith(b",=1+1\r\n")
        assert escaped.endswith(b",'=1+1\r\n")

    asyncio.run(story())


def test_exported_entries_are_counted() -> None:
    async def story() -> None:
        house = House()
        await house.put(resource("a"), 1, 2, 3)
        await house.export(DataExport())
        assert house.metrics.registry.get_sample_value("minori_entries_exported_total") == 3

    asyncio.run(story())


def test_an_export_lets_others_have_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minori.service.pace.SLICE_SECONDS", 0)

    async def story() -> None:
        house = House()
        await house.put(resource("a"), *range(10 * exported_data.PAGE))
        seen = set()

        async def look() -> None:
            while True:
                seen.add(house.output.entries)
                await asyncio.sleep(0)

        looking = asyncio.create_task(look())
        await house.export(DataExport())
        looking.cancel()
        assert len(seen) >= 10

    asyncio.run(story())
