"""Local files on their way into the public scope: which there are, where each goes, and what becomes of it."""

import asyncio
import os
import stat
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from mimetypes import MimeTypes
from pathlib import Path

from msgspec import Struct

from minori.codec.content import OCTETS
from minori.codec.filepath import check_path
from minori.errors import InvalidParameter, NotFound, Overloaded, RequestError
from minori.model.file import PUBLIC, Placed
from minori.service.files import FileService

CHUNK = 1024 * 1024
"""Bytes that are read at once (our choice)."""

TRIES = 5
"""How often a file is begun while others keep the catalog busy (our choice)."""

PAUSE_SECONDS = 1
"""How long between two of them (our choice)."""

_TYPES = MimeTypes()
"""Types by the ends of names as Python knows them, the same on every machine."""

_PACKED = {"gzip": "application/gzip", "bzip2": "application/x-bzip2", "xz": "application/x-xz"}
_CONTENTS = ("", ".", "..")


class Source(Struct, frozen=True):
    """A local file, and the path it is to have. With a `flaw` it is not published, and that is why.

    `result` is what that counts as: `skipped` for what a folder may hold and nobody can fetch.
    """

    local: Path
    path: str
    size: int = 0
    flaw: str = ""
    result: str = "failed"


class Outcome(Struct, frozen=True, rename="camel", omit_defaults=True):
    """What became of a local file: `result` is `created`, `replaced`, `skipped` or `failed`, with a `message` then."""

    source: str
    file_path: str
    result: str
    content_length: int | None = None
    content_type: str | None = None
    etag: str | None = None
    message: str | None = None


def sources(named: Sequence[str], to: str) -> Iterator[Source]:
    """Every file that is named, or is in a folder that is, and its place below the directory `to`.

    A folder goes there under its own name, unless it is named as `FOLDER/.`. Links that are named are followed;
    one inside a folder only to a file of the same folder.
    """
    for name in named:
        local = Path(name)
        if not local.is_dir():
            yield _source(local, to + local.name)
        elif name.rstrip("/").rpartition("/")[2] in _CONTENTS:
            yield from _inside(local, to)
        else:
            yield from _inside(local, f"{to}{local.name}/")


def _inside(folder: Path, to: str) -> Iterator[Source]:
    root = folder.resolve()
    ahead = [(folder, to)]
    while ahead:
        where, there = ahead.pop()
        try:
            found = sorted(where.iterdir())
        except OSError as error:
            yield Source(where, there, flaw=str(error.strerror))
            continue
        folders = {one: None for one in found if one.is_dir() and not one.is_symlink()}
        ahead += [(one, f"{there}{one.name}/") for one in reversed(folders)]
        for one in found:
            if one not in folders:
                yield _source(one, there + one.name, root)


def _source(local: Path, path: str, root: Path | None = None) -> Source:
    try:
        status = local.stat()
        leads_out = root is not None and not local.resolve().is_relative_to(root)
    except OSError as error:
        return Source(local, path, flaw=str(error.strerror))
    if stat.S_ISREG(status.st_mode) and not leads_out:
        return Source(local, path, status.st_size)
    flaw = "It is a link that leads out of the folder" if leads_out else "It is no plain file"
    return Source(local, path, 0, flaw, "failed" if root is None else "skipped")


def content_type_of(path: str) -> str:
    """What a name tells of its file's type; for a packed file, how it is packed."""
    kind, packed = _TYPES.guess_type(path)
    return _PACKED.get(packed, OCTETS) if packed else kind or OCTETS


class Publisher:
    """Stores local files as files of everybody. `progress` is told of each read how many bytes it took."""

    def __init__(
        self, files: FileService, largest: int, content_type: str | None, progress: Callable[[int], object]
    ) -> None:
        self._files = files
        self._largest = largest
        self._content_type = content_type
        self._progress = progress

    async def publish(self, source: Source) -> Outcome:
        """Store one file; durable and visible on return. Raises `Unavailable`: the others will fare no better."""
        local = os.fsencode(source.local).decode(errors="replace")
        path = os.fsencode(source.path).decode(errors="replace")
        if source.flaw:
            return Outcome(local, path, source.result, message=source.flaw)
        try:
            placed = await self._put(source.local, check_path(source.path))
        except OSError as error:
            return Outcome(local, path, "failed", message=str(error.strerror))
        except RequestError as error:
            return Outcome(local, path, "failed", message=error.message)
        entry = placed.entry
        size = 0 if entry.blob is None else entry.blob.size
        result = "created" if placed.created else "replaced"
        return Outcome(local, entry.path, result, size, entry.content_type, entry.etag)

    async def _put(self, local: Path, path: str) -> Placed:
        kind = self._content_type or content_type_of(path)
        for left in reversed(range(TRIES)):
            try:
                async with aclosing(_chunks(local, self._progress)) as chunks:
                    placed = await self._files.put(PUBLIC, path, kind, chunks, length=None, largest=self._largest)
                # A command that was stopped for hours in between has had its bytes swept away by the server.
                (await self._files.open(placed.entry)).close()
            except (Overloaded, NotFound):
                if not left:
                    raise
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                return placed
        raise AssertionError


async def _chunks(local: Path, progress: Callable[[int], object]) -> AsyncGenerator[bytes]:
    """The bytes of a file. Raises `OSError`, and `InvalidParameter` if it changes meanwhile."""
    # A pipe that has taken the file's place is not waited for.
    opened = os.open(local, os.O_RDONLY | os.O_NONBLOCK)
    try:
        before = os.fstat(opened)
        while chunk := os.read(opened, CHUNK):
            yield chunk
            progress(len(chunk))
        after = os.fstat(opened)
    finally:
        os.close(opened)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise InvalidParameter("It changed while it was read; publish it again")
