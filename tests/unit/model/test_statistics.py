"""Periods: where they begin and end, in UTC."""

from datetime import UTC, datetime

import pytest

from minori.model.statistics import Period, end_of, month_of, start_of


def seconds(*moment: int) -> int:
    year, month, day, hour, minute, second = (*moment, 0, 0, 0)[:6]
    return int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("period", "moment", "start", "end"),
    [
        (Period.MINUTES, (2025, 1, 1, 0, 7, 59), (2025, 1, 1, 0, 5), (2025, 1, 1, 0, 10)),
        (Period.MINUTES, (2025, 1, 1, 0, 5), (2025, 1, 1, 0, 5), (2025, 1, 1, 0, 10)),
        (Period.DAY, (2025, 1, 1, 23, 59, 59), (2025, 1, 1), (2025, 1, 2)),
        (Period.DAY, (1970, 1, 1), (1970, 1, 1), (1970, 1, 2)),
        (Period.MONTH, (2025, 12, 31, 23, 59, 59), (2025, 12, 1), (2026, 1, 1)),
        (Period.MONTH, (2024, 2, 1), (2024, 2, 1), (2024, 3, 1)),
        (Period.MONTH, (2025, 2, 28, 12), (2025, 2, 1), (2025, 3, 1)),
    ],
)
def test_a_period_begins_and_ends_where_its_calendar_says(
    period: Period, moment: tuple[int, ...], start: tuple[int, ...], end: tuple[int, ...]
) -> None:
    second = seconds(*moment)
    assert start_of(second, period) == seconds(*start)
    assert end_of(second, period) == seconds(*end)


@pytest.mark.parametrize("period", Period)
def test_the_last_second_of_the_last_year_is_in_a_period(period: Period) -> None:
    last = seconds(9999, 12, 31, 23, 59, 59)
    assert start_of(last, period) <= last < end_of(last, period) == last + 1


def test_a_month_is_told_in_six_digits() -> None:
    assert month_of(seconds(2025, 1, 31, 23, 59, 59) * 1000 + 999) == "202501"
    assert month_of(seconds(2025, 2, 1) * 1000) == "202502"
