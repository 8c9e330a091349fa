"""Who stands behind a source address, and what the group says about it, without asking the catalog.

The registry keeps the groups, SIMs and sessions of the catalog as one frozen view in memory and
answers the hot path from it.
"""

import ipaddress
from collections.abc import Iterable
from typing import Any, TypeVar

from msgspec import Struct

from minori.errors import FilesDisabled, Forbidden, HarvestDisabled, NoGroup, UnknownSender
from minori.model.file import ROOT
from minori.model.registry import Group, Session, Sim
from minori.model.resource import Resource, ResourceType
from minori.storage.base import Catalog

HARVEST = "SoracomHarvest"
"""The namespace of a group's Harvest Data options (documented)."""

FILES = "SoracomHarvestFiles"
"""The namespace of a group's Harvest Files options (documented)."""

REMEMBERED = 100_000
"""How many source addresses are remembered with their sender before the memory is emptied (our choice)."""

Networks = list[tuple[int, dict[int, str]]]
"""The networks of one family of addresses, the longest first: a mask, and the IMSI of each network that has it."""


S = TypeVar("S")


class Sender(Struct, frozen=True):
    """A SIM that may store: its resource, and the category of its group if that has one."""

    resource: Resource
    category: str | None


class FileSender(Struct, frozen=True):
    """A SIM that may send and fetch files, and what its group says about them.

    `default_path` is the text of the group, unchecked (documented). A file in the directory `entry_path`,
    which ends in a slash, or below it becomes a data entry of `category` too; where it is `None` no file
    does (our keys `dataEntryEnabled` and `dataEntryPath`).
    """

    resource: Resource
    default_path: str | None
    entry_path: str | None
    category: str | None


class _View(Struct, frozen=True):
    sims_by_imsi: dict[str, Sim]
    sims_by_id: dict[str, Sim]
    groups: dict[str, Group]
    networks: dict[int, Networks]


class Registry:
    """The senders and SIMs of one server. Call `refresh` before use and after every change of the catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._view = _View({}, {}, {}, _longest_first([]))
        self._senders: dict[str, Sender] = {}
        self._file_senders: dict[str, FileSender] = {}

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
        self._file_senders = {}

    def sender(self, address: str) -> Sender:
        """The SIM whose session covers `address` (text of an IP address); the longest match wins.

        Raises `UnknownSender`, `NoGroup` or `HarvestDisabled`, Harvest's own refusals.
        """
        known = self._senders.get(address)
        if known is None:
            known = _sender(*self._who(address))
            _remember(self._senders, address, known)
        return known

    def file_sender(self, address: str) -> FileSender:
        """The SIM at `address`, as `sender` finds it, if its group has enabled Harvest Files.

        Harvest Data need not be enabled. Raises `UnknownSender`, `NoGroup`, `FilesDisabled`, and
        `Forbidden` where the group names a role, since no role can be looked up yet.
        """
        known = self._file_senders.get(address)
        if known is None:
            known = _file_sender(*self._who(address))
            _remember(self._file_senders, address, known)
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

    def _who(self, address: str) -> tuple[Sim, Group]:
        imsi = self._imsi(address)
        sim = self._view.sims_by_imsi.get(imsi) if imsi is not None else None
        if sim is None:
            raise UnknownSender(address)
        group = self._view.groups.get(sim.group_id) if sim.group_id is not None else None
        if group is None:
            raise NoGroup(sim.imsi)
        return sim, group

    def _imsi(self, address: str) -> str | None:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return None
        number = int(parsed)
        for mask, imsis in self._view.networks[parsed.version]:
            imsi = imsis.get(number & mask)
            if imsi is not None:
                return imsi
        return None


def _sender(sim: Sim, group: Group) -> Sender:
    options = group.configuration.get(HARVEST, {})
    if options.get("enabled") is not True:
        raise HarvestDisabled
    return Sender(_resource(sim), _category(group))


def _file_sender(sim: Sim, group: Group) -> FileSender:
    options = group.configuration.get(FILES, {})
    if options.get("enabled") is not True:
        raise FilesDisabled
    if options.get("assumedRoleId") is not None:
        raise Forbidden(
            "The group's Harvest Files options name a role, and roles cannot be used yet; remove assumedRoleId"
        )
    default_path = options.get("defaultPath")
    return FileSender(
        _resource(sim), default_path if isinstance(default_path, str) else None, _entry_path(options), _category(group)
    )


def _resource(sim: Sim) -> Resource:
    return Resource(sim.operator_id, ResourceType.SUBSCRIBER, sim.imsi)


def _category(group: Group) -> str | None:
    """The category of what the group's SIMs send: text that is not empty, without NUL."""
    value = group.configuration.get(HARVEST, {}).get("category")
    return value if isinstance(value, str) and value != "" and "\0" not in value else None


def _entry_path(options: dict[str, Any]) -> str | None:
    """The directory whose files become data entries; the root where the group names none."""
    path = options.get("dataEntryPath", ROOT)
    if options.get("dataEntryEnabled") is not True or not isinstance(path, str) or not path.startswith(ROOT):
        return None
    return path.rstrip("/") + "/"


def _remember(senders: dict[str, S], address: str, sender: S) -> None:
    if len(senders) >= REMEMBERED:
        senders.clear()
    senders[address] = sender


def _longest_first(sessions: Iterable[Session]) -> dict[int, Networks]:
    """The networks of sessions, by the version of IP."""
    masks: dict[int, dict[int, dict[int, str]]] = {4: {}, 6: {}}
    for session in sessions:
        network = ipaddress.ip_network(session.network)
        masks[network.version].setdefault(int(network.netmask), {})[int(network.network_address)] = session.imsi
    # The longer a network, the larger the number of its mask.
    return {version: sorted(by_mask.items(), reverse=True) for version, by_mask in masks.items()}
