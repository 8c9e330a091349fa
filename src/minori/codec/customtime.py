"""Times that a payload itself says, to UNIX ms: the option `customTimestamp` of a group.

| format | what the payload says | UNIX ms |
|---|---|---|
| `iso-8601` | `"2024-09-02T12:34:56.789Z"` | 1725280496789 |
| `iso-8601` | `"2025-03-17T09:00:00+09:00"` | 1742169600000 |
| `iso-8601` | `"2025-03-24T00:00:00"`, without an offset | as UTC: 1742774400000 |
| `unix-sec` | `1725280496`, `"1725280496"`, `1725280496.789` | 1725280496000, …, 1725280496789 |
| `unix-msec` | `1725280496789`, `"1725280496789"` | 1725280496789 |

What is finer than a millisecond is cut off.
"""

import re
from datetime import date
from enum import StrEnum
from fractions import Fraction
from math import floor
from typing import Any

import msgspec
from msgspec import Struct

from minori.codec.pointer import Pointer, find
from minori.errors import InvalidTime
from minori.model.entry import MAX_TIME

TEXT_CHARACTERS = 64
"""The longest text of a time, in characters (our choice)."""

_DAY_SECONDS = 86_400
_EPOCH = date(1970, 1, 1).toordinal()
_LEAP = "60"

_iso = re.compile(
    r"([0-9]{4})(-?)([0-9]{2})\2([0-9]{2})[Tt ]"
    r"([01][0-9]|2[0-3])(:?)([0-5][0-9])(?:\6([0-5][0-9]|60)(?:[.,]([0-9]+))?)?"
    r"(?:[Zz]|([+-])([01][0-9]|2[0-3])(?::?([0-5][0-9]))?)?\Z"
).match
_digits = re.compile(r"[0-9]+\Z").match
_number = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?\Z").match


class TimeFormat(StrEnum):
    """How a payload writes its time, under the names of the group's option (documented, seen in the wild)."""

    ISO_8601 = "iso-8601"
    UNIX_SECONDS = "unix-sec"
    UNIX_MILLISECONDS = "unix-msec"


_FORMS = {
    TimeFormat.ISO_8601: "a text in ISO 8601 with date and time, such as 2024-09-02T12:34:56.789Z",
    TimeFormat.UNIX_SECONDS: "UNIX time in seconds, such as 1725280496",
    TimeFormat.UNIX_MILLISECONDS: "UNIX time in milliseconds, such as 1725280496789",
}
_SCALES = {TimeFormat.UNIX_SECONDS: 1000, TimeFormat.UNIX_MILLISECONDS: 1}


class CustomTime(Struct, frozen=True):
    """Where a payload says its time, and how.

    `falls_back` takes the time of receipt where it says none that can be used, instead of refusing the
    payload (our choice). Items of a batch never fall back.
    """

    pointer: Pointer
    format: TimeFormat = TimeFormat.ISO_8601
    falls_back: bool = False


def read_time(text: str, custom: CustomTime) -> int | None:
    """The time that the JSON text of a payload says, 0 to `MAX_TIME`; `None` if the time of receipt is to be taken.

    Raises `InvalidTime` if it says none that can be used.
    """
    return time_in(find(custom.pointer, text), custom)


def time_among(value: Any, text: str, custom: CustomTime) -> int | None:
    """The same where the value of the text is known: most times are a whole number or a text at its top level."""
    names = custom.pointer.names
    found = value.get(names[0]) if isinstance(value, dict) and len(names) == 1 else None
    if type(found) is int:
        return time_in(str(found), custom)
    if type(found) is str and custom.format is TimeFormat.ISO_8601:
        time = parse_iso(found)
        return read_time(text, custom) if time is None else time
    return read_time(text, custom)


def time_in(value: str | None, custom: CustomTime) -> int | None:
    """The same for the JSON text of what stands at the pointer, `None` where nothing does."""
    time = None if value is None else parse_value(value, custom.format)
    if time is None and not custom.falls_back:
        what = "has no time" if value is None else "has a time that cannot be used"
        raise InvalidTime(
            f"The payload {what} at {custom.pointer.told}, where its group's customTimestamp looks for it;"
            f" send {_FORMS[custom.format]}, from 1970 on"
        )
    return time


def parse_value(value: str, form: TimeFormat) -> int | None:
    """The UNIX ms that the text of a JSON value means; `None` if it is no time of this format.

    UNIX times are numbers, or texts that are written as numbers are, a fraction and an exponent included
    (our choice).
    """
    said = msgspec.json.decode(value, type=str) if value.startswith('"') else None
    if form is not TimeFormat.ISO_8601:
        return _unix(value if said is None else said, _SCALES[form])
    return None if said is None else parse_iso(said)


def parse_iso(text: str) -> int | None:
    """The UNIX ms of a date and time in ISO 8601; `None` if it is none, or before 1970.

    Taken are the extended and the basic form, `T` or a blank between date and time, seconds left out, a
    fraction behind a point or a comma, `Z`, `+09:00`, `+0900`, `+09`; without an offset it is UTC (our
    choice). Second 60 is taken as the last one of a day in UTC, where leap seconds are, and is the first of
    the next day, as UNIX time has it. Week and ordinal dates, a date alone and hour 24 are not taken (our
    choice).
    """
    match = _iso(text) if len(text) <= TEXT_CHARACTERS else None
    if match is None:
        return None
    year, _, month, day, hour, _, minute, second, part, sign, ahead, more = match.groups()
    try:
        days = date(int(year), int(month), int(day)).toordinal() - _EPOCH
    except ValueError:
        return None
    seconds = days * _DAY_SECONDS + int(hour) * 3600 + int(minute) * 60 + int(second or 0)
    if sign is not None:
        offset = int(ahead) * 3600 + int(more or 0) * 60
        seconds += offset if sign == "-" else -offset
    if seconds < 0 or (second == _LEAP and seconds % _DAY_SECONDS):
        return None
    return seconds * 1000 + (int(part.ljust(3, "0")[:3]) if part else 0)


def _unix(text: str, scale: int) -> int | None:
    if len(text) > TEXT_CHARACTERS:
        return None
    if _digits(text):
        time = int(text) * scale
    elif _number(text):
        # Exact, unlike a double, which would move a time of seconds by a millisecond now and then.
        time = floor(Fraction(text) * scale)
    else:
        return None
    return time if 0 <= time <= MAX_TIME else None
