"""How long a client has left unread what it was sent."""

import asyncio
import struct
import termios
from fcntl import ioctl


def in_kernel(transport: asyncio.Transport) -> int:
    """Bytes that the system has taken of a connection, and the client's has not.

    A client that reads slowly makes this smaller long before there is room for more.
    """
    room = ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, bytes(4))
    return int(struct.unpack("i", room)[0])


class Unread:
    """Watches the bytes that wait to be sent on one connection. `now` is the loop's time, in seconds."""

    __slots__ = ("_bytes", "_since")

    def __init__(self, now: float) -> None:
        self._bytes = 0
        self._since = now

    def seconds(self, unsent: int, now: float) -> float:
        """How long nothing has been taken of the bytes that wait, `unsent` of them now; 0 if none wait."""
        if unsent == 0 or unsent < self._bytes or self._bytes == 0:
            self._since = now
        self._bytes = unsent
        return now - self._since
