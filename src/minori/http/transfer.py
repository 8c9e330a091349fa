"""Bytes of an open file on their way into a socket, past Python."""

import asyncio
import os
from concurrent.futures import Executor, Future

from minori.errors import StoreFailed

TURN = 16 << 20
"""Bytes after which a thread is given back although the client takes more: others may wait for it."""


class Transfer:
    """`count` bytes of the file behind `source`, from `offset` on, into the socket `out`, which does not block.

    The system reads and sends on a thread of `pool`, so that a cold disk holds nothing else up. A client
    that takes no more holds no thread: the loop waits for it. Descriptors of its own make sure that no
    thread ever writes to one that was closed and has another meaning by then.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, pool: Executor, out: int, source: int, offset: int, count: int
    ) -> None:
        self.left = count
        self._loop = loop
        self._pool = pool
        self._offset = offset
        self._stopped = False
        self._job: Future[bool] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._out = os.dup(out)
        try:
            self._source = os.dup(source)
        except OSError:
            os.close(self._out)
            raise

    @property
    def waits(self) -> bool:
        """Whether it waits for the client, not for the disk."""
        return self._waiter is not None

    async def run(self) -> None:
        """Send all of it. Once only.

        Raises `ConnectionError` if the client is gone or `stop` was called, `OSError` if the disk or the
        network refuses, `StoreFailed` if the file is too short.
        """
        try:
            while self.left:
                self._job = self._pool.submit(self._push)
                is_full = await asyncio.wrap_future(self._job)
                if is_full and not self._stopped:
                    await self._writable()
                if self._stopped:
                    raise ConnectionAbortedError
        finally:
            self._stopped = True
            if self._job is None:
                self._close()
            else:
                # A thread may still be in the system's hands.
                self._job.add_done_callback(lambda _: self._close())

    def stop(self) -> None:
        """Let `run` end soon: the client is gone."""
        self._stopped = True
        self._wake()

    def _push(self) -> bool:
        """Send until the client takes no more; true then. On a thread."""
        turn = min(self.left, TURN)
        while turn > 0 and not self._stopped:
            try:
                sent = os.sendfile(self._out, self._source, self._offset, turn)
            except BlockingIOError:
                return True
            if sent == 0:
                raise StoreFailed("A stored file is shorter than it was when it was stored")
            self._offset += sent
            self.left -= sent
            turn -= sent
        return False

    async def _writable(self) -> None:
        self._waiter = self._loop.create_future()
        self._loop.add_writer(self._out, self._wake)
        try:
            await self._waiter
        finally:
            self._loop.remove_writer(self._out)
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _close(self) -> None:
        os.close(self._out)
        os.close(self._source)
