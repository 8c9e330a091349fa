"""A process that puts calls of many entries and forgets old ones, until it is killed: `entries_at_work.py FOLDER RUN`.

It prints a line of JSON as soon as something is confirmed. `RUN` is a number that no run of the folder had before.
"""

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from itertools import count

from minori.model.entry import DataEntry, EntryWrite
from minori.model.resource import Resource, ResourceType
from minori.observe.metrics import Metrics
from minori.observe.store import StoreWatch
from minori.storage.base import EntryStore, EntryStoreOptions
from minori.storage.rocksdb.entries import open_entries

ACCOUNT = "OP0000000001"
CALL = 100
"""How many entries a call brings, a millisecond apart."""

CALLS_A_RUN = 1_000_000
KEPT_CALLS = 20
"""How many calls of a run are kept, roughly; those before are forgotten."""

RESOURCES = tuple(Resource(ACCOUNT, ResourceType.SUBSCRIBER, f"{number:015}") for number in range(3))
CATEGORIES = ("odd", "even", None)


def entries(number: int) -> Iterator[DataEntry]:
    """Those of one call: of each resource, with and without a category, of many sizes."""
    for place in range(CALL):
        resource = RESOURCES[place % len(RESOURCES)]
        content = f"{number} {place} ".ljust(1 + 37 * place, "=")
        yield DataEntry(resource, number * CALL + place, content, "text/plain", CATEGORIES[place % 2 or number % 3])


async def put(store: EntryStore, first: int) -> None:
    """Put one call after the other, two at once."""

    async def line(numbers: Iterator[int]) -> None:
        for number in numbers:
            await store.put(*[EntryWrite(entry, 0, exact=True) for entry in entries(number)])
            os.write(1, b"%b\n" % json.dumps({"put": number}).encode())

    await asyncio.gather(*[line(count(first + each, 2)) for each in (0, 1)])


async def forget(store: EntryStore, first: int) -> None:
    """Forget what is before a call, slice by slice, again and again."""
    for number in count(first):
        horizon = number * CALL
        for resource in RESOURCES:
            after = None
            while True:
                forgotten = await store.retention.forget(resource, horizon, 7, after)
                after = forgotten.next_after
                if after is None:
                    break
        os.write(1, b"%b\n" % json.dumps({"forgotten": number}).encode())
        await store.retention.release()
        while await store.get(RESOURCES[0], (number + KEPT_CALLS) * CALL) is None:  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0)


async def main(folder: str, run: int) -> None:
    """Do both at once."""
    store = await open_entries(f"rocksdb://{folder}", EntryStoreOptions(StoreWatch(Metrics())))
    first = run * CALLS_A_RUN
    await asyncio.gather(put(store, first), forget(store, first))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
