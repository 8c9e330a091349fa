"""The `X-Soracom-Timestamp` header, to UNIX ms."""

import re

from minori.errors import InvalidTimestamp
from minori.model.entry import MAX_TIME

_DIGITS = re.compile(r"[0-9]{1,19}\Z")


def parse_milliseconds(text: str) -> int:
    """The UNIX ms that `X-Soracom-Timestamp` says: decimal digits, 0 to `MAX_TIME`, blanks around them ignored.

    Raises `InvalidTimestamp` for anything else (our choice).
    """
    stripped = text.strip(" \t")
    if _DIGITS.match(stripped) and (time := int(stripped)) <= MAX_TIME:
        return time
    raise InvalidTimestamp(
        "X-Soracom-Timestamp must be UNIX time in milliseconds, a whole number such as 1545652714887"
    )
