"""Codes that follow the time (RFC 6238): SHA-1, six digits, a new one every 30 s, as every authenticator app has them.

Twelve lines that a standard fixes, with its own table to test them: no library stands behind them (see
`docs/decisions/0008-codes-without-a-library.md`).
"""

import hmac
from base64 import b32encode
from urllib.parse import quote, urlencode

DIGITS = 6

SECONDS = 30
"""How long a step of time takes."""

DRIFT = 1
"""Steps by which an authenticator's clock may be off, either way (our choice; RFC 6238 advises one)."""

SECRET_BYTES = 20
"""As many as SHA-1 has (RFC 4226 advises that)."""

ISSUER = "Minori"


def step_at(time: float) -> int:
    """The step of a UNIX time in seconds."""
    return int(time) // SECONDS


def code_of(secret: bytes, step: int) -> str:
    """The code of one step."""
    digest = hmac.digest(secret, step.to_bytes(8), "sha1")
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4]) & 0x7FFF_FFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def find_step(secret: bytes, code: str, time: float, used: int) -> int | None:
    """The step behind `used` whose code this is, at most `DRIFT` away from `time`; the oldest, where there are two.

    Every step is compared, and each in constant time: what comes of it tells nothing but yes or no.
    """
    now = step_at(time)
    sent = code.encode("utf-8", "surrogatepass")
    steps = range(max(now - DRIFT, 0), now + DRIFT + 1)
    fitting = [step for step in steps if hmac.compare_digest(code_of(secret, step).encode(), sent)]
    return next((step for step in fitting if step > used), None)


def uri_of(secret: bytes, account: str) -> str:
    """What an authenticator reads as a QR code; `account` is the name that it shows."""
    shown = {
        "secret": b32encode(secret).decode().rstrip("="),
        "issuer": ISSUER,
        "algorithm": "SHA1",
        "digits": DIGITS,
        "period": SECONDS,
    }
    return f"otpauth://totp/{ISSUER}:{quote(account, safe='')}?{urlencode(shown)}"
