"""Batch write: the documented payloads, and all or nothing."""

import json

import pytest

from minori.codec.batch import BATCH_BYTES, BATCH_ITEMS, split_batch
from minori.codec.content import JSON, TEXT, Content, classify
from minori.codec.customtime import CustomTime, TimeFormat
from minori.codec.pointer import Pointer, parse_pointer
from minori.errors import InvalidBatch, PayloadTooLarge

ITEM_BYTES = 1024
AT_TIME = CustomTime(parse_pointer("/time"))
COUNTED = CustomTime(parse_pointer("/t"), TimeFormat.UNIX_MILLISECONDS)
DATA = parse_pointer("/data")


def split(text: str, array: Pointer = DATA, time: CustomTime = AT_TIME) -> list[tuple[str, int]]:
    items = split_batch(classify(text.encode(), JSON), array, time, ITEM_BYTES)
    assert {item.content.content_type for item in items} == {JSON}
    return [(item.content.text, item.time) for item in items]


def test_the_documented_payload_is_two_entries() -> None:
    assert split(
        '{"data":[{"time":"2025-03-24T00:00:00Z","temperature":15.5},'
        '{"time":"2025-03-25T00:00:00Z","temperature":15.4}]}'
    ) == [
        ('{"time":"2025-03-24T00:00:00Z","temperature":15.5}', 1742774400000),
        ('{"time":"2025-03-25T00:00:00Z","temperature":15.4}', 1742860800000),
    ]


def test_a_blank_pointer_is_the_whole_document() -> None:
    text = '[{"time":"2025-03-17T09:00:00+09:00","temperature":10.5}]'
    assert split(text, parse_pointer("")) == [(text[1:-1], 1742169600000)]


def test_an_item_keeps_its_spelling_and_its_names() -> None:
    content = Content('{"data" : [ { "t" : 1.0 ,"x": 2.50 } , {"y":1,"t":2} ] }', JSON)
    first, second = split_batch(content, DATA, COUNTED, ITEM_BYTES)
    assert first.content == Content('{ "t" : 1.0 ,"x": 2.50 }', JSON, ("t", "x"))
    assert second.content == Content('{"y":1,"t":2}', JSON, ("y", "t"))
    assert (first.time, second.time) == (1, 2)


def test_items_stay_in_their_order_and_may_have_one_time() -> None:
    """The later one overwrites the earlier one when they are stored."""
    assert split('{"data":[{"t":5,"v":1},{"t":5,"v":2},{"t":1}]}', time=COUNTED) == [
        ('{"t":5,"v":1}', 5),
        ('{"t":5,"v":2}', 5),
        ('{"t":1}', 1),
    ]


def test_an_item_need_not_be_an_object() -> None:
    assert split("[[1,20.5],[2,21]]", parse_pointer(""), CustomTime(parse_pointer("/0"), TimeFormat.UNIX_SECONDS)) == [
        ("[1,20.5]", 1000),
        ("[2,21]", 2000),
    ]


def test_a_hundred_items_are_taken_and_no_more() -> None:
    items = [{"t": number} for number in range(BATCH_ITEMS)]
    assert len(split(json.dumps({"data": items}), time=COUNTED)) == 100
    with pytest.raises(InvalidBatch, match="The batch has 101 items; 100 are the most") as refused:
        split(json.dumps({"data": [*items, {"t": 1}]}), time=COUNTED)
    assert refused.value.index is None


@pytest.mark.parametrize(
    "text",
    ["{}", '{"data":null}', '{"data":{"t":1}}', '{"data":"[1]"}', '{"data":[]}', '{"Data":[{"t":1}]}', "[1]", "1"],
)
def test_what_has_no_array_with_items_is_no_batch(text: str) -> None:
    with pytest.raises(InvalidBatch, match="no JSON array with items in it at /data, where its group's batchWrite"):
        split(text, time=COUNTED)


@pytest.mark.parametrize("text", ["hello", '{"data":[{"t":1}', ""])
def test_what_is_no_json_is_no_batch(text: str) -> None:
    with pytest.raises(InvalidBatch, match="no JSON array"):
        split_batch(Content(text, TEXT), DATA, COUNTED, ITEM_BYTES)


def test_text_that_was_declared_as_text_is_no_batch() -> None:
    with pytest.raises(InvalidBatch, match="no JSON array"):
        split_batch(classify(b'{"data":[{"t":1}]}', "text/plain"), DATA, COUNTED, ITEM_BYTES)


@pytest.mark.parametrize("wrong", ['{"x":1}', '{"t":"soon"}', "7", "null", '{"t":-1}'])
@pytest.mark.parametrize("falls_back", [False, True])
def test_one_bad_item_refuses_all_and_is_named(wrong: str, *, falls_back: bool) -> None:
    time = CustomTime(COUNTED.pointer, COUNTED.format, falls_back)
    with pytest.raises(InvalidBatch, match=r"Item 1 of the batch, counted from 0: The payload has .* at /t") as refused:
        split(f'{{"data":[{{"t":1}},{wrong},{{"t":3}}]}}', time=time)
    assert refused.value.index == 1


def test_an_item_has_1024_bytes_at_most() -> None:
    item = '{"t":1,"x":"%s"}'
    room = ITEM_BYTES - len(item % "")
    assert len(split('{"data":[' + item % ("a" * room) + "]}", time=COUNTED)) == 1
    # The limit is of bytes.
    for filling in ("a" * (room + 1), "é" * (room // 2 + 1)):
        text = '{"data":[{"t":1},' + item % filling + "]}"
        with pytest.raises(PayloadTooLarge, match=r"Item 1 of the batch, counted from 0, is larger than 1024 bytes"):
            split(text, time=COUNTED)


def test_a_payload_with_a_batch_has_131072_bytes_at_most() -> None:
    items = ",".join(['{"t":1,"x":"' + "a" * 1000 + '"}'] * BATCH_ITEMS)
    start, end = '{"data":[' + items + '],"x":"', '"}'
    room = BATCH_BYTES - len(start) - len(end)
    assert len(split(start + "a" * room + end, time=COUNTED)) == 100
    for filling in ("a" * (room + 1), "é" * (room // 2 + 1)):
        with pytest.raises(PayloadTooLarge, match="The body is larger than 131072 bytes"):
            split(start + filling + end, time=COUNTED)
