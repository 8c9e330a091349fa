"""How the tests of an audit log are told: a log for each, calls to put into it, and pages put together again."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

from minori.model.audit import AuditEntry, AuditPlace, AuditQuery
from minori.storage.base import AuditLog

OPERATOR, OTHER = "OP0000000001", "OP0000000002"
NOW = 1_700_000_000_000
ALL = 10_000
"""A page that holds whatever a story wrote."""

PATIENCE = 60.0
"""Seconds after which a story that waits for what never comes has failed."""


class AuditStories(ABC):
    """What a suite asks of a driver: an empty log for each story."""

    @abstractmethod
    def log(self) -> AbstractAsyncContextManager[AuditLog]:
        """An empty log, closed at the end."""


S = TypeVar("S", bound=AuditStories)


def story(test: Callable[[S, AuditLog], Coroutine[Any, Any, None]]) -> Callable[[S], None]:
    """A test that pytest calls without arguments; the story gets a log of its own."""

    def run(self: S) -> None:
        async def tell() -> None:
            async with self.log() as log:
                await asyncio.wait_for(test(self, log), PATIENCE)

        asyncio.run(tell())

    run.__name__ = test.__name__
    run.__doc__ = test.__doc__
    return run


def call(time: int, path: str = "/v1/sims", operator: str = OPERATOR, kind: str = "/v1/sims") -> AuditEntry:
    """A call that is told apart by its path."""
    return AuditEntry(operator, None, "127.0.0.1", "GET", kind, path, time, 200)


def calls(times: Iterable[int]) -> list[AuditEntry]:
    """Calls at these times, each with a path of its own."""
    return [call(time, f"/v1/sims/{number}") for number, time in enumerate(times)]


def asking(
    operator: str = OPERATOR, kind: str | None = None, first: int = 0, last: int = 2**63 - 1, limit: int = ALL
) -> AuditQuery:
    """A question; unless said, for everything of `OPERATOR`."""
    return AuditQuery(operator, kind, first, last, limit)


async def everything(log: AuditLog, operator: str = OPERATOR) -> list[AuditEntry]:
    """All of an operator's entries, the newest first."""
    page = await log.page(asking(operator))
    assert page.end is None
    return list(page.entries)


async def pages(log: AuditLog, query: AuditQuery) -> list[list[AuditEntry]]:
    """The pages of a question, each beginning where the one before ended."""
    found: list[list[AuditEntry]] = []
    end: AuditPlace | None = None
    while True:
        page = await log.page(query, end)
        assert len(page.entries) <= query.limit
        found.append(list(page.entries))
        end = page.end
        if end is None:
            return found
        assert page.entries, "a page that promises more has something on it"
