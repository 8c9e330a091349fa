"""The catalog in a relational database, on SQLAlchemy Core: one code, the dialect beside it."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from msgspec.structs import asdict
from sqlalchemy import Executable, Select, Table, delete, exc, insert, select
from sqlalchemy import Insert as InsertStatement
from sqlalchemy.ext.asyncio import AsyncEngine

from minori.errors import Overloaded, SettingsInvalid, StoreFailed
from minori.storage.base import Catalog, Change, Conflict, Insert, R, Remove
from minori.storage.records import check_fields, key_field, key_of
from minori.storage.sql import sqlite
from minori.storage.sql.tables import TABLES


class Dialect(Protocol):
    """What the catalog asks of a database beyond standard SQL; a module of this package has it."""

    async def open_engine(self, path: str) -> AsyncEngine:
        """An engine whose database has the tables; raises a `StartError`."""

    def upsert(self, table: Table) -> InsertStatement:
        """A statement that writes a row over the one with the same key."""

    def is_busy(self, error: exc.DBAPIError) -> bool:
        """Whether nothing happened because others were at work: worth a retry."""


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
    return SqlCatalog(await dialect.open_engine(path), dialect)


class SqlCatalog(Catalog):
    """See `storage.base.Catalog`. Writes take turns; reads see what was committed before them.

    Once the database refuses a write for a reason other than another process's lock, every later
    `apply` raises `StoreFailed`: after a failed sync nobody knows what a later one would prove.
    """

    def __init__(self, engine: AsyncEngine, dialect: Dialect) -> None:
        self._engine = engine
        self._dialect = dialect
        self._turn = asyncio.Lock()
        self._failure: str | None = None

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
        """One transaction; raises `Overloaded` too, where others kept the database busy for seconds."""
        async with self._turn:
            if self._failure is not None:
                raise StoreFailed(f"The catalog takes no writes since a failure ({self._failure}); restart Minori")
            with self._translated(writing=True):
                async with self._engine.begin() as connection:
                    for change in changes:
                        await connection.execute(*self._statement(change))

    async def close(self) -> None:
        """Wait for the write at work, then close every connection."""
        async with self._turn:
            await self._engine.dispose()

    async def _select(self, kind: type[R], statement: Select[Any]) -> list[R]:
        with self._translated():
            async with self._engine.connect() as connection:
                rows = await connection.execute(statement)
                return [kind(*row) for row in rows]

    def _statement(self, change: Change) -> tuple[Executable, dict[str, Any]]:
        record = change.record
        table = TABLES[type(record)]
        if isinstance(change, Remove):
            return delete(table).where(table.c[key_field(type(record))] == key_of(record)), {}
        if isinstance(change, Insert):
            return insert(table), asdict(record)
        return self._dialect.upsert(table), asdict(record)

    @contextmanager
    def _translated(self, *, writing: bool = False) -> Iterator[None]:
        try:
            yield
        except exc.IntegrityError as error:
            raise Conflict(str(error.orig)) from error
        except exc.TimeoutError as error:
            raise Overloaded from error
        except exc.DBAPIError as error:
            if self._dialect.is_busy(error):
                raise Overloaded from error
            if writing:
                self._failure = str(error.orig)
            raise StoreFailed(f"The catalog failed: {error.orig}") from error
