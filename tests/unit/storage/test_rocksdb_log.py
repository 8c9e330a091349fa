"""The write-ahead log is followed and synced from outside; a sync that fails ends it all."""

import asyncio
import errno
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, TypeVar

import pytest

from minori.errors import Overloaded, StoreFailed
from minori.model.entry import EntryWrite, Written
from minori.storage.base import EntryStore, EntryStoreOptions, StoreStatus
from minori.storage.contract.entry_story import METER, Watcher, add_one, arriving, contents, dated
from minori.storage.rocksdb import database
from minori.storage.rocksdb import log as log_module
from minori.storage.rocksdb.entries import open_entries
from minori.storage.rocksdb.log import LogFollower, SyncTask, SyncThread
from minori.storage.rocksdb.sealing import Sealing

T = TypeVar("T")

fdatasync, fsync = os.fdatasync, os.fsync


class Disk:
    """Stands between the program and its syncs: notes each one, holds or refuses those of a log file."""

    def __init__(self) -> None:
        self.synced: list[Path] = []
        self.held = threading.Event()
        self.go = threading.Event()
        self.go.set()
        self.error: OSError | None = None

    def fdatasync(self, descriptor: int) -> None:
        self.held.set()
        assert self.go.wait(10)
        if self.error is not None:
            raise self.error
        self._sync(descriptor, fdatasync)

    def fsync(self, descriptor: int) -> None:
        self._sync(descriptor, fsync)

    def _sync(self, descriptor: int, sync: Callable[[int], None]) -> None:
        sync(descriptor)
        self.synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())

    def stop(self) -> None:
        """Let no sync of a log file through until told to `go`."""
        self.held.clear()
        self.go.clear()

    async def reached(self) -> None:
        """A sync has come and is held."""
        await asyncio.to_thread(self.held.wait, 10)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    disk = Disk()
    monkeypatch.setattr(os, "fdatasync", disk.fdatasync)
    monkeypatch.setattr(os, "fsync", disk.fsync)
    yield disk
    disk.go.set()


def run(scenario: Coroutine[Any, Any, T]) -> T:
    """Tell a scenario; one that waits for what never comes fails."""
    return asyncio.run(asyncio.wait_for(scenario, 30))


def holds(log: Path, marker: str) -> bool:
    return marker.encode() in log.read_bytes()


def holds_or_held(log: Path, marker: str) -> bool:
    """A log that is gone has become a table."""
    try:
        return holds(log, marker)
    except FileNotFoundError:
        return True


def logs_of(folder: Path) -> dict[Path, bytes]:
    """What the log files in a folder hold."""
    contents: dict[Path, bytes] = {}
    for log in folder.glob("[0-9]*.log"):
        with suppress(FileNotFoundError):
            contents[log] = log.read_bytes()
    return contents


async def write_until_refused(store: EntryStore) -> int:
    """How many entries were confirmed before one was not."""
    for number in range(1, 1000):
        try:
            await store.put(arriving(number, "x" * 4000))
        except StoreFailed:
            return number
    pytest.fail("nothing was refused")


def is_refused(store: EntryStore) -> bool:
    try:
        _ = store.put(arriving(9))
    except StoreFailed:
        return True
    return False


HandIn = Callable[[EntryStore, EntryWrite], "asyncio.Future[tuple[Written, ...]]"]

BOTH_WAYS = pytest.mark.parametrize("hand_in", [lambda store, write: store.put(write), add_one], ids=["put", "added"])
"""A write handed in by `put`, and by `add`."""


def options_in(folder: Path) -> str:
    """What RocksDB notes of the options it was opened with last."""
    return max(folder.glob("OPTIONS-*")).read_text("utf-8")


async def open_at(folder: Path, watcher: Watcher | None = None) -> EntryStore:
    return await open_entries(f"rocksdb://{folder}", EntryStoreOptions(watcher or Watcher()))


