"""A process that puts calls of many entries, changes and forgets old ones, until it is killed.

`entries_at_work.py FOLDER RUN`: `RUN` is a number that no run of the folder had before. It prints a line of JSON as
soon as something is confirmed. Rows are sealed after a few, so that most of what is changed is in blocks.
"""

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from hashlib import shake_128
from itertools import count

from rocksdict import Options

from minori.model.entry import DataEntry, EntryWrite
from minori.model.resource import Resource, ResourceType
from minori.observe.metrics import Metrics
from minori.observe.store import StoreWatch
from minori.storage.base import EntryStore, EntryStoreOptions
from minori.storage.rocksdb import database
from minori.storage.rocksdb.entries import open_entries
from minori.storage.rocksdb.sealing import Sealing

ACCOUNT = "OP0000000001"
CALL = 100
"""How many entries a call brings at most, a millisecond apart."""

CALLS_A_RUN = 1_000_000
KEPT_CALLS = 20
"""How many calls of a run are kept, roughly; those before are forgotten."""

CHANGED_LATER = 3
"""How many calls a call is behind the newest when it is changed, so that the changes are late."""

RESOURCES = tuple(Resource(ACCOUNT, ResourceType.SUBSCRIBER, f"{number:015}") for number in range(3))
CATEGORIES = ("odd", "even", None)

PLAN = Sealing(rows=8, due=12, size=20_000)
MEMTABLE_BYTES, TOGETHER = 128 * 1024, 4
"""So few that the log changes with every call or two; but memory is written out late, so that the logs are needed."""

RELEASED = 5
"""How often old entries are forgotten before the disk is to have them back, which writes memory out at once."""

usual_tuning = database._tuning

_LATE, _REPLACED, _DELETED = 5, 3, 27


def _entry(number: int, place: int, shift: int, text: str = "") -> DataEntry:
    resource = RESOURCES[place % len(RESOURCES)]
    # Incompressible, so that sealing fills the log as putting does.
    content = f"{number} {place} {text}" + shake_128(b"%d %d" % (number, place)).hexdigest(1 + 15 * place)
    category = CATEGORIES[(place + shift) % 2 or number % 3]
    return DataEntry(resource, number * CALL + place, content, "text/plain", category)


def entries(number: int) -> Iterator[DataEntry]:
    """Those of one call: of each resource, with and without a category, of many sizes."""
    for place in range(CALL):
        if place % 10 != _LATE:
            yield _entry(number, place, 0)


def changes(number: int) -> Iterator[DataEntry]:
    """Those that come to a call later, by a call of their own: new ones, and others in place of what is there."""
    for place in range(CALL):
        if place % 10 == _LATE:
            yield _entry(number, place, 0)
        elif place % 10 == _REPLACED:
            yield _entry(number, place, 1, "again ")


def deletes(number: int) -> Iterator[tuple[Resource, int]]:
    """Those that are deleted in the end, in this order: old, late and replaced ones."""
    for place in (*range(1, CALL, _DELETED), 15, 25, 33):
        yield RESOURCES[place % len(RESOURCES)], number * CALL + place


class Work:
    """What is done to a store, and how far it is."""

    def __init__(self, store: EntryStore, first: int) -> None:
        self._store = store
        self._first = first
        self._put: set[int] = set()
        self._changed = first - 1

    async def put(self, start: int) -> None:
        """Put every other call, one after the other."""
        for number in count(self._first + start, 2):
            while number > self._changed + KEPT_CALLS:  # noqa: ASYNC110 - nobody tells of it
                await asyncio.sleep(0)
            await self._store.put(*[EntryWrite(entry, 0, exact=True) for entry in entries(number)])
            self._put.add(number)
            tell(put=number)

    async def change(self) -> None:
        """Change every call, a while after it was put."""
        for number in count(self._first):
            while number + CHANGED_LATER not in self._put or number not in self._put:  # noqa: ASYNC110 - see above
                await asyncio.sleep(0)
            await self._store.put(*[EntryWrite(entry, 0, exact=True) for entry in changes(number)])
            tell(changed=number)
            for place, (resource, time) in enumerate(deletes(number)):
                assert await self._store.delete(resource, time)
                tell(deleted=number, place=place)
            self._changed = number

    async def forget(self) -> None:
        """Forget what is before a call, slice by slice, again and again."""
        for number in count(self._first):
            while self._changed < number + CHANGED_LATER:  # noqa: ASYNC110 - see above
                await asyncio.sleep(0)
            for resource in RESOURCES:
                after, more = None, True
                while more:
                    forgotten = await self._store.retention.forget(resource, number * CALL, 7, after)
                    after, more = forgotten.next_after, forgotten.next_after is not None
            tell(forgotten=number)
            if number % RELEASED == 0:
                await self._store.retention.release()


def tell(**what: int) -> None:
    """Say that something is confirmed."""
    os.write(1, b"%b\n" % json.dumps(what).encode())


def tuning() -> Options:
    """That of a server whose disk is slow to take what is in memory."""
    options = usual_tuning()
    options.set_write_buffer_size(MEMTABLE_BYTES)
    options.set_min_write_buffer_number_to_merge(TOGETHER)
    options.set_max_write_buffer_number(2 * TOGETHER)
    return options


async def main(folder: str, run: int) -> None:
    """Do all at once."""
    database._tuning = tuning
    store = await open_entries(f"rocksdb://{folder}", EntryStoreOptions(StoreWatch(Metrics())), PLAN)
    work = Work(store, run * CALLS_A_RUN)
    await asyncio.gather(work.put(0), work.put(1), work.change(), work.forget())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
