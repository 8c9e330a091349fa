"""Times in payloads: the documented ones, and what else devices write or should not."""

import pytest

from minori.codec.customtime import CustomTime, TimeFormat, parse_iso, parse_value, read_time
from minori.codec.pointer import parse_pointer
from minori.errors import InvalidTime
from minori.model.entry import MAX_TIME

ISO, SECONDS, MILLISECONDS = TimeFormat
AT_TIME = parse_pointer("/time")


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ('{"temperature":12.3,"humidity":45.6,"time":"2024-09-02T12:34:56.789Z"}', 1725280496789),
        ('{"time":"2025-03-24T00:00:00Z","temperature":15.5}', 1742774400000),
        ('{"time":"2025-03-25T00:00:00Z","temperature":15.4}', 1742860800000),
        ('{"time":"2025-03-17T09:00:00+09:00","temperature":10.5}', 1742169600000),
        ('{"time":"2025-03-18T09:00:00+09:00","temperature":9.4}', 1742256000000),
        ('{"time":"2025-03-17T00:00:00Z","temperature":15.5}', 1742169600000),
    ],
)
def test_the_documented_payloads_say_these_times(text: str, time: int) -> None:
    assert read_time(text, CustomTime(AT_TIME)) == time


@pytest.mark.parametrize(
    ("form", "value", "time"),
    [
        (SECONDS, "1725280496", 1725280496000),
        (SECONDS, '"1725280496"', 1725280496000),
        (SECONDS, "1725280496.789", 1725280496789),
        (SECONDS, '"1725280496.789"', 1725280496789),
        (SECONDS, "1725280496.7899", 1725280496789),
        (SECONDS, "1.725280496789e9", 1725280496789),
        (SECONDS, "1725280496.000", 1725280496000),
        (SECONDS, "0", 0),
        (SECONDS, "-0", 0),
        (SECONDS, "-0.0", 0),
        (SECONDS, "1e-999", 0),
        (SECONDS, "9223372036854775.807", MAX_TIME),
        (SECONDS, "9223372036854775.8079", MAX_TIME),
        (MILLISECONDS, "1725280496789", 1725280496789),
        (MILLISECONDS, '"1725280496789"', 1725280496789),
        (MILLISECONDS, "1725280496789.0", 1725280496789),
        (MILLISECONDS, "1725280496789.9", 1725280496789),
        (MILLISECONDS, "1.725280496789E12", 1725280496789),
        (MILLISECONDS, "9223372036854775807", MAX_TIME),
        (MILLISECONDS, '"\\u0031"', 1),
    ],
)
def test_unix_times_are_numbers_or_texts_and_are_cut_at_the_millisecond(
    form: TimeFormat, value: str, time: int
) -> None:
    assert parse_value(value, form) == time


@pytest.mark.parametrize("milliseconds", [1, 4, 9, 289, 537, 999])
def test_a_fraction_of_a_second_is_exact(milliseconds: int) -> None:
    """As doubles, some of these would be a millisecond early."""
    assert parse_value(f"1725280496.{milliseconds:03}", SECONDS) == 1725280496000 + milliseconds


@pytest.mark.parametrize("form", [SECONDS, MILLISECONDS])
@pytest.mark.parametrize(
    "value",
    [
        "-1",
        "-0.0001",
        "1e999",
        "9223372036854775808",
        "9" * 64,
        "9" * 5_000,
        "true",
        "null",
        "[1]",
        '{"a":1}',
        '""',
        '" 1"',
        '"1 "',
        '"1\\n"',
        '"+1"',
        '"1_000"',
        '"0x10"',
        '"1e9999"',
        '"1."',
        '".5"',
        '"NaN"',
        '"Infinity"',
        '"1/2"',
        '"\u0663"',
        '"2024-09-02T12:34:56Z"',
    ],
)
def test_what_is_no_number_or_out_of_bounds_is_no_unix_time(form: TimeFormat, value: str) -> None:
    assert parse_value(value, form) is None


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2024-09-02T12:34:56Z", 1725280496000),
        ("2024-09-02t12:34:56z", 1725280496000),
        ("2024-09-02 12:34:56Z", 1725280496000),
        ("2024-09-02T12:34Z", 1725280440000),
        ("20240902T123456Z", 1725280496000),
        ("20240902T123456.789Z", 1725280496789),
        ("20240902T213456+0900", 1725280496000),
        ("2024-09-02T12:34:56,789Z", 1725280496789),
        ("2024-09-02T12:34:56.7Z", 1725280496700),
        ("2024-09-02T12:34:56.7899999999999Z", 1725280496789),
        ("2024-09-02T21:34:56.789+09:00", 1725280496789),
        ("2024-09-02T21:34:56.789+0900", 1725280496789),
        ("2024-09-02T21:34:56.789+09", 1725280496789),
        ("2024-09-02T18:04:56+05:30", 1725280496000),
        ("2024-09-02T05:34:56-07:00", 1725280496000),
        ("2024-09-02T12:34:56+00:00", 1725280496000),
        ("2024-09-02T12:34:56-00:00", 1725280496000),
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:00:00-01:00", 0),
        ("2000-02-29T00:00:00Z", 951782400000),
        ("9999-12-31T23:59:59.999Z", 253402300799999),
        ("9999-12-31T23:59:59.999-23:59", 253402387139999),
        ("2018-09-02T21:53:04.743531+09:00", 1535892784743),
        ("2022-07-18T09:34:15.775023242+00:00", 1658136855775),
    ],
)
def test_iso_8601_has_many_spellings(text: str, time: int) -> None:
    assert parse_iso(text) == time


