"""Logins, renewals and logouts against a real catalog."""

import asyncio
from collections.abc import Awaitable, Callable

import jwt
import pytest

from minori.codec.login import KeyLogin, Login, RootLogin, UserLogin
from minori.errors import (
    CredentialsMissing,
    CredentialsWrong,
    NotFound,
    StoreFailed,
    TokenExpired,
    TokenRejected,
)
from minori.model.registry import Logout, Principal, Secret
from minori.service.access import AccessService
from minori.service.identities import Identities
from minori.service.operators import Credentials, create_operator
from minori.service.views import Views
from minori.storage.base import Change
from minori.storage.memory.catalog import MemoryCatalog

ADDRESS = "192.0.2.1"
START = 1_700_000_000.0
MAX = 172_800


class House:
    """A catalog with one operator, and the service on it; time passes when told."""

    def __init__(self) -> None:
        self.now = START
        self.catalog = MemoryCatalog()
        self.access = self.service()
        self.root: Credentials

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)

    def service(self) -> AccessService:
        self.identities = Identities()
        self.views = Views(self.catalog, self.identities)
        return AccessService(self.catalog, self.identities, self.views, self.clock, sleep=self.sleep)

    async def restart(self) -> None:
        self.access = self.service()
        await self.access.start()
        await self.views.refresh()

    async def log_in(self, seconds: int | None = None) -> tuple[str, str]:
        granted = await self.access.log_in(Login(KeyLogin(self.root.auth_key_id, self.root.auth_key), seconds), ADDRESS)
        return granted.api_key, granted.token


def in_house(story: Callable[[House], Awaitable[None]]) -> Callable[[], None]:
    def test() -> None:
        async def tell() -> None:
            house = House()
            await house.access.start()
            house.root = await create_operator(house.catalog, "root@example.com", house.clock)
            await house.views.refresh()
            await story(house)

        asyncio.run(tell())

    test.__name__ = story.__name__
    return test


@in_house
async def test_email_and_password_log_in(house: House) -> None:
    granted = await house.access.log_in(Login(RootLogin("root@example.com", house.root.password)), ADDRESS)
    assert granted.operator_id == house.root.operator_id
    assert house.access.authenticate(granted.api_key, granted.token) == Principal(house.root.operator_id)


@in_house
async def test_a_key_pair_logs_in(house: House) -> None:
    assert house.access.authenticate(*await house.log_in()) == Principal(house.root.operator_id)


@in_house
async def test_anything_wrong_is_refused_in_the_same_words(house: House) -> None:
    root = house.root
    messages = set()
    for identity in (
        RootLogin("root@example.com", root.password + "x"),
        RootLogin("nobody@example.com", root.password),
        KeyLogin(root.auth_key_id, root.auth_key + "x"),
        KeyLogin("keyId-unknown", root.auth_key),
        UserLogin(root.operator_id, "root", root.password),
        UserLogin("OP0000000000", "nobody", "x"),
    ):
        with pytest.raises(CredentialsWrong) as caught:
            await house.access.log_in(Login(identity), ADDRESS)
        messages.add(caught.value.message)
    assert len(messages) == 1


@in_house
async def test_a_password_is_hashed_whoever_is_asked_for(house: House) -> None:
    asked: list[str | None] = []
    verify = house.access._passwords.verify

    async def spy(password: str, password_hash: str | None) -> bool:
        asked.append(password_hash)
        return await verify(password, password_hash)

    house.access._passwords.verify = spy  # type: ignore[method-assign]  # watches, changes nothing
    for identity in (RootLogin("nobody@example.com", "x"), UserLogin(house.root.operator_id, "sam", "x")):
        with pytest.raises(CredentialsWrong):
            await house.access.log_in(Login(identity), ADDRESS)
    assert asked == [None, None]


@in_house
async def test_api_key_and_token_look_as_clients_expect(house: House) -> None:
    api_key, token = await house.log_in()
    assert len(api_key) == len("api-") + 36
    assert api_key.startswith("api-")
    assert token.startswith("eyJra")
    assert next(iter(jwt.get_unverified_header(token))) == "kid"
    payload = jwt.decode(token, options={"verify_signature": False})
    assert payload["operator"] == {"operatorId": house.root.operator_id}
    assert payload["exp"] - payload["iat"] == 86_400


@in_house
async def test_a_token_ends_when_it_was_to_end(house: House) -> None:
    pair = await house.log_in(60)
    house.now = START + 59.9
    house.access.authenticate(*pair)
    house.now = START + 60
    for _ in range(2):
        with pytest.raises(TokenRejected):
            house.access.authenticate(*pair)


@in_house
async def test_the_default_life_of_a_token_is_a_setting(house: House) -> None:
    house.access = AccessService(house.catalog, house.identities, house.views, house.clock, token_seconds=100)
    await house.access.start()
    pair = await house.log_in()
    house.now = START + 100
    with pytest.raises(TokenRejected):
        house.access.authenticate(*pair)


@in_house
async def test_a_restart_keeps_tokens_valid(house: House) -> None:
    pair = await house.log_in()
    await house.restart()
    house.access.authenticate(*pair)


@in_house
async def test_another_server_does_not_take_the_token(house: House) -> None:
    pair = await house.log_in()
    house.catalog = MemoryCatalog()
    await house.restart()
    with pytest.raises(TokenRejected):
        house.access.authenticate(*pair)


