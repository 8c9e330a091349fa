"""A server may be killed after any of its writes, or within one: what it finds then is whole.

A script of chance is told to a store that seals after every few entries, and to the one in memory. After every single
write of the store's, sealing and forgetting included, its folder is copied as a kill at that moment would leave it,
and once more with the last write cut short. Each copy is opened under another plan, and answers as memory did then.
"""

import asyncio
import copy
import os
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, Self

import pytest
from msgspec import Struct
from rocksdict import WriteBatch

from minori.model.entry import MAX_TIME, DataEntry, EntryWrite, TimeRange
from minori.model.resource import Resource, ResourceType
from minori.model.statistics import Interval
from minori.storage.base import EntryStore, EntryStoreOptions
from minori.storage.contract.entry_examination import examined
from minori.storage.contract.entry_story import Watcher
from minori.storage.memory.entries import MemoryEntryStore
from minori.storage.rocksdb import keys
from minori.storage.rocksdb.entries import RocksDBEntryStore, open_entries
from minori.storage.rocksdb.log import descriptors_of
from minori.storage.rocksdb.sealing import SEALING, Sealing
from minori.storage.rocksdb.tail import Tail

ACCOUNT = "OP0000000001"
RESOURCES = tuple(Resource(ACCOUNT, ResourceType.SUBSCRIBER, name) for name in ("1", "10", "2"))
CATEGORIES = ("c", "cc")
TIMES = 40
STEPS = 40
OLDER = 2000
"""Records in the log that is written over: more than a story fills."""
PLANS = (
    Sealing(rows=1, due=1),
    Sealing(rows=3, due=4, size=400),
    Sealing(rows=5, due=9),
    Sealing(rows=2, due=3, gathered=8),
    SEALING,
)


class Step(Struct, frozen=True):
    """Something done to a store. What is in the batch is written together with what else is handed in then."""

    do: Callable[[EntryStore], Awaitable[object]]
    is_in_batch: bool = True


class Crash(Struct, frozen=True):
    """A folder as it was found after a crash, and what the store in memory answered when it happened."""

    folder: Path
    answers: Any
    memory: MemoryEntryStore


class Interrupted:
    """A store of which every write is followed by a crash of a copy of it."""

    def __init__(
        self, store: RocksDBEntryStore, memory: MemoryEntryStore, folder: Path, copies: Path, chance: Random
    ) -> None:
        self.store = store
        self.memory = memory
        self.slices = 0
        self._crashes: list[Crash] = []
        self._folder, self._copies, self._chance = folder, copies, chance
        self._states: list[tuple[Any, MemoryEntryStore]] = []
        self._reached = 0
        self._seals = False
        self._write, self._seal = store._database.write, store._sealer._seal
        # Put in from inside: there is no other moment between two writes.
        store._database.write = self.write  # type: ignore[method-assign]  # see above
        store._sealer._seal = self.seal  # type: ignore[method-assign]  # see above

    def seal(self, resource: Resource, tail: Tail) -> int:
        self._seals = True
        blocks = self._seal(resource, tail)
        self._seals = False
        return blocks

    def write(self, batch: WriteBatch) -> None:
        """Write, and keep what a kill right after it leaves, or one that cuts it short."""
        log = max(self._folder.glob("[0-9]*.log"))
        # Held over the write: who opens the log after it may find that it is written no more.
        with _held(log) as places:
            held, starts = log.read_bytes(), places()
            before = self._states[self._reached]
            changes = not self._seals and not batch.is_empty()
            self._write(batch)
            self._reached += changes
            self.slices += self._seals
            self._crash(*self._states[self._reached])
            written = [(start, end) for start, end in zip(starts, places(), strict=True) if start < end]
        if not written:
            # It went into a new log, and what that one held before, nobody has kept.
            return
        end = self._chance.randrange(*written[0])
        cut = self._crash(*before)
        # Behind it is what the log held before: nothing, or records of an older one.
        (cut / log.name).write_bytes(log.read_bytes()[:end] + held[end:])

    async def tell(self, *steps: Step) -> None:
        """Tell both stores the steps; all are handed in before the first is written."""
        for number, step in enumerate(steps):
            await step.do(self.memory)
            if any(step.is_in_batch and following.is_in_batch for following in steps[number + 1 :]):
                continue
            state = await told(self.memory)
            if state != self._states[-1][0]:
                self._states.append((state, copy.deepcopy(self.memory)))
        await asyncio.gather(*[step.do(self.store) for step in steps])
        assert self._reached == len(self._states) - 1, "a change was written twice, or never"

    @classmethod
    async def begun(
        cls, store: RocksDBEntryStore, memory: MemoryEntryStore, folder: Path, copies: Path, chance: Random
    ) -> Self:
        """One of two stores that answer alike."""
        story = cls(store, memory, folder, copies, chance)
        story._states.append((await told(memory), copy.deepcopy(memory)))
        return story

    def taken(self) -> list[Crash]:
        """The crashes since they were taken last."""
        crashes, self._crashes = self._crashes, []
        return crashes

    def _crash(self, answers: Any, memory: MemoryEntryStore) -> Path:
        folder = Path(tempfile.mkdtemp(dir=self._copies))
        while not copied(self._folder, folder):
            shutil.rmtree(folder)
        self._crashes.append(Crash(folder, answers, memory))
        return folder


