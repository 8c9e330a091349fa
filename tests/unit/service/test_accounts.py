"""The rules of passwords: what may be one, who may change one, and how long leave to set a new one lasts."""

import asyncio
from collections.abc import Awaitable

import pytest

from minori.errors import CredentialsWrong, Error, InvalidParameter, NameTaken, NotFound, PasswordUnfit, TokenRejected
from minori.model.registry import Operator, Principal, ResetPurpose, ResetToken, User
from minori.service.accounts import LONGEST, RESET_SECONDS, SHORTEST, check_password, create_reset_token
from peopled import ADDRESS, BEGIN, MINE, OTHER_PASSWORD, OTHERS, PASSWORD, House, peopled
from registered import refused

ANNA = Principal(MINE, "anna")


@pytest.mark.parametrize("password", ["x" * SHORTEST, "x" * LONGEST, "é" * LONGEST, " " * SHORTEST, "pass\0word"])
def test_a_password_of_8_to_256_characters_is_fit(password: str) -> None:
    check_password(password)


@pytest.mark.parametrize("password", ["", "x" * (SHORTEST - 1), "x" * (LONGEST + 1), "é" * (SHORTEST - 1)])
def test_any_other_is_refused_wherever_one_is_set(password: str) -> None:
    async def story(house: House) -> None:
        accounts = house.accounts
        await house.people.create_user(MINE, "anna", "")
        token = await token_for(house)
        calls: list[Awaitable[object]] = [
            accounts.create_user_password(MINE, "anna", password),
            accounts.change_root_password(MINE, PASSWORD, password, ADDRESS),
            accounts.reset_root_password(token, password, ADDRESS, BEGIN),
        ]
        for call in calls:
            assert "8 to 256 characters" in await refused(call, PasswordUnfit)
        await accounts.create_user_password(MINE, "anna", PASSWORD)
        await refused(accounts.change_user_password(MINE, "anna", PASSWORD, password, ADDRESS), PasswordUnfit)
        await house.as_root()
        await house.as_user("anna")
        # A refusal does not use the token up.
        await accounts.reset_root_password(token, OTHER_PASSWORD, ADDRESS, BEGIN)

    peopled(story)


async def token_for(house: House, operator_id: str = MINE) -> str:
    return await create_reset_token(house.catalog, house.operator(operator_id), ResetPurpose.PASSWORD, int(house.now))


def test_the_root_user_s_password_is_changed_by_whoever_knows_it() -> None:
    async def story(house: House) -> None:
        before = await house.as_root()
        change = house.accounts.change_root_password
        message = await refused(change(MINE, "wrong horse", OTHER_PASSWORD, ADDRESS), InvalidParameter)
        assert "currentPassword" in message
        house.now += 7
        await change(MINE, PASSWORD, OTHER_PASSWORD, ADDRESS)
        await house.as_root(OTHER_PASSWORD)
        await refused(house.as_root(PASSWORD), CredentialsWrong)
        operator = await house.catalog.get(Operator, MINE)
        assert operator is not None
        assert operator.updated_time == BEGIN * 1000 + 7000
        assert OTHER_PASSWORD not in repr(operator)
        # Tokens go on, and nobody else's password has changed.
        assert house.who(before) == Principal(MINE)
        await house.as_root(PASSWORD, OTHERS)
        await refused(change("OP9999999999", PASSWORD, OTHER_PASSWORD, ADDRESS), NotFound)

    peopled(story)


def test_a_user_s_password_is_set_once_changed_with_the_old_one_and_removed_once() -> None:
    async def story(house: House) -> None:
        accounts = house.accounts
        await house.people.create_user(MINE, "anna", "")
        await refused(accounts.delete_user_password(MINE, "anna"), NotFound)
        await refused(accounts.change_user_password(MINE, "anna", PASSWORD, OTHER_PASSWORD, ADDRESS), InvalidParameter)
        await accounts.create_user_password(MINE, "anna", PASSWORD)
        await refused(accounts.create_user_password(MINE, "anna", OTHER_PASSWORD), NameTaken)
        granted = await house.as_user("anna")
        await refused(accounts.change_user_password(MINE, "anna", "wrong one", PASSWORD, ADDRESS), InvalidParameter)
        await accounts.change_user_password(MINE, "anna", PASSWORD, OTHER_PASSWORD, ADDRESS)
        await house.as_user("anna", OTHER_PASSWORD)
        await refused(house.as_user("anna", PASSWORD), CredentialsWrong)
        await accounts.delete_user_password(MINE, "anna")
        await refused(house.as_user("anna", OTHER_PASSWORD), CredentialsWrong)
        await refused(accounts.delete_user_password(MINE, "anna"), NotFound)
        assert house.who(granted) == ANNA

    peopled(story)


def test_nobody_sets_the_password_of_another_operator_s_user() -> None:
    async def story(house: House) -> None:
        accounts = house.accounts
        await house.people.create_user(MINE, "anna", "")
        calls: list[tuple[Awaitable[object], type[Error]]] = [
            (accounts.create_user_password(OTHERS, "anna", PASSWORD), NotFound),
            (accounts.change_user_password(OTHERS, "anna", PASSWORD, OTHER_PASSWORD, ADDRESS), NotFound),
            (accounts.delete_user_password(OTHERS, "anna"), NotFound),
        ]
        for call, error in calls:
            await refused(call, error)
        (user,) = await house.catalog.find(User)
        assert user.password_hash is None

    peopled(story)