@in_house
async def test_the_signing_secret_is_made_once(house: House) -> None:
    (made,) = await house.catalog.find(Secret)
    await house.restart()
    assert await house.catalog.find(Secret) == [made]
    assert len(made.value) == 32


@in_house
async def test_a_logout_ends_the_api_key_with_all_its_tokens(house: House) -> None:
    api_key, token = await house.log_in()
    renewed = await house.access.renew(house.root.operator_id, api_key, token, None)
    house.access.authenticate(api_key, token)
    await house.access.log_out(api_key, token)
    for dead in (token, renewed):
        with pytest.raises(TokenRejected):
            house.access.authenticate(api_key, dead)
        with pytest.raises(TokenRejected):
            await house.access.renew(house.root.operator_id, api_key, dead, None)


@in_house
async def test_a_logout_ends_no_other_login(house: House) -> None:
    pair, other = await house.log_in(), await house.log_in()
    await house.access.log_out(*pair)
    house.access.authenticate(*other)


@in_house
async def test_a_logout_outlives_a_restart_for_as_long_as_a_token_could_live(house: House) -> None:
    pair = await house.log_in(MAX)
    await house.access.log_out(*pair)
    house.now = START + MAX - 1
    await house.restart()
    with pytest.raises(TokenRejected):
        house.access.authenticate(*pair)
    (kept,) = await house.catalog.find(Logout)
    assert kept.until == START + MAX


@in_house
async def test_logouts_whose_tokens_have_ended_are_forgotten_at_the_start_and_at_a_logout(house: House) -> None:
    await house.access.log_out(*await house.log_in())
    house.now += MAX
    pair = await house.log_in()
    await house.access.log_out(*pair)
    (kept,) = await house.catalog.find(Logout)
    assert kept.until == house.now + MAX
    house.now += MAX
    await house.restart()
    assert await house.catalog.find(Logout) == []


@in_house
async def test_a_logout_that_could_not_be_kept_did_not_happen(house: House) -> None:
    class Refusing(MemoryCatalog):
        async def apply(self, *changes: Change) -> None:
            raise StoreFailed(f"The disk is full and takes no {len(changes)} changes")

    pair = await house.log_in()
    house.access._catalog = Refusing()
    with pytest.raises(StoreFailed):
        await house.access.log_out(*pair)
    house.access.authenticate(*pair)


@in_house
async def test_a_second_logout_is_refused_like_any_dead_pair(house: House) -> None:
    pair = await house.log_in()
    await house.access.log_out(*pair)
    with pytest.raises(TokenRejected):
        await house.access.log_out(*pair)


@in_house
async def test_a_renewed_token_belongs_to_the_same_key_and_the_old_one_keeps_its_life(house: House) -> None:
    api_key, token = await house.log_in(100)
    renewed = await house.access.renew(house.root.operator_id, api_key, token, 200)
    house.now = START + 99
    house.access.authenticate(api_key, token)
    house.now = START + 199
    house.access.authenticate(api_key, renewed)
    with pytest.raises(TokenRejected):
        house.access.authenticate(api_key, token)


@in_house
async def test_renewing_an_ended_token_says_so(house: House) -> None:
    api_key, token = await house.log_in(100)
    house.now = START + 100
    with pytest.raises(TokenExpired):
        await house.access.renew(house.root.operator_id, api_key, token, None)


@in_house
async def test_renewing_for_another_operator_finds_none(house: House) -> None:
    other = await create_operator(house.catalog, "other@example.com", house.clock)
    api_key, token = await house.log_in()
    for operator_id in (other.operator_id, "OP0000000000", "", house.root.operator_id.lower()):
        with pytest.raises(NotFound):
            await house.access.renew(operator_id, api_key, token, None)


@in_house
async def test_renewal_and_logout_need_both_halves_of_the_pair(house: House) -> None:
    api_key, token = await house.log_in()
    for half in ((api_key, None), (None, token), ("", token), (api_key, "")):
        with pytest.raises(CredentialsMissing):
            await house.access.renew(house.root.operator_id, half[0], half[1], None)
        with pytest.raises(CredentialsMissing):
            await house.access.log_out(*half)


@in_house
async def test_wrong_guesses_are_slowed_and_a_right_login_is_not(house: House) -> None:
    wrong = Login(KeyLogin(house.root.auth_key_id, "secret-wrong"))
    for _ in range(8):
        with pytest.raises(CredentialsWrong):
            await house.access.log_in(wrong, ADDRESS)
    assert house.now == START + 0.25 + 0.5 + 1
    await house.log_in()
    assert house.now == START + 0.25 + 0.5 + 1


@in_house
async def test_many_passwords_are_verified_at_once_and_all_are_answered(house: House) -> None:
    login = Login(RootLogin("root@example.com", house.root.password))
    granted = await asyncio.gather(*[house.access.log_in(login, f"192.0.2.{number}") for number in range(10)])
    assert len({one.api_key for one in granted}) == 10


@in_house
async def test_what_a_login_gives_shows_no_secret(house: House) -> None:
    login = Login(KeyLogin(house.root.auth_key_id, house.root.auth_key))
    granted = await house.access.log_in(login, ADDRESS)
    assert "api-" not in repr(granted)
    assert "eyJ" not in repr(granted)
