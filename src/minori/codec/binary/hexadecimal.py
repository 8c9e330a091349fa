"""Bytes as people write them: `01 02:0a`."""

import re

from minori.errors import InvalidHexadecimal

_BYTES = re.compile(r"(?:[ :\t\r\n]*+[0-9A-Fa-f]{2})*+[ :\t\r\n]*+")
_BETWEEN = str.maketrans("", "", " :\t\r\n")


def parse_hexadecimal(text: str) -> bytes:
    """The bytes in a text: two digits each; blanks and colons may stand between two bytes (our choice).

    Raises `InvalidHexadecimal`, and says where.
    """
    found = _BYTES.match(text)
    end = 0 if found is None else found.end()
    if end < len(text):
        raise InvalidHexadecimal(end + 1, "two digits from 0 to 9 and a to f, which make a byte")
    return bytes.fromhex(text.translate(_BETWEEN))
