"""How a long job shares the loop, and the interpreter, with everybody else."""

import asyncio
import time

from minori.storage.base import EntryStore

SLICE_SECONDS = 0.001
"""How long a job works before it lets others have the loop (our choice)."""

HANDOVER_SECONDS = 0.00005
"""How long it then lets go of the interpreter: a thread that waits for it gets it at once, instead of after 5 ms."""

BUSY = 1.5
"""Others are busy when their turn took this many times as long as the job's; one more job alone is not that."""

SHARE = 4
"""On a busy server a job takes one part in so many of the time."""


class Pace:
    """The pace of one job. It runs as fast as it can on an idle server.

    While devices wait for the disk, or others need the loop for long, it gives way.
    """

    def __init__(self, store: EntryStore) -> None:
        self._store = store
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()

    async def rest(self) -> None:
        """Let others have the loop if the job has worked long enough; call it every fraction of a millisecond."""
        now = self._loop.time()
        worked = now - self._began
        if worked < SLICE_SECONDS:
            return
        # A loop that never idles would keep the threads that sync from the interpreter.
        time.sleep(HANDOVER_SECONDS)  # noqa: ASYNC251 - shorter than what any loop can be asked for
        await asyncio.sleep(0)
        if self._store.status().waiting or self._loop.time() - now > BUSY * worked + HANDOVER_SECONDS:
            await asyncio.sleep((SHARE - 1) * worked)
        self._began = self._loop.time()
