"""Exported entries as Parquet, written with pyarrow a row group at a time.

pyarrow is an extra, and loaded when it is needed: it takes tens of megabytes.
"""

from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from os import environ
from typing import Any

from minori.codec.columns import (
    BOOLEAN,
    EXACT_BITS,
    FIXED,
    INTEGER,
    LONG,
    LONG_BITS,
    REAL,
    Columns,
    ExportedRow,
    decode_rows,
    kind_of,
    text_of,
)
from minori.codec.tabular import Encoder, Rows

GROUP_ROWS = 65_536
"""The most entries in a row group (our choice)."""

GROUP_BYTES = 4 * 1024 * 1024
"""Bytes of Arrow's arrays after which a row group is closed (our choice); the file's are fewer."""

PAGE_BYTES = 128 * 1024
"""Bytes of a data page; the library's own 1 MiB costs many times that in memory."""

BATCH_ROWS = 256
"""Entries that are made Arrow arrays together, so that no Python values gather."""

Cells = list[Any]
"""The cells of one column, `None` where there is no value."""


def is_installed() -> bool:
    """Whether Parquet can be written here."""
    return find_spec("pyarrow") is not None


class _Sink:
    """A file for pyarrow to write to, of which the bytes so far can be taken."""

    closed = False

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._written = 0

    def write(self, piece: Any) -> int:
        self._pieces.append(bytes(piece))
        self._written += len(self._pieces[-1])
        return len(self._pieces[-1])

    def tell(self) -> int:
        return self._written

    def flush(self) -> None: ...

    def close(self) -> None: ...

    def take(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


class Parquet(Encoder):
    """A row an entry, `time` as a timestamp of milliseconds in UTC.

    With `columns`, the members of JSON objects have typed columns: `boolean`, `int64` or `double` where every
    value fits exactly, otherwise text. Making one loads pyarrow, which takes a while.
    """

    is_slow = True

    def __init__(self, columns: Columns | None) -> None:
        # The library's own allocator never gives back what one thread took and another one freed.
        environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
        self._arrow: Any = import_module("pyarrow")
        parquet: Any = import_module("pyarrow.parquet")
        self._columns = columns
        self._makers = [_maker(columns.kind(name)) for name in columns.names] if columns else []
        self._schema = self._described(columns)
        self._sink = _Sink()
        coded = ["resourceType", "resourceId", "contentType", "category"]
        self._writer = parquet.ParquetWriter(
            self._sink, self._schema, compression="zstd", use_dictionary=coded, data_page_size=PAGE_BYTES
        )
        self._waiting: list[tuple[str, str, ExportedRow]] = []
        self._batches: list[Any] = []
        self._rows = 0
        self._bytes = 0

    @property
    def is_full(self) -> bool:
        """See `Encoder.is_full`."""
        return self._rows >= GROUP_ROWS or self._bytes >= GROUP_BYTES

    def add(self, rows: Rows) -> None:
        """See `Encoder.add`."""
        parsed = decode_rows([row for _, row in rows])
        self._waiting += [
            (str(resource.type), resource.id, row) for (resource, _), row in zip(rows, parsed, strict=True)
        ]
        if len(self._waiting) >= BATCH_ROWS:
            self._make_batch()

    def flush(self) -> bytes:
        """See `Encoder.flush`: one row group."""
        batches, self._batches, self._rows, self._bytes = self._batches, [], 0, 0
        if batches:
            self._writer.write_table(self._arrow.Table.from_batches(batches), row_group_size=GROUP_ROWS)
        return self._sink.take()

    def finish(self) -> bytes:
        """See `Encoder.finish`."""
        self._make_batch()
        last = self.flush()
        self._writer.close()
        return last + self._sink.take()

    def _described(self, columns: Columns | None) -> Any:
        arrow = self._arrow
        text = arrow.string()
        types = dict.fromkeys(FIXED, text) | {"time": arrow.timestamp("ms", tz="UTC")}
        if columns is not None:
            for header, name in zip(columns.headers, columns.names, strict=True):
                types[header] = getattr(arrow, _arrow_type(columns.kind(name)))()
        return arrow.schema(list(types.items()))

    def _make_batch(self) -> None:
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        contents: list[str | None] = [row.content for _, _, row in waiting]
        split = self._split([row for _, _, row in waiting], contents)
        table: list[list[Any]] = [
            [kind for kind, _, _ in waiting],
            [resource_id for _, resource_id, _ in waiting],
            [row.time for _, _, row in waiting],
            [row.content_type for _, _, row in waiting],
            contents,
            [row.category for _, _, row in waiting],
            *split,
        ]
        arrays = [self._arrow.array(cells, field.type) for cells, field in zip(table, self._schema, strict=True)]
        batch = self._arrow.record_batch(arrays, schema=self._schema)
        self._batches.append(batch)
        self._rows += len(waiting)
        self._bytes += batch.nbytes

    def _split(self, rows: list[ExportedRow], contents: list[str | None]) -> list[Cells]:
        """The cells of each column; `contents` loses those that the columns tell whole."""
        columns = self._columns
        if columns is None:
            return []
        split = [columns.split(row) for row in rows]
        misfits: set[int] = set()
        table = [
            make([values.get(name) for values, _ in split], misfits)
            for name, make in zip(columns.names, self._makers, strict=True)
        ]
        for place, (_, is_whole) in enumerate(split):
            if is_whole and place not in misfits:
                contents[place] = None
        return table


def _arrow_type(kind: int) -> str:
    """The narrowest type that holds all kinds that were seen, exactly."""
    if kind == BOOLEAN:
        return "bool_"
    if kind and not kind & ~(INTEGER | LONG):
        return "int64"
    if kind and not kind & ~(INTEGER | REAL):
        return "float64"
    return "string"


class _Maker:
    """Makes JSON values the cells of a typed column. What does not fit came after the look, and is a misfit."""

    def __init__(self, make: Callable[[bytes], Any], bits: int, kinds: int) -> None:
        self._make = make
        self._most = 1 << bits
        self._kinds = kinds

    def __call__(self, values: Sequence[bytes | None], misfits: set[int]) -> Cells:
        make, most = self._make, self._most
        try:
            cells = [None if value is None else make(value) for value in values]
        except (ValueError, KeyError):
            return self._carefully(values, misfits)
        if any(cell is not None and not -most < cell < most for cell in cells):
            return self._carefully(values, misfits)
        return cells

    def _carefully(self, values: Sequence[bytes | None], misfits: set[int]) -> Cells:
        cells: Cells = []
        for place, value in enumerate(values):
            kind = 0 if value is None else kind_of(value)
            if kind & ~self._kinds:
                misfits.add(place)
            cells.append(self._make(value) if value is not None and kind & self._kinds else None)
        return cells


def _texts(values: Sequence[bytes | None], _misfits: set[int]) -> Cells:
    return [None if value is None else text_of(value) for value in values]


def _maker(kind: int) -> Callable[[Sequence[bytes | None], set[int]], Cells]:
    name = _arrow_type(kind)
    if name == "bool_":
        return _Maker(_BOOLEANS.__getitem__, 1, BOOLEAN)
    if name == "int64":
        return _Maker(int, LONG_BITS, INTEGER | LONG)
    return _Maker(float, EXACT_BITS, INTEGER | REAL) if name == "float64" else _texts


_BOOLEANS = {b"true": True, b"false": False, b"null": None}
