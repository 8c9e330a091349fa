"""Exports: jobs that write a file for somebody to fetch, and what they may be asked for."""

from enum import StrEnum
from typing import Any

from msgspec import Struct

from minori.model.entry import MAX_TIME
from minori.model.file import Blob
from minori.model.resource import ResourceType
from minori.model.statistics import Period

PROCESSING, EXPORTED, FAILED = "processing", "exported", "failed"
"""What may become of a job (spec); it is processing while it waits, too."""


class ExportJob(Struct, frozen=True):
    """One export of one account (see `model.account`). `export_id` is `fe_` and a UUID (documented).

    `parameters` are what the `operation` was asked for, as JSON. `attempts` counts how often it was begun.
    `entries` and the members of the blob are those of the finished file; `message` says why it failed.
    Times are UNIX ms.
    """

    export_id: str
    account: str
    operation: str
    parameters: dict[str, Any]
    filename: str
    content_type: str
    created_time: int
    status: str = PROCESSING
    attempts: int = 0
    finished_time: int | None = None
    message: str | None = None
    entries: int = 0
    blob_id: str | None = None
    blob_size: int = 0
    blob_md5: str = ""

    @property
    def blob(self) -> Blob | None:
        """The file, once it is exported."""
        return None if self.blob_id is None else Blob(self.blob_id, self.blob_size, self.blob_md5)


class ExportedBytes(Struct, frozen=True):
    """How many bytes of data entries, `size`, an account has exported in one month."""

    key: str
    account: str
    size: int

    @classmethod
    def of(cls, account: str, year_month: str, size: int = 0) -> "ExportedBytes":
        """The record of a month, `YYYYMM`."""
        return cls(f"{account}/{year_month}", account, size)


class Format(StrEnum):
    """How exported entries are written down: its wire name, and the end of its files' names (our choice)."""

    CSV = "csv"
    JSON_LINES = "jsonl"
    PARQUET = "parquet"

    @property
    def media_type(self) -> str:
        """What its files are served as."""
        return _MEDIA_TYPES[self]


_MEDIA_TYPES = {
    Format.CSV: "text/csv; charset=utf-8",
    Format.JSON_LINES: "application/x-ndjson",
    Format.PARQUET: "application/vnd.apache.parquet",
}


class DataExport(Struct, frozen=True):
    """Which data entries to export, and how: of one resource, of one type, of one category, or all there are.

    `first` and `last` are both included, in UNIX ms. With `columns` the members of JSON contents become
    columns. With `escape_formulas` no cell of a CSV file is taken for a formula.
    """

    resource_type: ResourceType | None = None
    resource_id: str | None = None
    category: str | None = None
    first: int = 0
    last: int = MAX_TIME
    format: Format = Format.JSON_LINES
    columns: bool = False
    escape_formulas: bool = False


class StatisticsRange(Struct, frozen=True):
    """Which statistics are asked for, in UNIX s (spec): whole periods, those that hold `first` and `last` too."""

    first: int
    last: int
    period: Period
