"""TLS between a connection and its socket.

The loops have TLS of their own, but they tell a connection of its peer only after the handshake, so that nothing
admits or ends those that never come to it; they cannot end one direction alone, so that an answer to a client
that has said its last is lost; and they keep a buffer of 256 KiB for every connection.
"""

import asyncio
import ssl
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, cast

import structlog

from minori.http.certificate import Certificate

READ_BYTES = 65_536
"""The most that one read from a socket returns."""

PLAIN_BYTES = 262_144
"""The most that a connection is given at once of what was read."""

WRITE_BYTES = 262_144
"""Bytes that are secured at once, so that a long answer is not in memory twice."""

_PLAIN_HTTP = frozenset({"HTTP_REQUEST", "HTTPS_PROXY_REQUEST"})
_TOLD_PLAINLY = b"This port speaks HTTPS; ask with https://\n"
_ANSWERED_PLAINLY = (
    b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n\r\n%b"
    % (len(_TOLD_PLAINLY), _TOLD_PLAINLY)
)
_NOBODY = asyncio.Protocol()
_log = structlog.get_logger(__name__)


class Tls:
    """What the secured connections of one loop share: the certificate, and the buffers they read into one by one.

    A handshake may take `handshake_seconds`.
    """

    def __init__(self, certificate: Certificate, handshake_seconds: float) -> None:
        self.certificate = certificate
        self.handshake_seconds = handshake_seconds
        self.received = memoryview(bytearray(READ_BYTES))
        self.plain = memoryview(bytearray(PLAIN_BYTES))

    def over(self, above: asyncio.BaseProtocol) -> "TlsTransport":
        """The protocol for an accepted socket whose connection is `above`."""
        return TlsTransport(self, above)


