"""How a simulated device sends: one connection or socket each, one message at a time, and what it is told."""

import asyncio
import socket
import time
from abc import ABC, abstractmethod
from enum import StrEnum

from msgspec import Struct

from minori.codec.beam import VERSION, signature_of
from minori.simulator.profiles import Message

REPLY_BYTES = 1024
ANSWER_SECONDS = 5.0
"""How long a device waits for its answer before it goes on."""


class Outcome(StrEnum):
    """What became of a message."""

    STORED = "stored"
    REFUSED = "refused"
    BUSY = "busy"
    LOST = "lost"


class Place(Struct, frozen=True):
    """Where a device sends to, and from which address; `None` lets the system choose."""

    host: str
    port: int
    source: str | None = None


class Sender(ABC):
    """One device at one door. `send` raises nothing: a connection that broke is made anew for the next message."""

    async def send(self, message: Message) -> tuple[Outcome, str]:
        """Send a message and wait for the answer: what became of it, and why."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self.tell(message)
        except (OSError, EOFError, ValueError, TimeoutError) as error:
            await self.close()
            return Outcome.LOST, _reason(error)

    @abstractmethod
    async def tell(self, message: Message) -> tuple[Outcome, str]:
        """Send a message and wait for the answer, for ever if need be."""

    @abstractmethod
    async def close(self) -> None:
        """Be gone."""


class LineSender(Sender):
    """A device with a TCP connection that it keeps."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._line: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def line(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """The connection, made where there is none."""
        if self._line is None:
            local = None if self._place.source is None else (self._place.source, 0)
            self._line = await asyncio.open_connection(self._place.host, self._place.port, local_addr=local)
        return self._line

    async def close(self) -> None:
        """See `Sender`."""
        line, self._line = self._line, None
        if line is not None:
            line[1].close()


class StreamSender(LineSender):
    """Over TCP, as the door takes it: a message, then its reply."""

    async def tell(self, message: Message) -> tuple[Outcome, str]:
        """See `Sender`."""
        reader, writer = await self.line()
        writer.write(message[0])
        return _reply(await reader.read(REPLY_BYTES))


class DatagramSender(Sender):
    """Over UDP: a datagram, then its reply."""

    def __init__(self, place: Place) -> None:
        family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        if place.source is not None:
            self._socket.bind((place.source, 0))
        self._socket.connect((place.host, place.port))

    async def tell(self, message: Message) -> tuple[Outcome, str]:
        """See `Sender`."""
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(self._socket, message[0])
        return _reply(await loop.sock_recv(self._socket, REPLY_BYTES))

    async def send(self, message: Message) -> tuple[Outcome, str]:
        """See `Sender`. A lost datagram breaks nothing."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self.tell(message)
        except (OSError, EOFError, TimeoutError) as error:
            return Outcome.LOST, _reason(error)

    async def close(self) -> None:
        """See `Sender`."""
        self._socket.close()


class HttpSender(LineSender):
    """Over HTTP on a connection that is kept, to a path and under further headers."""

    def __init__(self, place: Place, path: str = "/") -> None:
        super().__init__(place)
        self._path = path

    def headers(self) -> dict[str, str]:
        """The headers of the next message besides those that HTTP asks for."""
        return {"Host": "harvest.soracom.io"}

    async def tell(self, message: Message) -> tuple[Outcome, str]:
        """See `Sender`."""
        body, content_type = message
        lines = [f"POST {self._path} HTTP/1.1", *[f"{name}: {value}" for name, value in self.headers().items()]]
        lines += [f"Content-Type: {content_type}", f"Content-Length: {len(body)}", "", ""]
        reader, writer = await self.line()
        writer.write("\r\n".join(lines).encode() + body)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(head.partition("content-length:")[2].partition("\r\n")[0] or 0)
        told = (await reader.readexactly(length)).decode(errors="replace")
        if "connection: close" in head:
            await self.close()
        return _of_status(int(head.split(" ", 2)[1])), told


class Signer(Struct, frozen=True):
    """How Beam says who sends: a header's name without `x-soracom-`, and its value, signed with a shared key."""

    header: str
    value: str
    key: str

    def headers(self) -> dict[str, str]:
        """Beam's headers, of now."""
        told = {f"x-soracom-{self.header}": self.value, "x-soracom-timestamp": str(time.time_ns() // 1_000_000)}
        text = "".join([f"{name}={told[name]}" for name in sorted(told)])
        return told | {
            "x-soracom-signature": signature_of(self.key, text),
            "x-soracom-signature-version": VERSION,
        }


class BeamSender(HttpSender):
    """As Soracom Beam forwards what a device sends."""

    def __init__(self, place: Place, path: str, signer: Signer) -> None:
        super().__init__(place, path)
        self._signer = signer

    def headers(self) -> dict[str, str]:
        """See `HttpSender`."""
        return {"Host": self._place.host, "User-Agent": "SORACOM Beam", **self._signer.headers()}


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError) and not isinstance(error, OSError | EOFError):
        return f"no answer within {ANSWER_SECONDS:.0f} seconds"
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or "no answer"


def _reply(reply: bytes) -> tuple[Outcome, str]:
    if not reply:
        raise EOFError("the connection ended")
    word, _, message = reply.decode(errors="replace").partition(" ")
    return _of_status(int(word)) if word.isdigit() else Outcome.STORED, message


def _of_status(status: int) -> Outcome:
    if status < 300:  # noqa: PLR2004 - where HTTP begins to say something else than yes
        return Outcome.STORED
    return Outcome.BUSY if status in (429, 503) else Outcome.REFUSED
