"""The bodies of `POST /v1/auth`, `…/auth/switch_user` and `…/operators/{operator_id}/token`, to values."""

from typing import Any

import msgspec
from msgspec import Struct

from minori.errors import InvalidParameter

MAX_TOKEN_SECONDS = 172_800
"""The longest life of a token (spec)."""

_TOKEN_SECONDS = range(1, MAX_TOKEN_SECONDS + 1)

SWITCH_SECONDS = range(180, 3_601)
"""Lives of a token that came of switching users (spec), in whole seconds; the longest where none is asked for."""

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
    """The root user of an operator, by e-mail address (see `canonical_email`) and password.

    `code` is that of a second factor, if one was sent.
    """

    email: str
    password: str
    code: str | None = None


class UserLogin(_Identity, frozen=True):
    """A SAM user of an operator; for `code` see `RootLogin`."""

    operator_id: str
    user_name: str
    password: str
    code: str | None = None


class Login(Struct, frozen=True):
    """Who wants to log in, and for how long: 1 to `MAX_TOKEN_SECONDS`, or `None` for the default."""

    identity: KeyLogin | RootLogin | UserLogin
    token_seconds: int | None = None


class Switch(Struct, frozen=True):
    """Which user somebody wants to become, and for how long."""

    operator_id: str
    user_name: str
    token_seconds: int


def canonical_email(email: str) -> str:
    """The form under which an address is kept and sought: case and outer blanks do not matter (our choice)."""
    return email.strip().lower()


def parse_login(body: bytes) -> Login:
    """The login in a JSON body.

    Unknown members and members without a value are ignored (R10); an empty text is no value (our
    choice). Of several complete combinations the first counts: `authKeyId` and `authKey`, `email` and
    `password`, `operatorId`, `userName` and `password`. `mfaOTPCode` comes with a password; beside an auth key
    it is passed over (documented: none is asked for there). Raises `InvalidParameter` for a body that is
    no JSON object, for a member of the wrong type or size, and where no combination is complete (our
    choice: that is a malformed request, 400, and tells nothing about any account).
    """
    members = _members(body)
    auth_key_id, auth_key = _text(members, "authKeyId"), _text(members, "authKey")
    email, password = _text(members, "email"), _text(members, "password")
    operator_id, user_name = _text(members, "operatorId"), _text(members, "userName")
    code = _text(members, "mfaOTPCode") or None
    seconds = _token_seconds(members)
    if auth_key_id and auth_key:
        return Login(KeyLogin(auth_key_id, auth_key), seconds)
    if email and password:
        return Login(RootLogin(canonical_email(email), password, code), seconds)
    if operator_id and user_name and password:
        return Login(UserLogin(operator_id, user_name, password, code), seconds)
    raise InvalidParameter(
        "The login is incomplete; send authKeyId and authKey, or email and password, "
        "or operatorId, userName and password"
    )


def parse_token_seconds(body: bytes) -> int | None:
    """The `tokenTimeoutSeconds` in a JSON body, or `None` where it or the whole body is absent.

    Raises `InvalidParameter` as `parse_login` does.
    """
    return _token_seconds(_members(body)) if body.strip() else None


def parse_switch(body: bytes) -> Switch:
    """The switch in a JSON body. Raises `InvalidParameter` as `parse_login` does."""
    members = _members(body)
    operator_id, user_name = _text(members, "operatorId"), _text(members, "userName")
    if not operator_id or not user_name:
        raise InvalidParameter("operatorId and userName are both needed: those of the user to switch to")
    return Switch(operator_id, user_name, _token_seconds(members, SWITCH_SECONDS) or SWITCH_SECONDS[-1])


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


def _token_seconds(members: dict[str, Any], allowed: range = _TOKEN_SECONDS) -> int | None:
    value = members.get("tokenTimeoutSeconds")
    if value is None:
        return None
    if type(value) is not int or value not in allowed:
        raise InvalidParameter(f"tokenTimeoutSeconds must be an integer from {allowed[0]} to {allowed[-1]}")
    return value
