"""Group commit: changes gather in one batch while the last one is being synced.

No timer. With nothing in flight, the batch is committed as soon as the loop has taken in what was
ready, so an idle server confirms at the cost of one sync and a busy one shares it; among many it waits for what the
loop finds ready next.
"""

from asyncio import AbstractEventLoop, Future
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any, Final, TypeVar

from rocksdict import WriteBatch

from minori.errors import Overloaded, StoreFailed
from minori.storage.base import Confirmation, EntryStoreOptions, StoreStatus
from minori.storage.rocksdb.database import Database
from minori.storage.rocksdb.log import LogFollower, SyncThread

T = TypeVar("T")
Given = TypeVar("Given")


CROWD: Final = 16
"""Writes of a commit from which on the next one begins a turn of the loop later (our choice, measured): a sync that
more of them share takes a tenth off the work for each. Fewer would only wait for one another."""

Written = Callable[[Mapping[bytes, bytes | None]], None]
"""Is told what a batch has changed as soon as reads see it: keys and values, `None` where one was removed."""

Change = Callable[[], tuple[WriteBatch, T]]
"""Reads the database as it is, with nothing waiting to be written; gives what to write at once, and a result."""


_Waiting = tuple[Confirmation, list[tuple[Future[Any], Any]]]
"""Who waits for a commit: those who share its confirmation, and futures with what each will give."""


def _nobody(changes: Mapping[bytes, bytes | None]) -> None: ...


def _nothing(writes: int) -> None: ...


