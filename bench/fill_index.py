"""Fills an index of files, a process of its own: `python -m bench.fill_index FILE OWNER`.

FILE is the catalog of a stopped server. `FOLDERS` folders get a file each in turn, as if that many devices
had uploaded; one folder more gets many. No file has bytes: only the index is measured.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from random import Random
from time import perf_counter

from sqlalchemy import Connection, Engine, Insert

from bench.rounds import say
from minori.model.file import Blob, FileEntry, FileWrite
from minori.storage.sql import sqlite
from minori.storage.sql.file_changes import Place, make_all
from minori.storage.sql.tables import CATALOG, FILES

FOLDERS = 1_000
CROWD = 100_000
INDEXED = 1_000_000
"""Files in all: `CROWD` of them in one folder, the others in `FOLDERS`."""

FIRST_TIME = 1_700_000_000_000
_KEPT = 10 * 365 * 86_400_000
_TOGETHER = 20_000
_CACHE_KIB = 524_288
_TELL = 200_000


def crowded(number: int) -> str:
    """The path of a file in the crowded folder."""
    return f"/log/{number:05d}.json"


def spread(number: int) -> str:
    """The path of one of the other files."""
    return f"/device/{number % FOLDERS:03d}/{number // FOLDERS:05d}.json"


def paths() -> Iterator[str]:
    """All of them, in the order in which they are put."""
    others = (INDEXED - CROWD) // CROWD
    for number in range(CROWD):
        yield crowded(number)
        yield from (spread(number * others + turn) for turn in range(others))


def fill(engine: Engine, owner: str, files: int = INDEXED) -> float:
    """Put the first so many files, many in a transaction; files a second."""
    random = Random(INDEXED)  # noqa: S311 - the same numbers in every run, not secrets
    upsert = sqlite.upsert(FILES)
    left = islice(paths(), files)
    start = perf_counter()
    put = 0
    while chosen := list(islice(left, _TOGETHER)):
        changes = [_place(owner, path, put + place, random) for place, path in enumerate(chosen)]
        with engine.begin() as connection:
            _put(connection, upsert, changes)
        put += len(chosen)
        if put % _TELL == 0:
            say(f"  {put:,} of {files:,} files put, {put / (perf_counter() - start):,.0f}/s")
    return put / (perf_counter() - start)


def _put(connection: Connection, upsert: Insert, changes: Sequence[Place]) -> None:
    # Room for the pages of all indexes, or most of the time goes into writing them again and again.
    connection.exec_driver_sql(f"PRAGMA cache_size = -{_CACHE_KIB}")
    make_all(connection, upsert, changes)


def _place(owner: str, path: str, number: int, random: Random) -> Place:
    now = FIRST_TIME + number
    blob = Blob(f"{random.getrandbits(128):032x}", number % 100_000, f"{random.getrandbits(128):032x}")
    return Place(FileWrite(FileEntry(owner, path, now, now, blob, "application/json", now + _KEPT)), now)


if __name__ == "__main__":
    print(json.dumps({"rate": fill(sqlite.open_engine(sys.argv[1], CATALOG), sys.argv[2])}))
