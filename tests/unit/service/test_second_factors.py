"""Second factors against a real catalog, with a clock that is told."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from authenticator import Authenticator
from minori.codec.login import KeyLogin, Login, RootLogin
from minori.codec.totp import SECONDS
from minori.errors import (
    CredentialsWrong,
    FactorNeeded,
    FactorUnfit,
    NotFound,
    Overloaded,
    StoreFailed,
    TooManyAttempts,
)
from minori.model.registry import Operator, Principal, SecondFactor, User, user_srn
from minori.service.access import AccessService, Granted
from minori.service.identities import Identities
from minori.service.operators import Credentials, create_operator
from minori.service.second_factors import BACKUP_CODES, WRONG_CODES, WRONG_SECONDS, SecondFactors, Status
from minori.service.views import Views
from minori.storage.base import Catalog, Change, Insert, Remove
from minori.storage.memory.catalog import MemoryCatalog
from minori.storage.sql.catalog import open_catalog

START = 1_700_000_020.0
"""Ten seconds into a step."""

WRONG_WORDS = "The credentials are wrong; check the names and the password or key"


class House:
    """A catalog with one operator and one user, and the services on it; time passes when told."""

    def __init__(self, catalog: Catalog) -> None:
        self.now = START
        self.catalog = catalog
        self.root: Credentials
        self.open()

    def open(self) -> None:
        self.identities = Identities()
        self.views = Views(self.catalog, self.identities)
        self.access = AccessService(self.catalog, self.identities, self.views, lambda: self.now, sleep=self.sleep)
        self.factors: SecondFactors = self.access.second_factors

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    async def start(self) -> None:
        await self.access.start()
        self.root = await create_operator(self.catalog, "root@example.com", lambda: self.now)
        operator_id = self.root.operator_id
        self.owner = Principal(operator_id)
        self.anna = Principal(operator_id, "anna")
        srn = user_srn(operator_id, "anna")
        await self.catalog.apply(Insert(User(srn, operator_id, "anna", "", 1, 1, "seal", {})))
        await self.views.refresh()

    async def log_in(self, code: str | None = None, password: str | None = None, address: str = "192.0.2.1") -> Granted:
        identity = RootLogin(self.root.email, password or self.root.password, code)
        return await self.access.log_in(Login(identity), address)

    async def active(self, owner: Principal | None = None) -> tuple[Authenticator, list[str]]:
        """An active second factor, whose next good code is that of the next step."""
        owner = owner or self.owner
        authenticator = Authenticator(await self.factors.set_up(owner))
        return authenticator, await self.factors.confirm(owner, authenticator.code(0, self.now))

    def code(self, authenticator: Authenticator, offset: int = 0) -> str:
        return authenticator.code(offset, self.now)


def in_house(story: Callable[[House], Awaitable[None]]) -> Callable[[], None]:
    def test() -> None:
        async def tell() -> None:
            house = House(MemoryCatalog())
            await house.start()
            await story(house)

        asyncio.run(tell())

    test.__name__ = story.__name__
    return test


@in_house
async def test_nothing_is_asked_for_before_it_is_confirmed(house: House) -> None:
    assert house.factors.status(house.owner) is Status.INACTIVE
    authenticator = Authenticator(await house.factors.set_up(house.owner))
    assert house.factors.status(house.owner) is Status.UNCONFIRMED
    await house.log_in()
    with pytest.raises(FactorUnfit):
        await house.factors.confirm(house.owner, authenticator.wrong())
    assert house.factors.status(house.owner) is Status.UNCONFIRMED
    await house.factors.confirm(house.owner, house.code(authenticator))
    assert house.factors.status(house.owner) is Status.ACTIVE
    with pytest.raises(FactorNeeded):
        await house.log_in()


@in_house
async def test_setting_up_anew_replaces_what_waits_and_never_what_is_active(house: House) -> None:
    first = Authenticator(await house.factors.set_up(house.owner))
    second = Authenticator(await house.factors.set_up(house.owner))
    with pytest.raises(FactorUnfit):
        await house.factors.confirm(house.owner, house.code(first))
    await house.factors.confirm(house.owner, house.code(second))
    for again in (house.factors.set_up(house.owner), house.factors.confirm(house.owner, house.code(second, 1))):
        with pytest.raises(FactorUnfit):
            await again
    assert house.factors.status(house.owner) is Status.ACTIVE


@in_house
async def test_a_code_works_once_and_so_does_that_of_the_confirmation(house: House) -> None:
    authenticator, _ = await house.active()
    with pytest.raises(CredentialsWrong):
        await house.log_in(house.code(authenticator))
    house.now += SECONDS
    code = house.code(authenticator)
    await house.log_in(code)
    with pytest.raises(CredentialsWrong):
        await house.log_in(code)


@in_house
async def test_a_code_that_was_passed_over_is_used_up_with_the_later_one(house: House) -> None:
    authenticator, _ = await house.active()
    house.now += 2 * SECONDS
    await house.log_in(house.code(authenticator, 1))
    for offset in (-1, 0, 1):
        with pytest.raises(CredentialsWrong):
            await house.log_in(house.code(authenticator, offset))


@in_house
async def test_of_many_logins_with_one_code_at_once_one_gets_in(house: House) -> None:
    authenticator, codes = await house.active()
    for code in (house.code(authenticator, 1), codes[0]):
        outcomes = await asyncio.gather(
            *(house.log_in(code, address=f"192.0.2.{number}") for number in range(5)), return_exceptions=True
        )
        assert [type(each) for each in outcomes].count(Granted) == 1, outcomes
        assert {type(each) for each in outcomes} == {Granted, CredentialsWrong}


@in_house
async def test_logins_with_different_codes_at_once_all_get_in(house: House) -> None:
    _, codes = await house.active()
    granted = await asyncio.gather(
        *(house.log_in(code, address=f"192.0.2.{at}") for at, code in enumerate(codes[:2], 1))
    )
    assert [type(each) for each in granted] == [Granted] * 2


@in_house
async def test_a_code_that_another_server_of_the_catalog_saw_is_used_up(house: House) -> None:
    authenticator, _ = await house.active()
    other = House(house.catalog)
    other.root, other.owner = house.root, house.owner
    await other.access.start()
    await other.views.refresh()
    await house.log_in(house.code(authenticator, 1))
    with pytest.raises(CredentialsWrong):
        await other.log_in(house.code(authenticator, 1))


@in_house
async def test_what_is_wrong_is_told_in_the_words_of_a_wrong_password_and_costs_as_much(house: House) -> None:
    authenticator, codes = await house.active()
    good = house.code(authenticator, 1)
    hashed: list[str | None] = []
    verify = house.access._passwords.verify

    async def spy(password: str, password_hash: str | None) -> bool:
        hashed.append(password_hash)
        return await verify(password, password_hash)

    house.access._passwords.verify = spy  # type: ignore[method-assign]  # watches, changes nothing
    tries = [(good, "wrong"), (None, "wrong"), (codes[0], "wrong"), (authenticator.wrong(), None), ("é" * 1024, None)]
    for code, password in tries:
        with pytest.raises(CredentialsWrong, match=f"^{WRONG_WORDS}$"):
            await house.log_in(code, password)
    assert len(hashed) == len(tries)
    await house.log_in(good)


@in_house
async def test_no_code_is_asked_for_beside_an_auth_key(house: House) -> None:
    await house.active()
    await house.access.log_in(Login(KeyLogin(house.root.auth_key_id, house.root.auth_key)), "192.0.2.1")


@in_house
async def test_each_backup_code_works_once_however_it_is_typed(house: House) -> None:
    _, codes = await house.active()
    assert (len(codes), len(set(codes)), {len(code) for code in codes}) == (BACKUP_CODES, BACKUP_CODES, {8})
    typed = [codes[0], codes[1].upper(), f" {codes[2][:4]}-{codes[2][4:]} "]
    for code in typed:
        await house.log_in(code)
        with pytest.raises(CredentialsWrong):
            await house.log_in(code)
    factor = await house.catalog.get(
        SecondFactor, f"srn:soracom:{house.owner.operator_id}::Operator:{house.owner.operator_id}"
    )
    assert factor is not None
    assert len(factor.backup_codes) == BACKUP_CODES - len(typed)
    assert not any(code in str(factor.backup_codes) for code in codes)


@in_house
async def test_a_sam_user_has_no_backup_codes(house: House) -> None:
    _, codes = await house.active(house.anna)
    assert codes == []


@in_house
async def test_removing_it_ends_it_and_its_codes(house: House) -> None:
    authenticator, codes = await house.active()
    await house.factors.remove(house.owner)
    await house.log_in()
    renewed, _ = await house.active()
    assert renewed.secret != authenticator.secret
    for code in (house.code(authenticator, 1), codes[0]):
        with pytest.raises(CredentialsWrong):
            await house.log_in(code)


@in_house
async def test_wrong_codes_are_counted_for_the_user_whatever_address_they_come_from(house: House) -> None:
    authenticator, _ = await house.active()
    for number in range(WRONG_CODES):
        with pytest.raises(CredentialsWrong):
            await house.log_in(authenticator.wrong(), address=f"198.51.100.{number}")
    with pytest.raises(TooManyAttempts, match="with a wrong code") as caught:
        await house.log_in(house.code(authenticator, 1), address="203.0.113.1")
    assert 0 < caught.value.retry_after <= WRONG_SECONDS
    with pytest.raises(CredentialsWrong):
        await house.log_in(house.code(authenticator, 1), "wrong", address="203.0.113.2")
    house.now += WRONG_SECONDS
    await house.log_in(house.code(authenticator), address="203.0.113.1")


@in_house
async def test_a_clock_that_was_set_back_shuts_nobody_out_for_his_wrong_codes(house: House) -> None:
    authenticator, _ = await house.active()
    house.now += 5 * WRONG_SECONDS
    for number in range(WRONG_CODES):
        with pytest.raises(CredentialsWrong):
            await house.log_in(authenticator.wrong(), address=f"198.51.100.{number}")
    house.now -= 4 * WRONG_SECONDS
    await house.log_in(house.code(authenticator), address="203.0.113.1")


@in_house
async def test_nobody_gets_in_while_the_code_cannot_be_used_up(house: House) -> None:
    authenticator, _ = await house.active()
    apply = house.catalog.apply

    async def fail(*_: Change) -> None:
        raise StoreFailed("The disk refused a write")

    house.catalog.apply = fail  # type: ignore[method-assign]  # a disk that refuses
    with pytest.raises(StoreFailed):
        await house.log_in(house.code(authenticator, 1))
    house.catalog.apply = apply  # type: ignore[method-assign]  # the disk is well again
    await house.log_in(house.code(authenticator, 1))


@in_house
async def test_somebody_who_is_removed_meanwhile_leaves_no_second_factor_to_a_namesake(house: House) -> None:
    srn = user_srn(house.anna.operator_id, "anna")
    (anna,) = await house.catalog.find(User)
    await house.catalog.apply(Remove(anna))
    with pytest.raises(Overloaded):
        await house.factors.set_up(house.anna)
    await house.views.refresh()
    with pytest.raises(NotFound):
        await house.factors.set_up(house.anna)
    assert await house.catalog.get(SecondFactor, srn) is None
    with pytest.raises(NotFound):
        await house.factors.set_up(Principal("OP9999999999"))


def test_a_used_code_stays_used_after_a_restart(tmp_path: Path) -> None:
    async def tell() -> None:
        url = f"sqlite://{tmp_path}/catalog.sqlite"
        house = House(await open_catalog(url))
        await house.start()
        authenticator, codes = await house.active()
        used = [house.code(authenticator, 1), codes[0]]
        for code in used:
            await house.log_in(code)
        await house.catalog.close()
        house.catalog = await open_catalog(url)
        house.open()
        await house.access.start()
        await house.views.refresh()
        for code in used:
            with pytest.raises(CredentialsWrong):
                await house.log_in(code)
        await house.log_in(codes[1])
        await house.catalog.close()

    asyncio.run(tell())


@in_house
async def test_no_repr_shows_a_secret(house: House) -> None:
    authenticator, codes = await house.active()
    (factor,) = await house.catalog.find(SecondFactor)
    (operator,) = await house.catalog.find(Operator)
    login = Login(RootLogin(house.root.email, house.root.password, codes[0]))
    for shown in (repr(factor), str(factor), f"{Insert(factor)}", repr(login), repr(house.factors)):
        assert authenticator.text not in shown
        assert repr(authenticator.secret)[2:-1] not in shown
        assert codes[0] not in shown
    assert operator.operator_id in repr(factor)
