"""Second factors: set up, confirmed, asked for at logins with a password, and ended."""

import secrets
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from math import ceil

from msgspec.structs import replace

from minori.codec.totp import SECRET_BYTES, find_step, uri_of
from minori.errors import FactorNeeded, FactorUnfit, NotFound, Overloaded, TooManyAttempts
from minori.model.registry import Operator, Principal, SecondFactor, User, holder_srn
from minori.service.identities import Identities
from minori.service.passwords import sha256_hex
from minori.service.views import Views
from minori.storage.base import Change, Conflict, Insert, Remove, Replace

BACKUP_CODES = 10
"""How many there are (our choice)."""

BACKUP_LENGTH = 8
"""Characters of one (documented)."""

WRONG_CODES, WRONG_SECONDS = 10, 900.0
"""Wrong codes that one user may send within so many seconds, from whatever addresses (our choice).

Whoever sends them knows the password. At that pace the chance of guessing three codes in a million is 0.3 % a day.
"""

_TRIES = 3  # of a login, while others change the same second factor
_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"  # 31 signs that look like no other: 39.6 bits a code
_NEVER = -1  # a step before every step


class Status(StrEnum):
    """How far a second factor is (documented words)."""

    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"
    UNCONFIRMED = "UNCONFIRMED"


class SecondFactors:
    """The second factors of all users; `clock` gives UNIX seconds. What is changed is durable on return.

    A code works once, whoever sends it first: it is used up, durably, before a login is granted. Changes raise
    `Overloaded` where somebody else changed the same at the same time, and what `Catalog.apply` raises.
    """

    def __init__(self, identities: Identities, views: Views, clock: Callable[[], float]) -> None:
        self._identities = identities
        self._views = views
        self._clock = clock
        self._wrong: dict[str, deque[float]] = {}

    def status(self, owner: Principal) -> Status:
        """How far the user's second factor is."""
        factor = self._identities.second_factor(owner)
        if factor is None:
            return Status.INACTIVE
        return Status.ACTIVE if factor.is_confirmed else Status.UNCONFIRMED

    async def set_up(self, owner: Principal) -> str:
        """A new second factor, as a URI for an authenticator; nothing is asked for before it is confirmed.

        Takes the place of one that was not confirmed. Raises `NotFound` for nobody, `FactorUnfit` where one is active:
        whoever could replace that could do without it.
        """
        keeper, account = self._keeper(owner)
        known = self._identities.second_factor(owner)
        if known is not None and known.is_confirmed:
            raise FactorUnfit("A second factor is active already; remove it first")
        secret = secrets.token_bytes(SECRET_BYTES)
        holder = holder_srn(owner.operator_id, owner.user_name)
        made = SecondFactor(holder, owner.operator_id, secret, _NEVER, is_confirmed=False, backup_codes={})
        # Its keeper is written too: so he is still there, whoever removes users elsewhere.
        await self._apply(Replace(keeper, keeper), Insert(made) if known is None else Replace(made, known))
        return uri_of(secret, account)

    async def confirm(self, owner: Principal, code: str) -> list[str]:
        """Ask for the second factor from now on; `code` proves that the authenticator has it, and is used up.

        Gives the backup codes, this once: the root user's; SAM users have none, since the root user can remove their
        second factors (documented). Raises `FactorUnfit` for a wrong code, and where none waits to be confirmed; wrong
        codes are not counted, since whoever may ask may have the secret set up anew, and see it.
        """
        known = self._identities.second_factor(owner)
        if known is None or known.is_confirmed:
            raise FactorUnfit("There is no second factor that waits to be confirmed; set one up first")
        step = find_step(known.secret, _plain(code), self._clock(), known.last_step)
        if step is None:
            raise FactorUnfit("mfaOTPCode is not the code of now; see that the authenticator's clock is right")
        codes = [_backup_code() for _ in range(BACKUP_CODES)] if owner.user_name is None else []
        now = int(self._clock() * 1000)
        kept = {sha256_hex(each): now for each in codes}
        await self._apply(Replace(replace(known, is_confirmed=True, last_step=step, backup_codes=kept), known))
        return codes

    async def remove(self, owner: Principal, *others: Change) -> None:
        """From now on the password suffices; nothing happens where it does. `others` are made with it or not at all."""
        holder = holder_srn(owner.operator_id, owner.user_name)
        await self._apply(removal(holder), *others)
        self._wrong.pop(holder, None)

    async def admit(self, owner: Principal, code: str | None) -> bool:
        """Whether the one who knows the password may come in; call it then alone.

        `code` is the authenticator's, or a backup code, and is used up. Raises `FactorNeeded` where one is needed and
        none was sent, `TooManyAttempts` after too many wrong ones.
        """
        for _ in range(_TRIES):
            factor = self._identities.second_factor(owner)
            if factor is None or not factor.is_confirmed:
                return True
            if code is None:
                raise FactorNeeded
            self._check_pace(factor.holder)
            spent = self._spend(factor, _plain(code))
            if spent is None:
                self._wrong.setdefault(factor.holder, deque(maxlen=WRONG_CODES)).append(self._clock())
                return False
            try:
                await self._views.apply(Replace(spent, factor))
            except Conflict:
                # Somebody else came in, or changed it. Look again: this code may be used up now.
                await self._views.refresh()
                continue
            return True
        raise Overloaded

    def is_backup_code(self, owner: Principal, code: str) -> bool:
        """Whether this is one of the user's backup codes that are left. It stays one."""
        factor = self._identities.second_factor(owner)
        return factor is not None and sha256_hex(_plain(code)) in factor.backup_codes

    def _spend(self, factor: SecondFactor, code: str) -> SecondFactor | None:
        """The second factor as it is once the code is used up; `None` for a wrong one."""
        step = find_step(factor.secret, code, self._clock(), factor.last_step)
        if step is not None:
            return replace(factor, last_step=step)
        spent = sha256_hex(code)
        if spent not in factor.backup_codes:
            return None
        left = {each: made for each, made in factor.backup_codes.items() if each != spent}
        return replace(factor, backup_codes=left)

    def _check_pace(self, holder: str) -> None:
        wrong = self._wrong.get(holder)
        if wrong is not None and len(wrong) == WRONG_CODES:
            seconds = wrong[0] + WRONG_SECONDS - self._clock()
            if 0 < seconds <= WRONG_SECONDS:
                raise TooManyAttempts(ceil(seconds), "with a wrong code")

    def _keeper(self, owner: Principal) -> tuple[Operator | User, str]:
        """The record of a user, and the name that his authenticator shows. Raises `NotFound`."""
        operator = self._identities.operator(owner.operator_id)
        if operator is None:
            raise NotFound("There is no such operator")
        if owner.user_name is None:
            return operator, operator.email
        user = self._identities.user(owner.operator_id, owner.user_name)
        if user is None:
            raise NotFound("There is no SAM user of this name")
        return user, f"{user.user_name}@{owner.operator_id}"

    async def _apply(self, *changes: Change) -> None:
        try:
            await self._views.apply(*changes)
        except Conflict as error:
            raise Overloaded from error


def removal(holder: str) -> Remove:
    """The change that ends the second factor of this holder, if there is one."""
    return Remove(SecondFactor(holder, "", b"", _NEVER, is_confirmed=False, backup_codes={}))


def _plain(code: str) -> str:
    """A code as it was meant: people type blanks and hyphens into it, and capitals."""
    return code.replace(" ", "").replace("-", "").lower()


def _backup_code() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(BACKUP_LENGTH))
