"""An open blob as a file: read on a thread, or sent by whoever takes its descriptor."""

import asyncio
import os
from asyncio import Future

from minori.errors import StoreFailed
from minori.storage.base import BlobReader
from minori.storage.filesystem.disk import Disk


class FileBlobReader(BlobReader):
    """See `storage.base.BlobReader`. The descriptor stays open while a thread reads from it."""

    def __init__(self, disk: Disk, descriptor: int, size: int) -> None:
        self.size = size
        self.descriptor: int | None = descriptor
        self._file = descriptor
        self._disk = disk
        self._readings = 0

    async def read(self, offset: int, count: int) -> bytes:
        """Raises `StoreFailed` too if the file has become shorter."""
        if self.descriptor is None:
            raise ValueError("the blob is closed")
        reading = self._disk.look(os.pread, self._file, count, offset)
        self._readings += 1
        reading.add_done_callback(self._has_read)
        data = await asyncio.shield(reading)
        if not data and count and offset < self.size:
            raise StoreFailed(f"A file has fewer than its {self.size} bytes; restore it from a backup")
        return data

    def close(self) -> None:
        """The file is closed once no thread reads from it."""
        if self.descriptor is not None:
            self.descriptor = None
            if not self._readings:
                self._let_go()

    def _has_read(self, _reading: "Future[bytes]") -> None:
        self._readings -= 1
        if self.descriptor is None and not self._readings:
            self._let_go()

    def _let_go(self) -> None:
        if os.fstat(self._file).st_nlink:
            os.close(self._file)
        else:
            # The last one to close a removed file frees its space, which takes the longer the larger it is.
            _ = self._disk.look(os.close, self._file)
