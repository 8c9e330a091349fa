"""The rules of groups: whose they are, what their options may be, and what becomes of those that are in one."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from minori.codec.device import NewDevice
from minori.codec.group import CONFIGURATION_BYTES, NAME_CHARACTERS
from minori.codec.registration import Registration
from minori.codec.session import SimReference
from minori.codec.tags import NAME_CHARACTERS as TAG_NAME
from minori.codec.tags import TAGS
from minori.codec.tags import VALUE_CHARACTERS as TAG_VALUE
from minori.errors import Error, InvalidParameter, LimitReached, NoGroup, NotFound
from minori.model.registry import Device, Group, Sim
from minori.model.resource import ResourceType
from minori.model.selection import TagFilter
from minori.service import groups as groups_module
from minori.service.sims import SimName
from minori.storage.base import Change, Put, Remove
from minori.storage.memory.catalog import MemoryCatalog
from registered import BEGIN, MINE, MY_GROUP, OTHERS, OTHERS_GROUP, House, furnished, furnished_on_disk, refused

HARVEST = "SoracomHarvest"
FIRST = {HARVEST: {"enabled": True, "category": "yard"}}
"""What the group is furnished with."""
IMSI = "001010000000001"
LORA = (ResourceType.LORA_DEVICE, "l1")
ONE = Sim("8981100000000000001", IMSI, MINE, MY_GROUP, "active", {}, BEGIN, BEGIN)


async def kept(house: House) -> Group:
    """The group as catalog and registry have it, both the same."""
    group = house.groups.get(MINE, MY_GROUP)
    assert await house.catalog.get(Group, MY_GROUP) == group
    return group


def test_a_new_group_is_in_the_catalog_and_in_the_registry_with_an_id_of_its_own() -> None:
    async def story(house: House) -> None:
        made = [await house.groups.create(MINE, {"name": "one"}, FIRST) for _ in range(2)]
        assert made[0].group_id != made[1].group_id
        for group in made:
            assert (group.tags, group.configuration) == ({"name": "one"}, FIRST)
            assert group.created_time == group.last_modified_time > BEGIN
            assert house.groups.get(MINE, group.group_id) == group == await house.catalog.get(Group, group.group_id)

    furnished(story)


def test_another_operators_group_is_not_there() -> None:
    async def story(house: House) -> None:
        groups = house.groups
        with pytest.raises(NotFound):
            groups.get(OTHERS, MY_GROUP)
        for call in (
            groups.delete(OTHERS, MY_GROUP),
            groups.put_options(OTHERS, MY_GROUP, HARVEST, {"enabled": False}),
            groups.delete_namespace(OTHERS, MY_GROUP, HARVEST),
            groups.delete_option(OTHERS, MY_GROUP, HARVEST, "enabled"),
            groups.put_tags(OTHERS, MY_GROUP, {"a": "b"}),
            groups.delete_tag(OTHERS, MY_GROUP, "name"),
        ):
            assert await refused(call, NotFound) == "There is no group with this id"
        assert [group.group_id for group in groups.page(OTHERS, None, "", 10)] == [OTHERS_GROUP]
        assert (await kept(house)).last_modified_time == BEGIN

    furnished(story)


def test_putting_options_replaces_those_named_and_keeps_all_others() -> None:
    async def story(house: House) -> None:
        await house.groups.put_options(MINE, MY_GROUP, "SoracomBeam", {"a": {"x": 1, "y": 2}, "b": None})
        put = await house.groups.put_options(MINE, MY_GROUP, "SoracomBeam", {"a": {"x": 3}, "c": []})
        assert put.configuration == FIRST | {"SoracomBeam": {"a": {"x": 3}, "b": None, "c": []}}
        assert put == await kept(house)
        await house.groups.put_options(MINE, MY_GROUP, HARVEST, {"enabled": False})
        assert (await kept(house)).configuration[HARVEST] == {"enabled": False, "category": "yard"}

    furnished(story)


def test_putting_no_option_makes_the_namespace() -> None:
    async def story(house: House) -> None:
        assert (await house.groups.put_options(MINE, MY_GROUP, "Own", {})).configuration == FIRST | {"Own": {}}

    furnished(story)


def test_a_change_is_dated_and_never_backwards() -> None:
    async def story(house: House) -> None:
        later = BEGIN + 1_000_000
        await house.views.apply(Put(replace(house.groups.get(MINE, MY_GROUP), last_modified_time=later)))
        put = await house.groups.put_tags(MINE, MY_GROUP, {"a": "b"})
        assert (put.created_time, put.last_modified_time) == (BEGIN, later)
        made = await house.groups.create(MINE, {}, {})
        changed = await house.groups.put_tags(MINE, made.group_id, {"a": "b"})
        assert changed.last_modified_time > changed.created_time == made.created_time

    furnished(story)


def test_the_options_of_a_group_have_8_kilobytes_together_and_not_one_byte_more() -> None:
    async def story(house: House) -> None:
        frame = len('{"SoracomHarvest":{"enabled":true,"category":"yard"},"Own":{"k":""}}')
        room = CONFIGURATION_BYTES - frame
        # Two bytes each in UTF-8: bytes count, not characters.
        text = "é" * (room // 2) + "x" * (room % 2)
        full = await house.groups.put_options(MINE, MY_GROUP, "Own", {"k": text})
        for namespace, options in (("Own", {"k": text + "x"}), ("Own", {"l": 1}), ("More", {})):
            call = house.groups.put_options(MINE, MY_GROUP, namespace, options)
            assert "8192" in await refused(call, InvalidParameter)
        assert await kept(house) == full
        await house.groups.put_options(MINE, MY_GROUP, "Own", {"k": text[:-1]})

    furnished(story)


@pytest.mark.parametrize(
    ("namespace", "options"),
    [
        (HARVEST, {"enabled": 1}),
        (HARVEST, {"category": ""}),
        ("SoracomHarvestFiles", {"dataEntryPath": "relative"}),
        ("Own", {"": 1}),
        ("Own", {"k" * (NAME_CHARACTERS + 1): 1}),
        ("Own", {"a\0": 1}),
        ("n" * (NAME_CHARACTERS + 1), {}),
        ("a\0b", {}),
        ("", {}),
    ],
)
def test_options_that_may_not_be_change_nothing(namespace: str, options: dict[str, Any]) -> None:
    async def story(house: House) -> None:
        wanted = {"fine": 1, **options} if namespace else options
        await refused(house.groups.put_options(MINE, MY_GROUP, namespace, wanted), InvalidParameter)
        assert (await kept(house)).configuration == FIRST

    furnished(story)


def test_an_option_is_removed_once_and_its_namespace_stays() -> None:
    async def story(house: House) -> None:
        for key in ("enabled", "category"):
            await house.groups.delete_option(MINE, MY_GROUP, HARVEST, key)
            await refused(house.groups.delete_option(MINE, MY_GROUP, HARVEST, key), NotFound)
        assert (await kept(house)).configuration == {HARVEST: {}}
        await refused(house.groups.delete_option(MINE, MY_GROUP, "Own", "enabled"), NotFound)

    furnished(story)


def test_a_namespace_is_removed_once_and_is_invalid_then() -> None:
    async def story(house: House) -> None:
        await house.groups.put_options(MINE, MY_GROUP, "Own", {"k": 1})
        await house.groups.delete_namespace(MINE, MY_GROUP, HARVEST)
        assert (await kept(house)).configuration == {"Own": {"k": 1}}
        # The definition has 400 here, and 404 for a group alone.
        await refused(house.groups.delete_namespace(MINE, MY_GROUP, HARVEST), InvalidParameter)

    furnished(story)


def test_tags_are_merged_and_removed_one_by_one() -> None:
    async def story(house: House) -> None:
        put = await house.groups.put_tags(MINE, MY_GROUP, {"name": "Yard West", "site": ""})
        assert put.tags == {"name": "Yard West", "site": ""}
        await house.groups.delete_tag(MINE, MY_GROUP, "name")
        assert (await kept(house)).tags == {"site": ""}
        await refused(house.groups.delete_tag(MINE, MY_GROUP, "name"), NotFound)

    furnished(story)


def test_a_group_has_as_many_tags_as_may_be_and_not_one_more() -> None:
    async def story(house: House) -> None:
        full = {"name": "Yard East"} | {f"t{number}": "x" for number in range(TAGS - 1)}
        assert (await house.groups.put_tags(MINE, MY_GROUP, full)).tags == full
        assert "at most" in await refused(house.groups.put_tags(MINE, MY_GROUP, {"more": "x"}), InvalidParameter)
        assert (await house.groups.put_tags(MINE, MY_GROUP, {"t0": "y"})).tags == full | {"t0": "y"}

    furnished(story)


@pytest.mark.parametrize(
    ("tags", "error"),
    [
        ({"n" * TAG_NAME: "v" * TAG_VALUE}, None),
        ({"n" * (TAG_NAME + 1): ""}, InvalidParameter),
        ({"n": "v" * (TAG_VALUE + 1)}, InvalidParameter),
        ({"": "v"}, InvalidParameter),
        ({"n\0": "v"}, InvalidParameter),
        ({"n": "\0"}, InvalidParameter),
    ],
)
def test_names_and_values_of_tags_are_bounded(tags: dict[str, str], error: type[Error] | None) -> None:
    async def story(house: House) -> None:
        call = house.groups.put_tags(MINE, MY_GROUP, tags)
        if error is None:
            assert (await call).tags == {"name": "Yard East"} | tags
        else:
            await refused(call, error)
            assert (await kept(house)).tags == {"name": "Yard East"}

    furnished(story)


def test_groups_are_listed_by_their_ids_and_tags_in_pages() -> None:
    async def story(house: House) -> None:
        made = sorted([(await house.groups.create(MINE, {"site": f"east {n}"}, {})).group_id for n in range(5)])
        wanted = TagFilter("site", "east ", is_prefix=True)
        first = house.groups.page(MINE, wanted, "", 3)
        rest = house.groups.page(MINE, wanted, first[-1].group_id, 3)
        assert [group.group_id for group in [*first, *rest]] == made
        assert house.groups.page(MINE, wanted, rest[-1].group_id, 3) == []
        assert house.groups.page(MINE, TagFilter("site", "east ", is_prefix=False), "", 3) == []

    furnished(story)


def test_there_are_no_more_groups_of_one_operator_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups_module, "GROUPS", 3)

    async def story(house: House) -> None:
        for _ in range(2):
            await house.groups.create(MINE, {}, {})
        assert "delete some" in await refused(house.groups.create(MINE, {}, {}), LimitReached)
        await house.groups.create(OTHERS, {}, {})
        await house.groups.delete(MINE, MY_GROUP)
        await house.groups.create(MINE, {}, {})

    furnished(story)


def test_what_was_in_a_removed_group_is_in_none_and_stays() -> None:
    async def story(house: House) -> None:
        await house.sessions.put(MINE, "10.1.0.1", SimReference(imsi=IMSI))
        device = await house.devices.register(MINE, *LORA, Registration(MY_GROUP))
        assert house.registry.sender("10.1.0.1").options.category == "yard"
        await house.groups.delete(MINE, MY_GROUP)
        with pytest.raises(NotFound):
            house.groups.get(MINE, MY_GROUP)
        sim, left = await house.catalog.get(Sim, ONE.sim_id), await house.catalog.get(Device, device.key)
        assert (sim, left) == (house.sims.get(MINE, SimName.IMSI, IMSI), house.devices.get(MINE, *LORA))
        for one in (sim, left):
            assert one is not None
            assert one.group_id is None
            assert one.last_modified_time > BEGIN
        with pytest.raises(NoGroup):
            house.registry.sender("10.1.0.1")
        assert house.registry.sims_of_group(MY_GROUP) == []

    furnished(story, ONE)


def test_a_group_is_removed_once() -> None:
    async def story(house: House) -> None:
        await house.groups.delete(MINE, MY_GROUP)
        await refused(house.groups.delete(MINE, MY_GROUP), NotFound)
        await refused(house.groups.put_tags(MINE, MY_GROUP, {}), NotFound)
        assert [group.group_id for group in house.groups.page(OTHERS, None, "", 10)] == [OTHERS_GROUP]

    furnished(story)


def test_a_group_with_more_sims_than_leave_at_once_is_removed_with_none_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups_module, "BATCH", 3)
    sims = [Sim(f"sim-{n}", f"00101{n}", MINE, MY_GROUP, "active", {}, BEGIN, BEGIN) for n in range(7)]

    async def story(house: House) -> None:
        await house.groups.delete(MINE, MY_GROUP)
        assert [sim.group_id for sim in await house.catalog.find(Sim)] == [None] * 7

    furnished(story, *sims)


def test_changes_at_once_lose_nothing_of_each_other(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        groups = house.groups
        await asyncio.gather(
            groups.delete_option(MINE, MY_GROUP, HARVEST, "category"),
            groups.put_tags(MINE, MY_GROUP, {"site": "east"}),
            *[groups.put_options(MINE, MY_GROUP, "Own", {key: key}) for key in "abcdef"],
        )
        group = await kept(house)
        assert group.configuration == {HARVEST: {"enabled": True}, "Own": {key: key for key in "abcdef"}}
        assert group.tags == {"name": "Yard East", "site": "east"}

    furnished_on_disk(tmp_path, story)


def test_a_change_builds_on_what_another_process_has_written() -> None:
    async def story(house: House) -> None:
        # The registry does not know of it yet.
        known = house.groups.get(MINE, MY_GROUP)
        await house.catalog.apply(Put(replace(known, tags={"beside": "yes"})))
        assert (await house.groups.put_tags(MINE, MY_GROUP, {"site": "east"})).tags == {"beside": "yes", "site": "east"}

    furnished(story)


class Interrupted(MemoryCatalog):
    """A catalog in which something happens (`meanwhile`) right before the next change that is `awaited`."""

    def __init__(self) -> None:
        super().__init__()
        self.awaited: Callable[[Change], bool] = lambda _: False
        self.meanwhile: Callable[[], Awaitable[object]]

    async def apply(self, *changes: Change) -> None:
        if any(map(self.awaited, changes)):
            self.awaited = lambda _: False
            await self.meanwhile()
        await super().apply(*changes)


async def interrupted() -> tuple[House, Interrupted]:
    catalog = Interrupted()
    house = House(catalog)
    await house.furnish(replace(ONE, group_id=None))
    await house.devices.register(MINE, *LORA, Registration())
    return house, catalog


JOINS: dict[str, Callable[[House], Awaitable[object]]] = {
    "a SIM": lambda house: house.sims.set_group(MINE, SimName.IMSI, IMSI, MY_GROUP),
    "a new SIM": lambda house: house.sims.register(MINE, SimName.IMSI, "440100000000001", Registration(MY_GROUP)),
    "a device": lambda house: house.devices.set_group(MINE, *LORA, MY_GROUP),
    "a new device": lambda house: house.devices.register(MINE, ResourceType.SORA_CAM, "c1", Registration(MY_GROUP)),
    "an Inventory device": lambda house: house.devices.create(MINE, NewDevice(Registration(MY_GROUP), {})),
}


async def groups_of_all(house: House) -> set[str | None]:
    sims, devices = await house.catalog.find(Sim), await house.catalog.find(Device)
    return {sim.group_id for sim in sims} | {device.group_id for device in devices}


@pytest.mark.parametrize("who", JOINS)
def test_nobody_joins_a_group_that_is_removed_right_before(who: str) -> None:
    async def story() -> None:
        house, catalog = await interrupted()
        catalog.awaited = lambda change: isinstance(change.record, (Sim, Device))
        catalog.meanwhile = lambda: house.groups.delete(MINE, MY_GROUP)
        assert await refused(JOINS[who](house), NotFound) == "There is no group with this id"
        assert await groups_of_all(house) == {None}

    asyncio.run(story())


@pytest.mark.parametrize("who", JOINS)
def test_whoever_joins_a_group_right_before_it_is_removed_is_in_none_then(who: str) -> None:
    async def story() -> None:
        house, catalog = await interrupted()
        catalog.awaited = lambda change: isinstance(change, Remove)
        catalog.meanwhile = lambda: JOINS[who](house)
        await house.groups.delete(MINE, MY_GROUP)
        assert await groups_of_all(house) == {None}

    asyncio.run(story())


def test_a_sim_joins_a_group_whose_options_change_right_before() -> None:
    async def story() -> None:
        house, catalog = await interrupted()
        catalog.awaited = lambda change: isinstance(change.record, Sim)
        catalog.meanwhile = lambda: house.groups.put_tags(MINE, MY_GROUP, {"site": "east"})
        assert (await house.sims.set_group(MINE, SimName.IMSI, IMSI, MY_GROUP)).group_id == MY_GROUP
        assert (await kept(house)).tags["site"] == "east"

    asyncio.run(story())
