"""The log of refusals in a relational database of its own, on SQLAlchemy Core: one code, the dialect beside it."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Index, MetaData, Table, delete, select

from minori.errors import StoreFailed
from minori.model.refusal import (
    Level,
    Refusal,
    RefusalPage,
    RefusalPlace,
    RefusalQuery,
    Service,
    UnknownSender,
    merged,
    page_of,
)
from minori.model.resource import ResourceType
from minori.storage.base import RefusalLog
from minori.storage.sql.database import Database
from minori.storage.sql.history import History
from minori.storage.sql.opening import open_database
from minori.storage.sql.schema import Schema
from minori.storage.sql.tables import TEXT

_METADATA = MetaData()

REFUSALS = Schema("log of refusals", _METADATA, version=1)
"""Its database: apart from the audit log, so that a flood at the doors neither holds that one up nor harms it."""

REFUSED = Table(
    "refused",
    _METADATA,
    Column("account", TEXT, primary_key=True),
    Column("time", BigInteger, primary_key=True),
    Column("sequence", BigInteger, primary_key=True),
    Column("since", BigInteger, nullable=False),
    Column("service", TEXT, nullable=False),
    Column("level", TEXT, nullable=False),
    Column("door", TEXT, nullable=False),
    Column("resource_type", TEXT),
    Column("resource_id", TEXT),
    Column("address", TEXT, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("message", TEXT, nullable=False),
    Column("size", BigInteger),
    Column("count", BigInteger, nullable=False),
    Index("refused_by_resource", "account", "resource_id", "time", "sequence"),
    sqlite_with_rowid=False,
)
"""A refusal a row."""

ACCOUNTS = Table(
    "accounts",
    _METADATA,
    Column("account", TEXT, primary_key=True),
    Column("kept", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
)
"""How many refusals of an account are kept, and the sequence of the last one that was added; it never goes back."""

SENDERS = Table(
    "senders",
    _METADATA,
    Column("address", TEXT, primary_key=True),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("door", TEXT, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("size", BigInteger),
)
"""An unknown sender a row."""

_LATEST = select(SENDERS).order_by(SENDERS.c.last.desc(), SENDERS.c.address)


async def open_refusal_log(url: str) -> "SqlRefusalLog":
    """The log at a URL. Raises what `open_database` does."""
    return SqlRefusalLog(await open_database(url, REFUSALS))


class SqlRefusalLog(RefusalLog):
    """See `storage.base.RefusalLog` and `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._history = History(database.dialect, REFUSED, ACCOUNTS)

    @property
    def failure(self) -> str | None:
        """The database's."""
        return self._database.failure

    async def add(self, refusals: Sequence[Refusal], senders: Sequence[UnknownSender], keep: int) -> None:
        """One transaction; one statement for the refusals of each account, a few for all senders."""
        if refusals or senders:
            await self._database.write(lambda connection: self._add(connection, refusals, senders, keep))

    async def page(self, query: RefusalQuery, before: RefusalPlace | None = None) -> RefusalPage:
        """One statement, in the order of an index."""
        statement = select(REFUSED).where(REFUSED.c.account == query.account, REFUSED.c.time >= query.first)
        wanted = {"service": query.service, "resource_type": query.resource_type, "resource_id": query.resource_id}
        for name, value in wanted.items():
            if value is not None:
                statement = statement.where(REFUSED.c[name] == str(value))
        if query.after:
            statement = statement.where(REFUSED.c.sequence > query.after)
        last = query.last
        if before is not None:
            last = min(last, before.time)
            statement = statement.where(self._history.before(before.time, before.sequence))
        limited = statement.where(REFUSED.c.time <= last).order_by(*self._history.newest_first).limit(query.limit + 1)
        return await self._database.read(
            lambda connection: page_of([_refusal(row) for row in connection.execute(limited)], query.limit)
        )

    async def unknown_senders(self, limit: int) -> Sequence[UnknownSender]:
        """One statement."""
        return await self._database.read(
            lambda connection: [UnknownSender(*row) for row in connection.execute(_LATEST.limit(limit))]
        )

    async def forget(self, before: int, keep: int, limit: int) -> int:
        """One transaction, a few statements an account."""
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

    def _add(
        self, connection: Connection, refusals: Sequence[Refusal], senders: Sequence[UnknownSender], keep: int
    ) -> None:
        by_account: dict[str, list[Refusal]] = {}
        for one in refusals:
            by_account.setdefault(one.account, []).append(one)
        for account, mine in by_account.items():
            self._history.add(connection, account, mine, _row)
        if senders:
            self._add_senders(connection, senders, keep)

    def _add_senders(self, connection: Connection, senders: Sequence[UnknownSender], keep: int) -> None:
        addresses = [one.address for one in senders]
        known = connection.execute(select(SENDERS).where(SENDERS.c.address.in_(addresses)))
        all_of_them = {row.address: UnknownSender(*row) for row in known}
        for one in senders:
            before = all_of_them.get(one.address)
            all_of_them[one.address] = one if before is None else merged(before, one)
        connection.execute(delete(SENDERS).where(SENDERS.c.address.in_(addresses)))
        rows = [
            (one.address, one.first, one.last, one.count, one.door, one.reason, one.size)
            for one in all_of_them.values()
        ]
        self._database.dialect.insert_many(connection, SENDERS, rows)
        beyond = _LATEST.with_only_columns(SENDERS.c.address).offset(keep)
        connection.execute(delete(SENDERS).where(SENDERS.c.address.in_(beyond)))

    def _forget(self, connection: Connection, before: int, keep: int, limit: int) -> int:
        connection.execute(delete(SENDERS).where(SENDERS.c.last < before))
        return self._history.forget(connection, before, keep, limit)


def _row(sequence: int, one: Refusal) -> tuple[Any, ...]:
    """The values of a row in the order of its columns."""
    return (
        one.account,
        one.time,
        sequence,
        one.since,
        one.service.value,
        one.level.value,
        one.door,
        None if one.resource_type is None else one.resource_type.value,
        one.resource_id,
        one.address,
        one.reason,
        one.message,
        one.size,
        one.count,
    )


def _refusal(row: Any) -> tuple[int, Refusal]:
    """The sequence and the refusal of a row."""
    account, time, sequence, since, service, level, door, kind, *rest = row
    resource_type = None if kind is None else ResourceType(kind)
    return sequence, Refusal(account, time, since, Service(service), Level(level), door, resource_type, *rest)
