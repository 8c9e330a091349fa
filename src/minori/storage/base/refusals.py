"""The seam of the log of refusals: `RefusalLog`."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from minori.model.refusal import Refusal, RefusalPage, RefusalPlace, RefusalQuery, UnknownSender


class RefusalLog(ABC):
    """What was not taken in and why, for each account; and who sends that nobody knows, for the whole server.

    Refusals are only added and forgotten, never changed. They are numbered, for each account from 1 on, in the order
    in which they are added; of one account's refusals of one millisecond the higher number is the newer. No account's
    refusals are seen, counted or forgotten with another's.

    Every change is atomic, durable and visible on return, also to other processes. Raises `errors.Overloaded` if
    others keep the log busy, `errors.StorageFull` if the disk is full (nothing has happened and later calls may
    succeed), `errors.StoreFailed` if it refuses otherwise.
    """

    @property
    @abstractmethod
    def failure(self) -> str | None:
        """Why nothing is kept any more, a sentence; it never goes away by itself. `None` while all is well."""

    @abstractmethod
    async def add(self, refusals: Sequence[Refusal], senders: Sequence[UnknownSender], keep: int) -> None:
        """Keep refusals, in this order, of any accounts and times, and unknown senders; all of them or none.

        A sender that is there already is merged with what is added (see `model.refusal.merged`). Of more than `keep`
        senders, at least 1, those that were seen least recently are forgotten.
        """

    @abstractmethod
    async def page(self, query: RefusalQuery, before: RefusalPlace | None = None) -> RefusalPage:
        """The newest refusals that the query asks for, beyond where a page `before` ended.

        `query.limit` is at least 1. What is added or forgotten meanwhile may or may not be seen; a refusal that is
        there from the first page to the last is seen exactly once.
        """

    @abstractmethod
    async def unknown_senders(self, limit: int) -> Sequence[UnknownSender]:
        """Those that were seen last, the latest first, at most `limit`; of one time in order of their addresses."""

    @abstractmethod
    async def forget(self, before: int, keep: int, limit: int) -> int:
        """Forget refusals that are older than `before` (UNIX ms), and the oldest of who has more than `keep` of them.

        At most `limit` at once, which is at least 1; how many were forgotten. Fewer than `limit`: none are left to
        forget. Unknown senders that were seen last before `before` go, too, and do not count. The room they took is
        used again.
        """

    @abstractmethod
    async def flaws(self) -> Sequence[str]:
        """What is wrong with the log itself, in words of its own, at most a few; empty if it is sound."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of every file. The log is not used afterwards."""
