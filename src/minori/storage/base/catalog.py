"""The seam of records: `Catalog`, and the changes it makes and tells."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from msgspec import Struct

from minori.model.registry import Record
from minori.storage.base.files import FileIndex

R = TypeVar("R", bound=Record)


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
