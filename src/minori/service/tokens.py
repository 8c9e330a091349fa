"""Tokens: signed, verified and remembered, without asking the catalog."""

import hashlib
import hmac
import json
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jwt
import msgspec
from msgspec import Struct

from minori.codec.login import MAX_TOKEN_SECONDS
from minori.errors import CredentialsMissing, TokenRejected
from minori.model.registry import Logout, Principal
from minori.service.passwords import sha256_hex

ALGORITHM = "HS256"
SECRET_BYTES = 32

REMEMBERED = 4096
"""Pairs of API key and token whose verification is remembered (our choice)."""

TOKEN_LENGTH = 4096
"""The longest token that is looked at, in characters (our choice); ours have about 370."""


class _OriginClaim(Struct, frozen=True, rename="camel", omit_defaults=True):
    operator_id: str
    seal: str
    api_key_sha256: str
    trust_seal: str
    user_name: str | None = None
    auth_key_id: str | None = None


class _OperatorClaim(Struct, frozen=True, rename="camel"):
    operator_id: str


class _Claims(Struct, frozen=True, rename="camel", omit_defaults=True):
    operator: _OperatorClaim
    jti: str
    iat: int
    exp: int
    api_key_sha256: str
    user_name: str | None = None
    seal: str = ""
    auth_key_id: str | None = None
    origin: _OriginClaim | None = None


_decode_claims = msgspec.json.Decoder(_Claims).decode


class Holder(Struct, frozen=True):
    """Whom a token was issued to: with the `seal` that he had then, and the auth key that he logged in with.

    Where somebody switched to him, `origin` is who that was.
    """

    principal: Principal
    seal: str = ""
    auth_key_id: str | None = None
    origin: "Origin | None" = None


class Origin(Struct, frozen=True):
    """Who switched to a user, with which API key, and the seal of the trust policy that allowed it.

    A switch ends with all of these (our choice). An origin has none itself: there is no chain of switches (our choice).
    """

    holder: Holder
    api_key_sha256: str
    trust_seal: str


class Pair(Struct, frozen=True):
    """An API key and a token as they were sent, and their digest, by which a pair is known again."""

    api_key: str
    token: str
    digest: bytes

    @classmethod
    def of(cls, api_key: str, token: str) -> "Pair":
        """The pair of these two."""
        pair = f"{api_key}\n{token}".encode("utf-8", "surrogatepass")
        return cls(api_key, token, hashlib.blake2b(pair, digest_size=16).digest())

    def __repr__(self) -> str:
        """Without the pair: a log or a traceback shows no secret."""
        return "Pair()"


class Verified(NamedTuple):
    """A pair that was issued here; it counts while `expires` (UNIX s) is ahead and the key is not logged out."""

    holder: Holder
    expires: int
    api_key_sha256: str


class _KidFirst(json.JSONEncoder):
    """Real tokens begin with `eyJra`: the header's first member is `kid` (documented)."""

    def encode(self, o: Any) -> str:
        return super().encode({"kid": o["kid"], **o})


