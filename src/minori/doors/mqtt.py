"""The MQTT door: Minori subscribes at a broker that the operator runs."""

import asyncio
import ssl
from contextlib import suppress
from functools import partial
from time import monotonic

import structlog

from minori.config.mqtt import Mqtt, parse_broker, parse_topics
from minori.doors.broker import Cause, Connection, End, Message, Session
from minori.errors import Error, SettingsInvalid, StoreFailed, Unavailable
from minori.model.account import Coverage, account_of
from minori.model.payload import Payload
from minori.model.refusal import Origin
from minori.model.resource import Resource
from minori.observe.metrics import Metrics
from minori.service.ingest import IngestService
from minori.service.vouched import VouchedSenders
from minori.storage.base import Confirmation

DOOR = "mqtt"
"""This door in the ingest service's counts."""

FIRST_PAUSE, LAST_PAUSE = 0.25, 30.0
"""Seconds before a new connection: the first after one that lasted longer than the pause before it, otherwise twice as
long as that, at most the last (our choice)."""

_log = structlog.get_logger()


class MqttDoor:
    """Takes data entries from a broker, which the operator lets vouch for the devices that publish there.

    A message is acknowledged when it is stored, or when it is refused for good, which is counted and noted. One that
    cannot be stored now ends the connection and comes again with the next one, after a pause. The broker keeps what
    is not acknowledged in a session of its own, so that a stop of either side loses nothing.

    Shortcomings: what comes again may have been stored before, so entries may be doubled around a broken connection.
    What is published with QoS 0 comes once or never. Nobody tells a publisher why its message was refused; the log
    of refusals does. Only MQTT 5, no WebSockets, no certificate of our own.
    """

    def __init__(
        self, ingest: IngestService, senders: VouchedSenders, settings: Mqtt, metrics: Metrics, drain_seconds: float
    ) -> None:
        self._ingest = ingest
        self._senders = senders
        self._connected = metrics.mqtt_connected
        self._outcomes = metrics.mqtt_messages
        self._broker = parse_broker(settings.url)
        self._topics = parse_topics(settings.topic)
        self._account = account_of(settings.operator_id, Coverage(settings.coverage))
        self._session = Session(
            settings.client_id or f"minori-{self._account}",
            self._topics.filter,
            settings.session_days,
            settings.in_flight,
            settings.keep_alive_seconds,
        )
        self._tls = _tls(settings.ca_file) if self._broker.is_secured else None
        self._drain_seconds = drain_seconds
        self._running: asyncio.Task[None] | None = None
        self._trouble: str | None = None
        self._is_store_troubled = False
        self._was_connected = False
        self._lasted = 0.0

    def start(self) -> None:
        """Connect, and stay connected from now on."""
        self._running = asyncio.create_task(self._run())

    async def drain(self) -> None:
        """Take no more, acknowledge what is on its way to the disk, and disconnect."""
        if self._running is not None:
            self._running.cancel()
            with suppress(asyncio.CancelledError):
                await self._running

    async def _run(self) -> None:
        pause = FIRST_PAUSE
        while True:
            self._lasted = 0.0
            try:
                self._tell_trouble(await self._stay())
            except Exception:  # noqa: BLE001 - a defect of ours ends this connection, not the next one
                _log.exception("mqtt connection failed")
            if self._lasted > pause:
                pause = FIRST_PAUSE
            await asyncio.sleep(pause)
            pause = min(2 * pause, LAST_PAUSE)

    async def _stay(self) -> End:
        """One connection, until it is over."""
        connection = Connection(self._broker, self._session, self._tls, self._take)
        try:
            if not await connection.open():
                return connection.over.result()
            self._connected.set(1)
            self._tell_connected(is_known=connection.was_known)
            began = monotonic()
            end = await connection.over
            self._lasted = monotonic() - began
            return end
        finally:
            self._connected.set(0)
            await connection.close(self._drain_seconds)

    def _take(self, message: Message) -> Confirmation | None:
        """Hand a message to the ingest service; `None` if it is refused for good. Raises `Unavailable`."""
        origin = Origin(account=self._account)
        try:
            kind, name = self._topics.read(message.topic)
            origin = Origin(resource=Resource(self._account, kind, name))
            sender = self._senders.named(self._account, kind, name)
        except Error as error:
            self._ingest.refuse(DOOR, error, origin, len(message.body))
            self._refused()
            return None
        try:
            confirmation = self._ingest.accept_from(DOOR, sender, Payload(message.body, message.content_type))
        except Unavailable as error:
            # What there is no room for now is offered again here.
            is_kept = message.comes_again or not isinstance(error, StoreFailed)
            self._outcomes.labels(_not_stored(is_kept)).inc()
            raise
        except Error:
            self._refused()
            return None
        confirmation.then(partial(self._settle, message.comes_again))
        return confirmation

    def _settle(self, comes_again: bool, confirmation: Confirmation) -> None:  # noqa: FBT001 - of a partial
        if confirmation.failure is not None:
            self._outcomes.labels(_not_stored(comes_again)).inc()
            return
        self._outcomes.labels("stored").inc()
        if self._is_store_troubled:
            self._trouble, self._is_store_troubled = None, False
            _log.info("mqtt messages are stored again", broker=str(self._broker))

    def _refused(self) -> None:
        self._outcomes.labels("refused").inc()

    def _tell_connected(self, *, is_known: bool) -> None:
        """Say that the broker is back; after a trouble with the store only a message that is stored says so."""
        if self._trouble is None or self._is_store_troubled:
            if not self._was_connected:
                _log.info("mqtt subscribed", broker=str(self._broker), topic=self._session.topic_filter)
        else:
            self._trouble = None
            _log.info("mqtt broker is back", broker=str(self._broker))
        if self._was_connected and not is_known:
            _log.warning("mqtt broker has forgotten what it kept for Minori", broker=str(self._broker))
        self._was_connected = True

    def _tell_trouble(self, end: End) -> None:
        """Say what is wrong, once; what the network lacks meanwhile is the same trouble."""
        trouble = end.cause.value if end.cause in {Cause.LOST, Cause.STORE} else end.reason
        if trouble == self._trouble:
            return
        self._trouble, self._is_store_troubled = trouble, end.cause is Cause.STORE
        event = "mqtt messages wait at the broker" if self._is_store_troubled else "mqtt broker is away"
        _log.warning(event, broker=str(self._broker), reason=end.reason)


def _not_stored(is_kept: bool) -> str:  # noqa: FBT001 - a word for each
    return "postponed" if is_kept else "lost"


def _tls(ca_file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except OSError as error:
        raise SettingsInvalid(
            f"mqtt.ca_file {ca_file} holds no certificates that can be read ({error}); give a file in PEM"
        ) from error
