"""The MQTT door beside a real broker, with a store that can be slow or broken: when it acknowledges, and when not."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from paho.mqtt.client import Client
from structlog.testing import capture_logs

from doorway import IMSI, KNOWN, OPERATOR, House, house, run, until
from minori.config.mqtt import Mqtt
from minori.doors.broker import Connection
from minori.doors.mqtt import MqttDoor
from minori.errors import SettingsInvalid
from mosquitto import Mosquitto, Publisher, Workshop

TOPIC = f"harvest/Subscriber/{IMSI[KNOWN]}"


@pytest.fixture
def broker(workshop: Workshop) -> Mosquitto:
    return workshop.broker()


@pytest.fixture
def publisher(workshop: Workshop, broker: Mosquitto) -> Publisher:
    return workshop.publisher(broker)


@asynccontextmanager
async def door(h: House, broker: Mosquitto, drain_seconds: float = 5, **settings: str) -> AsyncIterator[MqttDoor]:
    """A door that is subscribed, and drained at the end."""
    told = Mqtt(url=broker.url, operator_id=OPERATOR, **settings)  # type: ignore[arg-type]  # texts, all of them
    opened = MqttDoor(h.ingest, h.vouched, told, h.metrics, drain_seconds)
    opened.start()
    try:
        await until(lambda: h.metric("minori_mqtt_connected") == 1)
        yield opened
    finally:
        await opened.drain()


def settled(h: House, outcome: str) -> float:
    return h.metric("minori_mqtt_messages_total", outcome=outcome)


def test_a_message_that_is_not_stored_yet_is_not_acknowledged_and_comes_again(
    broker: Mosquitto, publisher: Publisher
) -> None:
    async def main() -> None:
        async with house() as h:
            h.store.held = True
            async with door(h, broker, drain_seconds=0):
                publisher.send("first", TOPIC)
                publisher.send("second", TOPIC)
                await h.store.arrived(2)
            assert settled(h, "stored") == 0
            async with door(h, broker):
                await h.store.arrived(4)
                h.store.release()
                await until(lambda: settled(h, "stored") == 4)
            # They have been acknowledged: nothing comes any more before what is new.
            async with door(h, broker):
                publisher.send("third", TOPIC)
                await h.store.arrived(1)
                h.store.release()
            assert await h.contents() == ["first", "second", "first", "second", "third"]

    run(main())


def test_a_stop_acknowledges_what_is_on_its_way_to_the_disk(broker: Mosquitto, publisher: Publisher) -> None:
    async def main() -> None:
        async with house() as h:
            h.store.held = True
            async with door(h, broker) as stopping:
                for number in range(100):
                    publisher.send(str(number), TOPIC)
                await h.store.arrived(100)
                drained = asyncio.create_task(stopping.drain())
                await asyncio.sleep(0.5)
                h.store.release()
                await drained
            h.store.held = False
            async with door(h, broker):
                publisher.send("last", TOPIC)
                await until(lambda: settled(h, "stored") == 101)
            assert await h.contents() == [*map(str, range(100)), "last"]

    run(main())


def test_a_refused_message_behind_one_that_waits_is_acknowledged_after_it(
    broker: Mosquitto, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    acknowledged: list[int] = []
    real = Client.ack

    def ack(client: Client, number: int, qos: int) -> object:
        acknowledged.append(number)
        return real(client, number, qos)

    monkeypatch.setattr(Client, "ack", ack)

    async def main() -> None:
        async with house() as h:
            h.store.held = True
            async with door(h, broker):
                publisher.send("waits", TOPIC)
                publisher.send("refused", "harvest/Subscriber/9")
                await until(lambda: settled(h, "refused") == 1)
                assert acknowledged == []
                h.store.release()
                await until(lambda: len(acknowledged) == 2)
                assert acknowledged == sorted(acknowledged)

    run(main())


@pytest.mark.parametrize("when", ["at once", "later"])
def test_a_store_that_failed_gets_no_acknowledgement_is_told_once_and_is_not_pestered(
    broker: Mosquitto, publisher: Publisher, when: str
) -> None:
    async def main() -> None:
        async with house() as h:
            h.store.broken, h.store.held = when == "at once", when == "later"
            with capture_logs() as logs:
                async with door(h, broker):
                    publisher.send("kept", TOPIC)
                    if when == "later":
                        await h.store.arrived()
                        h.store.held, h.store.broken = False, True
                        h.store.fail()
                    await asyncio.sleep(0.5)
                    assert 1 <= settled(h, "postponed") <= 3
                    h.store.broken = False
                    await until(lambda: settled(h, "stored") == 1)
            told = [one["event"] for one in logs if one["event"].startswith("mqtt messages")]
            assert told == ["mqtt messages wait at the broker", "mqtt messages are stored again"]
            assert "kept" in await h.contents()

    run(main())


def test_what_the_store_cannot_take_now_is_taken_as_soon_as_it_can_and_nothing_overtakes_it(
    broker: Mosquitto, publisher: Publisher
) -> None:
    async def main() -> None:
        async with house() as h:
            h.store.full = True
            async with door(h, broker):
                for number in range(20):
                    publisher.send(str(number), TOPIC, number % 2)
                await until(lambda: settled(h, "postponed") > 2)
                h.store.full = False
                await until(lambda: settled(h, "stored") == 20)
                assert settled(h, "lost") == 0
            assert await h.contents() == [str(number) for number in range(20)]

    run(main())


def test_what_a_failed_store_loses_of_qos_0_is_counted(broker: Mosquitto, publisher: Publisher) -> None:
    async def main() -> None:
        async with house() as h:
            h.store.broken = True
            async with door(h, broker):
                publisher.send("once", TOPIC, 0)
                await until(lambda: settled(h, "lost") == 1)

    run(main())


def test_a_stop_while_a_message_cannot_be_stored_leaves_it_at_the_broker(
    broker: Mosquitto, publisher: Publisher
) -> None:
    async def main() -> None:
        async with house() as h:
            h.store.full = True
            async with door(h, broker):
                publisher.send("kept", TOPIC)
                await until(lambda: settled(h, "postponed") > 0)
            h.store.full = False
            async with door(h, broker):
                await until(lambda: settled(h, "stored") == 1)

    run(main())


def test_a_defect_of_minoris_own_is_told_with_its_traceback_and_loses_nothing(
    broker: Mosquitto, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with house() as h:
            with capture_logs() as logs:
                async with door(h, broker):
                    with monkeypatch.context() as broken:
                        broken.setattr(h.ingest, "_clock", None)
                        publisher.send("kept", TOPIC)
                        await until(lambda: any("exc_info" in one for one in logs))
                    await until(lambda: settled(h, "stored") == 1)

    run(main())


def test_what_a_broker_sent_before_its_connection_broke_is_stored() -> None:
    """A loop tells of a connection that was reset once, however much of it there is to be read."""
    packets = b"\x20\x03\x00\x00\x00" + b"\x90\x04\x00\x01\x00\x01"

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(packets + b"".join(published(number) for number in range(1, 51)))
        await writer.drain()
        # What came is left unread, so the connection is reset.
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.close()

    async def main() -> None:
        peer = await asyncio.start_server(speak, "127.0.0.1", 0)
        async with house() as h, peer:
            told = Mqtt(url=f"mqtt://127.0.0.1:{peer.sockets[0].getsockname()[1]}", operator_id=OPERATOR)
            opened = MqttDoor(h.ingest, h.vouched, told, h.metrics, 5)
            opened.start()
            await until(lambda: settled(h, "stored") >= 100)
            await opened.drain()

    run(main())


def published(number: int) -> bytes:
    """A message of QoS 1."""
    topic = TOPIC.encode()
    rest = len(topic).to_bytes(2) + topic + number.to_bytes(2) + b"\x00" + b"%d" % number
    return bytes([0x32, len(rest)]) + rest


def test_a_connection_that_a_defect_ended_is_followed_by_another(
    broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with house() as h:
            opened = MqttDoor(h.ingest, h.vouched, Mqtt(url=broker.url, operator_id=OPERATOR), h.metrics, 5)
            with capture_logs() as logs:
                with monkeypatch.context() as broken:
                    broken.setattr(Connection, "_attach", None)
                    opened.start()
                    await until(lambda: any("exc_info" in one for one in logs))
                await until(lambda: h.metric("minori_mqtt_connected") == 1)
            await opened.drain()

    run(main())


def test_a_stop_does_not_wait_for_a_broker_that_does_not_answer() -> None:
    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def main() -> None:
        deaf = await asyncio.start_server(listen, "127.0.0.1", 0)
        async with house() as h, deaf:
            port = deaf.sockets[0].getsockname()[1]
            told = Mqtt(url=f"mqtt://127.0.0.1:{port}", operator_id=OPERATOR)
            opened = MqttDoor(h.ingest, h.vouched, told, h.metrics, 5)
            opened.start()
            await asyncio.sleep(0.1)
            async with asyncio.timeout(1):
                await opened.drain()

    run(main())


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x20\x03\x00\x00\xff",
        b"\x20\x02\x00\x01",
        b"\x30\x02\x00\x09",
        b"\xff" * 99,
    ],
    ids=["http", "connack cut short", "mqtt 3 alone", "publish cut short", "noise"],
)
def test_a_peer_that_speaks_something_else_is_told_and_breaks_nothing(answer: bytes) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(answer)
        await writer.drain()
        writer.close()

    async def main() -> None:
        peer = await asyncio.start_server(speak, "127.0.0.1", 0)
        async with house() as h, peer:
            told = Mqtt(url=f"mqtt://127.0.0.1:{peer.sockets[0].getsockname()[1]}", operator_id=OPERATOR)
            opened = MqttDoor(h.ingest, h.vouched, told, h.metrics, 5)
            with capture_logs() as logs:
                opened.start()
                await until(lambda: any(one["event"] == "mqtt broker is away" for one in logs))
                await opened.drain()
            assert h.metric("minori_mqtt_connected") == 0

    run(main())


def test_a_file_of_certificates_that_cannot_be_read_is_told_at_the_start(tmp_path: Path) -> None:
    async def main() -> None:
        async with house() as h:
            told = Mqtt(url="mqtts://localhost", operator_id=OPERATOR, ca_file=str(tmp_path / "none.pem"))
            with pytest.raises(SettingsInvalid, match=r"none\.pem holds no certificates that can be read"):
                MqttDoor(h.ingest, h.vouched, told, h.metrics, 5)

    run(main())
