"""Files and directories as clients know them: the JSON of a list of them, and the type a file is sent under."""

import re
from collections.abc import Iterable

from msgspec import Struct

from minori.codec.content import OCTETS
from minori.codec.entry import encode_json
from minori.errors import InvalidParameter
from minori.model.file import PUBLIC, FileEntry

TYPE_LENGTH = 256
"""The longest content type of a file, in characters (our choice)."""

_TYPE = re.compile(rf"[\x20-\x7e]{{1,{TYPE_LENGTH}}}")


class _Listed(Struct, rename="camel", omit_defaults=True, frozen=True, gc=False):
    """An entry's members in the order of the answer; what a directory has not is left out."""

    filename: str
    directory: str
    file_path: str
    is_directory: bool
    created_time: int
    last_modified_time: int
    operator_id: str | None = None
    content_length: int | None = None
    content_type: str | None = None
    etag: str | None = None
    expiry_time: int | None = None


def encode_files(entries: Iterable[FileEntry]) -> bytes:
    """The JSON array of files and directories (R22)."""
    return encode_json([_listed(entry) for entry in entries])


def parse_type(declared: str | None) -> str:
    """The type a file is kept under: as it was declared, or octets where nothing was (our choice, as clients do).

    Raises `InvalidParameter` for what could not be given back in a header.
    """
    if declared is None:
        return OCTETS
    if not _TYPE.fullmatch(declared):
        raise InvalidParameter(f"Content-Type must be 1 to {TYPE_LENGTH} printable characters of ASCII")
    return declared


def _listed(entry: FileEntry) -> _Listed:
    blob, path = entry.blob, entry.path
    name = path.rindex("/", 0, -1) + 1
    return _Listed(
        path[name:],
        path[:name],
        path,
        blob is None,
        entry.created_time,
        entry.last_modified_time,
        None if entry.owner == PUBLIC else entry.owner,
        None if blob is None else blob.size,
        None if blob is None else entry.content_type,
        None if blob is None else blob.md5,
        entry.expiry_time,
    )
