"""One blob's way to the disk: written beside its place, hashed, synced, renamed, its folder synced."""

import hashlib
import os
from contextlib import suppress

from minori.model.file import Blob
from minori.storage.filesystem.folders import Folders

WRITEBACK_BYTES = 8 * 1024 * 1024
"""How much is written before the disk is asked to begin with it, so that the sync at the end finds little left."""

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


class Upload:
    """The thread's side of a writer: everything blocks and raises `OSError`; one call at a time, on any thread.

    After an error everything is freed. A sync that failed is not tried again: the system may have dropped
    what it could not write, and a second sync would succeed without it.
    """

    def __init__(self, folders: Folders, blob_id: str) -> None:
        self._folders = folders
        self._blob_id = blob_id
        self._hash = hashlib.md5(usedforsecurity=False)
        self._file: int | None = None
        self._size = 0
        self._begun = 0

    def append(self, data: bytes | bytearray) -> None:
        """Write and hash."""
        try:
            if self._file is None:
                self._folders.make_folder_of(self._blob_id)
                with self._folders.folder_of(self._blob_id) as folder:
                    self._write(self._made(folder), data)
            else:
                self._write(self._file, data)
        except BaseException:
            self.abandon()
            raise

    def finish(self, data: bytes | bytearray) -> Blob:
        """Write the rest, and make the blob and its name durable.

        `fsync`, not `fdatasync`: a new file's inode has to reach the disk either way, so it costs the same,
        and the time of writing, by which a sweep tells an orphan's age, is kept as well.
        """
        try:
            self._folders.make_folder_of(self._blob_id)
            with self._folders.folder_of(self._blob_id) as folder:
                file = self._made(folder) if self._file is None else self._file
                self._write(file, data)
                os.fsync(file)
                self._close()
                beside = self._folders.unfinished(self._blob_id)
                os.rename(beside, self._blob_id, src_dir_fd=folder, dst_dir_fd=folder)
                os.fsync(folder)
        except BaseException:
            self.abandon()
            raise
        return Blob(self._blob_id, self._size, self._hash.hexdigest())

    def abandon(self) -> None:
        """Free what was taken, wherever it has got to; what the disk does not let go of, a sweep removes."""
        with suppress(OSError):
            self._close()
        with suppress(OSError), self._folders.folder_of(self._blob_id) as folder:
            for name in (self._folders.unfinished(self._blob_id), self._blob_id):
                with suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=folder)

    def _made(self, folder: int) -> int:
        self._file = os.open(self._folders.unfinished(self._blob_id), _NEW, 0o600, dir_fd=folder)
        return self._file

    def _write(self, file: int, data: bytes | bytearray) -> None:
        left = memoryview(data)
        while left:
            left = left[os.write(file, left) :]
        self._hash.update(data)
        self._size += len(data)
        if self._size - self._begun >= WRITEBACK_BYTES:
            with suppress(OSError):
                # Linux begins to write these pages out; they cannot be dropped before that is done.
                os.posix_fadvise(file, self._begun, self._size - self._begun, os.POSIX_FADV_DONTNEED)
            self._begun = self._size

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            os.close(file)