def copied(live: Path, folder: Path) -> bool:
    """Whether what was copied is how it was at one moment: RocksDB makes and removes tables while it is copied."""
    names = sorted(live.iterdir())
    try:
        shutil.copytree(live, folder, dirs_exist_ok=True)
    except shutil.Error:
        return False
    return sorted(live.iterdir()) == names


@contextmanager
def _held(log: Path) -> Iterator[Callable[[], list[int]]]:
    """What tells how far each descriptor has written that a log is or was written by, as long as they are held."""
    descriptors = descriptors_of(log)
    try:
        yield lambda: [os.lseek(descriptor, 0, os.SEEK_CUR) for descriptor in descriptors]
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def write_over(store: RocksDBEntryStore, folder: Path) -> None:
    """Have the store write its log over one that is full of older records."""
    key = keys.METADATA + b"\xff"
    # The first becomes spare as the second is begun, and is written over once that is full.
    for _ in range(2):
        batch = WriteBatch(raw_mode=True)
        for _ in range(OLDER):
            batch.put(key, os.urandom(50))
        batch.delete(key)
        store._commit.write_apart(batch)
        store._database._rdict.flush()
    # Or tables would be joined while the folder is copied.
    store._database._rdict.compact_range(None, None)
    assert max(folder.glob("[0-9]*.log")).stat().st_size > 50 * OLDER


async def told(store: EntryStore) -> Any:
    """All that a store answers of its entries."""
    pages, categories = [], []
    for descending in (False, True):
        for resource in RESOURCES:
            for limit in (7, 1000):
                after, more = None, True
                while more:
                    page = await store.query(resource, TimeRange(descending=descending, limit=limit), after)
                    pages.append((list(page.rows), page.next_after))
                    after, more = page.next_after, page.next_after is not None
        for category in CATEGORIES:
            found = await store.query_category(ACCOUNT, category, TimeRange(descending=descending, limit=1000))
            categories.append((list(found.rows), found.next_after))
    counts = [dict(await store.counts.counts(resource, Interval.DAY, 0, MAX_TIME)) for resource in RESOURCES]
    known = await store.resources(ACCOUNT, None, None, 1000)
    single = [await store.get(RESOURCES[0], time) for time in range(TIMES)]
    return pages, categories, counts, list(known.resources), single


