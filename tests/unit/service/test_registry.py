"""Who stands behind a source address, by the sessions, SIMs and groups of a real catalog."""

import asyncio
from ipaddress import ip_network
from typing import Any

import pytest

from minori.codec.harvestoptions import HarvestOptions
from minori.errors import FilesDisabled, HarvestDisabled, NoGroup, UnknownSender
from minori.model.registry import Group, Session, Sim
from minori.model.resource import Resource, ResourceType
from minori.service import registry as registry_module
from minori.service.registry import FileSender, Registry, Sender
from minori.service.views import Views
from minori.storage.base import Noted, Put, Remove
from minori.storage.memory.catalog import MemoryCatalog

OPERATOR = "OP0000000001"
ON = {"SoracomHarvest": {"enabled": True}}


def sim(imsi: str, group_id: str | None = "on", operator_id: str = OPERATOR) -> Sim:
    return Sim(f"sim-{imsi}", imsi, operator_id, group_id, "active", {}, 1, 1)


def group(group_id: str, configuration: dict[str, dict[str, Any]]) -> Group:
    return Group(group_id, OPERATOR, {}, configuration, 1, 1)


def sender(imsi: str, category: str | None = None, operator_id: str = OPERATOR) -> Sender:
    return Sender(Resource(operator_id, ResourceType.SUBSCRIBER, imsi), HarvestOptions(enabled=True, category=category))


class House:
    """A registry on a catalog with these records, and a group `on` that has enabled Harvest Data."""

    def __init__(self, *records: Group | Session | Sim) -> None:
        self.catalog = MemoryCatalog()
        self.registry = Registry()
        self.views = Views(self.catalog, self.registry)
        self.change(group("on", ON), *records)

    def change(self, *records: Group | Session | Sim) -> None:
        async def change() -> None:
            await self.catalog.apply(*[Put(record) for record in records])
            await self.views.refresh()

        asyncio.run(change())

    def sender(self, address: str) -> Sender:
        return self.registry.sender(address)


def house_of(*networks: str) -> House:
    """Each network has a SIM whose IMSI is the network's name."""
    return House(*[sim(network) for network in networks], *[Session(network, network) for network in networks])


def test_a_session_maps_an_address_to_its_sim() -> None:
    house = House(sim("001"), Session("192.0.2.7/32", "001"))
    assert house.sender("192.0.2.7") == sender("001")


def test_the_longest_match_wins() -> None:
    house = house_of("10.0.0.0/8", "10.1.2.0/24", "10.1.0.0/16", "10.1.2.3/32", "0.0.0.0/0")
    found = [
        house.sender(address).resource.id for address in ("10.1.2.3", "10.1.2.4", "10.1.3.4", "10.2.3.4", "9.9.9.9")
    ]
    assert found == ["10.1.2.3/32", "10.1.2.0/24", "10.1.0.0/16", "10.0.0.0/8", "0.0.0.0/0"]


def test_an_ipv6_address_has_its_session() -> None:
    house = house_of("2001:db8::/32", "2001:db8:1::/48", "::1/128")
    found = [
        house.sender(address).resource.id for address in ("2001:db8::1", "2001:DB8:1:0::9", "::1", "0:0:0:0:0:0:0:1")
    ]
    assert found == ["2001:db8::/32", "2001:db8:1::/48", "::1/128", "::1/128"]


def test_of_nested_networks_the_longest_wins_whatever_their_order() -> None:
    networks = [f"10.1.2.3/{bits}" for bits in range(33)]
    nested = [str(ip_network(network, strict=False)) for network in networks]
    for order in (nested, nested[::-1]):
        house = house_of(*order)
        assert house.sender("10.1.2.3").resource.id == "10.1.2.3/32"
        assert house.sender("10.1.2.2").resource.id == "10.1.2.2/31"
        assert house.sender("10.1.3.0").resource.id == "10.1.2.0/23"
        assert house.sender("192.0.2.1").resource.id == "0.0.0.0/0"


