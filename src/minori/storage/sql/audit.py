"""The audit log in a relational database of its own, on SQLAlchemy Core: one code, the dialect beside it."""

import asyncio
from collections.abc import Mapping, Sequence

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    MetaData,
    Table,
    bindparam,
    delete,
    func,
    literal,
    select,
    tuple_,
)

from minori.errors import SettingsInvalid, StoreFailed
from minori.model.audit import AuditEntry, AuditPage, AuditPlace, AuditQuery, page_of
from minori.storage.base import AuditLog
from minori.storage.sql import sqlite
from minori.storage.sql.database import Database, Dialect
from minori.storage.sql.schema import Schema
from minori.storage.sql.tables import TEXT

_DIALECTS: Mapping[str, Dialect] = {"sqlite": sqlite}

_METADATA = MetaData()

AUDIT = Schema("audit log", _METADATA, version=1)
"""The audit log's database: apart from the catalog, so that neither's size or damage is the other's."""

CALLS = Table(
    "calls",
    _METADATA,
    Column("operator_id", TEXT, primary_key=True),
    Column("time", BigInteger, primary_key=True),
    Column("sequence", BigInteger, primary_key=True),
    Column("user_name", TEXT),
    Column("address", TEXT, nullable=False),
    Column("method", TEXT, nullable=False),
    Column("kind", TEXT, nullable=False),
    Column("path", TEXT, nullable=False),
    Column("status", Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""An entry a row. Those of one kind are found among all: an index would cost half as much again with every call."""

CALLERS = Table(
    "callers",
    _METADATA,
    Column("operator_id", TEXT, primary_key=True),
    Column("kept", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
)
"""How many entries of an operator are kept, and the sequence of the last one that was added; it never goes back."""

_place = tuple_(CALLS.c.time, CALLS.c.sequence)
_MINE = CALLS.c.operator_id == bindparam("operator")
_ENTRIES = select(
    CALLS.c.sequence,
    CALLS.c.operator_id,
    CALLS.c.user_name,
    CALLS.c.address,
    CALLS.c.method,
    CALLS.c.kind,
    CALLS.c.path,
    CALLS.c.time,
    CALLS.c.status,
)
_OLD = select(literal(1)).where(_MINE, CALLS.c.time < bindparam("before")).limit(bindparam("most"))
_COUNT_OLD = select(func.count()).select_from(_OLD.subquery())
_AT = select(CALLS.c.time, CALLS.c.sequence).where(_MINE).order_by(CALLS.c.time, CALLS.c.sequence)
_LAST_OF_OLDEST = _AT.limit(1).offset(bindparam("behind"))
_FORGET = delete(CALLS).where(_MINE, _place <= tuple_(bindparam("of_time"), bindparam("of_sequence")))


async def open_audit_log(url: str) -> "SqlAuditLog":
    """The log at `sqlite:///absolute/path`, made if absent; the path is taken as it is, unescaped.

    Raises `SettingsInvalid` for another URL, `DataDirectoryBroken` for a file that cannot be read or is
    no audit log, `FormatTooNew` for one that a newer Minori wrote.
    """
    scheme, _, path = url.partition("://")
    dialect = _DIALECTS.get(scheme)
    if dialect is None or not path.startswith("/"):
        raise SettingsInvalid(f"{scheme}: is no audit log Minori can open; write sqlite:///absolute/path.sqlite")
    engine = await asyncio.to_thread(dialect.open_engine, path, AUDIT)
    return SqlAuditLog(Database(engine, dialect, dialect.reserve(path), AUDIT.noun))


class SqlAuditLog(AuditLog):
    """See `storage.base.AuditLog` and `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._upsert = database.dialect.upsert(CALLERS)

    @property
    def failure(self) -> str | None:
        """The database's."""
        return self._database.failure

    async def add(self, entries: Sequence[AuditEntry]) -> None:
        """One transaction, a few statements."""
        if entries:
            await self._database.write(lambda connection: self._add(connection, entries))

    async def page(self, query: AuditQuery, before: AuditPlace | None = None) -> AuditPage:
        """One statement, in the order of an index."""
        statement = _ENTRIES.where(CALLS.c.operator_id == query.operator_id, CALLS.c.time >= query.first)
        last = query.last
        if before is not None and before.sequence is None:
            last = min(last, before.time - 1)
        elif before is not None:
            last = min(last, before.time)
            statement = statement.where(_place < tuple_(literal(before.time), literal(before.sequence)))
        if query.kind is not None:
            statement = statement.where(CALLS.c.kind == query.kind)
        newest = statement.where(CALLS.c.time <= last).order_by(CALLS.c.time.desc(), CALLS.c.sequence.desc())
        limited = newest.limit(query.limit + 1)
        return await self._database.read(
            lambda connection: page_of(
                [(sequence, AuditEntry(*entry)) for sequence, *entry in connection.execute(limited)], query.limit
            )
        )

    async def forget(self, before: int, keep: int, limit: int) -> int:
        """One transaction, a few statements an operator."""
        return await self._database.write(
            lambda connection: self._forget(connection, before, keep, limit), removes=True
        )

    async def flaws(self) -> Sequence[str]:
        """What the database says of itself; that it cannot be read is one, too."""
        try:
            return await self._database.read(self._database.dialect.flaws)
        except StoreFailed as error:
            return [error.message]

    async def close(self) -> None:
        """Close every connection."""
        await self._database.close()

    def _add(self, connection: Connection, entries: Sequence[AuditEntry]) -> None:
        by_operator: dict[str, list[AuditEntry]] = {}
        for entry in entries:
            by_operator.setdefault(entry.operator_id, []).append(entry)
        for operator_id, mine in by_operator.items():
            found = connection.execute(select(CALLERS).where(CALLERS.c.operator_id == operator_id)).one_or_none()
            _, kept, last = found or (operator_id, 0, 0)
            rows = [
                (
                    operator_id,
                    one.time,
                    sequence,
                    one.user_name,
                    one.address,
                    one.method,
                    one.kind,
                    one.path,
                    one.status,
                )
                for sequence, one in enumerate(mine, last + 1)
            ]
            self._database.dialect.insert_many(connection, CALLS, rows)
            self._note(connection, operator_id, kept + len(rows), last + len(rows))

    def _forget(self, connection: Connection, before: int, keep: int, limit: int) -> int:
        forgotten = 0
        for operator_id, kept, last in connection.execute(select(CALLERS)).all():
            most = limit - forgotten
            if most == 0:
                break
            old = connection.execute(_COUNT_OLD, {"operator": operator_id, "before": before, "most": most})
            count = min(max(old.scalar_one(), kept - keep), most)
            if count:
                end = connection.execute(_LAST_OF_OLDEST, {"operator": operator_id, "behind": count - 1}).one()
                connection.execute(_FORGET, {"operator": operator_id, "of_time": end.time, "of_sequence": end.sequence})
                self._note(connection, operator_id, kept - count, last)
                forgotten += count
        return forgotten

    def _note(self, connection: Connection, operator_id: str, kept: int, last: int) -> None:
        connection.execute(self._upsert, {"operator_id": operator_id, "kept": kept, "last": last})
