"""A registry for tests: the real services on a catalog in memory, with two operators and a group each."""

import asyncio
from collections.abc import Awaitable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from minori.errors import Error
from minori.model.registry import Group, Sim
from minori.service.devices import DeviceService, DeviceView
from minori.service.groups import GroupService
from minori.service.registry import Registry
from minori.service.sessions import SessionService
from minori.service.sims import SimService
from minori.service.views import Views
from minori.storage.base import Catalog, Put
from minori.storage.memory.catalog import MemoryCatalog
from minori.storage.sql.catalog import open_catalog

MINE, OTHERS = "OP0000000001", "OP0000000002"
MY_GROUP, OTHERS_GROUP = "my-group", "others-group"
BEGIN = 1_700_000_000_000


class House:
    """Groups, SIMs, sessions and devices of two operators. The clock goes on by a millisecond each time it is read."""

    def __init__(self, catalog: Catalog | None = None) -> None:
        self.catalog = catalog or MemoryCatalog()
        self.registry = Registry()
        self.view = DeviceView()
        self.views = Views(self.catalog, self.registry, self.view)
        ticks = count(BEGIN + 1)
        self.groups = GroupService(self.catalog, self.registry, self.views, lambda: next(ticks))
        self.sessions = SessionService(self.registry, self.views)
        self.sims = SimService(self.catalog, self.registry, self.views, lambda: next(ticks))
        self.devices = DeviceService(self.catalog, self.view, self.registry, self.views, lambda: next(ticks))

    async def furnish(self, *sims: Sim) -> None:
        """Let there be a group of each operator, and these SIMs."""
        options: dict[str, dict[str, Any]] = {"SoracomHarvest": {"enabled": True, "category": "yard"}}
        mine = Group(MY_GROUP, MINE, {"name": "Yard East"}, options, BEGIN, BEGIN)
        others = Group(OTHERS_GROUP, OTHERS, {"name": "Yard East"}, {}, BEGIN, BEGIN)
        await self.views.apply(Put(mine), Put(others), *[Put(sim) for sim in sims])


async def refused(call: Awaitable[object], error: type[Error]) -> str:
    """The message with which a call is refused."""
    with pytest.raises(error) as raised:
        await call
    return raised.value.message


def furnished(story: Any, *sims: Sim) -> None:
    """Run a story, a coroutine function, in a house with these SIMs."""

    async def tell() -> None:
        house = House()
        await house.furnish(*sims)
        await story(house)

    asyncio.run(tell())


def furnished_on_disk(folder: Path, story: Any, *sims: Sim) -> None:
    """The same on a catalog of files, where others come between reading and writing; in memory nothing does."""

    async def tell() -> None:
        catalog = await open_catalog(f"sqlite://{folder}/catalog.sqlite")
        try:
            house = House(catalog)
            await house.furnish(*sims)
            await story(house)
        finally:
            await catalog.close()

    asyncio.run(tell())
