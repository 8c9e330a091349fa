"""The rules of users, roles and keys: names and numbers, whose they are, and what ends with them."""

import asyncio
from hashlib import sha256
from pathlib import Path

import pytest
from msgspec.structs import replace

from minori.errors import (
    CredentialsWrong,
    InvalidParameter,
    InvalidPermission,
    LimitReached,
    NameTaken,
    NotFound,
    Overloaded,
    RoleInUse,
    TokenRejected,
)
from minori.model.registry import AuthKey, KeyUse, Operator, Principal, Role, User, user_srn
from minori.service.people import KEYS, ROLES, USERS, NewKey
from minori.storage.base import Put, Remove
from peopled import ALL, BEGIN, MINE, NOTHING, OTHERS, House, peopled, peopled_on_disk
from registered import refused

BAD = '{"statements":[{"effect":"maybe","api":"*"}]}'
names = pytest.mark.parametrize("name", ["a", "a" * 64, "_", "Anna.B@x+y=z,-", "0", "-"])
no_names = pytest.mark.parametrize(
    "name", ["", "a" * 65, ".a", "..", "a b", "a/b", "a\n", "é", "a%", "a:b", "\N{ARABIC-INDIC DIGIT ONE}"]
)


@names
def test_a_new_user_has_nothing_but_a_name(name: str) -> None:
    async def story(house: House) -> None:
        await house.people.create_user(MINE, name, "Night shift")
        user = house.people.user(MINE, name)
        assert user == await house.catalog.get(User, user_srn(MINE, name))
        assert (user.description, user.created_time, user.updated_time) == ("Night shift", BEGIN * 1000, BEGIN * 1000)
        assert (user.password_hash, user.permission, user.role_ids) == (None, None, {})
        assert house.people.auth_keys(Principal(MINE, name)) == []

    peopled(story)


@no_names
def test_what_is_no_name_is_neither_a_user_s_nor_a_role_s(name: str) -> None:
    async def story(house: House) -> None:
        for call in (house.people.create_user(MINE, name, ""), house.people.create_role(MINE, name, NOTHING, "")):
            assert "1 to 64 characters" in await refused(call, InvalidParameter)
        assert (house.identities.users(MINE), house.identities.roles(MINE)) == ([], [])

    peopled(story)


def test_a_name_is_taken_once_an_operator_and_case_matters() -> None:
    async def story(house: House) -> None:
        for name in ("anna", "Anna"):
            await house.people.create_user(MINE, name, "first")
            await house.people.create_role(MINE, name, NOTHING, "first")
        await refused(house.people.create_user(MINE, "anna", "second"), NameTaken)
        await refused(house.people.create_role(MINE, "anna", ALL, "second"), NameTaken)
        assert house.people.user(MINE, "anna").description == "first"
        assert house.people.role(MINE, "anna").permission == NOTHING
        await house.people.create_user(OTHERS, "anna", "another")
        await house.people.create_role(OTHERS, "anna", ALL, "another")
        assert house.people.user(MINE, "anna").description == "first"

    peopled(story)


def test_the_name_of_the_default_permissions_is_no_user_s_but_may_be_a_role_s() -> None:
    async def story(house: House) -> None:
        await refused(house.people.create_user(MINE, "default_permissions", ""), NameTaken)
        await house.people.create_user(MINE, "Default_permissions", "")
        await house.people.create_role(MINE, "default_permissions", NOTHING, "")

    peopled(story)


def test_an_operator_has_so_many_users_roles_and_keys_and_not_one_more() -> None:
    async def story(house: House) -> None:
        people, root = house.people, Principal(MINE)
        for number in range(USERS):
            await people.create_user(MINE, f"u{number}", "")
        for number in range(ROLES):
            await people.create_role(MINE, f"r{number}", NOTHING, "")
        for owner in (root, Principal(MINE, "u0")):
            made = [await people.create_key(owner) for _ in range(KEYS)]
            assert "10 auth keys" in await refused(people.create_key(owner), LimitReached)
            await people.delete_key(owner, made[0].auth_key_id)
            await people.create_key(owner)
        assert "50 SAM users" in await refused(people.create_user(MINE, "more", ""), LimitReached)
        assert "20 roles" in await refused(people.create_role(MINE, "more", NOTHING, ""), LimitReached)
        await people.create_user(OTHERS, "more", "")
        await people.create_role(OTHERS, "more", NOTHING, "")
        await people.create_key(Principal(OTHERS))
        await people.delete_user(MINE, "u7")
        await people.delete_role(MINE, "r7")
        await people.create_user(MINE, "more", "")
        await people.create_role(MINE, "more", NOTHING, "")

    peopled(story)


