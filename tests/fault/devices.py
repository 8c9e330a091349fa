"""Devices that send over each door and keep a journal: what was sent, what was confirmed, what must be stored."""

import socket
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from enum import StrEnum
from itertools import count
from threading import Condition, Thread

import httpx
import msgspec
from msgspec import Struct

from serving import Server

IMSI = "001010000000001"
"""The demo SIM's."""

CONFIRMED = b"201"
LOOK_SECONDS = 0.05
LOOKS = 400
"""How often a device looks for its answer, that long at a time."""


class Door(StrEnum):
    """The three ways in."""

    HTTP = "http"
    STREAM = "stream"
    DATAGRAM = "datagram"


class Sent(Struct, frozen=True):
    """One payload; `value` is unique and stands in `body`."""

    value: str
    door: Door
    body: bytes

    @property
    def stored(self) -> tuple[str, str]:
        """The content and content type it is stored as."""
        if self.door is Door.HTTP:
            return self.body.decode(), "application/json"
        return f'{{"payload":"{self.kept}"}}', "application/json"

    @property
    def kept(self) -> str:
        """What of it a file of the entry store shows."""
        return self.value if self.door is Door.HTTP else b64encode(self.body).decode()


def payload(door: Door, value: str, padding: int = 0) -> Sent:
    """A payload for `door` around `value`, with `padding` bytes more."""
    if door is Door.HTTP:
        return Sent(value, door, msgspec.json.encode({"value": value, "padding": "=" * padding}))
    return Sent(value, door, f"{value} {'=' * padding}".encode())


class Stored(Struct, frozen=True, rename="camel"):
    """A data entry as the API shows it."""

    time: int
    content: str
    content_type: str

    @property
    def value(self) -> str:
        """The unique part of what was sent."""
        content = msgspec.json.decode(self.content, type=dict[str, str])
        return content["value"] if "value" in content else b64decode(content["payload"]).split()[0].decode()


class Device:
    """A device on one connection, or one UDP port, with at most one message under way."""

    def __init__(self, server: Server, door: Door) -> None:
        kind = socket.SOCK_DGRAM if door is Door.DATAGRAM else socket.SOCK_STREAM
        self._socket = socket.socket(socket.AF_INET, kind)
        self._socket.settimeout(LOOK_SECONDS)
        self._waits = True
        self._socket.connect(server.door_http if door is Door.HTTP else server.door_stream)
        self._door = door
        self._unread = b""
        self.address = (door is Door.DATAGRAM, int(self._socket.getsockname()[1]))
        """Whether it is UDP, and its own port."""

    def send(self, body: bytes) -> bytes:
        """Send one message; the three digits of the answer. `OSError` if none comes."""
        if self._door is not Door.HTTP:
            self._socket.sendall(body)
            return self._receive()[:3]
        head = b"POST / HTTP/1.1\r\nHost: harvest\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        self._socket.sendall(head % len(body) + body)
        return self._answer()

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def give_up(self) -> None:
        """Let a waiting thread wait no more; nobody tells it that a datagram died with its receiver."""
        self._waits = False

    def _answer(self) -> bytes:
        while b"\r\n\r\n" not in self._unread:
            self._unread += self._receive()
        head, _, self._unread = self._unread.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:])
        length = int(fields[b"content-length"])
        while len(self._unread) < length:
            self._unread += self._receive()
        self._unread = self._unread[length:]
        return head.split(b" ", 2)[1]

    def _receive(self) -> bytes:
        for _ in range(LOOKS):
            with suppress(TimeoutError):
                data = self._socket.recv(65536)
                if not data:
                    raise ConnectionResetError("the server hung up")
                return data
            if not self._waits:
                break
        raise TimeoutError("no answer came")


