"""The way in: a payload and where it came from, made data entries and handed to the store."""

from asyncio import Future
from collections.abc import Callable, Sequence
from functools import partial

import structlog

from minori.codec.content import Content, classify
from minori.codec.harvestoptions import HarvestOptions
from minori.errors import EmptyPayload, Error, PayloadTooLarge, PayloadUnfit, StoreFailed
from minori.model.entry import DataEntry, EntryWrite, Written
from minori.model.payload import Payload
from minori.model.refusal import NOWHERE, Origin
from minori.model.resource import Resource
from minori.observe.metrics import Metrics
from minori.service.payloads import Item, largest, read_payload
from minori.service.refusals import Refusals
from minori.service.registry import Registry, Sender
from minori.storage.base import Confirmation, EntryStore

Stored = Future[tuple[Written, ...]]
"""Done when every entry of one payload is durable: where each of them landed."""

_log = structlog.get_logger(__name__)


class IngestService:
    """Takes payloads in, whichever door they came through.

    `clock` gives UNIX ms; `payload_bytes` is the size limit of one payload where the group says none. What is refused
    is counted, and noted in `refusals`, if there is such a log.
    """

    def __init__(
        self,
        store: EntryStore,
        registry: Registry,
        metrics: Metrics,
        clock: Callable[[], int],
        payload_bytes: int,
        refusals: Refusals | None = None,
    ) -> None:
        self._store = store
        self._registry = registry
        self._metrics = metrics
        self._clock = clock
        self._payload_bytes = payload_bytes
        self._refusals = refusals
        self._overwritten = metrics.overwritten.inc
        self._count = metrics.accepted.count
        self._lead = 0
        metrics.time_lead.set_function(lambda: self._lead)

    def options(self, address: str) -> HarvestOptions | None:
        """What is said about payloads of the device at `address`; `None` for one that may not store."""
        try:
            return self._registry.sender(address).options
        except Error:
            return None

    def largest(self, address: str) -> int:
        """The bytes of the largest payload that the device at `address` may send; whoever it is, it may be refused."""
        try:
            return self.largest_from(self._registry.sender(address))
        except Error:
            return self._payload_bytes

    def largest_from(self, sender: Sender) -> int:
        """The same for a sender that is known."""
        return largest(sender, self._payload_bytes)

    def accept(self, door: str, address: str, payload: Payload) -> Confirmation:
        """Store what the device at `address` sent; the confirmation tells when all of it is durable.

        Refuses by raising at once, and stores nothing then: `Refused`, `EmptyPayload`, `PayloadTooLarge`,
        `InvalidTimestamp`, `InvalidTime`, `InvalidBatch`, `Overloaded`, `StoreFailed`. The confirmation tells of
        `StoreFailed` alone. Nobody needs to wait for it: the entry is stored even if the sender has gone.
        """
        try:
            return self._take(door, self._registry.sender(address), payload)
        except Error as error:
            self.refuse(door, error, Origin(address, service=payload.service), len(payload.body))
            raise

    def accept_from(self, door: str, sender: Sender, payload: Payload, time: int | None = None) -> Confirmation:
        """Store what somebody vouches that `sender` sent, received at `time` (UNIX ms; now, if nobody says).

        Two payloads of one time are both kept, as those are that the server receives. Refuses as `accept` does.
        """
        try:
            return self._take(door, sender, payload, time)
        except Error as error:
            self.refuse(door, error, Origin(resource=sender.resource, service=payload.service), len(payload.body))
            raise

    def submit(
        self, resource: Resource, payload: Payload, time: int | None = None, category: str | None = None
    ) -> Stored:
        """Store what an authenticated caller sent for `resource`, at exactly `time` if given.

        What a group says of its payloads means nothing here but for the category. Refuses as `accept` does, but for
        the sender.
        """
        try:
            if not payload.body:
                raise EmptyPayload
            if len(payload.body) > self._payload_bytes:
                raise PayloadTooLarge(self._payload_bytes)
            return self._put("api", resource, category, [Item(classify(payload.body, payload.content_type), time)])
        except Error as error:
            self.refuse("api", error, Origin(resource=resource), len(payload.body))
            raise

    def record(self, door: str, resource: Resource, category: str | None, content: Content) -> Stored:
        """Store what the server itself has to tell of `resource`, at the time of receipt; no limit of size holds.

        Raises `Overloaded` and `StoreFailed` at once; the future raises `StoreFailed` alone.
        """
        try:
            return self._put(door, resource, category, [Item(content, None)])
        except Error as error:
            self.refuse(door, error, Origin(resource=resource))
            raise

    def refuse(
        self, door: str, error: Error, origin: Origin = NOWHERE, size: int | None = None, reason: str | None = None
    ) -> None:
        """Count a payload of `size` bytes that is not taken in, and note who sent it, as far as `origin` says.

        `reason` is what it counts as, if not by the name of the error.
        """
        reason = reason or type(error).__name__
        self._metrics.refused.labels(door, reason).inc()
        if self._refusals is not None:
            self._refusals.note(door, error, origin, size, reason)

    def _is_plain(self, options: HarvestOptions, payload: Payload) -> bool:
        """Whether it is one entry at its receipt, as most are: they are spared the way past all options."""
        return (
            options.time is None
            and not options.formats
            and payload.timestamp is None
            and 0 < len(payload.body) <= (options.payload_bytes or self._payload_bytes)
        )

    def _take(self, door: str, sender: Sender, payload: Payload, time: int | None = None) -> Confirmation:
        if time is None and self._is_plain(sender.options, payload):
            return self._add(door, sender, payload)
        items = read_payload(payload, sender, self._payload_bytes, partial(self._note_unfit, door))
        return _confirmed(self._put(door, sender.resource, sender.options.category, items, time))

    def _add(self, door: str, sender: Sender, payload: Payload) -> Confirmation:
        now = self._clock()
        content = classify(payload.body, payload.content_type)
        entry = DataEntry(sender.resource, now, content.text, content.content_type, sender.options.category)
        written, confirmation = self._store.add(EntryWrite(entry, now, False, content.attribute_names))
        self._count(door)
        self._lead = written.time - now
        return confirmation

    def _put(
        self,
        door: str,
        resource: Resource,
        category: str | None,
        items: Sequence[Item],
        sent: int | None = None,
    ) -> Stored:
        received = self._clock()
        start = received if sent is None else sent
        written = self._store.put(*[_write(resource, category, item, start, received) for item in items])
        self._count(door, by=len(items))
        if items[0].time is not None:
            written.add_done_callback(self._note_overwrites)
        elif sent is None:
            written.add_done_callback(partial(self._note_lead, received))
        return written

    def _note_unfit(self, door: str, _: PayloadUnfit) -> None:
        self._metrics.unparsed.labels(door).inc()

    def _note_lead(self, received: int, written: Stored) -> None:
        if not written.cancelled() and written.exception() is None:
            self._lead = written.result()[0].time - received

    def _note_overwrites(self, written: Stored) -> None:
        if not written.cancelled() and written.exception() is None:
            self._overwritten(sum(one.overwrote for one in written.result()))


def _confirmed(stored: Stored) -> Confirmation:
    confirmation = Confirmation()
    stored.add_done_callback(lambda done: confirmation.settle(_failure(done)))
    return confirmation


def _failure(done: Stored) -> Error | None:
    if done.cancelled():
        return StoreFailed("The server stopped before the payload was stored")
    error = done.exception()
    if error is None or isinstance(error, Error):
        return error
    _log.error("a store raised an error that is not its own", exc_info=error)
    return StoreFailed("The payload could not be stored; the server's log says why")


def _write(resource: Resource, category: str | None, item: Item, start: int, received: int) -> EntryWrite:
    content, time = item.content, item.time
    entry = DataEntry(resource, start if time is None else time, content.text, content.content_type, category)
    return EntryWrite(entry, received, time is not None, content.attribute_names)