@pytest.mark.parametrize(
    ("without", "same"),
    [("2025-03-24T00:00:00", "2025-03-24T00:00:00Z"), ("20250324T0000", "2025-03-24T00:00:00Z")],
)
def test_without_an_offset_it_is_utc(without: str, same: str) -> None:
    assert parse_iso(without) == parse_iso(same) == 1742774400000


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2016-12-31T23:59:60Z", 1483228800000),
        ("2016-12-31T23:59:60.500Z", 1483228800500),
        ("2017-01-01T08:59:60+09:00", 1483228800000),
        ("2016-12-31T22:59:60Z", None),
        ("2016-12-31T23:58:60Z", None),
        ("2016-12-31T23:59:60+09:00", None),
        ("2016-12-31T23:59:61Z", None),
    ],
)
def test_a_leap_second_is_the_first_of_the_next_day_and_stands_nowhere_else(text: str, time: int | None) -> None:
    assert parse_iso(text) == time


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2024-09-02",
        "12:34:56.789",
        "20240902",
        "2024-W36-1T12:34:56Z",
        "2024W361T123456Z",
        "2024-246T12:34:56Z",
        "2024246T123456Z",
        "2024-09T12:34:56Z",
        "2024-09-02T12Z",
        "2024-09-02T12:34:56.Z",
        "2024-09-02T12:34.5Z",
        "2024-09-02T24:00:00Z",
        "2024-09-02T23:60:00Z",
        "2024-02-30T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "2024-13-01T00:00:00Z",
        "2024-00-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "1969-12-31T23:59:59.999Z",
        "1970-01-01T00:59:59+01:00",
        "-2024-09-02T12:34:56Z",
        "+12024-09-02T12:34:56Z",
        "02024-09-02T12:34:56Z",
        "2024-9-2T12:34:56Z",
        "2024/09/02T12:34:56Z",
        "2024-0902T12:34:56Z",
        "2024-09-02T12:3456Z",
        "2024-09-02T12:34:56 Z",
        "2024-09-02  12:34:56Z",
        " 2024-09-02T12:34:56Z",
        "2024-09-02T12:34:56Z\n",
        "2024-09-02T12:34:56+24:00",
        "2024-09-02T12:34:56+09:60",
        "2024-09-02T12:34:56+9",
        "2024-09-02T12:34:56\u221209:00",
        "2024-09-02T12:34:56UTC",
        "2024-09-02T12:34:56+09:00[Asia/Tokyo]",
        "Mon, 02 Sep 2024 12:34:56 GMT",
        "1725280496789",
        "\uff12\uff10\uff12\uff14-09-02T12:34:56Z",
        "2024-09-02T12:34:56." + "7" * 64 + "Z",
    ],
)
def test_what_could_be_meant_otherwise_is_no_time(text: str) -> None:
    assert parse_iso(text) is None


@pytest.mark.parametrize("value", ["1725280496789", "null", "true", "{}", '["2024-09-02T12:34:56Z"]', '""'])
def test_iso_8601_is_a_text(value: str) -> None:
    assert parse_value(value, ISO) is None


@pytest.mark.parametrize("text", ["{}", '{"t":1}', "[]", "1", "no JSON", "", '{"date":"2024-09-02","at":"12:34:56"}'])
def test_a_payload_without_its_time_is_refused_with_where_and_what(text: str) -> None:
    with pytest.raises(InvalidTime) as refused:
        read_time(text, CustomTime(AT_TIME))
    assert refused.value.message == (
        "The payload has no time at /time, where its group's customTimestamp looks for it;"
        " send a text in ISO 8601 with date and time, such as 2024-09-02T12:34:56.789Z, from 1970 on"
    )


@pytest.mark.parametrize(
    ("form", "example"),
    [(SECONDS, "seconds, such as 1725280496"), (MILLISECONDS, "milliseconds, such as 1725280496789")],
)
def test_a_time_that_cannot_be_used_is_refused_with_an_example(form: TimeFormat, example: str) -> None:
    with pytest.raises(InvalidTime, match=f"has a time that cannot be used at /time, .* {example}"):
        read_time('{"time":"yesterday"}', CustomTime(AT_TIME, form))


@pytest.mark.parametrize("text", ["{}", '{"time":"yesterday"}', "no JSON"])
def test_a_group_may_fall_back_on_the_receipt(text: str) -> None:
    assert read_time(text, CustomTime(AT_TIME, ISO, falls_back=True)) is None


def test_a_group_that_may_fall_back_takes_a_time_that_is_there() -> None:
    assert read_time('{"time":5}', CustomTime(AT_TIME, MILLISECONDS, falls_back=True)) == 5


def test_a_time_may_stand_deep_in_a_payload() -> None:
    custom = CustomTime(parse_pointer("/meta/times/1"), SECONDS)
    assert read_time('{"meta":{"times":[1,2,3]}}', custom) == 2000
