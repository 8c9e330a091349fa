"""The rules of devices that are no SIMs: whose they are, what they are known by, and what may become of them."""

import asyncio
import re
from hashlib import sha256
from pathlib import Path

import pytest
from msgspec.structs import replace

from minori.codec.device import NewDevice
from minori.codec.registration import Registration
from minori.codec.tags import TAGS
from minori.errors import InvalidParameter, LimitReached, NotFound
from minori.model.registry import Device
from minori.model.resource import Resource, ResourceType
from minori.model.selection import TagFilter
from minori.service import devices as devices_module
from minori.service.devices import device_key
from minori.storage.base import Put, Remove
from registered import MINE, MY_GROUP, OTHERS, OTHERS_GROUP, House, furnished, furnished_on_disk, refused

INVENTORY, LORA, SIGFOX, CAMERA = (
    ResourceType.DEVICE,
    ResourceType.LORA_DEVICE,
    ResourceType.SIGFOX_DEVICE,
    ResourceType.SORA_CAM,
)
PLAIN = Registration()
kinds = pytest.mark.parametrize("kind", [LORA, SIGFOX, CAMERA])


async def kept(house: House, kind: ResourceType, device_id: str) -> Device:
    """The device as catalog and view have it, both the same."""
    device = house.devices.get(MINE, kind, device_id)
    assert await house.catalog.get(Device, device_key(MINE, kind, device_id)) == device
    return device


def test_a_new_inventory_device_has_an_id_and_a_key_of_its_own_and_keeps_no_secret() -> None:
    async def story(house: House) -> None:
        wanted = NewDevice(Registration(MY_GROUP, {"name": "pump"}), {"endpoint": "pump-7"})
        (one, pair), (two, other) = [await house.devices.create(MINE, wanted) for _ in range(2)]
        assert re.fullmatch(r"d-[0-9a-z]{20}", one.device_id)
        assert re.fullmatch(r"[A-Za-z0-9]{48}", pair.device_secret)
        assert len({one.device_id, two.device_id, *(pair.device_key_id, other.device_key_id)}) == 4
        assert (one.group_id, one.tags, one.details) == (MY_GROUP, {"name": "pump"}, {"endpoint": "pump-7"})
        shown = await kept(house, INVENTORY, one.device_id)
        assert (shown, shown.device_key_id) == (one, pair.device_key_id)
        assert shown.secret_sha256 == sha256(pair.device_secret.encode()).hexdigest()
        assert pair.device_secret not in repr((one, pair))

    furnished(story)


@kinds
def test_a_device_is_registered_once_an_operator_and_type(kind: ResourceType) -> None:
    async def story(house: House) -> None:
        device = await house.devices.register(MINE, kind, "a/b", Registration(MY_GROUP, {"name": "gate"}))
        assert (device.device_id, device.group_id, device.tags) == ("a/b", MY_GROUP, {"name": "gate"})
        assert "already" in await refused(house.devices.register(MINE, kind, "a/b", PLAIN), InvalidParameter)
        assert await kept(house, kind, "a/b") == device
        other = await house.devices.register(OTHERS, kind, "a/b", PLAIN)
        assert other.group_id is None
        await house.devices.delete(OTHERS, kind, "a/b")
        assert await kept(house, kind, "a/b") == device

    furnished(story)


@pytest.mark.parametrize("group_id", [OTHERS_GROUP, "no-such-group", ""])
def test_a_device_is_in_the_operators_own_groups_alone(group_id: str) -> None:
    async def story(house: House) -> None:
        registration = Registration(group_id)
        for call in (
            house.devices.create(MINE, NewDevice(registration, {})),
            house.devices.register(MINE, LORA, "new", registration),
        ):
            assert "no group" in await refused(call, NotFound)
        await house.devices.register(MINE, LORA, "l1", PLAIN)
        assert "no group" in await refused(house.devices.set_group(MINE, LORA, "l1", group_id), NotFound)
        assert [device.device_id for device in await house.catalog.find(Device)] == ["l1"]

    furnished(story)


def test_a_device_joins_a_group_and_leaves_it_once() -> None:
    async def story(house: House) -> None:
        await house.devices.register(MINE, LORA, "l1", PLAIN)
        joined = await house.devices.set_group(MINE, LORA, "l1", MY_GROUP)
        assert joined == await kept(house, LORA, "l1")
        assert house.devices.category(Resource(MINE, LORA, "l1")) == "yard"
        assert await house.devices.set_group(MINE, LORA, "l1", MY_GROUP) == joined
        assert (await house.devices.unset_group(MINE, LORA, "l1")).group_id is None
        assert house.devices.category(Resource(MINE, LORA, "l1")) is None
        assert "no group" in await refused(house.devices.unset_group(MINE, LORA, "l1"), NotFound)

    furnished(story)


def test_a_device_that_nobody_registered_has_no_category() -> None:
    async def story(house: House) -> None:
        assert house.devices.category(Resource(MINE, CAMERA, "unheard-of")) is None

    furnished(story)


def test_another_operators_device_is_not_there_nor_one_of_another_type() -> None:
    async def story(house: House) -> None:
        devices = house.devices
        await devices.register(MINE, LORA, "l1", Registration(MY_GROUP))
        for whose, kind, group_id in ((OTHERS, LORA, OTHERS_GROUP), (MINE, SIGFOX, MY_GROUP)):
            with pytest.raises(NotFound):
                devices.get(whose, kind, "l1")
            for call in (
                devices.set_group(whose, kind, "l1", group_id),
                devices.unset_group(whose, kind, "l1"),
                devices.put_tags(whose, kind, "l1", {"a": "b"}),
                devices.delete_tag(whose, kind, "l1", "a"),
                devices.delete(whose, kind, "l1"),
            ):
                assert await refused(call, NotFound) == "There is no device with this id"
            assert devices.page(whose, kind, None, "", 10) == []
        assert (await kept(house, LORA, "l1")).group_id == MY_GROUP

    furnished(story)


