"""Changes to the index of files that share a transaction: read together, decided in order, written together."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, Select, bindparam, delete, select
from sqlalchemy import Insert as InsertStatement

from minori.errors import DirectoryNotEmpty, RequestError
from minori.model.file import Blob, FileEntry, FileWrite, Placed
from minori.storage.sql.tables import FILES

Key = tuple[str, str]
"""Owner and path."""

_COLUMNS = (
    FILES.c.owner,
    FILES.c.path,
    FILES.c.created_time,
    FILES.c.last_modified_time,
    FILES.c.blob_id,
    FILES.c.size,
    FILES.c.md5,
    FILES.c.content_type,
    FILES.c.expiry_time,
)

SELECTED = select(*_COLUMNS)
"""What every statement begins with whose rows are entries."""

LIVE = FILES.c.expiry_time.is_(None) | (FILES.c.expiry_time > bindparam("now"))
"""That a row has not expired at `now`."""

_KEYS_AT_ONCE = 1000
"""Paths in one statement; a database bounds them."""

_OF_PATHS = SELECTED.where(FILES.c.owner == bindparam("owner"), FILES.c.path.in_(bindparam("paths", expanding=True)))
_INSIDE = (
    FILES.c.owner == bindparam("of_owner"),
    FILES.c.path > bindparam("directory"),
    FILES.c.path < bindparam("end"),
)
_LIVE_INSIDE = select(FILES.c.path).where(*_INSIDE, LIVE).limit(1)
_DELETE_INSIDE = delete(FILES).where(*_INSIDE)
_DELETE = delete(FILES).where(FILES.c.owner == bindparam("of_owner"), FILES.c.path == bindparam("of_path"))


def entries_of(connection: Connection, statement: Select[Any], values: Mapping[str, Any]) -> list[FileEntry]:
    """The entries that a statement on `SELECTED` finds."""
    rows: Sequence[Sequence[Any]] = connection.execute(statement, values).all()
    return [
        FileEntry(owner, path, created, modified, None if blob_id is None else Blob(blob_id, size, md5), kind, expiry)
        for owner, path, created, modified, blob_id, size, md5, kind, expiry in rows
    ]


def end_of(prefix: str) -> str:
    """The first text beyond all that begin with `prefix`, which begins with a slash: its last letter moves on.

    Text is ordered by UTF-8 bytes, and so by code points; surrogates are none of them.
    """
    kept = prefix.rstrip("\U0010ffff")
    after = ord(kept[-1]) + 1
    return kept[:-1] + chr(0xE000 if after == 0xD800 else after)  # noqa: PLR2004 - UTF-8 has no surrogates


class Draft:
    """What the rows will be, in a transaction that has read those that the changes ask for."""

    def __init__(self, connection: Connection, upsert: InsertStatement, keys: Iterable[Key]) -> None:
        self._connection = connection
        self._upsert = upsert
        self._rows: dict[Key, FileEntry] = {}
        self._changed: dict[Key, FileEntry | None] = {}
        paths: dict[str, dict[str, None]] = {}
        for owner, path in keys:
            paths.setdefault(owner, {})[path] = None
        for owner, wanted in paths.items():
            self._load(owner, list(wanted))

    def get(self, key: Key) -> FileEntry | None:
        """A row that was asked for, as the changes so far have left it."""
        return self._rows.get(key)

    def put(self, entry: FileEntry) -> None:
        """Write a row."""
        key = entry.owner, entry.path
        self._rows[key] = self._changed[key] = entry

    def drop(self, key: Key) -> None:
        """Remove a row that `get` returned."""
        del self._rows[key]
        self._changed[key] = None

    def drop_inside(self, key: Key, now: int) -> None:
        """Remove what has expired in a directory; raises `DirectoryNotEmpty` if anything has not."""
        self.flush()
        owner, directory = key
        inside = {"of_owner": owner, "directory": directory, "end": end_of(directory)}
        if self._connection.execute(_LIVE_INSIDE, {**inside, "now": now}).first() is not None:
            raise DirectoryNotEmpty
        self._connection.execute(_DELETE_INSIDE, inside)
        for gone in [other for other in self._rows if other[0] == owner and other[1].startswith(directory)]:
            if gone != key:
                del self._rows[gone]

    def flush(self) -> None:
        """Send what has changed to the database."""
        written = [_row(entry) for entry in self._changed.values() if entry is not None]
        removed = [
            {"of_owner": owner, "of_path": path} for (owner, path), entry in self._changed.items() if entry is None
        ]
        self._changed.clear()
        if written:
            self._connection.execute(self._upsert, written)
        if removed:
            self._connection.execute(_DELETE, removed)

    def _load(self, owner: str, paths: Sequence[str]) -> None:
        for start in range(0, len(paths), _KEYS_AT_ONCE):
            wanted = {"owner": owner, "paths": paths[start : start + _KEYS_AT_ONCE]}
            for entry in entries_of(self._connection, _OF_PATHS, wanted):
                self._rows[owner, entry.path] = entry


def _row(entry: FileEntry) -> dict[str, Any]:
    blob = entry.blob
    return {
        "owner": entry.owner,
        "path": entry.path,
        "parent": entry.parent,
        "created_time": entry.created_time,
        "last_modified_time": entry.last_modified_time,
        "content_type": entry.content_type,
        "expiry_time": entry.expiry_time,
        "blob_id": None if blob is None else blob.blob_id,
        "size": None if blob is None else blob.size,
        "md5": None if blob is None else blob.md5,
    }


class Place(Struct, frozen=True):
    """`FileIndex.place`."""

    write: FileWrite
    now: int

    def keys(self) -> Iterable[Key]:
        """The path, and what may be in its way."""
        return [(self.write.entry.owner, path) for path in self.write.paths()]

    def make(self, draft: Draft) -> Placed:
        """See `FileWrite.outcome`."""
        found = {key[1]: there for key in self.keys() if (there := draft.get(key)) is not None}
        placed, missing = self.write.outcome(found, self.now)
        for entry in (*missing, placed.entry):
            draft.put(entry)
        return placed


class Remove(Struct, frozen=True):
    """`FileIndex.remove`."""

    owner: str
    path: str
    now: int

    def keys(self) -> Iterable[Key]:
        """The path."""
        return [(self.owner, self.path)]

    def make(self, draft: Draft) -> FileEntry | None:
        """What is in a directory is looked for in the database, whatever its size."""
        key = self.owner, self.path
        entry = draft.get(key)
        if entry is None or not entry.is_live(self.now):
            return None
        if entry.is_directory:
            draft.drop_inside(key, self.now)
        draft.drop(key)
        return entry


class Forget(Struct, frozen=True):
    """`FileIndex.forget`."""

    entries: tuple[FileEntry, ...]

    def keys(self) -> Iterable[Key]:
        """The paths."""
        return [(entry.owner, entry.path) for entry in self.entries]

    def make(self, draft: Draft) -> None:
        """A path that leads to another blob by now is left alone."""
        for entry in self.entries:
            key = entry.owner, entry.path
            there = draft.get(key)
            if there is not None and not there.is_directory and there.blob_id == entry.blob_id:
                draft.drop(key)


FileChange = Place | Remove | Forget
"""One caller's part of a transaction.

`keys` are the rows to be read for it. `make` changes the draft and returns what the caller is told; when
it raises a `RequestError`, it has changed nothing.
"""


def make_all(connection: Connection, upsert: InsertStatement, changes: Sequence[FileChange]) -> list[Any]:
    """What each caller is told, in order; an instance of `RequestError` is to be raised."""
    draft = Draft(connection, upsert, [key for change in changes for key in change.keys()])  # noqa: SIM118 - no mapping
    told: list[Any] = []
    for change in changes:
        try:
            told.append(change.make(draft))
        except RequestError as error:
            told.append(error)
    draft.flush()
    return told
