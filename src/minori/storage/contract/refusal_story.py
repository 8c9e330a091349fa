"""How the tests of a log of refusals are told: a log for each, refusals to put into it, and pages put together."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

from minori.model.refusal import Level, Refusal, RefusalPlace, RefusalQuery, Service, UnknownSender
from minori.model.resource import ResourceType
from minori.storage.base import RefusalLog

ACCOUNT, OTHER = "OP0000000001", "OP0000000002"
NOW = 1_700_000_000_000
ALL = 10_000
"""A page that holds whatever a story wrote."""

PATIENCE = 60.0
"""Seconds after which a story that waits for what never comes has failed."""


class RefusalStories(ABC):
    """What a suite asks of a driver: an empty log for each story."""

    @abstractmethod
    def log(self) -> AbstractAsyncContextManager[RefusalLog]:
        """An empty log, closed at the end."""


S = TypeVar("S", bound=RefusalStories)


def story(test: Callable[[S, RefusalLog], Coroutine[Any, Any, None]]) -> Callable[[S], None]:
    """A test that pytest calls without arguments; the story gets a log of its own."""

    def run(self: S) -> None:
        async def tell() -> None:
            async with self.log() as log:
                await asyncio.wait_for(test(self, log), PATIENCE)

        asyncio.run(tell())

    run.__name__ = test.__name__
    run.__doc__ = test.__doc__
    return run


def refusal(
    time: int,
    message: str = "",
    account: str = ACCOUNT,
    service: Service = Service.HARVEST,
    kind: ResourceType | None = ResourceType.SUBSCRIBER,
    resource_id: str | None = "001",
) -> Refusal:
    """A refusal that is told apart by its message."""
    return Refusal(
        account,
        time,
        time,
        service,
        Level.WARNING,
        "udp",
        kind,
        resource_id,
        "192.0.2.1",
        "EmptyPayload",
        message,
        0,
    )


def refusals(times: Iterable[int], account: str = ACCOUNT) -> list[Refusal]:
    """Refusals at these times, each with a message of its own."""
    return [refusal(time, str(number), account) for number, time in enumerate(times)]


def sender(address: str, last: int, count: int = 1, first: int | None = None) -> UnknownSender:
    """A sender that was seen at `last`, and first at `first`."""
    return UnknownSender(address, last if first is None else first, last, count, "udp", "UnknownSender", 7)


async def add(log: RefusalLog, *found: Refusal) -> None:
    """Add refusals alone."""
    await log.add(found, [], ALL)


async def everything(log: RefusalLog, account: str = ACCOUNT) -> list[Refusal]:
    """All of an account's refusals, the newest first."""
    page = await log.page(RefusalQuery(account, limit=ALL))
    assert page.end is None
    return list(page.refusals)


async def pages(log: RefusalLog, query: RefusalQuery) -> list[list[Refusal]]:
    """The pages of a question, each beginning where the one before ended."""
    found: list[list[Refusal]] = []
    end: RefusalPlace | None = None
    while True:
        page = await log.page(query, end)
        assert len(page.refusals) <= query.limit
        found.append(list(page.refusals))
        end = page.end
        if end is None:
            return found
        assert page.refusals, "a page that promises more has something on it"
