"""Files: taken in, found, and removed, so that one that was confirmed is never lost or torn."""

from collections.abc import AsyncIterator, Callable

import structlog

from minori.config.settings import Files
from minori.errors import (
    Error,
    FileExists,
    InvalidParameter,
    InvalidPath,
    NotFound,
    Overloaded,
    PayloadTooLarge,
    RequestError,
    StorageFull,
)
from minori.model.file import ROOT, Blob, FileEntry, FilePage, FileWrite, Placed
from minori.observe.metrics import Metrics
from minori.service.links import Download
from minori.storage.base import BlobReader, BlobStore, FileIndex

DAY_MS = 86_400_000

_log = structlog.get_logger()


class FileService:
    """Files of all owners. `clock_ms` gives UNIX ms.

    The order of every change is: bytes durable, then the row, then the bytes nobody needs any more are
    removed. Whatever breaks off in between leaves at most a blob that belongs to nobody.
    """

    def __init__(
        self, index: FileIndex, blobs: BlobStore, metrics: Metrics, clock_ms: Callable[[], int], settings: Files
    ) -> None:
        self._index = index
        self._blobs = blobs
        self._metrics = metrics
        self._clock_ms = clock_ms
        self._kept_ms = settings.retention_days * DAY_MS

    async def put(
        self,
        owner: str,
        path: str,
        content_type: str,
        chunks: AsyncIterator[bytes],
        *,
        length: int | None,
        largest: int,
        only_new: bool = False,
    ) -> Placed:
        """Store a file of at most `largest` bytes, in place of one that is there; durable and visible on return.

        `length` is what the sender has announced, if it has. Raises `InvalidPath` for a directory's path,
        `PayloadTooLarge`, `PathTaken`, `FileExists` for `only_new`, `InvalidParameter` where fewer bytes
        come than were announced, what `chunks` raises, and what the stores do. Then nothing has changed.
        """
        if path.endswith("/"):
            raise InvalidPath("A file's path does not end in a slash; give the file a name")
        if length is not None and length > largest:
            raise PayloadTooLarge(largest)
        if only_new and await self._index.get(owner, path, self._clock_ms()) is not None:
            raise FileExists
        blob = await self._take_in(chunks, length, largest)
        now = self._clock_ms()
        expiry = now + self._kept_ms if self._kept_ms else None
        entry = FileEntry(owner, path, now, now, blob, content_type, expiry)
        try:
            placed = await self._index.place(FileWrite(entry, only_new), now)
        except (RequestError, StorageFull, Overloaded):
            # After any other failure the row may be there, and with it the need for the blob.
            await self._remove(blob.blob_id)
            raise
        self._metrics.file_bytes_received.inc(blob.size)
        if placed.replaced is not None:
            await self._remove(placed.replaced)
        return placed

    async def entry(self, owner: str, path: str) -> FileEntry:
        """The file or directory at this path; the root has no entry. Raises `NotFound`."""
        found = await self._index.get(owner, path, self._clock_ms())
        if found is None:
            raise _missing(path)
        return found

    async def file(self, owner: str, path: str) -> Download:
        """The file at this path. Raises `NotFound`, for a directory too."""
        download = _download(await self._index.get(owner, path, self._clock_ms()))
        if download is None:
            raise _missing(path)
        return download

    async def is_directory(self, owner: str, path: str) -> bool:
        """Whether there is a directory at this path, which ends in a slash."""
        return path == ROOT or await self._index.get(owner, path, self._clock_ms()) is not None

    async def children(self, owner: str, directory: str, after: str, limit: int) -> FilePage:
        """What is directly in a directory, beyond the filename `after` (empty: from the first).

        Raises `NotFound` where there is no such directory; the root always exists.
        """
        beyond = directory + after if after else ""
        found = await self._index.children(owner, directory, beyond, limit, self._clock_ms())
        if not found.entries and not await self.is_directory(owner, directory):
            raise _missing(directory)
        return found

    async def find(self, owner: str, prefix: str, after: str, limit: int) -> FilePage:
        """Files and directories whose path begins with `prefix`, beyond the path `after`."""
        return await self._index.find(owner, prefix, after, limit, self._clock_ms())

    async def delete_file(self, owner: str, path: str) -> None:
        """Remove a file; gone for good on return. Raises `NotFound`."""
        removed = await self._index.remove(owner, path, self._clock_ms())
        if removed is None:
            raise _missing(path)
        if removed.blob is not None:
            await self._remove(removed.blob.blob_id)

    async def delete_directory(self, owner: str, path: str) -> None:
        """Remove an empty directory. Raises `DirectoryNotEmpty`, `NotFound`, and `InvalidPath` for the root."""
        if path == ROOT:
            raise InvalidPath("The root directory always exists and cannot be removed")
        if await self._index.remove(owner, path, self._clock_ms()) is None:
            raise _missing(path)

    async def open(self, entry: FileEntry) -> BlobReader:
        """The bytes of a file, which the caller closes. Raises `NotFound` if it was replaced or removed meanwhile."""
        reader = None if entry.blob is None else await self._blobs.open(entry.blob.blob_id)
        if reader is None:
            raise _missing(entry.path)
        return reader

    async def download(self, blob_id: str) -> Download | None:
        """What a link to this blob leads to, if it belongs to a file that has not expired."""
        entry = (await self._index.of_blobs([blob_id])).get(blob_id)
        return _download(entry) if entry is not None and entry.is_live(self._clock_ms()) else None

    async def _take_in(self, chunks: AsyncIterator[bytes], length: int | None, largest: int) -> Blob:
        writer = await self._blobs.writer()
        try:
            async for chunk in _whole(chunks, length, largest):
                await writer.write(chunk)
            return await writer.commit()
        except BaseException as error:
            await writer.discard()
            if not isinstance(error, Error):
                # The sender has gone, or the server stops.
                self._metrics.uploads_broken_off.inc()
            raise

    async def _remove(self, blob_id: str) -> None:
        """Remove a blob that nobody needs; one that stays is found by the sweep."""
        try:
            await self._blobs.remove(blob_id)
        except Error as error:
            _log.warning("blob left behind", blob_id=blob_id, reason=error.message)


def _download(entry: FileEntry | None) -> Download | None:
    if entry is None or entry.blob is None:
        return None
    return Download(entry.blob, entry.content_type, entry.last_modified_time, entry.filename)


async def _whole(chunks: AsyncIterator[bytes], length: int | None, largest: int) -> AsyncIterator[bytes]:
    """The same chunks. Raises where there is more than may be, or less than was announced."""
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > largest:
            raise PayloadTooLarge(largest)
        yield chunk
    if length is not None and size != length:
        raise InvalidParameter("The body has another length than Content-Length announced; send it again")


def _missing(path: str) -> NotFound:
    return NotFound("There is no such directory" if path.endswith("/") else "There is no such file")