def test_every_confirmed_entry_is_in_the_file_that_was_synced_last(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "MEMTABLE_BYTES", 64 * 1024)

    async def scenario() -> set[str]:
        store = await open_at(tmp_path)
        logs: set[str] = set()
        for number in range(200):
            marker = f"entry {number:04} "
            disk.synced.clear()
            await store.put(arriving(number, marker + "x" * 4000))
            synced = [path for path in disk.synced if path != tmp_path]
            log = synced[-1]
            assert holds(log, marker)
            # A new file's name is durable before the first confirmation from it, and so is the file before it.
            is_new = log.name not in logs
            assert disk.synced[len(synced) :] == ([tmp_path] if is_new else [])
            assert len(synced) == 1 + (is_new and number > 0)
            logs.add(log.name)
        await store.close()
        return logs

    assert len(run(scenario())) > 3


def test_every_confirmed_entry_is_in_a_file_that_was_synced_while_memory_is_written_out(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "MEMTABLE_BYTES", 64 * 1024)

    async def scenario() -> set[str]:
        store = await open_at(tmp_path)
        logs: set[str] = set()
        for number in range(90):
            marker = f"entry {number:04} "
            disk.synced.clear()
            releasing = asyncio.ensure_future(store.retention.release()) if number % 3 == 0 else None
            await asyncio.sleep(0)
            await store.put(arriving(number, marker + "x" * 4000))
            paths = [Path(str(path).removesuffix(" (deleted)")) for path in disk.synced]
            synced = [path for path in paths if path.suffix == ".log"]
            assert any(holds_or_held(log, marker) for log in synced)
            assert {log.name for log in synced} <= logs or tmp_path in disk.synced
            logs |= {log.name for log in synced}
            if releasing is not None:
                await releasing
        await store.close()
        return logs

    assert len(run(scenario())) > 25


def numbers(task: SyncTask) -> list[int]:
    """Which log files a task syncs."""
    return [int(Path(f"/proc/self/fd/{log}").readlink().stem) for log in task.logs]


class Logs:
    """Log files as RocksDB writes them: over an older one if there is one, each by one descriptor, until it closes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[int, IO[bytes]] = {}

    def write(self, number: int, data: bytes, over: int | None = None) -> None:
        if number not in self._open:
            log = self._path(number)
            if over is not None:
                self._path(over).rename(log)
            self._open[number] = log.open("wb" if over is None else "r+b", buffering=0)
        self._open[number].write(data)

    def end(self, number: int) -> None:
        log = self._open.pop(number)
        log.truncate()
        log.close()

    def remove(self, number: int) -> None:
        self.end(number)
        self._path(number).unlink()

    def close(self) -> None:
        for number in [*self._open]:
            self.end(number)

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:06}.log"


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[Logs]:
    logs = Logs(tmp_path)
    yield logs
    logs.close()


def test_all_logs_that_a_batch_may_have_gone_into_are_synced(tmp_path: Path, logs: Logs) -> None:
    """Memory may be written out on another thread between a write and the look at where it went."""
    logs.write(3, b"opened")
    logs.write(4, b"")
    follower = LogFollower(tmp_path)
    logs.write(4, b"a")
    task = follower.written()
    assert (numbers(task), task.folder is not None) == ([4], True)
    logs.write(4, b"b")
    task = follower.written()
    assert (numbers(task), task.folder) == ([4], None)
    logs.write(7, b"c")
    logs.write(9, b"")
    task = follower.written()
    assert (numbers(task), task.folder is not None) == ([4, 7, 9], True)
    logs.write(9, b"d")
    task = follower.written()
    assert (numbers(task), task.folder) == ([9], None)
    # An empty batch.
    assert numbers(follower.written()) == [9]
    logs.remove(7)
    logs.remove(9)
    logs.write(11, b"e")
    assert numbers(follower.written())[1:] == [11]
    # What was written beside the batches is no batch; that the next one is in a newer file is seen all the same.
    logs.write(11, b"f")
    follower.noted()
    logs.write(12, b"g")
    assert numbers(follower.written()) == [11, 12]
    follower.close()


def test_a_batch_is_found_in_a_log_that_is_written_over_an_older_one(tmp_path: Path, logs: Logs) -> None:
    logs.write(3, b"an old log, longer than what comes")
    logs.write(4, b"a")
    follower = LogFollower(tmp_path)
    logs.write(4, b"b")
    assert numbers(follower.written()) == [4]
    logs.end(3)
    logs.write(5, b"c", over=3)
    task = follower.written()
    assert (numbers(task), task.folder is not None) == ([4, 5], True)
    for data in (b"d", b"e"):
        logs.write(5, data)
        task = follower.written()
        assert (numbers(task), task.folder) == ([5], None)
    logs.write(5, b"f")
    follower.noted()
    # The log before it is the next one's file by now.
    logs.end(4)
    logs.write(6, b"g", over=4)
    assert numbers(follower.written()) == [5, 6]
    follower.close()


def test_a_log_is_followed_when_the_one_that_was_in_its_file_before_is_closed(
    tmp_path: Path, logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RocksDB closes it on another thread, maybe after the next one is begun."""
    logs.write(3, b"longer than what comes")
    logs.write(4, b"a")
    follower = LogFollower(tmp_path)
    monkeypatch.setattr(time, "sleep", lambda _: logs.end(3))
    logs.write(5, b"b", over=3)
    assert numbers(follower.written()) == [4, 5]
    for data in (b"c", b"d"):
        logs.write(5, data)
        task = follower.written()
        assert (numbers(task), task.folder) == ([5], None)
    follower.close()


