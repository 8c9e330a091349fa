"""Exported entries as text: JSON Lines and CSV, a piece at a time."""

import csv
import io
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

import msgspec

from minori.codec.columns import FIXED, Columns, ExportedRow, decode_rows, text_of
from minori.codec.content import JSON
from minori.codec.entry import members
from minori.model.resource import Resource

PIECE_BYTES = 256 * 1024
"""How much an encoder of text gathers before it asks to be flushed (our choice)."""

BOM = "\ufeff"
"""Tells spreadsheets that a CSV file is UTF-8 (documented for Harvest's own exports)."""

_encode = msgspec.json.Encoder().encode
_is_number = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?\Z").match
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")

Rows = Sequence[tuple[Resource, bytes]]
"""Rows of the store, each with the resource it is shown under."""


class Encoder(ABC):
    """Makes a file of entries. `add` is quick; where `is_slow`, all else takes long and may be done in a thread."""

    is_slow = False

    @property
    @abstractmethod
    def is_full(self) -> bool:
        """Whether so much has gathered that it should be flushed."""

    @abstractmethod
    def add(self, rows: Rows) -> None:
        """Take entries in."""

    @abstractmethod
    def flush(self) -> bytes:
        """The next bytes of the file; what has gathered is let go of."""

    @abstractmethod
    def finish(self) -> bytes:
        """The last bytes of the file."""


class JsonLines(Encoder):
    """One JSON object a line, the same as the API's entries.

    With `parse`, `content` is the JSON value itself where the content type is JSON; otherwise it is text.
    """

    def __init__(self, *, parse: bool) -> None:
        self._parse = parse
        self._lines: list[bytes] = []
        self._size = 0

    @property
    def is_full(self) -> bool:
        """See `Encoder.is_full`."""
        return self._size >= PIECE_BYTES

    def add(self, rows: Rows) -> None:
        """See `Encoder.add`."""
        last, front = None, b""
        parsed = decode_rows([row for _, row in rows]) if self._parse else []
        for place, (resource, row) in enumerate(rows):
            if resource is not last:
                last, front = resource, members(resource)
            line = front + (_with_value(parsed[place]) if parsed else row)
            self._lines.append(line)
            self._size += len(line) + 1

    def flush(self) -> bytes:
        """See `Encoder.flush`."""
        lines, self._lines, self._size = self._lines, [], 0
        return b"\n".join([*lines, b""])

    def finish(self) -> bytes:
        """See `Encoder.finish`."""
        return self.flush()


def _with_value(row: ExportedRow) -> bytes:
    content = row.content.encode() if row.content_type == JSON else _encode(row.content)
    if b"\n" in content or b"\r" in content:
        # Between the tokens of valid JSON, and nowhere else.
        content = content.replace(b"\n", b" ").replace(b"\r", b" ")
    category = b"" if row.category is None else b',"category":' + _encode(row.category)
    return b'"time":%d,"contentType":%b,"content":%b%b}' % (row.time, _encode(row.content_type), content, category)


class CsvWriter:
    """Gathers the lines of a CSV file as RFC 4180 has it, in UTF-8 with a byte order mark.

    With `escape_formulas`, an apostrophe is put in front of every text that a spreadsheet would run.
    """

    def __init__(self, header: Sequence[str], *, escape_formulas: bool = False) -> None:
        self._text = io.StringIO(newline="")
        self._text.write(BOM)
        self._writer = csv.writer(self._text, lineterminator="\r\n")
        self._escape = escape_formulas
        self.write([header])

    @property
    def is_full(self) -> bool:
        """Whether enough has gathered to be taken."""
        return self._text.tell() >= PIECE_BYTES

    def write(self, lines: Iterable[Sequence[str | int | None]]) -> None:
        """Add lines; a cell without a value stays empty."""
        self._writer.writerows([list(map(_escaped, line)) for line in lines] if self._escape else lines)

    def take(self) -> bytes:
        """What has gathered, as bytes."""
        text = self._text.getvalue()
        self._text.seek(0)
        self._text.truncate()
        return text.encode()


def _escaped(cell: str | int | None) -> str | int | None:
    if isinstance(cell, str) and cell.startswith(_FORMULA) and not _is_number(cell):
        return f"'{cell}"
    return cell


class Csv(Encoder):
    """A line an entry. With `columns`, the members of its JSON object have cells of their own."""

    def __init__(self, columns: Columns | None, *, escape_formulas: bool) -> None:
        self._columns = columns
        header = [*FIXED, *(columns.headers if columns else ())]
        self._lines = CsvWriter(header, escape_formulas=escape_formulas)

    @property
    def is_full(self) -> bool:
        """See `Encoder.is_full`."""
        return self._lines.is_full

    def add(self, rows: Rows) -> None:
        """See `Encoder.add`."""
        parsed = decode_rows([row for _, row in rows])
        pairs = zip((resource for resource, _ in rows), parsed, strict=True)
        columns = self._columns
        if columns is None:
            self._lines.write(_cells(resource, row, row.content) for resource, row in pairs)
        else:
            self._lines.write(_split(resource, row, columns) for resource, row in pairs)

    def flush(self) -> bytes:
        """See `Encoder.flush`."""
        return self._lines.take()

    def finish(self) -> bytes:
        """See `Encoder.finish`."""
        return self._lines.take()


def _cells(resource: Resource, row: ExportedRow, content: str | None) -> list[str | int | None]:
    return [resource.type, resource.id, row.time, row.content_type, content, row.category]


def _split(resource: Resource, row: ExportedRow, columns: Columns) -> list[str | int | None]:
    values, is_whole = columns.split(row)
    cells = _cells(resource, row, None if is_whole else row.content)
    if values:
        cells += [None if (value := values.get(name)) is None else text_of(value) for name in columns.names]
    else:
        cells += [None] * len(columns.names)
    return cells
