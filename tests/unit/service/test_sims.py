"""The rules of SIMs: whose they are, what may become of them, and what a change costs the others."""

import asyncio
from collections.abc import Awaitable
from pathlib import Path

import pytest
from msgspec.structs import replace

from minori.codec.registration import Registration
from minori.codec.tags import TAGS
from minori.errors import Error, InvalidParameter, NotFound
from minori.model.registry import SENDING, Sim, SimStatus
from minori.model.selection import SimFilter
from minori.service.sims import TEST_ISSUER, TEST_NETWORK, SimName, luhn
from minori.storage.base import Put
from minori.storage.sql.catalog import open_catalog
from registered import BEGIN, MINE, MY_GROUP, OTHERS, OTHERS_GROUP, House, furnished

IMSI, SIM_ID = "001010000000001", "8981100000000000001"
ONE = Sim(SIM_ID, IMSI, MINE, None, "active", {"name": "pump"}, BEGIN, BEGIN)
NAMES = [(SimName.SIM_ID, SIM_ID), (SimName.IMSI, IMSI)]

named = pytest.mark.parametrize(("by", "name"), NAMES)


async def refused(call: Awaitable[object], error: type[Error]) -> str:
    with pytest.raises(error) as raised:
        await call
    return raised.value.message


def test_a_virtual_sim_has_names_that_no_real_sim_has_and_starts_active_in_no_group() -> None:
    async def story(house: House) -> None:
        sim = await house.sims.create(MINE, "planArc01")
        assert sim.imsi.startswith(TEST_NETWORK)
        assert len(sim.imsi) == 15
        assert sim.sim_id.startswith(TEST_ISSUER)
        assert len(sim.sim_id) == 19
        assert sim.sim_id[-1] == luhn(sim.sim_id[:-1])
        assert (sim.status, sim.group_id, sim.type, sim.subscription) == ("active", None, "virtual", "planArc01")
        assert house.registry.sim(MINE, sim.sim_id) == sim == await house.catalog.get(Sim, sim.sim_id)

    furnished(story)


@pytest.mark.parametrize(("digits", "check"), [("7992739871", "3"), ("0", "0"), ("453201511283036", "6")])
def test_the_check_digit_is_luhns(digits: str, check: str) -> None:
    assert luhn(digits) == check


@named
def test_another_operators_sim_is_not_there(by: SimName, name: str) -> None:
    async def story(house: House) -> None:
        sims = house.sims
        with pytest.raises(NotFound):
            sims.get(OTHERS, by, name)
        for call in (
            sims.set_group(OTHERS, by, name, OTHERS_GROUP),
            sims.unset_group(OTHERS, by, name),
            sims.put_tags(OTHERS, by, name, {"a": "b"}),
            sims.delete_tag(OTHERS, by, name, "name"),
            sims.set_status(OTHERS, by, name, SimStatus.SUSPENDED),
            sims.enable_termination(OTHERS, by, name, enabled=True),
        ):
            assert "There is no SIM" in await refused(call, NotFound)
        assert (await sims.page(OTHERS, by, SimFilter(), "", 10)).sims == []
        assert await house.catalog.get(Sim, SIM_ID) == ONE

    furnished(story, ONE)


@named
def test_a_sim_goes_into_the_operators_own_groups_alone(by: SimName, name: str) -> None:
    async def story(house: House) -> None:
        assert "no group" in await refused(house.sims.set_group(MINE, by, name, OTHERS_GROUP), NotFound)
        assert "no group" in await refused(house.sims.unset_group(MINE, by, name), NotFound)
        grouped = await house.sims.set_group(MINE, by, name, MY_GROUP)
        assert grouped == replace(ONE, group_id=MY_GROUP, last_modified_time=grouped.last_modified_time)
        assert [sim.imsi for sim in house.registry.sims_of_group(MY_GROUP)] == [IMSI]
        assert (await house.sims.unset_group(MINE, by, name)).group_id is None
        assert house.registry.sims_of_group(MY_GROUP) == []

    furnished(story, ONE)


@named
def test_tags_are_merged_and_removed_one_by_one(by: SimName, name: str) -> None:
    async def story(house: House) -> None:
        tagged = await house.sims.put_tags(MINE, by, name, {"name": "valve", "site": "東"})
        assert tagged.tags == {"name": "valve", "site": "東"}
        assert tagged.last_modified_time > ONE.last_modified_time
        assert (await house.sims.delete_tag(MINE, by, name, "name")).tags == {"site": "東"}
        assert "no tag" in await refused(house.sims.delete_tag(MINE, by, name, "name"), NotFound)

    furnished(story, ONE)


def test_no_sim_has_more_tags_than_are_kept() -> None:
    async def story(house: House) -> None:
        await house.sims.put_tags(MINE, SimName.IMSI, IMSI, {str(number): "x" for number in range(TAGS - 1)})
        assert "at most" in await refused(
            house.sims.put_tags(MINE, SimName.IMSI, IMSI, {"more": "x"}), InvalidParameter
        )

    furnished(story, ONE)


