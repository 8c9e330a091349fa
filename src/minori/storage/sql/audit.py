"""The audit log in a relational database of its own, on SQLAlchemy Core: one code, the dialect beside it."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Integer, MetaData, Table, select

from minori.errors import StoreFailed
from minori.model.audit import AuditEntry, AuditPage, AuditPlace, AuditQuery, page_of
from minori.storage.base import AuditLog
from minori.storage.sql.database import Database
from minori.storage.sql.history import History
from minori.storage.sql.opening import open_database
from minori.storage.sql.schema import Schema
from minori.storage.sql.tables import TEXT

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


async def open_audit_log(url: str) -> "SqlAuditLog":
    """The log at a URL. Raises what `open_database` does."""
    return SqlAuditLog(await open_database(url, AUDIT))


class SqlAuditLog(AuditLog):
    """See `storage.base.AuditLog` and `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._history = History(database.dialect, CALLS, CALLERS)

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
        if before is not None:
            last = min(last, before.time)
            # Without a sequence it is before all that has its time; any row has a sequence from 1.
            statement = statement.where(self._history.before(before.time, before.sequence or 0))
        if query.kind is not None:
            statement = statement.where(CALLS.c.kind == query.kind)
        newest = statement.where(CALLS.c.time <= last).order_by(*self._history.newest_first)
        limited = newest.limit(query.limit + 1)
        return await self._database.read(
            lambda connection: page_of(
                [(sequence, AuditEntry(*entry)) for sequence, *entry in connection.execute(limited)], query.limit
            )
        )

    async def forget(self, before: int, keep: int, limit: int) -> int:
        """One transaction, a few statements an operator."""
        return await self._database.write(
            lambda connection: self._history.forget(connection, before, keep, limit), removes=True
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
            self._history.add(connection, operator_id, mine, _row)


def _row(sequence: int, one: AuditEntry) -> tuple[Any, ...]:
    """The values of a row in the order of its columns."""
    return (
        one.operator_id,
        one.time,
        sequence,
        one.user_name,
        one.address,
        one.method,
        one.kind,
        one.path,
        one.status,
    )
