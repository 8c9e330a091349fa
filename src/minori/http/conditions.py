"""Conditional requests (RFC 9110, 13): is the client's copy still the file, is the file still the client's."""

import re
from datetime import UTC
from email.utils import parsedate_to_datetime

from msgspec import Struct

from minori.errors import FileChanged, InvalidParameter
from minori.http.exchange import Request

UNKNOWN_WITH_PUT = (b"if-match", b"if-unmodified-since", b"content-range")
"""Headers that change what a PUT means, in ways that are not known here; passing over them could lose a file."""

_DATE = re.compile(r"[A-Z][a-z]{2}")
_TAGS = re.compile(r'(W/)?("[^"]*"|[^",\s]+)')


class Version(Struct, frozen=True):
    """What tells one version of a file from another: an entity tag without quotes, and a time in UNIX seconds."""

    etag: str
    modified: int


def is_not_modified(request: Request, version: Version) -> bool:
    """Whether the client has this version already (304).

    Raises `FileChanged` if the client insists on another one. A tag without quotes counts as if it had
    them (our choice: that is how `etag` stands in the API's JSON).
    """
    _insist(request, version)
    tags = _all(request, b"if-none-match")
    if tags:
        return tags.strip() == "*" or any(tag == version.etag for _, tag in _tags(tags))
    since = _seconds(request.header(b"if-modified-since"))
    return since is not None and version.modified <= since


def is_range_wanted(request: Request, version: Version) -> bool:
    """Whether `If-Range` lets a range be answered; if not, the client's part is of another version."""
    text = request.header(b"if-range")
    if text is None:
        return True
    seconds = _seconds(text)
    if seconds is not None:
        return seconds == version.modified
    return _tags(text) == [(False, version.etag)]


def is_only_new(request: Request) -> bool:
    """Whether an upload must not replace a file (`If-None-Match: *`).

    Raises `InvalidParameter` for any other condition.
    """
    for name in UNKNOWN_WITH_PUT:
        if request.header(name) is not None:
            raise InvalidParameter(f"{name.decode()} is not known here with {request.method}; leave it out")
    condition = request.header(b"if-none-match")
    if condition not in (None, "*"):
        raise InvalidParameter(f"If-None-Match can only be * with {request.method}; leave it out to replace a file")
    return condition is not None


def _insist(request: Request, version: Version) -> None:
    tags = _all(request, b"if-match")
    if tags:
        if tags.strip() != "*" and (False, version.etag) not in _tags(tags):
            raise FileChanged
        return
    since = _seconds(request.header(b"if-unmodified-since"))
    if since is not None and version.modified > since:
        raise FileChanged


def _all(request: Request, name: bytes) -> str:
    """Every header of this name, as the one list that they are."""
    return b",".join([value for key, value in request.headers if key == name]).decode("latin-1")


def _tags(text: str) -> list[tuple[bool, str]]:
    """The entity tags of a list: whether each is weak, and its text without quotes."""
    return [(bool(weak), tag.strip('"')) for weak, tag in _TAGS.findall(text)]


def _seconds(text: str | None) -> int | None:
    """A date of HTTP in UNIX seconds; `None` if it is none."""
    if text is None or not _DATE.match(text):
        return None
    try:
        date = parsedate_to_datetime(text)
        return int((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return None