def test_of_two_first_passwords_at_once_one_counts() -> None:
    async def story(house: House) -> None:
        await house.people.create_user(MINE, "anna", "")
        create = house.accounts.create_user_password
        outcomes = await asyncio.gather(
            create(MINE, "anna", PASSWORD), create(MINE, "anna", OTHER_PASSWORD), return_exceptions=True
        )
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NameTaken", "NoneType"]
        await house.as_user("anna", (PASSWORD, OTHER_PASSWORD)[outcomes.index(None)])

    peopled(story)


def test_wrong_guesses_of_a_current_password_are_slowed_as_those_of_a_login() -> None:
    async def story(house: House) -> None:
        for _ in range(7):
            guess = house.accounts.change_root_password(MINE, "guess after guess", OTHER_PASSWORD, ADDRESS)
            await refused(guess, InvalidParameter)
        assert house.now > BEGIN

    peopled(story)


def test_a_reset_token_sets_a_password_once_and_ends_all_tokens_of_the_root_user() -> None:
    async def story(house: House) -> None:
        await house.people.create_user(MINE, "anna", "")
        key = await house.people.create_key(ANNA)
        root, user, token = await house.as_root(), await house.with_key(key), await token_for(house)
        reset = house.accounts.reset_root_password
        await reset(token, OTHER_PASSWORD, ADDRESS, BEGIN + RESET_SECONDS - 1)
        await house.as_root(OTHER_PASSWORD)
        with pytest.raises(TokenRejected):
            house.who(root)
        assert house.who(user) == ANNA
        await refused(reset(token, PASSWORD, ADDRESS, BEGIN), NotFound)
        await house.as_root(OTHER_PASSWORD)
        assert await house.catalog.find(ResetToken) == []

    peopled(story)


@pytest.mark.parametrize("late", [RESET_SECONDS, RESET_SECONDS * 100])
def test_a_reset_token_that_has_ended_or_was_guessed_sets_nothing_and_costs_as_a_wrong_guess(late: int) -> None:
    async def story(house: House) -> None:
        token = await token_for(house)
        for tried, now in ((token, BEGIN + late), ("guessed", BEGIN), ("", BEGIN), *[("again", BEGIN)] * 4):
            message = await refused(house.accounts.reset_root_password(tried, OTHER_PASSWORD, ADDRESS, now), NotFound)
            assert "no such reset token" in message
        assert house.now > BEGIN
        await house.as_root()

    peopled(story)


def test_a_new_reset_token_ends_the_older_ones_of_its_operator_and_those_that_have_ended() -> None:
    async def story(house: House) -> None:
        reset = house.accounts.reset_root_password
        older, others = await token_for(house), await token_for(house, OTHERS)
        newer = await token_for(house)
        await refused(reset(older, OTHER_PASSWORD, ADDRESS, BEGIN), NotFound)
        await reset(others, OTHER_PASSWORD, ADDRESS, BEGIN)
        await house.as_root(OTHER_PASSWORD, OTHERS)
        await house.as_root(PASSWORD)
        house.now += RESET_SECONDS
        await token_for(house, OTHERS)
        assert [kept.operator_id for kept in await house.catalog.find(ResetToken)] == [OTHERS]
        await refused(reset(newer, OTHER_PASSWORD, ADDRESS, BEGIN), NotFound)

    peopled(story)


def test_of_two_that_use_one_reset_token_at_once_one_sets_the_password() -> None:
    async def story(house: House) -> None:
        token, reset = await token_for(house), house.accounts.reset_root_password
        outcomes = await asyncio.gather(
            reset(token, "first password", "192.0.2.2", BEGIN),
            reset(token, "other password", "192.0.2.3", BEGIN),
            return_exceptions=True,
        )
        assert [isinstance(outcome, NotFound) for outcome in outcomes].count(True) == 1
        won = [not isinstance(outcome, BaseException) for outcome in outcomes].index(True)
        await house.as_root(("first password", "other password")[won])

    peopled(story)


def test_a_reset_token_is_kept_as_a_hash_alone() -> None:
    async def story(house: House) -> None:
        token = await token_for(house)
        (kept,) = await house.catalog.find(ResetToken)
        assert token not in repr(kept)
        assert (kept.operator_id, kept.until) == (MINE, BEGIN + RESET_SECONDS)

    peopled(story)


def test_a_password_that_was_removed_meanwhile_is_not_set_again_by_who_knew_it() -> None:
    async def story(house: House) -> None:
        await house.people.create_user(MINE, "anna", "")
        await house.accounts.create_user_password(MINE, "anna", PASSWORD)
        await asyncio.gather(
            house.accounts.change_user_password(MINE, "anna", PASSWORD, OTHER_PASSWORD, ADDRESS),
            house.accounts.delete_user_password(MINE, "anna"),
            return_exceptions=True,
        )
        (user,) = await house.catalog.find(User)
        assert user.password_hash is None

    peopled(story)


def test_of_two_changes_with_one_current_password_at_once_one_counts_and_the_other_is_told() -> None:
    async def story(house: House) -> None:
        change = house.accounts.change_root_password
        outcomes = await asyncio.gather(
            change(MINE, PASSWORD, "first password", "192.0.2.2"),
            change(MINE, PASSWORD, "other password", "192.0.2.3"),
            return_exceptions=True,
        )
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["InvalidParameter", "NoneType"]
        await house.as_root(("first password", "other password")[outcomes.index(None)])

    peopled(story)


def test_who_knew_the_password_does_not_undo_its_reset() -> None:
    async def story(house: House) -> None:
        token = await token_for(house)
        await asyncio.gather(
            house.accounts.change_root_password(MINE, PASSWORD, "known to a thief", "192.0.2.2"),
            house.accounts.reset_root_password(token, OTHER_PASSWORD, ADDRESS, BEGIN),
            return_exceptions=True,
        )
        await house.as_root(OTHER_PASSWORD)

    peopled(story)
