"""Who stands behind a source address, and what the group says about it, without asking the catalog.

The registry holds the groups, SIMs and sessions of the catalog in memory, takes in what is changed there
record by record (see `views`), and answers the hot path from what it holds.
"""

import ipaddress
from collections.abc import Callable, Collection
from itertools import islice
from sys import intern
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from minori.codec.harvestoptions import HarvestOptions, read_options
from minori.errors import FilesDisabled, HarvestDisabled, NoGroup, SimInactive, UnknownSender
from minori.model.account import operator_of
from minori.model.file import ROOT
from minori.model.registry import SENDING, Group, Record, Session, Sim
from minori.model.resource import Resource, ResourceType
from minori.service.networks import Network, Networks
from minori.service.shelves import Shelves
from minori.storage.base import Noted

FILES = "SoracomHarvestFiles"
"""The namespace of a group's Harvest Files options (documented)."""

REMEMBERED = 100_000
"""How many source addresses are remembered with their sender before the memory is emptied (our choice)."""

S = TypeVar("S")


class Sender(Struct, frozen=True):
    """Who may store: its resource, and what its group says about its payloads."""

    resource: Resource
    options: HarvestOptions


class FileSender(Struct, frozen=True):
    """A SIM that may send and fetch files, and what its group says about them.

    `default_path` is the text of the group, unchecked (documented). A file in the directory `entry_path`,
    which ends in a slash, or below it becomes a data entry of `category` too; where it is `None` no file
    does (our keys `dataEntryEnabled` and `dataEntryPath`). `role_id` is the role in which the SIM acts: without one
    it may do everything, with one that does not exist, such as an empty id, nothing. `address` is where it sends from.
    """

    resource: Resource
    default_path: str | None
    entry_path: str | None
    category: str | None
    role_id: str | None
    address: str


