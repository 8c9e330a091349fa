"""The catalog in a relational database, on SQLAlchemy Core: one code, the dialect beside it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import Connection, Select, bindparam, delete, exc, insert, select

from minori.errors import StoreFailed
from minori.storage.base import Catalog, Change, Changes, Conflict, Insert, R, Remove, Replace
from minori.storage.records import check_fields, key_field, key_of
from minori.storage.sql import journal
from minori.storage.sql.database import Database
from minori.storage.sql.files import SqlFileIndex
from minori.storage.sql.opening import open_database
from minori.storage.sql.tables import CATALOG, TABLES


async def open_catalog(url: str) -> "SqlCatalog":
    """The catalog at a URL. Raises what `open_database` does."""
    return SqlCatalog(await open_database(url, CATALOG))


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
            for alike in _runs(changes):
                self._execute(connection, alike)
            journal.note(connection, changes)

        try:
            await self._database.write(work, removes=all(isinstance(change, Remove) for change in changes))
        except exc.IntegrityError as error:
            raise Conflict(str(error.orig)) from error

    async def changes(self, after: int | None, limit: int) -> Changes:
        """At most a few statements of one connection."""
        return await self._database.read(lambda connection: journal.read(connection, after, limit))

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

    def _execute(self, connection: Connection, alike: Sequence[Change]) -> None:
        """Make changes of one sort to records of one class: one statement, and its rows at once."""
        kind = type(alike[0].record)
        table = TABLES[kind]
        _check_known(connection, kind, [one for one in alike if isinstance(one, Replace)])
        if isinstance(alike[0], Remove):
            statement = delete(table).where(table.c[key_field(kind)] == bindparam("sought"))
            connection.execute(statement, [{"sought": key_of(one.record)} for one in alike])
        else:
            write = insert(table) if isinstance(alike[0], Insert) else self._database.dialect.upsert(table)
            connection.execute(write, [asdict(one.record) for one in alike])


def _runs(changes: Sequence[Change]) -> Iterator[list[Change]]:
    """The changes in their order, those of one sort and class together; what `Replace` looks at comes once in a run."""
    run: list[Change] = []
    keys = set[str]()
    for change in changes:
        key = key_of(change.record)
        fits = run and (type(change), type(change.record)) == (type(run[0]), type(run[0].record))
        if run and (not fits or (isinstance(change, Replace) and key in keys)):
            yield run
            run, keys = [], set()
        run.append(change)
        keys.add(key)
    if run:
        yield run


def _check_known(connection: Connection, kind: type[Struct], changes: Sequence[Replace]) -> None:
    """Raise `Conflict` unless the records are still the ones that are known; nobody else writes meanwhile."""
    known = {key_of(one.record): one.known for one in changes}
    for noted in journal.records(connection, TABLES[kind].name, list(known)):
        if noted.record != known[noted.key]:
            raise Conflict(f"{kind.__name__} {noted.key} has changed")
