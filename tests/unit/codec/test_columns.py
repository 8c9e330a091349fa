"""The members of contents as columns: names, kinds, and what is left to the content."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minori.codec.columns import (
    BOOLEAN,
    DEPTH,
    INTEGER,
    LONG,
    MOST_COLUMNS,
    REAL,
    TEXT,
    Columns,
    ExportedRow,
    decode_rows,
    flatten,
    kind_of,
    text_of,
)
from minori.codec.entry import encode_row
from minori.model.entry import DataEntry
from minori.model.resource import Resource, ResourceType

METER = Resource("OP1", ResourceType.SUBSCRIBER, "1")


def row(content: str, content_type: str = "application/json") -> ExportedRow:
    return ExportedRow(1, content_type, content)


def learned(*contents: str, typed: bool = True) -> Columns:
    columns = Columns(typed=typed)
    columns.learn([row(content) for content in contents])
    columns.settle()
    return columns


def test_rows_of_the_store_are_taken_apart() -> None:
    entries = [DataEntry(METER, 5, '{"a":"é\n"}', "application/json", "c"), DataEntry(METER, 6, '"', "text/plain")]
    taken = decode_rows([encode_row(entry) for entry in entries])
    assert taken == [ExportedRow(5, "application/json", '{"a":"é\n"}', "c"), ExportedRow(6, "text/plain", '"')]
    assert decode_rows([]) == []


def test_values_are_kept_as_they_were_sent() -> None:
    flat, is_whole = flatten(row('{"a": 21.50, "b":1E3, "c" : "é\\n", "d":[1, 2.0], "e":null, "f":true, "g":{}}'))
    assert flat == {
        "a": b"21.50",
        "b": b"1E3",
        "c": '"é\\n"'.encode(),
        "d": b"[1, 2.0]",
        "e": b"null",
        "f": b"true",
        "g": b"{}",
    }
    assert is_whole


def test_nested_objects_get_dotted_names_down_to_a_depth() -> None:
    assert flatten(row('{"gps":{"lat":1,"at":{"x":2}},"t":3}')) == (
        {"gps.lat": b"1", "gps.at.x": b"2", "t": b"3"},
        True,
    )
    deep = '{"a":' * (DEPTH + 2) + "1" + "}" * (DEPTH + 2)
    assert flatten(row(deep)) == ({".".join("a" * DEPTH): b'{"a":{"a":1}}'}, True)


def test_a_dotted_name_may_begin_another() -> None:
    assert flatten(row('{"a":{"b":1},"a.b":{"c":2}}')) == ({"a.b": b"1", "a.b.c": b"2"}, True)


def test_an_empty_object_is_a_value() -> None:
    assert flatten(row('{"a":{ },"b":{"c":{}},"d":{}}')) == ({"a": b"{ }", "b.c": b"{}", "d": b"{}"}, True)


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        ('{"a.b":1,"a":{"b":2}}', {"a.b": b"1"}),
        ('{"a":{"b":2},"a.b":1}', {"a.b": b"1"}),
        ('{"a":{"b.c":1},"a.b":{"c":2}}', {"a.b.c": b"1"}),
    ],
)
def test_two_members_of_one_dotted_name_leave_the_content_in_place(content: str, kept: dict[str, bytes]) -> None:
    flat, is_whole = flatten(row(content))
    assert flat == kept
    assert not is_whole


@pytest.mark.parametrize("content", ["[1]", "1", '"a"', "null", '{"a":"\\ud800"}'])
def test_what_is_no_object_or_not_strict_json_stays_in_the_content(content: str) -> None:
    assert flatten(row(content)) == ({}, False)


def test_text_stays_in_the_content_even_if_it_is_json() -> None:
    assert flatten(row('{"a":1}', "text/plain")) == ({}, False)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("null", 0),
        ("true", BOOLEAN),
        ("false", BOOLEAN),
        ("0", INTEGER),
        ("-0", INTEGER),
        (str(2**53 - 1), INTEGER),
        (str(2**53), LONG),
        (str(-(2**53)), LONG),
        (str(2**63 - 1), LONG),
        (str(2**63), TEXT),
        (str(-(2**63)), TEXT),
        ("1" * 5000, TEXT),
        ("21.5", REAL),
        ("-0.0", REAL),
        ("1e3", REAL),
        ("1E400", TEXT),
        ("9" * 400 + ".5", TEXT),
        ('"a"', TEXT),
        ("[1]", TEXT),
        ("{}", TEXT),
    ],
)
def test_every_value_has_a_kind(value: str, kind: int) -> None:
    assert kind_of(value.encode()) == kind
    assert learned(f'{{"a":{value}}}').kind("a") == kind
    # Once more, when the shape of the value is known.
    assert learned(f'{{"a":{value},"b":{value}}}').kind("b") == kind


def test_long_numbers_that_look_alike_may_be_of_two_kinds() -> None:
    columns = learned(f'{{"a":{2**53 - 1},"b":{2**53},"c":{2**63 - 1},"d":{2**63}}}')
    assert [columns.kind(name) for name in "abcd"] == [INTEGER, LONG, LONG, TEXT]


def test_a_column_has_the_kinds_of_all_its_values() -> None:
    columns = learned('{"a":1,"b":1,"c":null}', '{"a":1.5,"b":"x"}', '{"a":null,"b":true}')
    assert columns.kind("a") == INTEGER | REAL
    assert columns.kind("b") & TEXT
    assert columns.kind("c") == 0


def test_columns_are_in_order_of_their_names() -> None:
    assert learned('{"b":1,"a":1}', '{"é":1,"B":1}').headers == ["B", "a", "b", "é"]


def test_a_member_named_as_a_column_of_the_entry_is_put_below_content() -> None:
    columns = learned('{"time":1,"content":{"time":2},"category":3,"t":4}')
    assert dict(zip(columns.names, columns.headers, strict=True)) == {
        "category": "content.category",
        "content.time": "content.time",
        "t": "t",
        "time": "content.content.time",
    }
    assert len(set(columns.headers)) == 4


@pytest.mark.parametrize("typed", [True, False])
def test_what_is_in_no_column_leaves_the_content_in_place(*, typed: bool) -> None:
    columns = learned('{"a":1}', typed=typed)
    assert columns.split(row('{"a":2}')) == ({"a": b"2"}, True)
    assert columns.split(row("{}")) == ({}, True)
    assert columns.split(row('{"a":2,"late":3}')) == ({"a": b"2", "late": b"3"}, False)
    assert columns.split(row("[2]")) == ({}, False)


def test_columns_are_bounded() -> None:
    columns = learned(json.dumps({f"n{number:05}": number for number in range(MOST_COLUMNS + 5)}))
    assert len(columns.names) == MOST_COLUMNS
    assert learned(json.dumps({"n" * 257: 1, "n" * 256: 1})).names == ["n" * 256]


def test_the_text_of_a_value_has_no_quotes() -> None:
    values = [b'"a\\n\\u00e9"', b"null", b"true", b"21.50", b'["a"]', b'""']
    assert [text_of(value) for value in values] == ["a\né", None, "true", "21.50", '["a"]', ""]


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("ab.é", max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("ab.", max_size=2), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.text("ab.", max_size=2), json_values, max_size=4))
def test_a_content_that_is_told_whole_can_be_told_back(value: dict[str, object]) -> None:
    flat, is_whole = flatten(row(json.dumps(value)))
    paths: list[tuple[str, object]] = []

    def walk(inside: dict[str, object], prefix: str, depth: int) -> None:
        for name, member in inside.items():
            if isinstance(member, dict) and member and depth > 1:
                walk(member, f"{prefix}{name}.", depth - 1)
            else:
                paths.append((prefix + name, member))

    walk(value, "", DEPTH)
    assert is_whole == (len(dict(paths)) == len(paths))
    if is_whole:
        assert {name: json.loads(text) for name, text in flat.items()} == dict(paths)
