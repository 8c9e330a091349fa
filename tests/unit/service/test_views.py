"""What a server keeps in memory of the catalog follows what is changed there, whoever changes it."""

import asyncio
from collections.abc import Callable, Collection
from typing import Any

import pytest

from minori.errors import StoreFailed
from minori.model.registry import Record, Session, Sim
from minori.service import views as views_module
from minori.service.views import Views
from minori.storage.base import JOURNAL_CHANGES, Changes, Conflict, Insert, Noted, Put, R, Remove
from minori.storage.memory.catalog import MemoryCatalog


class Seen:
    """A view of sessions that counts what it takes."""

    kinds: Collection[type[Record]] = (Session,)

    def __init__(self) -> None:
        self.sessions: dict[str, str] = {}
        self.taken: list[str] = []

    def take(self, noted: Noted) -> None:
        self.taken.append(noted.key)
        if isinstance(noted.record, Session):
            self.sessions[noted.key] = noted.record.imsi
        else:
            self.sessions.pop(noted.key, None)

    def keys(self, kind: type[Record]) -> Collection[str]:
        assert kind is Session
        return self.sessions


class CountingCatalog(MemoryCatalog):
    """Counts how often everything is read, and fails when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.found = 0
        self.is_broken = False

    async def find(self, kind: type[R], *wanted: Any, **more: Any) -> Any:
        self.found += 1
        return await super().find(kind, *wanted, **more)

    async def changes(self, after: int | None, limit: int) -> Changes:
        if self.is_broken:
            raise StoreFailed("The catalog failed: on purpose")
        return await super().changes(after, limit)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - a view tells nobody that it has changed
            await asyncio.sleep(0.005)


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views_module, "POLL_SECONDS", 0.01)


def test_a_change_of_its_own_is_in_the_views_on_return() -> None:
    async def story() -> None:
        catalog, seen = CountingCatalog(), Seen()
        views = Views(catalog, seen)
        await views.refresh()
        await views.apply(Put(Session("a", "1")), Put(Session("b", "1")))
        assert seen.sessions == {"a": "1", "b": "1"}
        await views.apply(Remove(Session("a", "1")))
        assert seen.sessions == {"b": "1"}

    asyncio.run(story())


def test_a_change_by_another_process_is_followed_until_the_end() -> None:
    async def story() -> None:
        catalog, seen = CountingCatalog(), Seen()
        views = Views(catalog, seen)
        await views.start()
        await catalog.apply(Put(Session("a", "1")))
        await until(lambda: seen.sessions == {"a": "1"})
        await views.close()
        await catalog.apply(Put(Session("b", "1")))
        await asyncio.sleep(0.05)
        assert seen.sessions == {"a": "1"}

    asyncio.run(story())


def test_one_change_is_taken_in_without_reading_anything_else() -> None:
    async def story() -> None:
        catalog, seen = CountingCatalog(), Seen()
        await catalog.apply(*[Insert(Session(f"{number:04}", "1")) for number in range(1000)])
        views = Views(catalog, seen)
        await views.refresh()
        assert len(seen.taken) == 1000
        seen.taken.clear()
        catalog.found = 0
        await views.apply(Put(Session("0500", "2")))
        assert (seen.taken, catalog.found) == (["0500"], 0)

    asyncio.run(story())


def test_what_no_view_is_made_of_is_passed_over() -> None:
    async def story() -> None:
        seen = Seen()
        views = Views(CountingCatalog(), seen)
        await views.apply(Put(Sim("s", "1", "OP1", None, "active", {}, 1, 1)))
        assert seen.taken == []

    asyncio.run(story())


def test_where_the_journal_has_forgotten_everything_is_read_again_and_the_rest_forgotten() -> None:
    async def story() -> None:
        catalog, seen = CountingCatalog(), Seen()
        await catalog.apply(*[Insert(Session(f"old{number}", "1")) for number in range(500)])
        views = Views(catalog, seen)
        await views.refresh()
        await catalog.apply(*[Remove(Session(f"old{number}", "1")) for number in range(499)])
        await catalog.apply(*[Put(Session("new", f"{number}")) for number in range(JOURNAL_CHANGES)])
        await views.refresh()
        assert seen.sessions == {"old499": "1", "new": f"{JOURNAL_CHANGES - 1}"}

    asyncio.run(story())


def test_a_refused_change_is_told_to_the_caller() -> None:
    async def story() -> None:
        catalog, seen = CountingCatalog(), Seen()
        views = Views(catalog, seen)
        await views.apply(Insert(Session("a", "1")))
        with pytest.raises(Conflict):
            await views.apply(Insert(Session("a", "2")))
        assert seen.sessions == {"a": "1"}

    asyncio.run(story())


def test_a_journal_that_cannot_be_read_makes_no_change_fail_and_is_caught_up_with() -> None:
    async def story() -> None:
        catalog, seen = CountingCatalog(), Seen()
        views = Views(catalog, seen)
        await views.start()
        catalog.is_broken = True
        await views.apply(Put(Session("a", "1")))
        await asyncio.sleep(0.05)
        assert seen.sessions == {}
        catalog.is_broken = False
        await until(lambda: seen.sessions == {"a": "1"})
        await views.close()

    asyncio.run(story())


def test_a_defect_in_a_view_does_not_end_the_following() -> None:
    class Defective(Seen):
        def take(self, noted: Noted) -> None:
            if noted.key == "bad" and "bad" not in self.taken:
                self.taken.append("bad")
                raise RuntimeError
            super().take(noted)

    async def story() -> None:
        catalog, seen = CountingCatalog(), Defective()
        views = Views(catalog, seen)
        await views.start()
        await catalog.apply(Put(Session("bad", "1")))
        await until(lambda: seen.sessions == {"bad": "1"})
        await views.close()

    asyncio.run(story())
