"""Who stands behind a source address, and what the group says about it, without asking the catalog.

The registry keeps the groups, SIMs and sessions of the catalog as one frozen view in memory and
answers the hot path from it.
"""

import ipaddress
from collections.abc import Iterable
from typing import TypeGuard

from msgspec import Struct

from minori.errors import HarvestDisabled, NoGroup, UnknownSender
from minori.model.registry import Group, Session, Sim
from minori.model.resource import Resource, ResourceType
from minori.storage.base import Catalog

HARVEST = "SoracomHarvest"
"""The namespace of a group's Harvest Data options (documented)."""

REMEMBERED = 100_000
"""How many source addresses are remembered with their sender before the memory is emptied (our choice)."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Sender(Struct, frozen=True):
    """A SIM that may store: its resource, and the category of its group if that has one."""

    resource: Resource
    category: str | None


class _View(Struct, frozen=True):
    sims_by_imsi: dict[str, Sim]
    sims_by_id: dict[str, Sim]
    groups: dict[str, Group]
    networks: list[tuple[Network, str]]


class Registry:
    """The senders and SIMs of one server. Call `refresh` before use and after every change of the catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._view = _View({}, {}, {}, [])
        self._senders: dict[str, Sender] = {}

    async def refresh(self) -> None:
        """Take in the catalog's groups, SIMs and sessions as they are now."""
        sims = await self._catalog.find(Sim)
        groups = await self._catalog.find(Group)
        sessions = await self._catalog.find(Session)
        self._view = _View(
            {sim.imsi: sim for sim in sims},
            {sim.sim_id: sim for sim in sims},
            {group.group_id: group for group in groups},
            _longest_first(sessions),
        )
        self._senders = {}

    def sender(self, address: str) -> Sender:
        """The SIM whose session covers `address` (text of an IP address); the longest match wins.

        Raises `UnknownSender`, `NoGroup` or `HarvestDisabled`, Harvest's own refusals.
        """
        known = self._senders.get(address)
        if known is None:
            known = self._resolve(address)
            if len(self._senders) >= REMEMBERED:
                self._senders.clear()
            self._senders[address] = known
        return known

    def sim(self, operator_id: str, sim_id: str) -> Sim | None:
        """The SIM with this id, if it is the operator's."""
        sim = self._view.sims_by_id.get(sim_id)
        return sim if sim is not None and sim.operator_id == operator_id else None

    def sim_by_imsi(self, operator_id: str, imsi: str) -> Sim | None:
        """The SIM with this IMSI, if it is the operator's."""
        sim = self._view.sims_by_imsi.get(imsi)
        return sim if sim is not None and sim.operator_id == operator_id else None

    def sims(self, operator_id: str, after_imsi: str = "", limit: int = 100) -> list[Sim]:
        """The operator's SIMs in order of IMSI, beyond `after_imsi`."""
        mine = (sim for sim in self._view.sims_by_imsi.values() if sim.operator_id == operator_id)
        return sorted((sim for sim in mine if sim.imsi > after_imsi), key=lambda sim: sim.imsi)[:limit]

    def _resolve(self, address: str) -> Sender:
        imsi = self._imsi(address)
        sim = self._view.sims_by_imsi.get(imsi) if imsi is not None else None
        if sim is None:
            raise UnknownSender(address)
        if sim.group_id is None:
            raise NoGroup(sim.imsi)
        group = self._view.groups.get(sim.group_id)
        if group is None:
            raise NoGroup(sim.imsi)
        options = group.configuration.get(HARVEST, {})
        if options.get("enabled") is not True:
            raise HarvestDisabled
        category = options.get("category")
        resource = Resource(sim.operator_id, ResourceType.SUBSCRIBER, sim.imsi)
        return Sender(resource, category if _is_category(category) else None)

    def _imsi(self, address: str) -> str | None:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return None
        return next((imsi for network, imsi in self._view.networks if parsed in network), None)


def _is_category(value: object) -> TypeGuard[str]:
    """Whether an option's value can be a category: text that is not empty, without NUL."""
    return isinstance(value, str) and value != "" and "\0" not in value


def _longest_first(sessions: Iterable[Session]) -> list[tuple[Network, str]]:
    networks = [(ipaddress.ip_network(session.network), session.imsi) for session in sessions]
    return sorted(networks, key=lambda pair: pair[0].prefixlen, reverse=True)
