"""Keys in order, one shelf an owner: what pages of a list are cut from."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator


class Shelves:
    """Sorted keys by owner; text is in order of its code points, which is that of its UTF-8 bytes.

    Adding and removing take microseconds on a shelf of 100,000.
    """

    def __init__(self) -> None:
        self._shelves: dict[str, list[str]] = {}

    def add(self, owner: str, key: str) -> None:
        """Put a key on its owner's shelf, where it is not yet."""
        insort(self._shelves.setdefault(owner, []), key)

    def remove(self, owner: str, key: str) -> None:
        """Take a key off its owner's shelf, where it is."""
        shelf = self._shelves[owner]
        del shelf[bisect_left(shelf, key)]
        if not shelf:
            del self._shelves[owner]

    def count(self, owner: str) -> int:
        """How many keys the owner has."""
        return len(self._shelves.get(owner, ()))

    def beyond(self, owner: str, after: str) -> Iterator[str]:
        """The owner's keys in order, beyond `after`; nothing may be added or removed meanwhile."""
        shelf = self._shelves.get(owner, [])
        return (shelf[place] for place in range(bisect_right(shelf, after), len(shelf)))
