"""An authenticator, as people have one on their telephone."""

import base64
import time
from urllib.parse import parse_qs, urlsplit

from minori.codec.totp import code_of, step_at


class Authenticator:
    """Reads the URI of a second factor, and shows codes; `offset` counts steps from the one of now.

    A code of the step ahead is good for longer than a test takes, and one of now for at least 30 s.
    """

    def __init__(self, uri: str) -> None:
        (self.text,) = parse_qs(urlsplit(uri).query)["secret"]
        self.secret = base64.b32decode(self.text)
        self.shown = ""
        """The code that was asked for last."""

    def code(self, offset: int = 0, now: float | None = None) -> str:
        """The code of a step."""
        self.shown = self._at(offset, now)
        return self.shown

    def _at(self, offset: int, now: float | None = None) -> str:
        return code_of(self.secret, step_at(time.time() if now is None else now) + offset)

    def wrong(self) -> str:
        """Six digits that are the code of no step near by."""
        near = {self._at(offset) for offset in range(-5, 6)}
        return next(code for code in (f"{number:06}" for number in range(20)) if code not in near)
