"""Operators, users, roles and keys on the wire. Times of users, roles and keys are seconds here (spec)."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType, field
from msgspec.structs import asdict

from minori.model.registry import AuthKey, Operator, Role, User

_Text = Annotated[str, Meta(max_length=1024, pattern=r"^[^\x00]*$")]
_Secret = Annotated[str, Meta(max_length=1024)]


class Described(Struct, frozen=True):
    """`{"description"}`, the body for a user."""

    description: _Text | None = None


class Permitted(Struct, frozen=True):
    """`{"permission"}`, a document as text (spec); a description beside it is passed over (our choice)."""

    permission: str


class Trusted(Struct, frozen=True, rename="camel"):
    """`{"trustPolicy"}`, a document as text (spec)."""

    trust_policy: str


class RoleBody(Struct, frozen=True):
    """`{"permission","description"}`, the body for a role."""

    permission: str | None = None
    description: _Text | None = None


class DefaultPermissions(Struct, frozen=True):
    """`{"permissions"}` (spec: plural here)."""

    permissions: str


class Attached(Struct, frozen=True, rename="camel"):
    """`{"roleId"}`."""

    role_id: str


class NewPassword(Struct, frozen=True):
    """`{"password"}`, a first one."""

    password: _Secret

    def __repr__(self) -> str:
        """Without the secret, for logs and tracebacks."""
        return "NewPassword(…)"


class ChangedPassword(Struct, frozen=True, rename="camel"):
    """`{"currentPassword","newPassword"}`."""

    current_password: _Secret
    new_password: _Secret

    def __repr__(self) -> str:
        """Without the secrets, for logs and tracebacks."""
        return "ChangedPassword(…)"


class ResetPassword(Struct, frozen=True):
    """`{"token","password"}`."""

    token: _Secret
    password: _Secret

    def __repr__(self) -> str:
        """Without the secrets, for logs and tracebacks."""
        return "ResetPassword(…)"


class FactorCode(Struct, frozen=True):
    """`{"mfaOTPCode"}`."""

    code: Annotated[str, Meta(max_length=1024)] = field(name="mfaOTPCode")

    def __repr__(self) -> str:
        """Without the code, for logs and tracebacks."""
        return "FactorCode(…)"


class RevokedFactor(Struct, frozen=True):
    """`{"password"}`, or nothing: older definitions of the operation have no body."""

    password: _Secret | None = None

    def __repr__(self) -> str:
        """Without the secret, for logs and tracebacks."""
        return "RevokedFactor(…)"


class ResetFactor(Struct, frozen=True, rename="camel"):
    """`{"email","password","token","backupCode"}`."""

    email: _Text
    password: _Secret
    token: _Secret
    backup_code: _Secret | None = None

    def __repr__(self) -> str:
        """Without the secrets, for logs and tracebacks."""
        return "ResetFactor(…)"


class ResetRequest(Struct, frozen=True):
    """`{"email"}`."""

    email: _Text


class KeyShown(Struct, frozen=True, rename="camel"):
    """A key without its secret."""

    auth_key_id: str
    create_date_time: int
    last_used_date_time: int | UnsetType = UNSET


class RoleListed(Struct, frozen=True, rename="camel"):
    """A role in a list, without its document."""

    role_id: str
    role_name: str
    description: str
    owner: str
    create_date_time: int
    update_date_time: int


class RoleShown(RoleListed, frozen=True, rename="camel"):
    """A role."""

    permission: str


class UserShown(Struct, frozen=True, rename="camel"):
    """A user with all he has."""

    user_name: str
    description: str
    has_password: bool
    auth_key_list: list[KeyShown]
    role_list: list[RoleListed]
    create_date_time: int
    update_date_time: int
    permission: str | UnsetType = UNSET


def show_operator(operator: Operator) -> dict[str, str]:
    """An operator; its times are texts here (spec)."""
    updated = operator.created_time if operator.updated_time is None else operator.updated_time
    return {
        "operatorId": operator.operator_id,
        "rootOperatorId": operator.operator_id,
        "email": operator.email,
        "description": operator.description,
        "createDate": _date(operator.created_time),
        "updateDate": _date(updated),
    }


def show_key(key: AuthKey, used: int | None) -> KeyShown:
    """A key that was `used` last at that time (UNIX ms)."""
    return KeyShown(key.auth_key_id, key.created_time // 1000, UNSET if used is None else used // 1000)


def list_role(role: Role) -> RoleListed:
    """A role in a list; its name is its id (our choice)."""
    created, updated = role.created_time // 1000, role.updated_time // 1000
    return RoleListed(role.role_id, role.role_id, role.description, "operator", created, updated)


def show_role(role: Role) -> RoleShown:
    """A role with its document."""
    return RoleShown(**asdict(list_role(role)), permission=role.permission)


def show_user(user: User, keys: list[KeyShown], roles: Iterable[Role]) -> UserShown:
    """A user with his keys and roles."""
    return UserShown(
        user.user_name,
        user.description,
        user.password_hash is not None,
        keys,
        [list_role(role) for role in roles],
        user.created_time // 1000,
        user.updated_time // 1000,
        UNSET if user.permission is None else user.permission,
    )


def _date(time: int) -> str:
    return datetime.fromtimestamp(time // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
