"""Statistics: how often resources were written to, and over which intervals of time that is told."""

from calendar import monthrange
from datetime import UTC, datetime
from enum import IntEnum, StrEnum

MINUTES_DAYS = 32
"""Days that a request for `Period.MINUTES` may span (documented as how far back it goes)."""


class Interval(IntEnum):
    """The intervals that writes are counted in, in ms. They follow each other from UNIX time 0 on."""

    FIVE_MINUTES = 300_000
    DAY = 86_400_000


SLOTS_A_DAY = Interval.DAY // Interval.FIVE_MINUTES

_SLOT_SECONDS, _DAY_SECONDS = Interval.FIVE_MINUTES // 1000, Interval.DAY // 1000


class Period(StrEnum):
    """What counts are summed up over, under its wire name (spec). Days and months are those of UTC (our choice)."""

    MONTH = "month"
    DAY = "day"
    MINUTES = "minutes"


def start_of(second: int, period: Period) -> int:
    """When the period began that holds `second`; both in UNIX s, of a year up to 9999."""
    if period is Period.MINUTES:
        return second - second % _SLOT_SECONDS
    if period is Period.DAY:
        return second - second % _DAY_SECONDS
    return int(datetime.fromtimestamp(second, UTC).replace(day=1, hour=0, minute=0, second=0).timestamp())


def end_of(second: int, period: Period) -> int:
    """When the period ends that holds `second`; both in UNIX s, of a year up to 9999."""
    if period is Period.MINUTES:
        return start_of(second, period) + _SLOT_SECONDS
    if period is Period.DAY:
        return start_of(second, period) + _DAY_SECONDS
    day = datetime.fromtimestamp(second, UTC)
    return start_of(second, period) + monthrange(day.year, day.month)[1] * _DAY_SECONDS


def month_of(time: int) -> str:
    """The month of a time in UNIX ms, as `YYYYMM`."""
    return datetime.fromtimestamp(time // 1000, UTC).strftime("%Y%m")
