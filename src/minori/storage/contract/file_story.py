"""How the tests of a file index are told: an index for each, short ways to write to it and to read it back."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

from minori.errors import Error
from minori.model.file import Blob, FileEntry, FilePage, FileWrite, Placed
from minori.storage.base import FileIndex

OWNER = "OP0000000001"
NOW = 1_700_000_000_000
ALL = 10_000
"""A page that holds whatever a story wrote."""

PATIENCE = 60.0
"""Seconds after which a story that waits for what never comes has failed."""


class FileIndexStories(ABC):
    """What a suite asks of a driver: an empty index for each story."""

    @abstractmethod
    def index(self) -> AbstractAsyncContextManager[FileIndex]:
        """An empty index, closed at the end."""


S = TypeVar("S", bound=FileIndexStories)


def story(test: Callable[[S, FileIndex], Coroutine[Any, Any, None]]) -> Callable[[S], None]:
    """A test that pytest calls without arguments; the story gets an index of its own."""

    def run(self: S) -> None:
        async def tell() -> None:
            async with self.index() as index:
                await asyncio.wait_for(test(self, index), PATIENCE)

        asyncio.run(tell())

    run.__name__ = test.__name__
    run.__doc__ = test.__doc__
    return run


def blob(blob_id: str) -> Blob:
    """A blob of three bytes."""
    return Blob(blob_id, 3, "900150983cd24fb0d6963f7d28e17f72")


def file(
    path: str, blob_id: str | None = None, owner: str = OWNER, time: int = NOW, expiry: int | None = None
) -> FileEntry:
    """A file as a service would hand it in; unless said, its blob is named after owner and path."""
    return FileEntry(owner, path, time, time, blob(blob_id or f"{owner}:{path}"), "text/plain", expiry)


def directory(path: str, owner: str = OWNER, time: int = NOW) -> FileEntry:
    """A directory as an index returns it."""
    return FileEntry(owner, path, time, time)


async def put(index: FileIndex, *entries: FileEntry, now: int = NOW) -> list[Placed]:
    """Place these files one after the other."""
    return [await index.place(FileWrite(entry), now) for entry in entries]


async def put_paths(index: FileIndex, *paths: str) -> None:
    """Place a file at each of these paths, all at once."""
    await asyncio.gather(*[index.place(FileWrite(file(path)), NOW) for path in paths])


async def everything(index: FileIndex, now: int = NOW, owner: str = OWNER) -> list[FileEntry]:
    """All that an owner has."""
    page = await index.find(owner, "", "", ALL, now)
    assert not page.more
    return list(page.entries)


async def all_paths(index: FileIndex, now: int = NOW, owner: str = OWNER) -> list[str]:
    """The paths of all that an owner has."""
    return [entry.path for entry in await everything(index, now, owner)]


async def found(index: FileIndex, prefix: str, after: str = "", limit: int = ALL) -> list[str]:
    """The paths of one page of `find`."""
    return [entry.path for entry in (await index.find(OWNER, prefix, after, limit, NOW)).entries]


async def listed(index: FileIndex, path: str, after: str = "", limit: int = ALL) -> list[str]:
    """The paths of one page of `children`."""
    return [entry.path for entry in (await index.children(OWNER, path, after, limit, NOW)).entries]


async def walk(ask: Callable[[str, str, str, int, int], Awaitable[FilePage]], place: str, limit: int) -> list[str]:
    """The paths of all pages of `children` or `find`; every page but the last is full."""
    paths: list[str] = []
    while True:
        page = await ask(OWNER, place, paths[-1] if paths else "", limit, NOW)
        paths += [entry.path for entry in page.entries]
        if not page.more:
            assert len(page.entries) <= limit
            return paths
        assert len(page.entries) == limit


async def refusal(call: Awaitable[object]) -> type[Error] | None:
    """The error that a call raises."""
    try:
        await call
    except Error as error:
        return type(error)
    return None