def test_what_another_operator_has_is_not_there() -> None:
    async def story(house: House) -> None:
        people, anna = house.people, Principal(OTHERS, "anna")
        await people.create_user(MINE, "anna", "")
        await people.create_role(MINE, "role", NOTHING, "")
        key = await people.create_key(Principal(MINE, "anna"))
        await people.create_user(OTHERS, "namesake", "")
        await people.create_user(MINE, "namesake", "")
        others = await people.create_key(Principal(OTHERS, "namesake"))
        for call in (
            people.delete_key(Principal(MINE, "namesake"), others.auth_key_id),
            people.describe_user(OTHERS, "anna", "x"),
            people.delete_user(OTHERS, "anna"),
            people.permit_user(OTHERS, "anna", ALL),
            people.attach_role(OTHERS, "anna", "role"),
            people.detach_role(OTHERS, "anna", "role"),
            people.change_role(OTHERS, "role", ALL, None),
            people.delete_role(OTHERS, "role"),
            people.create_key(anna),
            people.delete_key(anna, key.auth_key_id),
            people.delete_key(Principal(OTHERS), key.auth_key_id),
            people.delete_key(Principal(MINE), key.auth_key_id),
            people.end_tokens(anna),
        ):
            await refused(call, NotFound)
        await house.with_key(key)
        with pytest.raises(NotFound):
            people.users_of_role(OTHERS, "role")

    peopled(story)


def test_an_operator_that_there_is_not_has_nobody() -> None:
    async def story(house: House) -> None:
        nobody = "OP9999999999"
        for call in (
            house.people.permit_all_users(nobody, ALL),
            house.people.create_key(Principal(nobody)),
            house.people.end_tokens(Principal(nobody)),
        ):
            await refused(call, NotFound)

    peopled(story)


def test_a_description_is_changed_alone_and_dated() -> None:
    async def story(house: House) -> None:
        await house.people.create_user(MINE, "anna", "Night shift")
        await house.people.permit_user(MINE, "anna", ALL)
        house.now += 7
        await house.people.describe_user(MINE, "anna", "Day shift")
        user = house.people.user(MINE, "anna")
        assert (user.description, user.permission) == ("Day shift", ALL)
        assert user.updated_time - user.created_time == 7000
        await house.people.describe_user(MINE, "anna", None)
        assert house.people.user(MINE, "anna").description == "Day shift"
        await house.people.describe_user(MINE, "anna", "")
        assert house.people.user(MINE, "anna").description == ""

    peopled(story)


def test_a_document_that_cannot_be_read_is_never_kept() -> None:
    async def story(house: House) -> None:
        people = house.people
        await people.create_user(MINE, "anna", "")
        await people.create_role(MINE, "role", NOTHING, "")
        for text in (BAD, "", "[]", "{}"):
            for call in (
                people.permit_user(MINE, "anna", text),
                people.permit_all_users(MINE, text),
                people.create_role(MINE, "other", text, ""),
                people.change_role(MINE, "role", text, "changed"),
            ):
                await refused(call, InvalidPermission)
        assert (people.user(MINE, "anna").permission, people.operator(MINE).default_permissions) == (None, None)
        assert (people.role(MINE, "role").permission, people.role(MINE, "role").description) == (NOTHING, "")
        assert [role.role_id for role in house.identities.roles(MINE)] == ["role"]

    peopled(story)


def test_a_role_changes_in_what_is_given_alone() -> None:
    async def story(house: House) -> None:
        await house.people.create_role(MINE, "role", NOTHING, "Reads")
        house.now += 7
        await house.people.change_role(MINE, "role", ALL, None)
        assert house.people.role(MINE, "role").description == "Reads"
        await house.people.change_role(MINE, "role", None, "Does all")
        role = house.people.role(MINE, "role")
        assert (role.permission, role.description) == (ALL, "Does all")
        assert role.updated_time - role.created_time == 7000

    peopled(story)