@pytest.mark.parametrize("closed", ["before we look", "after"])
@pytest.mark.parametrize("look", [LogFollower.written, LogFollower.noted])
def test_a_log_that_is_cut_short_by_the_one_that_was_in_its_file_before_is_refused(
    tmp_path: Path,
    logs: Logs,
    monkeypatch: pytest.MonkeyPatch,
    look: Callable[[LogFollower], object],
    closed: str,
) -> None:
    logs.write(3, b"short")
    logs.write(4, b"a")
    follower = LogFollower(tmp_path)
    monkeypatch.setattr(time, "sleep", lambda _: logs.end(3))
    logs.write(5, b"longer", over=3)
    if closed == "before we look":
        logs.end(3)
    with pytest.raises(OSError, match="cut it short") as refused:
        look(follower)
    assert refused.value.errno == errno.EIO
    follower.close()


def test_a_log_whose_file_is_never_closed_by_the_one_before_is_refused(
    tmp_path: Path, logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "PAUSE_SECONDS", 0)
    logs.write(3, b"a log")
    logs.write(4, b"a")
    follower = LogFollower(tmp_path)
    logs.write(5, b"b", over=3)
    with pytest.raises(OSError, match="does not close") as refused:
        follower.written()
    assert refused.value.errno == errno.EBUSY
    follower.close()


def test_our_own_descriptors_of_a_log_are_none_that_it_is_written_by(tmp_path: Path, logs: Logs) -> None:
    logs.write(4, b"ab")
    follower = LogFollower(tmp_path)
    logs.write(5, b"c")
    follower.noted()
    logs.end(4)
    logs.write(6, b"d", over=4)
    # The first is still held, and its file is the last one's by now.
    assert numbers(follower.written()) == [6, 5, 6]
    follower.close()


def test_logs_are_not_written_over_where_nothing_tells_of_descriptors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        await (await open_at(tmp_path)).close()

    run(scenario())
    assert "recycle_log_file_num=1" in options_in(tmp_path)
    monkeypatch.setattr(log_module, "DESCRIPTORS", tmp_path / "nowhere")
    run(scenario())
    assert "recycle_log_file_num=0" in options_in(tmp_path)


def test_a_log_that_nobody_writes_any_more_is_synced_and_newer_ones_are_looked_for(tmp_path: Path, logs: Logs) -> None:
    logs.write(4, b"a")
    logs.end(4)
    follower = LogFollower(tmp_path)
    for _ in range(3):
        task = follower.written()
        assert (numbers(task), task.folder is not None) == ([4], True)
    logs.write(5, b"b")
    assert numbers(follower.written()) == [4, 5]
    follower.close()


