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
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from minori.model.entry import CategoryKey, CategoryPage, EntryPage, EntryWrite, ResourcePage, TimeRange, Written
from minori.model.file import Blob, FileEntry, FilePage, FileWrite, Placed, StoredBlob
from minori.model.registry import Record
from minori.model.resource import Resource, ResourceType
from minori.model.statistics import Interval

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


class Change(Struct, frozen=True):
    """One record to be written or removed, as part of a transaction.

    `Insert` refuses a record whose key or unique field is taken. `Put` replaces the record with its key;
    a unique field that another record holds refuses it too. `Replace` does so only if the record there
    is still the one that was read, so that no change in between is lost. `Remove` removes the record with
    the same key and does nothing where there is none.
    """

    record: Record


class Insert(Change, frozen=True):
    """Write a record that must not exist."""


class Put(Change, frozen=True):
    """Write a record, whether it exists or not."""


class Remove(Change, frozen=True):
    """Remove a record by its key."""


class Replace(Change, frozen=True):
    """Write a record over `known`, which has the same key: refused unless that is still what is there."""

    known: Record


class Noted(Struct, frozen=True):
    """A record that was written or removed: which one, and as it is now, `None` where there is none any more."""

    kind: type[Struct]
    key: str
    record: Struct | None


class Changes(Struct, frozen=True):
    """What the journal tells up to the change `sequence`, behind which there are `more`; `None`: read everything."""

    sequence: int
    noted: Sequence[Noted] | None
    more: bool = False


JOURNAL_CHANGES = 10_000
"""The newest changes, which the journal keeps (our choice)."""


class Conflict(Exception):
    """A change met a record with the same key or unique field, or not the one it knew: nothing has happened.

    A rule decides what that means for the caller, so this is not part of the error tree.
    """


