"""The way in: a payload and where it came from, made a data entry and handed to the store."""

from asyncio import Future
from collections.abc import Callable
from functools import partial

from minori.codec.content import Content, classify
from minori.codec.timestamps import parse_milliseconds
from minori.errors import EmptyPayload, Error, PayloadTooLarge
from minori.model.entry import DataEntry, EntryWrite, Written
from minori.model.payload import Payload
from minori.model.resource import Resource
from minori.observe.metrics import Metrics
from minori.service.registry import Registry
from minori.storage.base import EntryStore


class IngestService:
    """Takes payloads in, whichever door they came through.

    `clock` gives UNIX ms; `payload_bytes` is the size limit of one payload.
    """

    def __init__(
        self, store: EntryStore, registry: Registry, metrics: Metrics, clock: Callable[[], int], payload_bytes: int
    ) -> None:
        self._store = store
        self._registry = registry
        self._metrics = metrics
        self._clock = clock
        self._payload_bytes = payload_bytes
        self._overwritten = metrics.overwritten.inc
        # Read when metrics are scraped: every entry changes it.
        self._lead = 0
        metrics.time_lead.set_function(lambda: self._lead)
        self._accepted: dict[str, Callable[[], None]] = {}

    def accept(self, door: str, address: str, payload: Payload) -> "Future[Written]":
        """Store what the device at `address` sent; the future is done when the entry is durable.

        Refuses by raising at once: `Refused`, `EmptyPayload`, `PayloadTooLarge`, `InvalidTimestamp`,
        `Overloaded`, `StoreFailed`. The future raises `StoreFailed` alone. Nobody needs to wait for
        it: the entry is stored even if the sender has gone.
        """
        try:
            sender = self._registry.sender(address)
            return self._store_payload(door, sender.resource, sender.category, payload, None)
        except Error as error:
            self.refuse(door, error)
            raise

    def submit(
        self, resource: Resource, payload: Payload, time: int | None = None, category: str | None = None
    ) -> "Future[Written]":
        """Store what an authenticated caller sent for `resource`, at exactly `time` if given.

        Refuses as `accept` does, but for the sender.
        """
        try:
            return self._store_payload("api", resource, category, payload, time)
        except Error as error:
            self.refuse("api", error)
            raise

    def record(self, door: str, resource: Resource, category: str | None, content: Content) -> "Future[Written]":
        """Store what the server itself has to tell of `resource`, at the time of receipt; no limit of size holds.

        Raises `Overloaded` and `StoreFailed` at once; the future raises `StoreFailed` alone.
        """
        try:
            return self._put(door, resource, category, content, None)
        except Error as error:
            self.refuse(door, error)
            raise

    def refuse(self, door: str, error: Error) -> None:
        """Count a payload that is not taken in."""
        self._metrics.refused.labels(door, type(error).__name__).inc()

    def _store_payload(
        self, door: str, resource: Resource, category: str | None, payload: Payload, time: int | None
    ) -> "Future[Written]":
        content = self._content(payload)
        if time is None and payload.timestamp is not None:
            time = parse_milliseconds(payload.timestamp)
        return self._put(door, resource, category, content, time)

    def _put(
        self, door: str, resource: Resource, category: str | None, content: Content, time: int | None
    ) -> "Future[Written]":
        received = self._clock()
        entry = DataEntry(resource, received if time is None else time, content.text, content.content_type, category)
        written = self._store.put(EntryWrite(entry, received, time is not None, content.attribute_names))
        self._count_accepted(door)
        written.add_done_callback(self._note_overwrite if time is not None else partial(self._note_lead, received))
        return written

    def _count_accepted(self, door: str) -> None:
        count = self._accepted.get(door)
        if count is None:
            count = self._accepted[door] = self._metrics.accepted.labels(door).inc
        count()

    def _content(self, payload: Payload) -> Content:
        if not payload.body:
            raise EmptyPayload
        if len(payload.body) > self._payload_bytes:
            raise PayloadTooLarge(self._payload_bytes)
        return classify(payload.body, payload.content_type)

    def _note_overwrite(self, written: "Future[Written]") -> None:
        if not written.cancelled() and written.exception() is None and written.result().overwrote:
            self._overwritten()

    def _note_lead(self, received: int, written: "Future[Written]") -> None:
        if not written.cancelled() and written.exception() is None:
            self._lead = written.result().time - received