def test_among_hundreds_of_sessions_each_address_has_its_own() -> None:
    networks = [f"10.0.{number >> 8}.{number & 255}/32" for number in range(300)]
    networks += [f"2001:db8::{number:x}/128" for number in range(300)]
    house = house_of(*networks)
    assert all(house.sender(network.partition("/")[0]).resource.id == network for network in networks)
    with pytest.raises(UnknownSender):
        house.sender("10.0.200.0")


def test_a_network_of_one_family_says_nothing_of_the_other() -> None:
    house = house_of("::/0")
    with pytest.raises(UnknownSender):
        house.sender("127.0.0.1")


@pytest.mark.parametrize("address", ["192.0.2.8", "::2", "nonsense", ""])
def test_an_address_without_a_session_is_refused(address: str) -> None:
    house = house_of("192.0.2.7/32", "::1/128")
    with pytest.raises(UnknownSender) as refused:
        house.sender(address)
    assert refused.value.message == f"No SIM is known for {address}"


def test_a_session_of_a_sim_that_is_gone_is_refused() -> None:
    house = House(Session("127.0.0.0/8", "001"))
    with pytest.raises(UnknownSender, match=r"^No SIM is known for 127\.0\.0\.1$"):
        house.sender("127.0.0.1")


@pytest.mark.parametrize("group_id", [None, "gone"])
def test_a_sim_in_no_group_is_refused_in_harvests_own_words(group_id: str | None) -> None:
    house = House(sim("440100000000001", group_id), Session("127.0.0.0/8", "440100000000001"))
    with pytest.raises(NoGroup) as refused:
        house.sender("127.0.0.1")
    assert refused.value.message == "No group ID is specified: 440100000000001"


@pytest.mark.parametrize(
    "configuration",
    [
        {},
        {"SoracomHarvest": {}},
        {"SoracomHarvest": {"enabled": False}},
        {"SoracomHarvest": {"enabled": "true"}},
        {"SoracomHarvest": {"enabled": 1}},
        {"SoracomBeam": {"enabled": True}},
    ],
)
def test_a_group_without_harvest_is_refused_in_harvests_own_words(configuration: dict[str, dict[str, Any]]) -> None:
    house = House(group("off", configuration), sim("001", "off"), Session("127.0.0.0/8", "001"))
    with pytest.raises(HarvestDisabled) as refused:
        house.sender("127.0.0.1")
    assert refused.value.message == "Configuration for SORACOM Harvest is not found"


@pytest.mark.parametrize(("said", "category"), [("plant", "plant"), ("", None), (7, None), (None, None)])
def test_the_category_is_the_groups_if_it_is_a_name(said: Any, category: str | None) -> None:
    options = {"SoracomHarvest": {"enabled": True, "category": said}}
    house = House(group("g", options), sim("001", "g"), Session("127.0.0.0/8", "001"))
    assert house.sender("127.0.0.1") == sender("001", category)


def files(**options: Any) -> dict[str, dict[str, Any]]:
    """The configuration of a group that has enabled Harvest Files alone, with further options of it."""
    return {"SoracomHarvestFiles": {"enabled": True, **options}}


def file_house(configuration: dict[str, dict[str, Any]]) -> House:
    return House(group("g", configuration), sim("001", "g"), Session("127.0.0.0/8", "001"))


def test_files_need_not_data_and_data_need_not_files() -> None:
    resource = Resource(OPERATOR, ResourceType.SUBSCRIBER, "001")
    house = file_house(files())
    assert house.registry.file_sender("127.0.0.1") == FileSender(resource, None, None, None, None, "127.0.0.1")
    with pytest.raises(HarvestDisabled):
        house.sender("127.0.0.1")
    house = file_house(ON)
    assert house.sender("127.0.0.1") == sender("001")
    with pytest.raises(FilesDisabled):
        house.registry.file_sender("127.0.0.1")


@pytest.mark.parametrize("configuration", [{}, {"SoracomHarvestFiles": {}}, files(enabled=1), files(enabled="true")])
def test_a_group_without_files_is_refused_in_harvests_own_words(configuration: dict[str, dict[str, Any]]) -> None:
    with pytest.raises(FilesDisabled) as refused:
        file_house(configuration).registry.file_sender("127.0.0.1")
    assert refused.value.message == "Harvest files is disabled. Please set { enabled: true }"