class GroupCommit:
    """The one writer of a database. Used on one loop alone.

    A caller has its changes `made`, or asks `admit` and makes them, then takes a future from `confirmed` or what it
    shares from `joined`, all without giving up the loop: what one caller changes is in one batch. The first failed
    write or sync ends it: everything that waits fails, and so does every later `admit`.

    `is_quiet` says that nothing waits to be written. Then, and only then, a batch may be written apart, which needs
    no confirmation: it is in the log before all that follows. `on_quiet` is called with the number of writes each
    time that a commit has left nothing behind it, while its sync is under way; `on_failed` at its end.
    """

    def __init__(
        self, database: Database, options: EntryStoreOptions, loop: AbstractEventLoop, written: Written = _nobody
    ) -> None:
        self._database = database
        self._options = options
        self._loop = loop
        self._written = written
        self._follower = LogFollower(database.folder)
        self._thread = SyncThread(self._synced_on_thread)
        self._failure: StoreFailed | None = None
        self._scheduled = False
        self._syncing: _Waiting | None = None
        self._syncing_writes = self._syncing_bytes = 0
        self._commit_began = 0.0
        self._idle: Future[None] | None = None
        self._apart: list[tuple[Future[Any], Change[Any]]] = []
        self.on_quiet: Callable[[int], None] = _nothing
        self.on_failed: Callable[[], None] = lambda: None
        self._start_batch()

    @property
    def is_quiet(self) -> bool:
        """Whether nothing waits to be written, so that all there is can be read from the database; false at its end."""
        return not self._unwritten and self._failure is None

    @property
    def has_failed(self) -> bool:
        """Whether nothing is written any more."""
        return self._failure is not None

    def admit(self) -> None:
        """Raise `StoreFailed` after a failure, `Overloaded` if too much waits."""
        if self._failure is not None:
            raise _again(self._failure)
        if (
            self._waiting_writes + self._syncing_writes >= self._options.waiting_writes
            or self._waiting_bytes + self._syncing_bytes >= self._options.waiting_bytes
        ):
            raise Overloaded

    def made(self, make: Callable[[Given], T], given: Given) -> T:
        """What `make` gives, which makes a caller's changes out of what is given. Raises as `admit` and as `make` do.

        If `make` breaks off when it has made changes, everything ends: a part is never written.
        """
        self.admit()
        begun = self._batch.len()
        try:
            return make(given)
        except Exception as error:
            if self._batch.len() > begun:
                self._fail("read", error.__cause__ or error)
            raise

    def put(self, key: bytes, value: bytes) -> None:
        """Write a key with the next commit."""
        self._batch.put(key, value)
        self._unwritten[key] = value
        self._waiting_bytes += len(value)

    def put_last(self, key: bytes, make: Callable[[], bytes]) -> None:
        """Write a key with the next commit, its value made then; of several the last. `current` does not see it."""
        self._last[key] = make

    def delete(self, key: bytes) -> None:
        """Remove a key with the next commit."""
        self._batch.delete(key)
        self._unwritten[key] = None

    def current(self, key: bytes) -> bytes | None:
        """The value of a key, counting what is not yet written."""
        return self._unwritten[key] if key in self._unwritten else self._database.get(key)

    def changes(self, key: bytes) -> bool:
        """Whether the next commit writes or removes the key."""
        return key in self._unwritten

    def waiting_under(self, prefix: bytes) -> list[tuple[bytes, bytes | None]]:
        """The keys under a prefix that the next commit writes, with their values, or removes, with `None`."""
        return [(key, value) for key, value in self._unwritten.items() if key.startswith(prefix)]

    def confirmed(self, result: T, writes: int = 1) -> "Future[T]":
        """A future that gives `result` once all changes made so far are durable; `writes` is what it counts as."""
        future: Future[T] = self._loop.create_future()
        self._waiting.append((future, result))
        self._waiting_writes += writes
        if not self._scheduled and not self._syncing:
            self._schedule()
        return future

    def joined(self) -> Confirmation:
        """The confirmation of all that the next commit writes; it counts as one write more."""
        self._waiting_writes += 1
        if not self._scheduled and not self._syncing:
            self._schedule()
        return self._confirmation

    def write_apart(self, batch: WriteBatch) -> None:
        """Write a batch at once; only while it `is_quiet`. Raises `StoreFailed`, and ends everything, if it fails."""
        try:
            self._database.write(batch)
            self._follower.noted()
        except Exception as error:
            self._fail("written", error)
            raise StoreFailed(str(error)) from error

    def apart(self, change: Change[T]) -> "Future[T]":
        """Make a change that must read what it changes, as soon as it `is_quiet`. Done when it is durable.

        If `change` raises `StoreFailed`, the future does, and nothing else ends.
        """
        future: Future[T] = self._loop.create_future()
        if self.is_quiet:
            self._make(future, change)
        else:
            self._apart.append((future, change))
        self._schedule()
        return future

    def fault(self, what: str, error: Exception) -> None:
        """End it over an error that nobody foresaw: what was half done in memory must not stand. The log says where."""
        self._loop.call_exception_handler({"message": f"A fault: the entry store was not {what}", "exception": error})
        self._fail(what, error)

    def status(self) -> StoreStatus:
        """How much waits, and the failure if there was one."""
        writes, size = self._waiting_writes + self._syncing_writes, self._waiting_bytes + self._syncing_bytes
        return StoreStatus(writes, size, None if self._failure is None else self._failure.message)

    async def close(self) -> None:
        """Confirm or fail what waits, then end the thread."""
        while self._waiting_writes or self._syncing:
            self._idle = self._loop.create_future()
            await self._idle
        self._thread.stop()
        self._follower.close()

    def _schedule(self) -> None:
        if not self._scheduled and not self._syncing:
            self._scheduled = True
            self._loop.call_soon(self._commit)

    def _make(self, future: Future[T], change: Change[T]) -> None:
        if self._failure is not None:
            if not future.done():
                future.set_exception(_again(self._failure))
            return
        try:
            batch, result = change()
            if batch.is_empty():
                if not future.done():
                    future.set_result(result)
                return
            self.write_apart(batch)
        except StoreFailed as error:
            if not future.done():
                future.set_exception(error)
        except Exception as error:  # noqa: BLE001 - it must not hold up those who wait
            self._apart.append((future, change))
            self.fault("changed", error)
        else:
            self._waiting.append((future, result))
            self._waiting_writes += 1

    def _start_batch(self) -> None:
        self._batch = WriteBatch(raw_mode=True)
        self._unwritten: dict[bytes, bytes | None] = {}
        self._last: dict[bytes, Callable[[], bytes]] = {}
        self._confirmation = Confirmation()
        self._waiting: list[tuple[Future[Any], Any]] = []
        self._waiting_writes = self._waiting_bytes = 0

    def _commit(self) -> None:
        self._scheduled = False
        if not self._waiting_writes or self._syncing:
            return
        for key, make in self._last.items():
            self._batch.put(key, make())
        batch, changes, self._syncing = self._batch, self._unwritten, (self._confirmation, self._waiting)
        self._syncing_writes, self._syncing_bytes = self._waiting_writes, self._waiting_bytes
        self._start_batch()
        self._commit_began = perf_counter()
        try:
            self._database.write(batch)
            self._written(changes)
            task = self._follower.written()
        except Exception as error:  # noqa: BLE001 - rocksdict raises plain Exception
            self._fail("written", error)
        else:
            self._thread.submit(task)
            apart, self._apart = self._apart, []
            for future, change in apart:
                self._make(future, change)
            if self.is_quiet:
                self.on_quiet(self._syncing_writes)

    def _synced_on_thread(self, error: OSError | None) -> None:
        self._loop.call_soon_threadsafe(self._synced, error)

    def _synced(self, error: OSError | None) -> None:
        if self._failure is not None:
            return
        if error is not None:
            self._fail("synced", error)
            return
        assert self._syncing is not None  # noqa: S101 - nothing else is synced
        confirmation, done = self._syncing
        writes = self._syncing_writes
        self._syncing, self._syncing_writes, self._syncing_bytes = None, 0, 0
        self._options.observer.commit(writes, perf_counter() - self._commit_began)
        if writes < CROWD:
            # The next sync runs while the waiters of this one are answered.
            self._commit()
        else:
            # It waits until the loop has looked at what has come, which joins it.
            self._schedule()
        for future, result in done:
            if not future.done():
                future.set_result(result)
        confirmation.settle()
        self._tell_idle()

    def _fail(self, what: str, error: BaseException) -> None:
        self._failure = StoreFailed(
            f"The entry store could not be {what} ({error}); nothing is stored until the disk is mended"
            " and the server restarted"
        )
        self._failure.__cause__ = error
        shared, lost = [self._confirmation], [*self._waiting, *self._apart]
        if self._syncing is not None:
            shared.insert(0, self._syncing[0])
            lost = self._syncing[1] + lost
        self._apart = []
        self._syncing, self._syncing_writes, self._syncing_bytes = None, 0, 0
        self._start_batch()
        self.on_failed()
        self._options.observer.failed(self._failure.message)
        for future, _ in lost:
            if not future.done():
                # One each: an error gathers the traceback of everyone who waits for it.
                future.set_exception(_again(self._failure))
        for confirmation in shared:
            confirmation.settle(_again(self._failure))
        self._tell_idle()

    def _tell_idle(self) -> None:
        if self._idle is not None and not self._idle.done():
            self._idle.set_result(None)


def _again(failure: StoreFailed) -> StoreFailed:
    again = StoreFailed(failure.message)
    again.__cause__ = failure.__cause__
    return again
