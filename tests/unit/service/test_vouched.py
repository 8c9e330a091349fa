"""Senders that somebody vouches for, or that show their secret: each edge of being found."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
from msgspec.structs import replace

from minori.codec.beam import Vouched
from minori.errors import CredentialsWrong, Error, HarvestDisabled, NoGroup, SimInactive, UnknownDevice
from minori.model.account import Coverage, account_of
from minori.model.registry import Device, Group, Sim
from minori.model.resource import Resource, ResourceType
from minori.service.devices import device_key
from minori.service.passwords import sha256_hex
from minori.service.registry import Sender
from minori.service.vouched import VouchedSenders
from minori.storage.base import Put, Remove
from registered import MINE, MY_GROUP, OTHERS, OTHERS_GROUP, House

GLOBAL = account_of(MINE, Coverage.GLOBAL)
IMSI, SIM_ID = "001010000000001", "8981100000000000001"
SIM = Sim(SIM_ID, IMSI, MINE, MY_GROUP, "active", {}, 0, 0)
OTHER_SIM = Sim("8981100000000000002", "001010000000002", MINE, MY_GROUP, "active", {}, 0, 0)
DEVICES = (ResourceType.DEVICE, ResourceType.LORA_DEVICE, ResourceType.SIGFOX_DEVICE, ResourceType.SORA_CAM)
SECRET = "s3cret"

Story = Callable[[House, VouchedSenders], Awaitable[None]]


def tell(story: Story) -> None:
    """A story of two SIMs and a device of each type of one operator."""

    async def told() -> None:
        house = House()
        await house.furnish(SIM, OTHER_SIM)
        await house.views.apply(*[Put(device(kind)) for kind in DEVICES])
        await story(house, VouchedSenders(house.registry, house.view))

    asyncio.run(told())


def device(kind: ResourceType, name: str = "0a", account: str = MINE, group: str | None = MY_GROUP) -> Device:
    key = device_key(account, kind, name)
    return Device(key, account, kind, name, group, {}, {}, 0, 0, secret_sha256=sha256_hex(SECRET))


def vouched(kind: ResourceType, name: str, sim_id: str | None = None) -> Vouched:
    return Vouched(kind, name, sim_id, None, None, (), None)


def refusal(call: Callable[[], object], error: type[Error]) -> str:
    with pytest.raises(error) as raised:
        call()
    return raised.value.message


@pytest.mark.parametrize(
    ("kind", "name"), [(ResourceType.SUBSCRIBER, IMSI), (ResourceType.SIM, SIM_ID), *[(kind, "0a") for kind in DEVICES]]
)
def test_everything_is_found_by_its_name_in_its_own_account_alone(kind: ResourceType, name: str) -> None:
    async def story(_: House, senders: VouchedSenders) -> None:
        sender = senders.named(MINE, kind, name)
        is_sim = kind in (ResourceType.SUBSCRIBER, ResourceType.SIM)
        assert sender.resource == (
            Resource(MINE, ResourceType.SUBSCRIBER, IMSI) if is_sim else Resource(MINE, kind, name)
        )
        assert sender.options.category == "yard"
        for account in (OTHERS, GLOBAL):
            assert name in refusal(partial(senders.named, account, kind, name), UnknownDevice)
        refusal(partial(senders.named, MINE, kind, "nobody"), UnknownDevice)

    tell(story)


def find(senders: VouchedSenders) -> list[Callable[[], Sender]]:
    return [lambda: senders.subscriber(MINE, IMSI), lambda: senders.sim(MINE, SIM_ID)]


@pytest.mark.parametrize("status", ["inactive", "standby", "suspended", "terminated"])
def test_a_sim_that_may_not_send_is_refused(status: str) -> None:
    async def story(house: House, senders: VouchedSenders) -> None:
        await house.views.apply(Put(replace(SIM, status=status)))
        for call in find(senders):
            assert refusal(call, SimInactive) == f"The SIM {IMSI} is {status}"

    tell(story)


@pytest.mark.parametrize("group", [None, "gone", OTHERS_GROUP])
def test_without_a_group_of_its_own_account_nobody_stores(group: str | None) -> None:
    async def story(house: House, senders: VouchedSenders) -> None:
        if group != OTHERS_GROUP:
            # Into another operator's group a SIM cannot come, and the registry need not look.
            await house.views.apply(Put(replace(SIM, group_id=group)))
            for call in find(senders):
                refusal(call, NoGroup)
        for kind in DEVICES:
            await house.views.apply(Put(device(kind, group=group)))
            assert refusal(partial(senders.device, MINE, kind, "0a"), NoGroup) == "No group ID is specified: 0a"

    tell(story)


def test_a_group_that_goes_or_changes_counts_at_once() -> None:
    async def story(house: House, senders: VouchedSenders) -> None:
        disabled = Group(MY_GROUP, MINE, {}, {"SoracomHarvest": {"enabled": False}}, 0, 0)
        await house.views.apply(Put(disabled))
        calls = [*find(senders), lambda: senders.device(MINE, ResourceType.DEVICE, "0a")]
        for call in calls:
            refusal(call, HarvestDisabled)
        await house.views.apply(Remove(disabled))
        for call in calls:
            refusal(call, NoGroup)

    tell(story)


def test_an_imsi_and_a_sim_id_must_be_of_one_sim() -> None:
    async def story(_: House, senders: VouchedSenders) -> None:
        assert senders.vouched(MINE, vouched(ResourceType.SUBSCRIBER, IMSI, SIM_ID)).resource.id == IMSI
        for other in (OTHER_SIM.sim_id, "8981100000000000009"):
            refusal(partial(senders.vouched, MINE, vouched(ResourceType.SUBSCRIBER, IMSI, other)), UnknownDevice)

    tell(story)


@pytest.mark.parametrize("kind", [ResourceType.LORA_DEVICE, ResourceType.SIGFOX_DEVICE])
def test_an_id_in_hexadecimal_is_found_in_either_spelling_and_the_exact_one_first(kind: ResourceType) -> None:
    async def story(house: House, senders: VouchedSenders) -> None:
        assert senders.device(MINE, kind, "0A").resource.id == "0a"
        await house.views.apply(Put(device(kind, "0A")))
        assert senders.device(MINE, kind, "0A").resource.id == "0A"
        assert senders.device(MINE, kind, "0a").resource.id == "0a"
        await house.views.apply(Remove(device(kind, "0a")))
        assert senders.device(MINE, kind, "0a").resource.id == "0A"

    tell(story)


def test_other_ids_are_found_as_they_are_spelled() -> None:
    async def story(_: House, senders: VouchedSenders) -> None:
        for kind in (ResourceType.DEVICE, ResourceType.SORA_CAM):
            refusal(partial(senders.device, MINE, kind, "0A"), UnknownDevice)

    tell(story)


@pytest.mark.parametrize(
    ("kind", "name"), [(ResourceType.SUBSCRIBER, IMSI), (ResourceType.SIM, SIM_ID), *[(kind, "0a") for kind in DEVICES]]
)
def test_of_several_accounts_the_one_that_knows_the_sender_is_meant(kind: ResourceType, name: str) -> None:
    async def story(_: House, senders: VouchedSenders) -> None:
        assert senders.account([OTHERS, GLOBAL, MINE], vouched(kind, name)) == MINE
        assert senders.account([OTHERS, GLOBAL], vouched(kind, name)) == OTHERS
        assert senders.account([GLOBAL, MINE], vouched(kind, "nobody")) == GLOBAL

    tell(story)


def test_an_inventory_device_proves_itself_with_its_secret_alone() -> None:
    async def story(house: House, senders: VouchedSenders) -> None:
        assert senders.publisher("0a", SECRET) == Resource(MINE, ResourceType.DEVICE, "0a")
        said = {refusal(partial(senders.publisher, who, what), CredentialsWrong) for who, what in WRONG}
        assert len(said) == 1
        await house.views.apply(Put(replace(device(ResourceType.DEVICE), secret_sha256=None)))
        for secret in (SECRET, "", "0" * 64):
            refusal(partial(senders.publisher, "0a", secret), CredentialsWrong)
        await house.views.apply(Remove(device(ResourceType.DEVICE)))
        refusal(lambda: senders.publisher("0a", SECRET), CredentialsWrong)

    tell(story)


WRONG = (("0a", "wrong"), ("0a", ""), ("0a", sha256_hex(SECRET)), ("nobody", SECRET), ("0A", SECRET), ("0a", "\ud800"))


def test_the_secret_of_a_device_that_is_not_of_inventory_opens_nothing() -> None:
    async def story(house: House, senders: VouchedSenders) -> None:
        await house.views.apply(Put(device(ResourceType.LORA_DEVICE, "0b")))
        refusal(lambda: senders.publisher("0b", SECRET), CredentialsWrong)

    tell(story)
