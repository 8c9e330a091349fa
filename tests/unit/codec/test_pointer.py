"""JSON Pointers: the examples of RFC 6901, and payloads as devices write them."""

import json

import pytest

from minori.codec.pointer import POINTER_CHARACTERS, POINTER_DEPTH, Pointer, find, parse_pointer, split_items
from minori.errors import InvalidParameter

RFC = r"""
{
  "foo": ["bar", "baz"],
  "": 0,
  "a/b": 1,
  "c%d": 2,
  "e^f": 3,
  "g|h": 4,
  "i\\j": 5,
  "k\"l": 6,
  " ": 7,
  "m~n": 8
}
"""


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("", json.loads(RFC)),
        ("/foo", ["bar", "baz"]),
        ("/foo/0", "bar"),
        ("/", 0),
        ("/a~1b", 1),
        ("/c%d", 2),
        ("/e^f", 3),
        ("/g|h", 4),
        ("/i\\j", 5),
        ('/k"l', 6),
        ("/ ", 7),
        ("/m~0n", 8),
    ],
)
def test_the_examples_of_the_rfc_point_where_it_says(pointer: str, value: object) -> None:
    found = find(parse_pointer(pointer), RFC)
    assert found is not None
    assert json.loads(found) == value
    assert str(parse_pointer(pointer)) == pointer


def test_escapes_are_undone_once_and_in_the_order_of_the_rfc() -> None:
    assert parse_pointer("/~01") == Pointer(("~1",))
    assert parse_pointer("/~10~0~1") == Pointer(("/0~/",))


@pytest.mark.parametrize("text", ["time", " /time", "#/time", "~0"])
def test_a_pointer_is_empty_or_begins_with_a_slash(text: str) -> None:
    with pytest.raises(InvalidParameter, match="begins with a slash"):
        parse_pointer(text)


@pytest.mark.parametrize("text", ["/~", "/a~", "/~2", "/~~0", "/a/~x/b"])
def test_a_tilde_that_escapes_nothing_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter, match="~0 stands for ~"):
        parse_pointer(text)


def test_a_pointer_is_bounded() -> None:
    assert parse_pointer("/" + "a" * (POINTER_CHARACTERS - 1)).names
    with pytest.raises(InvalidParameter, match="1024 characters at most"):
        parse_pointer("/" + "a" * POINTER_CHARACTERS)
    assert len(parse_pointer("/a" * POINTER_DEPTH).names) == POINTER_DEPTH
    with pytest.raises(InvalidParameter, match="32 names at most"):
        parse_pointer("/a" * (POINTER_DEPTH + 1))


@pytest.mark.parametrize(
    ("pointer", "text"),
    [
        ("/time", "{}"),
        ("/time", '{"Time":1}'),
        ("/a/b", '{"a":1}'),
        ("/a/0", '{"a":"text"}'),
        ("/a/b", '{"a":null}'),
        ("/0", '{"1":0}'),
        ("/2", "[0,1]"),
        ("/-", "[0,1]"),
        ("/-1", "[0,1]"),
        ("/00", "[0,1]"),
        ("/01", "[0,1]"),
        ("/1.0", "[0,1]"),
        ("/ 1", "[0,1]"),
        ("/+1", "[0,1]"),
        ("/1e0", "[0,1]"),
        ("/1\n", "[0,1]"),
        ("/\uff11", "[0,1]"),
        ("/" + "9" * 1000, "[0,1]"),
        ("/", "[0,1]"),
        ("/length", "[0,1]"),
    ],
)
def test_where_nothing_is_nothing_is_found(pointer: str, text: str) -> None:
    assert find(parse_pointer(pointer), text) is None


@pytest.mark.parametrize("text", ['{"-":1,"01":2,"1":3}'])
def test_in_an_object_every_name_is_a_name(text: str) -> None:
    assert [find(parse_pointer(pointer), text) for pointer in ("/-", "/01", "/1")] == ["1", "2", "3"]


def test_what_is_found_keeps_its_spelling() -> None:
    text = '\n{"a" :\t[ { "x" : 1.50 , "y":1e3,"x\\u0031":"\\u00e9é" } , 2.0 ] }\r\n'
    assert find(parse_pointer(""), text) == text.strip()
    assert find(parse_pointer("/a/0"), text) == '{ "x" : 1.50 , "y":1e3,"x\\u0031":"\\u00e9é" }'
    assert find(parse_pointer("/a/0/x"), text) == "1.50"
    assert find(parse_pointer("/a/0/x1"), text) == '"\\u00e9é"'
    assert find(parse_pointer("/a/1"), text) == "2.0"


def test_of_doubled_members_the_last_one_counts() -> None:
    assert find(parse_pointer("/t"), '{"t":1,"t":2}') == "2"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "x",
        "{",
        '{"t":1',
        '{"t":1}}',
        '{"t":01}',
        '{"t":1,}',
        "{'t':1}",
        '{"t":1} {"t":2}',
        '\ufeff{"t":1}',
        '{"t":1,"u":NaN}',
        '{"t":1,"u":"\\ud800"}',
        '{"t":1,"u":"\ud800"}',
        '{"t":1,"\\ud800":2}',
        '{"t":1,"u":' + "[" * 100_000 + "]" * 100_000 + "}",
    ],
    ids=lambda text: ascii(text[:24]),
)
@pytest.mark.parametrize("pointer", ["", "/t"])
def test_text_that_cannot_be_looked_into_has_nothing_in_it(pointer: str, text: str) -> None:
    assert find(parse_pointer(pointer), text) is None


def test_an_array_is_split_into_its_items_in_their_spelling() -> None:
    assert split_items(' [ {"a": 1} ,\n2.50, "x,]" ,[ 3 ] ]') == ['{"a": 1}', "2.50", '"x,]"', "[ 3 ]"]
    assert split_items("[]") == []


@pytest.mark.parametrize("text", ['{"a":1}', "1", '"[1]"', "null", "[1", "", "[" * 100_000])
def test_what_is_no_array_has_no_items(text: str) -> None:
    assert split_items(text) is None


@pytest.mark.parametrize(
    ("pointer", "told"),
    [
        ("", "its root"),
        ("/time", "/time"),
        ("/a~1b/0/~0", "/a~1b/0/~0"),
        ("/100%", "the place that the group names"),
        ("/時刻", "the place that the group names"),
        ("/" + "a" * 200, "the place that the group names"),
    ],
)
def test_a_message_repeats_no_odd_pointer(pointer: str, told: str) -> None:
    assert parse_pointer(pointer).told == told
