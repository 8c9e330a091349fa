"""What the store remembers of a resource it has lately written to."""

from collections import OrderedDict

from minori.model.resource import Resource, ResourceMetadata
from minori.storage.rocksdb.counts import Counter

REMEMBERED = 50_000
"""How many resources are remembered by default, about 700 bytes each; others are read from disk when written."""


class Tail:
    """The end of a resource's entries, its metadata, and the counts under way.

    `newest` is no earlier than its latest entry (-1: none). `run` is a stretch of times that are all
    taken, by which a burst finds its next free millisecond without asking for each one. `seen` are the attribute
    names that the last write brought: the next one nearly always brings the same.
    """

    __slots__ = ("counter", "metadata", "metadata_key", "newest", "prefix", "run_first", "run_last", "seen")

    def __init__(
        self, prefix: bytes, metadata_key: bytes, newest: int, metadata: ResourceMetadata | None, counter: Counter
    ) -> None:
        self.prefix = prefix
        self.metadata_key = metadata_key
        self.newest = newest
        self.metadata = metadata
        self.counter = counter
        self.run_first = 0
        self.run_last = -1
        self.seen: tuple[str, ...] = ()

    def candidate(self, time: int) -> int:
        """The first time at or after `time` that is not known to be taken."""
        return self.run_last + 1 if self.run_first <= time <= self.run_last else time

    def taken(self, candidate: int, time: int) -> None:
        """Note that every time from `candidate` to `time` is taken now."""
        if self.run_first <= candidate <= self.run_last + 1:
            self.run_last = max(self.run_last, time)
        else:
            self.run_first, self.run_last = candidate, time
        self.newest = max(self.newest, time)

    def freed(self, time: int) -> None:
        """Note that `time` is free again."""
        if self.run_first <= time <= self.run_last:
            self.run_first, self.run_last = 0, -1


class Tails:
    """The resources written to most recently, `remembered` at most.

    `remembered` must exceed the writes that can wait: what is forgotten is read back from disk, where
    a waiting write is not yet.
    """

    def __init__(self, remembered: int) -> None:
        self._remembered = remembered
        self._tails: OrderedDict[Resource, Tail] = OrderedDict()

    def get(self, resource: Resource) -> Tail | None:
        """What is remembered of the resource."""
        tail = self._tails.get(resource)
        if tail is not None:
            self._tails.move_to_end(resource)
        return tail

    def remember(self, resource: Resource, tail: Tail) -> None:
        """Remember the resource, and forget the one unused for the longest time if there are too many."""
        self._tails[resource] = tail
        if len(self._tails) > self._remembered:
            self._tails.popitem(last=False)
