"""Exported entries as JSON Lines and CSV."""

import csv
import io
import json

import pytest

from minori.codec.columns import Columns, decode_rows
from minori.codec.entry import encode_row, members
from minori.codec.tabular import Csv, CsvWriter, Encoder, JsonLines, Rows
from minori.model.entry import DataEntry
from minori.model.resource import Resource, ResourceType

JSON = "application/json"
METER = Resource("OP1", ResourceType.SUBSCRIBER, "001010000000001")
FIXED = ["resourceType", "resourceId", "time", "contentType", "content", "category"]


def rows(*contents: str, content_type: str = JSON, resource: Resource = METER, category: str | None = None) -> Rows:
    entries = [DataEntry(resource, time, text, content_type, category) for time, text in enumerate(contents)]
    return [(resource, encode_row(entry)) for entry in entries]


def encoded(encoder: Encoder, *pages: Rows) -> str:
    pieces = []
    for page in pages:
        encoder.add(page)
        pieces.append(encoder.flush())
    return b"".join([*pieces, encoder.finish()]).decode()


def table(text: str) -> list[list[str]]:
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def split(*pages: Rows, escape_formulas: bool = False) -> list[list[str]]:
    columns = Columns(typed=False)
    for page in pages:
        columns.learn(decode_rows([row for _, row in page]))
    columns.settle()
    return table(encoded(Csv(columns, escape_formulas=escape_formulas), *pages))


def test_a_json_line_is_the_entry_as_the_api_shows_it() -> None:
    page = rows('{"t":21.50}', '"a\nb"', category="plänt")
    assert encoded(JsonLines(parse=False), page) == "".join(f"{(members(METER) + row).decode()}\n" for _, row in page)


def test_lines_of_several_resources_bear_their_own_names() -> None:
    other = Resource("OP1", ResourceType.DEVICE, 'd"é')
    text = encoded(JsonLines(parse=False), [*rows("1"), *rows("2", resource=other), *rows("3")])
    assert [json.loads(line)["resourceId"] for line in text.splitlines()] == [METER.id, 'd"é', METER.id]


def test_a_parsed_content_is_the_json_that_was_sent_on_one_line() -> None:
    page = rows('{"t":21.50,\r\n "big":12345678901234567890123}', "[1,\n2]", category="c")
    first, second = encoded(JsonLines(parse=True), page).splitlines()
    assert '"content":{"t":21.50,   "big":12345678901234567890123},"category":"c"}' in first
    assert '"content":[1, 2],"category":"c"}' in second
    assert json.loads(first)["content"]["t"] == 21.5


def test_a_parsed_content_of_text_is_a_string() -> None:
    (line,) = encoded(JsonLines(parse=True), rows('{"a":"\n"}', content_type="text/plain")).splitlines()
    assert json.loads(line)["content"] == '{"a":"\n"}'
    assert list(json.loads(line)) == FIXED[:5]


@pytest.mark.parametrize("encoder", [JsonLines(parse=False), JsonLines(parse=True)])
def test_json_lines_of_nothing_are_an_empty_file(encoder: JsonLines) -> None:
    assert encoded(encoder) == ""


def test_an_encoder_is_full_after_a_while_and_empty_when_flushed() -> None:
    for encoder in (JsonLines(parse=False), Csv(None, escape_formulas=False)):
        assert not encoder.is_full
        for _ in range(300):
            encoder.add(rows("x" * 1000, content_type="text/plain"))
        assert encoder.is_full
        assert len(encoder.flush()) > 300_000
        assert not encoder.is_full
        assert encoder.finish() == b""


def test_csv_begins_with_a_byte_order_mark_and_a_header() -> None:
    assert encoded(Csv(None, escape_formulas=False)) == "\ufeff" + ",".join(FIXED) + "\r\n"


@pytest.mark.parametrize(
    "content", ["plain", 'a"b', "a,b", "a\r\nb", "a\nb", "a\rb", " ", "", "é実\U0001f33e", "\0", "'x"]
)
def test_csv_gives_every_content_back_exactly(content: str) -> None:
    page = rows(content, content_type="text/plain", category=content or None)
    assert table(encoded(Csv(None, escape_formulas=False), page)) == [
        FIXED,
        ["Subscriber", METER.id, "0", "text/plain", content, content],
    ]


def test_csv_has_its_mark_and_header_once() -> None:
    text = encoded(Csv(None, escape_formulas=False), rows("1"), rows("2"))
    assert text.count("\ufeff") == 1
    assert [line[4] for line in table(text)] == ["content", "1", "2"]


def test_csv_splits_contents_into_columns_and_leaves_the_rest() -> None:
    page = rows('{"t":21.50,"gps":{"lat":1},"s":"a,b","n":null}', "[1]", '{"t":-1}')
    assert split(page, rows("x", content_type="text/plain")) == [
        [*FIXED, "gps.lat", "n", "s", "t"],
        ["Subscriber", METER.id, "0", JSON, "", "", "1", "", "a,b", "21.50"],
        ["Subscriber", METER.id, "1", JSON, "[1]", "", "", "", "", ""],
        ["Subscriber", METER.id, "2", JSON, "", "", "", "", "", "-1"],
        ["Subscriber", METER.id, "0", "text/plain", "x", "", "", "", "", ""],
    ]


def test_csv_keeps_the_content_of_an_entry_that_came_after_the_columns() -> None:
    columns = Columns(typed=False)
    columns.learn(decode_rows([row for _, row in rows('{"a":1}')]))
    columns.settle()
    lines = table(encoded(Csv(columns, escape_formulas=False), rows('{"a":2,"late":3}')))
    assert lines[1][4:] == ['{"a":2,"late":3}', "", "2"]


FORMULAS = ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"]


def test_cells_are_exact_unless_formulas_are_to_be_escaped() -> None:
    page = rows(*[json.dumps({"a": formula}) for formula in FORMULAS])
    assert [line[6] for line in split(page)[1:]] == FORMULAS
    assert [line[6] for line in split(page, escape_formulas=True)[1:]] == [f"'{formula}" for formula in FORMULAS]


def test_formulas_are_escaped_in_every_column_and_in_the_header() -> None:
    resource = Resource("OP1", ResourceType.DEVICE, "=id")
    page = rows('{"=a":"b"}', resource=resource, category="=c")
    text = split(page, rows("=text", content_type="text/plain", resource=resource), escape_formulas=True)
    assert text[0][6] == "'=a"
    assert (text[1][1], text[1][5]) == ("'=id", "'=c")
    assert text[2][4] == "'=text"


def test_numbers_are_never_escaped() -> None:
    page = rows('{"a":-21.5}', '{"a":"-1e5"}', '{"a":"+7"}', '{"a":"-"}', '{"a":"--1"}')
    assert [line[6] for line in split(page, escape_formulas=True)[1:]] == ["-21.5", "-1e5", "+7", "'-", "'--1"]


def test_a_csv_writer_tells_numbers_and_what_is_absent() -> None:
    lines = CsvWriter(("a", "b"))
    lines.write([(1, None), ("x", "")])
    assert lines.take() == b"\xef\xbb\xbfa,b\r\n1,\r\nx,\r\n"
    assert lines.take() == b""
