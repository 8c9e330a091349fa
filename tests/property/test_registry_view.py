"""The registry is what its catalog holds: after any changes, however they reach it, it answers as a naive model."""

import asyncio
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minori.codec.harvestoptions import read_options
from minori.errors import Refused
from minori.model.registry import Group, Session, Sim, SimStatus
from minori.model.resource import Resource, ResourceType
from minori.service import views as views_module
from minori.service.registry import Registry, Sender
from minori.service.views import Views
from minori.storage.base import Change, Changes, Conflict, Put, Remove
from minori.storage.memory.catalog import MemoryCatalog

NUMBERS = st.integers(0, 3)
NETWORKS = ("10.0.0.0/8", "10.0.0.0/30", "10.0.0.1/32", "10.0.0.2/31", "0.0.0.0/0", "::/0", "2001:db8::/126", "::1/128")
ADDRESSES = ("10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "9.9.9.9", "2001:db8::1", "::1", "fe80::1")
OPTIONS = st.sampled_from([{}, {"enabled": True}, {"enabled": False}, {"enabled": True, "category": "c"}])

SIMS = st.builds(
    lambda number, imsi, operator, group, status: Sim(
        f"s{number}", f"i{imsi}", f"OP{operator}", None if group is None else f"g{group}", status, {}, 1, 1
    ),
    NUMBERS,
    NUMBERS,
    st.integers(0, 1),
    st.none() | NUMBERS,
    st.sampled_from([SimStatus.ACTIVE, SimStatus.READY, SimStatus.INACTIVE, SimStatus.TERMINATED]),
)
GROUPS = st.builds(
    lambda number, operator, options: Group(f"g{number}", f"OP{operator}", {}, {"SoracomHarvest": options}, 1, 1),
    NUMBERS,
    st.integers(0, 1),
    OPTIONS,
)
SESSIONS = st.builds(lambda network, imsi: Session(network, f"i{imsi}"), st.sampled_from(NETWORKS), NUMBERS)
RECORDS = SIMS | GROUPS | SESSIONS
CHANGES = st.lists(st.builds(Put, RECORDS) | st.builds(Remove, RECORDS), min_size=1, max_size=4)
STEPS = st.lists(st.tuples(CHANGES, st.booleans()), max_size=15)
"""Transactions, and whether the registry looks behind each."""


class ForgetfulCatalog(MemoryCatalog):
    """A catalog whose journal knows nothing every so often."""

    def __init__(self, every: int) -> None:
        super().__init__()
        self._every = every
        self._asked = 0

    async def changes(self, after: int | None, limit: int) -> Changes:
        self._asked += 1
        forgets = self._every and self._asked % self._every == 0
        return await super().changes(None if forgets else after, limit)


async def naive(catalog: MemoryCatalog, address: str) -> Sender | None:
    """Who is at an address, found by looking at everything there is."""
    sims, groups = await catalog.find(Sim), await catalog.find(Group)
    parsed = ip_address(address)
    holding = [
        one
        for one in await catalog.find(Session)
        if ip_network(one.network).version == parsed.version and parsed in ip_network(one.network)
    ]
    if not holding:
        return None
    longest = max(holding, key=lambda one: ip_network(one.network).prefixlen)
    for sim in sims:
        if sim.imsi != longest.imsi or sim.status not in (SimStatus.ACTIVE, SimStatus.READY):
            continue
        for group in groups:
            options = group.configuration["SoracomHarvest"]
            if group.group_id == sim.group_id and options.get("enabled"):
                return Sender(
                    Resource(sim.account, ResourceType.SUBSCRIBER, sim.imsi), read_options(group.configuration)
                )
    return None


def told(registry: Registry, address: str) -> Sender | None:
    try:
        return registry.sender(address)
    except Refused:
        return None


async def agree(registry: Registry, catalog: MemoryCatalog) -> None:
    for address in ADDRESSES:
        assert told(registry, address) == await naive(catalog, address), address
    sims = await catalog.find(Sim)
    for operator in ("OP0", "OP1"):
        mine = sorted((sim for sim in sims if sim.account == operator), key=lambda sim: sim.imsi)
        assert registry.sims(operator) == mine
        assert registry.sims(operator, "i1", 1) == [sim for sim in mine if sim.imsi > "i1"][:1]
        groups = [one for one in await catalog.find(Group) if one.account == operator]
        assert registry.groups(operator, lambda _: True, "", 100) == groups
        imsis = {sim.imsi: sim for sim in mine}
        sessions = [(one, imsis[one.imsi]) for one in await catalog.find(Session) if one.imsi in imsis]
        assert registry.sessions(operator, "", 100) == sessions
        for network in map(ip_network, NETWORKS):
            others = [
                one
                for one in await catalog.find(Session)
                if ip_network(one.network).version == network.version
                and any(sim.imsi == one.imsi and sim.account != operator for sim in sims)
            ]
            assert registry.others_at(operator, network) == any(network.overlaps(_network(one)) for one in others)
    for number in range(4):
        assert registry.sims_of_group(f"g{number}") == sorted(
            (sim for sim in sims if sim.group_id == f"g{number}"), key=lambda sim: sim.imsi
        )


def _network(session: Session) -> Any:
    return ip_network(session.network)


@pytest.fixture(autouse=True, scope="module")
def small_slices() -> Iterator[None]:
    """Let even a few records be more than one slice."""
    kept = views_module.SLICE
    views_module.SLICE = 3
    yield
    views_module.SLICE = kept


@given(STEPS, st.sampled_from([0, 2, 3, 5]))
def test_after_any_changes_the_registry_is_what_the_catalog_holds(
    steps: list[tuple[list[Change], bool]], every: int
) -> None:
    async def story() -> None:
        catalog, registry = ForgetfulCatalog(every), Registry()
        views = Views(catalog, registry)
        for changes, looks in steps:
            try:
                await catalog.apply(*changes)
            except Conflict:
                continue
            if looks:
                await views.refresh()
                await agree(registry, catalog)
        await views.refresh()
        await agree(registry, catalog)

    asyncio.run(story())