class TlsTransport(asyncio.Transport, asyncio.BufferedProtocol):
    """The transport of a connection over TLS, and the protocol of the plain transport below it.

    The connection is told of its peer at once, so that it is admitted, has its deadlines and is ended like any
    other. Its first bytes come after the handshake; until then it must not write.

    `close_notify` of the client, or its FIN alone, is the end of what it sends (RFC 9112, 9.8, has servers expect
    both), and the connection may still answer. `write_eof` and `close` say `close_notify`, and none waits for
    the client's (RFC 8446, 6.1).
    """

    def __init__(self, shared: Tls, above: asyncio.BaseProtocol) -> None:
        super().__init__()
        self._shared = shared
        self._above = above
        self._context = shared.certificate.context
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._deadline: asyncio.TimerHandle | None = None
        self._kept = b""
        self._is_secured = False
        self._is_paused = False
        self._is_at_end = False
        self._is_end_told = False
        self._is_ended = False
        self._is_closing = False

    # The protocol of the plain transport.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.BaseProtocol`."""
        self._below = cast("asyncio.Transport", transport)
        self._above.connection_made(self)
        if self.is_closing():
            return
        self._tls = self._context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(self._shared.handshake_seconds, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.BaseProtocol`."""
        if self._deadline is not None:
            self._deadline.cancel()
        # Each holds the other; breaking the circle frees both at once.
        above, self._above = self._above, _NOBODY
        above.connection_lost(exc)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's hint; all reads share one buffer
        """See `asyncio.BufferedProtocol`."""
        return self._shared.received

    def buffer_updated(self, nbytes: int) -> None:
        """See `asyncio.BufferedProtocol`."""
        if self._is_end_told or self.is_closing():
            return
        self._incoming.write(self._shared.received[:nbytes])
        if self._is_secured or self._shake_hands():
            self._read()

    def eof_received(self) -> bool:
        """See `asyncio.BufferedProtocol`."""
        if not self._is_secured:
            return False
        self._is_at_end = True
        self._read()
        return True

    def pause_writing(self) -> None:
        """See `asyncio.BaseProtocol`."""
        self._above.pause_writing()

    def resume_writing(self) -> None:
        """See `asyncio.BaseProtocol`."""
        self._above.resume_writing()

    # The transport of the connection.

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """See `asyncio.BaseTransport`; by `sslcontext` uvicorn knows that it is HTTPS."""
        return self._context if name == "sslcontext" else self._below.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """See `asyncio.BaseTransport`."""
        self._above = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """See `asyncio.BaseTransport`."""
        return self._above

    def is_closing(self) -> bool:
        """See `asyncio.BaseTransport`."""
        return self._is_closing or self._below.is_closing()

    def close(self) -> None:
        """See `asyncio.BaseTransport`."""
        if not self.is_closing():
            self._say_end()
            self._is_closing = True
            self._below.close()

    def abort(self) -> None:
        """See `asyncio.WriteTransport`."""
        self._is_closing = True
        self._below.abort()

    def pause_reading(self) -> None:
        """See `asyncio.ReadTransport`."""
        self._is_paused = True
        if not self._is_at_end and not self.is_closing():
            self._below.pause_reading()

    def resume_reading(self) -> None:
        """See `asyncio.ReadTransport`."""
        self._is_paused = False
        if not self._is_at_end and not self.is_closing():
            self._below.resume_reading()
        # What was read before the pause is not told within the call that ends it, as of a plain transport.
        asyncio.get_running_loop().call_soon(self._read)

    def is_reading(self) -> bool:
        """See `asyncio.ReadTransport`."""
        return not (self._is_paused or self.is_closing())

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """See `asyncio.WriteTransport`; the bytes are those of TLS."""
        self._below.set_write_buffer_limits(high, low)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """See `asyncio.WriteTransport`."""
        return self._below.get_write_buffer_limits()

    def get_write_buffer_size(self) -> int:
        """See `asyncio.WriteTransport`; the bytes are those of TLS."""
        return self._below.get_write_buffer_size()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """See `asyncio.WriteTransport`."""
        if self._is_ended or self.is_closing():
            return
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._tls.write(rest[:WRITE_BYTES]) :]
                self._flush()
        except ssl.SSLError as error:
            self._break_off(error)

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        """See `asyncio.WriteTransport`. Each write is a record and a call of the system, so small ones are joined."""
        waiting: list[bytes | bytearray | memoryview] = []
        size = 0
        for data in list_of_data:
            waiting.append(data)
            size += len(data)
            if size >= WRITE_BYTES:
                self.write(b"".join(waiting))
                waiting.clear()
                size = 0
        self.write(b"".join(waiting))

    def can_write_eof(self) -> bool:
        """See `asyncio.WriteTransport`."""
        return True

    def write_eof(self) -> None:
        """See `asyncio.WriteTransport`. The client may go on sending, and is still read."""
        if not self.is_closing():
            self._say_end()
            self._below.write_eof()

    # Between both.

    def _shake_hands(self) -> bool:
        """Go on with the handshake; true once it is done."""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return False
        except ssl.SSLError as error:
            if error.reason in _PLAIN_HTTP:
                self._below.write(_ANSWERED_PLAINLY)
            self._break_off(error)
            return False
        self._is_secured = True
        if self._deadline is not None:
            self._deadline.cancel()
        self._flush()
        return True

    def _read(self) -> None:
        """Give the connection what has come, as long as it takes it."""
        while not (self._is_paused or self._is_end_told or self.is_closing()):
            above = self._above
            buffered = above if isinstance(above, asyncio.BufferedProtocol) else None
            room = self._shared.plain if buffered is None else cast("memoryview", buffered.get_buffer(-1))
            try:
                count = self._fill(room)
            except ssl.SSLError as error:
                self._break_off(error)
                return
            if count == 0:
                if self._is_at_end:
                    self._tell_end()
                return
            if buffered is not None:
                buffered.buffer_updated(count)
            else:
                cast("asyncio.Protocol", above).data_received(bytes(room[:count]))

    def _fill(self, room: memoryview) -> int:
        """Read into `room`; 0 if nothing has come, or nothing will."""
        count = min(len(room), len(self._kept))
        room[:count] = self._kept[:count]
        self._kept = self._kept[count:]
        try:
            while count < len(room):
                got = cast("int", self._tls.read(len(room) - count, cast("bytearray", room[count:])))
                count += got
                if not got:
                    self._is_at_end = True
                    break
        except (ssl.SSLWantReadError, ssl.SSLZeroReturnError) as none:
            # The latter is how Python tells the client's end where both have said `close_notify`.
            self._is_at_end |= isinstance(none, ssl.SSLZeroReturnError)
        return count

    def _tell_end(self) -> None:
        self._is_end_told = True
        if not cast("asyncio.Protocol", self._above).eof_received():
            self.close()

    def _say_end(self) -> None:
        """Say `close_notify`, once; what the client sends can still be read."""
        if not self._is_secured or self._is_ended:
            return
        self._is_ended = True
        # Python looks for the client's `close_notify` at once, and OpenSSL fails for good if it finds data instead.
        self._kept += self._tls.read(self._tls.pending()) if self._tls.pending() else b""
        unread = self._incoming.read()
        with suppress(ssl.SSLError):
            self._tls.unwrap()
        self._incoming.write(unread)
        self._flush()

    def _flush(self) -> None:
        if self._outgoing.pending and not self._below.is_closing():
            self._below.write(self._outgoing.read())

    def _break_off(self, error: ssl.SSLError) -> None:
        """End with the alert that OpenSSL has written, if any."""
        # At debug, since every stranger can bring it about.
        _log.debug("TLS has failed", reason=error.reason, handshake=not self._is_secured)
        self._flush()
        self._is_closing = True
        self._below.close()

    def _give_up(self) -> None:
        _log.debug("a TLS handshake took too long")
        self.abort()