class Catalog(ABC):
    """Small, relational, transactional: operators, keys, groups, SIMs, sessions, logouts, secrets, and the file index.

    A record is a value of one of the classes in `model.registry`. Its key is its class's first field.
    """

    files: "FileIndex"
    """The index of files, kept in the same database; it closes with the catalog."""

    @property
    @abstractmethod
    def failure(self) -> str | None:
        """Why nothing is confirmed any more, a sentence; it never goes away by itself. `None` while all is well."""

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
        `errors.StorageFull` if the disk is full (nothing has happened and later calls may succeed),
        `errors.StoreFailed` if it refuses otherwise.
        """

    @abstractmethod
    async def changes(self, after: int | None, limit: int) -> Changes:
        """The records of the next `limit` changes behind the `sequence` of an earlier call, in any order.

        Every change of `apply` has the next number, whichever process made it. A record is told as it is now,
        perhaps once for several changes; one that is newer than `sequence` is told again. Where the journal does
        not reach back to `after`, or has not come as far, and for `None`, nothing is noted: `sequence` is its end.
        """

    @abstractmethod
    async def flaws(self) -> Sequence[str]:
        """What is wrong with the database itself, in words of its own, at most a few; empty if it is sound.

        Every part of it is looked at, which takes a while.
        """

    @abstractmethod
    async def close(self) -> None:
        """Let go of every file. The catalog is not used afterwards."""


class FileIndex(ABC):
    """Which path of which owner leads to which blob: the row is the file, the blob is only its bytes.

    Identity: owner and path; a directory's path ends in a slash. Directories are rows of their own, made
    on the way by `place`; the root `/` is no row and always exists. A path is ordered and compared by its
    UTF-8 bytes. `now` is UNIX ms: a file whose `expiry_time` is not after it is treated as absent. Its row
    stays until it is replaced, forgotten or removed with its directory.

    Every change is atomic, durable and visible on return; changes of one loop happen in the order of their
    calls. Raises `errors.Overloaded` if others keep the database busy or too many changes wait,
    `errors.StorageFull` if the disk is full (nothing has happened and later calls may succeed),
    `errors.StoreFailed` if it refuses otherwise.

    A page holds at most `limit` entries, at least 1, beyond the path `after` (empty: from the first), which
    need not exist. An entry that exists from the first page to the last is seen exactly once; what others
    place or remove meanwhile may or may not be seen.
    """

    @abstractmethod
    async def place(self, write: FileWrite, now: int) -> Placed:
        """Make missing directories, with `now` as their times, and put the file at its path.

        Directories that exist keep their times. Of several at once for one path, one is last and wins whole.
        Raises, and changes nothing: `errors.PathTaken` where a directory has that name or a file stands where
        a directory would be, `errors.FileExists` for `only_new`.
        """

    @abstractmethod
    async def remove(self, owner: str, path: str, now: int) -> FileEntry | None:
        """Remove a file, or an empty directory, and return what it was; `None` if there was none.

        Expired files in a directory go with it; their blobs belong to nobody then. The directories above
        stay. Raises `errors.DirectoryNotEmpty`.
        """

    @abstractmethod
    async def forget(self, entries: Collection[FileEntry]) -> None:
        """Remove these versions of files, expired or not, each only if its path still leads to the same blob.

        Directories are left alone.
        """

    @abstractmethod
    async def get(self, owner: str, path: str, now: int) -> FileEntry | None:
        """The file or directory at exactly this path."""

    @abstractmethod
    async def children(self, owner: str, directory: str, after: str, limit: int, now: int) -> FilePage:
        """A page of what is directly in `directory` (with its slash); one that does not exist has no children."""

    @abstractmethod
    async def find(self, owner: str, prefix: str, after: str, limit: int, now: int) -> FilePage:
        """A page of the files and directories, at any depth, whose path begins with `prefix`.

        Every letter of `prefix` stands for itself; the empty one begins every path.
        """

    @abstractmethod
    async def of_blobs(self, blob_ids: Collection[str]) -> Mapping[str, FileEntry]:
        """The files these blobs belong to, expired ones too; a blob that belongs to none is left out."""

    @abstractmethod
    async def expired(self, now: int, limit: int) -> Sequence[FileEntry]:
        """At most `limit` files of all owners whose `expiry_time` is not after `now`, the earliest first."""


class BlobWriter(ABC):
    """Takes the bytes of one blob in. Exactly one of `commit` and `discard` ends it; `discard` may follow anything."""

    @abstractmethod
    async def write(self, chunk: bytes) -> None:
        """Add bytes; hashed on the way. Returns when more may come (back-pressure).

        Raises `errors.StorageFull` if the disk is full, `errors.StoreFailed` if it refuses; then only
        `discard` is left.
        """

    @abstractmethod
    async def commit(self) -> Blob:
        """Make the blob durable under its id, its name too, and say what it holds. Raises as `write` does."""

    @abstractmethod
    async def discard(self) -> None:
        """Free what was taken. Does nothing after `commit` or a first `discard`. Raises nothing."""


class BlobReader(ABC):
    """An open blob: it can be read to its end even if it is removed meanwhile. `size` is in bytes.

    `descriptor` is a file descriptor whose bytes at an offset are the blob's, for sendfile; `None` where
    the driver has none.
    """

    size: int
    descriptor: int | None

    @abstractmethod
    async def read(self, offset: int, count: int) -> bytes:
        """At most `count` bytes from `offset` on, at least one before the end. Raises `errors.StoreFailed`."""

    @abstractmethod
    def close(self) -> None:
        """Let go of it. Twice does no harm."""


class BlobStore(ABC):
    """Bytes under opaque ids. The store makes the ids: lower-case letters and digits, never a user's path.

    A blob never changes. Nothing tells whose it is; whoever commits one and does not enter it anywhere
    leaves an orphan, which a sweep removes. Every call may raise `errors.Overloaded` where the system is short
    of descriptors; a writer has then failed.
    """

    @property
    @abstractmethod
    def failure(self) -> str | None:
        """Why nothing is confirmed any more, a sentence; it never goes away by itself. `None` while all is well."""

    @abstractmethod
    async def writer(self) -> BlobWriter:
        """Begin a blob. Raises `errors.StorageFull` and `errors.StoreFailed`."""

    @abstractmethod
    async def open(self, blob_id: str) -> BlobReader | None:
        """Open a finished blob, or `None` where there is none. Any text may be asked for."""

    @abstractmethod
    async def remove(self, blob_id: str) -> bool:
        """Remove a blob, finished or not; true if there was one. Any text may be asked for.

        What a writer of this store has not ended is left alone: false. Raises `errors.StoreFailed`. A removal
        may be undone by a power failure.
        """

    @abstractmethod
    async def blobs(self, after: str, limit: int) -> Sequence[StoredBlob]:
        """Blobs in order of their ids, beyond `after`; those being written now may or may not be among them."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of everything. Readers that are still open stay usable."""
