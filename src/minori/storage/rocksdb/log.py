"""Syncing RocksDB's write-ahead log from outside, without stopping the world.

rocksdict keeps Python's interpreter lock while it writes, sync included, so a slow disk would freeze
every connection. Here a commit is written without RocksDB's own sync, and a thread then calls
`fdatasync` on the log file that took it, which leaves the interpreter free. What makes that sound:

* RocksDB hands each batch to the operating system whole, before the write returns.
* A batch goes into the newest log file. Log files change inside a write, and only one writer exists; or when
  RocksDB mends an error of its own, after which a write fails and everything ends.
* A new log file's name is made durable by syncing its folder, before the first confirmation from it.
* The next batch is written only after the last sync has succeeded, so an older log is never behind.
"""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

from msgspec import Struct


class SyncTask(Struct, frozen=True):
    """What makes one commit durable: the log file's descriptor, and its folder's if the file is new."""

    log: int
    folder: int | None

    def run(self) -> None:
        """Sync; raises `OSError` if the disk refuses."""
        os.fdatasync(self.log)
        if self.folder is not None:
            os.fsync(self.folder)


class LogFollower:
    """Knows which log file the last batch went into. Used by the writer alone."""

    def __init__(self, folder: Path) -> None:
        self._path = folder
        self._folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        self._log: int | None = None
        self._size = 0
        self._is_new = True
        # Opened now, since descriptors may be short by the first write.
        self._follow_newest()

    def written(self) -> SyncTask:
        """What is to be synced after a batch has been written."""
        if self._log is not None and (size := os.fstat(self._log).st_size) > self._size:
            self._size = size
            task = SyncTask(self._log, self._folder if self._is_new else None)
        else:
            task = SyncTask(self._follow_newest(), self._folder)
        self._is_new = False
        return task

    def close(self) -> None:
        """Let go of the descriptors."""
        if self._log is not None:
            os.close(self._log)
        os.close(self._folder)

    def _follow_newest(self) -> int:
        newest = max(self._path.glob("[0-9]*.log"), key=lambda path: int(path.stem))
        if self._log is not None:
            os.close(self._log)
        self._log = os.open(newest, os.O_RDONLY)
        self._size = os.fstat(self._log).st_size
        return self._log


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
