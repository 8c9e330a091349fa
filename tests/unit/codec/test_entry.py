"""The row of an entry, and the pages that are joined from rows."""

import json

from minori.codec.entry import decode_row, encode_json, encode_row, join_mixed, join_page, members, row_time
from minori.model.entry import DataEntry
from minori.model.resource import Resource, ResourceType

METER = Resource("OP1", ResourceType.SUBSCRIBER, "001010000000001")
CAMERA = Resource("OP1", ResourceType.SORA_CAM, 'c"1')


def entry(category: str | None = None, content: str = '{"t":21}') -> DataEntry:
    return DataEntry(METER, 1732233600000, content, "application/json", category)


def test_a_row_is_the_entry_without_the_members_of_its_resource() -> None:
    assert encode_row(entry()) == b'"time":1732233600000,"contentType":"application/json","content":"{\\"t\\":21}"}'


def test_a_category_comes_last() -> None:
    assert encode_row(entry("plant")).endswith(b'"content":"{\\"t\\":21}","category":"plant"}')


def test_an_empty_category_is_a_category() -> None:
    assert decode_row(METER, encode_row(entry(""))).category == ""


def test_the_operator_is_nowhere_in_what_is_shown() -> None:
    assert b"OP1" not in members(METER) + encode_row(entry("plant"))


def test_the_resource_stands_in_front_of_a_row() -> None:
    shown = members(METER) + encode_row(entry())
    assert shown.startswith(b'{"resourceType":"Subscriber","resourceId":"001010000000001","time":1732233600000,')
    assert json.loads(shown)["content"] == '{"t":21}'


def test_a_row_may_be_shown_under_another_resource() -> None:
    sim = Resource("OP1", ResourceType.SIM, "8981100000000000001")
    (shown,) = json.loads(join_page(sim, [encode_row(entry())]))
    assert (shown["resourceType"], shown["resourceId"]) == ("Sim", "8981100000000000001")


def test_the_id_of_a_resource_is_escaped() -> None:
    assert json.loads(members(CAMERA) + encode_row(entry()))["resourceId"] == 'c"1'


def test_an_empty_page_is_an_empty_array() -> None:
    assert join_page(METER, []) == join_mixed([]) == b"[]"


def test_a_page_is_compact_and_keeps_its_order() -> None:
    rows = [encode_row(entry().at(time)) for time in (3, 1, 2)]
    page = join_page(METER, rows)
    assert [shown["time"] for shown in json.loads(page)] == [3, 1, 2]
    assert page == b"[" + b",".join(members(METER) + row for row in rows) + b"]"


def test_a_mixed_page_names_the_resource_of_each_row() -> None:
    row = encode_row(entry())
    assert [shown["resourceId"] for shown in json.loads(join_mixed([(METER, row), (CAMERA, row)]))] == [
        METER.id,
        CAMERA.id,
    ]


def test_the_time_is_read_from_the_front_whatever_the_content_says() -> None:
    assert row_time(encode_row(entry(content='"time":5,'))) == 1732233600000


def test_other_answers_are_compact_utf_8() -> None:
    assert encode_json({"a": [1, "é"]}) == '{"a":[1,"é"]}'.encode()
