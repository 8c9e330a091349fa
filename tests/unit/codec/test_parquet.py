"""Exported entries as Parquet, read back with the library that other programs read it with."""

import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from minori.codec import parquet
from minori.codec.columns import Columns, decode_rows
from minori.codec.entry import encode_row
from minori.codec.parquet import Parquet, is_installed
from minori.codec.tabular import Rows
from minori.model.entry import MAX_TIME, DataEntry
from minori.model.resource import Resource, ResourceType

pq = pytest.importorskip("pyarrow.parquet")
METER = Resource("OP1", ResourceType.SUBSCRIBER, "001010000000001")
FIXED = ["resourceType", "resourceId", "time", "contentType", "content", "category"]


def rows(*contents: str, content_type: str = "application/json", category: str | None = None) -> Rows:
    entries = [DataEntry(METER, time, text, content_type, category) for time, text in enumerate(contents)]
    return [(METER, encode_row(entry)) for entry in entries]


def written(encoder: Parquet, *pages: Rows) -> Any:
    pieces = []
    for page in pages:
        encoder.add(page)
        if encoder.is_full:
            pieces.append(encoder.flush())
    return pq.ParquetFile(io.BytesIO(b"".join([*pieces, encoder.finish()])))


def split(page: Rows, late: Rows = ()) -> Any:
    columns = Columns(typed=True)
    columns.learn(decode_rows([row for _, row in page]))
    columns.settle()
    return written(Parquet(columns), page, late).read()


def test_it_is_known_to_be_installed() -> None:
    assert is_installed()


def test_entries_come_back_as_they_were_stored() -> None:
    table = written(Parquet(None), rows('{"t":21.50}', "é\0", category="c"), rows("", content_type="text/plain")).read()
    assert table.column_names == FIXED
    first, second, third = table.to_pylist()
    assert first == {
        "resourceType": "Subscriber",
        "resourceId": METER.id,
        "time": datetime(1970, 1, 1, tzinfo=UTC),
        "contentType": "application/json",
        "content": '{"t":21.50}',
        "category": "c",
    }
    assert (second["content"], second["time"]) == ("é\0", datetime(1970, 1, 1, 0, 0, 0, 1000, tzinfo=UTC))
    assert (third["content"], third["category"]) == ("", None)


def test_the_last_millisecond_of_all_can_be_written() -> None:
    page = [(METER, encode_row(DataEntry(METER, MAX_TIME, "1", "text/plain")))]
    assert written(Parquet(None), page).read()["time"].cast("int64").to_pylist() == [MAX_TIME]


def test_a_file_of_nothing_can_be_read() -> None:
    assert written(Parquet(None)).read().num_rows == 0


def test_rows_are_written_in_groups_of_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "GROUP_ROWS", 600)
    file = written(Parquet(None), *[rows(*map(str, range(100))) for _ in range(31)])
    groups = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
    assert sum(groups) == 3100
    assert len(groups) >= 5
    assert max(groups) <= 600
    assert file.read()["content"].to_pylist() == [str(number) for number in range(100)] * 31


def test_large_contents_fill_a_group_before_its_rows_do() -> None:
    encoder = Parquet(None)
    for _ in range(2 * parquet.BATCH_ROWS):
        encoder.add(rows("x" * 10_000, content_type="text/plain"))
    assert encoder.is_full
    assert encoder.flush()
    assert not encoder.is_full


@pytest.mark.parametrize(
    ("values", "kind", "read"),
    [
        (["true", "false", "null"], "bool", [True, False, None]),
        (["1", "-7", str(2**53 + 1)], "int64", [1, -7, 2**53 + 1]),
        (["1", "2.5", "null"], "double", [1.0, 2.5, None]),
        ([str(2**53 + 1), "2.5"], "string", [str(2**53 + 1), "2.5"]),
        ([str(2**63)], "string", [str(2**63)]),
        (["1e400", "1.5"], "string", ["1e400", "1.5"]),
        (['"a"', "1", "true", "[1]", "null"], "string", ["a", "1", "true", "[1]", None]),
        (["true", "1"], "string", ["true", "1"]),
        (["null"], "string", [None]),
    ],
)
def test_a_column_has_the_narrowest_type_that_holds_every_value(values: list[str], kind: str, read: list[Any]) -> None:
    table = split(rows(*[f'{{"a":{value}}}' for value in values]))
    assert str(table.schema.field("a").type) == kind
    assert table["a"].to_pylist() == read
    assert table["content"].to_pylist() == [None] * len(values)


def test_an_entry_without_a_member_has_no_value_there() -> None:
    table = split(rows('{"a":1}', '{"b":"x"}', "[3]", '{"gps":{"lat":1.5}}'))
    assert table.column_names == [*FIXED, "a", "b", "gps.lat"]
    assert table["a"].to_pylist() == [1, None, None, None]
    assert table["gps.lat"].to_pylist() == [None, None, None, 1.5]
    assert table["content"].to_pylist() == [None, None, "[3]", None]


@pytest.mark.parametrize(
    ("known", "late"),
    [
        ("1", '"text"'),
        ("1", "1.5"),
        ("1", "true"),
        ("1", str(2**63)),
        ("1.5", '"text"'),
        ("1.5", str(2**53)),
        ("1.5", "1e400"),
        ("true", "1"),
        ("true", '"true"'),
    ],
)
def test_an_entry_that_came_after_the_look_and_does_not_fit_keeps_its_content(known: str, late: str) -> None:
    table = split(rows(f'{{"a":{known}}}'), rows(f'{{"a":{known}}}', f'{{"a":{late}}}', '{"b":1}'))
    assert table["a"].to_pylist() == [json.loads(known), json.loads(known), None, None]
    assert table["content"].to_pylist() == [None, None, f'{{"a":{late}}}', '{"b":1}']


@pytest.mark.parametrize("value", ["true", "1", "1.5", '"a"'])
def test_a_null_is_no_value_and_fits_every_column(value: str) -> None:
    table = split(rows(f'{{"a":{value}}}', '{"a":null}'))
    assert table["a"].to_pylist() == [json.loads(value), None]
    assert table["content"].to_pylist() == [None, None]
