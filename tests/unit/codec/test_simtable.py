"""A table of SIMs, line by line."""

import io

import pytest

from minori.codec.simtable import Flaw, SimRow, parse_sims
from minori.errors import InvalidParameter


def parsed(text: str) -> list[SimRow | Flaw]:
    return list(parse_sims(io.StringIO(text, newline="")))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "imsi among them"),
        ("name\nx", "imsi among them"),
        ("imsi,imsi\n", "each of them once"),
        ("imsi,sesion\n", "There is no column 'sesion'"),
        ("imsi,tag:\n", "There is no column 'tag:'"),
        ('imsi\n"00101', "Line 2 is no CSV"),
        ("imsi\n" + "1" * 200_000, "Line 2 is no CSV"),
    ],
)
def test_what_is_no_table_of_sims_is_refused_with_a_sentence(content: str, message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        parsed(content)


def test_bytes_that_are_no_utf_8_are_refused_with_their_line() -> None:
    table = io.TextIOWrapper(io.BytesIO(b"imsi,name\n" + b"001010000000007,x\n" * 9000 + b"\xff\n"), encoding="utf-8")
    with pytest.raises(InvalidParameter, match="no UTF-8"):
        list(parse_sims(table))


def test_every_column_has_its_place_and_blanks_around_a_cell_do_not_matter() -> None:
    table = (
        " imsi,simId,name,group,session,status,speedClass,serialNumber,subscription,tag:site,tag:tag:x \n"
        '001010000000007 , 8981100000000000007,"pump, 東",yard,10.1.2.3/16,standby,s1.slow,S-1,planX,east,1\n'
    )
    assert parsed(table) == [
        SimRow(
            2,
            "001010000000007",
            "8981100000000000007",
            "yard",
            "10.1.0.0/16",
            "standby",
            "s1.slow",
            "S-1",
            "planX",
            {"name": "pump, 東", "site": "east", "tag:x": "1"},
        )
    ]


def test_empty_cells_and_lines_are_as_if_they_were_not_there() -> None:
    assert parsed("imsi,name,simId\r\n\r\n001010000000007,,\r\n") == [SimRow(3, "001010000000007")]


def test_a_flaw_is_told_with_its_line_and_the_others_are_read_all_the_same() -> None:
    found = parsed('imsi,name\n12345,x\n001010000000007,"two\nlines"\n001010000000008\n')
    assert [(one.line, type(one)) for one in found] == [(2, Flaw), (4, SimRow), (5, Flaw)]


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("imsi", "12345"),
        ("imsi", ""),
        ("simId", "123"),
        ("name", "x" * 1025),
        ("session", "10.300.0.1"),
        ("status", "sleeping"),
        ("speedClass", "x" * 257),
        ("serialNumber", "a\0"),
        ("subscription", "x" * 257),
        ("tag:site", "x" * 1025),
    ],
)
def test_a_flaw_in_a_cell_is_told_with_its_column(column: str, cell: str) -> None:
    first = "" if column == "imsi" else "imsi,"
    known = "" if column == "imsi" else "001010000000007,"
    (flaw,) = parsed(f"{first}{column},group\n{known}{cell},yard\n")
    assert isinstance(flaw, Flaw)
    assert (flaw.line, flaw.column) == (2, column)


def test_a_flaw_of_a_whole_line_has_no_column() -> None:
    tags = [f"tag:t{number}" for number in range(101)]
    table = f"imsi,{','.join(tags)}\n001010000000007{',x' * 101}\n001010000000008\n"
    many, few = parsed(table)
    assert isinstance(many, Flaw)
    assert isinstance(few, Flaw)
    assert (many.column, few.column) == (None, None)
    assert "at most 100" in many.message
    assert "quotes" in few.message
