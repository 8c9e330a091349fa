"""The seam of the bytes of files: `BlobStore`, with its readers and writers."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from minori.model.file import Blob, StoredBlob


class BlobWriter(ABC):
    """Takes the bytes of one blob in. Exactly one of `commit` and `discard` ends it; `discard` may follow anything."""

    @abstractmethod
    async def write(self, chunk: bytes) -> None:
        """Add bytes; hashed on the way. Returns when more may come (back-pressure).

        Raises `errors.StorageFull` if the disk is full, `errors.StoreFailed` if it refuses; then only
        `discard` is left.
        """

    @abstractmethod
    async def commit(self) -> Blob:
        """Make the blob durable under its id, its name too, and say what it holds. Raises as `write` does."""

    @abstractmethod
    async def discard(self) -> None:
        """Free what was taken. Does nothing after `commit` or a first `discard`. Raises nothing."""


class BlobReader(ABC):
    """An open blob: it can be read to its end even if it is removed meanwhile. `size` is in bytes.

    `descriptor` is a file descriptor whose bytes at an offset are the blob's, for sendfile; `None` where
    the driver has none.
    """

    size: int
    descriptor: int | None

    @abstractmethod
    async def read(self, offset: int, count: int) -> bytes:
        """At most `count` bytes from `offset` on, at least one before the end. Raises `errors.StoreFailed`."""

    @abstractmethod
    def close(self) -> None:
        """Let go of it. Twice does no harm."""


class BlobStore(ABC):
    """Bytes under opaque ids. The store makes the ids: lower-case letters and digits, never a user's path.

    A blob never changes. Nothing tells whose it is; whoever commits one and does not enter it anywhere
    leaves an orphan, which a sweep removes. Every call may raise `errors.Overloaded` where the system is short
    of descriptors; a writer has then failed.
    """

    @property
    @abstractmethod
    def failure(self) -> str | None:
        """Why nothing is confirmed any more, a sentence; it never goes away by itself. `None` while all is well."""

    @abstractmethod
    async def writer(self) -> BlobWriter:
        """Begin a blob. Raises `errors.StorageFull` and `errors.StoreFailed`."""

    @abstractmethod
    async def open(self, blob_id: str) -> BlobReader | None:
        """Open a finished blob, or `None` where there is none. Any text may be asked for."""

    @abstractmethod
    async def remove(self, blob_id: str) -> bool:
        """Remove a blob, finished or not; true if there was one. Any text may be asked for.

        What a writer of this store has not ended is left alone: false. Raises `errors.StoreFailed`. A removal
        may be undone by a power failure.
        """

    @abstractmethod
    async def blobs(self, after: str, limit: int) -> Sequence[StoredBlob]:
        """Blobs in order of their ids, beyond `after`; those being written now may or may not be among them."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of everything. Readers that are still open stay usable."""
