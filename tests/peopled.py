"""People for tests: the real services on a catalog in memory, with two operators whose root users have passwords."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from minori.codec.login import KeyLogin, Login, RootLogin, UserLogin
from minori.model.registry import Operator, Principal
from minori.service.access import AccessService, Granted
from minori.service.accounts import Accounts
from minori.service.identities import Identities
from minori.service.passwords import Passwords
from minori.service.people import NewKey, People
from minori.service.views import Views
from minori.storage.base import Catalog, Put
from minori.storage.memory.catalog import MemoryCatalog
from minori.storage.sql.catalog import open_catalog

MINE, OTHERS = "OP0000000001", "OP0000000002"
BEGIN = 1_700_000_000
"""UNIX s at which a house begins."""

ADDRESS = "192.0.2.1"
PASSWORD, OTHER_PASSWORD = "correct horse", "battery staple"
HASH = asyncio.run(Passwords().hash(PASSWORD))
NOTHING = '{"statements":[]}'
ALL = '{"statements":[{"effect":"allow","api":"*"}]}'


class House:
    """The people of two operators. `now`, in UNIX s, goes on when told, and with every wait of who guessed wrong."""

    def __init__(self, catalog: Catalog | None = None) -> None:
        self.now = float(BEGIN)
        self.catalog = catalog or MemoryCatalog()
        self.identities = Identities()
        self.views = Views(self.catalog, self.identities)
        self.people = People(self.identities, self.views, lambda: int(self.now * 1000))
        self.access = AccessService(self.catalog, self.identities, self.views, lambda: self.now, sleep=self._sleep)
        self.accounts = Accounts(self.people, self.access, self.catalog)

    async def _sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)

    async def furnish(self) -> None:
        """Let there be the two operators."""
        await self.access.start()
        made = [
            Operator(operator_id, f"root@{operator_id.lower()}.example", HASH, BEGIN * 1000, seal="seal")
            for operator_id in (MINE, OTHERS)
        ]
        await self.views.apply(*map(Put, made))

    def operator(self, operator_id: str = MINE) -> Operator:
        """One of the operators, as everybody sees it."""
        return self.people.operator(operator_id)

    async def log_in(self, identity: KeyLogin | RootLogin | UserLogin) -> Granted:
        """A login from somewhere, as through the API."""
        return await self.access.log_in(Login(identity), ADDRESS)

    async def with_key(self, key: NewKey) -> Granted:
        """A login with a key."""
        return await self.log_in(KeyLogin(key.auth_key_id, key.auth_key))

    async def as_root(self, password: str = PASSWORD, operator_id: str = MINE) -> Granted:
        """A login of a root user."""
        return await self.log_in(RootLogin(self.operator(operator_id).email, password))

    async def as_user(self, name: str, password: str = PASSWORD) -> Granted:
        """A login of one of the first operator's users."""
        return await self.log_in(UserLogin(MINE, name, password))

    def who(self, granted: Granted) -> Principal:
        """Whose pair that is now. Raises `TokenRejected`."""
        return self.access.authenticate(granted.api_key, granted.token)


def peopled(story: Callable[[House], Any]) -> None:
    """Run a story, a coroutine function, in a house."""

    async def tell() -> None:
        house = House()
        await house.furnish()
        await story(house)

    asyncio.run(tell())


def peopled_on_disk(folder: Path, story: Callable[[House], Any]) -> None:
    """The same on a catalog of files, where others come between reading and writing; in memory nothing does."""

    async def tell() -> None:
        catalog = await open_catalog(f"sqlite://{folder}/catalog.sqlite")
        try:
            house = House(catalog)
            await house.furnish()
            await story(house)
        finally:
            await catalog.close()

    asyncio.run(tell())
