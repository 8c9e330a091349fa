"""How the tests of a blob store are told: a store for each, short ways to write and to read it back."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from minori.model.file import Blob
from minori.storage.base import BlobReader, BlobStore

PATIENCE = 60.0
"""Seconds after which a story that waits for what never comes has failed."""

MANY = 3 * 1024 * 1024 + 7
"""Bytes of a blob that no driver keeps waiting whole."""

STRANGE = (
    "",
    ".",
    "..",
    "/",
    "a/b",
    "../../etc/passwd",
    "a" * 5000,
    "\0",
    "é",
    "\udcff",
    "A" * 32,
    "0" * 31 + "\n",
    "%s",
)
"""What is no id of any blob."""

Opener = Callable[[], Awaitable[BlobStore]]


class BlobStoreStories(ABC):
    """What the suite asks of a driver: a place for one store."""

    @abstractmethod
    def place(self) -> AbstractContextManager[Opener]:
        """An empty place, removed at the end; calling what it gives opens the store there, again and again."""


S = TypeVar("S", bound=BlobStoreStories)


def place_story(test: Callable[[S, Opener], Coroutine[Any, Any, None]]) -> Callable[[S], None]:
    """A test that pytest calls without arguments; the story opens and closes stores of one place itself."""

    def run(self: S) -> None:
        with self.place() as opener:
            asyncio.run(asyncio.wait_for(test(self, opener), PATIENCE))

    run.__name__ = test.__name__
    run.__doc__ = test.__doc__
    return run


def story(test: Callable[[S, BlobStore], Coroutine[Any, Any, None]]) -> Callable[[S], None]:
    """A test that pytest calls without arguments; the story gets an empty store of its own."""

    async def tell(self: S, opener: Opener) -> None:
        store = await opener()
        try:
            await test(self, store)
        finally:
            await store.close()

    tell.__name__ = test.__name__
    tell.__doc__ = test.__doc__
    return place_story(tell)


async def keep(store: BlobStore, *chunks: bytes) -> Blob:
    """Commit a blob of these chunks."""
    writer = await store.writer()
    for chunk in chunks:
        await writer.write(chunk)
    return await writer.commit()


async def opened(store: BlobStore, blob_id: str) -> BlobReader:
    """The blob, which must be there, open."""
    reader = await store.open(blob_id)
    assert reader is not None, blob_id
    return reader


async def content(store: BlobStore, blob_id: str, stretch: int = 1 << 20) -> bytes:
    """All bytes of a blob that must be there, read a stretch at a time."""
    reader = await opened(store, blob_id)
    found = bytearray()
    while len(found) < reader.size:
        part = await reader.read(len(found), stretch)
        assert 0 < len(part) <= stretch
        found += part
    assert await reader.read(len(found), stretch) == b""
    reader.close()
    return bytes(found)


async def ids(store: BlobStore) -> list[str]:
    """The ids of all blobs that are listed."""
    return [blob.blob_id for blob in await store.blobs("", 1000)]


async def cancelled(call: Coroutine[Any, Any, Any], turns: int) -> bool:
    """Cancel a call after some turns of the loop; whether it was still under way."""
    task = asyncio.ensure_future(call)
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    return task.cancelled()


async def are_listed(store: BlobStore, count: int) -> None:
    """Wait until so many blobs are listed: what others' threads do is seen a little later."""
    for _ in range(10_000):
        if len(await ids(store)) == count:
            return
        await asyncio.sleep(0.001)
    raise AssertionError(await store.blobs("", 1000))