def test_a_sender_of_files_is_refused_as_one_of_data_where_nobody_knows_it() -> None:
    house = House(sim("001", None), Session("127.0.0.0/8", "001"))
    with pytest.raises(NoGroup, match=r"^No group ID is specified: 001$"):
        house.registry.file_sender("127.0.0.1")
    with pytest.raises(UnknownSender, match=r"^No SIM is known for 192\.0\.2\.1$"):
        house.registry.file_sender("192.0.2.1")


@pytest.mark.parametrize(
    ("said", "role"), [("role01", "role01"), ("", ""), (0, ""), (False, ""), ([], ""), (None, None)]
)
def test_the_role_is_the_groups_and_one_that_is_no_text_is_no_role_there_is(said: Any, role: str | None) -> None:
    assert file_house(files(assumedRoleId=said)).registry.file_sender("127.0.0.1").role_id == role


@pytest.mark.parametrize(("said", "path"), [("/a/:time", "/a/:time"), ("a", "a"), ("", ""), (None, None), (7, None)])
def test_the_default_path_is_the_groups_if_it_is_text(said: Any, path: str | None) -> None:
    assert file_house(files(defaultPath=said)).registry.file_sender("127.0.0.1").default_path == path


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"dataEntryEnabled": True}, "/"),
        ({"dataEntryEnabled": True, "dataEntryPath": "/"}, "/"),
        ({"dataEntryEnabled": True, "dataEntryPath": "/images"}, "/images/"),
        ({"dataEntryEnabled": True, "dataEntryPath": "/images/"}, "/images/"),
        ({"dataEntryEnabled": True, "dataEntryPath": "images"}, None),
        ({"dataEntryEnabled": True, "dataEntryPath": 7}, None),
        ({"dataEntryEnabled": 1}, None),
        ({"dataEntryEnabled": False, "dataEntryPath": "/images"}, None),
        ({"dataEntryPath": "/images"}, None),
    ],
)
def test_the_directory_whose_files_become_entries_ends_in_a_slash(options: dict[str, Any], path: str | None) -> None:
    assert file_house(files(**options)).registry.file_sender("127.0.0.1").entry_path == path


def test_a_sender_of_files_has_the_category_of_its_group() -> None:
    house = file_house({**files(), "SoracomHarvest": {"category": "plant"}})
    assert house.registry.file_sender("127.0.0.1").category == "plant"


def test_what_a_group_says_of_files_counts_from_the_next_refresh_on() -> None:
    house = file_house(files())
    assert house.registry.file_sender("127.0.0.1").default_path is None
    house.change(group("g", files(defaultPath="/a")))
    assert house.registry.file_sender("127.0.0.1").default_path == "/a"
    house.change(group("g", files(assumedRoleId="role01")))
    assert house.registry.file_sender("127.0.0.1").role_id == "role01"


def test_a_change_of_the_catalog_counts_from_the_next_refresh_on() -> None:
    house = House(sim("001"), sim("002"), Session("127.0.0.0/8", "001"))
    assert house.sender("127.0.0.1") == sender("001")
    house.change(Session("127.0.0.1/32", "002"), group("on", {"SoracomHarvest": {"enabled": True, "category": "c"}}))
    assert house.sender("127.0.0.1") == sender("002", "c")


def test_a_sender_that_was_refused_is_let_in_after_a_refresh() -> None:
    house = House(sim("001", None), Session("127.0.0.0/8", "001"))
    with pytest.raises(NoGroup):
        house.sender("127.0.0.1")
    house.change(sim("001"))
    assert house.sender("127.0.0.1") == sender("001")


def test_a_sender_is_refused_after_its_session_ended() -> None:
    house = House(sim("001"), Session("127.0.0.0/8", "001"))
    assert house.sender("127.0.0.1") == sender("001")
    asyncio.run(house.catalog.apply(Remove(Session("127.0.0.0/8", "001"))))
    house.change()
    with pytest.raises(UnknownSender):
        house.sender("127.0.0.1")


def test_a_registry_knows_nobody_before_its_first_refresh() -> None:
    with pytest.raises(UnknownSender):
        Registry().sender("127.0.0.1")