class Registry:
    """The senders, SIMs, groups and sessions of one server; a view that `views.Views` keeps true."""

    kinds: tuple[type[Record], ...] = (Group, Sim, Session)

    def __init__(self) -> None:
        self._sims: dict[str, Sim] = {}
        self._by_imsi: dict[str, Sim] = {}
        self._groups: dict[str, Group] = {}
        self._options: dict[str, HarvestOptions] = {}
        self._sessions: dict[str, Session] = {}
        self._networks = Networks()
        self._sims_of_account = Shelves()
        self._sim_ids_of_account = Shelves()
        self._sims_of_group = Shelves()
        self._groups_of_account = Shelves()
        self._sessions_of_server = Shelves()
        # A sender counts for the state of the registry it was found in: that is never swept, but goes stale at once.
        self._state = 0
        self._senders: dict[str, tuple[int, Sender]] = {}
        self._file_senders: dict[str, tuple[int, FileSender]] = {}

    def take(self, noted: Noted) -> None:
        """See `views.View`."""
        record = noted.record
        if noted.kind is Sim:
            self._take_sim(noted.key, _sharing(record) if isinstance(record, Sim) else None)
        elif noted.kind is Group:
            self._take_group(noted.key, record if isinstance(record, Group) else None)
        else:
            self._take_session(noted.key, record if isinstance(record, Session) else None)
        self._state += 1

    def keys(self, kind: type[Record]) -> Collection[str]:
        """See `views.View`."""
        held: dict[type[Record], Collection[str]] = {Sim: self._sims, Group: self._groups, Session: self._sessions}
        return held[kind]

    def sender(self, address: str) -> Sender:
        """The SIM whose session covers `address` (text of an IP address); the longest match wins.

        Raises `UnknownSender`, `SimInactive`, `NoGroup` or `HarvestDisabled`.
        """
        known = self._senders.get(address)
        if known is not None and known[0] == self._state:
            return known[1]
        sender = self._sender(*self._who(address))
        _remember(self._senders, address, (self._state, sender))
        return sender

    def file_sender(self, address: str) -> FileSender:
        """The SIM at `address`, as `sender` finds it, if its group has enabled Harvest Files.

        Harvest Data need not be enabled. Raises `UnknownSender`, `SimInactive`, `NoGroup`, `FilesDisabled`.
        """
        known = self._file_senders.get(address)
        if known is not None and known[0] == self._state:
            return known[1]
        sim, group = self._who(address)
        sender = _file_sender(sim, group, self.options(group).category, address)
        _remember(self._file_senders, address, (self._state, sender))
        return sender

    @property
    def state(self) -> int:
        """Another number after every change: what was found before may not be true any more."""
        return self._state

    def resource_at(self, address: str) -> Resource | None:
        """The SIM whose session covers `address`, whether it may store or not."""
        imsi = self._networks.find(address)
        sim = self._by_imsi.get(imsi) if imsi is not None else None
        return None if sim is None else _resource(sim)

    def sender_of(self, sim: Sim) -> Sender:
        """The same for a SIM that is known otherwise. Raises `SimInactive`, `NoGroup` or `HarvestDisabled`."""
        return self._sender(sim, self._group_of(sim))

    def sender_in(self, resource: Resource, group_id: str | None) -> Sender:
        """What is no SIM, in the group it is in. Raises `NoGroup` or `HarvestDisabled`."""
        group = None if group_id is None else self.group(resource.account, group_id)
        if group is None:
            raise NoGroup(resource.id)
        return self._allowed(resource, group)

    def options(self, group: Group) -> HarvestOptions:
        """What a group says about payloads, read once."""
        options = self._options.get(group.group_id)
        if options is None:
            options = self._options[group.group_id] = read_options(group.configuration)
        return options

    def sim(self, account: str, sim_id: str) -> Sim | None:
        """The SIM with this id, if it is the account's."""
        sim = self._sims.get(sim_id)
        return sim if sim is not None and sim.account == account else None

    def sim_by_imsi(self, account: str, imsi: str) -> Sim | None:
        """The SIM with this IMSI, if it is the account's."""
        sim = self._by_imsi.get(imsi)
        return sim if sim is not None and sim.account == account else None

    def sims(self, account: str, after_imsi: str = "", limit: int = 100) -> list[Sim]:
        """The account's SIMs in order of IMSI, beyond `after_imsi`."""
        imsis = self._sims_of_account.beyond(account, after_imsi)
        return [self._by_imsi[imsi] for imsi in islice(imsis, limit)]

    def sims_by_id(self, account: str, after: str = "", limit: int = 100) -> list[Sim]:
        """The account's SIMs in order of SIM id, beyond the SIM id `after`."""
        sim_ids = self._sim_ids_of_account.beyond(account, after)
        return [self._sims[sim_id] for sim_id in islice(sim_ids, limit)]

    def sims_of_group(self, group_id: str, after_imsi: str = "", limit: int = 100) -> list[Sim]:
        """The SIMs in a group in order of IMSI, beyond `after_imsi`."""
        imsis = self._sims_of_group.beyond(group_id, after_imsi)
        return [self._by_imsi[imsi] for imsi in islice(imsis, limit)]

    def group(self, account: str, group_id: str) -> Group | None:
        """The group with this id, if it is the account's."""
        group = self._groups.get(group_id)
        return group if group is not None and group.account == account else None

    def category(self, account: str, group_id: str) -> str | None:
        """The category under which a group keeps entries, if there is such a group of the operator and it has one."""
        group = self.group(account, group_id)
        return None if group is None else self.options(group).category

    def groups(self, account: str, fits: Callable[[Group], bool], after: str, limit: int) -> list[Group]:
        """The account's groups that `fits` says yes to, in order of their ids, beyond the id `after`."""
        groups = (self._groups[group_id] for group_id in self._groups_of_account.beyond(account, after))
        return list(islice(filter(fits, groups), limit))

    def session(self, account: str, network: str) -> tuple[Session, Sim] | None:
        """The session of exactly this network, if its SIM is the account's."""
        session = self._sessions.get(network)
        sim = None if session is None else self.sim_by_imsi(account, session.imsi)
        return None if session is None or sim is None else (session, sim)

    def sessions(self, account: str, after: str, limit: int) -> list[tuple[Session, Sim]]:
        """The sessions of the account's SIMs in order of their networks' text, beyond the network `after`."""
        networks = self._sessions_of_server.beyond("", after)
        mine = (found for network in networks if (found := self.session(account, network)) is not None)
        return list(islice(mine, limit))

    def is_taken(self, account: str, network: str) -> bool:
        """Whether exactly this network leads to a SIM of another operator."""
        session = self._sessions.get(network)
        return session is not None and self._is_foreign(account, session.imsi)

    def others_at(self, account: str, network: Network) -> bool:
        """Whether a SIM of another operator has a session that holds this network, is in it, or is the same."""
        return any(self._is_foreign(account, imsi) for imsi in self._networks.overlapping(network))

    def _is_foreign(self, account: str, imsi: str) -> bool:
        """Whether this is a SIM of another operator; one of the other coverage is his own."""
        sim = self._by_imsi.get(imsi)
        return sim is not None and operator_of(sim.account) != operator_of(account)

    def _who(self, address: str) -> tuple[Sim, Group]:
        imsi = self._networks.find(address)
        sim = self._by_imsi.get(imsi) if imsi is not None else None
        if sim is None:
            raise UnknownSender(address)
        return sim, self._group_of(sim)

    def _group_of(self, sim: Sim) -> Group:
        if sim.status not in SENDING:
            raise SimInactive(sim.imsi, sim.status)
        group = self._groups.get(sim.group_id) if sim.group_id is not None else None
        if group is None:
            raise NoGroup(sim.imsi)
        return group

    def _sender(self, sim: Sim, group: Group) -> Sender:
        return self._allowed(_resource(sim), group)

    def _allowed(self, resource: Resource, group: Group) -> Sender:
        options = self.options(group)
        if not options.enabled:
            raise HarvestDisabled
        return Sender(resource, options)

    def _take_sim(self, sim_id: str, sim: Sim | None) -> None:
        old = self._sims.get(sim_id)
        if sim is not None and old is not None and (old.imsi, old.account) == (sim.imsi, sim.account):
            # Most changes leave a SIM in its place on the shelves, which are long.
            self._sims[sim_id] = self._by_imsi[sim.imsi] = sim
            if old.group_id != sim.group_id:
                self._leave_group(old)
                self._join_group(sim)
            return
        self._drop_sim(old)
        if sim is None:
            return
        # Two SIMs never have one IMSI: whoever had it has lost it, and word of that will come.
        self._drop_sim(self._by_imsi.get(sim.imsi))
        self._sims[sim_id] = self._by_imsi[sim.imsi] = sim
        self._sims_of_account.add(sim.account, sim.imsi)
        self._sim_ids_of_account.add(sim.account, sim_id)
        self._join_group(sim)

    def _drop_sim(self, sim: Sim | None) -> None:
        if sim is None:
            return
        del self._sims[sim.sim_id], self._by_imsi[sim.imsi]
        self._sims_of_account.remove(sim.account, sim.imsi)
        self._sim_ids_of_account.remove(sim.account, sim.sim_id)
        self._leave_group(sim)

    def _join_group(self, sim: Sim) -> None:
        if sim.group_id is not None:
            self._sims_of_group.add(sim.group_id, sim.imsi)

    def _leave_group(self, sim: Sim) -> None:
        if sim.group_id is not None:
            self._sims_of_group.remove(sim.group_id, sim.imsi)

    def _take_group(self, group_id: str, group: Group | None) -> None:
        old = self._groups.pop(group_id, None)
        self._options.pop(group_id, None)
        if old is not None:
            self._groups_of_account.remove(old.account, group_id)
        if group is not None:
            self._groups[group_id] = group
            self._groups_of_account.add(group.account, group_id)

    def _take_session(self, network: str, session: Session | None) -> None:
        parsed = ipaddress.ip_network(network)
        if self._sessions.pop(network, None) is not None:
            self._networks.remove(parsed)
            self._sessions_of_server.remove("", network)
        if session is not None:
            sim = self._by_imsi.get(session.imsi)
            if sim is not None:
                session = replace(session, imsi=sim.imsi)
            self._sessions[network] = session
            self._networks.put(parsed, session.imsi)
            self._sessions_of_server.add("", network)


