"""Path and query parameters: text to values, with a sentence for whoever sent something else."""

import re
from collections.abc import Mapping
from typing import NoReturn
from urllib.parse import unquote_to_bytes

from minori.errors import InvalidParameter
from minori.http.exchange import Request, parse_query, parse_values
from minori.model.entry import DEFAULT_LIMIT, MAX_TIME, PAGE_LIMIT, TimeRange
from minori.model.resource import ID_BYTES, Resource, ResourceType

_INTEGER = re.compile(r"[+-]?[0-9]{1,30}\Z")
_TYPES = {kind.value: kind for kind in ResourceType}


def decode_segment(raw: str) -> str:
    """One segment of a raw path, percent-decoded once. Raises `InvalidParameter` for what is no UTF-8 or holds NUL."""
    if "%" not in raw:
        return raw
    try:
        text = unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        _invalid("The path is not UTF-8; percent-encode its bytes as UTF-8")
    if "\0" in text:
        _invalid("The path holds a NUL byte; leave it out")
    return text


def resource(account: str, kind: str, resource_id: str) -> Resource:
    """The resource that a path names."""
    return Resource(account, resource_type(kind), checked_id(resource_id))


def resource_type(text: str) -> ResourceType:
    """One of the six types; case matters, as in the spec."""
    kind = _TYPES.get(text)
    if kind is None:
        _invalid(f"resource_type must be one of {', '.join(_TYPES)}")
    return kind


def checked_id(text: str) -> str:
    """A resource id of 1 to `ID_BYTES` bytes."""
    if not text or len(text.encode()) > ID_BYTES:
        _invalid(f"The id of a resource has 1 to {ID_BYTES} bytes of UTF-8")
    return text


def time(text: str) -> int:
    """The time of one entry in UNIX ms."""
    value = _integer("time", text)
    if not 0 <= value <= MAX_TIME:
        _invalid("time must be UNIX time in milliseconds, such as 1732233600000")
    return value


def time_range(query_string: bytes) -> TimeRange:
    """`from`, `to`, `sort` and `limit`: both ends included, newest first, 10 a page, 1,000 at most (R19)."""
    query = parse_query(query_string)
    first, last = _bounds(query, "from", "to")
    sort = query.get("sort", "desc")
    if sort not in ("asc", "desc"):
        _invalid("sort must be asc or desc")
    return TimeRange(first, last, sort == "desc", _limit(query, DEFAULT_LIMIT, PAGE_LIMIT))


def limit(request: Request, default: int, largest: int) -> int:
    """`limit`, made smaller where it is over `largest` (R19). Raises `InvalidParameter` below 1."""
    return _limit(parse_query(request.query_string), default, largest)


def values(request: Request, name: str) -> list[str]:
    """All values of a parameter that may be there more than once."""
    return list(parse_values(request.query_string).get(name, ()))


def integer(request: Request, name: str) -> int:
    """A whole number that must be there. Raises `InvalidParameter`."""
    text = request.query(name)
    if text is None:
        _invalid(f"The query must hold {name}, a whole number")
    return _integer(name, text)


def bounds(request: Request, earliest: str, latest: str) -> tuple[int, int]:
    """Both ends of a range of times under these names, included. Raises `InvalidParameter`."""
    return _bounds(parse_query(request.query_string), earliest, latest)


def _limit(query: Mapping[str, str], default: int, largest: int) -> int:
    text = query.get("limit")
    if text is None:
        return default
    value = _integer("limit", text)
    if value < 1:
        _invalid("limit must be a whole number of at least 1")
    return min(value, largest)


def _bounds(query: Mapping[str, str], earliest: str, latest: str) -> tuple[int, int]:
    first, last = _bound(query, earliest, 0), _bound(query, latest, MAX_TIME)
    return (1, 0) if last < 0 or first > MAX_TIME else (max(first, 0), min(last, MAX_TIME))


def _bound(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name)
    return default if text is None else _integer(name, text)


def _integer(name: str, text: str) -> int:
    if not _INTEGER.match(text):
        _invalid(f"{name} must be a whole number")
    return int(text)


def _invalid(message: str) -> NoReturn:
    raise InvalidParameter(message)
