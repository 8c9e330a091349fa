"""Rows of many owners, each owner's in the order of their times, bounded in number and age: what a log is kept in."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Table, bindparam, delete, func, literal, select, tuple_

from minori.storage.sql.database import Dialect

T = TypeVar("T")


class History:
    """`rows` are known by owner, time (UNIX ms) and sequence, in this order and as their first columns.

    `owners` has an owner, how many rows are `kept`, and the sequence of the `last` one that was added; it never
    goes back. Everything here runs within the caller's transaction.
    """

    def __init__(self, dialect: Dialect, rows: Table, owners: Table) -> None:
        self._dialect = dialect
        self._rows = rows
        self._owners = owners
        self._upsert = dialect.upsert(owners)
        owner, time, sequence = rows.primary_key.columns
        mine = owner == bindparam("mine")
        self._place = tuple_(time, sequence)
        old = select(literal(1)).where(mine, time < bindparam("before")).limit(bindparam("most"))
        self._count_old = select(func.count()).select_from(old.subquery())
        oldest = select(time, sequence).where(mine).order_by(time, sequence)
        self._last_of_oldest = oldest.limit(1).offset(bindparam("behind"))
        self._forget = delete(rows).where(mine, self._place <= tuple_(bindparam("time"), bindparam("sequence")))
        self.newest_first = (time.desc(), sequence.desc())
        """The order of a page."""

    def before(self, time: int, sequence: int) -> ColumnElement[bool]:
        """Of a row: whether it is older than the one at this place."""
        return self._place < tuple_(literal(time), literal(sequence))

    def add(
        self, connection: Connection, owner: str, added: Sequence[T], row: Callable[[int, T], Sequence[Any]]
    ) -> None:
        """Add what is all one owner's; `row` gives the values of one, from its sequence, in the columns' order."""
        known = connection.execute(select(self._owners).where(self._owners.primary_key.columns[0] == owner))
        _, kept, last = known.one_or_none() or (owner, 0, 0)
        rows = [row(sequence, one) for sequence, one in enumerate(added, last + 1)]
        self._dialect.insert_many(connection, self._rows, rows)
        self._note(connection, owner, kept + len(rows), last + len(rows))

    def forget(self, connection: Connection, before: int, keep: int, limit: int) -> int:
        """Remove rows of a time before `before`, and the oldest of who has more than `keep`; how many, at most `limit`.

        A few statements an owner.
        """
        forgotten = 0
        for owner, kept, last in connection.execute(select(self._owners)).all():
            most = limit - forgotten
            if most == 0:
                break
            old = connection.execute(self._count_old, {"mine": owner, "before": before, "most": most})
            count = min(max(old.scalar_one(), kept - keep), most)
            if count:
                end = connection.execute(self._last_of_oldest, {"mine": owner, "behind": count - 1}).one()
                time, sequence = end
                connection.execute(self._forget, {"mine": owner, "time": time, "sequence": sequence})
                self._note(connection, owner, kept - count, last)
                forgotten += count
        return forgotten

    def _note(self, connection: Connection, owner: str, kept: int, last: int) -> None:
        values = zip(self._owners.columns.keys(), (owner, kept, last), strict=True)
        connection.execute(self._upsert, dict(values))