def test_a_role_is_removed_once_nobody_has_it() -> None:
    async def story(house: House) -> None:
        people = house.people
        await people.create_role(MINE, "role", NOTHING, "")
        for name in ("anna", "bob"):
            await people.create_user(MINE, name, "")
            await people.attach_role(MINE, name, "role")
        assert [user.user_name for user in people.users_of_role(MINE, "role")] == ["anna", "bob"]
        assert "2 users" in await refused(people.delete_role(MINE, "role"), RoleInUse)
        await people.delete_user(MINE, "bob")
        await people.detach_role(MINE, "anna", "role")
        await people.delete_role(MINE, "role")
        await refused(people.delete_role(MINE, "role"), NotFound)
        assert await house.catalog.find(Role) == []

    peopled(story)


def test_attaching_twice_changes_nothing_and_detaching_twice_is_told() -> None:
    async def story(house: House) -> None:
        people = house.people
        await people.create_user(MINE, "anna", "")
        await people.create_role(MINE, "role", NOTHING, "")
        await people.attach_role(MINE, "anna", "role")
        attached = people.user(MINE, "anna")
        assert attached.role_ids == {"role": BEGIN * 1000}
        house.now += 7
        await people.attach_role(MINE, "anna", "role")
        assert people.user(MINE, "anna") == attached
        await refused(people.attach_role(MINE, "anna", "no-such-role"), NotFound)
        await people.detach_role(MINE, "anna", "role")
        await refused(people.detach_role(MINE, "anna", "role"), NotFound)

    peopled(story)


def test_a_key_is_kept_as_a_hash_and_shown_once() -> None:
    async def story(house: House) -> None:
        shown = await house.people.create_key(Principal(MINE))
        (key,) = await house.catalog.find(AuthKey)
        assert (key.auth_key_id, key.secret_sha256) == (
            shown.auth_key_id,
            sha256(shown.auth_key.encode()).hexdigest(),
        )
        assert shown.auth_key not in repr((shown, key))
        assert house.people.auth_keys(Principal(MINE)) == [key]

    peopled(story)


def test_keys_are_listed_the_oldest_first_and_one_s_own_alone() -> None:
    async def story(house: House) -> None:
        await house.people.create_user(MINE, "anna", "")
        made = []
        for _ in range(4):
            house.now += 1
            made.append((await house.people.create_key(Principal(MINE, "anna"))).auth_key_id)
            await house.people.create_key(Principal(MINE))
        assert [key.auth_key_id for key in house.people.auth_keys(Principal(MINE, "anna"))] == made

    peopled(story)


async def logged_in(house: House) -> tuple[NewKey, NewKey]:
    """A user with two keys."""
    await house.people.create_user(MINE, "anna", "")
    owner = Principal(MINE, "anna")
    return await house.people.create_key(owner), await house.people.create_key(owner)


def test_with_a_key_end_its_logins_and_no_other() -> None:
    async def story(house: House) -> None:
        one, two = await logged_in(house)
        first, second = await house.with_key(one), await house.with_key(two)
        await house.people.delete_key(Principal(MINE, "anna"), one.auth_key_id)
        with pytest.raises(TokenRejected):
            house.who(first)
        assert house.who(second) == Principal(MINE, "anna")
        await refused(house.with_key(one), CredentialsWrong)
        await refused(house.people.delete_key(Principal(MINE, "anna"), one.auth_key_id), NotFound)
        assert [use.auth_key_id for use in await house.catalog.find(KeyUse)] == [two.auth_key_id]

    peopled(story)


def test_with_a_user_go_keys_and_tokens_and_a_namesake_inherits_none() -> None:
    async def story(house: House) -> None:
        one, _ = await logged_in(house)
        granted, seal = await house.with_key(one), house.people.user(MINE, "anna").seal
        await house.people.permit_user(MINE, "anna", ALL)
        await house.people.delete_user(MINE, "anna")
        await house.people.create_user(MINE, "anna", "another Anna")
        with pytest.raises(TokenRejected):
            house.who(granted)
        await refused(house.with_key(one), CredentialsWrong)
        assert (await house.catalog.find(AuthKey), await house.catalog.find(KeyUse)) == ([], [])
        # A token that a password gave would end with the seal.
        assert house.people.user(MINE, "anna").seal not in ("", seal)
        assert house.identities.documents(Principal(MINE, "anna")) == ()

    peopled(story)


