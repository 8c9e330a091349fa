"""Joined rows are a sequence like any other, and become a page without being taken apart."""

import json
from collections.abc import Sequence

import pytest

from minori.codec.block import Block, pack_block
from minori.codec.entry import encode_row, join_page, members
from minori.codec.joined import JoinedRows, page_parts
from minori.model.entry import DataEntry
from minori.model.resource import Resource, ResourceType

METER = Resource("OP1", ResourceType.SUBSCRIBER, "001010000000001")
SIM = Resource("OP1", ResourceType.SIM, '8981"100000000000001')
LIKE_A_BOUNDARY = ',{"resourceType":"Subscriber","resourceId":"001010000000001",'

ROWS = [
    encode_row(DataEntry(METER, time, LIKE_A_BOUNDARY * (time % 3), "text/plain", (None, LIKE_A_BOUNDARY)[time % 2]))
    for time in range(20, 0, -1)
]


def joined() -> JoinedRows:
    """The rows, some of them in rows, some in a part of a block, some in a whole one."""
    front = members(METER)
    first, second = (Block(0, pack_block(front, rows)) for rows in (ROWS[2:9], ROWS[10:19]))
    rows = b"," + front
    parts = [front + rows.join(ROWS[:3]), first.part(1, 7), front + ROWS[9], second.text, front + ROWS[19]]
    return JoinedRows(front, parts, len(ROWS))


def whole(parts: Sequence[bytes | memoryview]) -> bytes:
    return b"".join(map(bytes, parts))


def test_they_are_a_sequence() -> None:
    rows = joined()
    assert len(rows) == len(ROWS)
    assert list(rows) == ROWS
    assert rows[0] == ROWS[0]
    assert rows[-1] == ROWS[-1]
    assert rows[3:11:2] == ROWS[3:11:2]
    assert ROWS[5] in rows
    assert rows.index(ROWS[5]) == 5
    with pytest.raises(IndexError):
        _ = rows[20]


def test_a_page_of_them_is_the_page_of_the_rows() -> None:
    assert whole(page_parts(METER, joined())) == join_page(METER, ROWS)
    assert whole(page_parts(METER, ROWS)) == join_page(METER, ROWS)
    assert whole(page_parts(METER, [])) == b"[]"


def test_a_page_may_be_asked_for_by_another_name_and_contents_stay_as_they_are() -> None:
    page = whole(page_parts(SIM, joined()))
    assert page == join_page(SIM, ROWS)
    objects = json.loads(page)
    assert {(each["resourceType"], each["resourceId"]) for each in objects} == {("Sim", SIM.id)}
    assert [each["content"] for each in objects] == [LIKE_A_BOUNDARY * (time % 3) for time in range(20, 0, -1)]


def test_a_page_of_one_part_is_that_part() -> None:
    front = members(METER)
    assert whole(page_parts(METER, JoinedRows(front, [front + ROWS[0]], 1))) == join_page(METER, ROWS[:1])
