"""The seam of data entries: `EntryStore`, what it counts, and how it forgets."""

from abc import ABC, abstractmethod
from asyncio import Future
from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from minori.model.entry import (
    CategoryKey,
    CategoryPage,
    EntryPage,
    EntryWrite,
    Forgotten,
    ResourcePage,
    TimeRange,
    Written,
)
from minori.model.resource import Resource, ResourceType
from minori.model.statistics import Interval
from minori.storage.base.confirmation import Confirmation


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
    """What every entry store is opened with: how much may wait for confirmation, and who watches.

    With `at_rest` it changes nothing of its own accord: somebody only looks at it.
    """

    observer: StoreObserver
    waiting_writes: int = 20_000
    waiting_bytes: int = 32 * 1024 * 1024
    at_rest: bool = False


class EntryStore(ABC):
    """Data entries, in order of time for each resource and each category, and resource metadata.

    Identity: account, resource type, resource id and time (UNIX ms). Two accounts never see each
    other's entries. Rows come back in the form that `codec.entry` defines.
    """

    counts: "EntryCounts"
    """How many writes were received when, kept with the entries; it closes with the store."""

    retention: "EntryRetention"
    """How old entries are forgotten; it closes with the store."""

    examination: "EntryExamination"
    """Whether all that is stored agrees; it closes with the store."""

    @abstractmethod
    def put(self, *writes: EntryWrite) -> "Future[tuple[Written, ...]]":
        """Store entries in one atomic step; the future is done when they are on stable storage and visible to
        every read, and says where each landed.

        At least one write, of whichever resources. All of a call are stored and seen, or none of them, whatever
        breaks off. An exact write to a time that is taken replaces the entry there, category included. Any other
        write moves to the first free millisecond at or after its time. Writes keep their order, those of one call
        and those of one loop: of two exact writes to one time the later stands, and says that it overwrote. The
        metadata of their resources changes in the same step: `last_modified_time` is the newest `received` and
        never goes back, `attribute_names` only grows.

        Raises at once, and stores nothing: `Overloaded` if too many writes or bytes wait (a call is taken while
        fewer do than may, however large it is), `StoreFailed` after a failure. The future raises `StoreFailed` if
        the write or its sync fails; what is stored then is unknown until a restart, but for that it is all of
        the call or nothing. A cancelled future does not stop the write.
        """

    @abstractmethod
    def add(self, write: EntryWrite) -> tuple[Written, Confirmation]:
        """Store one entry as `put` does; where it landed is told at once, and later whether that holds.

        For who takes in many: those that become durable together have one confirmation, which nobody can cancel. Its
        failure is a `StoreFailed`.
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


class EntryRetention(ABC):
    """How old entries are forgotten, by the time they carry (`DataEntry.time`), whenever they were received."""

    @abstractmethod
    async def forget(self, resource: Resource, before: int, limit: int, after: int | None = None) -> Forgotten:
        """Remove at most `limit` entries whose time is before `before` (UNIX ms) and after `after`, oldest first.

        They leave their categories in the same atomic step, and are gone for every read on return, durably. Metadata
        and counts stay. An entry that is written, overwritten or deleted meanwhile may be left for another call.
        Fewer than `limit` may be removed at once; `Forgotten.next_after` tells that more may follow. An unknown
        resource has none. Raises as `EntryStore.put` does.
        """

    @abstractmethod
    async def resources(self, after: Resource | None, limit: int) -> Sequence[Resource]:
        """At most `limit` resources that have sent data, of every account, in one order, beyond `after`.

        One that is there from the first page to the last is seen exactly once; an empty page is the end.
        """

    @abstractmethod
    async def release(self) -> None:
        """Let the disk have back what was forgotten, soon: call it once after many calls of `forget`.

        The store works on meanwhile, and may go on freeing after the return. Raises `StoreFailed`.
        """

    @abstractmethod
    async def horizon(self) -> int | None:
        """The time that was last kept by `set_horizon`, `None` if none was."""

    @abstractmethod
    async def set_horizon(self, time: int) -> None:
        """Keep the time (UNIX ms) by which entries were last forgotten; durable on return. Raises as `put` does."""


class EntryFlaw(Struct, frozen=True):
    """Something in an entry store that does not agree with the rest of it.

    `message` is a clause, `resource` whose it is, if it is known.
    """

    resource: Resource | None
    message: str


class Examined(Struct, frozen=True):
    """What one stretch of an examination found, and `next_after`, where it ended; `None` at the end of all.

    The stretches of a whole examination together have counted all `entries`; `size` is what this one has looked at of
    `EntryExamination.size`.
    """

    entries: int
    size: int
    flaws: Sequence[EntryFlaw]
    next_after: bytes | None


class EntryExamination(ABC):
    """Whether all that is stored agrees: entries, where they are, and their categories. It changes nothing."""

    @abstractmethod
    async def examine(self, after: bytes | None, limit: int) -> Examined:
        """Look at about `limit` things that are stored, beyond where the last stretch ended.

        A store may be written to meanwhile: nothing sound is told as a flaw. What cannot be made out is a flaw;
        `StoreFailed` is raised if the store cannot be read at all.
        """

    @abstractmethod
    async def size(self) -> int:
        """About how much there is to look at, to show how far an examination is."""
