"""What becomes of a payload, by what its sender's group says, and how that is stored."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from minori.codec.entry import row_time
from minori.codec.harvestoptions import read_options
from minori.errors import EmptyPayload, Error, InvalidBatch, InvalidTime, InvalidTimestamp, PayloadTooLarge
from minori.model.entry import TimeRange
from minori.model.payload import Payload
from minori.model.registry import Group, Session, Sim
from minori.model.resource import Resource, ResourceType
from minori.observe.metrics import Metrics
from minori.service.ingest import IngestService
from minori.service.payloads import read_payload
from minori.service.registry import Registry, Sender
from minori.service.views import Views
from minori.storage.base import Put
from minori.storage.memory.catalog import MemoryCatalog
from minori.storage.memory.entries import MemoryEntryStore

JSON, OCTETS = "application/json", "application/octet-stream"
NOW = 1_700_000_000_000
HERE = "127.0.0.1"
LIMIT = 1024

ISO = {"customTimestamp": {"format": "iso-8601", "type": "jsonpointer", "value": "/time"}}
BATCH = {"batchWrite": {"enabled": True, "type": "jsonpointer", "value": "/data"}}


def parser(text: str) -> dict[str, dict[str, Any]]:
    return {"SoracomAir": {"binaryParserEnabled": True, "binaryParserFormat": text}}


def sender(
    harvest: dict[str, Any] | None = None,
    more: dict[str, dict[str, Any]] | None = None,
    kind: ResourceType = ResourceType.SUBSCRIBER,
) -> Sender:
    options = {"SoracomHarvest": {"enabled": True, **(harvest or {})}, **(more or {})}
    return Sender(Resource("OP0000000001", kind, "001"), read_options(options))


def read(payload: Payload, who: Sender) -> list[tuple[str, str, int | None]]:
    items = read_payload(payload, who, LIMIT, lambda _: None)
    return [(item.content.content_type, item.content.text, item.time) for item in items]


def refusal(payload: Payload, who: Sender) -> Error:
    with pytest.raises(Error) as refused:
        read(payload, who)
    return refused.value


def test_without_options_a_payload_is_one_entry_at_its_receipt() -> None:
    assert read(Payload(b'{"t": 20}', JSON), sender()) == [(JSON, '{"t": 20}', None)]


def test_the_time_of_a_header_counts() -> None:
    assert read(Payload(b"1", JSON, "5"), sender()) == [(JSON, "1", 5)]


def test_the_documented_time_in_a_payload_becomes_the_entry_s_and_stays_in_the_content() -> None:
    text = '{"temperature":12.3,"humidity":45.6,"time":"2024-09-02T12:34:56.789Z"}'
    assert read(Payload(text.encode(), JSON), sender(ISO)) == [(JSON, text, 1725280496789)]


def test_the_time_in_the_payload_counts_before_that_of_the_header() -> None:
    assert read(Payload(b'{"time":"1970-01-01T00:00:01Z"}', JSON, "5"), sender(ISO))[0][2] == 1000


@pytest.mark.parametrize("body", [b'{"t":1}', b'{"time":"yesterday"}', b"[]", b"no JSON"])
def test_a_payload_without_a_time_is_refused_where_the_group_wants_one(body: bytes) -> None:
    assert isinstance(refusal(Payload(body, JSON), sender(ISO)), InvalidTime)


def test_a_payload_without_a_time_is_taken_at_its_receipt_where_the_group_says_so() -> None:
    falling = {"customTimestamp": {**ISO["customTimestamp"], "fallback": True}}
    assert read(Payload(b'{"t":1}', JSON), sender(falling)) == [(JSON, '{"t":1}', None)]
    assert read(Payload(b'{"t":1}', JSON, "7"), sender(falling))[0][2] == 7


def test_bytes_have_no_time_in_them() -> None:
    assert isinstance(refusal(Payload(b"\x01", OCTETS), sender(ISO)), InvalidTime)


def test_the_documented_batch_is_two_entries() -> None:
    items = (
        '{"time":"2025-03-24T00:00:00Z","temperature":15.5}',
        '{"time":"2025-03-25T00:00:00Z","temperature":15.4}',
    )
    body = '{"data":[%s,%s]}' % items
    assert read(Payload(body.encode(), JSON), sender(BATCH)) == [
        (JSON, items[0], 1742774400000),
        (JSON, items[1], 1742860800000),
    ]


def test_a_batch_with_one_item_that_cannot_be_stored_is_refused_whole_and_the_item_is_named() -> None:
    error = refusal(Payload(b'{"data":[{"time":"2025-03-24T00:00:00Z"},{"t":1}]}', JSON), sender(BATCH))
    assert isinstance(error, InvalidBatch)
    assert error.index == 1


def test_the_limit_of_size_is_an_item_s_in_a_batch_and_the_batch_has_its_own() -> None:
    item = b'{"time":"2025-03-24T00:00:00Z","x":"%b"}' % (b"x" * 500)
    many = b'{"data":[%b]}' % b",".join([item] * 100)
    assert len(read(Payload(many, JSON), sender(BATCH))) == 100
    large = b'{"data":[{"time":"2025-03-24T00:00:00Z","x":"%b"}]}' % (b"x" * LIMIT)
    assert isinstance(refusal(Payload(large, JSON), sender(BATCH)), PayloadTooLarge)
    assert isinstance(refusal(Payload(b" " * 131_073, JSON), sender(BATCH)), PayloadTooLarge)


@pytest.mark.parametrize(
    ("limit", "fits"), [({}, LIMIT), ({"maxPayloadBytes": 10}, 10), ({"maxPayloadBytes": 5000}, 5000)]
)
def test_a_group_may_have_a_limit_of_size_of_its_own(limit: dict[str, int], fits: int) -> None:
    assert read(Payload(b"1" * fits, "text/plain"), sender(limit))
    assert isinstance(refusal(Payload(b"1" * (fits + 1), "text/plain"), sender(limit)), PayloadTooLarge)


def test_nothing_is_refused_as_nothing() -> None:
    assert isinstance(refusal(Payload(b"", JSON), sender(BATCH)), EmptyPayload)


def test_a_wrong_time_in_a_header_is_refused() -> None:
    assert isinstance(refusal(Payload(b"1", JSON, "soon"), sender()), InvalidTimestamp)


def test_bytes_are_parsed_where_the_group_has_a_format() -> None:
    who = sender(None, parser("temp:0:uint:16:/100"))
    assert read(Payload(b"\x09\xc4", OCTETS), who) == [(JSON, '{"temp":25,"binaryParserEnabled":true}', None)]


def test_text_is_not_parsed() -> None:
    who = sender(None, parser("temp:0:uint:16:/100"))
    assert read(Payload(b'{"t":1}', JSON), who) == [(JSON, '{"t":1}', None)]
    assert read(Payload(b"hi", "text/plain"), who) == [("text/plain", "hi", None)]


def test_what_the_format_does_not_fit_is_kept_as_it_came_and_told() -> None:
    told: list[Error] = []
    items = read_payload(Payload(b"\x09", OCTETS), sender(None, parser("temp:0:uint:16")), LIMIT, told.append)
    assert [item.content.text for item in items] == ['{"payload":"CQ=="}']
    assert len(told) == 1


def test_json_over_tcp_may_say_its_time_once_it_is_parsed() -> None:
    who = sender(ISO, parser("@json"))
    body = b'{"time":"1970-01-01T00:00:01Z","t":1.0}'
    stored = '{"time":"1970-01-01T00:00:01Z","t":1,"binaryParserEnabled":true}'
    assert read(Payload(body, OCTETS), who) == [(JSON, stored, 1000)]


def test_the_button_is_read() -> None:
    who = sender(None, parser("@button"))
    ((_, text, _),) = read(Payload(bytes.fromhex("4d010351"), OCTETS), who)
    assert text == '{"clickType":1,"clickTypeName":"SINGLE","batteryLevel":1,"binaryParserEnabled":true}'


def test_the_fields_of_a_lorawan_uplink_stand_beside_its_envelope() -> None:
    date = "2018-09-02T21:53:04.743531+09:00"
    envelope = '{"gatewayData":[],"deveui":"000b78fffe050b09","date":"%s","data":"5c8fd84180b7c647"}' % date
    lora = {
        "SoracomLora": {
            "binaryParserEnabled": True,
            "binaryParserFormat": "tmpc:0:float:32:little-endian prsp:4:float:32:little-endian",
        }
    }
    ((kind, text, _),) = read(Payload(envelope.encode(), JSON), sender(None, lora, ResourceType.LORA_DEVICE))
    assert kind == JSON
    assert text == (
        '{"tmpc":27.06999969482422,"prsp":101743,"gatewayData":[],"deveui":"000b78fffe050b09",'
        f'"date":"{date}","data":"5c8fd84180b7c647","binaryParserEnabled":true}}'
    )


def tell(
    story: Callable[[IngestService, MemoryEntryStore], Coroutine[Any, Any, None]], harvest: dict[str, Any]
) -> None:
    """A story of an ingest service with one SIM here, whose group has these options."""

    async def told() -> None:
        catalog = MemoryCatalog()
        group = Group("g", "OP0000000001", {}, {"SoracomHarvest": {"enabled": True, **harvest}}, 1, 1)
        sim = Sim("sim-001", "001", "OP0000000001", "g", "active", {}, 1, 1)
        await catalog.apply(Put(group), Put(sim), Put(Session(f"{HERE}/32", "001")))
        registry = Registry()
        await Views(catalog, registry).refresh()
        store = MemoryEntryStore()
        await story(IngestService(store, registry, Metrics(), lambda: NOW, LIMIT), store)

    asyncio.run(told())


def test_a_batch_is_stored_at_the_times_of_its_items_and_the_last_of_one_time_wins() -> None:
    async def story(ingest: IngestService, store: MemoryEntryStore) -> None:
        item = '{"time":"1970-01-01T00:00:0%dZ","n":%d}'
        body = '{"data":[' + ",".join(item % pair for pair in ((1, 1), (2, 2), (2, 3))) + "]}"
        await ingest.accept("http", HERE, Payload(body.encode(), JSON)).durable()
        page = await store.query(Resource("OP0000000001", ResourceType.SUBSCRIBER, "001"), TimeRange(descending=False))
        assert [b'"n\\":1' in page.rows[0], b'"n\\":3' in page.rows[1], len(page.rows)] == [True, True, 2]

    tell(story, BATCH)


def test_a_refused_batch_stores_nothing() -> None:
    async def story(ingest: IngestService, store: MemoryEntryStore) -> None:
        with pytest.raises(InvalidBatch):
            _ = ingest.accept("http", HERE, Payload(b'{"data":[{"time":"1970-01-01T00:00:01Z"},{}]}', JSON))
        assert (await store.resources("OP0000000001", None, None, 9)).resources == []

    tell(story, BATCH)


def test_what_is_vouched_for_keeps_its_time_and_makes_way_where_that_is_taken() -> None:
    async def story(ingest: IngestService, store: MemoryEntryStore) -> None:
        who = sender()
        for _ in range(2):
            await ingest.accept_from("beam", who, Payload(b"1", JSON), 5).durable()
        assert [row_time(row) for row in (await store.query(who.resource, TimeRange())).rows] == [6, 5]

    tell(story, {})


@pytest.mark.parametrize(("harvest", "bytes_"), [({}, LIMIT), (BATCH, 131_072), ({"maxPayloadBytes": 9}, 9)])
def test_a_door_is_told_how_much_a_device_may_send(harvest: dict[str, Any], bytes_: int) -> None:
    async def story(ingest: IngestService, _: MemoryEntryStore) -> None:
        assert (ingest.largest(HERE), ingest.largest("192.0.2.1")) == (bytes_, LIMIT)

    tell(story, harvest)


def test_the_time_in_a_payload_is_where_it_is_stored() -> None:
    async def story(ingest: IngestService, store: MemoryEntryStore) -> None:
        await ingest.accept("http", HERE, Payload(b'{"time":"1970-01-01T00:00:07Z"}', JSON)).durable()
        resource = Resource("OP0000000001", ResourceType.SUBSCRIBER, "001")
        assert [row_time(row) for row in (await store.query(resource, TimeRange())).rows] == [7000]

    tell(story, ISO)


@pytest.mark.parametrize(
    ("harvest", "largest"), [({}, LIMIT), ({"maxPayloadBytes": 9}, 9), ({"maxPayloadBytes": 2000}, 2000)]
)
def test_a_payload_over_the_limit_that_holds_is_refused_by_the_service_too(
    harvest: dict[str, Any], largest: int
) -> None:
    async def story(ingest: IngestService, store: MemoryEntryStore) -> None:
        await ingest.accept("http", HERE, Payload(b"x" * largest)).durable()
        with pytest.raises(PayloadTooLarge) as refused:
            _ = ingest.accept("http", HERE, Payload(b"x" * (largest + 1)))
        assert refused.value.limit == largest
        with pytest.raises(EmptyPayload):
            _ = ingest.accept("http", HERE, Payload(b""))
        resource = Resource("OP0000000001", ResourceType.SUBSCRIBER, "001")
        assert len((await store.query(resource, TimeRange())).rows) == 1

    tell(story, harvest)
