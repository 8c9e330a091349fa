"""A device at each door: it sends a payload, and tells what it was told."""

import asyncio
import json
import socket
import struct
import time
from abc import ABC, abstractmethod
from base64 import b64encode
from binascii import crc_hqx
from collections.abc import Mapping
from hashlib import sha256
from typing import Self

from msgspec import Struct

from minori.config.address import Endpoint

REPLY_BYTES = 1024
"""What samples of the field give `recv`."""


class Told(Struct, frozen=True):
    """What a device was told: `stored`, `refused` or `busy`, and the sentence, if there was one."""

    outcome: str
    message: str = ""


class Answer(Struct, frozen=True):
    """An HTTP answer; the names of `fields` are in lower case."""

    status: int
    reason: str
    fields: Mapping[str, str]
    body: bytes

    @property
    def message(self) -> str:
        """The sentence of an error."""
        told = json.loads(self.body)["message"]
        assert isinstance(told, str)
        return told


class Line:
    """A TCP connection whose bytes a test writes and reads as it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, endpoint: Endpoint, source: str | None = None) -> Self:
        """Connect, from the address `source` if given."""
        local = None if source is None else (source, 0)
        return cls(*await asyncio.open_connection(endpoint.host, endpoint.port, local_addr=local))

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def reply(self) -> bytes:
        """What one read returns."""
        return await self.reader.read(REPLY_BYTES)

    async def answer(self) -> Answer:
        """The next HTTP answer; `IncompleteReadError` if the connection ends first."""
        answer = await self.head()
        body = await self.reader.readexactly(int(answer.fields.get("content-length", "0")))
        return Answer(answer.status, answer.reason, answer.fields, body)

    async def head(self) -> Answer:
        """The head of the next HTTP answer, which is all of it for HEAD."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        _, status, reason = first.split(" ", 2)
        return Answer(int(status), reason, fields, b"")

    async def ended(self) -> bool:
        """Wait until the peer ends its side; true if nothing more came before, and no reset."""
        return await self.reader.read() == b""

    def finish(self) -> None:
        """Say that nothing more is sent."""
        self.writer.write_eof()

    async def close(self) -> None:
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except OSError:
            # The peer was first; either way it is closed.
            return

    def reset(self) -> None:
        """End with a reset, as a device does whose power goes."""
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class Device(ABC):
    """A sender at one door."""

    @abstractmethod
    async def send(self, body: bytes) -> None:
        """Send one payload and do not wait."""

    @abstractmethod
    async def told(self) -> Told:
        """The next outcome."""

    @abstractmethod
    async def close(self) -> None:
        """Be gone."""

    async def tell(self, body: bytes) -> Told:
        """Send one payload and wait for the outcome."""
        await self.send(body)
        return await self.told()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class BoundedDevice(Device):
    """A sender whose protocol says where a message ends, however TCP cuts it."""

    @abstractmethod
    def message(self, body: bytes) -> bytes:
        """One payload on the wire."""

    @abstractmethod
    async def write(self, data: bytes) -> None:
        """Send bytes of messages."""

    @abstractmethod
    async def end(self) -> None:
        """Say that nothing more is sent, and return once the door has ended its side."""

    async def send(self, body: bytes) -> None:
        await self.write(self.message(body))


class HttpDevice(BoundedDevice):
    """Posts as octets, so that a payload is stored as over the other doors."""

    host = "harvest.soracom.io"

    def __init__(self, line: Line) -> None:
        self._line = line

    @classmethod
    async def open(cls, endpoint: Endpoint, source: str | None = None) -> Self:
        return cls(await Line.open(endpoint, source))

    def message(self, body: bytes) -> bytes:
        return post(body, "Content-Type: application/octet-stream", host=self.host)

    async def write(self, data: bytes) -> None:
        await self._line.send(data)

    async def end(self) -> None:
        self._line.finish()
        await self._line.reader.read()

    async def told(self) -> Told:
        answer = await self._line.answer()
        if answer.status == 201:
            return Told("stored")
        return Told("busy" if answer.status == 503 else "refused", answer.message)

    async def close(self) -> None:
        await self._line.close()


class UnifiedHttpDevice(HttpDevice):
    """The same, to the Unified Endpoint."""

    host = "uni.soracom.io"


class PublishingDevice(HttpDevice):
    """An Inventory device, with its secret in the query."""

    def __init__(self, line: Line, device_id: str, secret: str) -> None:
        super().__init__(line)
        self._target = f"/v1/devices/{device_id}/publish?device_secret={secret}"

    def message(self, body: bytes) -> bytes:
        return post(body, "Content-Type: application/octet-stream", target=self._target, host="api.soracom.io")


