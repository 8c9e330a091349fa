"""A table of SIMs, as CSV: one a line, below a line of names."""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

from msgspec import Struct

from minori.codec.network import parse_network
from minori.codec.registration import checked_imsi, checked_sim_id, checked_text
from minori.codec.tags import checked_tags
from minori.errors import InvalidParameter
from minori.model.registry import SimStatus

COLUMNS = ("imsi", "simId", "name", "group", "session", "status", "speedClass", "serialNumber", "subscription")
TAG = "tag:"
"""What the names of further columns begin with: each is a tag (our choice)."""


class SimRow(Struct, frozen=True):
    """A SIM that is to be. `group` is the id or the name of one; `network` is as sessions keep it."""

    line: int
    imsi: str
    sim_id: str | None = None
    group: str | None = None
    network: str | None = None
    status: str = SimStatus.ACTIVE
    speed_class: str | None = None
    serial_number: str | None = None
    subscription: str | None = None
    tags: Mapping[str, str] = {}


class Flaw(Struct, frozen=True, omit_defaults=True):
    """What is wrong with a line, counted from 1, and in which column; `None`, if not in one alone."""

    line: int
    message: str
    column: str | None = None


def parse_sims(lines: Iterable[str]) -> Iterator[SimRow | Flaw]:
    """The SIMs in a table, and what is wrong with the other lines; empty lines are passed over.

    A cell without text is as if it were not there. Raises `InvalidParameter` where it is no such table at all.
    """
    reader = csv.reader(lines, strict=True)
    try:
        names = [name.strip() for name in next(reader, [])]
        _check_names(names)
        for cells in reader:
            if cells:
                yield _parse_line(reader.line_num, names, cells)
    except csv.Error as error:
        raise InvalidParameter(f"Line {reader.line_num} is no CSV: {error}") from error
    except UnicodeDecodeError as error:
        raise InvalidParameter(f"The file is no UTF-8 behind line {reader.line_num}") from error


def _check_names(names: list[str]) -> None:
    unknown = [name for name in names if name not in COLUMNS and not (name.startswith(TAG) and name != TAG)]
    if unknown:
        raise InvalidParameter(
            f"There is no column {unknown[0]!r}; known are {', '.join(COLUMNS)}, and {TAG}NAME for a tag"
        )
    if "imsi" not in names or len(set(names)) < len(names):
        raise InvalidParameter("The first line must name the columns, each of them once, and imsi among them")


def _parse_line(line: int, names: list[str], cells: list[str]) -> SimRow | Flaw:
    if len(cells) != len(names):
        return Flaw(
            line, f"There are {len(cells)} cells, and {len(names)} columns; put a cell with a comma in it into quotes"
        )
    found = {name: cell.strip() for name, cell in zip(names, cells, strict=True) if cell.strip()}
    for column, cell in {"imsi": "", **found}.items():
        try:
            _check_cell(column, cell)
        except InvalidParameter as error:
            return Flaw(line, error.message, column)
    return _row(line, found)


def _check_cell(column: str, cell: str) -> None:
    if column.startswith(TAG):
        checked_tags({column.removeprefix(TAG): cell})
    elif column in _CHECKS:
        _CHECKS[column](cell)


def _check_status(cell: str) -> None:
    if cell not in set(SimStatus):
        raise InvalidParameter(f"The status must be one of {', '.join(SimStatus)}")


_CHECKS: Mapping[str, Callable[[str], object]] = {
    "imsi": checked_imsi,
    "simId": checked_sim_id,
    "name": lambda cell: checked_tags({"name": cell}),
    "session": parse_network,
    "status": _check_status,
    **{name: partial(checked_text, name) for name in ("speedClass", "serialNumber", "subscription")},
}
"""What a cell must be, by column; a group is looked for in the catalog."""


def _row(line: int, cells: Mapping[str, str]) -> SimRow | Flaw:
    """The SIM of cells that are as they must be, each by itself."""
    tags = {name.removeprefix(TAG): cell for name, cell in cells.items() if name.startswith(TAG)}
    if "name" in cells:
        tags["name"] = cells["name"]
    try:
        checked_tags(tags)
    except InvalidParameter as error:
        return Flaw(line, error.message)
    return SimRow(
        line,
        cells["imsi"],
        cells.get("simId"),
        cells.get("group"),
        str(parse_network(cells["session"])) if "session" in cells else None,
        cells.get("status", SimStatus.ACTIVE.value),
        cells.get("speedClass"),
        cells.get("serialNumber"),
        cells.get("subscription"),
        tags,
    )
