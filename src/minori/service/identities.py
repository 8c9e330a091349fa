"""Operators, their users, roles and keys as they are now, in memory: what every request is judged by."""

from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Any

from minori.model.registry import (
    AuthKey,
    KeyUse,
    Operator,
    Principal,
    Record,
    Role,
    SecondFactor,
    User,
    holder_srn,
    role_srn,
    user_srn,
)
from minori.service.permissions import Permission, kept_permission
from minori.service.tokens import Holder
from minori.storage.base import Noted

DOCUMENTS = 512
"""Permission documents that are kept ready to be asked, and callers whose documents are (our choice)."""

_ready = lru_cache(DOCUMENTS)(kept_permission)


class Identities:
    """A view (see `views`) of all who can log in, and of what they may do."""

    def __init__(self) -> None:
        self._operators: dict[str, Operator] = {}
        self._users: dict[str, User] = {}
        self._roles: dict[str, Role] = {}
        self._keys: dict[str, AuthKey] = {}
        self._uses: dict[str, KeyUse] = {}
        self._factors: dict[str, SecondFactor] = {}
        self._kept: dict[Any, dict[str, Any]] = {
            Operator: self._operators,
            User: self._users,
            Role: self._roles,
            AuthKey: self._keys,
            KeyUse: self._uses,
            SecondFactor: self._factors,
        }
        self._operators_by_email: dict[str, Operator] = {}
        self._documents: dict[Principal, tuple[Permission, ...]] = {}

    @property
    def kinds(self) -> Collection[type[Record]]:
        """See `View`."""
        return self._kept

    def take(self, noted: Noted) -> None:
        """See `View`."""
        records = self._kept[noted.kind]
        if noted.record is None:
            records.pop(noted.key, None)
        else:
            records[noted.key] = noted.record
        if noted.kind is Operator:
            self._operators_by_email = {operator.email: operator for operator in self._operators.values()}
        if noted.kind not in (KeyUse, SecondFactor):
            self._documents.clear()

    def keys(self, kind: type[Record]) -> Collection[str]:
        """See `View`."""
        return self._kept[kind]

    def operator(self, operator_id: str) -> Operator | None:
        """The operator with this id."""
        return self._operators.get(operator_id)

    def operator_by_email(self, email: str) -> Operator | None:
        """The operator whose root user has this address, in its canonical form."""
        return self._operators_by_email.get(email)

    def user(self, operator_id: str, user_name: str) -> User | None:
        """The operator's user of this name."""
        return self._users.get(user_srn(operator_id, user_name))

    def users(self, operator_id: str) -> list[User]:
        """The operator's users, in order of their names."""
        mine = (user for user in self._users.values() if user.operator_id == operator_id)
        return sorted(mine, key=lambda user: user.user_name)

    def role(self, operator_id: str, role_id: str) -> Role | None:
        """The operator's role of this id."""
        return self._roles.get(role_srn(operator_id, role_id))

    def roles(self, operator_id: str) -> list[Role]:
        """The operator's roles, in order of their ids."""
        mine = (role for role in self._roles.values() if role.operator_id == operator_id)
        return sorted(mine, key=lambda role: role.role_id)

    def auth_key(self, auth_key_id: str) -> AuthKey | None:
        """The auth key with this id."""
        return self._keys.get(auth_key_id)

    def auth_keys(self, owner: Principal) -> list[AuthKey]:
        """The auth keys of one user, the oldest first."""
        wanted = (owner.operator_id, owner.user_name)
        mine = (key for key in self._keys.values() if (key.operator_id, key.user_name) == wanted)
        return sorted(mine, key=lambda key: (key.created_time, key.auth_key_id))

    def used(self, auth_key_id: str) -> int | None:
        """When a key last logged in (UNIX ms), to about a minute."""
        use = self._uses.get(auth_key_id)
        return None if use is None else use.time

    def second_factor(self, owner: Principal) -> SecondFactor | None:
        """What a user shares with his authenticator, confirmed or not."""
        return self._factors.get(holder_srn(owner.operator_id, owner.user_name))

    def is_current(self, holder: Holder) -> bool:
        """Whether the one to whom a token was issued is still there, and what he logged in with not withdrawn.

        Where somebody switched to him: whether that one is too, and the trust policy the one that allowed it.
        """
        operator_id, user_name = holder.principal.operator_id, holder.principal.user_name
        owner = self.operator(operator_id) if user_name is None else self.user(operator_id, user_name)
        is_withdrawn = holder.auth_key_id is not None and holder.auth_key_id not in self._keys
        if owner is None or owner.seal != holder.seal or is_withdrawn:
            return False
        origin = holder.origin
        if origin is None:
            return True
        return isinstance(owner, User) and owner.trust_seal == origin.trust_seal and self.is_current(origin.holder)

    def documents(self, principal: Principal) -> tuple[Permission, ...]:
        """The permission documents that count for a SAM user: the default one, his roles' and his own.

        Nobody has none, and so may do nothing.
        """
        found = self._documents.get(principal)
        if found is None:
            if len(self._documents) >= DOCUMENTS:
                self._documents.clear()
            found = self._documents[principal] = tuple(map(_ready, self._texts(principal)))
        return found

    def role_document(self, operator_id: str, role_id: str) -> Permission | None:
        """The permission document of a role."""
        role = self.role(operator_id, role_id)
        return None if role is None else _ready(role.permission)

    def _texts(self, principal: Principal) -> Iterable[str]:
        operator_id, user_name = principal.operator_id, principal.user_name
        operator = self.operator(operator_id)
        user = None if user_name is None else self.user(operator_id, user_name)
        if operator is None or user is None:
            return
        if operator.default_permissions is not None:
            yield operator.default_permissions
        for role_id in user.role_ids:
            role = self.role(operator_id, role_id)
            if role is not None:
                yield role.permission
        if user.permission is not None:
            yield user.permission
