"""How the suites of catalogs tell their tests: each a story of one empty catalog."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

from minori.storage.base import Catalog, Change, Conflict


class CatalogStories(ABC):
    """What a suite is made of. Every story gets an empty catalog on an event loop of its own."""

    @abstractmethod
    def catalog(self) -> AbstractAsyncContextManager[Catalog]:
        """An empty catalog, closed at the end."""


C = TypeVar("C", bound=CatalogStories)


def story(test: Callable[[C, Catalog], Coroutine[Any, Any, None]]) -> Callable[[C], None]:
    """A test that pytest calls without arguments; the story gets a catalog of its own."""

    def run(self: C) -> None:
        async def tell() -> None:
            async with self.catalog() as catalog:
                await test(self, catalog)

        asyncio.run(tell())

    run.__name__ = test.__name__
    run.__doc__ = test.__doc__
    return run


async def is_refused(catalog: Catalog, *changes: Change) -> bool:
    """Whether these changes conflict with what is there; if not, they are made."""
    try:
        await catalog.apply(*changes)
    except Conflict:
        return True
    return False
