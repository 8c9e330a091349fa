"""The seams: what a store promises, whoever drives it.

Services know these classes and nothing below them. Drivers are named in `app` alone, by the scheme of
a URL. The suites in `contract` hold every driver and every wrapper to the words below.

Common to all seams:

* A store belongs to one event loop; its methods are called on that loop only.
* Errors are `minori.errors`: `Overloaded` is worth a retry, `StoreFailed` is not until a restart.
  A driver translates its library's errors once and keeps the cause.
* Cancelling a call that changes something does not undo it: it may or may not have happened.
"""

from abc import ABC, abstractmethod
from asyncio import Future
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from minori.model.entry import CategoryKey, CategoryPage, EntryPage, EntryWrite, ResourcePage, TimeRange, Written
from minori.model.registry import Record
from minori.model.resource import Resource, ResourceType

R = TypeVar("R", bound=Record)


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

    Identity: operator, resource type, resource id and time (UNIX ms). Two operators never see each
    other's entries. Rows come back in the form that `codec.entry` defines.
    """

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
        self, operator_id: str, category: str, span: TimeRange, after: CategoryKey | None = None
    ) -> CategoryPage:
        """A page of the rows that carry `category`, in order of `CategoryKey`; otherwise as `query`."""

    @abstractmethod
    async def resources(
        self, operator_id: str, kind: ResourceType | None, after: tuple[ResourceType, str] | None, limit: int
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


class Change(Struct, frozen=True):
    """One record to be written or removed, as part of a transaction.

    `Insert` refuses a record whose key or unique field is taken. `Put` replaces the record with its key;
    a unique field that another record holds refuses it too. `Remove` removes the record with the same
    key and does nothing where there is none.
    """

    record: Record


class Insert(Change, frozen=True):
    """Write a record that must not exist."""


class Put(Change, frozen=True):
    """Write a record, whether it exists or not."""


class Remove(Change, frozen=True):
    """Remove a record by its key."""


class Conflict(Exception):
    """An `Insert` or `Put` met a record with the same key or unique field; nothing of its transaction happened.

    A rule decides what that means for the caller, so this is not part of the error tree.
    """


class Catalog(ABC):
    """Small, relational, transactional: operators, keys, groups, SIMs, sessions, logouts, secrets.

    A record is a value of one of the classes in `model.registry`. Its key is its class's first field.
    """

    @abstractmethod
    async def get(self, kind: type[R], key: str) -> R | None:
        """The record with this key, or `None`."""

    @abstractmethod
    async def find(
        self, kind: type[R], where: Mapping[str, Any] | None = None, after: str | None = None, limit: int | None = None
    ) -> Sequence[R]:
        """Records whose fields equal all of `where`, ordered by key (UTF-8 bytes), beyond the key `after`.

        Scalar fields only; `None` in `where` finds records without a value.
        """

    @abstractmethod
    async def apply(self, *changes: Change) -> None:
        """Make all changes in one transaction, durable and visible on return, or none.

        Raises `Conflict` for what another record holds, `errors.Overloaded` if others keep it busy,
        `errors.StoreFailed` if the disk refuses.
        """

    @abstractmethod
    async def close(self) -> None:
        """Let go of every file. The catalog is not used afterwards."""
