"""The block: many rows of one resource, joined as a page has them, newest first, and compressed.

Joined means: the resource's members in front of each row, a comma between two. So a stretch of a block is a part of
a page as it is, and nothing of it is encoded, or even looked at, when it is read. Within JSON text a quotation mark
that follows on a brace begins an object, never a string's inside, where it would follow on a backslash; so the
boundaries between objects are found without parsing.

| bytes | what |
|---|---|
| 4 | how many rows, big-endian |
| 8 | the time of the newest row, in UNIX ms, big-endian |
| 4 | bytes of the text, big-endian |
| the rest | the text, one zstd frame |
"""

import struct
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from functools import cache, cached_property
from itertools import accumulate
from typing import Final

from zstandard import ZstdCompressionParameters, ZstdCompressor, ZstdDecompressor, ZstdError

from minori.codec.entry import row_time, split_part
from minori.errors import StoreFailed

LEVEL: Final = 1
"""Of zstd (our choice, measured): the higher ones make rows of telemetry no smaller. Its parameters are those for long
texts, which look for repetitions of seven bytes and more: what repeats in rows is long, and fewer are faster read."""

MOST_PLACES: Final = 14
"""The most places of the text that zstd remembers, as a power of two: those of the level itself."""

_head = struct.Struct(">IQI")
_decompress = ZstdDecompressor().decompress
_TIME: Final = b'"time":'


class Block:
    """A block, unpacked as soon as more is asked than its head says. Places count from the newest row, which is 0.

    `count` rows are from `oldest` to `newest` (UNIX ms); their text has `size` bytes.
    """

    count: int
    newest: int
    size: int

    def __init__(self, oldest: int, packed: bytes) -> None:
        """Raises `StoreFailed` if that is no block."""
        try:
            self.count, self.newest, self.size = _head.unpack_from(packed)
        except struct.error as error:
            raise _damaged("has no head") from error
        if not self.count:
            raise _damaged("has no rows")
        self.oldest = oldest
        self._packed = packed
        self._text: bytes | None = None
        self._found: tuple[int, int] | None = None

    @property
    def text(self) -> bytes:
        """The joined rows. Raises `StoreFailed` if they cannot be unpacked."""
        # Of many blocks nothing else is asked, and only once: `cached_property` would lock each.
        if self._text is None:
            self._text = self._unpacked()
            self._packed = b""
        return self._text

    def _unpacked(self) -> bytes:
        try:
            text = _decompress(self._packed[_head.size :], max_output_size=self.size)
        except ZstdError as error:
            raise _damaged(f"cannot be unpacked: {error}") from error
        if len(text) != self.size:
            raise _damaged(f"has {len(text)} bytes and says {self.size}")
        return text

    @property
    def is_without_gaps(self) -> bool:
        """Whether it has a row of each millisecond from `oldest` to `newest`. Its head says it."""
        return self.newest - self.oldest == self.count - 1

    @property
    def members(self) -> bytes:
        """What stands in front of each row."""
        text = self.text
        return text[: text.index(_TIME)]

    def span(self, first: int, last: int) -> tuple[int, int]:
        """The places of the rows from `first` to `last` (UNIX ms, both included), as a range's two ends."""
        if first <= self.oldest and last >= self.newest:
            return 0, self.count
        begin = self._place(last)
        end = self.count if first <= self.oldest else self._place(first - 1)
        return begin, max(begin, end)

    def part(self, begin: int, end: int) -> bytes | memoryview:
        """The rows of these places as a page has them, members and all. At least one place."""
        if end - begin == self.count:
            return self.text
        return memoryview(self.text)[self._start(begin) : self._start(end) - 1]

    def rows(self, begin: int, end: int) -> list[bytes]:
        """The rows of these places, without members, newest first."""
        return split_part(bytes(self.part(begin, end)), self.members) if end > begin else []

    def row(self, time: int) -> bytes | None:
        """The row at exactly this time."""
        begin, end = self.span(time, time)
        return self.rows(begin, end)[0] if end > begin else None

    def time(self, place: int) -> int:
        """The time of the row at a place."""
        return self._time_at(self._start(place))

    @property
    def _between(self) -> bytes:
        return b"," + self.members

    @cached_property
    def _starts(self) -> "array[int]":
        """Where each row's members begin in the text, and where those of a further one would."""
        step = len(self._between)
        return array("I", accumulate([len(row) + step for row in split_part(self.text, self.members)], initial=0))

    @cached_property
    def _ages(self) -> "array[int]":
        """The rows' times, negated, so that they ascend."""
        text, lead = self.text, len(self.members) + len(_TIME)
        return array("q", [-_number(text, start + lead) for start in self._starts[: self.count]])

    def _start(self, place: int) -> int:
        if place == 0:
            return 0
        if place == self.count:
            return self.size + 1
        if self._found is not None and self._found[0] == place:
            return self._found[1]
        return self._starts[place]

    def _place(self, time: int) -> int:
        """The place of the newest row that is no newer than `time`; behind all others if there is none."""
        if time >= self.newest:
            return 0
        if self._found is not None:
            # Asked again, it is worth while to know the times of all rows, and where they begin.
            return bisect_left(self._ages, -time)
        between = self._between
        start = self._search(time, between)
        place = self._count_before(start, between)
        self._found = place, start
        return place

    def _count_before(self, start: int, between: bytes) -> int:
        """How many rows begin before the one that begins at `start`, or behind the text."""
        if start >= self.size:
            return self.count
        if 2 * start < self.size:
            return self.text.count(between, 0, start + len(between) - 1)
        return self.count - 1 - self.text.count(between, start)

    def _search(self, time: int, between: bytes) -> int:
        """Where that row begins, behind the text if there is none.

        Rows are mostly about as long as each other and as far apart, so it begins where the row would be then, goes on
        in growing steps, and halves what is between: to find where every row begins would take several times as long.
        """
        text = self.text
        lead = len(between) + len(_TIME)
        low, high = 0, len(text)
        start, step = high + 1, len(text) // self.count
        guess = (self.newest - time) * len(text) // max(self.newest - self.oldest, 1) - step // 2
        while low < high:
            middle = guess if low <= guess < high else (low + high) // 2
            at = text.find(between, middle)
            if at >= 0 and _number(text, at + lead) > time:
                low = at + 1
                guess = low + step
            else:
                start, high = (len(text) if at < 0 else at) + 1, middle
                if text.find(between, low, middle + len(between) - 1) < 0:
                    break
                guess = middle - step
            step *= 2
        return start

    def _time_at(self, start: int) -> int:
        return _number(self.text, start + len(self.members) + len(_TIME))


def pack_block(members: bytes, rows: Sequence[bytes]) -> bytes:
    """The block of these rows, newest first, at least one; `members` are those of their resource."""
    text = members + (b"," + members).join(rows)
    # As many places as a row has bytes, about: what a row repeats is best taken from the one before.
    places = min((len(text) // len(rows)).bit_length(), MOST_PLACES)
    return _head.pack(len(rows), row_time(rows[0]), len(text)) + _compressor(places).compress(text)


def _number(text: bytes, begin: int) -> int:
    return int(text[begin : text.index(b",", begin)])


@cache
def _compressor(places: int) -> ZstdCompressor:
    return ZstdCompressor(compression_params=ZstdCompressionParameters.from_level(LEVEL, hash_log=places))


def _damaged(how: str) -> StoreFailed:
    return StoreFailed(f"The entry store could not be read (a block {how}); look at the disk")
