"""Retention: entries go when their group, or the setting, says so, at the pace of a clock that can be believed."""

import asyncio
from pathlib import Path

import pytest

from minori.codec.entry import row_time
from minori.errors import StoreFailed
from minori.model.entry import DataEntry, EntryWrite, TimeRange
from minori.model.registry import Device, Group, Sim
from minori.model.resource import Resource, ResourceType
from minori.observe.metrics import Metrics
from minori.observe.store import StoreWatch
from minori.service import retention
from minori.service.devices import DeviceView, device_key
from minori.service.registry import Registry
from minori.service.retention import AT_ONCE, DAY_MS, UNSET_CLOCK_MS, KeptDays, RetentionSweep
from minori.storage.base import EntryStore, EntryStoreOptions, Noted
from minori.storage.memory.entries import MemoryEntryStore
from minori.storage.rocksdb.entries import open_entries

ACCOUNT = "OP0000000001"
NOW = 1_800_000_000_000
METER = Resource(ACCOUNT, ResourceType.SUBSCRIBER, "001010000000001")


def meter(number: int) -> Resource:
    return Resource(ACCOUNT, ResourceType.SUBSCRIBER, f"{number:015}")


class House:
    """A sweep of a store, in memory unless another is given, whose entries are kept for `days` days."""

    def __init__(self, store: EntryStore | None = None, days: int = 30) -> None:
        self.store = store or MemoryEntryStore()
        self.metrics = Metrics()
        self.now = NOW
        self.days = {METER: days}
        self.default = 0
        self.broken: Resource | None = None
        self.sweep = RetentionSweep(self.store, self.days_of, self.metrics, lambda: self.now)

    def days_of(self, resource: Resource) -> int:
        if resource == self.broken:
            raise StoreFailed("The disk refused")
        return self.days.get(resource, self.default)

    async def opened(self) -> "House":
        """After the first sweep, which only notes the time."""
        await self.sweep.sweep()
        return self

    async def put(self, *days_ago: float, resource: Resource = METER) -> None:
        times = [NOW - int(days * DAY_MS) for days in days_ago]
        entries = [DataEntry(resource, time, "1", "text/plain", "plant") for time in times]
        await self.store.put(*[EntryWrite(entry, NOW, exact=True) for entry in entries])

    async def ages(self, resource: Resource = METER) -> list[float]:
        """How many days ago its entries are, oldest first."""
        page = await self.store.query(resource, TimeRange(descending=False, limit=1000))
        return [(NOW - row_time(row)) / DAY_MS for row in page.rows]

    def counted(self, name: str) -> float:
        return self.metrics.registry.get_sample_value(f"minori_{name}_total") or 0


def test_entries_go_when_they_are_older_than_is_said() -> None:
    async def story() -> None:
        house = await House().opened()
        await house.put(400, 31, 30, 29, 0, -400)
        await house.sweep.sweep()
        assert await house.ages() == [30, 29, 0, -400]
        assert house.counted("entries_forgotten") == 2
        house.now += 1
        await house.sweep.sweep()
        assert await house.ages() == [29, 0, -400]
        assert house.counted("retention_sweeps") == 3

    asyncio.run(story())


def test_entries_are_kept_for_ever_where_nothing_is_said() -> None:
    async def story() -> None:
        house = await House(days=0).opened()
        await house.put(20_000, 0)
        await house.sweep.sweep()
        assert await house.ages() == [20_000, 0]

    asyncio.run(story())


def test_days_that_reach_back_before_all_time_forget_nothing() -> None:
    async def story() -> None:
        house = await House(days=36_500).opened()
        await house.put(20_000, 0)
        await house.sweep.sweep()
        assert await house.ages() == [20_000, 0]

    asyncio.run(story())


