"""What only SQLite has: how its file is made, opened, versioned and how it says that it failed.

Every function takes or gives what the dialect-blind `catalog` needs. Another dialect is another file
with the same names.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import URL, Insert, Table, event
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from minori.errors import DataDirectoryBroken, FormatTooNew
from minori.storage.sql.tables import METADATA, TABLES

VERSION = 1
"""The schema this Minori writes, kept in `PRAGMA user_version`."""

BUSY_SECONDS = 5.0
"""How long a statement waits for another process's transaction before it gives up (our choice)."""

CONNECTIONS = 4
"""Connections, and threads, of one catalog: one writes, the others read meanwhile (our choice)."""

_MODE = 0o600


async def open_engine(path: str) -> AsyncEngine:
    """An engine on the file at `path`, which is made (mode 0600) if absent, its tables in place.

    Raises `DataDirectoryBroken` and `FormatTooNew`.
    """
    file = Path(path)
    try:
        _make_file(file)
    except OSError as error:
        raise DataDirectoryBroken(f"The catalog {file} cannot be opened: {error.strerror}") from error
    engine = _engine(path)
    try:
        async with engine.connect() as connection:
            await _prepare(connection, file)
    except DBAPIError as error:
        await engine.dispose()
        raise DataDirectoryBroken(
            f"The catalog {file} cannot be read ({error.orig}); restore it from a backup or move it away"
        ) from error
    except BaseException:
        await engine.dispose()
        raise
    return engine


def upsert(table: Table) -> Insert:
    """A statement that writes a row over the one with the same key; another unique field may refuse it."""
    (key,) = table.primary_key
    statement = insert(table)
    others = {column.name: statement.excluded[column.name] for column in table.columns if column is not key}
    return statement.on_conflict_do_update(index_elements=[key], set_=others)


def is_busy(error: DBAPIError) -> bool:
    """Whether another process held the database for all of `BUSY_SECONDS`: nothing happened, try again."""
    code: int = getattr(error.orig, "sqlite_errorcode", 0)
    return code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


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


def _engine(path: str) -> AsyncEngine:
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=path),
        # A transaction that reads before it writes could not wait for the lock: SQLite refuses at once.
        connect_args={"isolation_level": "IMMEDIATE", "timeout": BUSY_SECONDS},
        json_serializer=_dumps,
        json_deserializer=msgspec.json.decode,
        pool_size=CONNECTIONS,
        max_overflow=0,
        hide_parameters=True,
    )
    event.listen(engine.sync_engine, "connect", _set_up)
    return engine


def _dumps(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _set_up(connection: Any, record: object) -> None:  # noqa: ARG001 - the shape of SQLAlchemy's event
    with closing(connection.cursor()) as cursor:
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")


async def _prepare(connection: AsyncConnection, file: Path) -> None:
    """Check the version, and make the tables in one transaction if the file is new."""
    if await _version(connection, file) == 0:
        # Not within a transaction, and only once: the mode stays in the file.
        await connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        await connection.exec_driver_sql("BEGIN IMMEDIATE")
        if await _version(connection, file) == 0:
            await _refuse_strange_tables(connection, file)
            await connection.run_sync(METADATA.create_all, checkfirst=False)
            await connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")
        await connection.commit()
    missing = {table.name for table in TABLES.values()} - await _tables(connection)
    if missing:
        raise DataDirectoryBroken(f"The catalog {file} lacks {', '.join(sorted(missing))}; restore it from a backup")


async def _version(connection: AsyncConnection, file: Path) -> int:
    version = int((await connection.exec_driver_sql("PRAGMA user_version")).scalar_one())
    if version > VERSION:
        raise FormatTooNew(
            f"The catalog {file} has format {version}, this Minori knows up to {VERSION}; start a newer Minori"
        )
    return version


async def _tables(connection: AsyncConnection) -> set[str]:
    rows = await connection.exec_driver_sql("SELECT name FROM sqlite_schema WHERE type = 'table'")
    return set(rows.scalars())


async def _refuse_strange_tables(connection: AsyncConnection, file: Path) -> None:
    if await _tables(connection):
        raise DataDirectoryBroken(f"{file} is a database, but no catalog of Minori; move it away")
