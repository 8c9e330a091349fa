"""The file index on SQLite against the one in memory: whatever is done to both, they answer alike."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from msgspec.structs import replace

from minori.errors import Error
from minori.model.file import Blob, FileEntry, FilePage, FileWrite
from minori.storage.base import FileIndex
from minori.storage.memory.files import MemoryFileIndex
from minori.storage.sql.catalog import open_catalog

T = TypeVar("T")
Change = Callable[[FileIndex], Coroutine[Any, Any, object]]

OWNERS = ("OP1", "OP10", "public")
NAMES = ("a", "b", "a!", "ab", "é", "\uffee", "\U0001f33e")

# Most of what happens happens to a few paths of one owner, so that it meets there.
owners = st.sampled_from((*[OWNERS[0]] * 6, *OWNERS))
few_paths = st.sampled_from(("/a", "/a/b", "/a/b/a", "/b/a"))
any_paths = st.lists(st.sampled_from(NAMES), min_size=1, max_size=4).map(lambda segments: "/" + "/".join(segments))
file_paths = few_paths | few_paths | any_paths
paths = st.builds(str.__add__, file_paths, st.sampled_from(("", "/")))
prefixes = st.builds(lambda path, end: path[:end], paths, st.integers(0, 9))
times = st.integers(0, 9)
expiries = st.sampled_from((None, 3, 6, 12))
limits = st.one_of(st.integers(1, 4), st.integers(1, 30))
blob_ids = st.integers(0, 30).map(str)
files = st.builds(
    FileEntry, owners, file_paths, times, times, st.just(Blob("", 1, "m")), st.sampled_from(("", "a/b")), expiries
)


def placing(write: FileWrite, now: int) -> Change:
    return lambda index: index.place(write, now)


def removing(owner: str, path: str, now: int) -> Change:
    return lambda index: index.remove(owner, path, now)


def forgetting(entries: list[FileEntry]) -> Change:
    return lambda index: index.forget(entries)


async def told(call: Coroutine[Any, Any, object]) -> object:
    """What a call returns, or the error it raises, in a form that can be compared."""
    try:
        return await call
    except Error as error:
        return type(error), error.message


class FileIndexes(RuleBasedStateMachine):
    """Two indexes side by side. Several changes are handed to the database at once."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp())
        self.memory = MemoryFileIndex()
        self.catalog = self.run(open_catalog(f"sqlite://{self.folder}/catalog.sqlite"))
        self.blobs = 0
        self.placed: list[FileEntry] = []

    def teardown(self) -> None:
        self.run(self.catalog.close())
        self.loop.close()
        shutil.rmtree(self.folder)

    def run(self, doing: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(doing)

    def both(self, ask: Callable[[FileIndex], Coroutine[Any, Any, T]]) -> T:
        sql = self.run(ask(self.catalog.files))
        assert sql == self.run(ask(self.memory))
        return sql

    def write(self, entry: FileEntry, *, only_new: bool) -> FileWrite:
        """A write of a blob of its own."""
        self.blobs += 1
        entry = replace(entry, blob=Blob(str(self.blobs), self.blobs, "m"))
        self.placed.append(entry)
        return FileWrite(entry, only_new)

    @initialize(entries=st.lists(files, min_size=3, max_size=8))
    def begin(self, entries: list[FileEntry]) -> None:
        self.change([placing(self.write(entry, only_new=False), 0) for entry in entries])

    @rule(data=st.data())
    def change_at_once(self, data: st.DataObject) -> None:
        changes: list[Change] = []
        for kind in data.draw(st.lists(st.sampled_from("ppprrf"), min_size=1, max_size=8)):
            if kind == "p":
                write = self.write(data.draw(files), only_new=data.draw(st.booleans()))
                changes.append(placing(write, data.draw(times)))
            elif kind == "r":
                changes.append(removing(data.draw(owners), data.draw(paths), data.draw(times)))
            else:
                changes.append(forgetting(data.draw(st.lists(st.sampled_from(self.placed[-9:]), max_size=4))))
        self.change(changes)

    @rule(now=times, keep=st.integers(0, 2))
    def remove_what_is_deepest(self, now: int, keep: int) -> None:
        entries = self.both(lambda index: index.find(OWNERS[0], "", "", 100, now)).entries
        self.change([removing(entry.owner, entry.path, now) for entry in list(entries)[:keep:-1]])

    def change(self, changes: list[Change]) -> None:
        async def at_once() -> list[object]:
            return await asyncio.gather(*[told(change(self.catalog.files)) for change in changes])

        async def in_turn() -> list[object]:
            return [await told(change(self.memory)) for change in changes]

        assert self.run(at_once()) == self.run(in_turn())
        self.both(lambda index: index.find(OWNERS[0], "", "", 1000, 0))

    @rule(owner=owners, path=paths, now=times)
    def get(self, owner: str, path: str, now: int) -> None:
        self.both(lambda index: index.get(owner, path, now))

    @rule(owner=owners, path=st.just("/") | paths, after=st.just("") | paths, limit=limits, now=times)
    def children(self, owner: str, path: str, after: str, limit: int, now: int) -> None:
        self.both(lambda index: index.children(owner, path, after, limit, now))

    @rule(owner=owners, prefix=prefixes, after=st.just("") | paths, limit=limits, now=times)
    def find(self, owner: str, prefix: str, after: str, limit: int, now: int) -> None:
        self.both(lambda index: index.find(owner, prefix, after, limit, now))

    @rule(place=prefixes, limit=limits, now=times, find=st.booleans())
    def join_pages(self, *, place: str, limit: int, now: int, find: bool) -> None:
        def page(after: str, limit: int) -> FilePage:
            if find:
                return self.both(lambda index: index.find(OWNERS[0], place, after, limit, now))
            directory = place[: place.rfind("/") + 1]
            return self.both(lambda index: index.children(OWNERS[0], directory, after, limit, now))

        whole = page("", 1000)
        joined: list[FileEntry] = []
        more = True
        while more:
            turned = page(joined[-1].path if joined else "", limit)
            joined += turned.entries
            more = turned.more
        assert joined == list(whole.entries)

    @rule(wanted=st.lists(blob_ids, max_size=8))
    def of_blobs(self, wanted: list[str]) -> None:
        self.both(lambda index: index.of_blobs(wanted))

    @rule(now=times, limit=limits, forget=st.booleans())
    def sweep(self, *, now: int, limit: int, forget: bool) -> None:
        async def expired(index: FileIndex) -> list[tuple[int | None, str, str]]:
            return [(entry.expiry_time, entry.owner, entry.path) for entry in await index.expired(now, limit)]

        self.both(expired)
        if forget:
            self.change([forgetting(list(self.run(self.memory.expired(now, limit))))])

    @rule()
    def reopen(self) -> None:
        self.run(self.catalog.close())
        self.catalog = self.run(open_catalog(f"sqlite://{self.folder}/catalog.sqlite"))


def profile(examples: int, steps: int) -> settings:
    return settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)
    )


def test_sqlite_answers_as_memory_does() -> None:
    run_state_machine_as_test(FileIndexes, settings=profile(12, 25))


@pytest.mark.slow
def test_sqlite_answers_as_memory_does_for_long() -> None:
    run_state_machine_as_test(FileIndexes, settings=profile(200, 50))