def test_every_resource_is_seen_to_in_slices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", AT_ONCE // 10)

    async def story() -> None:
        store = await open_entries(f"rocksdb://{tmp_path}/entries", EntryStoreOptions(StoreWatch(Metrics())))
        house = await House(store).opened()
        house.default = 7
        house.days[meter(3)] = 0
        many = [meter(number) for number in range(AT_ONCE // 5 + 1)]
        await asyncio.gather(*[house.put(8, 6, resource=resource) for resource in many])
        await house.put(*[8 + number / 1000 for number in range(2 * AT_ONCE)], resource=meter(5))
        await house.sweep.sweep()
        assert [await house.ages(resource) for resource in many] == [
            [8, 6] if resource == meter(3) else [6] for resource in many
        ]
        page = await store.query_category(ACCOUNT, "plant", TimeRange(descending=False, limit=1000))
        assert len(page.rows) == len(many) + 1
        assert house.counted("entries_forgotten") == len(many) - 1 + 2 * AT_ONCE - 1
        await store.close()

    asyncio.run(story())


def test_the_first_sweep_of_a_store_only_notes_the_time() -> None:
    async def story() -> None:
        house = House()
        await house.put(31)
        await house.sweep.sweep()
        assert await house.ages() == [31]
        await house.sweep.sweep()
        assert await house.ages() == []

    asyncio.run(story())


def test_a_clock_that_leaps_ahead_is_believed_a_day_at_a_time() -> None:
    async def story() -> None:
        house = await House().opened()
        await house.put(31, 29.5, 28.5, 0)
        house.now += 3650 * DAY_MS
        await house.sweep.sweep()
        assert await house.ages() == [28.5, 0]
        await house.sweep.sweep()
        assert await house.ages() == [0]
        house.now = NOW
        await house.put(28.5, 27.5)
        for _ in range(3):
            await house.sweep.sweep()
        assert await house.ages() == [28.5, 27.5, 0]

    asyncio.run(story())


def test_a_server_that_was_off_for_long_catches_up() -> None:
    async def story() -> None:
        house = await House().opened()
        await house.put(0)
        house.now += 40 * DAY_MS
        sweeps = 0
        while await house.ages():
            await house.sweep.sweep()
            sweeps += 1
        assert sweeps == 31

    asyncio.run(story())


def test_a_clock_that_is_set_back_forgets_less_and_costs_nothing_later() -> None:
    async def story() -> None:
        house = await House().opened()
        await house.put(31, 29)
        house.now -= 20 * DAY_MS
        await house.sweep.sweep()
        assert await house.ages() == [31, 29]
        house.now = NOW
        await house.sweep.sweep()
        assert await house.ages() == [29]

    asyncio.run(story())


def test_a_clock_that_is_not_set_forgets_nothing_and_is_not_noted() -> None:
    async def story() -> None:
        house = House()
        house.now = UNSET_CLOCK_MS - 1
        await house.put(20_000, 31)
        for _ in range(2):
            await house.sweep.sweep()
        assert await house.ages() == [20_000, 31]
        house.now = NOW
        for _ in range(2):
            await house.sweep.sweep()
        assert await house.ages() == []

    asyncio.run(story())


def test_a_sweep_that_broke_off_is_done_again() -> None:
    async def story() -> None:
        house = await House().opened()
        house.default = 30
        house.broken = meter(9)
        await house.put(*range(31, 31 + 2 * AT_ONCE), resource=meter(1))
        await house.put(31, resource=meter(9))
        house.now += DAY_MS // 2
        house.sweep.start()
        while await house.ages(meter(1)):  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.001)
        await house.sweep.close()
        assert await house.ages(meter(9)) == [31]
        # What was not gone through has not been.
        assert (await house.store.retention.horizon(), house.counted("retention_sweeps")) == (NOW, 1)
        house.broken = None
        house.sweep.start()
        while await house.ages(meter(9)):  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.001)
        await house.sweep.close()

    asyncio.run(story())


def test_a_sweep_waits_while_more_is_written_than_the_disk_takes_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BUSY_SECONDS", 0.01)

    async def story() -> None:
        options = EntryStoreOptions(StoreWatch(Metrics()), waiting_writes=1)
        house = await House(await open_entries(f"rocksdb://{tmp_path}/entries", options)).opened()
        await house.put(31, 29)
        entry = DataEntry(METER, NOW, "1", "text/plain")
        waiting = house.store.put(EntryWrite(entry, NOW, exact=True))
        await house.sweep.sweep()
        assert await house.ages() == [29, 0]
        await waiting
        await house.store.close()

    asyncio.run(story())


def test_the_days_are_those_of_the_group_or_else_of_the_setting() -> None:
    def group(name: str, days: object, account: str = ACCOUNT) -> Group:
        return Group(name, account, {}, {"SoracomHarvest": {"retentionDays": days}}, 0, 0)

    def sim(imsi: str, group_id: str | None, account: str = ACCOUNT) -> Sim:
        return Sim(f"89{imsi}", imsi, account, group_id, "suspended", {}, 0, 0)

    kind = ResourceType.LORA_DEVICE
    device = Device(device_key(ACCOUNT, kind, "d-1"), ACCOUNT, kind, "d-1", "week", {}, {}, 0, 0)
    registry, devices = Registry(), DeviceView()
    foreign = group("foreign", 1, "OP0000000002")
    for record in (group("week", 7), group("ever", 0), group("silent", None), foreign):
        registry.take(Noted(Group, record.group_id, record))
    for one in (
        sim("week", "week"),
        sim("ever", "ever"),
        sim("silent", "silent"),
        sim("alone", None),
        sim("lost", "gone"),
        sim("strange", "foreign"),
        sim("theirs", "foreign", "OP0000000002"),
    ):
        registry.take(Noted(Sim, one.sim_id, one))
    devices.take(Noted(Device, device.key, device))
    days_of = KeptDays(registry, devices, 90)

    def days(name: str, kind: ResourceType = ResourceType.SUBSCRIBER, account: str = ACCOUNT) -> int:
        return days_of(Resource(account, kind, name))

    assert [days("week"), days("ever"), days("d-1", kind)] == [7, 0, 7]
    assert [days(name) for name in ("silent", "alone", "lost", "strange", "unknown")] == [90] * 5
    assert [days("week", account="OP0000000002"), days("theirs", account="OP0000000002")] == [90, 1]
    assert [days("week", kind), days("d-1", ResourceType.DEVICE), days("d-1")] == [90] * 3
