"""The row: a data entry as the JSON answer needs it, encoded once at ingest.

A row is the JSON object of an entry from `"time"` on, closing brace included, without the members
of its resource:

    "time":1732233600000,"contentType":"application/json","content":"{\\"t\\":21}","category":"plant"}

Put `members(resource)` in front and it is the whole object; a page is joined from rows, not rebuilt.
`time` comes first so that it can be read without parsing. Absent members are left out (our choice).
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from minori.model.entry import DataEntry
from minori.model.resource import Resource

_encode = msgspec.json.Encoder().encode
_START = len(b'"time":')

CATEGORY = b',"category":'
"""What is in the row of an entry that carries a category, and in no other: no content holds these quotation marks."""


class _Row(msgspec.Struct, rename="camel"):
    time: int
    content_type: str
    content: str
    category: str | None = None


_decode = msgspec.json.Decoder(_Row).decode


def row_end(entry: DataEntry) -> bytes:
    """All of an entry's row but its time."""
    content_type, content = _encode(entry.content_type), _encode(entry.content)
    if entry.category is None:
        return b',"contentType":%b,"content":%b}' % (content_type, content)
    return b',"contentType":%b,"content":%b,"category":%b}' % (content_type, content, _encode(entry.category))


def row_at(time: int, end: bytes) -> bytes:
    """The row at this time (UNIX ms) with this end."""
    return b'"time":%d%b' % (time, end)


def encode_row(entry: DataEntry) -> bytes:
    """The row of an entry."""
    return row_at(entry.time, row_end(entry))


def row_time(row: bytes) -> int:
    """The time of a row, in UNIX ms, without parsing the rest."""
    return int(row[_START : row.index(b",", _START)])


def tombstone(time: int) -> bytes:
    """What stands in the place of a row to say that there is no entry at its time any more."""
    return b'"time":%d,' % time


def is_entry(row: bytes) -> bool:
    """Whether it is a row, and no tombstone."""
    return row.endswith(b"}")


def decode_row(resource: Resource, row: bytes) -> DataEntry:
    """The entry a row stands for."""
    fields = _decode(b"{" + row)
    return DataEntry(resource, fields.time, fields.content, fields.content_type, fields.category)


def members(resource: Resource) -> bytes:
    """The opening brace and the resource's own members, ready to stand in front of a row."""
    return b'{"resourceType":"%b","resourceId":%b,' % (resource.type.encode(), _encode(resource.id))


def split_part(part: bytes, front: bytes) -> list[bytes]:
    """The rows in a part of a page: objects joined by commas, each with the members `front` in front."""
    # A string's quotation marks follow on backslashes, so that no content holds what stands between two objects.
    return part[len(front) :].split(b"," + front)


def join_page(resource: Resource, rows: Sequence[bytes]) -> bytes:
    """The JSON array of one resource's rows."""
    if not rows:
        return b"[]"
    front = members(resource)
    ends = [*rows]
    # Put on before the join: put on after it, they would copy the whole page.
    ends[0] = b"[" + front + ends[0]
    ends[-1] += b"]"
    return (b"," + front).join(ends)


def join_mixed(rows: Iterable[tuple[Resource, bytes]]) -> bytes:
    """The JSON array of rows that come from different resources."""
    return b"[" + b",".join([members(resource) + row for resource, row in rows]) + b"]"


def encode_json(value: Any) -> bytes:
    """Any other JSON answer: compact, UTF-8."""
    return _encode(value)
