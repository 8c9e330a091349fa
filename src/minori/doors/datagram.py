"""The UDP door: one datagram, one data entry, one reply to where it came from."""

import asyncio
import re
import socket
import struct
from contextlib import suppress
from functools import partial

from minori.codec.content import OCTETS
from minori.codec.harvestoptions import UnifiedResponse
from minori.config.address import Endpoint
from minori.config.settings import Limits
from minori.doors.route import service_of
from minori.doors.sockets import bound, peer_address, receive
from minori.doors.unified import reply, response_at
from minori.errors import Error, Unavailable
from minori.model.payload import Payload
from minori.model.refusal import Service
from minori.observe.metrics import Metrics
from minori.service.ingest import IngestService
from minori.storage.base import Confirmation

DOOR = "udp"
"""This door in the ingest service's counts."""

BATCH = 64
"""Datagrams read before the loop turns to others."""

LONGEST = 65_535
"""No datagram is longer, whatever the size limit is."""

LAST_BATCHES = 256
"""Batches read at most when the door drains: more than the receive buffer holds, and an end under a flood."""

COUNT_SECONDS = 1.0
"""How often the system is asked how many datagrams it had no room for."""

_SO_MEMINFO = 55
_MEMINFO = struct.Struct("=9I")
_DROPS = 8
_OUR_WORDS = re.compile(rb'(?:201|503|400 .*|\{"result":"(?:ok|ng)","detail":\{"harvest":.*)\Z', re.DOTALL)


_Asker = tuple[UnifiedResponse | None, tuple[str, int] | None]
"""The form of the reply that a device wants, and where it goes, if anywhere."""


class DatagramDoor:
    """Takes data entries over UDP. Used on the loop that `serve` runs on.

    `name` is the metric label. Replies are those of the TCP door; at the Unified Endpoint, which `name` tells, a
    group may want others. A datagram is binary, whatever it looks like (documented). One that cannot be taken is
    counted: `Overloaded` and `StoreFailed` by that name, those that the system had no room for as `buffer_full`
    (where Linux tells).

    A datagram that reads like a reply (`201`, `503`, `400 ` and anything, or the answer for all services) is stored
    as any other and gets no reply (our choice): one forged source would else set two doors answering each other for
    ever.

    Shortcomings: UDP proves no source address, and whoever can forge one stores in its name; keep the
    door within a network that prevents that. A reply may be lost like any datagram, and a sender that
    repeats its message stores it twice. A forged source makes the door reply to a stranger, with at
    most one short datagram for each it gets; a stranger that answers every reply in words of its own
    keeps the exchange going, and so do two servers whose groups want answers of their own. A device that
    really sends `201` is not told that it was stored. A host with several addresses may reply from another
    one than was asked, unless the door is bound to one.
    """

    def __init__(self, name: str, ingest: IngestService, limits: Limits, metrics: Metrics) -> None:
        self.name = name
        self._ingest = ingest
        self._service = service_of(name)
        self._limits = limits
        self._metrics = metrics
        self._buffer = memoryview(bytearray(LONGEST))
        self._under_way = 0
        self._no_room = 0
        self._quiet = asyncio.Event()

    async def start(self, endpoint: Endpoint) -> None:
        """Receive at `endpoint` until `drain`; `ListenFailed` if nothing can be bound there."""
        self.serve(receive(endpoint))

    def serve(self, opened: socket.socket) -> None:
        """Receive until `drain` what comes to a bound socket, which is now this door's."""
        self._loop = asyncio.get_running_loop()
        self._socket = opened
        self.endpoint = bound(opened)
        self._loop.add_reader(opened, self._read_batch)
        self._watch_room()

    async def drain(self) -> None:
        """Take what has come so far and no more; return once all of it has its reply, or after `drain_seconds`.

        To drain twice does no harm.
        """
        if self._socket.fileno() < 0:
            return
        self._loop.remove_reader(self._socket)
        self._timer.cancel()
        for _ in range(LAST_BATCHES):
            if not self._read_batch():
                break
            # The store is given the chance to confirm, or its queue would overflow.
            await asyncio.sleep(0)
        self._quiet.clear()
        if self._under_way:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._limits.drain_seconds):
                    await self._quiet.wait()
        self._count_no_room()
        self._socket.close()

    def _read_batch(self) -> bool:
        """Take a batch of what has come; whether there may be more."""
        buffer = self._buffer
        arrived: list[tuple[bytes, tuple[str, int]]] = []
        is_last = False
        for _ in range(BATCH):
            try:
                count, peer = self._socket.recvfrom_into(buffer)
            except BlockingIOError:
                is_last = True
                break
            except OSError:
                # An earlier reply met a closed port; the error is told here, and the next datagram may be well.
                continue
            arrived.append((bytes(buffer[:count]), peer))
        if arrived:
            self._take(arrived)
        return not is_last

    def _take(self, arrived: list[tuple[bytes, tuple[str, int]]]) -> None:
        """Hand a batch on; those that are confirmed together are told together."""
        told: dict[Confirmation, list[_Asker]] = {}
        for body, peer in arrived:
            address = peer_address(peer[0])
            response = response_at(self._ingest, address) if self._service is Service.UNIFIED else None
            asker = response, None if _OUR_WORDS.match(body) else peer
            try:
                confirmation = self._ingest.accept(DOOR, address, Payload(body, OCTETS, service=self._service))
            except Error as error:
                self._reply(error, *asker)
            else:
                told.setdefault(confirmation, []).append(asker)
        for confirmation, askers in told.items():
            self._under_way += len(askers)
            confirmation.then(partial(self._confirm, askers))

    def _confirm(self, askers: list[_Asker], confirmation: Confirmation) -> None:
        self._under_way -= len(askers)
        for response, to in askers:
            self._reply(confirmation.failure, response, to)
        if not self._under_way:
            self._quiet.set()

    def _reply(self, error: Error | None, response: UnifiedResponse | None, to: tuple[str, int] | None) -> None:
        if isinstance(error, Unavailable):
            self._metrics.datagram_dropped(self.name, type(error).__name__)
        told = reply(error, response)
        # A group may want its devices to be told nothing.
        if to is not None and told:
            # The sender may have gone, or its network; a reply is worth one attempt.
            with suppress(OSError):
                self._socket.sendto(told, to)

    def _watch_room(self) -> None:
        self._timer = self._loop.call_later(COUNT_SECONDS, self._watch_room)
        self._count_no_room()

    def _count_no_room(self) -> None:
        # Only Linux tells, from 4.12 on.
        with suppress(OSError, struct.error):
            told = _MEMINFO.unpack(self._socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size))[_DROPS]
            self._metrics.datagrams_dropped.labels(self.name, "buffer_full").inc((told - self._no_room) & 0xFFFF_FFFF)
            self._no_room = told
