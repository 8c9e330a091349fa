"""Files: what is stored, under which path, and for whom."""

from collections.abc import Sequence

from msgspec import Struct

PUBLIC = "public"
"""The owner of the files that everybody may read; every other owner is an operator id."""

PATH_BYTES = 1024
"""UTF-8 bytes of a path, its leading slash included (documented)."""

DEPTH = 16
"""Levels of directories a file may be below (documented)."""

ROOT = "/"


class Blob(Struct, frozen=True):
    """Bytes on stable storage under an id that says nothing of their name. `md5` is in lower-case hex."""

    blob_id: str
    size: int
    md5: str


class FileEntry(Struct, frozen=True):
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
    def filename(self) -> str:
        """The last segment of the path, with the slash of a directory."""
        return self.path[self.path.rindex("/", 0, -1) + 1 :]


class FilePage(Struct, frozen=True):
    """Entries in order of the UTF-8 bytes of their paths; `more` tells that others follow the last one."""

    entries: Sequence[FileEntry]
    more: bool


class FileWrite(Struct, frozen=True):
    """A file to be placed at `entry.path`. With `only_new` it must not exist."""

    entry: FileEntry
    only_new: bool = False


class Placed(Struct, frozen=True):
    """What became of a `FileWrite`: the entry as it stands, and the blob id of the version it replaced.

    `created` is false if a version that had not expired was replaced; its `created_time` lives on.
    """

    entry: FileEntry
    created: bool
    replaced: str | None
