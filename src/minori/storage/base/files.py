"""The seam of the index of files: `FileIndex`."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence

from minori.model.file import FileEntry, FilePage, FileWrite, Placed


class FileIndex(ABC):
    """Which path of which owner leads to which blob: the row is the file, the blob is only its bytes.

    Identity: owner and path; a directory's path ends in a slash. Directories are rows of their own, made
    on the way by `place`; the root `/` is no row and always exists. A path is ordered and compared by its
    UTF-8 bytes. `now` is UNIX ms: a file whose `expiry_time` is not after it is treated as absent. Its row
    stays until it is replaced, forgotten or removed with its directory.

    Every change is atomic, durable and visible on return; changes of one loop happen in the order of their
    calls. Raises `errors.Overloaded` if others keep the database busy or too many changes wait,
    `errors.StorageFull` if the disk is full (nothing has happened and later calls may succeed),
    `errors.StoreFailed` if it refuses otherwise.

    A page holds at most `limit` entries, at least 1, beyond the path `after` (empty: from the first), which
    need not exist. An entry that exists from the first page to the last is seen exactly once; what others
    place or remove meanwhile may or may not be seen.
    """

    @abstractmethod
    async def place(self, write: FileWrite, now: int) -> Placed:
        """Make missing directories, with `now` as their times, and put the file at its path.

        Directories that exist keep their times. Of several at once for one path, one is last and wins whole.
        Raises, and changes nothing: `errors.PathTaken` where a directory has that name or a file stands where
        a directory would be, `errors.FileExists` for `only_new`.
        """

    @abstractmethod
    async def remove(self, owner: str, path: str, now: int) -> FileEntry | None:
        """Remove a file, or an empty directory, and return what it was; `None` if there was none.

        Expired files in a directory go with it; their blobs belong to nobody then. The directories above
        stay. Raises `errors.DirectoryNotEmpty`.
        """

    @abstractmethod
    async def forget(self, entries: Collection[FileEntry]) -> None:
        """Remove these versions of files, expired or not, each only if its path still leads to the same blob.

        Directories are left alone.
        """

    @abstractmethod
    async def get(self, owner: str, path: str, now: int) -> FileEntry | None:
        """The file or directory at exactly this path."""

    @abstractmethod
    async def children(self, owner: str, directory: str, after: str, limit: int, now: int) -> FilePage:
        """A page of what is directly in `directory` (with its slash); one that does not exist has no children."""

    @abstractmethod
    async def find(self, owner: str, prefix: str, after: str, limit: int, now: int) -> FilePage:
        """A page of the files and directories, at any depth, whose path begins with `prefix`.

        Every letter of `prefix` stands for itself; the empty one begins every path.
        """

    @abstractmethod
    async def of_blobs(self, blob_ids: Collection[str]) -> Mapping[str, FileEntry]:
        """The files these blobs belong to, expired ones too; a blob that belongs to none is left out."""

    @abstractmethod
    async def expired(self, now: int, limit: int) -> Sequence[FileEntry]:
        """At most `limit` files of all owners whose `expiry_time` is not after `now`, the earliest first."""
