"""The blob store on files."""

import asyncio
import os
from asyncio import CancelledError, Future
from collections.abc import Sequence
from pathlib import Path

from minori.errors import SettingsInvalid
from minori.model.file import StoredBlob
from minori.storage.base import BlobReader, BlobStore, BlobWriter
from minori.storage.filesystem.disk import Disk
from minori.storage.filesystem.folders import Folders, is_id, new_id
from minori.storage.filesystem.reader import FileBlobReader
from minori.storage.filesystem.upload import Upload
from minori.storage.filesystem.writer import FileBlobWriter


async def open_blobs(url: str) -> BlobStore:
    """The store in `file:///absolute/folder`, made if absent; the path is taken as it is, unescaped.

    Raises `SettingsInvalid` for another URL, `DataDirectoryBroken` for a folder that cannot be used.
    """
    scheme, _, path = url.partition("://")
    if scheme != "file" or not path.startswith("/"):
        raise SettingsInvalid(f"{scheme}: is no blob store of files; write file:///absolute/folder")
    return FileBlobStore(Folders(Path(path)), Disk())


class FileBlobStore(BlobStore):
    """See `storage.base.BlobStore`; `folders` says where blobs lie, `Upload` how they become durable.

    The first write or sync that is refused for anything but room stops every writer until a restart.
    Reading and removing go on. `Overloaded` is raised where the system has no descriptor left.
    """

    def __init__(self, folders: Folders, disk: Disk) -> None:
        self._folders = folders
        self._disk = disk
        self._writers = set[FileBlobWriter]()

    @property
    def failure(self) -> str | None:
        """The disk's."""
        return self._disk.failure

    async def writer(self) -> BlobWriter:
        """Touches no disk yet: a small blob is made, written and named in one turn of a thread."""
        self._disk.check()
        return FileBlobWriter(Upload(self._folders, new_id()), self._disk, self._writers)

    async def open(self, blob_id: str) -> BlobReader | None:
        """See `BlobStore.open`; raises `StoreFailed` if the disk refuses."""
        if not is_id(blob_id):
            return None
        opening = self._disk.look(self._folders.open, blob_id)
        try:
            opened = await asyncio.shield(opening)
        except CancelledError:
            opening.add_done_callback(_close)
            raise
        return None if opened is None else FileBlobReader(self._disk, *opened)

    async def remove(self, blob_id: str) -> bool:
        """See `BlobStore.remove`; a blob that is being written now is left alone. Raises `StoreFailed`."""
        return is_id(blob_id) and await asyncio.shield(self._disk.remove(self._folders.remove, blob_id))

    async def blobs(self, after: str, limit: int) -> Sequence[StoredBlob]:
        """See `BlobStore.blobs`; a page is short only at the end. Unfinished ones are of other runs, mostly dead."""
        return await asyncio.shield(self._disk.look(self._folders.listing, after, limit))

    async def close(self) -> None:
        """Discards what is being written and waits for every thread; what is being committed is."""
        await asyncio.gather(*(writer.discard() for writer in list(self._writers) if not writer.is_finishing))
        await self._disk.idle()
        self._disk.close()
        self._folders.close()


def _close(opening: "Future[tuple[int, int] | None]") -> None:
    """Let go of a file that nobody waits for any more."""
    if not opening.exception() and (opened := opening.result()):
        os.close(opened[0])
