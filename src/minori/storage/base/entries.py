"""The seam of data entries: `EntryStore`, and what it counts."""

from abc import ABC, abstractmethod
from asyncio import Future
from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from minori.model.entry import CategoryKey, CategoryPage, EntryPage, EntryWrite, ResourcePage, TimeRange, Written
from minori.model.resource import Resource, ResourceType
from minori.model.statistics import Interval


class StoreStatus(Struct, frozen=True):
    """How an entry store is doing.

    `waiting` writes of `waiting_bytes` are taken and not yet confirmed. `failure` says why nothing is
    confirmed any more; it never goes away by itself.
    """

    waiting: int
    waiting_bytes: int
    failure: str | None


class StoreObserver(Protocol):
    """Who is told how an entry store is doing; called on the store's loop."""

    def commit(self, entries: int, seconds: float) -> None:
        """`entries` writes became durable together, `seconds` after their commit began."""

    def failed(self, reason: str) -> None:
        """The store confirms nothing any more; `reason` is a sentence."""


class EntryStoreOptions(Struct, frozen=True):
    """What every entry store is opened with: how much may wait for confirmation, and who watches."""

    observer: StoreObserver
    waiting_writes: int = 20_000
    waiting_bytes: int = 32 * 1024 * 1024


class EntryStore(ABC):
    """Data entries, in order of time for each resource and each category, and resource metadata.

    Identity: account, resource type, resource id and time (UNIX ms). Two accounts never see each
    other's entries. Rows come back in the form that `codec.entry` defines.
    """

    counts: "EntryCounts"
    """How many writes were received when, kept with the entries; it closes with the store."""

    @abstractmethod
    def put(self, write: EntryWrite) -> "Future[Written]":
        """Store one entry; the future is done when it is on stable storage and visible to every read.

        An exact write to a time that is taken replaces the entry there, category included. Any other
        write moves to the first free millisecond at or after its time. Writes of one loop keep their
        order. The resource's metadata changes in the same atomic step: `last_modified_time` is the
        newest `received` and never goes back, `attribute_names` only grows.

        Raises at once, and stores nothing: `Overloaded` if too many writes or bytes wait, `StoreFailed`
        after a failure. The future raises `StoreFailed` if the write or its sync fails; what is stored
        then is unknown until a restart. A cancelled future does not stop the write.
        """

    @abstractmethod
    async def delete(self, resource: Resource, time: int) -> bool:
        """Remove the entry at exactly this time; true if there was one. Durable on return.

        Metadata stays: the resource has sent data. Raises as `put` does.
        """

    @abstractmethod
    async def get(self, resource: Resource, time: int) -> bytes | None:
        """The row at exactly this time, or `None`."""

    @abstractmethod
    async def query(self, resource: Resource, span: TimeRange, after: int | None = None) -> EntryPage:
        """A page of a resource's rows within `span`, beyond the time `after` in the direction of reading.

        A page whose rows grow large may hold fewer than `limit`; its `next_after` tells that more follow.
        Entries that others write or delete meanwhile may or may not be seen; an entry that exists from
        the first page to the last is seen exactly once. An unknown resource is an empty page.
        """

    @abstractmethod
    async def query_category(
        self, account: str, category: str, span: TimeRange, after: CategoryKey | None = None
    ) -> CategoryPage:
        """A page of the rows that carry `category`, in order of `CategoryKey`; otherwise as `query`."""

    @abstractmethod
    async def resources(
        self, account: str, kind: ResourceType | None, after: tuple[ResourceType, str] | None, limit: int
    ) -> ResourcePage:
        """Resources that have sent data, by type and id in order of UTF-8 bytes, beyond `after`.

        `kind` keeps one type. `limit` is at least 1.
        """

    @abstractmethod
    def status(self) -> StoreStatus:
        """How the store is doing; never blocks."""

    @abstractmethod
    async def close(self) -> None:
        """Confirm or fail what waits, then let go of every file. The store is not used afterwards.

        Raises `StoreFailed` if the disk refuses; every file is let go of then too.
        """


class EntryCounts(ABC):
    """How many writes each resource received, by interval of the receipt (`EntryWrite.received`).

    Every confirmed write is counted once, in the same atomic step, an overwrite too; a delete changes nothing.
    """

    @abstractmethod
    async def counts(self, resource: Resource, interval: Interval, first: int, last: int) -> Mapping[int, int]:
        """The writes of every interval from the one that holds `first` to the one that holds `last` (UNIX ms).

        Keyed by when the interval began, in UNIX ms; one without writes is absent. Takes as long as there
        are intervals: ask for no more than a few thousand at once.
        """