def test_tags_are_merged_bounded_and_removed_one_by_one() -> None:
    async def story(house: House) -> None:
        await house.devices.register(MINE, LORA, "l1", Registration(None, {"name": "gate"}))
        full = {"name": "shed"} | {f"t{number}": "" for number in range(TAGS - 1)}
        assert (await house.devices.put_tags(MINE, LORA, "l1", full)).tags == full
        await refused(house.devices.put_tags(MINE, LORA, "l1", {"more": ""}), InvalidParameter)
        await house.devices.delete_tag(MINE, LORA, "l1", "name")
        await refused(house.devices.delete_tag(MINE, LORA, "l1", "name"), NotFound)
        assert "name" not in (await kept(house, LORA, "l1")).tags

    furnished(story)


def test_a_change_is_dated_unless_nothing_changes() -> None:
    async def story(house: House) -> None:
        made = await house.devices.register(MINE, LORA, "l1", Registration(None, {"name": "gate"}))
        assert await house.devices.put_tags(MINE, LORA, "l1", {"name": "gate"}) == made
        changed = await house.devices.put_tags(MINE, LORA, "l1", {"name": "shed"})
        assert changed.last_modified_time > changed.created_time == made.created_time

    furnished(story)


def test_a_device_is_removed_once_and_may_be_registered_anew() -> None:
    async def story(house: House) -> None:
        await house.devices.register(MINE, LORA, "l1", Registration(MY_GROUP, {"name": "gate"}))
        await house.devices.delete(MINE, LORA, "l1")
        await refused(house.devices.delete(MINE, LORA, "l1"), NotFound)
        with pytest.raises(NotFound):
            house.devices.get(MINE, LORA, "l1")
        again = await house.devices.register(MINE, LORA, "l1", PLAIN)
        assert (again.group_id, again.tags) == (None, {})

    furnished(story)


def test_devices_of_a_type_are_listed_by_id_and_tag_in_pages() -> None:
    async def story(house: House) -> None:
        for number in range(12):
            await house.devices.register(MINE, LORA, f"l{number}", Registration(None, {"site": f"east {number % 2}"}))
        await house.devices.register(MINE, SIGFOX, "s1", PLAIN)
        await house.devices.register(OTHERS, LORA, "l0", PLAIN)
        for wanted, expected in (
            (None, range(12)),
            (TagFilter("site", "east", is_prefix=True), range(12)),
            (TagFilter("site", "east 1", is_prefix=False), range(1, 12, 2)),
        ):
            seen: list[str] = []
            while page := house.devices.page(MINE, LORA, wanted, seen[-1] if seen else "", 5):
                seen += [device.device_id for device in page]
            assert seen == sorted(f"l{number}" for number in expected)

    furnished(story)


def test_there_are_no_more_devices_of_one_operator_and_type_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices_module, "DEVICES", 2)

    async def story(house: House) -> None:
        for number in range(2):
            await house.devices.register(MINE, LORA, f"l{number}", PLAIN)
            await house.devices.create(MINE, NewDevice(PLAIN, {}))
        await refused(house.devices.register(MINE, LORA, "l2", PLAIN), LimitReached)
        await refused(house.devices.create(MINE, NewDevice(PLAIN, {})), LimitReached)
        for whose, kind in ((OTHERS, LORA), (MINE, SIGFOX)):
            await house.devices.register(whose, kind, "l2", PLAIN)
        await house.devices.delete(MINE, LORA, "l0")
        await house.devices.register(MINE, LORA, "l2", PLAIN)

    furnished(story)


def test_what_another_process_writes_and_removes_is_followed() -> None:
    async def story(house: House) -> None:
        device = await house.devices.register(MINE, LORA, "l1", PLAIN)
        await house.catalog.apply(Put(replace(device, tags={"beside": "yes"})))
        assert (await house.devices.put_tags(MINE, LORA, "l1", {"a": "b"})).tags == {"beside": "yes", "a": "b"}
        await house.catalog.apply(Remove(device))
        await refused(house.devices.put_tags(MINE, LORA, "l1", {"a": "c"}), NotFound)
        await house.views.refresh()
        assert (house.devices.page(MINE, LORA, None, "", 10), house.view.count(MINE, LORA)) == ([], 0)

    furnished(story)


def test_changes_at_once_lose_nothing_of_each_other(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        await house.devices.register(MINE, LORA, "l1", PLAIN)
        outcomes = await asyncio.gather(
            house.devices.set_group(MINE, LORA, "l1", MY_GROUP),
            *[house.devices.put_tags(MINE, LORA, "l1", {tag: tag}) for tag in "abcdef"],
            *[house.devices.register(MINE, LORA, "l2", PLAIN) for _ in range(3)],
            return_exceptions=True,
        )
        device = await kept(house, LORA, "l1")
        assert (device.group_id, device.tags) == (MY_GROUP, {tag: tag for tag in "abcdef"})
        assert sorted(type(outcome).__name__ for outcome in outcomes[-3:]) == [
            "Device",
            "InvalidParameter",
            "InvalidParameter",
        ]

    furnished_on_disk(tmp_path, story)
