"""RocksDB against memory: whatever is done to both, they answer alike."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from msgspec.structs import replace

from minori.codec.entry import row_time
from minori.model.entry import (
    MAX_TIME,
    PAGE_LIMIT,
    CategoryKey,
    CategoryPage,
    DataEntry,
    EntryPage,
    EntryWrite,
    ResourcePage,
    TimeRange,
    Written,
)
from minori.model.resource import Resource, ResourceType
from minori.model.statistics import Interval
from minori.storage.base import EntryStore, EntryStoreOptions, StoreStatus
from minori.storage.contract.entry_examination import examined
from minori.storage.contract.entry_story import Watcher, add_one
from minori.storage.memory.entries import MemoryEntryStore
from minori.storage.rocksdb.blocks import Blocks
from minori.storage.rocksdb.commit import GroupCommit
from minori.storage.rocksdb.database import Database
from minori.storage.rocksdb.entries import RocksDBEntryStore
from minori.storage.rocksdb.recent import RUN_OVERHEAD, Recent
from minori.storage.rocksdb.sealing import Sealer, Sealing
from minori.storage.rocksdb.tail import Tails

T = TypeVar("T")
Placed = asyncio.Future[tuple[Written, ...]]

MOST_WAITING = 6
"""How many writes may wait, and how many resources are remembered: few, so that some are forgotten."""

LARGEST_CALL = 9
"""How many writes one call brings at most: more than may wait."""

OPERATORS = ("OP1", "OP10")
TYPES = (ResourceType.DEVICE, ResourceType.SUBSCRIBER)
IDS = ("a", "a\x01", "ab", "é")
CATEGORIES = ("c", "cc")
PLANS = (
    Sealing(rows=2, due=3, size=200),
    Sealing(rows=2, due=4, size=300, gathered=8),
    Sealing(rows=4, due=5, size=300),
    Sealing(rows=5, due=9, size=2000),
)
"""When rows are sealed: so soon that most are, and into blocks small enough that rows fall between them."""

operators = st.sampled_from(OPERATORS)
types = st.sampled_from(TYPES)
ids = st.sampled_from(IDS)
# Most of what happens happens to one resource, and within a few milliseconds, so that it meets there.
the_one = st.just(Resource(OPERATORS[0], TYPES[1], IDS[0]))
resources = the_one | the_one | the_one | st.builds(Resource, operators, types, ids)
times = st.one_of(st.integers(0, 4), st.integers(0, 9), st.sampled_from((255, 256, MAX_TIME - 1, MAX_TIME)))
limits = st.one_of(st.integers(1, 4), st.integers(1, 20))
spans = st.builds(TimeRange, st.just(0) | times, st.just(MAX_TIME) | times, st.booleans(), limits)
places = st.builds(CategoryKey, times, types, ids)
texts = st.text(st.sampled_from('a"é\n\0'), max_size=3)
contents = texts | texts | texts.map(lambda text: text + "x" * 100)
entries = st.builds(
    DataEntry, resources, times, contents, st.just("text/plain"), st.none() | st.sampled_from(CATEGORIES)
)
names = st.lists(st.sampled_from(("x", "y", "é")), max_size=2).map(tuple)
receipts = st.integers(0, 9) | st.builds(
    lambda day, slot, time: day * Interval.DAY + slot * Interval.FIVE_MINUTES + time,
    st.integers(0, 2),
    st.sampled_from((0, 1, 287)),
    st.sampled_from((0, Interval.FIVE_MINUTES - 1)),
)
exact_writes = st.builds(EntryWrite, entries, receipts, st.just(True), names)
# The clock stays away from the end of time, where there is no next millisecond.
placed_writes = st.builds(
    EntryWrite, entries.map(lambda entry: entry.at(entry.time % 257)), receipts, st.just(False), names
)
writes = st.one_of(exact_writes, placed_writes)


class EntryStores(RuleBasedStateMachine):
    """Two stores side by side. Writes are left waiting until something is read."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp())
        self.waiting: list[tuple[Placed, Placed]] = []
        self.watcher = Watcher()
        self.memory = MemoryEntryStore()
        self.rocks = self.run(self.opened(PLANS[0]))

    def teardown(self) -> None:
        self.run(self.settled())
        self.run(self.rocks.close())
        self.loop.close()
        shutil.rmtree(self.folder)

    def run(self, doing: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(doing)

    async def opened(self, plan: Sealing) -> EntryStore:
        database = Database(self.folder)
        options = EntryStoreOptions(self.watcher, waiting_writes=MOST_WAITING)
        # Small, so that rows are forgotten and whole resources too.
        recent = Recent(kept=8 * RUN_OVERHEAD, largest_run=RUN_OVERHEAD + 600)
        loop = asyncio.get_running_loop()
        commit = GroupCommit(database, options, loop, recent.written)
        tails, blocks = Tails(database, LARGEST_CALL), Blocks(database, kept=4000, longest=3)
        self.sealer = Sealer(database, blocks, tails, commit, loop, plan)
        return RocksDBEntryStore(database, commit, tails, recent, blocks, self.sealer)

    async def settled(self) -> None:
        for rocks, memory in self.waiting:
            assert await rocks == await memory
        self.waiting.clear()

    async def make_room(self, writes: int) -> None:
        if self.rocks.status().waiting + writes > MOST_WAITING:
            await self.settled()

    def both(self, ask: Callable[[EntryStore], Coroutine[Any, Any, T]]) -> tuple[T, T]:
        async def asked() -> tuple[T, T]:
            await self.settled()
            return await ask(self.rocks), await ask(self.memory)

        return self.run(asked())

    def page(self, resource: Resource, span: TimeRange, after: int | None) -> EntryPage:
        rocks, memory = self.both(lambda store: store.query(resource, span, after))
        assert (list(rocks.rows), rocks.next_after) == (list(memory.rows), memory.next_after)
        return rocks

    def category_page(
        self, operator_id: str, category: str, span: TimeRange, after: CategoryKey | None
    ) -> CategoryPage:
        rocks, memory = self.both(lambda store: store.query_category(operator_id, category, span, after))
        assert (list(rocks.rows), rocks.next_after) == (list(memory.rows), memory.next_after)
        return rocks

    def resource_page(
        self, operator_id: str, kind: ResourceType | None, after: tuple[ResourceType, str] | None, limit: int
    ) -> ResourcePage:
        rocks, memory = self.both(lambda store: store.resources(operator_id, kind, after, limit))
        assert (list(rocks.resources), rocks.more) == (list(memory.resources), memory.more)
        return rocks

    @initialize(burst=st.lists(placed_writes, min_size=3, max_size=MOST_WAITING), plan=st.sampled_from(PLANS))
    def begin(self, burst: list[EntryWrite], plan: Sealing) -> None:
        self.reopen(settle=True, plan=plan)
        self.put(burst)

    @rule(burst=st.lists(writes, min_size=1, max_size=MOST_WAITING), adds=st.booleans())
    def put(self, burst: list[EntryWrite], *, adds: bool = True) -> None:
        async def put() -> None:
            await self.make_room(len(burst))
            for write in burst:
                rocks = add_one(self.rocks, write) if adds else self.rocks.put(write)
                self.waiting.append((rocks, self.memory.put(write)))

        self.run(put())

    @rule(call=st.lists(writes, min_size=2, max_size=LARGEST_CALL))
    def put_together(self, call: list[EntryWrite]) -> None:
        async def put() -> None:
            await self.make_room(len(call))
            self.waiting.append((self.rocks.put(*call), self.memory.put(*call)))

        self.run(put())

    @rule(write=placed_writes, more=st.integers(1, MOST_WAITING - 1))
    def burst(self, write: EntryWrite, more: int) -> None:
        self.put([write] * (more + 1))

    @rule(resource=resources, time=times)
    def delete(self, resource: Resource, time: int) -> None:
        async def delete() -> None:
            await self.make_room(1)
            assert await self.rocks.delete(resource, time) == await self.memory.delete(resource, time)

        self.run(delete())

    @rule(write=writes)
    def put_in_place_of_what_is_being_deleted(self, write: EntryWrite) -> None:
        async def put() -> None:
            await self.settled()
            gone = asyncio.ensure_future(self.rocks.delete(write.entry.resource, write.entry.time))
            await asyncio.sleep(0)
            was_there = await self.memory.delete(write.entry.resource, write.entry.time)
            self.waiting.append((self.rocks.put(write), self.memory.put(write)))
            assert await gone == was_there

        self.run(put())

    @rule(resource=resources, before=times, limit=limits, after=st.none() | times)
    def forget(self, resource: Resource, before: int, limit: int, after: int | None) -> None:
        rocks, memory = self.both(lambda store: store.retention.forget(resource, before, limit, after))
        assert rocks == memory

    @rule(before=times, limit=limits, call=st.lists(writes, min_size=1, max_size=3))
    def put_while_others_are_forgotten(self, before: int, limit: int, call: list[EntryWrite]) -> None:
        async def put() -> None:
            await self.settled()
            resource = call[0].entry.resource
            gone = asyncio.ensure_future(self.rocks.retention.forget(resource, before, limit))
            await asyncio.sleep(0)
            old = await self.memory.retention.forget(resource, before, limit)
            self.waiting.append((self.rocks.put(*call), self.memory.put(*call)))
            assert await gone == old

        self.run(put())

    @rule(call=st.lists(writes, min_size=1, max_size=MOST_WAITING - 1), before=times)
    def forget_while_others_are_put(self, call: list[EntryWrite], before: int) -> None:
        async def forget() -> None:
            await self.settled()
            resource = call[0].entry.resource
            waiting = self.rocks.put(*call)
            await self.rocks.retention.forget(resource, before, PAGE_LIMIT)
            assert await waiting == await self.memory.put(*call)
            # What was on its way may have stayed; a second time leaves nothing, as one time does in memory.
            await self.rocks.retention.forget(resource, before, PAGE_LIMIT)
            await self.memory.retention.forget(resource, before, PAGE_LIMIT)

        self.run(forget())

    @rule(after=st.none() | resources, limit=limits)
    def walk_resources(self, after: Resource | None, limit: int) -> None:
        rocks, memory = self.both(lambda store: store.retention.resources(after, limit))
        assert rocks == memory

    @rule()
    def release(self) -> None:
        self.run(self.rocks.retention.release())

    @rule(slices=st.integers(1, 20))
    def seal(self, slices: int) -> None:
        async def seal() -> None:
            await self.settled()
            self.sealer.slices(slices)

        self.run(seal())

    @rule(resource=resources, every=st.integers(1, 3))
    def delete_many(self, resource: Resource, every: int) -> None:
        for row in self.page(resource, TimeRange(limit=PAGE_LIMIT), None).rows[::every][:5]:
            self.delete(resource, row_time(row))

    @rule(limit=st.sampled_from((7, 1000)))
    def examine(self, limit: int) -> None:
        rocks, memory = self.both(lambda store: examined(store, limit))
        assert rocks == memory

    @rule(resource=resources, descending=st.booleans())
    def delete_an_end(self, *, resource: Resource, descending: bool) -> None:
        page = self.page(resource, TimeRange(descending=descending, limit=1), None)
        if page.rows:
            self.delete(resource, row_time(page.rows[0]))

    @rule(resource=resources, time=times)
    def get(self, resource: Resource, time: int) -> None:
        rocks, memory = self.both(lambda store: store.get(resource, time))
        assert rocks == memory

    @rule(resource=resources, span=spans, after=st.none() | times)
    def query(self, resource: Resource, span: TimeRange, after: int | None) -> None:
        self.page(resource, span, after)

    @rule(resource=resources, span=spans)
    def join_pages(self, resource: Resource, span: TimeRange) -> None:
        for descending in (span.descending, not span.descending):
            self.join(resource, replace(span, descending=descending))

    @rule(late=st.lists(exact_writes, min_size=1, max_size=3), span=spans)
    def join_pages_after_late_writes(self, late: list[EntryWrite], span: TimeRange) -> None:
        self.put(late)
        self.join_pages(late[0].entry.resource, span)

    def join(self, resource: Resource, span: TimeRange) -> None:
        whole = self.page(resource, replace(span, limit=PAGE_LIMIT), None)
        page = self.page(resource, span, None)
        joined = list(page.rows)
        while page.next_after is not None:
            page = self.page(resource, span, page.next_after)
            joined += page.rows
        assert joined == list(whole.rows)

    @rule(operator_id=operators, category=st.sampled_from(CATEGORIES), span=spans, after=st.none() | places)
    def query_category(self, operator_id: str, category: str, span: TimeRange, after: CategoryKey | None) -> None:
        self.category_page(operator_id, category, span, after)

    @rule(operator_id=operators, category=st.sampled_from(CATEGORIES), span=spans)
    def join_category_pages(self, operator_id: str, category: str, span: TimeRange) -> None:
        unpaged = TimeRange(span.first, span.last, span.descending, PAGE_LIMIT)
        whole = self.category_page(operator_id, category, unpaged, None)
        page = self.category_page(operator_id, category, span, None)
        joined = list(page.rows)
        while page.next_after is not None:
            page = self.category_page(operator_id, category, span, page.next_after)
            joined += page.rows
        assert joined == list(whole.rows)

    @rule(operator_id=operators, kind=st.none() | types, after=st.none() | st.tuples(types, ids), limit=limits)
    def list_resources(
        self, operator_id: str, kind: ResourceType | None, after: tuple[ResourceType, str] | None, limit: int
    ) -> None:
        self.resource_page(operator_id, kind, after, limit)

    @rule(resource=resources, interval=st.sampled_from(Interval), first=receipts, last=receipts)
    def count(self, resource: Resource, interval: Interval, first: int, last: int) -> None:
        rocks, memory = self.both(lambda store: store.counts.counts(resource, interval, first, last))
        assert rocks == memory

    @rule(settle=st.booleans(), plan=st.sampled_from(PLANS))
    def reopen(self, *, settle: bool, plan: Sealing) -> None:
        async def reopen() -> None:
            if settle:
                await self.settled()
            await self.rocks.close()
            self.rocks = await self.opened(plan)

        self.run(reopen())

    @precondition(lambda self: not self.waiting)
    @invariant()
    def nothing_waits_in_a_store_that_is_well(self) -> None:
        assert self.rocks.status() == StoreStatus(0, 0, None)
        assert not self.watcher.reasons


def profile(examples: int, steps: int) -> settings:
    return settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)
    )


def test_rocksdb_answers_as_memory_does() -> None:
    run_state_machine_as_test(EntryStores, settings=profile(25, 40))


@pytest.mark.slow
def test_rocksdb_answers_as_memory_does_for_long() -> None:
    run_state_machine_as_test(EntryStores, settings=profile(500, 80))