class Tokens:
    """Signs with HS256 and takes nothing else; a token works only with the API key it was issued for."""

    def __init__(self, secret: bytes, clock: Callable[[], float], logouts: Iterable[Logout]) -> None:
        self._secret = secret
        self._clock = clock
        self._jws = jwt.PyJWS(algorithms=[ALGORITHM])
        self._header = {"kid": hashlib.sha256(secret).hexdigest()[:16]}
        self._logged_out = {logout.api_key_sha256: logout.until for logout in logouts}
        self._remembered: OrderedDict[bytes, Verified] = OrderedDict()

    def issue(self, holder: Holder, api_key_sha256: str, seconds: int) -> str:
        """A token for the API key with this hash that ends in `seconds`."""
        now = int(self._clock())
        claims = _Claims(
            _OperatorClaim(holder.principal.operator_id),
            str(uuid.uuid4()),
            now,
            now + seconds,
            api_key_sha256,
            holder.principal.user_name,
            holder.seal,
            holder.auth_key_id,
            None if holder.origin is None else _claim_of(holder.origin),
        )
        return self._jws.encode(
            msgspec.json.encode(claims),
            self._secret,
            ALGORITHM,
            self._header,
            json_encoder=_KidFirst,
            sort_headers=False,
        )

    def authenticate(self, api_key: str | None, token: str | None) -> Verified:
        """The pair of an API key and a token, if it counts now. See `recognize`; an empty one is as none."""
        return self.recognize(pair_of(api_key, token))

    def recognize(self, pair: Pair | None) -> Verified:
        """The pair, if it counts now; raises `CredentialsMissing` if there is none, or `TokenRejected`.

        Asked on every request: a pair that was verified before is found by its digest, so that neither
        the table nor the time of a look-up gives away a part of a token.
        """
        if pair is None:
            raise _missing()
        digest = pair.digest
        verified = self._remembered.get(digest)
        if verified is None:
            verified = self.verify(pair.api_key, pair.token)
            self._remembered[digest] = verified
            if len(self._remembered) > REMEMBERED:
                self._remembered.popitem(last=False)
        else:
            self._remembered.move_to_end(digest)
        if verified.expires <= self._clock() or self._is_logged_out(verified):
            del self._remembered[digest]
            raise rejected()
        return verified

    def verify(self, api_key: str | None, token: str | None) -> Verified:
        """The pair, if it was issued here and its key is not logged out, even if it has expired.

        Raises as `authenticate` does.
        """
        if not api_key or not token:
            raise _missing()
        if len(token) > TOKEN_LENGTH:
            raise rejected()
        try:
            claims = _decode_claims(self._jws.decode(token, self._secret, algorithms=[ALGORITHM]))
        except (jwt.PyJWTError, msgspec.DecodeError, UnicodeError) as error:
            raise rejected() from error
        api_key_sha256 = sha256_hex(api_key)
        verified = Verified(_holder_of(claims), claims.exp, api_key_sha256)
        is_of_this_key = hmac.compare_digest(claims.api_key_sha256, api_key_sha256)
        if not is_of_this_key or self._is_logged_out(verified):
            raise rejected()
        return verified

    def _is_logged_out(self, verified: Verified) -> bool:
        """Whether the API key was logged out, or that with which somebody switched to its holder."""
        origin = verified.holder.origin
        return verified.api_key_sha256 in self._logged_out or (
            origin is not None and origin.api_key_sha256 in self._logged_out
        )

    def log_out(self, api_key_sha256: str) -> Logout:
        """From now on refuse the API key with all its tokens; the record says so after a restart."""
        logout = Logout(api_key_sha256, int(self._clock()) + MAX_TOKEN_SECONDS)
        self._logged_out[logout.api_key_sha256] = logout.until
        return logout

    def revive(self, logout: Logout) -> None:
        """Take a `log_out` back that could not be made durable."""
        self._logged_out.pop(logout.api_key_sha256, None)

    def forget_ended(self) -> list[Logout]:
        """Forget the oldest logouts whose last token has ended by itself, and return them."""
        now = self._clock()
        ended: list[Logout] = []
        for api_key_sha256, until in self._logged_out.items():
            if until > now:
                break
            ended.append(Logout(api_key_sha256, until))
        for logout in ended:
            del self._logged_out[logout.api_key_sha256]
        return ended


def _claim_of(origin: Origin) -> _OriginClaim:
    holder = origin.holder
    operator_id, user_name = holder.principal.operator_id, holder.principal.user_name
    return _OriginClaim(
        operator_id, holder.seal, origin.api_key_sha256, origin.trust_seal, user_name, holder.auth_key_id
    )


def _holder_of(claims: _Claims) -> Holder:
    claim, origin = claims.origin, None
    if claim is not None:
        holder = Holder(Principal(claim.operator_id, claim.user_name), claim.seal, claim.auth_key_id)
        origin = Origin(holder, claim.api_key_sha256, claim.trust_seal)
    principal = Principal(claims.operator.operator_id, claims.user_name)
    return Holder(principal, claims.seal, claims.auth_key_id, origin)


def pair_of(api_key: str | None, token: str | None) -> Pair | None:
    """The pair; `None` if either is absent or empty."""
    return Pair.of(api_key, token) if api_key and token else None


def _missing() -> CredentialsMissing:
    return CredentialsMissing("An API key and a token are both needed: X-Soracom-API-Key, X-Soracom-Token")


def rejected() -> TokenRejected:
    """The error for a pair that does not count, whatever the reason."""
    return TokenRejected("The token is not valid with this API key or has ended; log in again")
