"""What is refused is noted with who, why and how large, in little room, and kept by the log when it can."""

import asyncio
import tracemalloc
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from minori.config.settings import RefusalsKept
from minori.errors import EmptyPayload, HarvestDisabled, Overloaded, PayloadTooLarge, StoreFailed, UnknownSender
from minori.model.account import Coverage, account_of
from minori.model.refusal import Level, Origin, Refusal, RefusalQuery, Service
from minori.model.refusal import UnknownSender as Stranger
from minori.model.registry import Session, Sim
from minori.model.resource import Resource, ResourceType
from minori.service import refusals
from minori.service.refusals import Refusals
from minori.service.registry import Registry
from minori.service.views import Views
from minori.storage.base import Put
from minori.storage.memory.catalog import MemoryCatalog
from minori.storage.memory.refusals import MemoryRefusalLog

ACCOUNT, OTHER = "OP0000000001", account_of("OP0000000001", Coverage.GLOBAL)
NOW = 1_700_000_000_000
MINUTE = 60_000
HERE, THERE, STRANGER = "10.0.0.1", "10.0.0.2", "192.0.2.1"


class FailingLog(MemoryRefusalLog):
    """A log that refuses while it has an `error`."""

    error: Exception | None = None

    async def add(self, refusals: Sequence[Refusal], senders: Sequence[Stranger], keep: int) -> None:
        if self.error is not None:
            raise self.error
        await super().add(refusals, senders, keep)


class House:
    """Two SIMs of one operator in two coverages, at two addresses; the clock stands until it is set."""

    def __init__(self, **settings: int) -> None:
        self.now = NOW
        self.catalog = MemoryCatalog()
        self.registry = Registry()
        self.views = Views(self.catalog, self.registry)
        self.log = FailingLog()
        self.refusals = Refusals(self.log, self.registry, lambda: self.now, RefusalsKept(**settings))

    async def furnish(self) -> None:
        for imsi, account, address in (("001", ACCOUNT, HERE), ("002", OTHER, THERE)):
            sim = Sim(f"89{imsi}", imsi, account, None, "active", {}, 0, 0)
            await self.catalog.apply(Put(sim), Put(Session(address, imsi)))
        await self.views.refresh()

    def refuse(self, address: str = HERE, size: int | None = 5, **origin: Any) -> None:
        error = HarvestDisabled()
        self.refusals.note("udp", error, Origin(address, **origin), size, type(error).__name__)

    async def kept(self, account: str = ACCOUNT) -> list[Refusal]:
        """What is told by now, the oldest first."""
        return list((await self.refusals.page(RefusalQuery(account, limit=10**6), None)).refusals)[::-1]

    async def after(self, milliseconds: int) -> None:
        self.now += milliseconds
        await self.refusals.flush()


Story = Callable[[House], Coroutine[Any, Any, None]]


def tell(story: Story, **settings: int) -> None:
    async def run() -> None:
        house = House(**settings)
        await house.furnish()
        await story(house)

    asyncio.run(run())


def test_a_refusal_is_told_with_its_sender_its_reason_and_its_size() -> None:
    async def story(house: House) -> None:
        house.refuse()
        message = "Configuration for SORACOM Harvest is not found"
        assert await house.kept() == [
            Refusal(
                ACCOUNT,
                NOW,
                NOW,
                Service.HARVEST,
                Level.WARNING,
                "udp",
                ResourceType.SUBSCRIBER,
                "001",
                HERE,
                "HarvestDisabled",
                message,
                5,
            )
        ]

    tell(story)


def test_each_sender_s_refusals_are_those_of_its_account() -> None:
    async def story(house: House) -> None:
        house.refuse(HERE)
        house.refuse(THERE)
        house.refuse("", resource=Resource(OTHER, ResourceType.SORA_CAM, "cam"), size=None)
        house.refuse("", account=OTHER)
        assert [one.resource_id for one in await house.kept()] == ["001"]
        assert [(one.resource_type, one.resource_id) for one in await house.kept(OTHER)] == [
            (ResourceType.SUBSCRIBER, "002"),
            (ResourceType.SORA_CAM, "cam"),
            (None, None),
        ]

    tell(story)


def test_what_the_server_lacks_is_an_error_and_the_unified_endpoint_has_its_name() -> None:
    async def story(house: House) -> None:
        error = Overloaded()
        house.refusals.note("tcp", error, Origin(HERE, service=Service.UNIFIED), 9, "Overloaded")
        (one,) = await house.kept()
        assert (one.level, one.service, one.reason, one.size) == (Level.ERROR, Service.UNIFIED, "Overloaded", 9)

    tell(story)


