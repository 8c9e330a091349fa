"""Rows of one resource that are joined as a page has them, so that nothing is done a row when the page is sent."""

from collections.abc import Iterator, Sequence
from typing import overload

from minori.codec.entry import join_page, members, split_part
from minori.model.resource import Resource

Part = bytes | memoryview
"""Objects of a page, joined by commas: rows with their resource's members in front of each."""


class JoinedRows(Sequence[bytes]):
    """A sequence of rows, which are taken apart only if somebody asks for one; `front` are the members in `parts`."""

    def __init__(self, front: bytes, parts: Sequence[Part], count: int) -> None:
        self.front = front
        self.parts = parts
        self._count = count
        self._rows: list[bytes] | None = None

    def __len__(self) -> int:
        """How many rows."""
        return self._count

    @overload
    def __getitem__(self, place: int) -> bytes: ...

    @overload
    def __getitem__(self, place: slice) -> list[bytes]: ...

    def __getitem__(self, place: int | slice) -> bytes | list[bytes]:
        """One row, or some, without members."""
        return self._taken_apart()[place]

    def __iter__(self) -> Iterator[bytes]:
        """The rows without members."""
        return iter(self._taken_apart())

    def _taken_apart(self) -> list[bytes]:
        if self._rows is None:
            self._rows = [row for part in self.parts for row in split_part(bytes(part), self.front)]
        return self._rows


def page_parts(resource: Resource, rows: Sequence[bytes]) -> list[Part]:
    """The JSON array of one resource's rows, in parts that follow on one another.

    The rows may have been stored for another resource: a SIM's are stored under its IMSI.
    """
    if not isinstance(rows, JoinedRows):
        return [join_page(resource, rows)]
    parts, front = rows.parts, members(resource)
    if front != rows.front:
        parts = [bytes(part).replace(rows.front, front) for part in parts]
    joined: list[Part] = [b"["]
    for part in parts:
        joined += (part, b",")
    joined[-1] = b"]"
    return joined
