"""The rules of sessions: which SIM an address is, whose a network may be, and what nobody may take over."""

import asyncio
from collections.abc import Awaitable
from pathlib import Path

import pytest

from minori.codec.session import SimReference
from minori.errors import Error, InvalidParameter, NotFound, UnknownSender
from minori.model.registry import Session, Sim
from minori.service.sessions import remove_session, set_session
from minori.storage.base import Put
from registered import BEGIN, MINE, MY_GROUP, OTHERS, OTHERS_GROUP, House, furnished, furnished_on_disk, refused

ONE, TWO, THREE = (f"00101000000000{number}" for number in (1, 2, 3))
FOREIGN = "001020000000001"
SIMS = [
    *[
        Sim(f"898110000000000000{imsi[-1]}", imsi, MINE, MY_GROUP, "active", {}, BEGIN, BEGIN)
        for imsi in (ONE, TWO, THREE)
    ],
    Sim("8981200000000000001", FOREIGN, OTHERS, OTHERS_GROUP, "active", {}, BEGIN, BEGIN),
]


def imsi(imsi: str) -> SimReference:
    return SimReference(imsi=imsi)


async def set_all(house: House, sessions: dict[str, str]) -> None:
    for network, name in sessions.items():
        await house.sessions.put(MINE, network, imsi(name))


def known(house: House, address: str) -> str | None:
    """The IMSI behind an address, as the doors are told it."""
    try:
        return house.registry.sender(address).resource.id
    except UnknownSender:
        return None


@pytest.mark.parametrize("wanted", [SimReference(imsi=ONE), SimReference(sim_id="8981100000000000001")])
def test_a_sim_has_a_session_by_either_of_its_names(wanted: SimReference) -> None:
    async def story(house: House) -> None:
        session, sim, created = await house.sessions.put(MINE, "10.1.0.7", wanted)
        assert (session, sim, created) == (Session("10.1.0.7/32", ONE), SIMS[0], True)
        assert house.sessions.get(MINE, "10.1.0.7") == (session, sim)
        assert await house.catalog.get(Session, "10.1.0.7/32") == session
        assert (known(house, "10.1.0.7"), known(house, "10.1.0.8")) == (ONE, None)

    furnished(story, *SIMS)


def test_of_nested_networks_the_longest_that_holds_an_address_wins_in_any_order_of_setting() -> None:
    sessions = {"0.0.0.0/0": ONE, "10.0.0.0/8": TWO, "10.1.0.0/16": THREE, "10.1.2.3": ONE, "10.1.2.0/31": TWO}
    expected = {
        "192.0.2.1": ONE,
        "10.9.9.9": TWO,
        "10.1.9.9": THREE,
        "10.1.2.3": ONE,
        "10.1.2.1": TWO,
        "10.1.2.2": THREE,
    }

    async def story(house: House) -> None:
        for order in (list(sessions), list(reversed(sessions))):
            await set_all(house, {network: sessions[network] for network in order})
            assert {address: known(house, address) for address in expected} == expected
            for network in order:
                await house.sessions.delete(MINE, network)
            assert {known(house, address) for address in expected} == {None}

    furnished(story, *SIMS)


def test_a_network_that_is_removed_leaves_its_addresses_to_the_next_wider_one() -> None:
    async def story(house: House) -> None:
        await set_all(house, {"2001:db8::/32": ONE, "2001:db8:1::/48": TWO, "2001:db8:1::1": THREE})
        seen = [known(house, "2001:db8:1::1")]
        for network in ("2001:db8:1::1", "2001:db8:1::/48", "2001:db8::/32"):
            await house.sessions.delete(MINE, network)
            seen.append(known(house, "2001:db8:1::1"))
        assert seen == [THREE, TWO, ONE, None]

    furnished(story, *SIMS)


def test_a_network_of_one_family_holds_no_address_of_the_other() -> None:
    async def story(house: House) -> None:
        await set_all(house, {"0.0.0.0/0": ONE, "::/0": TWO})
        assert (known(house, "192.0.2.1"), known(house, "2001:db8::1"), known(house, "::1")) == (ONE, TWO, TWO)

    furnished(story, *SIMS)


