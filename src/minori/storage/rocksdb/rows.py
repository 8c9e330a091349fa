"""What is common to reading rows and to removing them: where a scan ends, and the place of a row in its category."""

from bisect import bisect_left

from minori.codec.entry import CATEGORY, decode_row, row_time
from minori.model.entry import CategoryKey
from minori.model.resource import Resource
from minori.storage.rocksdb import keys
from minori.storage.rocksdb.commit import GroupCommit


def inside(rows: list[bytes], first: int, last: int, *, descending: bool) -> list[bytes]:
    """The rows of a scan up to the first fence or the first time outside, whichever comes earlier."""
    if keys.FENCE in rows:
        del rows[rows.index(keys.FENCE) :]
    if rows and not first <= row_time(rows[-1]) <= last:
        if descending:
            del rows[bisect_left(rows, -first + 1, key=lambda row: -row_time(row)) :]
        else:
            del rows[bisect_left(rows, last + 1, key=row_time) :]
    return rows


def category_key(resource: Resource, category: str, time: int) -> bytes:
    """The key of an entry within its category."""
    prefix = keys.category_prefix(resource.account, category)
    return keys.category_key(prefix, CategoryKey(time, resource.type, resource.id))


def place_in_category(resource: Resource, row: bytes) -> bytes | None:
    """The key of a row's entry within its category, if it has one."""
    if CATEGORY not in row:
        return None
    entry = decode_row(resource, row)
    return None if entry.category is None else category_key(resource, entry.category, entry.time)


def uncategorise(resource: Resource, row: bytes, commit: GroupCommit) -> None:
    """Take a row that goes out of its category, if it has one."""
    place = place_in_category(resource, row)
    if place is not None:
        commit.delete(place)
