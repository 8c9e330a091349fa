"""Who may send for devices: Beam with a shared key, and other networks with an ingest token."""

import secrets
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence

from msgspec import Struct

from minori.codec.beam import Vouched, check_signature, checked_key
from minori.codec.registration import checked_text
from minori.errors import CredentialsMissing, CredentialsWrong, LimitReached, NotFound
from minori.model.account import operator_of
from minori.model.registry import BeamKey, IngestToken, Record
from minori.service.passwords import random_text, sha256_hex
from minori.service.views import Views
from minori.storage.base import Insert, Noted, Remove

BEAM_KEYS = 10
"""The most shared keys of one account (our choice): the old one and the new one, and some for groups apart."""

INGEST_TOKENS = 50
"""The most ingest tokens of one account (our choice)."""

_KEY_LENGTH, _TOKEN_BYTES = 32, 32
_BEGINNING = "ingest-"


class NewBeamKey(Struct, frozen=True, rename="camel"):
    """A shared key as it is shown once, when it is made."""

    beam_key_id: str
    beam_key: str

    def __repr__(self) -> str:
        """Without the secret, for logs and tracebacks."""
        return f"NewBeamKey({self.beam_key_id})"


class NewIngestToken(Struct, frozen=True, rename="camel"):
    """An ingest token as it is shown once, when it is made."""

    ingest_token_id: str
    ingest_token: str

    def __repr__(self) -> str:
        """Without the secret, for logs and tracebacks."""
        return f"NewIngestToken({self.ingest_token_id})"


class FeederView:
    """The shared keys and ingest tokens of all accounts in memory; a view that `views.Views` keeps true."""

    kinds: tuple[type[Record], ...] = (BeamKey, IngestToken)

    def __init__(self) -> None:
        self._beam_keys: dict[str, BeamKey] = {}
        self._sorted_keys: Mapping[str | None, Mapping[str, Sequence[BeamKey]]] | None = None
        self._tokens: dict[str, IngestToken] = {}
        self._by_sha256: dict[str, IngestToken] = {}

    def take(self, noted: Noted) -> None:
        """See `views.View`."""
        if noted.kind is BeamKey:
            self._sorted_keys = None
            self._beam_keys.pop(noted.key, None)
            if isinstance(noted.record, BeamKey):
                self._beam_keys[noted.key] = noted.record
            return
        old = self._tokens.pop(noted.key, None)
        if old is not None:
            self._by_sha256.pop(old.token_sha256, None)
        if isinstance(noted.record, IngestToken):
            self._tokens[noted.key] = self._by_sha256[noted.record.token_sha256] = noted.record

    def keys(self, kind: type[Record]) -> Collection[str]:
        """See `views.View`."""
        held: Mapping[type[Record], Collection[str]] = {BeamKey: self._beam_keys, IngestToken: self._tokens}
        return held[kind]

    def beam_keys(self, account: str) -> list[BeamKey]:
        """The shared keys of an account, the oldest first."""
        return [key for key in self._oldest_first() if key.account == account]

    def has_beam_key(self, key: BeamKey) -> bool:
        """Whether a shared key is still kept."""
        return key.beam_key_id in self._beam_keys

    def ingest_tokens(self, account: str) -> list[IngestToken]:
        """The ingest tokens of an account, the oldest first."""
        mine = [token for token in self._tokens.values() if token.account == account]
        return sorted(mine, key=lambda token: (token.created_time, token.ingest_token_id))

    def signers(self, vouched: Vouched, operator_id: str | None, now: int, window_seconds: int) -> Sequence[BeamKey]:
        """The shared keys that have signed what Beam says, at least one: of this operator, or of any.

        They are more than one where accounts have chosen the same key. `now` is UNIX ms. Raises `BeamRejected`.
        """
        if self._sorted_keys is None:
            self._sorted_keys = self._sort_keys()
        keys = self._sorted_keys.get(operator_id, {})
        texts = list(keys)
        return keys[texts[check_signature(vouched, texts, now, window_seconds)]]

    def _sort_keys(self) -> Mapping[str | None, Mapping[str, Sequence[BeamKey]]]:
        """The shared keys by operator, and under `None` those of all; of each by their text, the oldest first."""
        found: dict[str | None, dict[str, list[BeamKey]]] = {}
        for key in self._oldest_first():
            for operator_id in (operator_of(key.account), None):
                found.setdefault(operator_id, {}).setdefault(key.key, []).append(key)
        return found

    def _oldest_first(self) -> list[BeamKey]:
        return sorted(self._beam_keys.values(), key=lambda key: (key.created_time, key.beam_key_id))

    def token_account(self, operator_id: str, authorization: str | None) -> str:
        """The account whose ingest token is in `Authorization: Bearer …`.

        Raises `CredentialsMissing` without one, and `CredentialsWrong` for one that is not this operator's.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise CredentialsMissing("An ingest token is needed: send it as Authorization: Bearer TOKEN")
        # Found by its hash, so that the time of the look-up gives away no part of a token.
        known = self._by_sha256.get(sha256_hex(token.strip()))
        if known is None or operator_of(known.account) != operator_id:
            raise CredentialsWrong(
                "The ingest token is not one of this operator; make one with minori ingest-token add"
            )
        return known.account


class FeederService:
    """Makes and removes shared keys and ingest tokens. `clock_ms` gives UNIX ms.

    Every method takes the account first, and raises `NotFound` for what that account has not got.
    """

    def __init__(self, view: FeederView, views: Views, clock_ms: Callable[[], int]) -> None:
        self.view = view
        self._views = views
        self._clock_ms = clock_ms

    async def add_beam_key(self, account: str, key: str | None, description: str) -> NewBeamKey:
        """One more shared key, the given one or a new one. Raises `LimitReached`, `InvalidParameter`."""
        if len(self.view.beam_keys(account)) >= BEAM_KEYS:
            raise LimitReached(f"There are {BEAM_KEYS} shared keys, the most that may be; remove one first")
        text = random_text(_KEY_LENGTH) if key is None else checked_key(key)
        made = BeamKey(f"bk_{uuid.uuid4()}", account, _checked(description), text, self._clock_ms())
        await self._views.apply(Insert(made))
        return NewBeamKey(made.beam_key_id, text)

    async def remove_beam_key(self, account: str, beam_key_id: str) -> None:
        """Take a shared key back: what it signs counts no more."""
        found = [key for key in self.view.beam_keys(account) if key.beam_key_id == beam_key_id]
        if not found:
            raise NotFound("There is no shared key with this id")
        await self._views.apply(Remove(found[0]))

    async def add_ingest_token(self, account: str, description: str) -> NewIngestToken:
        """One more ingest token. Raises `LimitReached`, `InvalidParameter`."""
        if len(self.view.ingest_tokens(account)) >= INGEST_TOKENS:
            raise LimitReached(f"There are {INGEST_TOKENS} ingest tokens, the most that may be; remove one first")
        token = _BEGINNING + secrets.token_urlsafe(_TOKEN_BYTES)
        made = IngestToken(f"it_{uuid.uuid4()}", account, _checked(description), sha256_hex(token), self._clock_ms())
        await self._views.apply(Insert(made))
        return NewIngestToken(made.ingest_token_id, token)

    async def remove_ingest_token(self, account: str, ingest_token_id: str) -> None:
        """Take a token back."""
        found = [token for token in self.view.ingest_tokens(account) if token.ingest_token_id == ingest_token_id]
        if not found:
            raise NotFound("There is no ingest token with this id")
        await self._views.apply(Remove(found[0]))


def _checked(description: str) -> str:
    return checked_text("description", description) if description else ""