async def placed(store: EntryStore) -> list[int]:
    """Where the next entries land whose times the store chooses."""
    writes = [
        EntryWrite(DataEntry(resource, time, "", "text/plain"), 0, exact=False)
        for resource in RESOURCES
        for time in (0, TIMES // 2, TIMES)
    ]
    return [(await store.put(write))[0].time for write in writes]


def a_write(chance: Random) -> EntryWrite:
    # Mostly new, sometimes late, replaced or placed; half of all are the first resource's.
    resource = chance.choice((RESOURCES[0], *RESOURCES))
    content = "x" * chance.choice((1, 1, 1, 300))
    category = chance.choice((None, None, *CATEGORIES))
    entry = DataEntry(resource, chance.randrange(TIMES), f"{chance.random()} {content}", "text/plain", category)
    names = (f"n{chance.randrange(3)}",)
    return EntryWrite(entry, chance.randrange(3 * Interval.DAY), chance.random() < 2 / 3, names)


def a_step(chance: Random) -> Step:
    """A call of several entries, a delete, or old entries forgotten."""
    kind = chance.random()
    if kind < 0.6:
        writes = [a_write(chance) for _ in range(chance.choice((1, 2, 5)))]

        async def put(store: EntryStore) -> None:
            await store.put(*writes)

        return Step(put)
    resource, time = chance.choice((RESOURCES[0], *RESOURCES)), chance.randrange(TIMES)
    if kind < 0.9:
        return Step(lambda store: store.delete(resource, time))
    limit = chance.randint(1, 9)
    return Step(lambda store: store.retention.forget(resource, time // 2, limit), is_in_batch=False)


async def interrupt(folder: Path, chance: Random, rounds: int) -> tuple[int, int]:
    """How many crashes were looked at, and how many slices were sealed, while a script of chance was told.

    A round begins with opening the store that the last one has left, under another plan.
    """
    at_work, copies = folder / "entries", folder / "crashed"
    copies.mkdir()
    memory = MemoryEntryStore()
    crashes = slices = 0
    for _ in range(rounds):
        plan = Sealing(
            rows=chance.randint(1, 4), due=4 + chance.randint(0, 2), size=600, gathered=chance.choice((0, 9))
        )
        store = await open_entries(f"rocksdb://{at_work}", EntryStoreOptions(Watcher()), plan)
        assert isinstance(store, RocksDBEntryStore)
        write_over(store, at_work)
        story = await Interrupted.begun(store, memory, at_work, copies, chance)
        for _ in range(STEPS):
            steps = [a_step(chance) for _ in range(chance.choice((1, 1, 1, 2)))]
            await story.tell(*steps)
            for crash in story.taken():
                await look(crash, chance.choice(PLANS))
                crashes += 1
        await store.close()
        slices += story.slices
    return crashes, slices


async def look(crash: Crash, plan: Sealing) -> None:
    """Open what a crash left, and have it answer as memory does, at once and when some of it is sealed."""
    memory = copy.deepcopy(crash.memory)
    store = await open_entries(f"rocksdb://{crash.folder}", EntryStoreOptions(Watcher()), plan)
    assert isinstance(store, RocksDBEntryStore)
    for slices in (0, 3):
        store._sealer.slices(slices)
        assert await told(store) == crash.answers
        assert await examined(store, 1000) == await examined(memory, 1)
    assert await placed(store) == await placed(memory)
    assert await told(store) == await told(memory)
    assert await examined(store, 1000) == await examined(memory, 1)
    await store.close()
    shutil.rmtree(crash.folder)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in memory if there may be one: what is opened a hundred times waits for the disk otherwise."""
    memory = "/dev/shm"  # noqa: S108 - a folder of its own is made there
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


@pytest.mark.parametrize("rounds", [1, pytest.param(12, marks=pytest.mark.slow)])
def test_a_kill_after_any_write_or_within_it_leaves_all_that_was_written_before(
    folder: Path, chance: Random, rounds: int
) -> None:
    crashes, slices = asyncio.run(interrupt(folder, chance, rounds))
    assert slices > rounds, "next to nothing was sealed, so nothing was shown"
    assert crashes > 2 * slices