def test_tokens_end_together_and_a_new_login_counts() -> None:
    async def story(house: House) -> None:
        one, two = await logged_in(house)
        before, root = [await house.with_key(one), await house.with_key(two)], await house.as_root()
        await house.people.end_tokens(Principal(MINE, "anna"))
        for granted in before:
            with pytest.raises(TokenRejected):
                house.who(granted)
        again = await house.with_key(one)
        assert (house.who(again), house.who(root)) == (Principal(MINE, "anna"), Principal(MINE))
        await house.people.end_tokens(Principal(MINE))
        with pytest.raises(TokenRejected):
            house.who(root)
        assert house.who(again) == Principal(MINE, "anna")

    peopled(story)


def test_documents_are_the_default_ones_those_of_roles_and_one_s_own_as_they_are_now() -> None:
    async def story(house: House) -> None:
        people, anna = house.people, Principal(MINE, "anna")
        counts: list[int] = []

        def count() -> None:
            counts.append(len(house.identities.documents(anna)))

        count()
        await people.create_user(MINE, "anna", "")
        count()
        await people.permit_all_users(MINE, NOTHING)
        count()
        await people.create_role(MINE, "role", NOTHING, "")
        await people.attach_role(MINE, "anna", "role")
        count()
        await people.permit_user(MINE, "anna", ALL)
        count()
        await people.permit_all_users(MINE, None)
        count()
        await people.detach_role(MINE, "anna", "role")
        count()
        await people.permit_user(MINE, "anna", None)
        count()
        assert counts == [0, 0, 1, 2, 3, 2, 1, 0]
        assert house.identities.documents(Principal(OTHERS, "anna")) == ()

    peopled(story)


def test_changes_at_once_lose_nothing_of_each_other(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        people = house.people
        await people.create_user(MINE, "anna", "")
        roles = [f"r{number}" for number in range(6)]
        for role in roles:
            await people.create_role(MINE, role, NOTHING, "")
        await asyncio.gather(
            people.permit_user(MINE, "anna", ALL),
            people.describe_user(MINE, "anna", "Night shift"),
            *[people.attach_role(MINE, "anna", role) for role in roles],
        )
        user = people.user(MINE, "anna")
        assert (user.permission, user.description, sorted(user.role_ids)) == (ALL, "Night shift", roles)

    peopled_on_disk(tmp_path, story)


def test_of_many_at_once_only_so_many_get_in(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        outcomes = await asyncio.gather(
            *[house.people.create_key(Principal(MINE)) for _ in range(KEYS + 3)],
            *[house.people.create_user(MINE, "anna", "") for _ in range(3)],
            return_exceptions=True,
        )
        assert [type(outcome) for outcome in outcomes].count(LimitReached) == 3
        assert [type(outcome) for outcome in outcomes].count(NameTaken) == 2

    peopled_on_disk(tmp_path, story)


def test_what_another_process_changed_meanwhile_is_not_overwritten() -> None:
    async def story(house: House) -> None:
        people = house.people
        for name in ("anna", "bob"):
            await people.create_user(MINE, name, "")
        await people.create_role(MINE, "role", NOTHING, "")
        user, role, operator = people.user(MINE, "anna"), people.role(MINE, "role"), house.operator()
        # The views do not know of it yet.
        await house.catalog.apply(
            Put(replace(user, description="beside")), Put(replace(operator, description="beside"))
        )
        await house.catalog.apply(Remove(role))
        for call in (
            people.describe_user(MINE, "anna", "mine"),
            people.permit_user(MINE, "anna", ALL),
            people.attach_role(MINE, "bob", "role"),
            people.permit_all_users(MINE, ALL),
            people.end_tokens(Principal(MINE)),
            people.change_role(MINE, "role", ALL, None),
        ):
            await refused(call, Overloaded)
        kept = await house.catalog.get(User, user.srn), await house.catalog.get(Operator, MINE)
        assert [one.description for one in kept if one is not None] == ["beside", "beside"]
        assert await house.catalog.find(Role) == []

    peopled(story)