def test_a_descriptor_that_another_thread_gives_to_another_file_meanwhile_is_not_taken(
    tmp_path: Path, logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs.write(4, b"a")
    dup = os.dup
    with (tmp_path / "another").open("wb") as another:
        monkeypatch.setattr(os, "dup", lambda _: dup(another.fileno()))
        follower = LogFollower(tmp_path)
        monkeypatch.undo()
        logs.write(4, b"b")
        assert numbers(follower.written()) == [4]
        follower.close()


def test_a_log_that_is_left_has_been_synced_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "MEMTABLE_BYTES", 64 * 1024)
    synced: dict[Path, bytes] = {}

    def note(descriptor: int) -> None:
        # It may be gone meanwhile, or have the name of a newer one.
        log = Path(f"/proc/self/fd/{descriptor}")
        name, content = log.readlink(), log.read_bytes()
        fdatasync(descriptor)
        synced[name] = content

    monkeypatch.setattr(os, "fdatasync", note)

    async def scenario() -> None:
        unsealed = Sealing(due=1_000_000)
        store = await open_entries(f"rocksdb://{tmp_path}", EntryStoreOptions(Watcher()), unsealed)
        # What was written as it was made is in a table.
        synced.update(logs_of(tmp_path))
        for start in range(0, 6000, 30):
            await asyncio.gather(*[store.put(arriving(number, "x" * 2000)) for number in range(start, start + 30)])
            # Of a log that was written over an older one, what is left of that is cut off at the end.
            assert {log for log, held in logs_of(tmp_path).items() if not synced[log].startswith(held)} == set()
            # When a log is spare depends on RocksDB's threads.
            if start >= 300 and "reusing log" in (tmp_path / "LOG").read_text():
                break
        await store.close()

    run(scenario())
    assert len(synced) > 3
    assert "reusing log" in (tmp_path / "LOG").read_text()


@BOTH_WAYS
def test_nothing_is_confirmed_before_its_sync_has_returned(hand_in: HandIn, tmp_path: Path, disk: Disk) -> None:
    async def scenario() -> None:
        store = await open_at(tmp_path)
        disk.stop()
        first = hand_in(store, arriving(5))
        await disk.reached()
        second = hand_in(store, arriving(5))
        await asyncio.sleep(0)
        assert not first.done()
        assert not second.done()
        assert store.status().waiting == 2
        disk.go.set()
        assert [(await first)[0].time, (await second)[0].time] == [5, 6]
        await store.close()

    run(scenario())


@BOTH_WAYS
def test_what_comes_in_during_a_sync_shares_the_next_one(hand_in: HandIn, tmp_path: Path, disk: Disk) -> None:
    async def scenario() -> list[int]:
        watcher = Watcher()
        store = await open_at(tmp_path, watcher)
        disk.stop()
        first = hand_in(store, arriving(5))
        await disk.reached()
        others = [hand_in(store, arriving(5)) for _ in range(50)]
        disk.go.set()
        await asyncio.gather(first, *others)
        await store.close()
        return watcher.commits

    assert run(scenario()) == [1, 50]


@BOTH_WAYS
def test_what_is_handed_in_at_once_by_an_idle_store_shares_one_sync(
    hand_in: HandIn, tmp_path: Path, disk: Disk
) -> None:
    async def scenario() -> list[int]:
        watcher = Watcher()
        store = await open_at(tmp_path, watcher)
        await asyncio.gather(*[hand_in(store, arriving(5)) for _ in range(50)])
        await store.close()
        return watcher.commits

    assert run(scenario()) == [50]


@pytest.mark.parametrize("bounds", [{"waiting_writes": 2}, {"waiting_bytes": 1000}])
def test_what_is_being_synced_counts_as_waiting(tmp_path: Path, disk: Disk, bounds: dict[str, Any]) -> None:
    async def scenario() -> None:
        store = await open_entries(f"rocksdb://{tmp_path}", EntryStoreOptions(Watcher(), **bounds))
        disk.stop()
        syncing = store.put(arriving(5, "x" * 500))
        await disk.reached()
        waiting = store.put(arriving(5, "x" * 500))
        with pytest.raises(Overloaded):
            _ = store.put(arriving(5))
        disk.go.set()
        assert [(await syncing)[0].time, (await waiting)[0].time] == [5, 6]
        assert (await store.put(arriving(5)))[0].time == 7
        await store.close()

    run(scenario())


@BOTH_WAYS
def test_close_waits_for_what_waits_behind_a_sync(hand_in: HandIn, tmp_path: Path, disk: Disk) -> None:
    async def scenario() -> None:
        store = await open_at(tmp_path)
        disk.stop()
        syncing = hand_in(store, arriving(5))
        await disk.reached()
        waiting = hand_in(store, arriving(5))
        asyncio.get_running_loop().call_soon(disk.go.set)
        await store.close()
        assert [syncing.result()[0].time, waiting.result()[0].time] == [5, 6]

    run(scenario())


