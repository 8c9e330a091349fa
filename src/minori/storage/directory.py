"""The data directory: made, locked for one process, stamped with its format, and the paths in it."""

import errno
import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Annotated, Self

import msgspec
from msgspec import Meta, Struct

from minori import __version__
from minori.errors import DataDirectoryBroken, DataDirectoryBusy, FormatTooNew

FORMAT = 2
"""The format of the directory that this Minori writes. 1 had no blocks of entries; it is read, and becomes 2."""

_LOCK = "minori.lock"
_STAMP = "format.json"
_CREDENTIALS = "root-credentials.json"
_BESIDE = ".new"
_OF_A_FRESH_START = frozenset({_LOCK, _STAMP + _BESIDE, "lost+found"})
"""What a directory may hold without a stamp: a first start that was cut short, or the root of a file system."""

_STAMP_BYTES = 4096
_PID = re.compile(rb"[0-9]{1,10}\n?")
_ADVICE = {
    errno.EACCES: "give the user who runs Minori the right to write there, or choose another --data-dir",
    errno.EPERM: "give the user who runs Minori the right to write there, or choose another --data-dir",
    errno.EROFS: "choose a --data-dir on a disk that may be written",
    errno.ENOSPC: "free some space on that disk and start again",
    errno.EDQUOT: "free some space of this user's quota and start again",
    errno.ENOTDIR: "choose a --data-dir that is a folder",
    errno.EEXIST: "choose a --data-dir that is a folder",
    errno.ELOOP: "choose a --data-dir without links that lead in a circle or stand for Minori's own files",
    errno.ENAMETOOLONG: "choose a --data-dir with a shorter name",
    errno.EIO: "the disk is failing; look at the system's log and move the data to another disk",
    errno.ENOLCK: "choose a --data-dir on a local disk; this one cannot lock files",
    errno.EOPNOTSUPP: "choose a --data-dir on a local disk; this one cannot lock files",
}


class _Stamp(Struct):
    format: Annotated[int, Meta(ge=1)]
    minori: Annotated[str, Meta(pattern=r"^[0-9A-Za-z.+!-]{1,64}$")]


class Places:
    """Where everything lies in a data directory; any of it may be absent."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @property
    def entries(self) -> Path:
        """The entry store's folder."""
        return self.path / "entries"

    @property
    def catalog(self) -> Path:
        """The catalog's database."""
        return self.path / "catalog.sqlite"

    @property
    def audit(self) -> Path:
        """The audit log's database."""
        return self.path / "audit.sqlite"

    @property
    def refusals(self) -> Path:
        """The database of the log of refusals."""
        return self.path / "refusals.sqlite"

    @property
    def blobs(self) -> Path:
        """The folder of the bytes of files."""
        return self.path / "blobs"

    @property
    def credentials(self) -> Path:
        """Where the first start leaves the root user's credentials."""
        return self.path / _CREDENTIALS


def visit(path: str | Path) -> Places:
    """A data directory that there is, whoever holds it: nothing is made, and nothing locked.

    Raises `FormatTooNew`, and `DataDirectoryBroken` for what no Minori has used yet, and for another user than
    the server's: it would leave files that the server may not open.
    """
    places = Places(path)
    with _translated(places.path):
        try:
            owner = os.lstat(places.path / _STAMP).st_uid
        except (FileNotFoundError, NotADirectoryError) as error:
            raise DataDirectoryBroken(
                f"{path} is no data directory of Minori; name the one that minori serve uses with --data-dir"
            ) from error
        _check_format(places.path)
    if owner != os.geteuid():
        raise DataDirectoryBroken(
            f"The data directory {path} belongs to user {owner}, and this is user {os.geteuid()}; run the command as "
            f"the user who runs minori serve (sudo -u '#{owner}' minori …)"
        )
    return places


