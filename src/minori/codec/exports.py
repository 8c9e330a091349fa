"""What is asked of an export: the body of `POST /v1/data/exports`, and the `ExportRequest` of statistics."""

import re
from typing import Any, NoReturn

import msgspec

from minori.errors import InvalidParameter
from minori.model.entry import MAX_TIME
from minori.model.export import DataExport, Format, StatisticsRange
from minori.model.resource import ID_BYTES, ResourceType
from minori.model.statistics import MINUTES_DAYS, Period

CATEGORY_BYTES = 1024
"""The longest category that can be asked for, in bytes of UTF-8 (our choice)."""

LATEST_SECONDS = 253_402_300_799
"""The end of the year 9999, in UNIX s: the last period there is (our choice)."""

DAY_SECONDS = 86_400

_MEMBERS = ("resourceType", "resourceId", "category", "from", "to", "format", "columns", "escapeFormulas")
_NAMES_TOLD = 5
_PLAIN = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z").match


def parse_data_export(body: bytes) -> DataExport:
    """What a `POST /v1/data/exports` asks for; an empty body asks for everything.

    A member that is `null` counts as absent. Raises `InvalidParameter`, for unknown members too.
    """
    members = _object(body)
    unknown = [name for name in members if name not in _MEMBERS]
    if unknown:
        told = ", ".join(name if _PLAIN(name) else "one with an odd name" for name in unknown[:_NAMES_TOLD])
        _invalid(f"The body has members that mean nothing here: {told}; known are {', '.join(_MEMBERS)}")
    kind = _choice(members, "resourceType", ResourceType)
    resource_id, category = _text(members, "resourceId", ID_BYTES), _text(members, "category", CATEGORY_BYTES)
    if resource_id is not None and kind is None:
        _invalid("resourceId needs its resourceType beside it")
    if category is not None and kind is not None:
        _invalid("Give either resourceType or category, not both")
    first, last = _integer(members, "from"), _integer(members, "to")
    if first is not None and last is not None and first > last:
        _invalid("from must not be after to; both are UNIX time in milliseconds")
    chosen = _choice(members, "format", Format) or Format.JSON_LINES
    escape = _flag(members, "escapeFormulas")
    if escape and chosen is not Format.CSV:
        _invalid("escapeFormulas is for format csv alone")
    return DataExport(
        kind,
        resource_id,
        category,
        0 if first is None else min(max(first, 0), MAX_TIME),
        MAX_TIME if last is None else min(last, MAX_TIME),
        chosen,
        _flag(members, "columns"),
        escape,
    )


def parse_statistics_export(body: bytes) -> StatisticsRange:
    """The `ExportRequest` in a body: `{"from","to","period"}`, UNIX s (spec).

    Unknown members are passed over; without a period it is by month (our choice). Raises `InvalidParameter`.
    """
    members = _object(body)
    period = _choice(members, "period", Period) or Period.MONTH
    first, last = _integer(members, "from"), _integer(members, "to")
    if first is None or last is None:
        _invalid('The body must hold from and to in UNIX seconds, such as {"from":1730419200,"to":1733011199}')
    return statistics_range(first, last, period)


def statistics_range(first: int, last: int, period: Period) -> StatisticsRange:
    """A range of statistics. Raises `InvalidParameter` for one that makes no sense, or is too long by minutes."""
    if not 0 <= first <= last <= LATEST_SECONDS:
        _invalid("from and to must be UNIX time in seconds, not milliseconds, and from must not be after to")
    if period is Period.MINUTES and last - first > MINUTES_DAYS * DAY_SECONDS:
        _invalid(f"With the period minutes, from and to are at most {MINUTES_DAYS} days apart; ask by day")
    return StatisticsRange(first, last, period)


def _object(body: bytes) -> dict[str, Any]:
    if not body.strip():
        return {}
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidParameter("The body is not valid JSON; send a JSON object") from error
    if not isinstance(value, dict):
        _invalid("The body is no JSON object")
    return {name: member for name, member in value.items() if member is not None}


def _text(members: dict[str, Any], name: str, longest: int) -> str | None:
    value = members.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not value or "\0" in value or len(value.encode()) > longest:
        _invalid(f"{name} must be a text of 1 to {longest} bytes without NUL")
    return value


def _integer(members: dict[str, Any], name: str) -> int | None:
    value = members.get(name)
    if value is not None and type(value) is not int:
        _invalid(f"{name} must be a whole number")
    return value


def _flag(members: dict[str, Any], name: str) -> bool:
    value = members.get(name, False)
    if not isinstance(value, bool):
        _invalid(f"{name} must be true or false")
    return value


def _choice(members: dict[str, Any], name: str, kind: Any) -> Any:
    value = members.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or value not in list(kind):
        _invalid(f"{name} must be one of {', '.join(kind)}")
    return kind(value)


def _invalid(message: str) -> NoReturn:
    raise InvalidParameter(message)