def _sharing(sim: Sim) -> Sim:
    """The SIM, of whose text that others have too there is one copy: with 100,000 that spares 25 MiB."""
    group_id = None if sim.group_id is None else intern(sim.group_id)
    return replace(
        sim, account=intern(sim.account), group_id=group_id, status=intern(sim.status), type=intern(sim.type)
    )


def _file_sender(sim: Sim, group: Group, category: str | None, address: str) -> FileSender:
    options = group.configuration.get(FILES, {})
    if options.get("enabled") is not True:
        raise FilesDisabled
    default_path = options.get("defaultPath")
    role_id = options.get("assumedRoleId")
    return FileSender(
        _resource(sim),
        default_path if isinstance(default_path, str) else None,
        _entry_path(options),
        category,
        role_id if role_id is None or isinstance(role_id, str) else "",
        address,
    )


def _resource(sim: Sim) -> Resource:
    return Resource(sim.account, ResourceType.SUBSCRIBER, sim.imsi)


def _entry_path(options: dict[str, Any]) -> str | None:
    """The directory whose files become data entries; the root where the group names none."""
    path = options.get("dataEntryPath", ROOT)
    if options.get("dataEntryEnabled") is not True or not isinstance(path, str) or not path.startswith(ROOT):
        return None
    return path.rstrip("/") + "/"


def _remember(senders: dict[str, tuple[int, S]], address: str, sender: tuple[int, S]) -> None:
    if len(senders) >= REMEMBERED:
        senders.clear()
    senders[address] = sender