def test_repetitions_within_a_minute_are_one_line_with_their_number_and_the_largest_size() -> None:
    async def story(house: House) -> None:
        for size in (3, 9, 4):
            house.refuse(size=size)
        assert [(one.count, one.size) for one in await house.kept()] == [(3, 9)]
        for later in (5, None, 7):
            await house.after(1000)
            house.refuse(size=later)
        assert [one.count for one in await house.kept()] == [3]
        await house.after(MINUTE - 3000)
        counted = (await house.kept())[0]
        assert (counted.count, counted.size, counted.since - NOW, counted.time - NOW) == (3, 9, 0, 0)
        repeated = (await house.kept())[1]
        assert (repeated.count, repeated.size, repeated.since - NOW, repeated.time - NOW) == (3, 7, 1000, 3000)
        await house.after(5 * MINUTE)
        assert len(await house.kept()) == 2

    tell(story)


def test_a_flood_is_one_line_a_minute_for_as_long_as_it_lasts() -> None:
    async def story(house: House) -> None:
        for _ in range(600):
            house.refuse()
            house.refuse()
            await house.after(1000)
        await house.after(MINUTE)
        counts = [one.count for one in await house.kept()]
        assert sum(counts) == 1200
        assert len(counts) == 11

    tell(story)


def test_what_differs_in_sender_door_reason_or_message_is_told_apart() -> None:
    async def story(house: House) -> None:
        for door in ("udp", "tcp"):
            for error in (EmptyPayload(), PayloadTooLarge(10), PayloadTooLarge(11)):
                house.refusals.note(door, error, Origin(HERE), 1, type(error).__name__)
        assert len(await house.kept()) == 6

    tell(story)


def test_what_is_refused_of_too_many_senders_is_told_by_reason_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "RUNS_OF_ACCOUNT", 10)

    async def story(house: House) -> None:
        for number in range(50):
            house.refuse("", resource=Resource(ACCOUNT, ResourceType.DEVICE, f"d-{number}"))
        house.refuse(THERE)
        kept = await house.kept()
        assert [one.resource_id for one in kept] == [*[f"d-{number}" for number in range(10)], None]
        assert (kept[-1].count, kept[-1].reason, kept[-1].message) == (40, "HarvestDisabled", refusals.MANY)
        assert len(await house.kept(OTHER)) == 1

    tell(story)


def test_a_sender_that_has_been_quiet_makes_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "RUNS_OF_ACCOUNT", 10)

    async def story(house: House) -> None:
        for minute in range(3):
            for number in range(10):
                house.refuse("", resource=Resource(ACCOUNT, ResourceType.DEVICE, f"d-{minute}-{number}"))
            await house.after(MINUTE)
        assert [one.resource_id for one in await house.kept()] == [f"d-{at // 10}-{at % 10}" for at in range(30)]

    tell(story)


def test_what_is_told_apart_is_bounded_for_all_accounts_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "RUNS", 50)

    async def story(house: House) -> None:
        for number in range(200):
            house.refuse("", resource=Resource(f"OP{number}", ResourceType.DEVICE, "d"))
        await house.refusals.flush()
        assert [len(await house.kept(f"OP{number}")) for number in range(200)] == [1] * 50 + [0] * 150
        await house.after(MINUTE)
        house.refuse("", resource=Resource("OP199", ResourceType.DEVICE, "d"))
        assert len(await house.kept("OP199")) == 1

    tell(story)


def test_memory_is_bounded_whatever_is_refused_of_however_many_accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "RUNS", 500)
    monkeypatch.setattr(refusals, "QUEUED", 500)

    async def story(house: House) -> None:
        house.log.error = Overloaded()

        async def flood(begin: int) -> None:
            for number in range(begin, begin + 4000):
                resource = Resource(f"OP{number % 1000:010}", ResourceType.DEVICE, f"d-{number}")
                house.refusals.note("udp", EmptyPayload(), Origin(resource=resource), 0, "EmptyPayload")
                house.refuse(f"192.0.{number % 200}.{number % 251}")
            await house.after(2 * MINUTE)

        tracemalloc.start()
        await flood(0)
        before, _ = tracemalloc.get_traced_memory()
        for begin in range(4000, 24_000, 4000):
            await flood(begin)
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert after < before + 1_000_000
        house.log.error = None
        await house.refusals.flush()
        assert len(await house.refusals.unknown_senders(10**6)) == refusals.SENDERS

    tell(story)


