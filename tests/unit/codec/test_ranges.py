"""The header `Range`, against a model that looks at every byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minori.codec.ranges import RANGES, Span, parse_ranges
from minori.errors import RangeUnsatisfiable

SIZE = 1000

POSITION = st.one_of(st.integers(0, 12), st.integers(0, 10**25))
RANGE = st.one_of(
    st.tuples(POSITION, POSITION).map(sorted).map(lambda pair: f"{pair[0]}-{pair[1]}"),
    POSITION.map("{}-".format),
    POSITION.map("-{}".format),
)
BLANK = st.sampled_from(["", " ", "\t", "  "])
LIST = st.lists(st.tuples(BLANK, st.one_of(RANGE, RANGE, RANGE, st.just("")), BLANK).map("".join), max_size=20)


def model(ranges: list[str], size: int) -> list[list[int]]:
    """The bytes of each range that are there, by their offsets."""
    asked = []
    for each in ranges:
        first, _, last = each.strip().partition("-")
        if first:
            bytes_ = [at for at in range(size) if at >= int(first) and (not last or at <= int(last))]
        else:
            bytes_ = [at for at in range(size) if at >= size - int(last)]
        asked.append(bytes_)
    return asked


@given(LIST, st.integers(1, 12))
def test_the_spans_are_the_bytes_that_were_asked_for(ranges: list[str], size: int) -> None:
    named = [each for each in ranges if each.strip()]
    asked = [bytes_ for bytes_ in model(named, size) if bytes_]
    every = [at for bytes_ in asked for at in bytes_]
    header = "bytes=" + ",".join(ranges)
    if not named or len(named) > RANGES or len(set(every)) < len(every):
        assert parse_ranges(header, size) == ()
    elif not asked:
        with pytest.raises(RangeUnsatisfiable):
            parse_ranges(header, size)
    else:
        assert [list(range(span.offset, span.end)) for span in parse_ranges(header, size)] == asked


@given(st.one_of(st.text(), st.text("bytes=0123456789-, ").map("bytes={}".format)), st.integers(0, 12))
def test_whatever_the_header_says_no_more_than_the_file_is_sent(text: str, size: int) -> None:
    try:
        spans = parse_ranges(text, size)
    except RangeUnsatisfiable:
        return
    assert sum(span.count for span in spans) <= size
    assert all(0 <= span.offset < span.end <= size for span in spans)


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("bytes=0-511", [Span(0, 512)]),
        ("BYTES=0-511", [Span(0, 512)]),
        ("bytes=0-0", [Span(0, 1)]),
        ("bytes=999-", [Span(999, 1)]),
        ("bytes=-1", [Span(999, 1)]),
        ("bytes=-5000", [Span(0, 1000)]),
        ("bytes=990-5000", [Span(990, 10)]),
        ("bytes=00000-0001", [Span(0, 2)]),
        ("bytes=5-6,0-1", [Span(5, 2), Span(0, 2)]),
        ("bytes=0-1,5000-,2-3", [Span(0, 2), Span(2, 2)]),
        ("bytes=,, 0-1 ,", [Span(0, 2)]),
    ],
)
def test_ranges_are_cut_to_the_file_and_keep_their_order(text: str, spans: list[Span]) -> None:
    assert list(parse_ranges(text, SIZE)) == spans


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=a-b",
        "bytes=5-4",
        "bytes=0-1,5-4",
        "bytes=0-1;2-3",
        "bytes=0 - 1",
        "bytes=+0-1",
        "bytes=--1",
        "bytes=0-1-2",
        "bytes=0x0-0x1",
        "bytes=\u0661-\u0662",
        "bytes=0-" + "9" * 101,
        "items=0-1",
        " bytes=0-1",
        "bytes =0-1",
    ],
)
def test_a_header_that_is_no_list_of_byte_ranges_asks_for_the_whole_file(text: str) -> None:
    assert parse_ranges(text, SIZE) == ()


@pytest.mark.parametrize("text", ["bytes=0-5,5-9", "bytes=0-,-1", "bytes=3-3,3-3", "bytes=9-,0-9"])
def test_ranges_that_overlap_ask_for_the_whole_file(text: str) -> None:
    assert parse_ranges(text, SIZE) == ()


def test_more_than_sixteen_ranges_ask_for_the_whole_file() -> None:
    sixteen = [f"{at}-{at}" for at in range(0, 32, 2)]
    assert len(parse_ranges("bytes=" + ",".join(sixteen), SIZE)) == 16
    assert parse_ranges("bytes=" + ",".join([*sixteen, "40-40"]), SIZE) == ()


@pytest.mark.parametrize("text", ["bytes=1000-", "bytes=1000-1000", "bytes=-0", "bytes=2000-,3000-"])
def test_ranges_beyond_the_end_cannot_be_satisfied(text: str) -> None:
    with pytest.raises(RangeUnsatisfiable) as raised:
        parse_ranges(text, SIZE)
    assert raised.value.size == SIZE


@pytest.mark.parametrize("text", ["bytes=0-0", "bytes=-5", "bytes=7-"])
def test_an_empty_file_is_whole_whatever_is_asked_for(text: str) -> None:
    assert parse_ranges(text, 0) == ()


def test_a_span_says_its_last_byte_and_the_size() -> None:
    assert Span(5, 10).content_range(SIZE) == b"bytes 5-14/1000"
