"""The loop's side of an upload: gathers chunks, hands them to a thread, and takes in the next ones meanwhile."""

import asyncio
from asyncio import Future
from contextlib import suppress
from typing import Any

from minori.errors import Error
from minori.model.file import Blob
from minori.storage.base import BlobWriter
from minori.storage.filesystem.disk import Disk
from minori.storage.filesystem.upload import Upload

GATHERED_BYTES = 1024 * 1024
"""What a writer gathers before it goes to a thread; a smaller blob costs one turn there in all (our choice)."""

LEAST_BYTES = 64 * 1024
"""What it gathers however many others there are (our choice)."""

ALL_BYTES = 64 * 1024 * 1024
"""What all writers may gather together, until each is down to `LEAST_BYTES`; as much again is being written."""


class FileBlobWriter(BlobWriter):
    """See `storage.base.BlobWriter`. At most one step is with a thread; cancelling a caller never stops it."""

    def __init__(self, upload: Upload, disk: Disk, writers: "set[FileBlobWriter]") -> None:
        self._upload = upload
        self._disk = disk
        self._writers = writers
        self._gathered = bytearray()
        self._step: Future[Any] | None = None
        self._is_begun = False
        self.is_finishing = False
        """Whether the last step has begun: the blob may be whole, and its commit may have been heard of."""
        self._has_ended = False
        writers.add(self)

    async def write(self, chunk: bytes) -> None:
        """Waits only while a gathered part is full and the one before it is not yet written."""
        self._check()
        self._gathered += chunk
        share = max(LEAST_BYTES, min(GATHERED_BYTES, ALL_BYTES // len(self._writers)))
        if len(self._gathered) >= share:
            await self._settled()
            self._begin(self._upload.append)

    async def commit(self) -> Blob:
        """One step more, which ends with the sync of the folder."""
        self._check()
        await self._settled()
        self.is_finishing = True
        self._begin(self._upload.finish)
        blob: Blob = await self._settled()
        self._end()
        return blob

    async def discard(self) -> None:
        """Goes on if the caller is cancelled; a step that is with a thread is waited for first."""
        if not self._has_ended:
            self._has_ended = True
            freeing = asyncio.ensure_future(self._free())
            self._disk.keep(freeing)
            await asyncio.shield(freeing)

    async def _free(self) -> None:
        with suppress(Error):
            await self._settled()
        if self._is_begun:
            await self._disk.remove(self._upload.abandon)
        self._end()

    def _check(self) -> None:
        if self.is_finishing or self._has_ended:
            raise ValueError("the writer has ended")
        self._disk.check()

    def _begin(self, step: Any) -> None:
        gathered, self._gathered = self._gathered, bytearray()
        self._is_begun = True
        self._step = self._disk.upload(step, gathered)

    async def _settled(self) -> Any:
        """What the step with the thread gave, once it is over; its error, now and every time again."""
        if self._step is None:
            return None
        result = await asyncio.shield(self._step)
        self._step = None
        return result

    def _end(self) -> None:
        self._has_ended = True
        self._writers.discard(self)
