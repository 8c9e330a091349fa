"""The bodies of `POST /v1/auth` and `POST /v1/operators/{operator_id}/token`, to values."""

from typing import Any

import msgspec
from msgspec import Struct

from minori.errors import InvalidParameter

MAX_TOKEN_SECONDS = 172_800
"""The longest life of a token (spec)."""

MEMBER_LENGTH = 1024
"""The longest member of a login, in characters (our choice); it bounds what is hashed."""


class _Identity(Struct, frozen=True):
    def __repr__(self) -> str:
        """The kind alone: a log or a traceback shows no secret."""
        return f"{type(self).__name__}(…)"


class KeyLogin(_Identity, frozen=True):
    """A program with its key pair."""

    auth_key_id: str
    auth_key: str


class RootLogin(_Identity, frozen=True):
    """The root user of an operator, by e-mail address (see `canonical_email`) and password."""

    email: str
    password: str


class UserLogin(_Identity, frozen=True):
    """A SAM user of an operator."""

    operator_id: str
    user_name: str
    password: str


class Login(Struct, frozen=True):
    """Who wants to log in, and for how long: 1 to `MAX_TOKEN_SECONDS`, or `None` for the default."""

    identity: KeyLogin | RootLogin | UserLogin
    token_seconds: int | None = None


def canonical_email(email: str) -> str:
    """The form under which an address is kept and sought: case and outer blanks do not matter (our choice)."""
    return email.strip().lower()


def parse_login(body: bytes) -> Login:
    """The login in a JSON body.

    Unknown members and members without a value are ignored (R10); an empty text is no value (our
    choice). Of several complete combinations the first counts: `authKeyId` and `authKey`, `email` and
    `password`, `operatorId`, `userName` and `password`. Raises `InvalidParameter` for a body that is
    no JSON object, for a member of the wrong type or size, and where no combination is complete (our
    choice: that is a malformed request, 400, and tells nothing about any account).
    """
    members = _members(body)
    auth_key_id, auth_key = _text(members, "authKeyId"), _text(members, "authKey")
    email, password = _text(members, "email"), _text(members, "password")
    operator_id, user_name = _text(members, "operatorId"), _text(members, "userName")
    seconds = _token_seconds(members)
    if auth_key_id and auth_key:
        return Login(KeyLogin(auth_key_id, auth_key), seconds)
    if email and password:
        return Login(RootLogin(canonical_email(email), password), seconds)
    if operator_id and user_name and password:
        return Login(UserLogin(operator_id, user_name, password), seconds)
    raise InvalidParameter(
        "The login is incomplete; send authKeyId and authKey, or email and password, "
        "or operatorId, userName and password"
    )


def parse_token_seconds(body: bytes) -> int | None:
    """The `tokenTimeoutSeconds` in a JSON body, or `None` where it or the whole body is absent.

    Raises `InvalidParameter` as `parse_login` does.
    """
    return _token_seconds(_members(body)) if body.strip() else None


def _members(body: bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidParameter("The body is not valid JSON; send a JSON object") from error
    if not isinstance(value, dict):
        raise InvalidParameter("The body is no JSON object")
    return value


def _text(members: dict[str, Any], name: str) -> str | None:
    value = members.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidParameter(f"{name} must be a string")
    if len(value) > MEMBER_LENGTH:
        raise InvalidParameter(f"{name} is longer than {MEMBER_LENGTH} characters")
    return value


def _token_seconds(members: dict[str, Any]) -> int | None:
    value = members.get("tokenTimeoutSeconds")
    if value is None:
        return None
    if type(value) is not int or not 1 <= value <= MAX_TOKEN_SECONDS:
        raise InvalidParameter(f"tokenTimeoutSeconds must be an integer from 1 to {MAX_TOKEN_SECONDS}")
    return value
