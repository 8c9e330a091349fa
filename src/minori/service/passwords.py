"""Passwords and keys: made, hashed and compared."""

import asyncio
import hashlib
import hmac
import secrets
import string
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher, Type
from argon2.exceptions import VerifyMismatchError

MEMORY_KIB, PASSES, LANES = 7 * 1024, 5, 1
"""One of OWASP's five equally strong settings for argon2id, the one that takes the least memory.

The allocator keeps a hash's memory for the next one, a thread: 14 MiB in all. The 19 MiB setting kept
38 MiB of an idle server and was no faster.
"""

THREADS = 2
"""How many passwords are hashed at once; the others wait."""

_SALT_BYTES, _HASH_BYTES = 16, 32
_ALPHABET = string.ascii_letters + string.digits
_SHA256_OF_NOBODY = "0" * 64


def random_text(length: int) -> str:
    """Letters and digits from the system's source of randomness, 5.95 bits each."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def sha256_hex(text: str) -> str:
    """The SHA-256 of a text's UTF-8 bytes, in hex."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def is_secret(secret: str, sha256: str | None) -> bool:
    """Whether a random secret has this SHA-256, in constant time; `None` (no such key) takes as long and is false.

    A plain hash is enough for an auth key: unlike a password it is too long to be guessed (380 bits),
    so a slow hash would cost the server and nobody else.
    """
    return hmac.compare_digest(sha256_hex(secret), sha256 or _SHA256_OF_NOBODY)


class Passwords:
    """argon2id on threads of its own.

    A pool of threads, not a semaphore, bounds the memory: a cancelled caller does not stop its
    hash, and a semaphore would be free again while the hash still held memory.
    """

    def __init__(self) -> None:
        self._hasher = PasswordHasher(PASSES, MEMORY_KIB, LANES, _HASH_BYTES, _SALT_BYTES, type=Type.ID)
        self._threads = ThreadPoolExecutor(THREADS, "minori-password")
        self._nobody = _hash_of_nobody()

    async def hash(self, password: str) -> str:
        """The argon2id string of a password."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._hasher.hash, password)

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Whether the password has this hash; `None`, for nobody's, is refused after the same work.

        Otherwise the time of the answer would tell which accounts exist.
        """
        wanted = self._nobody if password_hash is None else password_hash
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._verify, wanted, password)

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except VerifyMismatchError:
            return False


def _hash_of_nobody() -> str:
    """A well-formed hash under our settings whose password nobody knows: its digest is random."""
    salt, digest = (b64encode(secrets.token_bytes(size)).rstrip(b"=").decode() for size in (_SALT_BYTES, _HASH_BYTES))
    return f"$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${salt}${digest}"