class Journal:
    """What was sent over which connection, in order, and which of it was confirmed."""

    def __init__(self) -> None:
        self.sent: dict[str, Sent] = {}
        self.confirmed: set[str] = set()
        self.connections: dict[tuple[bool, int], list[str]] = {}
        self._grown = Condition()

    def send(self, device: Device, sent: Sent) -> bytes:
        """Send it, and note what becomes of it; the three digits of the answer, `OSError` if none comes."""
        self.sent[sent.value] = sent
        self.connections.setdefault(device.address, []).append(sent.value)
        answer = device.send(sent.body)
        if answer == CONFIRMED:
            with self._grown:
                self.confirmed.add(sent.value)
                self._grown.notify_all()
        return answer

    def wait(self, confirmations: int) -> None:
        """Return once that many are confirmed in all."""
        with self._grown:
            assert self._grown.wait_for(lambda: len(self.confirmed) >= confirmations, 60), "writing stalled"

    def check(self, stored: Iterable[Stored], must: set[str] | None = None) -> None:
        """Fail if what is stored was never sent, differs or is doubled, or if what was confirmed is missing.

        `must` takes the place of all that was confirmed.
        """
        found = Counter[str]()
        for entry in stored:
            assert entry.value in self.sent, f"{entry.value} is stored and was never sent"
            assert (entry.content, entry.content_type) == self.sent[entry.value].stored
            found[entry.value] += 1
        assert [value for value, times in found.items() if times > 1] == [], "these are stored twice"
        lost = (self.confirmed if must is None else must) - set(found)
        assert not lost, f"{len(lost)} confirmed payloads are lost, among them {sorted(lost)[:5]}"


class Writer(Thread):
    """Sends payloads of many sizes through one door until the server is gone."""

    def __init__(self, server: Server, door: Door, journal: Journal, label: str) -> None:
        super().__init__(name=f"writer {label}")
        self._door, self._journal, self._label = door, journal, label
        self._device = Device(server, door)

    def run(self) -> None:
        """Send, one payload at a time."""
        with suppress(OSError):
            for number in count():
                size = SIZES[number % len(SIZES)]
                self._journal.send(self._device, payload(self._door, f"{self._label}n{number}", size))
        self._device.close()

    def end(self) -> None:
        """Return once no more is sent; the server is gone."""
        self._device.give_up()
        self.join()


DOORS = (Door.HTTP, Door.HTTP, Door.HTTP, Door.STREAM, Door.STREAM, Door.STREAM, Door.DATAGRAM, Door.DATAGRAM)
"""The doors of eight writers."""


SIZES = (0, 900, 20, 0, 200, 900, 50)
"""How much padding the payloads of a writer carry, in turn."""


def start_writers(server: Server, journal: Journal, label: str) -> list[Writer]:
    """Eight writers at work, whose values begin with `label`."""
    writers = [Writer(server, door, journal, f"{label}w{number}") for number, door in enumerate(DOORS)]
    for writer in writers:
        writer.start()
    return writers


def count_writes(server: Server, headers: dict[str, str]) -> int:
    """How many writes of the demo SIM the statistics know, over all time."""
    query = {"period": "month", "from": "0", "to": "253402300799"}
    target = f"{server.url}/v1/stats/harvest/subscribers/{IMSI}"
    months = httpx.get(target, headers=headers, params=query, timeout=30).raise_for_status().json()
    return sum(month["harvestStatsMap"]["write"]["count"] for month in months)


def read_all(server: Server, headers: dict[str, str], since: int = 0) -> list[Stored]:
    """Every entry of the demo SIM from `since` (UNIX ms) on, oldest first, page by page."""
    stored: list[Stored] = []
    query = {"from": str(since), "sort": "asc", "limit": "1000"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=30) as client:
        while True:
            answer = client.get(f"/v1/data/Subscriber/{IMSI}", params=query).raise_for_status()
            stored += msgspec.json.decode(answer.content, type=list[Stored])
            if "x-soracom-next-key" not in answer.headers:
                return stored
            query["last_evaluated_key"] = answer.headers["x-soracom-next-key"]
