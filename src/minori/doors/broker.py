"""One connection to an MQTT broker, which hands over messages and acknowledges those that are settled."""

import asyncio
import select
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from ssl import SSLContext, SSLError, SSLSocket
from threading import Thread
from typing import Any

import structlog
from msgspec import Struct
from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from minori.config.mqtt import Broker
from minori.errors import StoreFailed, Unavailable
from minori.storage.base import Confirmation

QOS = 1
"""What is subscribed for: a message comes until it is acknowledged."""

PACKET_BYTES = 2_097_152
"""The largest packet that the broker may send: twice the largest payload there is (our choice)."""

ANSWER_SECONDS = 10.0
"""How long the broker may take to answer (our choice)."""

QUIET_SECONDS = 0.1
"""How long the broker is listened to at the end, while it reads the last acknowledgements (our choice)."""

PACKETS = 100
"""How many packets are read before others have their turn (our choice)."""

RETRY_SECONDS = 0.1
"""After what time a message that cannot be stored is offered again (our choice)."""

FLUSH_SECONDS = 0.3
"""How long the last acknowledgements may take to be written at the end (our choice)."""

_FOR_EVER = 0xFFFF_FFFF
_DAY_SECONDS = 86_400
_ONLY_NEW = 1
_ADVICE = {
    0x84: "the broker must speak MQTT 5",
    0x85: "check mqtt.client_id",
    0x86: "check user and password in mqtt.url",
    0x87: "check user and password in mqtt.url, and what the broker allows that user",
    0x8E: "another client has the same name; give one of the two another mqtt.client_id",
}


_log = structlog.get_logger()


class Message(Struct, frozen=True):
    """What was published. With `comes_again` the broker keeps it until it is acknowledged (QoS 1)."""

    topic: str
    body: bytes
    content_type: str | None
    comes_again: bool


class Cause(StrEnum):
    """Why a connection is over: it broke off or never was, the broker says no, the store takes nothing, or another
    client took its name.
    """

    LOST = "lost"
    REFUSED = "refused"
    STORE = "store"


class End(Struct, frozen=True):
    """How a connection ended, for the log."""

    cause: Cause
    reason: str


class Session(Struct, frozen=True):
    """What the broker is asked for: the name it keeps messages under, for how many days (0 is for ever), and bounds."""

    client_id: str
    topic_filter: str
    days: int
    in_flight: int
    keep_alive_seconds: int


