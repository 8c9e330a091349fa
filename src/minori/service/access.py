"""Who is calling: logins, tokens and logouts of operators."""

import asyncio
import secrets
import uuid
from collections.abc import Awaitable, Callable

from msgspec import Struct

from minori.codec.login import KeyLogin, Login, RootLogin
from minori.errors import CredentialsWrong, NotFound, TokenExpired
from minori.model.registry import AuthKey, Logout, Operator, Principal, Secret
from minori.service.attempts import Attempts
from minori.service.passwords import Passwords, is_secret, sha256_hex
from minori.service.tokens import SECRET_BYTES, Tokens
from minori.storage.base import Catalog, Insert, Put, Remove

SIGNING = "token-signing"
DEFAULT_TOKEN_SECONDS = 86_400
"""The life of a token where none is asked for (spec)."""


class Granted(Struct, frozen=True, rename="camel"):
    """What a login gives, as the wire wants it (R9): `{"apiKey","token","operatorId"}`."""

    api_key: str
    token: str
    operator_id: str

    def __repr__(self) -> str:
        """Without the pair: a log or a traceback shows no secret."""
        return f"Granted({self.operator_id})"


async def kept_secret(catalog: Catalog, name: str) -> bytes:
    """The server's secret of this name, made where there is none yet; durable on return."""
    kept = await catalog.get(Secret, name)
    if kept is None:
        kept = Secret(name, secrets.token_bytes(SECRET_BYTES))
        await catalog.apply(Insert(kept))
    return kept.value


class AccessService:
    """Call `start` once before anything else. `clock` gives UNIX seconds.

    A login makes an API key and a first token; `renew` adds tokens to the key, `log_out` ends the key.
    """

    def __init__(
        self,
        catalog: Catalog,
        clock: Callable[[], float],
        *,
        token_seconds: int = DEFAULT_TOKEN_SECONDS,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._catalog = catalog
        self._clock = clock
        self._token_seconds = token_seconds
        self._passwords = Passwords()
        self._attempts = Attempts(clock, sleep)
        self._tokens: Tokens

    async def start(self) -> None:
        """Load the signing secret, or make it, and the logouts that still matter."""
        secret = await kept_secret(self._catalog, SIGNING)
        logouts = sorted(await self._catalog.find(Logout), key=lambda logout: logout.until)
        self._tokens = Tokens(secret, self._clock, logouts)
        await self._catalog.apply(*[Remove(logout) for logout in self._tokens.forget_ended()])

    def authenticate(self, api_key: str | None, token: str | None) -> Principal:
        """Who holds this pair.

        Raises `CredentialsMissing` if either is absent or empty, `TokenRejected` for anything else.
        Never asks the catalog; about 3 microseconds for a pair that was seen before.
        """
        return self._tokens.authenticate(api_key, token).principal

    async def log_in(self, login: Login, address: str) -> Granted:
        """A new API key with its first token, for the right secret.

        `address` is the client's; its wrong guesses are slowed (see `attempts`). Raises
        `CredentialsWrong` without saying what was wrong, `TooManyAttempts`, `Overloaded`.
        """
        async with self._attempts.turn(address):
            operator_id = await self._operator_of(login)
            if operator_id is None:
                raise CredentialsWrong("The credentials are wrong; check the names and the password or key")
        api_key = f"api-{uuid.uuid4()}"
        token = self._tokens.issue(operator_id, sha256_hex(api_key), login.token_seconds or self._token_seconds)
        return Granted(api_key, token, operator_id)

    async def renew(self, operator_id: str, api_key: str | None, token: str | None, seconds: int | None) -> str:
        """Another token for the same API key; the old one keeps its own life (documented).

        Takes the pair itself, because an expired token gets an error of its own: `TokenExpired` (our choice).
        Raises `CredentialsMissing` and `TokenRejected` as `authenticate` does, and `NotFound` for an
        operator who is not the caller: whether others exist is not told (our choice).
        """
        verified = self._tokens.verify(api_key, token)
        if verified.expires <= self._clock():
            raise TokenExpired("The token has ended and cannot be renewed; log in again")
        if operator_id != verified.principal.operator_id:
            raise NotFound("There is no such operator")
        return self._tokens.issue(operator_id, verified.api_key_sha256, seconds or self._token_seconds)

    async def log_out(self, api_key: str | None, token: str | None) -> None:
        """End the API key with all its tokens (our choice), now and for good; durable on return.

        Raises as `authenticate` does, and `StoreFailed`: then the pair still works.
        """
        verified = self._tokens.authenticate(api_key, token)
        ended = self._tokens.forget_ended()
        logout = self._tokens.log_out(verified.api_key_sha256)
        try:
            await self._catalog.apply(Put(logout), *[Remove(other) for other in ended])
        except BaseException:
            self._tokens.revive(logout)
            raise

    async def _operator_of(self, login: Login) -> str | None:
        """Whose root user logs in, or `None`; every way to be wrong costs the same."""
        identity = login.identity
        if isinstance(identity, KeyLogin):
            key = await self._catalog.get(AuthKey, identity.auth_key_id)
            is_right = is_secret(identity.auth_key, key.secret_sha256 if key else None)
            return key.operator_id if key and is_right else None
        # SAM users do not exist yet: their login takes as long as any other and is refused.
        operators = []
        if isinstance(identity, RootLogin):
            operators = list(await self._catalog.find(Operator, {"email": identity.email}, limit=1))
        password_hash = operators[0].password_hash if operators else None
        if await self._passwords.verify(identity.password, password_hash):
            return operators[0].operator_id
        return None