def test_no_more_addresses_are_remembered_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry_module, "REMEMBERED", 3)
    house = House(sim("001"), Session("127.0.0.0/8", "001"))
    for last in range(10):
        assert house.sender(f"127.0.0.{last}") == sender("001")
        assert len(house.registry._senders) <= 3
    house.change(group("on", ON | files()))
    for last in range(10):
        assert house.registry.file_sender(f"127.0.0.{last}").resource.id == "001"
        assert len(house.registry._file_senders) <= 3


def test_a_sim_is_found_by_its_id_and_by_its_imsi_by_its_operator_alone() -> None:
    mine = sim("001")
    registry = House(mine, sim("002", operator_id="OP2")).registry
    assert registry.sim(OPERATOR, "sim-001") == registry.sim_by_imsi(OPERATOR, "001") == mine
    assert registry.sim(OPERATOR, "sim-002") is None
    assert registry.sim_by_imsi(OPERATOR, "002") is None
    assert registry.sim(OPERATOR, "001") is None
    assert registry.sim_by_imsi(OPERATOR, "sim-001") is None


def test_an_operators_sims_are_listed_by_imsi_in_pages() -> None:
    registry = House(*[sim(imsi) for imsi in ("3", "1", "2", "10")], sim("11", operator_id="OP2")).registry
    assert [found.imsi for found in registry.sims(OPERATOR)] == ["1", "10", "2", "3"]
    assert [found.imsi for found in registry.sims(OPERATOR, "10", 1)] == ["2"]
    assert registry.sims("OP3") == []


def test_a_sim_that_moves_leaves_the_group_it_was_in() -> None:
    house = House(sim("001", "a"), sim("002", "a"))
    house.change(sim("001", "b"))
    house.change(sim("002", None))
    assert [found.imsi for found in house.registry.sims_of_group("b")] == ["001"]
    assert house.registry.sims_of_group("a") == []


def test_a_sim_that_changes_its_imsi_is_known_by_the_new_one_alone() -> None:
    house = House(sim("001"), Session("127.0.0.0/8", "001"))
    renamed = Sim("sim-001", "009", OPERATOR, "on", "active", {}, 1, 2)
    house.change(renamed)
    assert house.registry.sims(OPERATOR) == [renamed]
    assert house.registry.sim_by_imsi(OPERATOR, "001") is None
    with pytest.raises(UnknownSender):
        house.sender("127.0.0.1")


def test_an_imsi_that_went_to_another_sim_is_that_ones_whichever_is_told_first() -> None:
    old, heir = sim("001"), Sim("sim-heir", "001", OPERATOR, "on", "active", {}, 1, 1)
    gone, come = Noted(Sim, old.sim_id, None), Noted(Sim, heir.sim_id, heir)
    for told in ((gone, come), (come, gone)):
        registry = House(old, Session("127.0.0.0/8", "001")).registry
        for noted in told:
            registry.take(noted)
        assert registry.sims(OPERATOR) == registry.sims_of_group("on") == [heir]
        assert registry.sim(OPERATOR, old.sim_id) is None
        assert registry.sender("127.0.0.1") == sender("001")


def test_of_what_sims_have_alike_one_copy_is_held() -> None:
    """A database reads each of them anew."""

    def read_anew(text: str) -> str:
        return "".join(list(text))

    registry = Registry()
    for imsi in ("001", "002"):
        account, status, group_id = map(read_anew, (OPERATOR, "active", "on"))
        one = Sim(f"sim-{imsi}", imsi, account, group_id, status, {}, 1, 1, read_anew("virtual"))
        registry.take(Noted(Sim, one.sim_id, one))
        registry.take(Noted(Session, f"192.0.2.{imsi[-1]}/32", Session(f"192.0.2.{imsi[-1]}/32", read_anew(imsi))))
    first, second = registry.sims(OPERATOR)
    assert first.account is second.account
    assert first.group_id is second.group_id
    assert first.status is second.status
    assert first.type is second.type
    for session, its in registry.sessions(OPERATOR, "", 10):
        assert session.imsi is its.imsi
