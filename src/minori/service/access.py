"""Who is calling, and whether he may: logins, tokens and logouts, and the one place that says yes or no."""

import asyncio
import secrets
import uuid
from collections.abc import Awaitable, Callable

import structlog
from msgspec import Struct

from minori.codec.login import KeyLogin, Login, RootLogin, Switch, UserLogin
from minori.errors import (
    CredentialsWrong,
    Error,
    Forbidden,
    InvalidParameter,
    NotFound,
    SwitchRefused,
    TokenExpired,
    Unauthenticated,
)
from minori.model.registry import KeyUse, Logout, Operator, Principal, Secret, User
from minori.service.attempts import Attempts
from minori.service.identities import Identities
from minori.service.passwords import Passwords, is_secret, sha256_hex
from minori.service.permissions import Context, allows
from minori.service.second_factors import SecondFactors
from minori.service.tokens import SECRET_BYTES, Holder, Origin, Pair, Tokens, Verified, rejected
from minori.service.trust import trusts
from minori.service.views import Views
from minori.storage.base import Catalog, Insert, Put, Remove

SIGNING = "token-signing"
DEFAULT_TOKEN_SECONDS = 86_400
"""The life of a token where none is asked for (spec)."""

USE_SECONDS = 60
"""How exactly the last use of a key is known (our choice): so a busy key costs one write a minute."""

_log = structlog.get_logger()


class Granted(Struct, frozen=True, rename="camel", omit_defaults=True):
    """What a login gives, as the wire wants it (R9): `{"apiKey","token","operatorId"}`, and a user's name."""

    api_key: str
    token: str
    operator_id: str
    user_name: str | None = None

    def __repr__(self) -> str:
        """Without the pair: a log or a traceback shows no secret."""
        return f"Granted({self.operator_id}, {self.user_name})"


async def kept_secret(catalog: Catalog, name: str) -> bytes:
    """The server's secret of this name, made where there is none yet; durable on return."""
    kept = await catalog.get(Secret, name)
    if kept is None:
        kept = Secret(name, secrets.token_bytes(SECRET_BYTES))
        await catalog.apply(Insert(kept))
    return kept.value


