"""The audit log's service: nothing waits for it or fails for it, nothing is kept twice, and no stranger fills it."""

import asyncio
from collections.abc import Sequence

import pytest
from structlog.testing import capture_logs

from doorway import run, until
from minori.codec.login import KeyLogin, RootLogin, UserLogin
from minori.config.settings import Audit
from minori.errors import Overloaded, StoreFailed
from minori.model.audit import AuditEntry, AuditQuery
from minori.model.registry import AuthKey, Operator, Principal, Record, User, user_srn
from minori.observe.metrics import Metrics
from minori.service import audit, forgetting
from minori.service.audit import GUESSES, AuditService, claimed
from minori.service.identities import Identities
from minori.storage.base import Noted
from minori.storage.memory.audit import MemoryAuditLog

OPERATOR, OTHER = "OP0000000001", "OP0000000002"
NOW = 1_700_000_000_000
DAY_MS = 86_400_000
EVERYTHING = AuditQuery(OPERATOR, None, 0, 2**63 - 1, 10_000)


class Log(MemoryAuditLog):
    """A log whose store may refuse (`refusal`), or say nothing of what it has kept until `open` is set."""

    refusal: Exception | None = None

    def __init__(self) -> None:
        super().__init__()
        self.open = asyncio.Event()
        self.open.set()
        self.adding = 0

    async def add(self, entries: Sequence[AuditEntry]) -> None:
        self.adding += 1
        if self.refusal is not None:
            raise self.refusal
        await super().add(entries)
        await self.open.wait()

    async def forget(self, before: int, keep: int, limit: int) -> int:
        if self.refusal is not None:
            raise self.refusal
        return await super().forget(before, keep, limit)


class House:
    """An audit service on a log in memory, at a clock that stands still."""

    def __init__(self, settings: Audit | None = None) -> None:
        self.now = NOW
        self.log = Log()
        self.metrics = Metrics()
        self.service = AuditService(self.log, self.metrics, lambda: self.now, settings or Audit())

    def record(self, *paths: str, operator: str = OPERATOR, proven: bool = True, time: int = NOW) -> None:
        for path in paths:
            entry = AuditEntry(operator, None, "127.0.0.1", "GET", "/v1/sims", path, time, 200)
            self.service.record(entry, is_proven=proven)

    async def kept(self, operator: str = OPERATOR) -> list[str]:
        """The paths in the log, the oldest first."""
        page = await self.log.page(AuditQuery(operator, None, 0, 2**63 - 1, 10_000))
        return [entry.path for entry in reversed(page.entries)]

    def dropped(self, reason: str) -> float:
        name = "minori_audit_entries_dropped_total"
        return self.metrics.registry.get_sample_value(name, {"reason": reason}) or 0


def test_what_is_recorded_is_kept_without_anybody_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "EVERY_SECONDS", 0.001)

    async def story() -> None:
        house = House()
        house.service.start()
        house.record("/a", "/b")
        await until(lambda: house.metrics.registry.get_sample_value("minori_audit_entries_total") == 2)
        house.record("/c")
        await until(lambda: house.metrics.registry.get_sample_value("minori_audit_entries_total") == 3)
        assert await house.kept() == ["/a", "/b", "/c"]
        await house.service.close()

    run(story())


def test_calls_that_come_together_are_handed_over_together() -> None:
    async def story() -> None:
        house = House()
        house.record(*[f"/{number}" for number in range(500)])
        await house.service.flush()
        assert (house.log.adding, len(await house.kept())) == (1, 500)
        await house.service.flush()
        assert house.log.adding == 1

    run(story())


def test_who_reads_sees_what_was_recorded_before() -> None:
    async def story() -> None:
        house = House()
        house.log.open.clear()
        house.record("/a")
        first = asyncio.create_task(house.service.page(EVERYTHING, None))
        await until(lambda: house.log.adding == 1)
        # On its way is only the first one; whoever asks now has to wait for the second one too.
        house.record("/b")
        second = asyncio.create_task(house.service.page(EVERYTHING, None))
        await asyncio.sleep(0)
        house.log.open.set()
        await first
        assert [entry.path for entry in (await second).entries] == ["/b", "/a"]

    run(story())