def test_that_there_is_no_entry_is_said_once_its_delete_is_durable(tmp_path: Path, disk: Disk) -> None:
    async def scenario() -> None:
        store = await open_at(tmp_path)
        await store.put(dated(5))
        disk.stop()
        deleted = asyncio.ensure_future(store.delete(METER, 5))
        await disk.reached()
        absent = asyncio.ensure_future(store.delete(METER, 5))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not absent.done()
        disk.go.set()
        assert (await deleted, await absent) == (True, False)
        await store.close()

    run(scenario())


@BOTH_WAYS
def test_a_failed_sync_fails_everyone_who_waits_and_everyone_after(hand_in: HandIn, tmp_path: Path, disk: Disk) -> None:
    async def scenario() -> None:
        watcher = Watcher()
        store = await open_at(tmp_path, watcher)
        await hand_in(store, arriving(1, "confirmed"))
        disk.stop()
        disk.error = OSError(errno.EIO, "Input/output error")
        syncing = [hand_in(store, arriving(5)) for _ in range(3)]
        await disk.reached()
        waiting = [hand_in(store, arriving(5)) for _ in range(3)]
        disk.go.set()
        results = await asyncio.gather(*syncing, *waiting, return_exceptions=True)
        assert [type(result) for result in results] == [StoreFailed] * 6
        assert all(isinstance(r, StoreFailed) and isinstance(r.__cause__, OSError) for r in results)
        disk.error = None
        assert is_refused(store)
        with pytest.raises(StoreFailed) as refused:
            await store.delete(METER, 1)
        assert "Input/output error" in refused.value.message
        assert watcher.reasons == [refused.value.message]
        assert watcher.commits == [1]
        status = store.status()
        assert (status.waiting, status.waiting_bytes, status.failure) == (0, 0, refused.value.message)
        await store.close()

    run(scenario())


def test_a_failed_sync_fails_the_whole_of_a_call_that_was_being_synced_or_waited(tmp_path: Path, disk: Disk) -> None:
    async def scenario() -> None:
        watcher = Watcher()
        store = await open_at(tmp_path, watcher)
        disk.stop()
        disk.error = OSError(errno.EIO, "Input/output error")
        syncing = store.put(*[arriving(5) for _ in range(100)])
        await disk.reached()
        waiting = store.put(*[arriving(5) for _ in range(100)])
        assert store.status().waiting == 200
        disk.go.set()
        for call in (syncing, waiting):
            with pytest.raises(StoreFailed):
                await call
        assert (watcher.commits, store.status().waiting) == ([], 0)
        await store.close()
        store = await open_at(tmp_path)
        # What was handed to the system may be there, whole; what waited is not.
        assert len(await contents(store)) in {0, 100}
        await store.close()

    run(scenario())


class Spoilt:
    """A store with rows of one resource that can no longer be read from the disk, until it is `mended`."""

    def __init__(self, folder: Path) -> None:
        self.watcher = Watcher()
        self._folder = folder
        self._sound: dict[Path, bytes] = {}

    async def opened(self) -> EntryStore:
        store = await open_at(self._folder)
        await store.put(*[dated(time, secrets.token_hex(4000)) for time in range(100)])
        await store.close()
        store = await open_at(self._folder, self.watcher)
        # What is known of the resource is in memory from now on.
        await store.put(arriving(1000))
        for path in self._folder.glob("*.sst"):
            self._sound[path] = path.read_bytes()
            with path.open("r+b") as file:
                file.write(b"\0" * 200_000)
        return store

    def mend(self) -> None:
        for path, sound in self._sound.items():
            path.write_bytes(sound)


@BOTH_WAYS
def test_a_call_of_which_a_part_cannot_be_made_is_not_made_at_all_and_ends_the_store(
    hand_in: HandIn, tmp_path: Path
) -> None:
    async def scenario() -> None:
        spoilt = Spoilt(tmp_path)
        store = await spoilt.opened()
        waiting = hand_in(store, arriving(1000))
        with pytest.raises(StoreFailed, match="could not be read"):
            # The second has to know what it overwrites.
            _ = store.put(arriving(1000), dated(5))
        with pytest.raises(StoreFailed, match="could not be read"):
            await waiting
        assert is_refused(store)
        (reason,) = spoilt.watcher.reasons
        assert store.status() == StoreStatus(0, 0, reason)
        await store.close()
        spoilt.mend()
        store = await open_at(tmp_path)
        assert list(await contents(store)) == [*range(100), 1000]
        await store.close()

    run(scenario())