class AccessService:
    """Call `start` once before anything else. `clock` gives UNIX seconds.

    A login makes an API key and a first token; `renew` adds tokens to the key, `log_out` ends the key. Rights are
    not in the token: they are looked up at every call, so that what was taken away is gone (our choice).
    """

    def __init__(
        self,
        catalog: Catalog,
        identities: Identities,
        views: Views,
        clock: Callable[[], float],
        *,
        token_seconds: int = DEFAULT_TOKEN_SECONDS,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._catalog = catalog
        self._identities = identities
        self._views = views
        self._clock = clock
        self._token_seconds = token_seconds
        self._passwords = Passwords()
        self._attempts = Attempts(clock, sleep)
        self.second_factors = SecondFactors(identities, views, clock)
        self._tokens: Tokens

    async def start(self) -> None:
        """Load the signing secret, or make it, and the logouts that still matter."""
        secret = await kept_secret(self._catalog, SIGNING)
        logouts = sorted(await self._catalog.find(Logout), key=lambda logout: logout.until)
        self._tokens = Tokens(secret, self._clock, logouts)
        await self._catalog.apply(*[Remove(logout) for logout in self._tokens.forget_ended()])

    def authenticate(self, api_key: str | None, token: str | None) -> Principal:
        """Who holds an API key and a token. See `recognize`; an empty one is as none."""
        return self._current(self._tokens.authenticate(api_key, token)).holder.principal

    def recognize(self, pair: Pair | None) -> Principal:
        """Who holds this pair.

        Raises `CredentialsMissing` if there is none, `TokenRejected` for one that does not count.
        Never asks the catalog, and checks no signature of a pair that was seen before.
        """
        return self._current(self._tokens.recognize(pair)).holder.principal

    def authorize(self, principal: Principal, permission: str, context: Context) -> None:
        """Nothing, if the caller may do what is called `permission` now; the root user may do everything (documented).

        Raises `Forbidden`. Never asks the catalog; takes a few microseconds.
        """
        if principal.user_name is None:
            return
        if not allows(self._identities.documents(principal), permission, context):
            raise Forbidden(
                f"SAM user '{principal.user_name}' doesn't have permission '{permission}' to perform this action. "
                "Once it is granted, it counts from the next request on"
            )

    def authorize_device(self, operator_id: str, role_id: str, permission: str, context: Context) -> None:
        """The same for a SIM that acts in a role. Raises `Forbidden`, also where there is no such role (our choice)."""
        document = self._identities.role_document(operator_id, role_id)
        if document is None:
            raise Forbidden("The group's Harvest Files options name a role that does not exist; correct assumedRoleId")
        if not document.allows(permission, context):
            raise Forbidden(f"The role in which this SIM acts doesn't have permission '{permission}' for this path")

    async def log_in(self, login: Login, address: str) -> Granted:
        """A new API key with its first token, for the right secret.

        `address` is the client's; its wrong guesses are slowed (see `attempts`). Raises
        `CredentialsWrong` without saying what was wrong, `TooManyAttempts`, `Overloaded`; `FactorNeeded` where the
        password is right and the code of a second factor is missing, and what `SecondFactors.admit` raises.
        """
        async with self._attempts.turn(address):
            holder = await self._holder_of(login)
            if holder is None or not await self._is_admitted(holder, login):
                raise CredentialsWrong("The credentials are wrong; check the names and the password or key")
        await self._note_use(holder)
        return self._grant(holder, login.token_seconds or self._token_seconds)

    def switch(self, api_key: str | None, token: str | None, switch: Switch, context: Context) -> Granted:
        """A new API key for another user, whose trust policy allows it; the caller keeps his own.

        It works until its end, and no longer than the caller's own key, his right to be here and that policy last (our
        choice). Raises as `authenticate` does, and `SwitchRefused` without saying why: also for the caller himself
        (documented), and for who has switched already (our choice).
        """
        verified = self._current(self._tokens.authenticate(api_key, token))
        caller, target = verified.holder, Principal(switch.operator_id, switch.user_name)
        user = self._identities.user(switch.operator_id, switch.user_name)
        is_trusted = user is not None and trusts(user.trust_policy, caller.principal, context)
        if user is None or not is_trusted or caller.origin is not None or caller.principal == target:
            raise SwitchRefused
        origin = Origin(caller, verified.api_key_sha256, user.trust_seal)
        return self._grant(Holder(target, user.seal, origin=origin), switch.token_seconds)

    def holder(self, api_key: str | None, token: str | None) -> Principal | None:
        """Who holds this pair, or held it until it ended by itself; `None` for any other."""
        try:
            return self._current(self._tokens.verify(api_key, token)).holder.principal
        except Unauthenticated:
            return None

    async def renew(self, operator_id: str, api_key: str | None, token: str | None, seconds: int | None) -> str:
        """Another token for the same API key; the old one keeps its own life (documented).

        Takes the pair itself, because an expired token gets an error of its own: `TokenExpired` (our choice).
        Raises `CredentialsMissing` and `TokenRejected` as `authenticate` does, `NotFound` for an operator who is not
        the caller's: whether others exist is not told (our choice), and `InvalidParameter` for a token of `switch`,
        which would outlive what allowed it (our choice).
        """
        verified = self._current(self._tokens.verify(api_key, token))
        if verified.expires <= self._clock():
            raise TokenExpired("The token has ended and cannot be renewed; log in again")
        if operator_id != verified.holder.principal.operator_id:
            raise NotFound("There is no such operator")
        if verified.holder.origin is not None:
            raise InvalidParameter("A token that came of switching users cannot be renewed; switch again")
        return self._tokens.issue(verified.holder, verified.api_key_sha256, seconds or self._token_seconds)

    async def log_out(self, api_key: str | None, token: str | None) -> None:
        """End the API key with all its tokens (our choice), now and for good; durable on return.

        Raises as `authenticate` does, and `StoreFailed`: then the pair still works.
        """
        verified = self._current(self._tokens.authenticate(api_key, token))
        ended = self._tokens.forget_ended()
        logout = self._tokens.log_out(verified.api_key_sha256)
        try:
            await self._catalog.apply(Put(logout), *[Remove(other) for other in ended])
        except BaseException:
            self._tokens.revive(logout)
            raise

    async def check_password(self, password: str, password_hash: str | None, address: str) -> None:
        """Nothing, if the password has this hash. Raises as `log_in` does: who is logged in may not guess faster."""
        async with self._attempts.turn(address):
            if not await self._passwords.verify(password, password_hash):
                raise CredentialsWrong("The current password is wrong")

    async def hash_password(self, password: str) -> str:
        """The argon2id string of a password."""
        return await self._passwords.hash(password)

    def _grant(self, holder: Holder, seconds: int) -> Granted:
        api_key = f"api-{uuid.uuid4()}"
        token = self._tokens.issue(holder, sha256_hex(api_key), seconds)
        return Granted(api_key, token, holder.principal.operator_id, holder.principal.user_name)

    def _current(self, verified: Verified) -> Verified:
        if not self._identities.is_current(verified.holder):
            raise rejected()
        return verified

    async def _holder_of(self, login: Login) -> Holder | None:
        """Who logs in, or `None`; every way to be wrong costs the same."""
        identity = login.identity
        if isinstance(identity, KeyLogin):
            key = self._identities.auth_key(identity.auth_key_id)
            is_right = is_secret(identity.auth_key, key.secret_sha256 if key else None)
            if key is None or not is_right:
                return None
            principal = Principal(key.operator_id, key.user_name)
            owner = self._owner(principal)
            return Holder(principal, owner.seal, key.auth_key_id) if owner else None
        principal, owner = self._named(identity)
        is_right = await self._passwords.verify(identity.password, owner.password_hash if owner else None)
        # Whoever was removed or given another seal while the password was hashed gets a token that does not count.
        return Holder(principal, owner.seal) if owner and is_right else None

    async def _is_admitted(self, holder: Holder, login: Login) -> bool:
        """Whether the second factor, if there is one, was shown; an auth key needs none (documented)."""
        identity = login.identity
        return isinstance(identity, KeyLogin) or await self.second_factors.admit(holder.principal, identity.code)

    def _named(self, identity: RootLogin | UserLogin) -> tuple[Principal, Operator | User | None]:
        if isinstance(identity, UserLogin):
            principal = Principal(identity.operator_id, identity.user_name)
            return principal, self._owner(principal)
        operator = self._identities.operator_by_email(identity.email)
        return Principal(operator.operator_id if operator else ""), operator

    def _owner(self, principal: Principal) -> Operator | User | None:
        if principal.user_name is None:
            return self._identities.operator(principal.operator_id)
        return self._identities.user(principal.operator_id, principal.user_name)

    async def _note_use(self, holder: Holder) -> None:
        """Keep when a key was used; who logs in need not suffer where that fails."""
        key_id, now = holder.auth_key_id, self._clock()
        used = self._identities.used(key_id) if key_id is not None else None
        if key_id is None or (used is not None and now - used / 1000 < USE_SECONDS):
            return
        try:
            await self._views.apply(Put(KeyUse(key_id, int(now * 1000))))
        except Error as error:
            _log.warning("the use of a key could not be kept", reason=error.message)