class Connection:
    """One connection, from `open` to `close`, which must follow whatever `open` did.

    `take` gets each message at once, one at a time. What it returns says when the message is stored; `None` says that
    it is refused for good, so that it is acknowledged like one that is stored. While `take` raises `Unavailable`,
    nothing more is read, so that the broker waits too, and that one message is offered again ten times a second. After
    `StoreFailed` the connection is over, and the broker sends what is not acknowledged again on the next one.

    Acknowledgements go out in the order of the messages, as the protocol has it. No message is kept here once `take`
    has taken it.
    """

    def __init__(
        self, broker: Broker, session: Session, tls: SSLContext | None, take: Callable[[Message], Confirmation | None]
    ) -> None:
        self._broker = broker
        self._session = session
        self._take = take
        self._loop = asyncio.get_running_loop()
        self.over: asyncio.Future[End] = self._loop.create_future()
        """Done when no more messages come."""
        self.was_known = False
        """Whether the broker has kept the session of an earlier connection."""
        self._subscribed: asyncio.Future[None] = self._loop.create_future()
        self._closed = asyncio.Event()
        self._waiting: deque[tuple[int, Confirmation | None]] = deque()
        self._is_taking = False
        self._is_holding = False
        self._descriptor = -1
        self._poll = select.poll()
        self._client = Client(
            CallbackAPIVersion.VERSION2, session.client_id, protocol=MQTTv5, reconnect_on_failure=False, manual_ack=True
        )
        if broker.user is not None:
            self._client.username_pw_set(broker.user, broker.password)
        if tls is not None:
            self._client.tls_set_context(tls)

    async def open(self) -> bool:
        """Connect and subscribe; whether that came about. If not, `over` says why."""
        try:
            await _on_thread(self._connect, self._cut)
        except (OSError, ValueError) as error:
            cause = Cause.REFUSED if isinstance(error, SSLError) else Cause.LOST
            self._end(cause, getattr(error, "strerror", None) or str(error))
            return False
        self._attach()
        await asyncio.wait((self._subscribed, self.over), timeout=ANSWER_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if not self._subscribed.done():
            self._end(Cause.LOST, f"the broker has not answered within {ANSWER_SECONDS:.0f} s")
        return not self.over.done()

    async def close(self, seconds: float) -> None:
        """Take no more, acknowledge what is stored within `seconds`, and disconnect; the broker keeps the rest."""
        self._is_taking = False
        try:
            if self._client.is_connected():
                self._resume()
                pending = [confirmation for _, confirmation in self._waiting if confirmation is not None]
                with suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        for confirmation in pending:
                            await confirmation.known()
                # Who hangs up on messages that are still coming may lose what he has said last.
                await asyncio.sleep(QUIET_SECONDS)
                self._client.disconnect()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._closed.wait(), FLUSH_SECONDS)
        finally:
            self._end(Cause.LOST, "closed")
            self._waiting.clear()
            self._cut()

    def _connect(self) -> None:
        """Look up the name, connect, shake hands and send the first packet, all of which block."""
        session = self._session
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # the library leaves it untyped
        properties.SessionExpiryInterval = min(session.days * _DAY_SECONDS or _FOR_EVER, _FOR_EVER)
        properties.ReceiveMaximum = session.in_flight
        properties.MaximumPacketSize = PACKET_BYTES
        broker = self._broker
        self._client.connect(
            broker.host, broker.port, session.keep_alive_seconds, clean_start=False, properties=properties
        )

    def _attach(self) -> None:
        """From now on the loop reads and writes."""
        client, connected = self._client, self._client.socket()
        if connected is None:
            self._end(Cause.LOST, "the connection broke off")
            return
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_socket_close = lambda *_: self._detach()
        client.on_socket_register_write = lambda *_: self._watch_write()
        client.on_socket_unregister_write = lambda *_: self._unwatch_write()
        self._descriptor = connected.fileno()
        self._poll.register(self._descriptor, select.POLLIN)
        self._is_taking = True
        self._watch_read()
        if client.want_write():
            self._watch_write()
        self._tick()

    def _watch_read(self) -> None:
        if self._descriptor >= 0:
            self._loop.add_reader(self._descriptor, self._read)

    def _unwatch_read(self) -> None:
        if self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)

    def _watch_write(self) -> None:
        if self._descriptor >= 0:
            self._loop.add_writer(self._descriptor, self._client.loop_write)

    def _unwatch_write(self) -> None:
        if self._descriptor >= 0:
            self._loop.remove_writer(self._descriptor)

    def _detach(self) -> None:
        self._is_taking = False
        self._unwatch_read()
        self._unwatch_write()
        self._descriptor = -1
        self._closed.set()

    def _cut(self) -> None:
        """Close the socket, if it is still open."""
        connected = self._client.socket()
        self._detach()
        if connected is not None:
            connected.close()

    def _tick(self) -> None:
        """Once a second: ask for a sign of life if there has been none for long."""
        if not self._closed.is_set():
            self._client.loop_misc()
            self._loop.call_later(1, self._tick)

    def _read(self) -> None:
        """Read until nothing is there.

        The loop tells of a socket that has failed once, and of what is left to be read there no more.
        """
        try:
            for _ in range(PACKETS):
                self._client.loop_read()
                if self._is_holding or not self._has_more():
                    return
        except Exception as error:  # noqa: BLE001 - whatever the library finds in a broken packet
            self._end(Cause.REFUSED, f"the broker sent what cannot be read ({type(error).__name__})")
        else:
            self._loop.call_soon(self._read_on)
            self._unwatch_read()

    def _read_on(self) -> None:
        if not self._is_holding:
            self._watch_read()
            self._read()

    def _has_more(self) -> bool:
        """Whether there is something to read, decrypted already or at the descriptor, be it only an error."""
        connected = self._client.socket()
        if connected is None:
            return False
        return (isinstance(connected, SSLSocket) and connected.pending() > 0) or bool(self._poll.poll(0))

    def _on_connect(self, _client: Client, _data: Any, flags: Any, code: ReasonCode, _said: Properties | None) -> None:
        if code.is_failure:
            self._refuse(code)
            return
        self.was_known = flags.session_present
        options = SubscribeOptions(QOS, retainHandling=_ONLY_NEW)
        self._client.subscribe(self._session.topic_filter, options=options)

    def _on_subscribe(
        self, _client: Client, _data: Any, _number: int, codes: list[ReasonCode], _said: Properties | None
    ) -> None:
        code = codes[0]
        if code.is_failure:
            self._refuse(code)
        elif code.value < QOS:
            self._end(Cause.REFUSED, "the broker grants QoS 0 alone, which promises nothing")
        elif not self._subscribed.done():
            self._subscribed.set_result(None)

    def _on_disconnect(
        self, _client: Client, _data: Any, flags: Any, code: ReasonCode, _said: Properties | None
    ) -> None:
        if flags.is_disconnect_packet_from_server:
            self._refuse(code)
        else:
            self._end(Cause.LOST, "the connection broke off")

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        if self._is_taking:
            self._offer(message)

    def _offer(self, message: MQTTMessage) -> None:
        try:
            confirmation = self._take(_read_message(message))
        except StoreFailed as error:
            self._end(Cause.STORE, error.message)
        except Unavailable:
            self._is_holding = True
            self._unwatch_read()
            self._loop.call_later(RETRY_SECONDS, self._offer_again, message)
        except Exception:  # noqa: BLE001 - a defect of ours must not look like the broker's
            _log.exception("mqtt message failed")
            self._end(Cause.REFUSED, "a message makes Minori fail; what failed is in the log")
        else:
            if message.qos:
                self._waiting.append((message.mid, confirmation))
            if confirmation is None:
                self._acknowledge()
            else:
                confirmation.then(self._acknowledge)

    def _offer_again(self, message: MQTTMessage) -> None:
        self._is_holding = False
        if self._is_taking:
            self._offer(message)
        if not self._is_holding:
            self._resume()

    def _resume(self) -> None:
        """Read on, first what came before; it is nothing where the connection is closed."""
        self._is_holding = False
        self._watch_read()
        self._read()

    def _acknowledge(self, confirmation: Confirmation | None = None) -> None:
        """Acknowledge what is settled, up to the first message that is not."""
        failure = None if confirmation is None else confirmation.failure
        while self._waiting and self._client.is_connected():
            number, settled = self._waiting[0]
            if settled is not None:
                if not settled.is_known:
                    break
                if settled.failure is not None:
                    self._end(Cause.STORE, str(failure or "The server stops"))
                    break
            self._waiting.popleft()
            self._client.ack(number, QOS)

    def _refuse(self, code: ReasonCode) -> None:
        advice = _ADVICE.get(code.value)
        self._end(Cause.REFUSED, f"{code}; {advice}" if advice else str(code))

    def _end(self, cause: Cause, reason: str) -> None:
        self._is_taking = False
        if not self.over.done():
            self.over.set_result(End(cause, reason))


def _read_message(message: MQTTMessage) -> Message:
    try:
        topic = message.topic
    except UnicodeDecodeError:
        topic = ""
    return Message(topic, bytes(message.payload), getattr(message.properties, "ContentType", None), message.qos > 0)


async def _on_thread(work: Callable[[], None], undo: Callable[[], None]) -> None:
    """Do what blocks on a thread that nobody waits for at the end; `undo` it if nobody waits for it any more."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def settle(error: Exception | None) -> None:
        if done.cancelled():
            undo()
        elif error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    def run() -> None:
        failure = None
        try:
            work()
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            failure = error
        with suppress(RuntimeError):  # the loop has closed
            loop.call_soon_threadsafe(settle, failure)

    Thread(target=run, name="minori-mqtt", daemon=True).start()
    await done
