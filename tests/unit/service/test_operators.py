"""A new operator, and the demo."""

import asyncio
import re
from ipaddress import ip_network

import msgspec
import pytest

from minori.codec.login import KeyLogin, Login, RootLogin
from minori.errors import InvalidParameter
from minori.model.registry import AuthKey, Group, Operator, Record, Session, Sim
from minori.service.access import AccessService
from minori.service.identities import Identities
from minori.service.operators import DEMO_NETWORKS, Credentials, create_operator, ensure_demo
from minori.service.views import Views
from minori.storage.base import Put, Remove
from minori.storage.memory.catalog import MemoryCatalog

OPERATOR = "OP0000000001"


def clock() -> float:
    return 1_700_000_000.5


def create(catalog: MemoryCatalog, email: str = "root@example.com") -> Credentials:
    return asyncio.run(create_operator(catalog, email, clock))


def test_the_credentials_have_the_forms_that_clients_expect() -> None:
    made = create(MemoryCatalog())
    assert re.fullmatch(r"OP\d{10}", made.operator_id)
    assert re.fullmatch(r"keyId-[A-Za-z0-9]{32}", made.auth_key_id)
    assert re.fullmatch(r"secret-[A-Za-z0-9]{64}", made.auth_key)
    assert re.fullmatch(r"[A-Za-z0-9]{24}", made.password)


def test_the_credentials_are_written_under_their_wire_names() -> None:
    members = ["operatorId", "email", "password", "authKeyId", "authKey"]
    assert list(msgspec.json.decode(msgspec.json.encode(create(MemoryCatalog())))) == members


def test_both_secrets_log_in() -> None:
    async def story() -> None:
        catalog = MemoryCatalog()
        made = await create_operator(catalog, "Root@Example.com ", clock)
        identities = Identities()
        views = Views(catalog, identities)
        access = AccessService(catalog, identities, views, clock)
        await access.start()
        await views.refresh()
        for identity in (RootLogin("root@example.com", made.password), KeyLogin(made.auth_key_id, made.auth_key)):
            granted = await access.log_in(Login(identity), "192.0.2.1")
            assert granted.operator_id == made.operator_id

    asyncio.run(story())


def test_the_catalog_holds_hashes_and_no_secret() -> None:
    catalog = MemoryCatalog()
    made = create(catalog)
    (operator,) = asyncio.run(catalog.find(Operator))
    (key,) = asyncio.run(catalog.find(AuthKey))
    assert operator.password_hash.startswith("$argon2id$v=19$m=7168,t=5,p=1$")
    assert operator.created_time == 1_700_000_000_500
    assert re.fullmatch("[0-9a-f]{64}", key.secret_sha256)
    kept = repr((operator, key))
    assert made.password not in kept
    assert made.auth_key not in kept


def test_the_credentials_do_not_show_when_they_are_logged() -> None:
    made = create(MemoryCatalog())
    assert made.password not in repr(made)
    assert made.auth_key not in repr(made)


def test_no_two_operators_are_alike() -> None:
    catalog = MemoryCatalog()
    one, two = create(catalog), create(catalog, "two@example.com")
    assert not set(msgspec.structs.astuple(one)) & set(msgspec.structs.astuple(two))


def test_an_email_address_belongs_to_one_operator() -> None:
    catalog = MemoryCatalog()
    create(catalog)
    with pytest.raises(InvalidParameter, match="Another operator"):
        create(catalog, "ROOT@example.com")
    assert len(asyncio.run(catalog.find(Operator))) == 1


def test_an_email_address_may_be_taken_meanwhile() -> None:
    async def story() -> list[object]:
        catalog = MemoryCatalog()
        makings = [create_operator(catalog, "root@example.com", clock) for _ in range(3)]
        return list(await asyncio.gather(*makings, return_exceptions=True))

    kinds = [type(outcome) for outcome in asyncio.run(story())]
    assert sorted(kind.__name__ for kind in kinds) == ["Credentials", "InvalidParameter", "InvalidParameter"]


@pytest.mark.parametrize("email", ["", "root", "@example.com", "root@", "a b@example.com", "a\n@b", "x" * 251 + "@b.c"])
def test_what_is_no_email_address_is_invalid(email: str) -> None:
    with pytest.raises(InvalidParameter, match="name@host"):
        create(MemoryCatalog(), email)


def test_the_credentials_are_kept_before_the_operator_exists() -> None:
    catalog = MemoryCatalog()

    def fail(credentials: Credentials) -> None:
        raise OSError(credentials.operator_id)

    with pytest.raises(OSError, match="OP"):
        asyncio.run(create_operator(catalog, "root@example.com", clock, fail))
    assert asyncio.run(catalog.find(Operator)) == []


def demo(catalog: MemoryCatalog) -> tuple[list[Group], list[Sim], list[Session]]:
    async def story() -> tuple[list[Group], list[Sim], list[Session]]:
        await ensure_demo(catalog, OPERATOR, clock)
        return list(await catalog.find(Group)), list(await catalog.find(Sim)), list(await catalog.find(Session))

    return asyncio.run(story())


def test_the_demo_is_a_group_with_harvest_a_sim_in_it_and_the_loopback() -> None:
    (group,), (sim,), sessions = demo(MemoryCatalog())
    assert group.tags == {"name": "demo"}
    assert group.configuration == {"SoracomHarvest": {"enabled": True}, "SoracomHarvestFiles": {"enabled": True}}
    assert (sim.sim_id, sim.imsi, sim.status) == ("8981100000000000001", "001010000000001", "active")
    assert sim.group_id == group.group_id
    assert sim.account == group.account == OPERATOR
    assert sessions == [Session("127.0.0.0/8", sim.imsi), Session("::1/128", sim.imsi)]


def test_the_demos_networks_are_written_as_they_are_sought() -> None:
    assert [str(ip_network(network)) for network in DEMO_NETWORKS] == list(DEMO_NETWORKS)


def test_a_second_time_adds_nothing() -> None:
    catalog = MemoryCatalog()
    assert demo(catalog) == demo(catalog)


def test_what_the_user_made_of_the_demo_stays() -> None:
    catalog = MemoryCatalog()
    (group,), (sim,), _ = demo(catalog)
    changed: list[Record] = [
        Group(group.group_id, OPERATOR, {"name": "demo"}, {}, 1, 2),
        Sim(sim.sim_id, sim.imsi, OPERATOR, None, "inactive", {}, 1, 2),
        Session("127.0.0.0/8", "440100000000001"),
    ]
    asyncio.run(catalog.apply(*[Put(record) for record in changed], Remove(Session("::1/128", ""))))
    assert demo(catalog) == (changed[:1], changed[1:2], [changed[2], Session("::1/128", sim.imsi)])


def test_the_demo_leaves_a_sim_with_its_imsi_alone() -> None:
    catalog = MemoryCatalog()
    own = Sim("own", "001010000000001", OPERATOR, None, "active", {}, 1, 1)
    asyncio.run(catalog.apply(Put(own)))
    assert demo(catalog)[1] == [own]