@pytest.mark.parametrize(
    ("written", "kept", "address"),
    [
        ("192.0.2.7", "192.0.2.7/32", "192.0.2.7"),
        ("192.0.2.7/24", "192.0.2.0/24", "192.0.2.200"),
        ("::ffff:192.0.2.7", "192.0.2.7/32", "192.0.2.7"),
        ("::ffff:192.0.2.0/120", "192.0.2.0/24", "192.0.2.200"),
        ("::ffff:0:0/96", "0.0.0.0/0", "192.0.2.200"),
        ("::/95", "::/95", "::1"),
        ("2001:DB8:0:0:0:0:0:7", "2001:db8::7/128", "2001:db8::7"),
        ("2001:db8::7/32", "2001:db8::/32", "2001:db8:ffff::1"),
    ],
)
def test_a_network_is_one_session_however_it_is_written(written: str, kept: str, address: str) -> None:
    async def story(house: House) -> None:
        await house.sessions.put(MINE, written, imsi(ONE))
        assert known(house, address) == ONE
        session, _, created = await house.sessions.put(MINE, kept, imsi(TWO))
        assert (session.network, created) == (kept, False)
        assert known(house, address) == TWO
        assert house.sessions.get(MINE, written) == house.sessions.get(MINE, kept)
        await house.sessions.delete(MINE, written)
        assert await house.catalog.find(Session) == []

    furnished(story, *SIMS)


@pytest.mark.parametrize("text", ["", "/", "10.0.0", "10.0.0.0/33", "::/129", "fe80::1%eth0", "10.0.0.0/8/8", "x" * 65])
def test_what_is_no_network_is_invalid(text: str) -> None:
    async def story(house: House) -> None:
        assert "must be an IPv4" in await refused(house.sessions.put(MINE, text, imsi(ONE)), InvalidParameter)
        await refused(house.sessions.delete(MINE, text), InvalidParameter)
        with pytest.raises(InvalidParameter):
            house.sessions.get(MINE, text)

    furnished(story, *SIMS)


@pytest.mark.parametrize(
    "wanted", [imsi("999"), imsi(FOREIGN), SimReference(sim_id="999"), SimReference(sim_id="8981200000000000001")]
)
def test_a_sim_that_is_not_ones_own_is_not_there(wanted: SimReference) -> None:
    async def story(house: House) -> None:
        assert "There is no SIM" in await refused(house.sessions.put(MINE, "10.1.0.1", wanted), NotFound)
        assert await house.catalog.find(Session) == []

    furnished(story, *SIMS)


def test_a_session_is_removed_once_and_by_its_very_network_alone() -> None:
    async def story(house: House) -> None:
        await set_all(house, {"10.1.0.0/16": ONE})
        for other in ("10.1.0.0", "10.1.0.0/17", "10.0.0.0/15"):
            await refused(house.sessions.delete(MINE, other), NotFound)
        await house.sessions.delete(MINE, "10.1.0.0/16")
        await refused(house.sessions.delete(MINE, "10.1.0.0/16"), NotFound)
        assert (await house.sessions.put(MINE, "10.1.0.0/16", imsi(TWO)))[2] is True
        assert [session.imsi for session, _ in house.sessions.page(MINE, "", 10)] == [TWO]

    furnished(story, *SIMS)


def test_another_operators_session_is_not_seen_read_or_removed() -> None:
    async def story(house: House) -> None:
        await house.sessions.put(OTHERS, "10.1.0.0/16", imsi(FOREIGN))
        await set_all(house, {"10.2.0.0/16": ONE})
        with pytest.raises(NotFound):
            house.sessions.get(MINE, "10.1.0.0/16")
        await refused(house.sessions.delete(MINE, "10.1.0.0/16"), NotFound)
        assert [session.network for session, _ in house.sessions.page(MINE, "", 10)] == ["10.2.0.0/16"]
        assert [session.network for session, _ in house.sessions.page(OTHERS, "", 10)] == ["10.1.0.0/16"]
        assert house.registry.session(OTHERS, "10.1.0.0/16") is not None

    furnished(story, *SIMS)


@pytest.mark.parametrize(
    "family", [("10.1.0.0/16", "10.1.2.3", "10.0.0.0/8"), ("2001:db8::/48", "2001:db8::1", "::/0")]
)
def test_no_network_is_taken_that_holds_or_is_in_another_operators(family: tuple[str, str, str]) -> None:
    same, inner, outer = family

    async def story(house: House) -> None:
        await house.sessions.put(OTHERS, same, imsi(FOREIGN))
        for network in (same, inner, outer):
            message = await refused(house.sessions.put(MINE, network, imsi(ONE)), InvalidParameter)
            assert "another operator" in message
        assert house.sessions.page(MINE, "", 10) == []
        # Nobody is in the way of himself, nor one family of the other.
        for network in (inner, outer):
            await house.sessions.put(OTHERS, network, imsi(FOREIGN))
        await house.sessions.put(MINE, "2001:db8::/48" if outer == "10.0.0.0/8" else "10.1.0.0/16", imsi(ONE))

    furnished(story, *SIMS)


