"""A registry for tests: the real services on a catalog in memory, with two operators and a group each."""

import asyncio
from itertools import count
from typing import Any

from minori.model.registry import Group, Sim
from minori.service.devices import DeviceService, DeviceView
from minori.service.registry import Registry
from minori.service.sims import SimService
from minori.service.views import Views
from minori.storage.base import Catalog, Put
from minori.storage.memory.catalog import MemoryCatalog

MINE, OTHERS = "OP0000000001", "OP0000000002"
MY_GROUP, OTHERS_GROUP = "my-group", "others-group"
BEGIN = 1_700_000_000_000


class House:
    """SIMs and devices of two operators. The clock goes on by one millisecond each time it is read."""

    def __init__(self, catalog: Catalog | None = None) -> None:
        self.catalog = catalog or MemoryCatalog()
        self.registry = Registry()
        self.view = DeviceView()
        self.views = Views(self.catalog, self.registry, self.view)
        ticks = count(BEGIN + 1)
        self.sims = SimService(self.catalog, self.registry, self.views, lambda: next(ticks))
        self.devices = DeviceService(self.catalog, self.view, self.registry, self.views, lambda: next(ticks))

    async def furnish(self, *sims: Sim) -> None:
        """Let there be a group of each operator, and these SIMs."""
        options: dict[str, dict[str, Any]] = {"SoracomHarvest": {"enabled": True, "category": "yard"}}
        mine = Group(MY_GROUP, MINE, {"name": "Yard East"}, options, BEGIN, BEGIN)
        others = Group(OTHERS_GROUP, OTHERS, {"name": "Yard East"}, {}, BEGIN, BEGIN)
        await self.views.apply(Put(mine), Put(others), *[Put(sim) for sim in sims])


def furnished(story: Any, *sims: Sim) -> None:
    """Run a story, a coroutine function, in a house with these SIMs."""

    async def tell() -> None:
        house = House()
        await house.furnish(*sims)
        await story(house)

    asyncio.run(tell())
