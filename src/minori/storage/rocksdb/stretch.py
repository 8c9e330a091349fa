"""What a read has gathered: entries in the order of reading, as rows and as parts of blocks."""

from collections.abc import Sequence
from itertools import chain

from minori.codec.block import Block
from minori.codec.entry import row_time
from minori.codec.joined import JoinedRows, Part


class Stretch:
    """Entries in the order of reading, in pieces: rows, or the places of a block from one to before another.

    `size` are the bytes of all pieces, of blocks roughly; `has_blocks` says whether there has been a part of one.
    """

    def __init__(self) -> None:
        self.count = 0
        self.size = 0
        self.has_blocks = False
        self._pieces: list[list[bytes] | tuple[Block, int, int]] = []

    def add_rows(self, rows: list[bytes]) -> None:
        """Add rows behind the others."""
        if rows:
            self._pieces.append(rows)
            self.count += len(rows)
            self.size += sum(map(len, rows))

    def add_block(self, block: Block, begin: int, end: int) -> None:
        """Add places of a block behind the others, newest first."""
        if end > begin:
            self.has_blocks = True
            self._pieces.append((block, begin, end))
            self.count += end - begin
            self.size += block.size * (end - begin) // block.count

    def cut(self, count: int) -> None:
        """Keep the first `count` entries, at least one, and none of the others."""
        while self.count > count:
            piece = self._pieces.pop()
            over = self.count - count
            if isinstance(piece, list):
                self.count -= len(piece)
                kept: list[bytes] | tuple[Block, int, int] = piece[: max(len(piece) - over, 0)]
                left = len(kept)
            else:
                block, begin, end = piece
                self.count -= end - begin
                left = max(end - begin - over, 0)
                kept = (block, begin, begin + left)
            if left:
                self._pieces.append(kept)
                self.count += left

    @property
    def last_time(self) -> int:
        """The time of the last entry; there must be one."""
        piece = self._pieces[-1]
        return row_time(piece[-1]) if isinstance(piece, list) else piece[0].time(piece[2] - 1)

    def rows(self, front: bytes) -> Sequence[bytes]:
        """All of it. `front` are the members of the resource."""
        if not self.has_blocks:
            rows = [piece for piece in self._pieces if isinstance(piece, list)]
            return rows[0] if len(rows) == 1 else list(chain(*rows))
        parts: list[Part] = []
        for piece in self._pieces:
            if isinstance(piece, list):
                parts.append(front + (b"," + front).join(piece))
            else:
                parts.append(piece[0].part(piece[1], piece[2]))
        return JoinedRows(front, parts, self.count)
