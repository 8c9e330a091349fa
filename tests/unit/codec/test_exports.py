"""What may be asked of an export, and what is said to who asks otherwise."""

import json
from typing import Any

import pytest

from minori.codec.exports import parse_data_export, parse_statistics_export, statistics_range
from minori.errors import InvalidParameter
from minori.model.entry import MAX_TIME
from minori.model.export import DataExport, Format, StatisticsRange
from minori.model.resource import ResourceType
from minori.model.statistics import Period

DAY = 86_400


def data_export(**members: Any) -> DataExport:
    return parse_data_export(json.dumps(members).encode())


def told(body: bytes) -> str:
    with pytest.raises(InvalidParameter) as caught:
        parse_data_export(body)
    assert "%" not in caught.value.message
    return caught.value.message


@pytest.mark.parametrize("body", [b"", b" \r\n", b"{}", b'{"resourceType":null,"from":null,"columns":null}'])
def test_nothing_asked_for_is_everything_as_json_lines(body: bytes) -> None:
    everything = DataExport(None, None, None, 0, MAX_TIME, Format.JSON_LINES, columns=False, escape_formulas=False)
    assert parse_data_export(body) == everything


def test_every_member_has_its_meaning() -> None:
    asked = {"resourceType": "Sim", "resourceId": "898", "from": 5, "to": 9, "format": "csv"}
    whole = data_export(**asked, columns=True, escapeFormulas=True)
    assert whole == DataExport(ResourceType.SIM, "898", None, 5, 9, Format.CSV, columns=True, escape_formulas=True)
    assert data_export(category="plant 1") == DataExport(category="plant 1")
    assert data_export(resourceType="Device") == DataExport(ResourceType.DEVICE)


def test_a_range_wider_than_time_is_all_of_it() -> None:
    assert data_export(**{"from": -5, "to": 2**63}) == DataExport()


def test_unknown_members_are_named() -> None:
    assert "mean nothing here: resource_type, limit;" in told(b'{"resource_type":"Sim","limit":10}')


def test_an_unknown_member_with_an_odd_name_is_not_repeated() -> None:
    assert "one with an odd name" in told(b'{"<script>100%":1}')
    assert len(told(json.dumps({f"m{number}": 1 for number in range(1000)}).encode())) < 300


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "not valid JSON"),
        (b"\xff", "not valid JSON"),
        (b"[]", "no JSON object"),
        (b'{"resourceType":"sim"}', "resourceType must be one of Subscriber,"),
        (b'{"resourceType":1}', "resourceType must be one of"),
        (b'{"resourceId":"1"}', "resourceId needs its resourceType"),
        (b'{"resourceType":"Sim","resourceId":""}', "resourceId must be a text of 1 to 256 bytes"),
        (b'{"resourceType":"Sim","resourceId":"a\\u0000"}', "without NUL"),
        (b'{"resourceType":"Sim","resourceId":["1"]}', "resourceId must be a text"),
        (b'{"category":""}', "category must be a text"),
        (b'{"category":"c","resourceType":"Sim"}', "either resourceType or category"),
        (b'{"from":"1"}', "from must be a whole number"),
        (b'{"to":1.5}', "to must be a whole number"),
        (b'{"to":true}', "to must be a whole number"),
        (b'{"from":2,"to":1}', "from must not be after to"),
        (b'{"format":"xlsx"}', "format must be one of csv, jsonl, parquet"),
        (b'{"columns":"yes"}', "columns must be true or false"),
        (b'{"escapeFormulas":true}', "escapeFormulas is for format csv alone"),
    ],
)
def test_what_cannot_be_used_is_refused_and_the_sentence_says_why(body: bytes, says: str) -> None:
    assert says in told(body)


def test_a_range_of_statistics_is_in_seconds_and_by_month_unless_told() -> None:
    assert parse_statistics_export(b'{"from":1,"to":2}') == StatisticsRange(1, 2, Period.MONTH)
    body = b'{"from":1,"to":2,"period":"minutes","unknown":[]}'
    assert parse_statistics_export(body) == StatisticsRange(1, 2, Period.MINUTES)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"from":1}',
        b'{"to":1}',
        b'{"from":"1","to":2}',
        b'{"from":2,"to":1}',
        b'{"from":-1,"to":1}',
        b'{"from":1730419200000,"to":1733011199000}',
        b'{"from":1,"to":2,"period":"year"}',
    ],
)
def test_a_range_of_statistics_that_makes_no_sense_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidParameter):
        parse_statistics_export(body)


def test_by_minutes_a_range_spans_32_days_at_most() -> None:
    assert statistics_range(0, 32 * DAY, Period.MINUTES).last == 32 * DAY
    with pytest.raises(InvalidParameter, match="at most 32 days"):
        statistics_range(0, 32 * DAY + 1, Period.MINUTES)
    assert statistics_range(0, 3200 * DAY, Period.DAY).last == 3200 * DAY
