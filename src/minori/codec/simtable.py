"""A table of SIMs, as CSV: one a line, below a line of names."""

import csv
from collections.abc import Iterable, Iterator, Mapping

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


class Flaw(Struct, frozen=True):
    """What is wrong with a line, counted from 1."""

    line: int
    message: str


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
        return Flaw(line, f"There are {len(cells)} cells, and {len(names)} columns")
    try:
        return _row(line, {name: cell.strip() for name, cell in zip(names, cells, strict=True) if cell.strip()})
    except InvalidParameter as error:
        return Flaw(line, error.message)


def _row(line: int, cells: Mapping[str, str]) -> SimRow:
    tags = {name.removeprefix(TAG): cell for name, cell in cells.items() if name.startswith(TAG)}
    if "name" in cells:
        tags["name"] = cells["name"]
    status = cells.get("status", SimStatus.ACTIVE.value)
    if status not in set(SimStatus):
        raise InvalidParameter(f"The status must be one of {', '.join(SimStatus)}")
    for name in ("speedClass", "serialNumber", "subscription"):
        if name in cells:
            checked_text(name, cells[name])
    return SimRow(
        line,
        checked_imsi(cells.get("imsi", "")),
        checked_sim_id(cells["simId"]) if "simId" in cells else None,
        cells.get("group"),
        str(parse_network(cells["session"])) if "session" in cells else None,
        status,
        cells.get("speedClass"),
        cells.get("serialNumber"),
        cells.get("subscription"),
        checked_tags(tags),
    )