def test_who_leaves_while_reading_neither_loses_nor_doubles_a_call() -> None:
    async def story() -> None:
        house = House()
        house.log.open.clear()
        house.record("/a")
        reading = asyncio.create_task(house.service.page(EVERYTHING, None))
        await until(lambda: house.log.adding == 1)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        house.record("/b")
        house.log.open.set()
        await house.service.flush()
        assert await house.kept() == ["/a", "/b"]

    run(story())


def test_what_waits_at_a_stop_is_kept() -> None:
    async def story() -> None:
        house = House()
        house.service.start()
        house.record("/a")
        house.log.open.clear()
        flushing = asyncio.create_task(house.service.flush())
        await until(lambda: house.log.adding == 1)
        house.record("/b")
        closing = asyncio.create_task(house.service.close())
        await asyncio.sleep(0)
        house.log.open.set()
        await asyncio.gather(flushing, closing)
        assert await house.kept() == ["/a", "/b"]

    run(story())


@pytest.mark.parametrize("refusal", [Overloaded(), StoreFailed("The disk refused")])
def test_what_the_store_refuses_is_tried_again_in_order_and_said_once(refusal: Exception) -> None:
    async def story() -> None:
        house = House()
        house.log.refusal = refusal
        with capture_logs() as logs:
            for path in ("/a", "/b", "/c"):
                house.record(path)
                assert (await house.service.page(EVERYTHING, None)).entries == []
        assert [line["event"] for line in logs] == ["the audit log fails; it is tried again every second"]
        assert house.metrics.registry.get_sample_value("minori_audit_failures_total") == 3
        house.log.refusal = None
        await house.service.flush()
        assert await house.kept() == ["/a", "/b", "/c"]
        house.log.refusal = refusal
        house.record("/d")
        with capture_logs() as again:
            await house.service.flush()
        assert len(again) == 1, "the next failure is news"

    run(story())


def test_calls_beyond_the_bound_are_dropped_counted_and_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "QUEUED", 3)

    async def story() -> None:
        house = House()
        house.log.refusal = StoreFailed("The disk refused")
        with capture_logs() as logs:
            house.record("/a", "/b", "/c", "/d")
            await house.service.flush()
            house.record("/e")
        assert house.dropped("full") == 2
        assert sum("too many wait" in line["event"] for line in logs) == 1
        house.log.refusal = None
        await house.service.flush()
        house.record("/f")
        await house.service.flush()
        assert await house.kept() == ["/a", "/b", "/c", "/f"]

    run(story())


def test_many_calls_do_not_wait_for_the_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "HURRIED", 3)

    async def story() -> None:
        house = House()
        house.record("/a", "/b")
        await asyncio.sleep(0)
        assert await house.kept() == []
        house.record("/c")
        while len(await house.kept()) < 3:  # noqa: ASYNC110 - nobody is told that a log keeps an entry
            await asyncio.sleep(0.001)

    run(story())


def test_a_stop_while_the_store_refuses_says_what_is_lost() -> None:
    async def story() -> None:
        house = House()
        house.log.refusal = StoreFailed("The disk refused")
        house.record("/a", "/b")
        with capture_logs() as logs:
            await house.service.close()
        assert {"event": "calls are missing in the audit log", "log_level": "error", "lost": 2} in logs

    run(story())


def test_a_value_that_no_store_takes_holds_up_nothing_that_comes_after_it() -> None:
    async def story() -> None:
        house = House()
        house.log.refusal = OverflowError("too large")
        house.record("/a")
        with capture_logs() as logs:
            await house.service.flush()
        assert ([line["log_level"] for line in logs], house.dropped("unfit")) == (["error"], 1)
        house.log.refusal = None
        house.record("/b")
        await house.service.flush()
        assert await house.kept() == ["/b"]

    run(story())


