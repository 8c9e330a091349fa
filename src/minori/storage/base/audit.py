"""The seam of the audit log: `AuditLog`."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from minori.model.audit import AuditEntry, AuditPage, AuditPlace, AuditQuery


class AuditLog(ABC):
    """Who called what: calls of the API, in order of time for each operator.

    Entries are only added and forgotten, never changed. Of one operator's entries of one millisecond, the one that
    was added later counts as the newer. No operator's entries are seen, counted or forgotten with another's.

    Every change is atomic, durable and visible on return. Raises `errors.Overloaded` if others keep the log busy,
    `errors.StorageFull` if the disk is full (nothing has happened and later calls may succeed), `errors.StoreFailed`
    if it refuses otherwise.
    """

    @property
    @abstractmethod
    def failure(self) -> str | None:
        """Why nothing is kept any more, a sentence; it never goes away by itself. `None` while all is well."""

    @abstractmethod
    async def add(self, entries: Sequence[AuditEntry]) -> None:
        """Keep entries, in this order, of any operators and times; all of them or none."""

    @abstractmethod
    async def page(self, query: AuditQuery, before: AuditPlace | None = None) -> AuditPage:
        """The newest entries that the query asks for, beyond where a page `before` ended.

        At most `query.limit`, which is at least 1; fewer, though more follow, where that ends the page with a whole
        millisecond (see `model.audit.page_of`). What is added or forgotten meanwhile may or may not be seen; an
        entry that exists from the first page to the last is seen exactly once.
        """

    @abstractmethod
    async def forget(self, before: int, keep: int, limit: int) -> int:
        """Forget entries that are older than `before` (UNIX ms), and the oldest of who has more than `keep` of them.

        At most `limit` at once, which is at least 1; how many were forgotten. Fewer than `limit`: none are left to
        forget. The room they took is used again.
        """

    @abstractmethod
    async def flaws(self) -> Sequence[str]:
        """What is wrong with the log itself, in words of its own, at most a few; empty if it is sound.

        Every part of it is looked at, which takes a while.
        """

    @abstractmethod
    async def close(self) -> None:
        """Let go of every file. The log is not used afterwards."""
