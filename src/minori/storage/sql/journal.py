"""The journal of the catalog: which record was changed, written down in the same transaction."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, delete, func, insert, select

from minori.storage.base import JOURNAL_CHANGES, Change, Changes, Noted
from minori.storage.records import key_field, key_of
from minori.storage.sql.tables import JOURNAL, KINDS, TABLES

_AT_ONCE = 500
"""Keys in one statement: databases bound the values of one (our choice)."""

_sequence = JOURNAL.c.sequence
_newest = select(func.max(_sequence)).scalar_subquery()
_oldest = select(func.min(_sequence)).scalar_subquery()


def note(connection: Connection, changes: Iterable[Change]) -> None:
    """Write down what a transaction changes, and forget what is too long ago."""
    rows = [{"kind": TABLES[type(one.record)].name, "key": key_of(one.record)} for one in changes]
    if rows:
        connection.execute(insert(JOURNAL), rows)
        connection.execute(delete(JOURNAL).where(_sequence <= _newest - JOURNAL_CHANGES))


def read(connection: Connection, after: int | None, limit: int) -> Changes:
    """See `storage.base.Catalog.changes`."""
    oldest, newest = connection.execute(select(_oldest, _newest)).one()
    if newest is None:
        oldest, newest = 1, 0
    if after is None or not oldest - 1 <= after <= newest:
        return Changes(newest, None)
    if after == newest:
        return Changes(newest, [])
    statement = select(JOURNAL).where(_sequence > after).order_by(_sequence).limit(limit)
    rows = connection.execute(statement).all()
    keys: dict[str, dict[str, None]] = {}
    for _, name, key in rows:
        keys.setdefault(name, {})[key] = None
    noted = [one for name in keys for one in records(connection, name, list(keys[name]))]
    last = rows[-1].sequence
    return Changes(last, noted, last < newest)


def records(connection: Connection, name: str, keys: Sequence[str]) -> list[Noted]:
    """The records of one table with these keys, as they are now."""
    kind = KINDS[name]
    table = TABLES[kind]
    key = table.c[key_field(kind)]
    found = {}
    for start in range(0, len(keys), _AT_ONCE):
        for row in connection.execute(select(table).where(key.in_(keys[start : start + _AT_ONCE]))):
            found[row[0]] = kind(*row)
    return [Noted(kind, each, found.get(each)) for each in keys]