@BOTH_WAYS
def test_a_call_broken_off_during_a_sync_ends_the_store_once(hand_in: HandIn, tmp_path: Path, disk: Disk) -> None:
    async def scenario() -> None:
        spoilt = Spoilt(tmp_path)
        store = await spoilt.opened()
        disk.stop()
        syncing = hand_in(store, arriving(1000))
        await disk.reached()
        with pytest.raises(StoreFailed):
            _ = store.put(arriving(1000), dated(5))
        disk.error = OSError(errno.EIO, "Input/output error")
        disk.go.set()
        with pytest.raises(StoreFailed, match="could not be read"):
            await syncing
        await store.close()
        # The sync has failed by now, and is told of on the next turn of the loop.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(spoilt.watcher.reasons) == 1
        assert spoilt.watcher.commits == [1]
        spoilt.mend()

    run(scenario())


@BOTH_WAYS
def test_a_write_that_has_changed_nothing_when_it_cannot_read_fails_alone(hand_in: HandIn, tmp_path: Path) -> None:
    async def scenario() -> None:
        spoilt = Spoilt(tmp_path)
        store = await spoilt.opened()
        with pytest.raises(StoreFailed, match="could not be read"):
            _ = hand_in(store, dated(5))
        assert (await hand_in(store, arriving(1000)))[0].time == 1001
        assert spoilt.watcher.reasons == []
        await store.close()

    run(scenario())


def test_a_failed_sync_of_a_new_logs_folder_fails_the_store(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    async def scenario() -> None:
        store = await open_at(tmp_path)
        monkeypatch.setattr(os, "fsync", refuse)
        with pytest.raises(StoreFailed):
            await store.put(arriving(5))
        await store.close()

    run(scenario())


def test_a_write_that_rocksdb_refuses_fails_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "MEMTABLE_BYTES", 64 * 1024)

    async def scenario() -> None:
        watcher = Watcher()
        store = await open_at(tmp_path / "entries", watcher)
        await store.put(dated(0, "x"))
        # The next log file can no longer be made.
        (tmp_path / "entries").rename(tmp_path / "gone")
        confirmed = await write_until_refused(store)
        assert is_refused(store)
        (reason,) = watcher.reasons
        assert "could not be written" in reason
        assert len(watcher.commits) == confirmed
        with pytest.raises(StoreFailed, match="what was confirmed is in its log"):
            await store.close()
        store = await open_at(tmp_path / "gone")
        assert len(await contents(store)) == confirmed
        await store.close()

    run(scenario())


def test_a_cancelled_waiter_does_not_hang_its_commit_group(tmp_path: Path, disk: Disk) -> None:
    async def scenario() -> None:
        store = await open_at(tmp_path)
        disk.stop()
        group = [store.put(arriving(5, str(number))) for number in range(3)]
        await disk.reached()
        group[0].cancel()
        disk.go.set()
        assert [*await group[1], *await group[2]] == [Written(6, overwrote=False), Written(7, overwrote=False)]
        assert await contents(store) == {5: "0", 6: "1", 7: "2"}
        await store.close()

    run(scenario())


def test_a_cancelled_waiter_does_not_hang_those_that_fail_with_it(tmp_path: Path, disk: Disk) -> None:
    async def scenario() -> None:
        store = await open_at(tmp_path)
        disk.stop()
        disk.error = OSError(errno.EIO, "Input/output error")
        group = [store.put(arriving(5)) for _ in range(3)]
        await disk.reached()
        group[0].cancel()
        disk.go.set()
        with pytest.raises(StoreFailed):
            await group[1]
        with pytest.raises(StoreFailed):
            await group[2]
        await store.close()

    run(scenario())


def test_the_thread_runs_its_tasks_in_order_and_finishes_before_it_stops(tmp_path: Path) -> None:
    done: list[OSError | None] = []
    thread = SyncThread(done.append)
    with (tmp_path / "log").open("wb") as log, socket.socket() as unsyncable:
        for file in (log, unsyncable, log):
            thread.submit(SyncTask([file.fileno()], None))
        thread.stop()
    assert [type(result) for result in done] == [type(None), OSError, type(None)]
