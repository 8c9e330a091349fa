"""The users, roles and keys of operators: who there is, and every change of it."""

import asyncio
import re
from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from minori.codec.permission.trust import parse_trust_policy
from minori.errors import InvalidParameter, LimitReached, NameTaken, NotFound, Overloaded, RoleInUse
from minori.model.registry import AuthKey, KeyUse, Operator, Principal, Role, User, role_srn, user_srn
from minori.service.identities import Identities
from minori.service.passwords import random_text, sha256_hex
from minori.service.permissions import read_permission
from minori.service.second_factors import removal
from minori.service.views import Views
from minori.storage.base import Change, Conflict, Insert, Remove, Replace

USERS = 50
"""SAM users of an operator at most (documented)."""

ROLES = 20
"""Roles of an operator at most (documented)."""

KEYS = 10
"""Auth keys of one user at most, the root user too (our choice)."""

DESCRIPTION_LENGTH = 1024
"""The longest description, in characters (our choice)."""

RESERVED = "default_permissions"
"""No user can have this name: the path of the default permissions has it in its place (documented)."""

_SEAL_LENGTH, _KEY_ID_LENGTH, _KEY_LENGTH = 16, 32, 64
_is_name = re.compile(r"[A-Za-z0-9_@+=,-][A-Za-z0-9_.@+=,-]{0,63}").fullmatch


class NewKey(Struct, frozen=True, rename="camel"):
    """A key as it is shown once, when it is made."""

    auth_key_id: str
    auth_key: str

    def __repr__(self) -> str:
        """Without the secret, for logs and tracebacks."""
        return f"NewKey({self.auth_key_id})"


def new_seal() -> str:
    """A seal that nobody has."""
    return random_text(_SEAL_LENGTH)


def new_key(owner: Principal, now: int) -> tuple[AuthKey, NewKey]:
    """A new key, as it is kept and as it is shown; `now` is UNIX ms."""
    shown = NewKey(f"keyId-{random_text(_KEY_ID_LENGTH)}", f"secret-{random_text(_KEY_LENGTH)}")
    return AuthKey(shown.auth_key_id, owner.operator_id, sha256_hex(shown.auth_key), now, owner.user_name), shown