class BeamDevice(HttpDevice):
    """A SIM behind Soracom Beam, which forwards over HTTP what the SIM sent over HTTP."""

    def __init__(self, line: Line, operator_id: str, imsi: str, key: str) -> None:
        super().__init__(line)
        self._target, self._imsi, self._key = f"/ingest/{operator_id}/beam", imsi, key

    def message(self, body: bytes) -> bytes:
        return self._signed(body, "Content-Type: application/octet-stream")

    def _signed(self, body: bytes, *fields: str) -> bytes:
        said = {"x-soracom-imsi": self._imsi, "x-soracom-timestamp": str(now())}
        text = "".join(f"{name}={value}" for name, value in said.items())
        said["x-soracom-signature"] = sha256((self._key + text).encode()).hexdigest()
        said["x-soracom-signature-version"] = "20151001"
        lines = [f"{name}: {value}" for name, value in said.items()]
        return post(body, *lines, *fields, target=self._target, host="api.soracom.io")


class WrappedBeamDevice(BeamDevice):
    """The same for what the SIM sent over TCP."""

    def message(self, body: bytes) -> bytes:
        wrapped = b'{"payload":"%b"}' % b64encode(body)
        return self._signed(wrapped, "Content-Type: application/json", "User-Agent: SORACOM Beam")


class StreamDevice(Device):
    """Sends over TCP."""

    def __init__(self, line: Line) -> None:
        self._line = line

    @classmethod
    async def open(cls, endpoint: Endpoint, source: str | None = None) -> Self:
        return cls(await Line.open(endpoint, source))

    async def send(self, body: bytes) -> None:
        await self._line.send(body)

    async def told(self) -> Told:
        return _reply(await self._line.reply())

    async def close(self) -> None:
        await self._line.close()


class FramingDevice(BoundedDevice):
    """Sends over TCP in frames of Soracom Binary Format v1; `head` is what it sends before the first."""

    def __init__(self, line: Line, head: bytes = b"") -> None:
        self._line = line
        self._head = head

    @classmethod
    async def open(cls, endpoint: Endpoint, source: str | None = None) -> Self:
        return cls(await Line.open(endpoint, source))

    def message(self, body: bytes) -> bytes:
        return frame(body)

    async def write(self, data: bytes) -> None:
        head, self._head = self._head, b""
        await self._line.send(head + data)

    async def end(self) -> None:
        self._line.finish()
        await self._line.reader.read()

    async def told(self) -> Told:
        # Replies have no end: three bytes are all of the shortest, and what follows is waited for where it must come.
        reply = await self._line.reader.readexactly(3)
        return _reply(reply if reply in (b"201", b"503") else reply + await self._line.reply())

    async def close(self) -> None:
        await self._line.close()


class BeamStreamDevice(StreamDevice):
    """A SIM behind Soracom Beam, which forwards over TCP: a first line, then what the SIM sends."""

    def __init__(self, line: Line, head: bytes) -> None:
        super().__init__(line)
        self._head = head

    async def send(self, body: bytes) -> None:
        head, self._head = self._head, b""
        await super().send(head + body)


class DatagramDevice(Device):
    """Sends over UDP."""

    def __init__(self, opened: socket.socket, endpoint: Endpoint) -> None:
        self._socket = opened
        self._to = (endpoint.host, endpoint.port)

    @classmethod
    async def open(cls, endpoint: Endpoint, source: str | None = None) -> Self:
        opened = socket.socket(socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET, socket.SOCK_DGRAM)
        opened.setblocking(False)
        opened.bind((source or endpoint.host, 0))
        return cls(opened, endpoint)

    async def send(self, body: bytes) -> None:
        self._socket.sendto(body, self._to)

    async def told(self) -> Told:
        return _reply(await self.reply())

    async def reply(self) -> bytes:
        """The next datagram."""
        return await asyncio.get_running_loop().sock_recv(self._socket, REPLY_BYTES)

    async def close(self) -> None:
        self._socket.close()


def _reply(reply: bytes) -> Told:
    word, _, message = reply.decode().partition(" ")
    return Told({"201": "stored", "400": "refused", "503": "busy"}[word], message)


def now() -> int:
    """UNIX ms."""
    return time.time_ns() // 1_000_000


def first_line(key: str, imsi: str, sent: int | None = None) -> bytes:
    """What Beam begins a connection with, sent now unless said otherwise."""
    said = f"imsi={imsi} timestamp={now() if sent is None else sent}"
    return f"{said};signature={sha256((key + said).encode()).hexdigest()} version=20151001\n".encode()


def frame(body: bytes) -> bytes:
    """A body in its frame."""
    framed = len(body).to_bytes(2) + body
    return framed + crc_hqx(framed, 0xFFFF).to_bytes(2)


def post(body: bytes, *fields: str, target: str = "/", host: str = "harvest.soracom.io") -> bytes:
    """A request with a `Content-Length` and further header lines."""
    lines = [f"POST {target} HTTP/1.1", f"Host: {host}", *fields, f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
