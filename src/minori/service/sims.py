"""SIMs of an operator: made, registered, listed, searched, grouped, tagged, and switched on and off.

A SIM has one subscriber, so each is found by its SIM id or by its IMSI. Lists come from the registry, which
holds every SIM in memory. Every change is there when it returns, so that the doors know it at once.
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from enum import Enum

from msgspec.structs import replace

from minori.codec.registration import Registration, checked_imsi, checked_sim_id
from minori.codec.tags import checked_tags
from minori.errors import InvalidParameter, NotFound, Overloaded
from minori.model.registry import Group, Sim, SimStatus
from minori.model.selection import SimFilter, SimPage, SimSearch
from minori.service.groups import GROUPS, joined
from minori.service.registry import Registry
from minori.service.views import Views
from minori.storage.base import Catalog, Conflict, Insert, Replace

TEST_NETWORK = "00101"
"""What the IMSIs begin with that Minori makes: the test network of ITU-T E.212, which no operator has."""

TEST_ISSUER = "8900101"
"""What the SIM ids begin with that Minori makes: as an ICCID, of a country code that there is not (our choice)."""

VIRTUAL_SPEED_CLASS = "arc.standard"
"""The speed class of a virtual SIM (seen in the wild)."""

SLICE = 1000
"""SIMs that are looked at before others have their turn (our choice)."""

SCANNED = 100_000
"""SIMs that are looked at for one page at most. The page is cut there and has a next key (our choice)."""

TRIES = 20
"""How often a change is begun anew because somebody else changed the same SIM meanwhile (our choice)."""


class SimName(Enum):
    """Which field of a SIM it is called by, in a path and in the order of a list."""

    SIM_ID = "sim_id"
    IMSI = "imsi"


Wanted = SimFilter | SimSearch


class SimService:
    """The SIMs of all operators; each sees its own alone. `clock_ms` gives UNIX ms."""

    def __init__(self, catalog: Catalog, registry: Registry, views: Views, clock_ms: Callable[[], int]) -> None:
        self._catalog = catalog
        self._registry = registry
        self._views = views
        self._clock_ms = clock_ms

    def get(self, account: str, by: SimName, name: str) -> Sim:
        """The account's SIM of this name. Raises `NotFound`."""
        sought = self._registry.sim if by is SimName.SIM_ID else self._registry.sim_by_imsi
        return _there(sought(account, name), by)

    async def page(self, account: str, by: SimName, wanted: Wanted, after: str, limit: int) -> SimPage:
        """The account's SIMs that fit, in order of the name, beyond `after`; at most `limit`, and perhaps fewer.

        `next_after` says where to go on.
        """
        read = self._registry.sims_by_id if by is SimName.SIM_ID else self._registry.sims
        found: list[Sim] = []
        for _ in range(SCANNED // SLICE):
            sims = read(account, after, SLICE)
            for sim in filter(wanted.fits, sims):
                if len(found) == limit:
                    return SimPage(found, getattr(found[-1], by.value))
                found.append(sim)
            if len(sims) < SLICE:
                return SimPage(found, None)
            after = getattr(sims[-1], by.value)
            await asyncio.sleep(0)
        return SimPage(found, after)

    def groups_named(self, account: str, texts: tuple[str, ...]) -> frozenset[str]:
        """The ids of the account's groups with one of these ids, or whose names contain one of them."""
        small = [text.lower() for text in texts]

        def fits(group: Group) -> bool:
            name = group.tags.get("name", "").lower()
            return group.group_id in texts or any(text in name for text in small)

        return frozenset(group.group_id for group in self._registry.groups(account, fits, "", GROUPS))

    async def create(self, account: str, subscription: str) -> Sim:
        """A new virtual SIM, active, in no group; its names are out of ranges that no real SIM has."""
        return await self._insert(
            lambda now: Sim(
                new_sim_id(),
                _new_imsi(),
                account,
                None,
                SimStatus.ACTIVE,
                {},
                now,
                now,
                speed_class=VIRTUAL_SPEED_CLASS,
                subscription=subscription,
            )
        )

    async def register(self, account: str, by: SimName, name: str, wanted: Registration) -> Sim:
        """A SIM that exists elsewhere, under its own name, active; its other name is made up.

        Raises `InvalidParameter` for what is no IMSI or SIM id, for one that is registered already, by
        whomever, and for a group that there is not.
        """
        is_imsi = by is SimName.IMSI
        (checked_imsi if is_imsi else checked_sim_id)(name)
        return await self._insert(
            lambda now: Sim(
                new_sim_id() if is_imsi else name,
                name if is_imsi else _new_imsi(),
                account,
                wanted.group_id,
                SimStatus.ACTIVE,
                wanted.tags,
                now,
                now,
                type="uicc",
            ),
            {by.value: name},
        )

    async def set_group(self, account: str, by: SimName, name: str, group_id: str) -> Sim:
        """Put it into a group, out of the one it is in. Raises `NotFound` for a SIM or a group that there is not."""
        return await self._change(account, by, name, lambda sim: replace(sim, group_id=group_id), group_id)

    async def unset_group(self, account: str, by: SimName, name: str) -> Sim:
        """Take it out of its group. Raises `NotFound`, where it is in none too (documented)."""

        def leave(sim: Sim) -> Sim:
            if sim.group_id is None:
                raise NotFound("The SIM is in no group")
            return replace(sim, group_id=None)

        return await self._change(account, by, name, leave)

    async def put_tags(self, account: str, by: SimName, name: str, tags: Mapping[str, str]) -> Sim:
        """Add these tags, and replace those of the same names. Raises `NotFound`, `InvalidParameter` for too many."""
        return await self._change(account, by, name, lambda sim: replace(sim, tags=checked_tags({**sim.tags, **tags})))

    async def delete_tag(self, account: str, by: SimName, name: str, tag: str) -> Sim:
        """Remove a tag. Raises `NotFound`, where there is no such tag too (documented)."""

        def strip(sim: Sim) -> Sim:
            if tag not in sim.tags:
                raise NotFound("The SIM has no tag of this name")
            return replace(sim, tags={key: value for key, value in sim.tags.items() if key != tag})

        return await self._change(account, by, name, strip)

    async def set_status(self, account: str, by: SimName, name: str, status: SimStatus) -> Sim:
        """Switch it on or off. Raises `NotFound`, and `InvalidParameter` once it is terminated or may not be."""

        def switch(sim: Sim) -> Sim:
            if status is SimStatus.TERMINATED and sim.status != status and not sim.termination_enabled:
                raise InvalidParameter("Termination of this SIM is not enabled; call enable_termination first")
            return replace(_alive(sim, status), status=status)

        return await self._change(account, by, name, switch)

    async def enable_termination(self, account: str, by: SimName, name: str, *, enabled: bool) -> Sim:
        """Let it be terminated, or not. Raises `NotFound`, and `InvalidParameter` once it is."""
        return await self._change(account, by, name, lambda sim: replace(_alive(sim), termination_enabled=enabled))

    async def _insert(self, made: Callable[[int], Sim], given: Mapping[str, str] | None = None) -> Sim:
        """Make a SIM, again and again until its names are new; `given` is the one that is not made up."""
        for _ in range(TRIES):
            sim = made(self._clock_ms())
            held = await joined(self._catalog, sim.account, sim.group_id)
            try:
                await self._views.apply(Insert(sim), *held)
            except Conflict:
                if given and await self._catalog.find(Sim, given, limit=1):
                    raise InvalidParameter("A SIM of this name is registered already; names are unique") from None
                continue
            return sim
        raise Overloaded

    async def _change(
        self, account: str, by: SimName, name: str, changed: Callable[[Sim], Sim], group_id: str | None = None
    ) -> Sim:
        """Change a SIM as the catalog has it, whatever others change meanwhile; `group_id` is what it joins."""
        where = {by.value: name, "account": account}
        for _ in range(TRIES):
            held = await joined(self._catalog, account, group_id)
            known = _there(next(iter(await self._catalog.find(Sim, where, limit=1)), None), by)
            sim = changed(known)
            if sim == known:
                return known
            sim = replace(sim, last_modified_time=max(self._clock_ms(), known.last_modified_time))
            try:
                await self._views.apply(Replace(sim, known), *held)
            except Conflict:
                continue
            return sim
        raise Overloaded


def _there(sim: Sim | None, by: SimName) -> Sim:
    if sim is None:
        raise NotFound(f"There is no SIM with this {'IMSI' if by is SimName.IMSI else 'SIM id'}")
    return sim


def _alive(sim: Sim, status: SimStatus | None = None) -> Sim:
    """The SIM, if it may change. Raises `InvalidParameter` once it is terminated, for ever."""
    if sim.status == SimStatus.TERMINATED and status is not SimStatus.TERMINATED:
        raise InvalidParameter("The SIM is terminated, for ever; its data can still be read")
    return sim


def _new_imsi() -> str:
    return f"{TEST_NETWORK}{secrets.randbelow(10**10):010}"


def new_sim_id() -> str:
    """A SIM id that is no real one: nineteen digits, the last one by Luhn, as an ICCID has them."""
    digits = f"{TEST_ISSUER}{secrets.randbelow(10**11):011}"
    return digits + luhn(digits)


def luhn(digits: str) -> str:
    """The check digit behind other digits (ITU-T E.118)."""
    doubled = (int(digit) * (2 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return str(-sum(number - 9 if number > 9 else number for number in doubled) % 10)  # noqa: PLR2004 - a digit
