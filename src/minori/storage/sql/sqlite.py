"""What only SQLite has: how its file is made, opened, versioned and how it says that it failed.

Every function takes or gives what the dialect-blind modules beside it need. Another dialect is another file
with the same names.
"""

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import URL, Connection, Engine, Insert, Table, create_engine, event
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DBAPIError

from minori.errors import DataDirectoryBroken, FormatTooNew
from minori.storage.sql.database import THREADS
from minori.storage.sql.reserve import Reserve
from minori.storage.sql.schema import Schema

BUSY_SECONDS = 5.0
"""How long a statement waits for another process's transaction before it gives up (our choice)."""

FLAWS = 10
"""How many flaws are looked for before a database counts as broken through and through (our choice)."""

ROWS_AT_ONCE = 50
"""Rows of one statement (our choice); SQLite bounds its values, old ones at 999."""

_MODE = 0o600


def open_engine(path: str, schema: Schema) -> Engine:
    """An engine on the file at `path`, which is made (mode 0600) if absent, its tables in place. Blocks.

    The schema's version is in `PRAGMA user_version`. Raises `DataDirectoryBroken` and `FormatTooNew`.
    """
    file = Path(path)
    try:
        _make_file(file)
    except OSError as error:
        raise DataDirectoryBroken(f"The {schema.noun} {file} cannot be opened: {error.strerror}") from error
    engine = _engine(path)
    try:
        with engine.connect() as connection:
            _prepare(connection, file, schema)
    except DBAPIError as error:
        engine.dispose()
        raise DataDirectoryBroken(
            f"The {schema.noun} {file} cannot be read ({error.orig}); restore it from a backup, or move it away "
            f"with the files beside it whose names begin with {file.name}"
        ) from error
    except BaseException:
        engine.dispose()
        raise
    return engine


def reserve(path: str) -> Reserve:
    """A file beside the database, on the disk that its journal grows on."""
    return Reserve(Path(f"{path}-reserve"))


def upsert(table: Table) -> Insert:
    """A statement that writes a row over the one with the same key; another unique field may refuse it."""
    statement = insert(table)
    others = {column.name: statement.excluded[column.name] for column in table.columns if not column.primary_key}
    return statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=others)


def insert_many(connection: Connection, table: Table, rows: Sequence[Sequence[Any]]) -> None:
    """A few statements of many rows: each one lets go of the interpreter, and waits until it gets it back."""
    marks = f"({', '.join('?' * len(table.columns))})"
    for start in range(0, len(rows), ROWS_AT_ONCE):
        some = rows[start : start + ROWS_AT_ONCE]
        statement = f"INSERT INTO {table.name} VALUES {', '.join([marks] * len(some))}"  # noqa: S608 - names of our own
        connection.exec_driver_sql(statement, tuple(chain.from_iterable(some)))


def lock(connection: Connection) -> None:
    """Begin at once: SQLite would begin with the first change, and see then what it did not when it read."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def flaws(connection: Connection) -> Sequence[str]:
    """What SQLite finds in pages, rows and indexes."""
    found = connection.exec_driver_sql(f"PRAGMA integrity_check({FLAWS})").scalars().all()
    return [] if found == ["ok"] else found


def is_busy(error: DBAPIError) -> bool:
    """Whether another process held the database for all of `BUSY_SECONDS`: nothing happened, try again."""
    return _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def is_full(error: DBAPIError) -> bool:
    """Whether the disk had no room for the transaction: it is rolled back, a later one may find some."""
    return _code(error) == sqlite3.SQLITE_FULL


def _code(error: DBAPIError) -> int:
    code: int = getattr(error.orig, "sqlite_errorcode", 0)
    return code & 0xFF


def _make_file(file: Path) -> None:
    """SQLite would make the file readable for everybody; its side files take the mode of this one."""
    try:
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, _MODE))
    except FileExistsError:
        os.close(os.open(file, os.O_RDWR | os.O_CLOEXEC))
        return
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _engine(path: str) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=path),
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        json_serializer=_dumps,
        json_deserializer=msgspec.json.decode,
        pool_size=THREADS,
        max_overflow=0,
        hide_parameters=True,
    )
    event.listen(engine, "connect", _set_up)
    return engine


def _dumps(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _set_up(connection: Any, record: object) -> None:  # noqa: ARG001 - the shape of SQLAlchemy's event
    with closing(connection.cursor()) as cursor:
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")


def _prepare(connection: Connection, file: Path, schema: Schema) -> None:
    """Check the version, and make the tables in one transaction if the file is new."""
    if _version(connection, file, schema) == 0:
        # Not within a transaction, and only once: the mode stays in the file.
        connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        if _version(connection, file, schema) == 0:
            _refuse_strange_tables(connection, file, schema)
            schema.tables.create_all(connection, checkfirst=False)
            connection.exec_driver_sql(f"PRAGMA user_version = {schema.version}")
        connection.commit()
    missing = set(schema.tables.tables) - _tables(connection)
    if missing:
        names = ", ".join(sorted(missing))
        raise DataDirectoryBroken(f"The {schema.noun} {file} lacks {names}; restore it from a backup or move it away")


def _version(connection: Connection, file: Path, schema: Schema) -> int:
    version = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
    if version > schema.version:
        raise FormatTooNew(
            f"The {schema.noun} {file} has format {version}, this Minori knows up to {schema.version}; "
            "start a newer Minori"
        )
    return version


def _tables(connection: Connection) -> set[str]:
    rows = connection.exec_driver_sql("SELECT name FROM sqlite_schema WHERE type = 'table'")
    return set(rows.scalars())


def _refuse_strange_tables(connection: Connection, file: Path, schema: Schema) -> None:
    if _tables(connection):
        raise DataDirectoryBroken(f"{file} is a database, but no {schema.noun} of Minori; move it away")
