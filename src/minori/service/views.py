"""What a server keeps of the catalog in memory, and how it learns of what was changed there.

The hot path never asks the catalog: it looks into views. A change through this server's own API is in the
views before its answer is sent; a change by another process, such as a command beside the server, is there
within a second. Both go through the journal of the catalog, record by record, so that one change costs the
same whether there are ten SIMs or a hundred thousand. Only where the journal has forgotten what a server has
not seen yet is everything read again, in slices, while the views go on answering.
"""

import asyncio
from collections.abc import Collection
from typing import Protocol

import structlog
from msgspec import Struct

from minori.errors import Error
from minori.model.registry import Record
from minori.storage.base import Catalog, Change, Noted

POLL_SECONDS = 0.5
"""How often the journal is asked (our choice)."""

SLICE = 200
"""Records that are taken in before others have their turn (our choice)."""

_log = structlog.get_logger()


class View(Protocol):
    """A part of the catalog in memory."""

    @property
    def kinds(self) -> Collection[type[Record]]:
        """The classes of record it is made of."""

    def take(self, noted: Noted) -> None:
        """Hold this record as it is now, or no longer. Any order may come, and the same more than once."""

    def keys(self, kind: type[Record]) -> Collection[str]:
        """The keys of the records of one class that it holds."""


class Views:
    """The views of one server. `start` fills them and follows the catalog from there on; `close` ends it."""

    def __init__(self, catalog: Catalog, *views: View) -> None:
        self._catalog = catalog
        self._views = views
        self._sequence: int | None = None
        self._turn = asyncio.Lock()
        self._following: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read everything, and begin to follow. Raises what the catalog does."""
        await self.refresh()
        self._following = asyncio.create_task(self._follow())

    async def close(self) -> None:
        """Follow no more."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)

    async def apply(self, *changes: Change) -> None:
        """Change the catalog as `Catalog.apply` does, and raise as it does; every view knows of it on return."""
        await self._catalog.apply(*changes)
        try:
            await self.refresh()
        except Error as error:
            # It is done, and must not look as if it were not; the next look at the journal makes up for it.
            _log.warning("a change is not in the views yet", reason=error.message)

    async def refresh(self) -> None:
        """Take in what was changed before this call. Raises what the catalog does."""
        async with self._turn:
            more = True
            while more:
                changes = await self._catalog.changes(self._sequence, SLICE)
                if changes.noted is None:
                    await self._read_everything()
                    more = True
                else:
                    for noted in changes.noted:
                        self._take(noted)
                    more = changes.more
                self._sequence = changes.sequence

    async def _follow(self) -> None:
        is_well = True
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                await self.refresh()
            except Error as error:
                if is_well:
                    _log.warning("changes of the catalog cannot be read; trying on", reason=error.message)
                is_well = False
            except Exception:  # noqa: BLE001 - a defect of ours ends this look at the journal, not the next one
                _log.exception("changes of the catalog cannot be taken in")
            else:
                is_well = True

    async def _read_everything(self) -> None:
        """Take in every record, then forget those that were not among them."""
        for kind in {kind: None for view in self._views for kind in view.kinds}:
            seen = set[str]()
            after = None
            while page := await self._catalog.find(kind, after=after, limit=SLICE):
                for record in page:
                    after = _key(record)
                    seen.add(after)
                    self._take(Noted(kind, after, record))
            for view in self._views:
                if kind in view.kinds:
                    await _forget_others(view, kind, seen)

    def _take(self, noted: Noted) -> None:
        for view in self._views:
            if noted.kind in view.kinds:
                view.take(noted)


async def _forget_others(view: View, kind: type[Record], seen: set[str]) -> None:
    gone = [key for key in view.keys(kind) if key not in seen]
    for number, key in enumerate(gone):
        view.take(Noted(kind, key, None))
        if number % SLICE == SLICE - 1:
            await asyncio.sleep(0)


def _key(record: Struct) -> str:
    key: str = getattr(record, record.__struct_fields__[0])
    return key
