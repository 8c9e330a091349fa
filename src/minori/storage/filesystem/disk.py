"""Blocking calls on threads of their own, their errors translated once, and the failure that ends confirming."""

import asyncio
import errno
from asyncio import Future
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any, TypeVar

import structlog

from minori.errors import Error, Overloaded, StorageFull, StoreFailed

WRITING_THREADS = 16
"""Threads that write, sync and remove: as many syncs may share one turn of the disk (our choice)."""

READING_THREADS = 4
"""Threads that open, read and list: apart from the others, so that reading never waits for a sync (our choice)."""

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""No space, no quota, or more than a file may hold there: nothing is broken."""

_SHORT = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""The system is short of descriptors or memory: worth a retry."""

_STORING = "A file could not be stored ({}); none is stored until the disk is mended and Minori restarted"
_REMOVING = "A file could not be removed ({}); look at the disk"
_READING = "A file could not be read ({}); look at the disk"

T = TypeVar("T")

_log = structlog.get_logger()


class Disk:
    """Runs what blocks for one store. Used on one loop; a call that was begun is never cancelled.

    Once an `upload` is refused for anything but room, nothing is confirmed any more: after a failed sync
    nobody knows what a later one would prove.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._writing = ThreadPoolExecutor(WRITING_THREADS, "minori-blobs-write")
        self._reading = ThreadPoolExecutor(READING_THREADS, "minori-blobs-read")
        self._under_way = set[Future[Any]]()
        self._failure: StoreFailed | None = None

    @property
    def failure(self) -> str | None:
        """Why nothing is confirmed any more."""
        return None if self._failure is None else self._failure.message

    def check(self) -> None:
        """Raise `StoreFailed` once a write or sync has failed."""
        if self._failure is not None:
            raise StoreFailed(self._failure.message) from self._failure.__cause__

    def upload(self, step: Callable[..., T], *arguments: object) -> "Future[T]":
        """A step of an upload; its failure is the store's."""
        begun = self._begin(self._writing, _STORING, step, *arguments)
        begun.add_done_callback(self._notice)
        return begun

    def remove(self, step: Callable[..., T], *arguments: object) -> "Future[T]":
        """A call that removes something."""
        return self._begin(self._writing, _REMOVING, step, *arguments)

    def look(self, step: Callable[..., T], *arguments: object) -> "Future[T]":
        """A call that changes nothing."""
        return self._begin(self._reading, _READING, step, *arguments)

    def keep(self, task: "Future[Any]") -> None:
        """Let `idle` wait for this task too."""
        self._under_way.add(task)
        task.add_done_callback(self._over)

    async def idle(self) -> None:
        """Wait until nothing is under way."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    def close(self) -> None:
        """Let the threads end; those that read do so by themselves once no reader is left that may need them."""
        self._writing.shutdown(wait=False)

    def _begin(self, pool: Executor, sentence: str, step: Callable[..., T], *arguments: object) -> "Future[T]":
        begun = self._loop.run_in_executor(pool, _translated, sentence, step, *arguments)
        self.keep(begun)
        return begun

    def _over(self, task: "Future[Any]") -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            # Looked at, so that nobody is told of an error whose caller has gone.
            task.exception()

    def _notice(self, step: "Future[Any]") -> None:
        error = step.exception()
        if isinstance(error, StoreFailed) and self._failure is None:
            self._failure = error
            _log.critical("blob store failed", reason=error.message)


def _translated(sentence: str, step: Callable[..., T], *arguments: object) -> T:
    try:
        return step(*arguments)
    except OSError as error:
        raise _refusal(sentence, error) from error


def _refusal(sentence: str, error: OSError) -> Error:
    if error.errno in _FULL:
        return StorageFull()
    if error.errno in _SHORT:
        return Overloaded()
    return StoreFailed(sentence.format(error.strerror))
