"""How the tests of an entry store are told: a store for each, short ways to write and to read it back."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from msgspec.structs import replace

from minori.codec.entry import decode_row, row_time
from minori.model.entry import CategoryKey, DataEntry, EntryWrite, TimeRange, Written
from minori.model.resource import Resource, ResourceMetadata, ResourceType
from minori.storage.base import Confirmation, EntryStore, EntryStoreOptions

OPERATOR = "OP0000000001"
METER = Resource(OPERATOR, ResourceType.SUBSCRIBER, "001010000000001")

PATIENCE = 60.0
"""Seconds after which a story that waits for what never comes has failed."""

Opener = Callable[[EntryStoreOptions], Awaitable[EntryStore]]


class Watcher:
    """An observer that remembers what it is told."""

    def __init__(self) -> None:
        self.commits: list[int] = []
        self.seconds: list[float] = []
        self.reasons: list[str] = []

    def commit(self, entries: int, seconds: float) -> None:
        """Remember a commit."""
        self.commits.append(entries)
        self.seconds.append(seconds)

    def failed(self, reason: str) -> None:
        """Remember a failure."""
        self.reasons.append(reason)


class EntryStoreStories(ABC):
    """What a suite asks of a driver: a place for one store."""

    @abstractmethod
    def place(self) -> AbstractContextManager[Opener]:
        """An empty place, removed at the end; calling what it gives opens the store there, again and again."""


S = TypeVar("S", bound=EntryStoreStories)


def place_story(test: Callable[[S, Opener], Coroutine[Any, Any, None]]) -> Callable[[S], None]:
    """A test that pytest calls without arguments; the story opens and closes stores of one place itself."""

    def run(self: S) -> None:
        with self.place() as opener:
            asyncio.run(asyncio.wait_for(test(self, opener), PATIENCE))

    run.__name__ = test.__name__
    run.__doc__ = test.__doc__
    return run


def story(test: Callable[[S, EntryStore], Coroutine[Any, Any, None]]) -> Callable[[S], None]:
    """A test that pytest calls without arguments; the story gets an empty store of its own."""

    async def tell(self: S, opener: Opener) -> None:
        store = await opener(EntryStoreOptions(Watcher()))
        try:
            await asyncio.wait_for(test(self, store), PATIENCE / 2)
        finally:
            await store.close()

    tell.__name__ = test.__name__
    tell.__doc__ = test.__doc__
    return place_story(tell)


def meter(resource_id: str, kind: ResourceType = ResourceType.SUBSCRIBER, account: str = OPERATOR) -> Resource:
    """A resource, of the usual operator if nothing else is said."""
    return Resource(account, kind, resource_id)


def arriving(time: int, content: str = "1", resource: Resource = METER, category: str | None = None) -> EntryWrite:
    """A write whose time the server chose; it was received at that time."""
    return EntryWrite(DataEntry(resource, time, content, "text/plain", category), received=time, exact=False)


def dated(time: int, content: str = "1", resource: Resource = METER, category: str | None = None) -> EntryWrite:
    """A write whose time the sender gave."""
    return replace(arriving(time, content, resource, category), exact=True)


def naming(names: Sequence[str], received: int = 1, resource: Resource = METER) -> EntryWrite:
    """A write that brings attribute names, received at a time."""
    return replace(arriving(1, resource=resource), received=received, attribute_names=tuple(names))


def add_one(store: EntryStore, write: EntryWrite) -> "asyncio.Future[tuple[Written, ...]]":
    """Hand in a write by `add`; what `put` would give of it."""
    landed: asyncio.Future[tuple[Written, ...]] = asyncio.get_running_loop().create_future()
    written, confirmation = store.add(write)

    def tell(known: Confirmation) -> None:
        if landed.cancelled():
            return
        if known.failure is None:
            landed.set_result((written,))
        else:
            landed.set_exception(known.failure)

    confirmation.then(tell)
    return landed


async def put_one(store: EntryStore, write: EntryWrite) -> Written:
    """Where the only write of a call landed."""
    (written,) = await store.put(write)
    return written


async def put_all(store: EntryStore, *writes: EntryWrite) -> list[int]:
    """Hand in all writes, each by a call of its own, before waiting for any; the times at which they landed."""
    return [written.time for (written,) in await asyncio.gather(*[store.put(write) for write in writes])]


async def put_together(store: EntryStore, *writes: EntryWrite) -> list[int]:
    """Hand in all writes by one call; the times at which they landed."""
    return [written.time for written in await store.put(*writes)]


async def fill(store: EntryStore, times: Sequence[int], resource: Resource = METER) -> None:
    """An entry at each of these times."""
    await put_all(store, *[dated(time, resource=resource) for time in times])


async def contents(store: EntryStore, resource: Resource = METER) -> dict[int, str]:
    """Everything that is kept of a resource, oldest first."""
    page = await store.query(resource, TimeRange(descending=False, limit=1000))
    entries = [decode_row(resource, row) for row in page.rows]
    return {entry.time: entry.content for entry in entries}


async def category_times(store: EntryStore, category: str) -> list[int]:
    """The times of everything that carries a category, oldest first."""
    page = await store.query_category(OPERATOR, category, TimeRange(descending=False, limit=1000))
    return [row_time(row) for _, row in page.rows]


async def metadata(store: EntryStore, resource: Resource = METER) -> ResourceMetadata | None:
    """What is known of a resource."""
    page = await store.resources(resource.account, None, None, 1000)
    return next((known for known in page.resources if known.resource == resource), None)


async def walk(store: EntryStore, span: TimeRange, resource: Resource = METER) -> list[int]:
    """The times of all pages, one after the other; every page but the last is full and says where it ended."""
    times: list[int] = []
    after = None
    while True:
        page = await store.query(resource, span, after)
        times += [row_time(row) for row in page.rows]
        if page.next_after is None:
            assert len(page.rows) <= span.limit
            return times
        assert len(page.rows) == span.limit
        assert page.next_after == times[-1]
        assert page.next_after != after
        after = page.next_after


async def walk_category(store: EntryStore, category: str, span: TimeRange) -> list[CategoryKey]:
    """The places of all pages of a category, as `walk` does it."""
    places: list[CategoryKey] = []
    after = None
    while True:
        page = await store.query_category(OPERATOR, category, span, after)
        places += [CategoryKey(row_time(row), resource.type, resource.id) for resource, row in page.rows]
        if page.next_after is None:
            assert len(page.rows) <= span.limit
            return places
        assert len(page.rows) == span.limit
        assert page.next_after == places[-1]
        assert page.next_after != after
        after = page.next_after
