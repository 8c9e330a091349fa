"""Conditional requests, one header at a time and against each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minori.errors import FileChanged
from minori.http.conditions import Version, is_not_modified, is_range_wanted
from minori.http.exchange import Headers, Request

TAG = "0123456789abcdef0123456789abcdef"
OTHER = "f" * 32
NOW = "Tue, 14 Nov 2023 22:13:20 GMT"
BEFORE = "Tue, 14 Nov 2023 22:13:19 GMT"
AFTER = "Tue, 14 Nov 2023 22:13:21 GMT"
VERSION = Version(TAG, 1_700_000_000)


def asking(*headers: tuple[str, str]) -> Request:
    lines = Headers((name.encode(), value.encode("latin-1")) for name, value in headers)
    return Request("GET", b"", lines, "192.0.2.1")


@pytest.mark.parametrize(
    ("tags", "known"),
    [
        (f'"{TAG}"', True),
        (f'W/"{TAG}"', True),
        (TAG, True),
        ("*", True),
        (" * ", True),
        (f'"{OTHER}", "{TAG}"', True),
        (f'"a,b","{TAG}"', True),
        (f'"{OTHER}"', False),
        (f'"x,{TAG},y"', False),
        (f'"{TAG} "', False),
        (f'"{TAG.upper()}"', False),
        ('""', False),
        ("W/", False),
        (",", False),
    ],
)
def test_if_none_match_knows_the_version_by_any_of_its_tags(tags: str, *, known: bool) -> None:
    assert is_not_modified(asking(("if-none-match", tags)), VERSION) is known


def test_several_lines_of_a_list_are_one_list() -> None:
    assert is_not_modified(asking(("if-none-match", f'"{OTHER}"'), ("if-none-match", f'"{TAG}"')), VERSION)


@pytest.mark.parametrize(
    ("date", "known"),
    [
        (NOW, True),
        (AFTER, True),
        (BEFORE, False),
        ("Tuesday, 14-Nov-23 22:13:20 GMT", True),
        ("Tue Nov 14 22:13:20 2023", True),
        ("Wed, 15 Nov 2023 00:13:20 +0200", True),
        ("Tue, 99 Nov 2023 22:13:20 GMT", False),
        ("yesterday", False),
        ("1700000000", False),
        ("Tue, 14 Nov 99999999999999999999 22:13:20 GMT", False),
    ],
)
def test_if_modified_since_compares_whole_seconds_and_passes_over_what_is_no_date(date: str, *, known: bool) -> None:
    assert is_not_modified(asking(("if-modified-since", date)), VERSION) is known


def test_a_date_counts_only_without_tags() -> None:
    assert not is_not_modified(asking(("if-none-match", f'"{OTHER}"'), ("if-modified-since", AFTER)), VERSION)


@pytest.mark.parametrize("tags", [f'"{OTHER}"', f'W/"{TAG}"', f'"{OTHER}", W/"{TAG}"'])
def test_if_match_insists_on_a_strong_tag(tags: str) -> None:
    with pytest.raises(FileChanged):
        is_not_modified(asking(("if-match", tags)), VERSION)


@pytest.mark.parametrize("tags", [f'"{TAG}"', "*", TAG, f'"{OTHER}", "{TAG}"'])
def test_if_match_lets_its_version_pass(tags: str) -> None:
    assert not is_not_modified(asking(("if-match", tags), ("if-unmodified-since", BEFORE)), VERSION)


def test_if_unmodified_since_insists_on_a_file_that_is_not_newer() -> None:
    assert not is_not_modified(asking(("if-unmodified-since", NOW)), VERSION)
    with pytest.raises(FileChanged):
        is_not_modified(asking(("if-unmodified-since", BEFORE)), VERSION)


def test_a_version_that_is_not_the_clients_is_refused_before_it_is_known() -> None:
    with pytest.raises(FileChanged):
        is_not_modified(asking(("if-match", f'"{OTHER}"'), ("if-none-match", f'"{TAG}"')), VERSION)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (f'"{TAG}"', True),
        (TAG, True),
        (NOW, True),
        (f'W/"{TAG}"', False),
        (f'"{OTHER}"', False),
        (f'"{TAG}", "{OTHER}"', False),
        (BEFORE, False),
        (AFTER, False),
        ("yesterday", False),
    ],
)
def test_if_range_wants_the_range_of_exactly_its_version(text: str, *, wanted: bool) -> None:
    assert is_range_wanted(asking(("if-range", text)), VERSION) is wanted


def test_without_if_range_the_range_is_wanted() -> None:
    assert is_range_wanted(asking(), VERSION)


@given(
    st.sampled_from(["if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range"]),
    st.one_of(st.text(st.characters(max_codepoint=255)), st.text("MonTueJan 0123456789:,-+GMT").map("Mon{}".format)),
)
def test_no_header_breaks_anything(name: str, value: str) -> None:
    request = asking((name, value))
    try:
        is_not_modified(request, VERSION)
    except FileChanged:
        assert name in {"if-match", "if-unmodified-since"}
    is_range_wanted(request, VERSION)