class People:
    """Changes who there is. `clock_ms` gives UNIX ms.

    Every method takes the operator first and raises `NotFound` for what that operator has not got: whether
    another one has it is not told. What is changed is durable and in force on return. Changes raise `Overloaded` where
    somebody else changed the same at the same time, and what `Catalog.apply` raises.
    """

    def __init__(self, identities: Identities, views: Views, clock_ms: Callable[[], int]) -> None:
        self.identities = identities
        self.clock_ms = clock_ms
        self.turn = asyncio.Lock()
        """Held by whoever looks at what there is and changes it then."""
        self._views = views

    async def apply(self, *changes: Change) -> None:
        """Make changes in one transaction."""
        try:
            await self._views.apply(*changes)
        except Conflict as error:
            raise Overloaded from error

    def operator(self, operator_id: str) -> Operator:
        """The operator. Raises `NotFound`."""
        operator = self.identities.operator(operator_id)
        if operator is None:
            raise NotFound("There is no such operator")
        return operator

    def user(self, operator_id: str, user_name: str) -> User:
        """A user. Raises `NotFound`."""
        user = self.identities.user(operator_id, user_name)
        if user is None:
            raise NotFound("There is no SAM user of this name")
        return user

    def role(self, operator_id: str, role_id: str) -> Role:
        """A role. Raises `NotFound`."""
        role = self.identities.role(operator_id, role_id)
        if role is None:
            raise NotFound("There is no role with this id")
        return role

    async def create_user(self, operator_id: str, user_name: str, description: str) -> None:
        """A user without password, keys and rights (documented). Raises `NameTaken`, `LimitReached`."""
        _check_name(user_name, "user_name")
        async with self.turn:
            if user_name == RESERVED or self.identities.user(operator_id, user_name) is not None:
                raise NameTaken("There is a SAM user of this name already; choose another name")
            if len(self.identities.users(operator_id)) >= USERS:
                raise LimitReached(f"There are {USERS} SAM users, the most that an operator may have; remove one first")
            now, srn = self.clock_ms(), user_srn(operator_id, user_name)
            await self.apply(Insert(User(srn, operator_id, user_name, description, now, now, new_seal(), {})))

    async def describe_user(self, operator_id: str, user_name: str, description: str | None) -> None:
        """Give a user another description; `None` leaves the one there is."""
        async with self.turn:
            user = self.user(operator_id, user_name)
            await self.write(user, replace(user, description=user.description if description is None else description))

    async def delete_user(self, operator_id: str, user_name: str) -> None:
        """Remove a user with his keys and his second factor; his tokens end at once."""
        async with self.turn:
            user = self.user(operator_id, user_name)
            keys = self.identities.auth_keys(Principal(operator_id, user_name))
            await self.apply(Remove(user), removal(user.srn), *(change for key in keys for change in _removal(key)))

    async def permit_user(self, operator_id: str, user_name: str, permission: str | None) -> None:
        """Give a user this permission document, or none. Raises `InvalidPermission`."""
        if permission is not None:
            read_permission(permission)
        async with self.turn:
            user = self.user(operator_id, user_name)
            await self.write(user, replace(user, permission=permission))

    async def trust(self, operator_id: str, user_name: str, policy: str | None) -> None:
        """Give a user this trust policy, or none. Raises `InvalidPermission`.

        Switches that the one before it allowed end, but for the very same policy again.
        """
        if policy is not None:
            parse_trust_policy(policy)
        async with self.turn:
            user = self.user(operator_id, user_name)
            if policy != user.trust_policy:
                await self.write(user, replace(user, trust_policy=policy, trust_seal=new_seal()))

    async def permit_all_users(self, operator_id: str, permission: str | None) -> None:
        """Give the operator these default permissions, or none. Raises `InvalidPermission`."""
        if permission is not None:
            read_permission(permission)
        async with self.turn:
            operator = self.operator(operator_id)
            await self.apply(Replace(replace(operator, default_permissions=permission), operator))

    async def attach_role(self, operator_id: str, user_name: str, role_id: str) -> None:
        """Give a user a role; nothing happens if he has it."""
        async with self.turn:
            user, role = self.user(operator_id, user_name), self.role(operator_id, role_id)
            if role_id not in user.role_ids:
                # The role is written too: so it is still there, whoever removes roles elsewhere.
                changed = replace(user, role_ids={**user.role_ids, role_id: self.clock_ms()})
                await self.apply(Replace(role, role), Replace(self._updated(changed), user))

    async def detach_role(self, operator_id: str, user_name: str, role_id: str) -> None:
        """Take a role from a user. Raises `NotFound` if he has not got it."""
        async with self.turn:
            user = self.user(operator_id, user_name)
            if role_id not in user.role_ids:
                raise NotFound("The SAM user does not have this role")
            others = {other: time for other, time in user.role_ids.items() if other != role_id}
            await self.write(user, replace(user, role_ids=others))

    def users_of_role(self, operator_id: str, role_id: str) -> list[User]:
        """Who has a role, in order of their names."""
        role = self.role(operator_id, role_id)
        return [user for user in self.identities.users(operator_id) if role.role_id in user.role_ids]

    async def create_role(self, operator_id: str, role_id: str, permission: str, description: str) -> None:
        """A role. Raises `InvalidPermission`, `NameTaken`, `LimitReached`."""
        _check_name(role_id, "role_id")
        read_permission(permission)
        async with self.turn:
            if self.identities.role(operator_id, role_id) is not None:
                raise NameTaken("There is a role with this id already; choose another id, or change the role with PUT")
            if len(self.identities.roles(operator_id)) >= ROLES:
                raise LimitReached(f"There are {ROLES} roles, the most that an operator may have; remove one first")
            now, srn = self.clock_ms(), role_srn(operator_id, role_id)
            await self.apply(Insert(Role(srn, operator_id, role_id, description, permission, now, now)))

    async def change_role(
        self, operator_id: str, role_id: str, permission: str | None, description: str | None
    ) -> None:
        """Give a role another document or description; `None` leaves what there is. Raises `InvalidPermission`."""
        if permission is not None:
            read_permission(permission)
        async with self.turn:
            role = self.role(operator_id, role_id)
            changed = replace(
                role,
                permission=role.permission if permission is None else permission,
                description=role.description if description is None else description,
                updated_time=self.clock_ms(),
            )
            await self.apply(Replace(changed, role))

    async def delete_role(self, operator_id: str, role_id: str) -> None:
        """Remove a role. Raises `RoleInUse` while users have it."""
        async with self.turn:
            users = self.users_of_role(operator_id, role_id)
            if users:
                raise RoleInUse(len(users))
            await self.apply(Remove(self.role(operator_id, role_id)))

    def auth_keys(self, owner: Principal) -> list[AuthKey]:
        """A user's keys, the oldest first; the root user's where he has no name. Raises `NotFound`."""
        self._check_owner(owner)
        return self.identities.auth_keys(owner)

    def auth_key(self, owner: Principal, auth_key_id: str) -> AuthKey:
        """One of a user's keys. Raises `NotFound`."""
        self._check_owner(owner)
        key = self.identities.auth_key(auth_key_id)
        if key is None or (key.operator_id, key.user_name) != (owner.operator_id, owner.user_name):
            raise NotFound("There is no auth key with this id")
        return key

    async def create_key(self, owner: Principal) -> NewKey:
        """One more key for a user. Raises `LimitReached`."""
        async with self.turn:
            if len(self.auth_keys(owner)) >= KEYS:
                raise LimitReached(f"There are {KEYS} auth keys, the most that a user may have; remove one first")
            key, shown = new_key(owner, self.clock_ms())
            await self.apply(Insert(key))
            return shown

    async def delete_key(self, owner: Principal, auth_key_id: str) -> None:
        """Remove a key; the tokens of its logins end at once."""
        async with self.turn:
            await self.apply(*_removal(self.auth_key(owner, auth_key_id)))

    async def end_tokens(self, owner: Principal) -> None:
        """End every token of a user now, whatever he logged in with; he can log in again."""
        async with self.turn:
            if owner.user_name is None:
                operator = self.operator(owner.operator_id)
                await self.apply(Replace(replace(operator, seal=new_seal()), operator))
            else:
                user = self.user(owner.operator_id, owner.user_name)
                await self.apply(Replace(replace(user, seal=new_seal()), user))

    async def write(self, user: User, changed: User) -> None:
        """Put a changed user in the place of the one that was read; whoever calls holds the turn."""
        await self.apply(Replace(self._updated(changed), user))

    def _updated(self, user: User) -> User:
        return replace(user, updated_time=self.clock_ms())

    def _check_owner(self, owner: Principal) -> None:
        if owner.user_name is None:
            self.operator(owner.operator_id)
        else:
            self.user(owner.operator_id, owner.user_name)


def _removal(key: AuthKey) -> tuple[Change, ...]:
    return Remove(key), Remove(KeyUse(key.auth_key_id, 0))


def _check_name(name: str, parameter: str) -> None:
    if not _is_name(name):
        raise InvalidParameter(
            f"{parameter} must have 1 to 64 characters: letters, digits and _.@+=,- but no dot at the beginning"
        )
