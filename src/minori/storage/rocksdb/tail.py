"""What the store remembers of a resource it has lately written to."""

from collections import OrderedDict
from functools import lru_cache

import msgspec

from minori.model.entry import MAX_TIME
from minori.model.resource import Resource
from minori.storage.rocksdb import keys
from minori.storage.rocksdb.counter import Counter
from minori.storage.rocksdb.database import Database
from minori.storage.rocksdb.metadata import Extent, pack_metadata, unpack_metadata

EXTENTS = 10_000
"""How many resources are remembered with where their entries are because they were read (our choice)."""

REMEMBERED = 40_000
"""How many resources are remembered by default, about 800 bytes each; others are read from disk when written."""


NAMES = 1_024
"""Lists of attribute names of which there is one copy for all who have the same (our choice): devices of a kind do, and
a list for each takes as much memory as the rest of a tail."""

SHORT = 1_024
"""The most bytes of such a list as it is stored; longer ones are not shared (our choice)."""

_decode_names = msgspec.json.Decoder(tuple[str, ...]).decode
_shared_names = lru_cache(NAMES)(_decode_names)


class Tail:
    """The end of a resource's entries, where they are, its metadata, and the counts under way.

    `newest` is no earlier than its latest entry (-1: none). `run` is a stretch of times that are all
    taken, by which a burst finds its next free millisecond without asking for each one. `last_modified` is when it was
    last written (UNIX ms, -1: never), `names` are its attribute names, and `seen` those that the last write brought:
    the next one nearly always brings the same. `late` is the earliest time of a row that is before all others and not
    yet written: `extent` says what can be read, and is set right as the batch is written. With `is_noted` the next
    commit is going to ask for its metadata row.
    """

    __slots__ = (
        "counter",
        "extent",
        "is_noted",
        "last_modified",
        "late",
        "metadata_key",
        "names",
        "newest",
        "prefix",
        "run_first",
        "run_last",
        "seen",
    )

    def __init__(self, prefix: bytes, metadata_key: bytes, newest: int, counter: Counter, extent: Extent) -> None:
        self.prefix = prefix
        self.metadata_key = metadata_key
        self.newest = newest
        self.counter = counter
        self.extent = extent
        self.is_noted = False
        self.last_modified = -1
        self.late = MAX_TIME + 1
        self.names: tuple[str, ...] = ()
        self.run_first = 0
        self.run_last = -1
        self.seen: tuple[str, ...] = ()

    def metadata_row(self) -> bytes:
        """The value of its metadata row at the moment when it is written; it must have been written to."""
        self.is_noted = False
        if self.late <= MAX_TIME:
            self.extent.begin(self.late)
            self.late = MAX_TIME + 1
        return pack_metadata(self.last_modified, self.counter, self.extent)

    def candidate(self, time: int) -> int:
        """The first time at or after `time` that is not known to be taken."""
        return self.run_last + 1 if self.run_first <= time <= self.run_last else time

    def taken(self, candidate: int, time: int) -> None:
        """Note that every time from `candidate` to `time` is taken now."""
        if self.run_first <= candidate <= self.run_last + 1:
            if time > self.run_last:  # noqa: PLR1730 - to call `max` would take as long as all the rest
                self.run_last = time
        else:
            self.run_first, self.run_last = candidate, time
        if time > self.newest:  # noqa: PLR1730 - as above
            self.newest = time

    def freed(self, time: int) -> None:
        """Note that `time` is free again."""
        if self.run_first <= time <= self.run_last:
            self.run_first, self.run_last = 0, -1


class Tails:
    """The resources written to most recently, `remembered` at most.

    `remembered` must exceed the writes that can wait: what is forgotten is read back from disk, where
    a waiting write is not yet.
    """

    def __init__(self, database: Database, remembered: int) -> None:
        self._database = database
        self._remembered = remembered
        self._tails: OrderedDict[Resource, Tail] = OrderedDict()
        self._extents: dict[Resource, Extent] = {}

    def find(self, resource: Resource) -> Tail | None:
        """The tail of a resource, read back if it is not remembered; `None` for one that was never written to."""
        tail = self.get(resource)
        if tail is None:
            tail = self._read(resource)
            if tail is not None:
                self.remember(resource, tail)
        return tail

    def extent(self, resource: Resource) -> Extent | None:
        """Where the resource's entries are; `None` for one that was never written to. Who changes it has its tail."""
        tail = self._tails.get(resource)
        if tail is not None:
            return tail.extent
        extent = self._extents.get(resource)
        if extent is None:
            kept = self._database.get(keys.metadata_key(resource))
            if kept is None:
                return None
            if len(self._extents) >= EXTENTS:
                self._extents.clear()
            extent = self._extents[resource] = unpack_metadata(kept)[2]
        return extent

    def names(self, metadata_key: bytes) -> tuple[str, ...]:
        """The attribute names of the resource with this metadata key, as they are stored."""
        stored = self._database.get(keys.names_key(metadata_key)) or b"[]"
        return _shared_names(stored) if len(stored) <= SHORT else _decode_names(stored)

    def clear(self) -> None:
        """Forget all of them: what they say may not have been written."""
        self._tails.clear()
        self._extents.clear()

    def get(self, resource: Resource) -> Tail | None:
        """What is remembered of the resource."""
        tail = self._tails.get(resource)
        if tail is not None:
            self._tails.move_to_end(resource)
        return tail

    def remember(self, resource: Resource, tail: Tail) -> None:
        """Remember the resource, and forget the one unused for the longest time if there are too many."""
        self._extents.pop(resource, None)
        self._tails[resource] = tail
        if len(self._tails) > self._remembered:
            self._tails.popitem(last=False)

    def _read(self, resource: Resource) -> Tail | None:
        metadata_key = keys.metadata_key(resource)
        kept = self._database.get(metadata_key)
        if kept is None:
            return None
        prefix = keys.entry_prefix(resource)
        modified, counter, extent = unpack_metadata(kept)
        _, latest = self._database.keys(keys.last_fence(prefix), 2, prefix, backwards=True)
        newest = keys.unpack_time(latest[len(prefix) : len(prefix) + keys.TIME_BYTES]) if latest != prefix else -1
        tail = Tail(prefix, metadata_key, max(newest, extent.blocks_until - 1), counter, extent)
        tail.last_modified, tail.names = modified, self.names(metadata_key)
        return tail