class DataDirectory(Places):
    """A data directory that this process holds until `close`.

    Opening makes the folder (mode 0700) if absent, and its parents; an existing one keeps its rights.

    Raises `DataDirectoryBusy` if another process holds it, `FormatTooNew` if a newer Minori wrote it,
    `DataDirectoryBroken` if it cannot be used: refused by the system, full, or full of somebody else's files.
    Nothing is written into a folder that has files but no `format.json`.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__(path)
        with _translated(self.path):
            _make(self.path)
            _refuse_strangers(self.path)
            self._lock: int | None = _locked(self.path)
        try:
            with _translated(self.path):
                if _check_format(self.path) < FORMAT:
                    # Before anything is written that an older Minori would not see.
                    _stamp(self.path)
        except BaseException:
            self.close()
            raise

    def write_credentials(self, content: bytes) -> bool:
        """Keep `content` as the credentials file, mode 0600 from its first byte; durable on return.

        An existing file stays as it is: false. Raises `DataDirectoryBroken` if the disk refuses.
        """
        with _translated(self.path):
            if os.path.lexists(self.credentials):
                return False
            _write(self.credentials, content)
        return True

    def close(self) -> None:
        """Let go of the directory; once is enough, twice does no harm."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0, "choose another --data-dir, or see what the system's log says")
        at = error.filename or path
        raise DataDirectoryBroken(
            f"The data directory {path} cannot be used: {error.strerror} ({at}); {advice}"
        ) from error


def _make(path: Path) -> None:
    missing = []
    folder = path
    while not os.path.lexists(folder):
        missing.append(folder)
        folder = folder.parent
    for folder in reversed(missing):
        folder.mkdir(0o700 if folder == path else 0o777, exist_ok=True)
        _sync(folder.parent)


def _refuse_strangers(path: Path) -> None:
    # Listed before the stamp is looked for: a start that runs beside this one writes its stamp first.
    strangers = sorted(set(os.listdir(path)) - _OF_A_FRESH_START)  # noqa: PTH208 - names are what is compared
    if strangers and not os.path.lexists(path / _STAMP):
        raise DataDirectoryBroken(
            f"{path} holds files ({strangers[0][:60]!r} is one of them) and no {_STAMP}, so it is no data directory of "
            "Minori; choose an empty or a new folder as --data-dir, or put the lost file back from a backup"
        )


def _locked(path: Path) -> int:
    lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(lock, 0)
        os.pwrite(lock, b"%d\n" % os.getpid(), 0)
    except BlockingIOError as error:
        pid = os.pread(lock, 16, 0)
        os.close(lock)
        holder = f"process {int(pid)}" if _PID.fullmatch(pid) else "another process"
        raise DataDirectoryBusy(
            f"The data directory {path} is in use by {holder}; stop that one first, or choose another --data-dir"
        ) from error
    except BaseException:
        os.close(lock)
        raise
    return lock


def _stamp(path: Path) -> None:
    _write(path / _STAMP, b'{"format": %d, "minori": "%b"}\n' % (FORMAT, __version__.encode()))


def _check_format(path: Path) -> int:
    """The format of the directory, which gets one if it has none."""
    file = path / _STAMP
    if not os.path.lexists(file):
        _stamp(path)
        return FORMAT
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        content = os.read(descriptor, _STAMP_BYTES)
    finally:
        os.close(descriptor)
    try:
        stamp = msgspec.json.decode(content, type=_Stamp)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataDirectoryBroken(
            f"{file} does not say which format the data directory has ({error}); put it back from a backup"
        ) from error
    if stamp.format > FORMAT:
        raise FormatTooNew(
            f"The data directory {path} has format {stamp.format} and was written by Minori {stamp.minori}; this is "
            f"Minori {__version__}, which knows format {FORMAT}; no data was changed: start Minori {stamp.minori} or "
            "newer on it, or choose another --data-dir"
        )
    return stamp.format


def _write(file: Path, content: bytes) -> None:
    """Write beside, sync, rename, sync the folder: after a power loss the file is whole or absent."""
    beside = file.with_name(file.name + _BESIDE)
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(descriptor)
        beside.rename(file)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    _sync(file.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
