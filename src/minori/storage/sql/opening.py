"""From a URL to a database: which dialects there are, and what is said of a URL that none of them speaks."""

import asyncio
from collections.abc import Mapping

from minori.errors import SettingsInvalid
from minori.storage.sql import sqlite
from minori.storage.sql.database import Database, Dialect
from minori.storage.sql.schema import Schema

_DIALECTS: Mapping[str, Dialect] = {"sqlite": sqlite}


async def open_database(url: str, schema: Schema) -> Database:
    """The database at `sqlite:///absolute/path`, made if absent; the path is taken as it is, unescaped.

    Raises `SettingsInvalid` for another URL, `DataDirectoryBroken` for a file that cannot be read or holds
    something else, `FormatTooNew` for one that a newer Minori wrote.
    """
    scheme, _, path = url.partition("://")
    dialect = _DIALECTS.get(scheme)
    if dialect is None or not path.startswith("/"):
        raise SettingsInvalid(f"{scheme}: is no {schema.noun} Minori can open; write sqlite:///absolute/path.sqlite")
    engine = await asyncio.to_thread(dialect.open_engine, path, schema)
    return Database(engine, dialect, dialect.reserve(path), schema.noun)
