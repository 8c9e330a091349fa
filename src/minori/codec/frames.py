"""Soracom Binary Format v1: frames that mark where a message ends on TCP (documented).

    00 06 | 01 02 03 04 05 06 | 49 17
    length       body           CRC-16/CCITT-FALSE over length and body

Length, 1 to 65,535, and checksum are big-endian.
"""

from binascii import crc_hqx
from collections.abc import Callable

from minori.errors import OutOfStep, PayloadTooLarge

_LENGTH_BYTES = 2
_CRC_BYTES = 2
_CRC_START = 0xFFFF


class FrameDecoder:
    """Finds the frames in the bytes of one stream, however they are cut.

    `largest` says the size limit of a body in bytes, and is asked as each frame begins. A longer body passes by:
    it costs no memory, the stream stays in step, and an error stands in its place (our choice).
    """

    __slots__ = ("_crc", "_is_length", "_kept", "_largest", "_left", "_length", "_too_large", "fault")

    def __init__(self, largest: Callable[[], int]) -> None:
        self._largest = largest
        self.fault: OutOfStep | None = None
        """Why nothing more is found in this stream: it is out of step, and the connection has to end."""
        self._begin()

    @property
    def unfinished(self) -> bool:
        """Whether a frame has begun that has not ended."""
        return self.fault is None and not (self._is_length and self._left == _LENGTH_BYTES)

    def feed(self, data: bytes | memoryview) -> list[bytes | PayloadTooLarge]:
        """The bodies of the frames that `data` ends, in their order; nothing once there is a `fault`.

        Bodies before the fault, if there is one, are whole and right.
        """
        bodies: list[bytes | PayloadTooLarge] = []
        rest = memoryview(data)
        while rest and self.fault is None:
            piece, rest = rest[: self._left], rest[self._left :]
            self._left -= len(piece)
            if self._is_length:
                self._read_length(piece)
            else:
                self._read_body(piece, bodies)
        return bodies

    def _begin(self) -> None:
        self._is_length = True
        self._left = _LENGTH_BYTES
        self._length = 0
        self._kept = bytearray()
        self._too_large: PayloadTooLarge | None = None
        self._crc = _CRC_START

    def _read_length(self, piece: memoryview) -> None:
        self._crc = crc_hqx(piece, self._crc)
        self._length = self._length << 8 * len(piece) | int.from_bytes(piece)
        if self._left:
            return
        if self._length == 0:
            self.fault = OutOfStep("A frame of Soracom Binary Format v1 says that it has no body")
            return
        self._is_length = False
        self._left = self._length + _CRC_BYTES
        limit = self._largest()
        if self._length > limit:
            self._too_large = PayloadTooLarge(limit)

    def _read_body(self, piece: memoryview, bodies: list[bytes | PayloadTooLarge]) -> None:
        # A checksum that stands right behind what it is made of leaves zero.
        self._crc = crc_hqx(piece, self._crc)
        if self._too_large is None:
            self._kept += piece
        if self._left:
            return
        if self._crc:
            self.fault = OutOfStep("The checksum of a frame of Soracom Binary Format v1 is wrong")
            return
        bodies.append(self._too_large or bytes(self._kept[: self._length]))
        self._begin()
