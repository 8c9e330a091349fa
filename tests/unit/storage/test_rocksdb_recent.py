"""The newest rows kept in memory: what they answer, and when they are forgotten."""

import pytest

from minori.codec.entry import encode_row, row_time
from minori.model.entry import MAX_TIME, DataEntry, EntryPage
from minori.model.resource import Resource, ResourceType
from minori.storage.rocksdb.keys import entry_prefix, pack_time
from minori.storage.rocksdb.recent import RUN_OVERHEAD, Recent

RESOURCE = Resource("OP1", ResourceType.SUBSCRIBER, "001010000000001")
PREFIX = entry_prefix(RESOURCE)


def row(time: int, content: str = "a") -> bytes:
    return encode_row(DataEntry(RESOURCE, time, content, "text/plain"))


def rows(*times: int) -> list[bytes]:
    return [row(time) for time in times]


def newest(recent: Recent, limit: int, first: int = 0, last: int = MAX_TIME) -> EntryPage | None:
    return recent.page(PREFIX, first, last, limit)


def put(recent: Recent, time: int, value: bytes | None) -> None:
    recent.written({PREFIX + pack_time(time): value})


@pytest.fixture
def recent() -> Recent:
    """Keeps the entries at 30, 20 and 10, which are not all there are."""
    recent = Recent()
    recent.keep(PREFIX, rows(30, 20, 10), 10)
    return recent


def test_a_page_that_is_here_is_answered_with_the_time_it_ends_at(recent: Recent) -> None:
    assert newest(recent, 2) == EntryPage(rows(30, 20), 20)


def test_a_page_that_reaches_the_oldest_row_needs_the_disk(recent: Recent) -> None:
    assert newest(recent, 3) is None


def test_a_page_of_a_resource_that_is_here_whole_has_an_end() -> None:
    recent = Recent()
    recent.keep(PREFIX, rows(30, 20), 0)
    assert newest(recent, 10) == EntryPage(rows(30, 20), None)


@pytest.mark.parametrize(
    ("first", "last", "page"),
    [
        (25, MAX_TIME, EntryPage(rows(30), None)),
        (20, MAX_TIME, EntryPage(rows(30, 20), None)),
        (15, 29, EntryPage(rows(20), None)),
        (10, 29, EntryPage(rows(20, 10), None)),
        (10, MAX_TIME, EntryPage(rows(30, 20), 20)),
        (21, 29, EntryPage((), None)),
    ],
)
def test_a_span_among_the_rows_is_answered(recent: Recent, first: int, last: int, page: EntryPage) -> None:
    found = newest(recent, 2, first, last)
    assert found is not None
    assert (list(found.rows), found.next_after) == (list(page.rows), page.next_after)
    expected = [row for row in rows(30, 20, 10) if first <= row_time(row) <= last]
    assert recent.rows(PREFIX, first, last) == expected


@pytest.mark.parametrize(("first", "last"), [(0, 29), (9, 19), (0, 9), (9, 10)])
def test_a_span_that_reaches_beyond_the_oldest_row_needs_the_disk(recent: Recent, first: int, last: int) -> None:
    assert newest(recent, 2, first, last) is None
    assert recent.rows(PREFIX, first, last) is None


@pytest.mark.parametrize(("first", "is_here"), [(4, False), (5, True), (9, True)])
def test_a_span_may_reach_beyond_the_oldest_row_as_far_as_there_are_no_others(*, first: int, is_here: bool) -> None:
    recent = Recent()
    recent.keep(PREFIX, rows(30, 20, 10), 5)
    page, found = newest(recent, 5, first), recent.rows(PREFIX, first, MAX_TIME)
    assert (page, found) == ((EntryPage(rows(30, 20, 10), None), rows(30, 20, 10)) if is_here else (None, None))


def test_a_newer_row_is_in_the_next_page(recent: Recent) -> None:
    put(recent, 40, row(40))
    assert newest(recent, 2) == EntryPage(rows(40, 30), 30)


@pytest.mark.parametrize(("time", "value"), [(30, row(30, "b")), (15, row(15)), (20, None)])
def test_any_other_change_makes_the_resource_forgotten(recent: Recent, time: int, value: bytes | None) -> None:
    put(recent, time, value)
    assert newest(recent, 1) is None


def test_a_change_of_another_resource_changes_nothing(recent: Recent) -> None:
    other = entry_prefix(Resource("OP1", ResourceType.SUBSCRIBER, "001010000000002"))
    recent.written({other + pack_time(40): row(40), b"": b"", other: b""})
    assert newest(recent, 1) == EntryPage(rows(30), 30)


def test_a_run_that_grows_loses_its_oldest_rows() -> None:
    recent = Recent(largest_run=RUN_OVERHEAD + 40 * len(row(10)))
    recent.keep(PREFIX, rows(*range(49, 9, -1)), 0)
    put(recent, 50, row(50))
    assert newest(recent, 40) is None
    assert newest(recent, 2) == EntryPage(rows(50, 49), 49)
    assert recent.rows(PREFIX, 10, 50) is None


def test_of_rows_that_are_too_many_the_newest_are_kept() -> None:
    recent = Recent(largest_run=RUN_OVERHEAD + 2 * len(row(10)))
    recent.keep(PREFIX, rows(30, 20, 10), 0)
    assert newest(recent, 1) == EntryPage(rows(30), 30)
    assert newest(recent, 2) is None


def test_rows_that_are_large_are_not_kept() -> None:
    recent = Recent(largest_run=RUN_OVERHEAD + 100)
    recent.keep(PREFIX, [row(10, "a" * 100)], 0)
    assert newest(recent, 1) is None


def test_the_resource_that_nobody_asked_for_the_longest_is_forgotten_first() -> None:
    recent = Recent(kept=2 * (RUN_OVERHEAD + len(row(10))))
    for prefix in (b"1", b"2"):
        recent.keep(prefix, rows(10), 0)
    assert recent.page(b"1", 0, MAX_TIME, 1) is not None
    recent.keep(b"3", rows(10), 0)
    assert [recent.page(prefix, 0, MAX_TIME, 1) is not None for prefix in (b"1", b"2", b"3")] == [True, False, True]
