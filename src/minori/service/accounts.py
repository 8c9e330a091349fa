"""Passwords: set, changed, forgotten and set anew; and second factors that are lost."""

import secrets

from msgspec.structs import replace

from minori.codec.login import canonical_email
from minori.codec.people import ResetFactor
from minori.errors import CredentialsWrong, InvalidParameter, NameTaken, NotFound, PasswordUnfit, ResetRefused
from minori.model.registry import Operator, Principal, ResetPurpose, ResetToken
from minori.service.access import AccessService
from minori.service.passwords import sha256_hex
from minori.service.people import People, new_seal
from minori.storage.base import Catalog, Insert, Remove, Replace

SHORTEST = 8
"""Characters of a password at least (our choice)."""

LONGEST = 256
"""Characters of a password at most (our choice); it bounds what is hashed."""

RESET_SECONDS = 3600
"""How long a reset token can be used (our choice)."""

_RESET_BYTES = 32


class Accounts:
    """Passwords of root users and of SAM users. `address` is the client's: guessing is slowed as at the login."""

    def __init__(self, people: People, access: AccessService, catalog: Catalog) -> None:
        self._people = people
        self._access = access
        self._catalog = catalog

    async def change_root_password(self, operator_id: str, current: str, new: str, address: str) -> None:
        """Another password for the root user. Raises `InvalidParameter` if `current` is wrong, `PasswordUnfit`."""
        check_password(new)
        checked = self._people.operator(operator_id).password_hash
        await self._check(current, checked, address)
        hashed = await self._access.hash_password(new)
        async with self._people.turn:
            operator = self._people.operator(operator_id)
            _check_same(checked, operator.password_hash)
            changed = replace(operator, password_hash=hashed, updated_time=self._people.clock_ms())
            await self._people.apply(Replace(changed, operator))

    async def create_user_password(self, operator_id: str, user_name: str, password: str) -> None:
        """A first password for a user. Raises `NameTaken` if he has one, `PasswordUnfit`."""
        check_password(password)
        self._people.user(operator_id, user_name)
        hashed = await self._access.hash_password(password)
        async with self._people.turn:
            user = self._people.user(operator_id, user_name)
            if user.password_hash is not None:
                raise NameTaken("The SAM user has a password already; change it with PUT, or remove it first")
            await self._people.write(user, replace(user, password_hash=hashed))

    async def change_user_password(
        self, operator_id: str, user_name: str, current: str, new: str, address: str
    ) -> None:
        """Another password for a user. Raises `InvalidParameter` if `current` is wrong or he has none."""
        check_password(new)
        checked = self._people.user(operator_id, user_name).password_hash
        await self._check(current, checked, address)
        hashed = await self._access.hash_password(new)
        async with self._people.turn:
            user = self._people.user(operator_id, user_name)
            _check_same(checked, user.password_hash)
            await self._people.write(user, replace(user, password_hash=hashed))

    async def delete_user_password(self, operator_id: str, user_name: str) -> None:
        """From now on the user logs in with a key, or not at all. Raises `NotFound` if he has no password."""
        async with self._people.turn:
            user = self._people.user(operator_id, user_name)
            if user.password_hash is None:
                raise NotFound("The SAM user has no password")
            await self._people.write(user, replace(user, password_hash=None))

    async def reset_root_password(self, token: str, new: str, address: str, now: int) -> Principal:
        """Another password for the root user whom a reset token was made for; it ends, and so do all his tokens.

        Says who that is. `now` is UNIX s. Raises `NotFound` for a token that is unknown, used or too old (spec: 404).
        """
        check_password(new)
        kept = await self._reset_token(token, ResetPurpose.PASSWORD, now)
        if kept is None:
            await self._refuse_guess(address)
            raise NotFound("There is no such reset token, or it has ended; have a new one made on the server")
        hashed = await self._access.hash_password(new)
        async with self._people.turn:
            if await self._catalog.get(ResetToken, kept.token_sha256) is None:
                raise NotFound("The reset token has been used; have a new one made on the server")
            operator = self._people.operator(kept.operator_id)
            changed = replace(operator, password_hash=hashed, updated_time=self._people.clock_ms(), seal=new_seal())
            await self._people.apply(Replace(changed, operator), Remove(kept))
        return Principal(kept.operator_id)

    async def remove_root_factor(self, operator_id: str, password: str | None, address: str) -> None:
        """End the root user's second factor. Raises `InvalidParameter` if a `password` is given and wrong."""
        if password is not None:
            try:
                await self._access.check_password(password, self._people.operator(operator_id).password_hash, address)
            except CredentialsWrong as error:
                raise InvalidParameter("password is wrong") from error
        await self._access.second_factors.remove(Principal(operator_id))

    async def reset_root_factor(self, proof: ResetFactor, address: str, now: int) -> None:
        """End the root user's second factor, for whoever has his password and a token for that; `now` is UNIX s.

        A backup code need not be sent: whoever made the token on the server stands for it (our choice); a wrong one
        counts. Raises `ResetRefused`, which does not tell what was wrong.
        """
        operator = self._people.identities.operator_by_email(canonical_email(proof.email))
        try:
            await self._access.check_password(proof.password, operator.password_hash if operator else None, address)
        except CredentialsWrong as error:
            raise ResetRefused from error
        kept = await self._reset_token(proof.token, ResetPurpose.SECOND_FACTOR, now)
        if operator is None or kept is None or kept.operator_id != operator.operator_id:
            raise ResetRefused
        owner, factors = Principal(operator.operator_id), self._access.second_factors
        if proof.backup_code is not None and not factors.is_backup_code(owner, proof.backup_code):
            raise ResetRefused
        # Looked at again as it is removed: it works once, however many come with it at once.
        await factors.remove(owner, Replace(kept, kept), Remove(kept))

    async def _reset_token(self, token: str, purpose: ResetPurpose, now: int) -> ResetToken | None:
        kept = await self._catalog.get(ResetToken, sha256_hex(token))
        return kept if kept is not None and kept.purpose == purpose and kept.until > now else None

    async def _check(self, current: str, password_hash: str | None, address: str) -> None:
        try:
            await self._access.check_password(current, password_hash, address)
        except CredentialsWrong as error:
            raise InvalidParameter("currentPassword is wrong") from error

    async def _refuse_guess(self, address: str) -> None:
        """Let a wrong token cost what a wrong password does."""
        try:
            await self._access.check_password("", None, address)
        except CredentialsWrong:
            return


def _check_same(checked: str | None, now: str | None) -> None:
    """Hashing takes a while: whose password was set, changed or removed meanwhile has proven nothing."""
    if now != checked:
        raise InvalidParameter("currentPassword is wrong: the password was changed or removed meanwhile")


def check_password(password: str) -> None:
    """Raise `PasswordUnfit` for a password that is too short or too long. Nothing else is asked of it (our choice)."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise PasswordUnfit(f"A password has {SHORTEST} to {LONGEST} characters")


async def create_reset_token(catalog: Catalog, operator: Operator, purpose: ResetPurpose, now: int) -> str:
    """A token with which the operator's root user sets a new password or removes his second factor, once.

    `now` is UNIX s. Older tokens of the operator for the same purpose end.
    """
    token = secrets.token_urlsafe(_RESET_BYTES)
    made = ResetToken(sha256_hex(token), operator.operator_id, now + RESET_SECONDS, purpose.value)
    older = await catalog.find(ResetToken)
    alike = (made.operator_id, made.purpose)
    ended = [kept for kept in older if (kept.operator_id, kept.purpose) == alike or kept.until <= now]
    await catalog.apply(*map(Remove, ended), Insert(made))
    return token
