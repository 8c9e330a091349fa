"""Where blobs lie: 256 folders by the first two characters of the id, a blob's name is its id.

    FOLDER/3f/3f9c…e1                     a blob
    FOLDER/3f/3f9c…e1.5b0d2a7c41e88f06    one that is being written by the run of a server that bears this name

A folder is made, durably, before the first blob that needs it. An unfinished blob lies beside its place, so
a rename stays within one folder and one sync of that folder keeps it; and no run takes what another left
behind for its own. Every name is looked up relative to an open folder and no link is followed, so that
nothing leads out of FOLDER, whatever is planted there.
"""

import errno
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from heapq import nsmallest
from pathlib import Path

from minori.errors import DataDirectoryBroken
from minori.model.file import StoredBlob

_NAME = re.compile(r"[0-9a-f]{2}")
_ID = re.compile(r"[0-9a-f]{32}")
_FILE = re.compile(r"([0-9a-f]{32})(?:\.([0-9a-f]{16}))?")
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO})
"""Not there, or not what may be there: something else stands in the place of a folder or a file."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


def new_id() -> str:
    """128 random bits: nobody meets or guesses another's."""
    return secrets.token_hex(16)


def is_id(text: str) -> bool:
    """Whether a blob could have this id; only then is it part of a file's name."""
    return _ID.fullmatch(text) is not None


class Folders:
    """The open folder of a store. Everything here blocks, and may be called on any thread.

    Opening makes it if it is missing, durably (mode 0700). Raises `DataDirectoryBroken`.
    """

    def __init__(self, path: Path) -> None:
        self._run = secrets.token_hex(8)
        try:
            _make(path)
            self._root = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise _broken(path, error) from error
        self._durable = set[str]()
        try:
            self._find()
        except OSError as error:
            self.close()
            raise _broken(path, error) from error

    @contextmanager
    def folder_of(self, blob_id: str) -> Iterator[int]:
        """The descriptor of the folder of a blob; raises `FileNotFoundError` if there never was one."""
        folder = os.open(blob_id[:2], _FOLDER, dir_fd=self._root)
        try:
            yield folder
        finally:
            os.close(folder)

    def make_folder_of(self, blob_id: str) -> None:
        """Have a folder for a blob, its name durable: otherwise the blob could be lost with it."""
        name = blob_id[:2]
        if name not in self._durable:
            with suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=self._root)
            try:
                os.fsync(self._root)
            except OSError as error:
                # Full or not: the folder is there and would be synced again, which proves nothing.
                raise OSError(errno.EIO, error.strerror) from error
            self._durable.add(name)

    def unfinished(self, blob_id: str) -> str:
        """The name of a blob while this run writes it."""
        return f"{blob_id}.{self._run}"

    def open(self, blob_id: str) -> tuple[int, int] | None:
        """A descriptor to read a finished blob with, and its size; `None` if no plain file has its name."""
        try:
            with self.folder_of(blob_id) as folder:
                # A pipe that was planted there is not waited for.
                file = os.open(blob_id, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        except OSError as error:
            if error.errno in _ABSENT:
                return None
            raise
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            os.close(file)
            return None
        return file, status.st_size

    def remove(self, blob_id: str) -> bool:
        """Remove a finished blob, or else what other runs left unfinished of it; whether there was any.

        What this run is writing is left alone. The folder is not synced: a blob that comes back with the
        power is an orphan, as a removal that never began would have left it.
        """
        try:
            with self.folder_of(blob_id) as folder:
                return _unlink(blob_id, folder) or self._remove_unfinished(blob_id, folder)
        except OSError as error:
            if error.errno in _ABSENT:
                return False
            raise

    def listing(self, after: str, limit: int) -> list[StoredBlob]:
        """At most `limit` blobs beyond `after`, in order of their ids; fewer only at the end.

        What this run is writing is left out: it may be finished, and somebody's, by the time it is read about.
        """
        found: list[StoredBlob] = []
        for name in self._names():
            if len(found) == limit:
                break
            if name >= after[:2]:
                with self.folder_of(name) as folder:
                    self._list(folder, name, after, limit, found)
        return found

    def close(self) -> None:
        """Let go of the folder."""
        os.close(self._root)

    def _find(self) -> None:
        names = self._names()
        for name in names:
            os.close(os.open(name, _FOLDER, dir_fd=self._root))
        # A run that was cut short may have made some and not come to this.
        os.fsync(self._root)
        self._durable.update(names)

    def _names(self) -> list[str]:
        with os.scandir(self._root) as entries:
            return sorted(entry.name for entry in entries if _NAME.fullmatch(entry.name))

    def _remove_unfinished(self, blob_id: str, folder: int) -> bool:
        with os.scandir(folder) as entries:
            left = [entry.name for entry in entries if self._parse(entry, blob_id)]
        removed = [_unlink(name, folder) for name in left]
        return any(removed)

    def _list(self, folder: int, prefix: str, after: str, limit: int, found: list[StoredBlob]) -> None:
        while room := limit - len(found):
            with os.scandir(folder) as entries:
                parsed = (self._parse(entry, prefix) for entry in entries)
                chosen = nsmallest(room, (pair for pair in parsed if pair and pair[0] > after))
            for blob_id, name in chosen:
                blob = _stored(blob_id, name, folder)
                if blob is not None:
                    found.append(blob)
                after = blob_id
            if len(chosen) < room:
                return

    def _parse(self, entry: "os.DirEntry[str]", prefix: str) -> tuple[str, str] | None:
        """The id and the name of a blob whose id begins with `prefix`, unless this run is writing it."""
        parts = _FILE.fullmatch(entry.name)
        if not parts or not entry.name.startswith(prefix) or parts[2] == self._run:
            return None
        return (parts[1], entry.name) if entry.is_file(follow_symlinks=False) else None


def _stored(blob_id: str, name: str, folder: int) -> StoredBlob | None:
    status = _status(name, folder)
    if status is None or (name != blob_id and _status(blob_id, folder) is not None):
        # Removed meanwhile, or a second name of a finished blob, which a power failure may bring back.
        return None
    return StoredBlob(blob_id, status.st_size, status.st_mtime_ns // 1_000_000, finished=name == blob_id)


def _status(name: str, folder: int) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _unlink(name: str, folder: int) -> bool:
    status = _status(name, folder)
    if status is None or not stat.S_ISREG(status.st_mode):
        return False
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        return False
    return True


def _make(path: Path) -> None:
    missing = [folder for folder in (path, *path.parents) if not os.path.lexists(folder)]
    for folder in reversed(missing):
        folder.mkdir(0o700)
        _sync(folder.parent)
    if not missing:
        try:
            # A start that was cut short may have made it and not come to this.
            _sync(path.parent)
        except PermissionError:
            return


def _sync(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _broken(path: Path, error: OSError) -> DataDirectoryBroken:
    at = f" ({error.filename})" if error.filename else ""
    return DataDirectoryBroken(
        f"The folder of blobs {path} cannot be used: {error.strerror}{at}; look at it and its disk"
    )
