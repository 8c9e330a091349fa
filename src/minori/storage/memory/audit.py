"""The audit log in memory: the words of `storage.base.AuditLog` in as little code as will do."""

from bisect import insort
from collections import Counter
from collections.abc import Sequence

from minori.model.audit import AuditEntry, AuditPage, AuditPlace, AuditQuery, page_of
from minori.storage.base import AuditLog

_Kept = tuple[int, int, AuditEntry]
"""Time, sequence and entry; no two are alike in the first two."""


async def open_audit_log(_url: str) -> "MemoryAuditLog":
    """An empty log; the URL says no more than that it is in memory."""
    return MemoryAuditLog()


class MemoryAuditLog(AuditLog):
    """A sorted list for each operator, the oldest first."""

    def __init__(self) -> None:
        self._kept: dict[str, list[_Kept]] = {}
        self._last = Counter[str]()

    @property
    def failure(self) -> str | None:
        """Memory never fails."""
        return None

    async def add(self, entries: Sequence[AuditEntry]) -> None:
        """See `AuditLog.add`."""
        for entry in entries:
            self._last[entry.operator_id] += 1
            insort(self._kept.setdefault(entry.operator_id, []), (entry.time, self._last[entry.operator_id], entry))

    async def page(self, query: AuditQuery, before: AuditPlace | None = None) -> AuditPage:
        """Every entry of the operator is looked at."""
        found = [
            (sequence, entry)
            for time, sequence, entry in reversed(self._kept.get(query.operator_id, ()))
            if query.first <= time <= query.last
            and query.kind in (None, entry.kind)
            and (before is None or _is_older(time, sequence, before))
        ]
        return page_of(found[: query.limit + 1], query.limit)

    async def forget(self, before: int, keep: int, limit: int) -> int:
        """See `AuditLog.forget`."""
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


def _is_older(time: int, sequence: int, than: AuditPlace) -> bool:
    return time < than.time or (than.sequence is not None and time == than.time and sequence < than.sequence)
