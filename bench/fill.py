"""Fills a store through its driver, a process of its own: `python -m bench.fill URL OPERATOR ENTRIES RESOURCES KIND`.

Entries go round the resources, some of each at a time, as if that many devices had reported about once a minute: a
log-structured engine has much to merge. KIND is what they say: `telemetry`, or `plant` for what simulated devices send.
"""

import asyncio
import json
import sys
from asyncio import Future
from collections.abc import Callable, Sequence
from random import Random
from time import perf_counter

from msgspec import Struct

from bench.payload import content, payload, telemetry
from bench.plant import messages
from bench.rounds import say
from minori.codec.content import JSON, Content
from minori.model.entry import DataEntry, EntryWrite, Written
from minori.model.resource import Resource, ResourceType
from minori.storage.base import EntryStore, EntryStoreOptions
from minori.storage.rocksdb.entries import open_entries

FIRST_TIME = 1_700_000_000_000
"""When each resource's first minute begins, in UNIX ms."""

STEP = 60_000
"""Milliseconds between the beginnings of two minutes of one resource; each has one entry."""

TELEMETRY, PLANT = "telemetry", "plant"

_RUN = 100
_LATE_MS = 1_000
_UNDER_WAY = 5_000
_TELL = 1_000_000
_NAMES = tuple(json.loads(payload()))

Say = Callable[[int, int], Content]
"""What a device sends at its turn of this number, at this time."""


class Filled(Struct, frozen=True):
    """How fast a store was filled, in entries a second, and how many bytes the contents of all entries have."""

    rate: float
    content_bytes: int


def imsi(number: int) -> str:
    """The IMSI of the `number`-th resource."""
    return f"00101{1_000_000_000 + number:010d}"


async def fill(store: EntryStore, operator_id: str, entries: int, resources: int, kind: str = TELEMETRY) -> Filled:
    """Put `entries` entries, as many on each of the `resources`. Closes the store."""
    random = telemetry()
    devices = [Resource(operator_id, ResourceType.SUBSCRIBER, imsi(number)) for number in range(resources)]
    sources = [messages(device) if kind == PLANT else _telemetry(device, random) for device in range(resources)]
    each = entries // resources
    put = waiting = size = 0
    before: Future[tuple[Written, ...]] | None = None
    start = perf_counter()
    for first in range(0, each, _RUN):
        turns = range(first, min(first + _RUN, each))
        for resource, source in zip(devices, sources, strict=True):
            writes = [_write(resource, source, turn, random) for turn in turns]
            size += sum(len(write.entry.content) for write in writes)
            last = store.put(*writes)
            put += len(writes)
            waiting += len(writes)
            if waiting >= _UNDER_WAY:
                waiting = 0
                if before is not None:
                    await before
                before = last
            if put % _TELL < len(writes):
                say(f"  {put:,} of {entries:,} entries put, {put / (perf_counter() - start):,.0f}/s")
    await last
    rate = put / (perf_counter() - start)
    await store.close()
    return Filled(rate, size)


def _telemetry(device: int, random: Random) -> Say:
    return lambda turn, _: Content(content(device, turn, random.random), JSON, _NAMES)


def _write(resource: Resource, source: Say, turn: int, random: Random) -> EntryWrite:
    # Within a second of its minute: times without a pattern, as receipts are.
    time = FIRST_TIME + turn * STEP + int(random.random() * _LATE_MS)
    said = source(turn, time)
    return EntryWrite(DataEntry(resource, time, said.text, said.content_type), time, False, said.attribute_names)


class _Silent:
    def commit(self, entries: int, seconds: float) -> None: ...

    def failed(self, reason: str) -> None: ...


async def _main(url: str, operator_id: str, told: Sequence[str]) -> None:
    entries, resources, kind = told
    store = await open_entries(url, EntryStoreOptions(_Silent()))
    filled = await fill(store, operator_id, int(entries), int(resources), kind)
    print(json.dumps({"rate": filled.rate, "content_bytes": filled.content_bytes}))


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], sys.argv[2], sys.argv[3:]))
