"""The index of files in a relational database: statements made once, changes committed together."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Select, bindparam

from minori.errors import Overloaded, StorageFull, StoreFailed
from minori.model.file import ROOT, FileEntry, FilePage, FileWrite, Placed
from minori.storage.base import FileIndex
from minori.storage.sql.database import Database
from minori.storage.sql.file_changes import (
    LIVE,
    SELECTED,
    FileChange,
    Forget,
    Place,
    Remove,
    end_of,
    entries_of,
    make_all,
)
from minori.storage.sql.tables import FILES

WAITING = 10_000
"""Changes that may wait for their transaction (our choice)."""

TOGETHER = 200
"""Changes of one transaction (our choice): the loop has a few milliseconds of work with so many."""

_BLOBS_AT_ONCE = 1000

_OWNED = SELECTED.where(FILES.c.owner == bindparam("owner"))
_GET = _OWNED.where(FILES.c.path == bindparam("path"), LIVE)
_CHILDREN = (
    _OWNED.where(FILES.c.parent == bindparam("directory"), FILES.c.path > bindparam("after"), LIVE)
    .order_by(FILES.c.path)
    .limit(bindparam("limit"))
)
_FROM = _OWNED.where(FILES.c.path < bindparam("end"), LIVE).order_by(FILES.c.path).limit(bindparam("limit"))
# With both bounds below in one statement, a database may begin at the lower one and pass over all between.
_FIND_FIRST = _FROM.where(FILES.c.path >= bindparam("beginning"))
_FIND_AFTER = _FROM.where(FILES.c.path > bindparam("beginning"))
_OF_BLOBS = SELECTED.where(FILES.c.blob_id.in_(bindparam("blob_ids", expanding=True)))
_EXPIRED = (
    SELECTED.where(FILES.c.expiry_time <= bindparam("now"))
    .order_by(FILES.c.expiry_time, FILES.c.owner, FILES.c.path)
    .limit(bindparam("limit"))
)

_Waiting = tuple[FileChange, asyncio.Future[Any]]


class SqlFileIndex(FileIndex):
    """See `storage.base.FileIndex`. Changes that arrive while a transaction runs share the next one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._upsert = database.dialect.upsert(FILES)
        self._waiting: list[_Waiting] = []
        self._committing: asyncio.Task[None] | None = None

    async def place(self, write: FileWrite, now: int) -> Placed:
        """Shares a transaction; a rule that it breaks concerns nobody else."""
        placed: Placed = await self._change(Place(write, now))
        return placed

    async def remove(self, owner: str, path: str, now: int) -> FileEntry | None:
        """Shares a transaction, as `place` does."""
        removed: FileEntry | None = await self._change(Remove(owner, path, now))
        return removed

    async def forget(self, entries: Collection[FileEntry]) -> None:
        """Shares a transaction, as `place` does."""
        await self._change(Forget(tuple(entries)))

    async def get(self, owner: str, path: str, now: int) -> FileEntry | None:
        """One statement, by the primary key."""
        found = await self._select(_GET, owner=owner, path=path, now=now)
        return found[0] if found else None

    async def children(self, owner: str, directory: str, after: str, limit: int, now: int) -> FilePage:
        """One statement, in the order of an index."""
        found = await self._select(_CHILDREN, owner=owner, directory=directory, after=after, limit=limit + 1, now=now)
        return FilePage(found[:limit], len(found) > limit)

    async def find(self, owner: str, prefix: str, after: str, limit: int, now: int) -> FilePage:
        """One statement, in the order of the primary key."""
        beginning = prefix or ROOT
        if not beginning.startswith(ROOT):
            return FilePage([], more=False)
        statement = _FIND_AFTER if after >= beginning else _FIND_FIRST
        found = await self._select(
            statement, owner=owner, beginning=max(after, beginning), end=end_of(beginning), limit=limit + 1, now=now
        )
        return FilePage(found[:limit], len(found) > limit)

    async def of_blobs(self, blob_ids: Collection[str]) -> Mapping[str, FileEntry]:
        """As many statements as it takes."""
        wanted = list(blob_ids)
        found: dict[str, FileEntry] = {}
        for start in range(0, len(wanted), _BLOBS_AT_ONCE):
            for entry in await self._select(_OF_BLOBS, blob_ids=wanted[start : start + _BLOBS_AT_ONCE]):
                if entry.blob is not None:
                    found[entry.blob.blob_id] = entry
        return found

    async def expired(self, now: int, limit: int) -> Sequence[FileEntry]:
        """One statement, in the order of an index."""
        return await self._select(_EXPIRED, now=now, limit=limit)

    async def close(self) -> None:
        """Finish what waits. The catalog closes the database."""
        if self._committing is not None:
            await self._committing

    async def _select(self, statement: Select[Any], **values: Any) -> list[FileEntry]:
        return await self._database.read(lambda connection: entries_of(connection, statement, values))

    async def _change(self, change: FileChange) -> Any:
        if len(self._waiting) >= WAITING:
            raise Overloaded
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((change, future))
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit_waiting())
        return await future

    async def _commit_waiting(self) -> None:
        while self._waiting:
            together, self._waiting = self._waiting[:TOGETHER], self._waiting[TOGETHER:]
            await self._commit([(change, future) for change, future in together if not future.done()])
        self._committing = None

    async def _commit(self, together: Sequence[_Waiting]) -> None:
        changes = [change for change, _ in together]
        removing = [one for one in together if not isinstance(one[0], Place)]
        try:
            told = await self._database.write(
                lambda connection: make_all(connection, self._upsert, changes), removes=len(removing) == len(together)
            )
        except (Overloaded, StorageFull, StoreFailed) as error:
            if isinstance(error, StorageFull) and 0 < len(removing) < len(together):
                await self._commit(removing)
                together = [one for one in together if isinstance(one[0], Place)]
            told = [_again(error) for _ in together]
        except Exception as error:  # noqa: BLE001 - a value no database takes is one caller's mistake, not the others'
            if len(together) > 1:
                for one in together:
                    await self._commit([one])
                return
            told = [error]
        for (_, future), outcome in zip(together, told, strict=True):
            if future.done():
                continue
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)


def _again(error: Overloaded | StorageFull | StoreFailed) -> Exception:
    """One each: an error gathers the traceback of everyone who waits for it."""
    again = StoreFailed(error.message) if isinstance(error, StoreFailed) else type(error)()
    again.__cause__ = error.__cause__
    return again
