"""One database, such as that of the catalog and the index of files: whose turn it is to write, what a failure means."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol, TypeVar

import structlog
from sqlalchemy import Connection, Engine, Insert, Table, exc

from minori.errors import Overloaded, StorageFull, StoreFailed
from minori.storage.sql.reserve import Reserve
from minori.storage.sql.schema import Schema

THREADS = 4
"""Threads, and connections, of one database: one writes, the others read meanwhile (our choice)."""

T = TypeVar("T")

_log = structlog.get_logger()


class Dialect(Protocol):
    """What is asked of a database beyond standard SQL; a module of this package has it."""

    def open_engine(self, path: str, schema: Schema) -> Engine:
        """An engine whose database has the tables; blocks, and raises a `StartError`."""

    def upsert(self, table: Table) -> Insert:
        """A statement that writes a row over the one with the same key."""

    def insert_many(self, connection: Connection, table: Table, rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows, their values in the order of the columns, in few steps."""

    def lock(self, connection: Connection) -> None:
        """Begin a transaction that keeps every other writer out, so that what it reads stays true."""

    def reserve(self, path: str) -> Reserve:
        """The room beside the database at `path` that is kept for removals."""

    def flaws(self, connection: Connection) -> Sequence[str]:
        """What is wrong with the database, at most a few sentences of its own."""

    def is_busy(self, error: exc.DBAPIError) -> bool:
        """Whether nothing happened because others were at work: worth a retry."""

    def is_full(self, error: exc.DBAPIError) -> bool:
        """Whether nothing happened because the disk is full."""


class Database:
    """Writes take turns; reads see what was committed before them. Each is one turn on a thread in all.

    `read` and `write` call `work` with a connection and return what it returns. Both raise `Overloaded`
    where others kept the database busy for seconds and `StoreFailed` where the disk refuses; `write`
    raises `StorageFull` where it is full. An `IntegrityError` of SQLAlchemy is the caller's to translate.

    Once the database refuses a write for any other reason, every later `write` raises `StoreFailed`: after
    a failed sync nobody knows what a later one would prove. `noun` is what messages call the database.
    """

    def __init__(self, engine: Engine, dialect: Dialect, reserve: Reserve, noun: str) -> None:
        self._reading = ThreadPoolExecutor(THREADS - 1, f"minori-{noun}-read")
        self._writing = ThreadPoolExecutor(1, f"minori-{noun}-write")
        self._noun = noun
        self.engine = engine
        self.dialect = dialect
        self._reserve = reserve
        self._turn = asyncio.Lock()
        self.failure: str | None = None
        """Why nothing is written any more."""

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Call `work`, which changes nothing."""
        return await asyncio.get_running_loop().run_in_executor(self._reading, self._read, work)

    async def write(self, work: Callable[[Connection], T], *, removes: bool = False) -> T:
        """Call `work` in a transaction of its own, which is durable and visible on return or never happened.

        One that `removes` and nothing else is done on a full disk, too, with the room that is kept for it.
        """
        async with self._turn:
            if self.failure is not None:
                raise StoreFailed(self.failure)
            step = partial(self._locked, work)
            try:
                done = await self._on_thread(step)
            except StorageFull:
                if not removes or not await self._on_thread(self._reserve.give_up):
                    raise
                return await self._on_thread(step)
            if not self._reserve.is_kept:
                await self._on_thread(self._reserve.keep)
            return done

    async def _on_thread(self, step: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writing, step)

    async def close(self) -> None:
        """Wait for the write at work, then close every connection."""
        async with self._turn:
            await asyncio.to_thread(self._end)

    def _end(self) -> None:
        self._writing.shutdown()
        self._reading.shutdown()
        self.engine.dispose()

    def _read(self, work: Callable[[Connection], T]) -> T:
        with self._translated(), self.engine.connect() as connection:
            return work(connection)

    def _locked(self, work: Callable[[Connection], T]) -> T:
        with self._translated(writing=True), self.engine.begin() as connection:
            self.dialect.lock(connection)
            return work(connection)

    def _fail(self, error: exc.DBAPIError) -> None:
        if self.failure is None:
            self.failure = f"The {self._noun} takes no writes since a failure ({error.orig}); restart Minori"
            _log.critical(f"{self._noun} failed", reason=self.failure)

    @contextmanager
    def _translated(self, *, writing: bool = False) -> Iterator[None]:
        try:
            yield
        except exc.IntegrityError:
            raise
        except exc.TimeoutError as error:
            raise Overloaded from error
        except exc.DBAPIError as error:
            if self.dialect.is_busy(error):
                raise Overloaded from error
            if writing and self.dialect.is_full(error):
                raise StorageFull from error
            if writing:
                self._fail(error)
            raise StoreFailed(f"The {self._noun} failed: {error.orig}") from error
