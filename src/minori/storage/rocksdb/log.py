"""Syncing RocksDB's write-ahead log from outside, without stopping the world.

rocksdict keeps Python's interpreter lock while it writes, sync included, so a slow disk would freeze
every connection. Here a commit is written without RocksDB's own sync, and a thread then calls
`fdatasync` on the log file that took it, which leaves the interpreter free. What makes that sound:

* RocksDB hands each batch to the operating system whole, before the write returns.
* A batch goes into the log file that is the newest then. Log files change inside a write, and only one writer
  exists; when `retention` has memory written out, on a thread of its own, so that by the time we look there may be
  newer ones, and all of them are synced; or when RocksDB mends an error of its own, after which a write fails and
  everything ends.
* What is written beside the batches (`GroupCommit.write_apart`) may be in a log file when the next batch begins a newer
  one; so the sync of a batch in a newer file syncs the file before it as well. What RocksDB makes of a newer file
  behind a gap in an older one is not to be relied on.
* A log that is in tables by now is written over by a later one (`database.SPARE_LOGS`), which spares each sync the
  inode: the file has its size and its place on the disk already. So what was written last shows not in the size but in
  the place of RocksDB's own descriptor, which a duplicate shares.
* RocksDB may write a log over another's file before it has closed that, which cuts the file to the older log's length.
  So nothing is confirmed from a new log until its file is written by one descriptor alone, and has all that was
  written; before that nothing more is written either.
* A new log file's name is made durable by syncing its folder, before the first confirmation from it.
* The next batch is written only after the last sync has succeeded, so an older log is never behind.
"""

import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from errno import EBUSY, EIO
from fcntl import F_GETFL, fcntl
from pathlib import Path
from queue import SimpleQueue

from msgspec import Struct

DESCRIPTORS = Path("/proc/self/fd")

LOOKS = 5000
PAUSE_SECONDS = 0.001
"""How often, and how long after one another, we look whether RocksDB has closed an older log (our choice). It is about
to, so the loop waits, as it does for RocksDB's writes.
"""


class SyncTask(Struct, frozen=True):
    """What makes one commit durable: the descriptors of the logs it may be in, and of their folder if one is new."""

    logs: Sequence[int]
    folder: int | None

    def run(self) -> None:
        """Sync; raises `OSError` if the disk refuses."""
        for log in self.logs:
            os.fdatasync(log)
        if self.folder is not None:
            os.fsync(self.folder)


class LogFollower:
    """Knows which log file the last batch went into. Used by the writer alone.

    Where `/proc` does not tell of RocksDB's descriptors, the folder is looked through and synced at every batch.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder
        self._folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        self._is_new = True
        self._number, self._end = -1, 0
        self._logs: list[int] = []
        self._given = 1
        # Opened now, since descriptors may be short by the first write.
        self._follow(max(self._numbers()))

    def written(self) -> SyncTask:
        """What is to be synced after a batch has been written; what was given before has been."""
        self._close(self._logs[: self._given - 1])
        del self._logs[: self._given - 1]
        self.noted()
        self._given = len(self._logs)
        is_new, self._is_new = self._is_new, False
        return SyncTask(tuple(self._logs), self._folder if is_new else None)

    def noted(self) -> None:
        """Take in that something was written, beside the batches too: into the newest log we know, or a newer one."""
        end = _place(self._logs[-1])
        if end > self._end:
            self._end = end
        else:
            self._follow(self._number + 1)
            self._is_new = True

    def close(self) -> None:
        """Let go of the descriptors."""
        self._close(self._logs)
        os.close(self._folder)

    def _follow(self, first: int) -> None:
        """Open every log file from that number on, if there is one, beside the one before.

        The batch is in one of them, and seldom there are several. One that is gone is in a table by now, synced.
        """
        while self._number < first and (newer := [number for number in self._numbers() if number >= first]):
            for number in sorted(newer):
                with suppress(FileNotFoundError):
                    self._logs.append(self._opened(self._path / f"{number:06}.log"))
                    self._number = number
        self._end = _place(self._logs[-1])

    def _opened(self, log: Path) -> int:
        """A descriptor of a log, once it is written by one alone; raises `OSError` if it is not whole then."""
        for _ in range(LOOKS):
            descriptors = descriptors_of(log, but=self._logs)
            if len(descriptors) == 1:
                if _place(descriptors[0]) > os.fstat(descriptors[0]).st_size:
                    self._close(descriptors)
                    raise OSError(
                        EIO, "RocksDB cut it short as it closed the log that was in this file before", str(log)
                    )
                return descriptors[0]
            self._close(descriptors)
            time.sleep(PAUSE_SECONDS)
        raise OSError(EBUSY, "RocksDB does not close the log that was in this file before", str(log))

    def _numbers(self) -> list[int]:
        numbers = [int(path.stem) for path in self._path.glob("[0-9]*.log")]
        if not numbers:
            raise FileNotFoundError(f"{self._path} holds no log any more")
        return numbers

    @staticmethod
    def _close(descriptors: Sequence[int]) -> None:
        for descriptor in descriptors:
            os.close(descriptor)


def descriptors_of(log: Path, but: Sequence[int] = ()) -> list[int]:
    """Duplicates of the descriptors that a log's file is open by for writing, but for those; if there are none, one to
    read it.
    """
    reading = os.open(log, os.O_RDONLY)
    writing = []
    for number in {int(entry.name) for entry in DESCRIPTORS.glob("[0-9]*")} - set(but):
        # A descriptor may be closed meanwhile, and its number be another file's, or a duplicate's of ours: what counts
        # is what was duplicated.
        with suppress(OSError):
            if number not in writing and _writes(number, reading):
                descriptor = os.dup(number)
                if _writes(descriptor, reading):
                    writing.append(descriptor)
                else:
                    os.close(descriptor)
    if not writing:
        return [reading]
    os.close(reading)
    return writing


def _writes(descriptor: int, log: int) -> bool:
    is_same = os.path.samestat(os.fstat(descriptor), os.fstat(log))
    return is_same and fcntl(descriptor, F_GETFL) & os.O_ACCMODE != os.O_RDONLY


def _place(log: int) -> int:
    """How far a log has been written, by a duplicate of the descriptor that writes it; 0 by any other."""
    return os.lseek(log, 0, os.SEEK_CUR)


class SyncThread:
    """One thread that runs sync tasks in order and says how each went.

    `done(error)` is called on the thread, with `None` after a success.
    """

    def __init__(self, done: Callable[[OSError | None], None]) -> None:
        self._done = done
        self._tasks: SimpleQueue[SyncTask | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="minori-sync", daemon=True)
        self._thread.start()

    def submit(self, task: SyncTask) -> None:
        """Queue a task."""
        self._tasks.put(task)

    def stop(self) -> None:
        """Finish what is queued and end the thread."""
        self._tasks.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (task := self._tasks.get()) is not None:
            try:
                task.run()
            except OSError as error:
                self._done(error)
            else:
                self._done(None)
