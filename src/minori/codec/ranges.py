"""The header `Range` (RFC 9110, 14): which bytes of a file are asked for."""

import re
from collections.abc import Sequence
from itertools import pairwise

from msgspec import Struct

from minori.errors import RangeUnsatisfiable

RANGES = 16
"""Ranges of one request that are answered one by one (our choice); whoever asks for more gets the whole file."""

_HEADER = re.compile(r"bytes=(.*)", re.IGNORECASE | re.DOTALL)

# A number of more digits than this is no position in anything.
_RANGE = re.compile(r"([0-9]{0,100})-([0-9]{0,100})")


class Span(Struct, frozen=True, order=True):
    """`count` bytes from `offset` on; at least one."""

    offset: int
    count: int

    @property
    def end(self) -> int:
        """The offset behind its last byte."""
        return self.offset + self.count

    def content_range(self, size: int) -> bytes:
        """The value of `Content-Range` for this part of `size` bytes."""
        return b"bytes %d-%d/%d" % (self.offset, self.end - 1, size)


def parse_ranges(text: str, size: int) -> Sequence[Span]:
    """The spans of a file of `size` bytes that a `Range` header asks for, in its order; none for the whole file.

    The whole file it is for a header that is malformed or of another unit, as the RFC has it; and, our
    choice, for more than `RANGES` ranges, for ranges that overlap, and for an empty file. So the spans
    are never more than the file. Raises `RangeUnsatisfiable` if every range lies beyond the end.
    """
    header = _HEADER.fullmatch(text)
    if header is None:
        return ()
    ranges = [_RANGE.fullmatch(part) for piece in header[1].split(",") if (part := piece.strip(" \t"))]
    spans = []
    for each in ranges:
        if each is None or not (each[1] or each[2]) or (each[1] and each[2] and int(each[2]) < int(each[1])):
            return ()
        span = _span(each[1], each[2], size)
        if span is not None:
            spans.append(span)
    if not ranges or len(ranges) > RANGES or size == 0:
        return ()
    if not spans:
        raise RangeUnsatisfiable(size)
    in_order = sorted(spans)
    if any(span.end > after.offset for span, after in pairwise(in_order)):
        return ()
    return spans


def _span(first: str, last: str, size: int) -> Span | None:
    """One range, cut to the file; `None` if no byte of it is there."""
    if first:
        offset = int(first)
        end = min(int(last) + 1, size) if last else size
    else:
        offset = max(size - int(last), 0)
        end = size
    return Span(offset, end - offset) if offset < end else None