def test_strangers_fill_nobody_s_log() -> None:
    async def story() -> None:
        house = House()
        house.record(*["/guess"] * (GUESSES + 5), proven=False)
        house.record("/other", operator=OTHER, proven=False)
        house.record(*["/own"] * (GUESSES + 5))
        # Calls that came in during another minute are no way around it.
        house.record("/guess", proven=False, time=NOW - 60_000)
        house.record("/guess", proven=False)
        await house.service.flush()
        kept = await house.kept()
        assert (kept.count("/guess"), kept.count("/own")) == (GUESSES, GUESSES + 5)
        assert await house.kept(OTHER) == ["/other"]
        assert house.dropped("guesses") == 7
        house.now += 60_000
        house.record("/later", proven=False)
        await house.service.flush()
        assert "/later" in await house.kept()

    run(story())


def test_calls_go_when_they_are_too_old_and_the_oldest_when_there_are_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(forgetting, "AT_ONCE", 2)

    async def story() -> None:
        house = House(Audit(days=3, entries=4))
        for age in range(8):
            house.record(f"/{age}", time=NOW - age * DAY_MS)
            house.record(f"/{age}", operator=OTHER, time=NOW)
        await house.service.flush()
        assert await house.service.tidy() == 8
        assert await house.kept() == ["/3", "/2", "/1", "/0"]
        assert len(await house.kept(OTHER)) == 4
        house.now += 2 * DAY_MS
        assert await house.service.tidy() == 2
        assert await house.kept() == ["/1", "/0"]
        assert await house.service.tidy() == 0

    run(story())


def test_without_days_nothing_is_too_old() -> None:
    async def story() -> None:
        house = House(Audit(days=0))
        house.record("/a", time=0)
        await house.service.flush()
        assert await house.service.tidy() == 0
        assert await house.kept() == ["/a"]

    run(story())


def test_a_look_for_what_is_to_be_forgotten_is_taken_again_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "EVERY_SECONDS", 0.001)

    async def story() -> None:
        house = House(Audit(entries=1))
        house.record("/a", "/b")
        await house.service.flush()
        house.log.refusal = StoreFailed("The disk refused")
        house.service.start()
        await until(lambda: house.metrics.registry.get_sample_value("minori_audit_failures_total") == 3)
        house.log.refusal = None
        await until(lambda: len(house.log._kept[OPERATOR]) == 1)
        assert await house.kept() == ["/b"]
        await house.service.close()

    run(story())


RECORDS: tuple[Record, ...] = (
    Operator(OPERATOR, "one@example.com", "", 1),
    User(user_srn(OPERATOR, "ann"), OPERATOR, "ann", "", 1, 1, "", {}),
    AuthKey("keyId-root", OPERATOR, "", 1),
    AuthKey("keyId-ann", OPERATOR, "", 1, "ann"),
)


@pytest.mark.parametrize(
    ("identity", "whose"),
    [
        (RootLogin("one@example.com", "x"), Principal(OPERATOR)),
        (RootLogin("two@example.com", "x"), None),
        (KeyLogin("keyId-root", "x"), Principal(OPERATOR)),
        (KeyLogin("keyId-ann", "x"), Principal(OPERATOR, "ann")),
        (KeyLogin("keyId-bob", "x"), None),
        (UserLogin(OPERATOR, "ann", "x"), Principal(OPERATOR, "ann")),
        (UserLogin(OPERATOR, "bob", "x"), Principal(OPERATOR)),
        (UserLogin(OTHER, "ann", "x"), None),
    ],
)
def test_a_login_claims_to_be_an_operator_s_only_if_there_is_that_operator(
    identity: KeyLogin | RootLogin | UserLogin, whose: Principal | None
) -> None:
    identities = Identities()
    for record in RECORDS:
        key = record.__struct_fields__[0]
        identities.take(Noted(type(record), getattr(record, key), record))
    assert claimed(identities, identity) == whose