def test_a_message_is_kept_in_part_and_without_what_a_terminal_obeys() -> None:
    async def story(house: House) -> None:
        house.refusals.note("udp", StoreFailed("\x1b[2J\0" + "x" * 10_000), Origin(HERE), 1, "StoreFailed")
        (one,) = await house.kept()
        assert one.message == "\ufffd[2J\ufffd" + "x" * (refusals.MESSAGE_CHARACTERS - 5)

    tell(story)


def test_who_nobody_knows_is_listed_by_address_and_in_nobody_s_log() -> None:
    async def story(house: House) -> None:
        for at, size in enumerate((4, None)):
            house.now = NOW + at
            error = UnknownSender(STRANGER)
            house.refusals.note("tcp", error, Origin(STRANGER), size, "UnknownSender")
        house.refuse("")
        assert list(await house.refusals.unknown_senders(10)) == [
            Stranger(STRANGER, NOW, NOW + 1, 2, "tcp", "UnknownSender", None)
        ]
        assert await house.kept() == []
        house.refuse(STRANGER)
        assert [one.count for one in await house.refusals.unknown_senders(10)] == [3]

    tell(story)


def test_an_address_that_changed_hands_is_the_new_owner_s_from_then_on() -> None:
    async def story(house: House) -> None:
        house.refuse(HERE)
        await house.catalog.apply(Put(Session(HERE, "002")))
        await house.views.refresh()
        house.refuse(HERE)
        await house.after(2 * MINUTE)
        assert [(one.resource_id, one.count) for one in await house.kept()] == [("001", 1)]
        assert [(one.resource_id, one.count) for one in await house.kept(OTHER)] == [("002", 1)]

    tell(story)


@pytest.mark.parametrize("error", [Overloaded(), StoreFailed("The disk refused")])
def test_what_the_log_does_not_take_now_it_gets_later(error: Exception) -> None:
    async def story(house: House) -> None:
        house.log.error = error
        house.refuse()
        house.refuse(STRANGER)
        await house.after(1000)
        house.refuse(THERE)
        house.refuse(STRANGER)
        await house.after(1000)
        house.log.error = None
        assert [len(await house.kept(account)) for account in (ACCOUNT, OTHER)] == [1, 1]
        (stranger,) = await house.refusals.unknown_senders(10)
        assert (stranger.count, stranger.first - NOW, stranger.last - NOW) == (2, 0, 1000)

    tell(story)


def test_a_defect_in_the_log_holds_up_nothing_that_comes_after() -> None:
    async def story(house: House) -> None:
        house.log.error = ValueError("unfit")
        house.refuse()
        await house.after(1000)
        house.log.error = None
        house.refuse(THERE)
        assert (len(await house.kept()), len(await house.kept(OTHER))) == (0, 1)

    tell(story)


def test_a_stop_tells_what_was_counted_and_not_told_yet() -> None:
    async def story(house: House) -> None:
        house.refusals.start()
        house.refuse()
        await house.refusals.flush()
        house.refuse()
        house.refuse()
        await house.refusals.close()
        page = await house.log.page(RefusalQuery(ACCOUNT))
        assert [one.count for one in page.refusals] == [2, 1]

    tell(story)


def test_what_is_noted_is_handed_on_without_being_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "EVERY_SECONDS", 0.001)

    async def story(house: House) -> None:
        house.refusals.start()
        house.refuse()
        async with asyncio.timeout(20):
            while not (await house.log.page(RefusalQuery(ACCOUNT))).refusals:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.001)
        await house.refusals.close()

    tell(story)


def test_what_is_too_old_and_what_is_too_much_is_forgotten() -> None:
    async def story(house: House) -> None:
        house.refuse()
        await house.after(2 * 86_400_000 - MINUTE)
        for number in range(5):
            house.refuse("", resource=Resource(ACCOUNT, ResourceType.DEVICE, f"d-{number}"))
        assert len(await house.kept()) == 6
        assert await house.refusals.tidy() == 3
        house.now += 2 * MINUTE
        assert await house.refusals.tidy() == 0
        assert [one.resource_id for one in await house.kept()] == ["d-2", "d-3", "d-4"]
        house.now += 2 * 86_400_000
        assert await house.refusals.tidy() == 3

    tell(story, entries=3, days=2)
