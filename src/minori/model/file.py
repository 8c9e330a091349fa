"""Files: what is stored, under which path, and for whom."""

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from minori.errors import FileExists, PathTaken

PUBLIC = "public"
"""The owner of the files that everybody may read; every other owner is an operator id."""

PATH_BYTES = 1024
"""UTF-8 bytes of a path, its leading slash included (documented)."""

DEPTH = 16
"""Levels of directories a file may be below (documented)."""

ROOT = "/"


def directories_above(path: str) -> list[str]:
    """The directories a file or directory is in, the outermost first, without the root."""
    ends = [end for end, letter in enumerate(path[:-1]) if letter == "/"]
    return [path[: end + 1] for end in ends[1:]]


# Nothing here is ever part of a cycle: the collector need not go through the thousands of a page.
class Blob(Struct, frozen=True, gc=False):
    """Bytes on stable storage under an id that says nothing of their name. `md5` is in lower-case hex."""

    blob_id: str
    size: int
    md5: str


class StoredBlob(Struct, frozen=True):
    """A blob as a sweep sees it. `modified_time` is UNIX ms; unfinished ones are not yet anybody's."""

    blob_id: str
    size: int
    modified_time: int
    finished: bool


class FileEntry(Struct, frozen=True, gc=False):
    """A file or a directory. `path` begins with a slash; a directory's ends with one and it has no `blob`.

    Times are UNIX ms. From `expiry_time` on the entry is as good as gone; `None` never comes.
    """

    owner: str
    path: str
    created_time: int
    last_modified_time: int
    blob: Blob | None = None
    content_type: str = ""
    expiry_time: int | None = None

    @property
    def is_directory(self) -> bool:
        """Whether it may hold others."""
        return self.blob is None

    @property
    def etag(self) -> str:
        """Tells one version's bytes from another's: their MD5 in hex; empty for a directory."""
        return "" if self.blob is None else self.blob.md5

    @property
    def filename(self) -> str:
        """The last segment of the path, with the slash of a directory."""
        return self.path[self.path.rindex("/", 0, -1) + 1 :]

    @property
    def parent(self) -> str:
        """The path of the directory it is in."""
        return self.path[: self.path.rindex("/", 0, -1) + 1]

    @property
    def blob_id(self) -> str | None:
        """The id of the blob; a directory has none."""
        return None if self.blob is None else self.blob.blob_id

    def is_live(self, now: int) -> bool:
        """Whether it has not expired at `now`, UNIX ms."""
        return self.expiry_time is None or self.expiry_time > now


class FilePage(Struct, frozen=True):
    """Entries in order of the UTF-8 bytes of their paths; `more` tells that others follow the last one."""

    entries: Sequence[FileEntry]
    more: bool


class Placed(Struct, frozen=True):
    """What became of a `FileWrite`: the entry as it stands, and the blob id of the version it replaced.

    `created` is false if a version that had not expired was replaced; its `created_time` lives on. An expired
    one is replaced too. `replaced` is never the blob that was placed, even if it was there before.
    """

    entry: FileEntry
    created: bool
    replaced: str | None


class FileWrite(Struct, frozen=True):
    """A file to be placed at `entry.path`. With `only_new` it must not exist."""

    entry: FileEntry
    only_new: bool = False

    def paths(self) -> list[str]:
        """Every path that decides what comes of the write: its own, and what may be in the way of it."""
        above = directories_above(self.entry.path)
        return [*above, *[directory[:-1] for directory in above], self.entry.path, f"{self.entry.path}/"]

    def outcome(self, found: Mapping[str, FileEntry], now: int) -> tuple[Placed, list[FileEntry]]:
        """What comes of it, and the directories to be made, where `found` holds all there is at `paths`.

        Raises `PathTaken` and `FileExists`.
        """
        entry = self.entry
        live = {path: there for path, there in found.items() if there.is_live(now)}
        if f"{entry.path}/" in live:
            raise PathTaken("There is a directory of this name; choose another name for the file")
        above = directories_above(entry.path)
        if any(directory[:-1] in live for directory in above):
            raise PathTaken("A file stands where a directory of this path would be; choose another path")
        if self.only_new and entry.path in live:
            raise FileExists
        missing = [FileEntry(entry.owner, directory, now, now) for directory in above if directory not in live]
        current = live.get(entry.path)
        if current is not None:
            entry = replace(entry, created_time=current.created_time)
        before = found.get(entry.path)
        replaced = None if before is None or before.blob_id == entry.blob_id else before.blob_id
        return Placed(entry, current is None, replaced), missing
