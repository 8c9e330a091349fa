"""The way in: a payload, a sender and a clock made an entry in a real store."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from minori.codec.entry import decode_row
from minori.errors import (
    EmptyPayload,
    Error,
    HarvestDisabled,
    InvalidTimestamp,
    NoGroup,
    Overloaded,
    PayloadTooLarge,
    StoreFailed,
    UnknownSender,
)
from minori.model.entry import DataEntry, EntryWrite, TimeRange
from minori.model.payload import Payload
from minori.model.registry import Group, Session, Sim
from minori.model.resource import Resource, ResourceMetadata, ResourceType
from minori.observe.metrics import Metrics
from minori.service.ingest import IngestService, Stored
from minori.service.registry import Registry
from minori.service.views import Views
from minori.storage.base import EntryStore, EntryStoreOptions, Put
from minori.storage.contract.entry_story import Watcher
from minori.storage.memory.catalog import MemoryCatalog
from minori.storage.memory.entries import MemoryEntryStore
from minori.storage.rocksdb.entries import open_entries

OPERATOR = "OP0000000001"
METER = Resource(OPERATOR, ResourceType.SUBSCRIBER, "001")
CAMERA = Resource(OPERATOR, ResourceType.SORA_CAM, "camera-1")
HERE, GROUPLESS, DISABLED, STRANGER = "127.0.0.1", "127.0.0.2", "127.0.0.3", "192.0.2.1"
NOW = 1_700_000_000_000
JSON = "application/json"


class House:
    """An ingest service with one SIM for each fate; the clock stands until it is set."""

    def __init__(self, store: EntryStore, registry: Registry, payload_bytes: int) -> None:
        self.now = NOW
        self.store = store
        self.metrics = Metrics()
        self.ingest = IngestService(store, registry, self.metrics, lambda: self.now, payload_bytes)

    async def kept(self, resource: Resource = METER) -> list[DataEntry]:
        page = await self.store.query(resource, TimeRange(descending=False, limit=1000))
        return [decode_row(resource, row) for row in page.rows]

    def counted(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(f"minori_{name}", labels) or 0

    def refusal(self, address: str, payload: Payload, door: str = "http") -> Error:
        with pytest.raises(Error) as refused:
            _ = self.ingest.accept(door, address, payload)
        return refused.value


async def registry_of_fates() -> Registry:
    catalog = MemoryCatalog()
    await catalog.apply(
        Put(Group("on", OPERATOR, {}, {"SoracomHarvest": {"enabled": True, "category": "plant"}}, 1, 1)),
        Put(Group("off", OPERATOR, {}, {}, 1, 1)),
    )
    for address, imsi, group_id in ((HERE, "001", "on"), (GROUPLESS, "002", None), (DISABLED, "003", "off")):
        sim = Sim(f"sim-{imsi}", imsi, OPERATOR, group_id, "active", {}, 1, 1)
        await catalog.apply(Put(sim), Put(Session(f"{address}/32", imsi)))
    registry = Registry()
    await Views(catalog, registry).refresh()
    return registry


def tell(story: Callable[[House], Coroutine[Any, Any, None]], payload_bytes: int = 1024) -> None:
    async def told() -> None:
        await story(House(MemoryEntryStore(), await registry_of_fates(), payload_bytes))

    asyncio.run(told())


def test_a_payload_becomes_an_entry_of_its_sender() -> None:
    async def story(house: House) -> None:
        await house.ingest.accept("http", HERE, Payload(b'{"t":20}', JSON)).durable()
        assert await house.kept() == [DataEntry(METER, NOW, '{"t":20}', JSON, "plant")]
        assert house.counted("entries_accepted_total", door="http") == 1

    tell(story)


def test_the_receipt_and_the_attribute_names_reach_the_metadata() -> None:
    async def story(house: House) -> None:
        await house.ingest.accept("http", HERE, Payload(b'{"b":1,"a":1}', JSON, "5")).durable()
        (known,) = (await house.store.resources(OPERATOR, None, None, 9)).resources
        assert known == ResourceMetadata(METER, NOW, ("a", "b"))

    tell(story)


@pytest.mark.parametrize("door", ["http", "tcp", "udp"])
def test_what_each_door_took_in_is_counted(door: str) -> None:
    async def story(house: House) -> None:
        await house.ingest.accept(door, HERE, Payload(b"1")).durable()
        assert house.counted("entries_accepted_total", door=door) == 1

    tell(story)


@pytest.mark.parametrize(
    ("address", "kind", "message"),
    [
        (STRANGER, UnknownSender, "No SIM is known for 192.0.2.1"),
        (GROUPLESS, NoGroup, "No group ID is specified: 002"),
        (DISABLED, HarvestDisabled, "Configuration for SORACOM Harvest is not found"),
    ],
)
def test_a_sender_that_may_not_store_is_refused_and_counted(address: str, kind: type[Error], message: str) -> None:
    async def story(house: House) -> None:
        refusal = house.refusal(address, Payload(b"1"), "tcp")
        assert (type(refusal), refusal.message) == (kind, message)
        assert house.counted("payloads_refused_total", door="tcp", reason=kind.__name__) == 1
        assert not (await house.store.resources(OPERATOR, None, None, 9)).resources

    tell(story)


def test_an_empty_payload_is_refused() -> None:
    async def story(house: House) -> None:
        assert type(house.refusal(HERE, Payload(b"", JSON), "udp")) is EmptyPayload
        assert house.counted("payloads_refused_total", door="udp", reason="EmptyPayload") == 1
        assert house.counted("entries_accepted_total", door="udp") == 0
        assert await house.kept() == []

    tell(story)


def test_a_payload_may_be_as_large_as_the_limit() -> None:
    async def story(house: House) -> None:
        await house.ingest.accept("http", HERE, Payload(b"x" * 10, "application/octet-stream")).durable()
        refusal = house.refusal(HERE, Payload(b"x" * 11))
        assert isinstance(refusal, PayloadTooLarge)
        assert refusal.limit == 10
        assert len(await house.kept()) == 1

    tell(story, payload_bytes=10)


def test_the_limit_counts_bytes_not_characters() -> None:
    async def story(house: House) -> None:
        assert type(house.refusal(HERE, Payload("é".encode() * 6))) is PayloadTooLarge

    tell(story, payload_bytes=10)


def test_a_stranger_learns_nothing_of_the_limits() -> None:
    async def story(house: House) -> None:
        assert type(house.refusal(STRANGER, Payload(b""))) is UnknownSender

    tell(story)


def test_two_payloads_of_one_millisecond_are_both_kept() -> None:
    async def story(house: House) -> None:
        for number in range(3):
            _ = house.ingest.accept("udp", HERE, Payload(b"%d" % number))
        assert [(entry.time, entry.content) for entry in await house.kept()] == [
            (NOW, "0"),
            (NOW + 1, "1"),
            (NOW + 2, "2"),
        ]
        assert house.counted("entries_overwritten_total") == 0

    tell(story)


def test_the_lead_over_the_clock_is_a_metric() -> None:
    async def story(house: House) -> None:
        for lead in range(3):
            await house.ingest.accept("udp", HERE, Payload(b"1")).durable()
            await asyncio.sleep(0)
            assert house.counted("entry_time_lead_milliseconds") == lead
        house.now += 100
        await house.ingest.accept("udp", HERE, Payload(b"1")).durable()
        await asyncio.sleep(0)
        assert house.counted("entry_time_lead_milliseconds") == 0

    tell(story)


def test_the_lead_is_that_of_the_last_of_many_payloads() -> None:
    async def story(house: House) -> None:
        for _ in range(2):
            for _ in range(5):
                await house.ingest.accept("udp", HERE, Payload(b"1")).durable()
            assert house.counted("entry_time_lead_milliseconds") == 4
            house.now += 100

    tell(story)


def test_an_explicit_time_overwrites_and_is_counted() -> None:
    async def story(house: House) -> None:
        for text, overwrote in (("1", False), ("2", True)):
            await house.ingest.accept("http", HERE, Payload(text.encode(), timestamp=" 1545652714887")).durable()
            assert house.counted("entries_overwritten_total") == overwrote
        assert [(entry.time, entry.content) for entry in await house.kept()] == [(1545652714887, "2")]
        assert house.counted("entry_time_lead_milliseconds") == 0

    tell(story)


@pytest.mark.parametrize("timestamp", ["", "now", "1.5", "-1", "9223372036854775808"])
def test_a_timestamp_that_is_no_time_is_refused(timestamp: str) -> None:
    async def story(house: House) -> None:
        assert type(house.refusal(HERE, Payload(b"1", timestamp=timestamp))) is InvalidTimestamp
        assert await house.kept() == []

    tell(story)


def test_a_caller_may_submit_for_any_resource_at_a_time() -> None:
    async def story(house: House) -> None:
        assert (await house.ingest.submit(CAMERA, Payload(b'{"n":5}', JSON), 7))[0].time == 7
        assert (await house.ingest.submit(CAMERA, Payload(b"1", "text/plain")))[0].time == NOW
        assert await house.kept(CAMERA) == [
            DataEntry(CAMERA, 7, '{"n":5}', JSON),
            DataEntry(CAMERA, NOW, "1", "text/plain"),
        ]
        assert house.counted("entries_accepted_total", door="api") == 2

    tell(story)


def test_time_zero_is_a_time() -> None:
    async def story(house: House) -> None:
        assert (await house.ingest.submit(CAMERA, Payload(b"1"), 0))[0].time == 0
        await house.ingest.accept("http", HERE, Payload(b"1", timestamp="0")).durable()
        assert [entry.time for entry in await house.kept()] == [0]

    tell(story)


def test_what_a_caller_submits_is_held_to_the_same_limits() -> None:
    async def story(house: House) -> None:
        for body in (b"", b"x" * 1025):
            with pytest.raises((EmptyPayload, PayloadTooLarge)):
                _ = house.ingest.submit(CAMERA, Payload(body), 7)
        assert house.counted("payloads_refused_total", door="api", reason="EmptyPayload") == 1
        assert house.counted("payloads_refused_total", door="api", reason="PayloadTooLarge") == 1

    tell(story)


def test_a_payload_is_stored_though_nobody_waits_for_it() -> None:
    async def story(house: House) -> None:
        waiting = asyncio.ensure_future(house.ingest.accept("http", HERE, Payload(b"1")).durable())
        await asyncio.sleep(0)
        waiting.cancel()
        _ = house.ingest.accept("http", HERE, Payload(b"2"))
        assert [entry.content for entry in await house.kept()] == ["1", "2"]

    tell(story)


class HandingStore(MemoryEntryStore):
    """Hands out what it is told to."""

    stored: Stored

    def put(self, *_: EntryWrite) -> Stored:
        return self.stored


@pytest.mark.parametrize("error", [None, RuntimeError("unforeseen")])
def test_a_write_that_was_cancelled_or_failed_as_none_should_counts_as_not_stored(error: Exception | None) -> None:
    async def told() -> None:
        store = HandingStore()
        house = House(store, await registry_of_fates(), 1024)
        store.stored = asyncio.get_running_loop().create_future()
        confirmation = house.ingest.accept("http", HERE, Payload(b"1", timestamp="5"))
        if error is None:
            store.stored.cancel()
        else:
            store.stored.set_exception(error)
        with pytest.raises(StoreFailed):
            await confirmation.durable()

    asyncio.run(told())


def test_an_overloaded_store_refuses_and_is_counted(tmp_path: Path) -> None:
    async def told() -> None:
        options = EntryStoreOptions(Watcher(), waiting_writes=1)
        house = House(await open_entries(f"rocksdb://{tmp_path}", options), await registry_of_fates(), 1024)
        sent = house.ingest.accept("http", HERE, Payload(b"1"))
        assert type(house.refusal(HERE, Payload(b"2"))) is Overloaded
        await sent.durable()
        assert house.counted("payloads_refused_total", door="http", reason="Overloaded") == 1
        assert house.counted("entries_accepted_total", door="http") == 1
        await house.store.close()

    asyncio.run(told())
