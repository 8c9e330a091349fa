"""Fills a store through its driver, a process of its own: `python -m bench.fill URL OPERATOR ENTRIES RESOURCES`.

Entries go round the resources, a minute apart on each, as if that many devices had reported: the order
in which a log-structured engine has the most to merge.
"""

import asyncio
import json
import sys
from asyncio import Future
from time import perf_counter

from bench.payload import content, payload, telemetry
from bench.rounds import say
from minori.codec.content import JSON
from minori.model.entry import DataEntry, EntryWrite, Written
from minori.model.resource import Resource, ResourceType
from minori.storage.base import EntryStore, EntryStoreOptions
from minori.storage.rocksdb.entries import open_entries

FIRST_TIME = 1_700_000_000_000
"""When each resource's first entry was received, in UNIX ms."""

STEP = 60_000
"""Milliseconds between two entries of one resource."""

_NAMES = tuple(json.loads(payload()))
_CHUNK = 1_000
_TELL = 1_000_000


def imsi(number: int) -> str:
    """The IMSI of the `number`-th resource."""
    return f"00101{1_000_000_000 + number:010d}"


async def fill(store: EntryStore, operator_id: str, entries: int, resources: int) -> float:
    """Put `entries` entries, as many on each of the `resources`; entries a second. Closes the store."""
    random = telemetry().random
    devices = [Resource(operator_id, ResourceType.SUBSCRIBER, imsi(number)) for number in range(resources)]
    start = perf_counter()
    before: Future[tuple[Written, ...]] | None = None
    put = 0
    for number in range(entries // resources):
        time = FIRST_TIME + number * STEP
        for device, resource in enumerate(devices):
            text = content(device, number, random)
            last = store.put(EntryWrite(DataEntry(resource, time, text, JSON), time, False, _NAMES))
            put += 1
            if put % _CHUNK == 0:
                if before is not None:
                    await before
                before = last
            if put % _TELL == 0:
                say(f"  {put:,} of {entries:,} entries put, {put / (perf_counter() - start):,.0f}/s")
    await last
    rate = put / (perf_counter() - start)
    await store.close()
    return rate


class _Silent:
    def commit(self, entries: int, seconds: float) -> None: ...

    def failed(self, reason: str) -> None: ...


async def _main(url: str, operator_id: str, entries: int, resources: int) -> None:
    store = await open_entries(url, EntryStoreOptions(_Silent()))
    print(json.dumps({"rate": await fill(store, operator_id, entries, resources)}))


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
