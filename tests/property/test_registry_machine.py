"""The registry and the view of devices, told of changes in any order and more than once, against a plain model."""

from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from minori.codec.harvestoptions import read_options
from minori.errors import Refused
from minori.model.registry import Device, Group, Session, Sim
from minori.model.resource import Resource, ResourceType
from minori.service.devices import DeviceView, device_key
from minori.service.registry import Registry, Sender
from minori.storage.base import Noted

OWNERS = ("OP0000000001", "OP0000000002")
NUMBERS = range(4)
NETWORKS = ("0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/30", "10.0.0.1/32", "::/0", "2001:db8::/126", "2001:db8::1/128")
ADDRESSES = ("10.0.0.0", "10.0.0.1", "10.0.0.4", "192.0.2.1", "2001:db8::1", "2001:db8::2", "::1", "nonsense")
OPTIONS: tuple[dict[str, Any], ...] = ({}, {"enabled": True}, {"enabled": False}, {"enabled": True, "category": "c"})
KINDS = (ResourceType.LORA_DEVICE, ResourceType.SIGFOX_DEVICE)

numbers, owners = st.sampled_from(NUMBERS), st.sampled_from(OWNERS)
groups = st.none() | numbers.map("g{}".format)


class Machine(RuleBasedStateMachine):
    """`truth` is what the catalog holds, with owners; `untold` is what the registry has not been told of yet.

    A note has a record as it is when the journal is read, so of one key only the newest is ever told.
    """

    def __init__(self) -> None:
        super().__init__()
        self.registry, self.devices = Registry(), DeviceView()
        self.truth: dict[tuple[type, str], tuple[str, Any]] = {}
        self.untold: list[tuple[type, str]] = []

    @initialize()
    def furnish(self) -> None:
        """Most addresses have a sender from the start, so that there is something to lose."""
        for number in NUMBERS:
            self.put_group(number, OWNERS[0], OPTIONS[1])
            self.put_sim(number, number, OWNERS[0], f"g{number}", "active")
            self.put_session(NETWORKS[number], number)
            self.put_device(number, OWNERS[0], KINDS[0], f"g{number}")
        self.spread(self.untold)

    def change(self, kind: type, key: str, owner: str, record: Any) -> None:
        """Write or remove a record; a SIM takes its IMSI from whoever has it."""
        if kind is Sim and record is not None:
            for other, sim in self.held(Sim):
                if sim.imsi == record.imsi and sim.sim_id != key:
                    self.change(Sim, sim.sim_id, other, None)
        if record is None:
            self.truth.pop((kind, key), None)
        else:
            self.truth[kind, key] = (owner, record)
        self.untold.append((kind, key))

    def held(self, kind: type) -> list[tuple[str, Any]]:
        """Owners and records of one class."""
        return [found for (held, _), found in self.truth.items() if held is kind]

    @rule(number=numbers, imsi=numbers, owner=owners, group=groups, status=st.sampled_from(["active", "suspended"]))
    def put_sim(self, number: int, imsi: int, owner: str, group: str | None, status: str) -> None:
        """A SIM comes or changes, its IMSI and its owner too."""
        sim = Sim(f"s{number}", f"i{imsi}", owner, group, status, {}, 1, 1)
        self.change(Sim, sim.sim_id, owner, sim)

    @precondition(lambda self: self.held(Sim))
    @rule(data=st.data(), owner=st.none() | owners, imsi=st.none() | numbers, group=st.none() | groups)
    def change_sim(self, data: st.DataObject, owner: str | None, imsi: int | None, group: str | None) -> None:
        """A SIM that is there changes in some members."""
        whose, sim = data.draw(st.sampled_from(sorted(self.held(Sim), key=str)))
        whose, name = owner or whose, sim.imsi if imsi is None else f"i{imsi}"
        changed = Sim(sim.sim_id, name, whose, group or sim.group_id, sim.status, {}, 1, 1)
        self.change(Sim, sim.sim_id, whose, changed)

    @rule(number=numbers, owner=owners, options=st.sampled_from(OPTIONS))
    def put_group(self, number: int, owner: str, options: dict[str, Any]) -> None:
        """A group comes or changes."""
        self.change(Group, f"g{number}", owner, Group(f"g{number}", owner, {}, {"SoracomHarvest": options}, 1, 1))

    @rule(network=st.sampled_from(NETWORKS), imsi=numbers)
    def put_session(self, network: str, imsi: int) -> None:
        """A network leads to an IMSI, whether there is a SIM or not."""
        self.change(Session, network, "", Session(network, f"i{imsi}"))

    @rule(number=numbers, owner=owners, kind=st.sampled_from(KINDS), group=groups)
    def put_device(self, number: int, owner: str, kind: ResourceType, group: str | None) -> None:
        """A device comes or changes."""
        key = device_key(owner, kind, f"d{number}")
        self.change(Device, key, owner, Device(key, owner, kind, f"d{number}", group, {}, {}, 1, 1))

    @precondition(lambda self: self.truth)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        """Something goes."""
        kind, key = data.draw(st.sampled_from(sorted(self.truth, key=str)))
        self.change(kind, key, "", None)

    @rule(number=numbers, kind=st.sampled_from([Sim, Group]))
    def remove_what_may_not_be_there(self, number: int, kind: type) -> None:
        """Something goes that may have gone, or never come."""
        self.change(kind, f"{'s' if kind is Sim else 'g'}{number}", "", None)

    @precondition(lambda self: self.untold)
    @rule(data=st.data(), again=st.booleans())
    def tell(self, data: st.DataObject, *, again: bool) -> None:
        """All that is untold is told in some order, and some of it again."""
        order = data.draw(st.permutations(self.untold))
        self.spread([*order, *(order[:2] if again else [])])

    def spread(self, keys: list[tuple[type, str]]) -> None:
        """Tell what became of these keys, in this order."""
        for kind, key in keys:
            found = self.truth.get((kind, key))
            noted = Noted(kind, key, None if found is None else found[1])
            (self.devices if kind is Device else self.registry).take(noted)
        self.untold = []

    @rule(address=st.sampled_from(ADDRESSES))
    def ask(self, address: str) -> None:
        """Somebody sends, also between a change and the word of it; what is remembered must not outlive that."""
        self.told(address)

    def told(self, address: str) -> Sender | None:
        """Who the registry says is at an address."""
        try:
            return self.registry.sender(address)
        except Refused:
            return None

    @invariant()
    def agrees(self) -> None:
        """Once everything is told, the registry answers as whoever looks at everything there is."""
        if self.untold:
            return
        for address in ADDRESSES:
            assert self.told(address) == self.sender(address), address
        for owner in OWNERS:
            self.lists_agree(owner)
        for number in NUMBERS:
            members = [sim for _, sim in self.held(Sim) if sim.group_id == f"g{number}"]
            assert self.registry.sims_of_group(f"g{number}") == sorted(members, key=lambda sim: sim.imsi)

    def lists_agree(self, owner: str) -> None:
        """Pages and counts of one owner."""
        sims = [sim for whose, sim in self.held(Sim) if whose == owner]
        by_imsi, by_id = sorted(sims, key=lambda sim: sim.imsi), sorted(sims, key=lambda sim: sim.sim_id)
        assert self.registry.sims(owner) == by_imsi
        assert self.registry.sims_by_id(owner) == by_id
        assert self.registry.sims(owner, "i1", 2) == [sim for sim in by_imsi if sim.imsi > "i1"][:2]
        assert self.registry.sims_by_id(owner, "s0", 1) == [sim for sim in by_id if sim.sim_id > "s0"][:1]
        mine = sorted((one for whose, one in self.held(Group) if whose == owner), key=lambda one: one.group_id)
        assert self.registry.groups(owner, lambda _: True, "", 9) == mine
        assert (
            self.registry.groups(owner, lambda one: one.group_id != "g1", "g0", 1)
            == [one for one in mine if one.group_id in ("g2", "g3")][:1]
        )
        known = {sim.imsi: sim for sim in sims}
        sessions = sorted((one for _, one in self.held(Session) if one.imsi in known), key=lambda one: one.network)
        assert self.registry.sessions(owner, "", 9) == [(one, known[one.imsi]) for one in sessions]
        for kind in KINDS:
            devices = [one for whose, one in self.held(Device) if whose == owner and one.type == kind]
            devices.sort(key=lambda one: one.device_id)
            assert self.devices.count(owner, kind) == len(devices)
            assert self.devices.devices(owner, kind, None, "", 9) == devices
            assert (
                self.devices.devices(owner, kind, None, "d1", 1) == [one for one in devices if one.device_id > "d1"][:1]
            )

    def sender(self, address: str) -> Sender | None:
        """Who is at an address, found by looking at every session, SIM and group."""
        try:
            parsed = ip_address(address)
        except ValueError:
            return None
        holding = [one for _, one in self.held(Session) if parsed in ip_network(one.network)]
        if not holding:
            return None
        imsi = max(holding, key=lambda one: ip_network(one.network).prefixlen).imsi
        for owner, sim in self.held(Sim):
            group = self.truth.get((Group, sim.group_id or ""))
            if sim.imsi != imsi or sim.status != "active" or group is None:
                continue
            options = group[1].configuration["SoracomHarvest"]
            if options.get("enabled"):
                return Sender(Resource(owner, ResourceType.SUBSCRIBER, imsi), read_options(group[1].configuration))
        return None


def test_the_registry_is_what_it_was_told_in_whatever_order() -> None:
    run_state_machine_as_test(Machine, settings=settings(max_examples=60, stateful_step_count=25, deadline=None))


@pytest.mark.slow
def test_the_registry_is_what_it_was_told_in_whatever_order_for_long() -> None:
    run_state_machine_as_test(Machine, settings=settings(max_examples=1000, stateful_step_count=60, deadline=None))
