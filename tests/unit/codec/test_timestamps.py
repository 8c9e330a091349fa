"""Times as clients write them."""

import pytest

from minori.codec.timestamps import parse_milliseconds
from minori.errors import InvalidTimestamp
from minori.model.entry import MAX_TIME


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("1545652714887", 1545652714887),
        ("0", 0),
        ("007", 7),
        (" \t1671883114123\t ", 1671883114123),
        ("9223372036854775807", MAX_TIME),
    ],
)
def test_a_whole_number_of_milliseconds_is_a_time(text: str, time: int) -> None:
    assert parse_milliseconds(text) == time


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "-1",
        "+1",
        "1.5",
        "1e3",
        "1_000",
        "0x10",
        "12 34",
        "2024-09-02T12:34:56Z",
        "now",
        "٣",
        "1\n",
        "1\r",
        "1\0",
        "9223372036854775808",
        "1" * 20,
        "0" * 5_000,
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidTimestamp, match="UNIX time in milliseconds, a whole number such as"):
        parse_milliseconds(text)
