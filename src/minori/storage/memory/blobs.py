"""Blobs in memory: the words of `storage.base.BlobStore` in as little code as will do."""

import hashlib
import secrets
import time
from collections.abc import Sequence

from minori.model.file import Blob, StoredBlob
from minori.storage.base import BlobReader, BlobStore, BlobWriter


async def open_blobs(_url: str) -> "MemoryBlobStore":
    """An empty store; the URL says no more than that it is in memory."""
    return MemoryBlobStore()


class MemoryBlobStore(BlobStore):
    """Bytes by id, each with the time of its commit in UNIX ms. Nothing unfinished is ever seen."""

    def __init__(self) -> None:
        self._blobs: dict[str, tuple[bytes, int]] = {}

    @property
    def failure(self) -> str | None:
        """Memory never fails."""
        return None

    async def writer(self) -> BlobWriter:
        """See `BlobStore.writer`."""
        return _MemoryBlobWriter(self._blobs)

    async def open(self, blob_id: str) -> BlobReader | None:
        """See `BlobStore.open`."""
        kept = self._blobs.get(blob_id)
        return None if kept is None else _MemoryBlobReader(kept[0])

    async def remove(self, blob_id: str) -> bool:
        """See `BlobStore.remove`."""
        return self._blobs.pop(blob_id, None) is not None

    async def blobs(self, after: str, limit: int) -> Sequence[StoredBlob]:
        """See `BlobStore.blobs`; every id is looked at."""
        chosen = sorted(blob_id for blob_id in self._blobs if blob_id > after)[:limit]
        kept = [(blob_id, *self._blobs[blob_id]) for blob_id in chosen]
        return [StoredBlob(blob_id, len(content), written, finished=True) for blob_id, content, written in kept]

    async def close(self) -> None:
        """Forget everything."""
        self._blobs.clear()


class _MemoryBlobWriter(BlobWriter):
    def __init__(self, blobs: dict[str, tuple[bytes, int]]) -> None:
        self._blobs = blobs
        self._content = bytearray()

    async def write(self, chunk: bytes) -> None:
        self._content += chunk

    async def commit(self) -> Blob:
        blob_id, content = secrets.token_hex(16), bytes(self._content)
        self._blobs[blob_id] = content, time.time_ns() // 1_000_000
        return Blob(blob_id, len(content), hashlib.md5(content, usedforsecurity=False).hexdigest())

    async def discard(self) -> None:
        self._content.clear()


class _MemoryBlobReader(BlobReader):
    descriptor = None

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.size = len(content)

    async def read(self, offset: int, count: int) -> bytes:
        return self._content[offset : offset + count]

    def close(self) -> None:
        """Nothing is held."""
