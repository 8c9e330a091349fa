"""A transfer: all bytes, no thread for a client that takes none, and no descriptor left behind."""

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from doorway import run, until
from minori.errors import StoreFailed
from minori.http import transfer
from minori.http.transfer import Transfer

SIZE = 4 << 20
MORE_THAN_SOCKETS_HOLD = 64 << 20


class Held(Executor):
    """A pool on a disk that answers only when it is let."""

    def __init__(self) -> None:
        self._jobs: list[tuple[Future[Any], Callable[[], Any]]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        job: Future[Any] = Future()
        job.set_running_or_notify_cancel()
        self._jobs.append((job, lambda: fn(*args, **kwargs)))
        return job

    def release(self) -> None:
        for job, work in self._jobs:
            job.set_result(work())


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as one:
        yield one


@pytest.fixture
def source(tmp_path: Path) -> Iterator[int]:
    """A file of pseudo-random bytes, and a hole behind them that makes it large."""
    path = tmp_path / "file"
    path.write_bytes(os.urandom(SIZE))
    os.truncate(path, MORE_THAN_SOCKETS_HOLD)
    descriptor = os.open(path, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The server's end and the client's end of a connection."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    with ours, theirs:
        yield ours, theirs


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def starting(ours: socket.socket, source: int, pool: Executor, offset: int, count: int) -> Transfer:
    return Transfer(asyncio.get_running_loop(), pool, ours.fileno(), source, offset, count)


async def read(theirs: socket.socket, count: int) -> bytes:
    got = b""
    while len(got) < count:
        got += await asyncio.get_running_loop().sock_recv(theirs, 1 << 20)
    return got


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize("turn", [100_000, transfer.TURN])
def test_every_byte_of_a_stretch_arrives(
    monkeypatch: pytest.MonkeyPatch,
    ends: tuple[socket.socket, socket.socket],
    source: int,
    pool: Executor,
    loop: str,
    turn: int,
) -> None:
    monkeypatch.setattr(transfer, "TURN", turn)
    ours, theirs = ends

    async def main() -> None:
        before = descriptors()
        moving = starting(ours, source, pool, 17, SIZE - 20)
        got, _ = await asyncio.gather(read(theirs, SIZE - 20), moving.run())
        assert got == os.pread(source, SIZE - 20, 17)
        assert moving.left == 0
        assert descriptors() == before

    run(main(), loop)


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_a_client_that_takes_nothing_holds_no_thread(
    ends: tuple[socket.socket, socket.socket], source: int, pool: Executor, loop: str
) -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)

    async def main() -> None:
        before = descriptors()
        stuck = starting(ends[0], source, pool, 0, MORE_THAN_SOCKETS_HOLD)
        waiting = asyncio.create_task(stuck.run())
        await until(lambda: stuck.waits)
        await asyncio.gather(read(theirs, SIZE), starting(ours, source, pool, 0, SIZE).run())
        stuck.stop()
        with pytest.raises(ConnectionError):
            await waiting
        assert 0 < stuck.left < MORE_THAN_SOCKETS_HOLD
        assert descriptors() == before

    with ours, theirs:
        run(main(), loop)


def test_a_client_that_leaves_ends_it(ends: tuple[socket.socket, socket.socket], source: int, pool: Executor) -> None:
    async def main() -> None:
        moving = starting(ends[0], source, pool, 0, MORE_THAN_SOCKETS_HOLD)
        running = asyncio.create_task(moving.run())
        await until(lambda: moving.waits)
        ends[1].close()
        with pytest.raises(ConnectionError):
            await running

    run(main())


def test_a_file_that_is_too_short_is_the_stores_failure(
    ends: tuple[socket.socket, socket.socket], source: int, pool: Executor
) -> None:
    async def main() -> None:
        with pytest.raises(StoreFailed):
            await starting(ends[0], source, pool, MORE_THAN_SOCKETS_HOLD - 10, 11).run()

    run(main())


def test_descriptors_outlive_a_cancellation_until_the_disk_has_answered(
    ends: tuple[socket.socket, socket.socket], source: int
) -> None:
    pool = Held()

    async def main() -> None:
        before = descriptors()
        task = asyncio.create_task(starting(ends[0], source, pool, 0, SIZE).run())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert descriptors() == before + 2
        pool.release()
        assert descriptors() == before
        with pytest.raises(BlockingIOError):
            ends[1].recv(1)

    run(main())
