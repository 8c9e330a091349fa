"""Paths of files: from the raw end of a URL to the one spelling under which a file is kept.

| sent after the scope | path |
|---|---|
| nothing, `/`, `//`, `/%2F/` | `/`, the root (R2) |
| `/a//b.txt`, `a/b.txt`, `%2Fa%2Fb.txt` | `/a/b.txt` (R3, R4) |
| `/a/sub/`, `a%2Fsub%2F` | `/a/sub/`, a directory (R6) |
| `/a+b%20c` | `/a+b c` (R5) |
| `/a%252Fb` | `/a%2Fb`, one name: decoding happens once |

Names are UTF-8 and keep their case and their Unicode form (our choice).
"""

import re
from urllib.parse import quote, unquote_to_bytes

from minori.errors import InvalidPath
from minori.model.file import DEPTH, PATH_BYTES

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def parse_path(raw: str) -> str:
    """The path that the raw end of a URL means; one that ends in a slash is a directory's.

    `raw` is as it came, still percent-encoded, one character a byte. A per-cent sign that introduces no
    two hex digits is an ordinary character (our choice: some clients do not encode). Raises `InvalidPath`.
    """
    try:
        text = unquote_to_bytes(raw.encode("latin-1")).decode()
    except UnicodeError as error:
        raise InvalidPath("The path is not UTF-8; percent-encode its bytes as UTF-8") from error
    return check_path(text)


def check_path(text: str) -> str:
    """The path that text means, its repeated slashes made one. Raises `InvalidPath`.

    No name may hold a control character, nor be `.` or `..` (our choice). A path has at most `PATH_BYTES`
    bytes and `DEPTH` levels of directories (documented; the root is no level).
    """
    names = [name for name in text.split("/") if name]
    if _CONTROL.search(text):
        raise InvalidPath("The path holds a control character; leave it out")
    if "." in names or ".." in names:
        raise InvalidPath("No file or directory is named . or ..; send the path without them")
    is_directory = text.endswith("/") and names
    path = "/" + "/".join(names) + ("/" if is_directory else "")
    try:
        size = len(path.encode())
    except UnicodeEncodeError as error:
        raise InvalidPath("The path is no text that UTF-8 knows; leave out what is half a character") from error
    if size > PATH_BYTES:
        raise InvalidPath(f"The path has {size} bytes, its first slash included; {PATH_BYTES} are the most")
    depth = path.count("/") - 1
    if depth > DEPTH:
        raise InvalidPath(f"The path has {depth} levels of directories; {DEPTH} are the most")
    return path


def quote_path(path: str) -> str:
    """A path for a URL: everything percent-encoded but slashes, letters, digits and `-._~`."""
    return quote(path, safe="/")
