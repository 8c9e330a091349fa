"""The log of refusals in memory: the words of `storage.base.RefusalLog` in as little code as will do."""

from bisect import insort
from collections import Counter
from collections.abc import Sequence

from minori.model.refusal import Refusal, RefusalPage, RefusalPlace, RefusalQuery, UnknownSender, merged, page_of
from minori.storage.base import RefusalLog

_Kept = tuple[int, int, Refusal]
"""Time, sequence and refusal; no two are alike in the first two."""


async def open_refusal_log(_url: str) -> "MemoryRefusalLog":
    """An empty log; the URL says no more than that it is in memory."""
    return MemoryRefusalLog()


class MemoryRefusalLog(RefusalLog):
    """A sorted list for each account, the oldest first."""

    def __init__(self) -> None:
        self._kept: dict[str, list[_Kept]] = {}
        self._last = Counter[str]()
        self._senders: dict[str, UnknownSender] = {}

    @property
    def failure(self) -> str | None:
        """Memory never fails."""
        return None

    async def add(self, refusals: Sequence[Refusal], senders: Sequence[UnknownSender], keep: int) -> None:
        """See `RefusalLog.add`."""
        for one in refusals:
            self._last[one.account] += 1
            insort(self._kept.setdefault(one.account, []), (one.time, self._last[one.account], one))
        for sender in senders:
            known = self._senders.get(sender.address)
            self._senders[sender.address] = sender if known is None else merged(known, sender)
        for sender in self._by_time()[keep:]:
            del self._senders[sender.address]

    async def page(self, query: RefusalQuery, before: RefusalPlace | None = None) -> RefusalPage:
        """Every refusal of the account is looked at."""
        found = [
            (sequence, one)
            for time, sequence, one in reversed(self._kept.get(query.account, ()))
            if query.first <= time <= query.last
            and sequence > query.after
            and query.service in (None, one.service)
            and query.resource_type in (None, one.resource_type)
            and query.resource_id in (None, one.resource_id)
            and (before is None or (time, sequence) < (before.time, before.sequence))
        ]
        return page_of(found[: query.limit + 1], query.limit)

    async def unknown_senders(self, limit: int) -> Sequence[UnknownSender]:
        """See `RefusalLog.unknown_senders`."""
        return self._by_time()[:limit]

    async def forget(self, before: int, keep: int, limit: int) -> int:
        """See `RefusalLog.forget`."""
        self._senders = {address: one for address, one in self._senders.items() if one.last >= before}
        forgotten = 0
        for kept in self._kept.values():
            old = sum(time < before for time, _, _ in kept)
            count = min(max(old, len(kept) - keep), limit - forgotten)
            del kept[:count]
            forgotten += count
        return forgotten

    async def flaws(self) -> Sequence[str]:
        """Memory has none."""
        return []

    async def close(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self._senders.clear()

    def _by_time(self) -> list[UnknownSender]:
        return sorted(self._senders.values(), key=lambda one: (-one.last, one.address))
