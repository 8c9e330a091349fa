"""A client over TLS that can do by itself, and wrongly, what libraries do at once: shake hands, end, be gone."""

import asyncio
import ssl
from contextlib import suppress
from typing import Self, cast

from minori.config.address import Endpoint
from sending import Line

CHUNK = 65_536


class SecuredLine(Line):
    """A TCP connection with TLS over it, whose plain bytes a test writes and reads as it likes.

    `below` is the TCP connection itself. `is_notified` once the server has said `close_notify`, and
    `is_finished` once it has ended the TCP connection on its side too.
    """

    below: Line
    tls: ssl.SSLObject
    is_notified = False
    is_finished = False
    _incoming: ssl.MemoryBIO
    _outgoing: ssl.MemoryBIO
    _pump: asyncio.Task[None]

    @classmethod
    async def begin(
        cls, endpoint: Endpoint, context: ssl.SSLContext, source: str | None = None, name: str | None = "localhost"
    ) -> Self:
        """Connect, and say nothing yet: `go_on` does."""
        below = await Line.open(endpoint, source)
        reader = asyncio.StreamReader()
        line = cls(reader, cast("asyncio.StreamWriter", None))
        line.below = below
        line._incoming, line._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        line.tls = context.wrap_bio(line._incoming, line._outgoing, server_hostname=name)
        line.writer = cast("asyncio.StreamWriter", _Writer(line))
        return line

    @classmethod
    async def secure(
        cls,
        endpoint: Endpoint,
        context: ssl.SSLContext,
        source: str | None = None,
        name: str | None = "localhost",
        *,
        pump: bool = True,
    ) -> Self:
        """Connect and shake hands. Raises `ssl.SSLError` and `ConnectionError` if the server will not.

        What the server says is read from then on, unless it is left to `pumped`.
        """
        line = await cls.begin(endpoint, context, source, name)
        try:
            while not line.shake():
                await line.flush()
                await line.take()
            await line.flush()
        except OSError:
            await line.below.close()
            raise
        return line.pumped() if pump else line

    def pumped(self) -> Self:
        """Itself, reading."""
        self._pump = asyncio.create_task(self._read())
        return self

    def sealed(self, data: bytes) -> bytes:
        """What bears `data`, to be sent by the test."""
        self.tls.write(data)
        return self.unsent()

    def shake(self) -> bool:
        """Go on with the handshake as far as it goes; true once it is done."""
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def unsent(self) -> bytes:
        """What TLS wants to be sent."""
        return self._outgoing.read()

    async def flush(self) -> None:
        await self.below.send(self.unsent())

    async def take(self) -> None:
        """Read from the socket once. Raises `ConnectionResetError` at its end."""
        data = await self.below.reader.read(CHUNK)
        if not data:
            raise ConnectionResetError("the server has ended it")
        self._incoming.write(data)

    async def _read(self) -> None:
        try:
            while True:
                self._decrypt()
                await self.take()
        except ConnectionResetError:
            self.is_finished = True
            self.reader.feed_eof()
        except OSError as error:
            self.reader.set_exception(error)

    def _decrypt(self) -> None:
        try:
            while data := self.tls.read(CHUNK):
                self.reader.feed_data(data)
            self.is_notified = True
            self.reader.feed_eof()
        except ssl.SSLZeroReturnError:
            self.is_notified = True
            self.reader.feed_eof()
        except ssl.SSLWantReadError:
            return

    def notify(self) -> None:
        """Say `close_notify`, and go on reading."""
        with suppress(ssl.SSLError):
            self.tls.unwrap()
        self.below.writer.write(self.unsent())

    def finish(self) -> None:
        """See `Line`: by `close_notify`; the socket stays open both ways."""
        self.notify()

    async def close(self) -> None:
        self._pump.cancel()
        await self.below.close()

    def reset(self) -> None:
        """See `Line`."""
        self.below.reset()


class _Writer:
    """What `Line` needs of a writer."""

    def __init__(self, line: SecuredLine) -> None:
        self._line = line

    def write(self, data: bytes) -> None:
        if data:
            self._line.tls.write(data)
        self._line.below.writer.write(self._line.unsent())

    async def drain(self) -> None:
        await self._line.below.writer.drain()

    def get_extra_info(self, name: str) -> object:
        return self._line.below.writer.get_extra_info(name)

    @property
    def transport(self) -> asyncio.WriteTransport:
        return self._line.below.writer.transport

    def is_closing(self) -> bool:
        return self._line.below.writer.is_closing()