@named
@pytest.mark.parametrize("status", [each for each in SimStatus if each is not SimStatus.TERMINATED])
def test_a_sim_has_any_status_it_is_given_until_it_is_terminated(by: SimName, name: str, status: SimStatus) -> None:
    async def story(house: House) -> None:
        assert (await house.sims.set_status(MINE, by, name, status)).status == status
        assert "not enabled" in await refused(
            house.sims.set_status(MINE, by, name, SimStatus.TERMINATED), InvalidParameter
        )
        await house.sims.enable_termination(MINE, by, name, enabled=True)
        assert (await house.sims.set_status(MINE, by, name, SimStatus.TERMINATED)).status == "terminated"
        for call in (
            house.sims.set_status(MINE, by, name, status),
            house.sims.enable_termination(MINE, by, name, enabled=False),
        ):
            assert "for ever" in await refused(call, InvalidParameter)
        assert (await house.sims.set_status(MINE, by, name, SimStatus.TERMINATED)).status == "terminated"
        assert (await house.sims.put_tags(MINE, by, name, {"name": "gone"})).tags == {"name": "gone"}

    furnished(story, ONE)


def test_only_ready_and_active_sims_may_send() -> None:
    assert {"ready", "active"} == SENDING


@pytest.mark.parametrize(("by", "name"), [(SimName.SIM_ID, "8981100000000000077"), (SimName.IMSI, "440101234567890")])
def test_a_sim_is_registered_once_by_whomever(by: SimName, name: str) -> None:
    async def story(house: House) -> None:
        wanted = Registration(MY_GROUP, {"name": "own"})
        sim = await house.sims.register(MINE, by, name, wanted)
        assert getattr(sim, by.value) == name
        assert (sim.group_id, sim.tags, sim.status, sim.type) == (MY_GROUP, {"name": "own"}, "active", "uicc")
        for operator_id in (MINE, OTHERS):
            again = house.sims.register(operator_id, by, name, Registration())
            assert "registered already" in await refused(again, InvalidParameter)

    furnished(story)


@pytest.mark.parametrize(
    ("by", "name"),
    [
        (SimName.IMSI, ""),
        (SimName.IMSI, "12345"),
        (SimName.IMSI, "1234567890123456"),
        (SimName.IMSI, "\N{ARABIC-INDIC DIGIT ONE}" * 15),
        (SimName.IMSI, "00101000000000a"),
        (SimName.SIM_ID, "123456789"),
        (SimName.SIM_ID, "8" * 23),
        (SimName.SIM_ID, "89811/0000000000"),
    ],
)
def test_what_is_no_imsi_or_sim_id_is_not_registered(by: SimName, name: str) -> None:
    async def story(house: House) -> None:
        await refused(house.sims.register(MINE, by, name, Registration()), InvalidParameter)
        assert await house.catalog.find(Sim) == []

    furnished(story)


def test_a_sim_is_not_registered_into_another_operators_group() -> None:
    async def story(house: House) -> None:
        await refused(house.sims.register(MINE, SimName.IMSI, IMSI, Registration(OTHERS_GROUP)), NotFound)
        assert await house.catalog.find(Sim) == []

    furnished(story)


def test_changes_at_once_lose_nothing_of_each_other(tmp_path: Path) -> None:
    async def story() -> None:
        # In memory nothing comes between reading and writing.
        catalog = await open_catalog(f"sqlite://{tmp_path}/catalog.sqlite")
        try:
            await at_once(House(catalog))
        finally:
            await catalog.close()

    async def at_once(house: House) -> None:
        await house.furnish(ONE)
        await asyncio.gather(
            house.sims.set_group(MINE, SimName.IMSI, IMSI, MY_GROUP),
            house.sims.set_status(MINE, SimName.SIM_ID, SIM_ID, SimStatus.STANDBY),
            *[house.sims.put_tags(MINE, SimName.IMSI, IMSI, {tag: tag}) for tag in "abcdef"],
        )
        sim = house.sims.get(MINE, SimName.IMSI, IMSI)
        assert (sim.group_id, sim.status) == (MY_GROUP, "standby")
        assert sim.tags == {"name": "pump"} | {tag: tag for tag in "abcdef"}

    asyncio.run(story())


def test_a_change_builds_on_what_another_process_has_written() -> None:
    async def story(house: House) -> None:
        # The registry does not know of it yet.
        await house.catalog.apply(Put(replace(ONE, tags={"name": "beside"})))
        sim = await house.sims.put_tags(MINE, SimName.IMSI, IMSI, {"site": "east"})
        assert sim.tags == {"name": "beside", "site": "east"}

    furnished(story, ONE)


def test_what_changes_nothing_leaves_the_time_as_it_is() -> None:
    async def story(house: House) -> None:
        assert await house.sims.set_status(MINE, SimName.IMSI, IMSI, SimStatus.ACTIVE) == ONE

    furnished(story, ONE)
