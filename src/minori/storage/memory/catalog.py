"""The catalog in memory: the words of `storage.base.Catalog` in as little code as will do."""

from collections import deque
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import msgspec
from msgspec import Struct

from minori.storage.base import JOURNAL_CHANGES, Catalog, Change, Changes, Conflict, Insert, Noted, R, Remove, Replace
from minori.storage.memory.files import MemoryFileIndex
from minori.storage.records import KINDS, UNIQUE, check_fields, equal_fields, key_of

_encode = msgspec.json.encode
_decode = msgspec.json.decode
_Shelf = dict[str, bytes]


async def open_catalog(_url: str) -> "MemoryCatalog":
    """An empty catalog; the URL says no more than that it is in memory."""
    return MemoryCatalog()


class MemoryCatalog(Catalog):
    """Records by class and key, kept encoded so that nobody's later change to a mapping reaches in."""

    def __init__(self) -> None:
        self._shelves: dict[type[Struct], _Shelf] = {kind: {} for kind in KINDS}
        self._journal: deque[tuple[type[Struct], str]] = deque(maxlen=JOURNAL_CHANGES)
        self._sequence = 0
        self.files = MemoryFileIndex()

    @property
    def failure(self) -> str | None:
        """Memory never fails."""
        return None

    async def get(self, kind: type[R], key: str) -> R | None:
        """A value of its own for each caller."""
        kept = self._shelves[kind].get(key)
        return None if kept is None else msgspec.json.decode(kept, type=kind)

    async def find(
        self, kind: type[R], where: Mapping[str, Any] | None = None, after: str | None = None, limit: int | None = None
    ) -> Sequence[R]:
        """Every record of the class is looked at."""
        wanted = where or {}
        check_fields(kind, wanted)
        shelf = self._shelves[kind]
        keys = sorted((key for key in shelf if after is None or key > after), key=str.encode)
        records = (msgspec.json.decode(shelf[key], type=kind) for key in keys)
        return [record for record in records if equal_fields(record, wanted)][:limit]

    async def apply(self, *changes: Change) -> None:
        """The changes are made to a copy, which takes the place of the shelves at the end."""
        changed: dict[type[Struct], _Shelf] = {
            type(change.record): dict(self._shelves[type(change.record)]) for change in changes
        }
        for change in changes:
            _change(changed[type(change.record)], change)
        self._shelves.update(changed)
        self._journal.extend((type(change.record), key_of(change.record)) for change in changes)
        self._sequence += len(changes)

    async def changes(self, after: int | None, limit: int) -> Changes:
        """The journal's end, behind `after`."""
        behind = self._sequence if after is None else self._sequence - after
        if after is None or not 0 <= behind <= len(self._journal):
            return Changes(self._sequence, None)
        start = len(self._journal) - behind
        noted = [
            Noted(kind, key, None if (kept := self._shelves[kind].get(key)) is None else _decode(kept, type=kind))
            for kind, key in islice(self._journal, start, start + limit)
        ]
        return Changes(after + len(noted), noted, len(noted) < behind)

    async def flaws(self) -> Sequence[str]:
        """Memory has none."""
        return []

    async def close(self) -> None:
        """Forget everything."""
        self._shelves.clear()


def _change(shelf: _Shelf, change: Change) -> None:
    record, key = change.record, key_of(change.record)
    if isinstance(change, Remove):
        shelf.pop(key, None)
        return
    if isinstance(change, Insert) and key in shelf:
        raise Conflict(f"{type(record).__name__} {key} exists")
    if isinstance(change, Replace) and shelf.get(key) != _encode(change.known):
        raise Conflict(f"{type(record).__name__} {key} has changed")
    for name in UNIQUE.get(type(record), ()):
        value = getattr(record, name)
        for other, kept in shelf.items():
            if other != key and getattr(msgspec.json.decode(kept, type=type(record)), name) == value:
                raise Conflict(f"{type(record).__name__} {other} has this {name}")
    shelf[key] = _encode(record)
