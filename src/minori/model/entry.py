"""A data entry: what one payload became, and how it is asked for."""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from minori.model.resource import Resource, ResourceMetadata, ResourceType, grow

MAX_TIME = 2**63 - 1
"""The latest time an entry can carry, in UNIX ms (spec: int64)."""

PAGE_LIMIT = 1000
"""The largest page (spec)."""

DEFAULT_LIMIT = 10
"""The page size when none is asked for (spec)."""


class DataEntry(Struct, frozen=True):
    """One stored payload, as `GET /v1/data/{type}/{id}/{time}` shows it.

    `time` is UNIX ms, 0 to `MAX_TIME`. `content` is text; under `content_type` `application/json`
    it always parses as JSON (R17). `category` is the group's when the entry was stored (our choice).
    """

    resource: Resource
    time: int
    content: str
    content_type: str
    category: str | None = None

    def at(self, time: int) -> "DataEntry":
        """The same entry at another time."""
        return self if time == self.time else replace(self, time=time)


class EntryWrite(Struct, frozen=True):
    """A data entry on its way into the store.

    `exact` says that the sender gave `entry.time`: it never moves, and overwrites. Otherwise
    `entry.time` is the receipt, and the store takes the next free millisecond of the resource
    (our choice). `received` is the receipt in UNIX ms. `attribute_names` are the top-level members of
    a JSON object's content.
    """

    entry: DataEntry
    received: int
    exact: bool
    attribute_names: tuple[str, ...] = ()

    def touch(self, old: ResourceMetadata | None) -> ResourceMetadata:
        """The resource's metadata after this write, given what it was before."""
        if old is None:
            old = ResourceMetadata(self.entry.resource, self.received, ())
        newest = max(old.last_modified_time, self.received)
        return ResourceMetadata(old.resource, newest, grow(old.attribute_names, self.attribute_names))


class Written(Struct, frozen=True):
    """Where an entry landed: its `time`, and whether another one of that time was overwritten."""

    time: int
    overwrote: bool


class Forgotten(Struct, frozen=True):
    """How many old entries were removed at once.

    `next_after` is the time of the last one looked at if there may be more, otherwise `None`.
    """

    entries: int
    next_after: int | None


class TimeRange(Struct, frozen=True):
    """A page of a time range, both ends included, in UNIX ms.

    `descending` is newest first. `limit` is 1 to `PAGE_LIMIT`.
    """

    first: int = 0
    last: int = MAX_TIME
    descending: bool = True
    limit: int = DEFAULT_LIMIT

    def bounds(self, after: int | None) -> tuple[int, int]:
        """The times that remain, both included, once the entry at `after` has been read."""
        if after is None:
            return self.first, self.last
        if self.descending:
            return self.first, min(self.last, after - 1)
        return max(self.first, after + 1), self.last


class CategoryKey(Struct, frozen=True):
    """An entry's place within a category: by time, then by the resource's type and id."""

    time: int
    type: ResourceType
    id: str

    def order(self) -> tuple[int, bytes, bytes]:
        """What places are compared by: the time, then the names in order of UTF-8 bytes."""
        return self.time, self.type.encode(), self.id.encode()


class EntryPage(Struct, frozen=True):
    """Rows of one resource (see `codec.entry` for their form).

    `next_after` is the time of the last row if more rows exist, otherwise `None`.
    """

    rows: Sequence[bytes]
    next_after: int | None


class CategoryPage(Struct, frozen=True):
    """Rows of one category, each with the resource it came from.

    `next_after` is the place of the last row if more rows exist, otherwise `None`.
    """

    rows: Sequence[tuple[Resource, bytes]]
    next_after: CategoryKey | None


class ResourcePage(Struct, frozen=True):
    """Resources in order of type and id; `more` says whether others follow the last one."""

    resources: Sequence[ResourceMetadata]
    more: bool
