"""The catalog in a relational database, on SQLAlchemy Core: one code, the dialect beside it."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import asdict
from sqlalchemy import Connection, Executable, Select, delete, exc, insert, select

from minori.errors import SettingsInvalid, StoreFailed
from minori.storage.base import Catalog, Change, Conflict, Insert, R, Remove
from minori.storage.records import check_fields, key_field, key_of
from minori.storage.sql import sqlite
from minori.storage.sql.database import Database, Dialect
from minori.storage.sql.files import SqlFileIndex
from minori.storage.sql.tables import TABLES

_DIALECTS: Mapping[str, Dialect] = {"sqlite": sqlite}


async def open_catalog(url: str) -> "SqlCatalog":
    """The catalog at `sqlite:///absolute/path`, made if absent; the path is taken as it is, unescaped.

    Raises `SettingsInvalid` for another URL, `DataDirectoryBroken` for a file that cannot be read or is
    no catalog, `FormatTooNew` for one that a newer Minori wrote.
    """
    scheme, _, path = url.partition("://")
    dialect = _DIALECTS.get(scheme)
    if dialect is None or not path.startswith("/"):
        raise SettingsInvalid(f"{scheme}: is no catalog Minori can open; write sqlite:///absolute/path.sqlite")
    return SqlCatalog(Database(await asyncio.to_thread(dialect.open_engine, path), dialect, dialect.reserve(path)))


class SqlCatalog(Catalog):
    """See `storage.base.Catalog` and `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.files = self._files = SqlFileIndex(database)

    @property
    def failure(self) -> str | None:
        """The database's, for files as well."""
        return self._database.failure

    async def get(self, kind: type[R], key: str) -> R | None:
        """One statement, by the primary key."""
        table = TABLES[kind]
        found = await self._select(kind, select(table).where(table.c[key_field(kind)] == key))
        return found[0] if found else None

    async def find(
        self, kind: type[R], where: Mapping[str, Any] | None = None, after: str | None = None, limit: int | None = None
    ) -> Sequence[R]:
        """One statement; the database sorts and compares."""
        wanted = where or {}
        check_fields(kind, wanted)
        table = TABLES[kind]
        key = table.c[key_field(kind)]
        statement = select(table).order_by(key).limit(limit)
        for name, value in wanted.items():
            statement = statement.where(table.c[name] == value)
        if after is not None:
            statement = statement.where(key > after)
        return await self._select(kind, statement)

    async def apply(self, *changes: Change) -> None:
        """One transaction."""

        def work(connection: Connection) -> None:
            for change in changes:
                connection.execute(*self._statement(change))

        try:
            await self._database.write(work, removes=all(isinstance(change, Remove) for change in changes))
        except exc.IntegrityError as error:
            raise Conflict(str(error.orig)) from error

    async def flaws(self) -> Sequence[str]:
        """What the database says of itself; that it cannot be read is one, too."""
        try:
            return await self._database.read(self._database.dialect.flaws)
        except StoreFailed as error:
            return [error.message]

    async def close(self) -> None:
        """Finish what waits to be written, then close every connection."""
        await self._files.close()
        await self._database.close()

    async def _select(self, kind: type[R], statement: Select[Any]) -> list[R]:
        return await self._database.read(lambda connection: [kind(*row) for row in connection.execute(statement)])

    def _statement(self, change: Change) -> tuple[Executable, dict[str, Any]]:
        record = change.record
        table = TABLES[type(record)]
        if isinstance(change, Remove):
            return delete(table).where(table.c[key_field(type(record))] == key_of(record)), {}
        if isinstance(change, Insert):
            return insert(table), asdict(record)
        return self._database.dialect.upsert(table), asdict(record)