def test_loopback_may_be_divided_but_not_taken_away() -> None:
    async def story(house: House) -> None:
        await house.sessions.put(OTHERS, "127.0.0.0/8", imsi(FOREIGN))
        await set_all(house, {"127.0.0.7": ONE})
        await refused(house.sessions.put(MINE, "127.0.0.0/8", imsi(ONE)), InvalidParameter)
        await refused(house.sessions.put(OTHERS, "127.0.0.7", imsi(FOREIGN)), InvalidParameter)
        # What is wider than loopback is no loopback.
        await refused(house.sessions.put(MINE, "126.0.0.0/7", imsi(ONE)), InvalidParameter)
        assert (known(house, "127.0.0.7"), house.registry.is_taken(MINE, "127.0.0.0/8")) == (ONE, True)

    furnished(story, *SIMS)


def test_a_network_is_free_again_once_the_other_operators_sim_lost_it() -> None:
    async def story(house: House) -> None:
        await house.sessions.put(OTHERS, "10.1.0.0/16", imsi(FOREIGN))
        await house.sessions.delete(OTHERS, "10.1.0.0/16")
        assert (await house.sessions.put(MINE, "10.1.0.0/16", imsi(ONE)))[2] is True

    furnished(story, *SIMS)


def test_sessions_are_paged_by_the_text_of_their_networks_past_those_of_others() -> None:
    async def story(house: House) -> None:
        networks = sorted([*[f"10.{number}.0.0/16" for number in range(12)], "2001:db8::/32"])
        await set_all(house, dict.fromkeys(networks, ONE))
        for number in (3, 5, 11):
            await house.views.apply(Put(Session(f"10.{number}.0.0/16", FOREIGN)))
            networks.remove(f"10.{number}.0.0/16")
        seen: list[str] = []
        while page := house.sessions.page(MINE, seen[-1] if seen else "", 4):
            assert len(page) == 4 or len(seen) == 8
            seen += [session.network for session, _ in page]
        assert seen == networks

    furnished(story, *SIMS)


def test_of_two_operators_at_once_one_gets_a_network(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        for number in range(4):
            outcomes = await asyncio.gather(
                house.sessions.put(MINE, f"10.{number}.0.0/16", imsi(ONE)),
                house.sessions.put(OTHERS, f"10.{number}.7.0/24", imsi(FOREIGN)),
                return_exceptions=True,
            )
            assert [type(outcome) for outcome in outcomes] == [tuple, InvalidParameter]
        assert house.sessions.page(OTHERS, "", 10) == []

    furnished_on_disk(tmp_path, story, *SIMS)


def test_whoever_runs_the_server_sets_and_removes_any_session() -> None:
    async def story(house: House) -> None:
        await house.sessions.put(OTHERS, "10.1.0.0/16", imsi(FOREIGN))
        assert await set_session(house.catalog, "10.1.7.7/24", imsi(ONE)) == Session("10.1.7.0/24", ONE)
        await house.views.refresh()
        assert known(house, "10.1.7.9") == ONE
        assert await remove_session(house.catalog, "::ffff:10.1.0.0/112") == Session("10.1.0.0/16", FOREIGN)
        await house.views.refresh()
        assert house.sessions.page(OTHERS, "", 10) == []

    furnished(story, *SIMS)


def test_nor_may_whoever_runs_the_server_name_what_there_is_not() -> None:
    async def story(house: House) -> None:
        calls: list[tuple[Awaitable[object], type[Error]]] = [
            (set_session(house.catalog, "10.1.0.1", imsi("999")), NotFound),
            (set_session(house.catalog, "10.1.0.1", SimReference(sim_id="999")), NotFound),
            (set_session(house.catalog, "nonsense", imsi(ONE)), InvalidParameter),
            (remove_session(house.catalog, "10.1.0.1"), NotFound),
            (remove_session(house.catalog, "nonsense"), InvalidParameter),
        ]
        for call, error in calls:
            await refused(call, error)

    furnished(story, *SIMS)
