"""Messages of a real MQTT broker: what is stored, what is refused and where that is told, logins, TLS, floods."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from certificates import Authority, Pair
from fault.needs import lacking
from mosquitto import IMSI, TOPIC, Workshop, until
from people import Caller, root
from serving import Server

SECRET = "zq8pay1oadzq8"
_numbers = count(1)


class Plant:
    """A broker, a Minori that is subscribed there, and a publisher, which tests share."""

    def __init__(self, workshop: Workshop) -> None:
        broker = workshop.broker()
        self.minori = workshop.minori(broker.url).start()
        self.publisher = workshop.publisher(broker)
        self.owner: Caller = root(self.minori.server)

    def settled(self, outcome: str, body: bytes | str, topic: str = TOPIC, **more: Any) -> None:
        """Publish, and return once Minori has counted it so."""
        before = self.minori.outcome(outcome)
        self.publisher.say(body, topic, **more)
        until(lambda: self.minori.outcome(outcome) == before + 1, f"one more is {outcome}")

    def newest(self, path: str = f"Subscriber/{IMSI}") -> dict[str, Any]:
        """The newest entry of a resource."""
        found: dict[str, Any] = self.owner.ask("GET", f"/data/{path}?limit=1").json[0]
        return found

    def refusal(self) -> dict[str, Any]:
        """The newest line of the log of refusals."""
        found: dict[str, Any] = self.owner.ask("GET", "/logs?limit=1").json[0]
        return found


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    workshop = Workshop(tmp_path_factory.mktemp("plant"))
    try:
        yield Plant(workshop)
    finally:
        workshop.close()


@pytest.mark.parametrize(
    ("body", "more", "stored"),
    [
        (b'{"n": 1}', {}, ('{"n": 1}', "application/json")),
        (b"warm", {}, ("warm", "text/plain")),
        (b"\xff\x00", {}, ('{"payload":"/wA="}', "application/json")),
        (b"[1]", {"content_type": "text/plain"}, ("[1]", "text/plain")),
        (b"12", {"content_type": "application/octet-stream"}, ('{"payload":"MTI="}', "application/json")),
        (b"once", {"qos": 0}, ("once", "text/plain")),
        (b"twice", {"qos": 2}, ("twice", "text/plain")),
    ],
    ids=["json", "text", "bytes", "declared", "declared binary", "qos 0", "qos 2"],
)
def test_a_message_is_stored_as_a_post_of_its_type_would_be(
    plant: Plant, body: bytes, more: dict[str, Any], stored: tuple[str, str]
) -> None:
    plant.settled("stored", body, **more)
    entry = plant.newest()
    assert (entry["content"], entry["contentType"]) == stored


def test_the_topic_names_a_sim_by_its_sim_id_and_other_devices_by_theirs(plant: Plant) -> None:
    owner, number = plant.owner, next(_numbers)
    plant.settled("stored", f"sim {number}", "harvest/Sim/8981100000000000001")
    assert plant.newest()["content"] == f"sim {number}"
    group = owner.ask("POST", "/groups", {"tags": {}, "configuration": {"SoracomHarvest": {"enabled": True}}}).json
    device = owner.ask("POST", "/devices", {"groupId": group["groupId"]}).json["device_id"]
    owner.ask("POST", f"/devices/{device}/set_group", {"groupId": group["groupId"]})
    plant.settled("stored", "inventory", f"harvest/Device/{device}")
    assert plant.newest(f"Device/{device}")["content"] == "inventory"


@pytest.mark.parametrize(
    ("topic", "body", "reason", "told"),
    [
        ("harvest/Subscriber/999999999999999", SECRET, "UnknownDevice", "No SIM is registered as 999999999999999"),
        ("harvest/LoraDevice/1122", SECRET, "UnknownDevice", "No LoRaWAN device is registered as 1122"),
        ("harvest/Toaster/1", SECRET, "InvalidParameter", "harvest/Toaster/1 names no type of a resource"),
        ("harvest/Subscriber/", SECRET, "InvalidParameter", "names no resource id"),
        (TOPIC, SECRET * 100, "PayloadTooLarge", "1024"),
        (TOPIC, "", "EmptyPayload", "The payload is empty"),
    ],
)
def test_what_is_refused_for_good_is_acknowledged_counted_and_told_in_the_log(
    plant: Plant, topic: str, body: str, reason: str, told: str
) -> None:
    plant.settled("refused", body, topic)
    assert plant.minori.metric(f'minori_payloads_refused_total{{door="mqtt",reason="{reason}"}}') >= 1
    line = plant.refusal()
    assert told in line["body"]["message"]
    assert SECRET not in json.dumps(line)
    # The next one gets through, so the broker waits for nothing.
    plant.settled("stored", "next")


def test_a_group_that_has_not_enabled_harvest_refuses_a_message_too(plant: Plant) -> None:
    owner = plant.owner
    group = owner.ask("POST", "/groups", {"tags": {}, "configuration": {}}).json["groupId"]
    device = owner.ask("POST", "/devices", {}).json["device_id"]
    owner.ask("POST", f"/devices/{device}/set_group", {"groupId": group})
    plant.settled("refused", "x", f"harvest/Device/{device}")
    assert plant.refusal()["body"]["reason"] == "HarvestDisabled"


def test_a_burst_is_stored_whole_in_order_and_takes_little_memory(plant: Plant) -> None:
    memory = "minori_process_resident_memory_bytes"
    for number in range(1000):
        plant.publisher.send(f"warm {number}")
    stored = plant.minori.outcome("stored")
    before = plant.minori.metric(memory)
    for number in range(10_000):
        plant.publisher.send(f"burst {number:05}")
    until(lambda: plant.minori.outcome("stored") >= stored + 10_000, "all are stored")
    until(lambda: plant.newest()["content"] == "burst 09999", "the last one")
    contents = [content for content in plant.minori.contents() if content.startswith("burst")]
    assert contents == [f"burst {number:05}" for number in range(10_000)]
    assert plant.minori.metric(memory) - before < 64 * 2**20


def test_a_retained_message_is_stored_when_the_subscription_is_new_and_not_again(workshop: Workshop) -> None:
    broker = workshop.broker()
    publisher, minori = workshop.publisher(broker), workshop.minori(broker.url)
    publisher.say("retained", retain=True)
    minori.start()
    until(lambda: minori.outcome("stored") == 1, "what was retained is stored")
    minori.server.restart()
    minori.wait_connected()
    publisher.say("live", retain=True)
    until(lambda: minori.outcome("stored") == 1, "what is live is stored")
    assert minori.contents() == ["retained", "live"]


def test_no_more_than_what_may_be_in_flight_is_on_its_way_and_all_of_it_is_stored(workshop: Workshop) -> None:
    broker = workshop.broker()
    minori = workshop.minori(broker.url, in_flight="1").start()
    publisher = workshop.publisher(broker)
    for number in range(100):
        publisher.send(str(number))
    until(lambda: minori.outcome("stored") == 100, "all are stored")
    # Only one at a time can have waited, so no two writes have shared a sync.
    assert minori.metric('minori_commit_entries_bucket{le="1.0"}') >= 100


def test_while_the_store_is_overloaded_messages_wait_and_none_is_lost_or_doubled(workshop: Workshop) -> None:
    broker = workshop.broker()
    minori = workshop.minori(broker.url, limits={"waiting_writes": 10}).start()
    publisher = workshop.publisher(broker)
    for number in range(100):
        publisher.send(str(number))
    until(lambda: minori.outcome("stored") >= 100, "all are stored")
    assert minori.outcome("postponed") > 0
    assert minori.contents() == [str(number) for number in range(100)]
    assert "mqtt broker is away" not in minori.server.stderr


def test_a_wrong_password_is_told_once_without_it_and_tried_until_it_is_right(workshop: Workshop) -> None:
    passwords = workshop.folder / "passwords"
    allow(passwords, "minori", "another")
    broker = workshop.broker(f"password_file {passwords}")
    minori = workshop.minori(broker.url.replace("//", f"//minori:{SECRET}%40@")).start(connected=False)
    until(lambda: "mqtt broker is away" in minori.server.stderr, "it says so")
    until(lambda: broker.log.count("not authorised") >= 3, "it goes on trying")
    (line,) = [line for line in minori.server.stderr.splitlines() if "mqtt broker is away" in line]
    assert "Not authorized; check user and password in mqtt.url" in json.loads(line)["reason"]
    broker.stop()
    allow(passwords, "minori", f"{SECRET}@")
    broker.start()
    minori.wait_connected()
    assert minori.server.stderr.count('"mqtt broker is back"') == 1
    assert SECRET not in minori.server.stderr


def allow(passwords: Path, user: str, password: str) -> None:
    if shutil.which("mosquitto_passwd") is None:
        lacking("mosquitto_passwd is missing; install it with apt-get install mosquitto")
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, user, password], check=True, capture_output=True)


def test_over_tls_a_broker_gets_nothing_until_its_certificate_is_vouched_for(workshop: Workshop) -> None:
    folder = workshop.folder
    mine, other = Authority().pair(folder), Authority().pair(folder, title="other")
    vouching = folder / "ca.pem"
    vouching.write_bytes(mine.cert.read_bytes())
    broker = workshop.broker("allow_anonymous true", *secured(mine))
    minori = workshop.minori(broker.url.replace("mqtt:", "mqtts:"), ca_file=str(vouching)).start()
    publisher = workshop.publisher(broker, str(vouching))
    for number in range(500):
        publisher.send(f"{number:04}")
    until(lambda: minori.outcome("stored") == 500, "all are stored")
    assert minori.contents() == [f"{number:04}" for number in range(500)]
    publisher.close()
    broker.stop()
    broker.configure("allow_anonymous true", *secured(other))
    broker.start()
    until(lambda: "certificate verify failed" in minori.server.stderr, "it trusts no other")
    assert "New client connected" not in broker.log


def secured(pair: Pair) -> tuple[str, str]:
    """Settings of a listener."""
    return f"certfile {pair.cert}", f"keyfile {pair.key}"


def test_messages_of_a_topic_of_ones_own_are_of_the_coverage_that_is_set(workshop: Workshop) -> None:
    broker = workshop.broker()
    minori = workshop.minori(broker.url, topic="plant/{resource_id}/type/{resource_type}/up", coverage="global").start()
    workshop.publisher(broker).say("not in this coverage", f"plant/{IMSI}/type/Subscriber/up")
    until(lambda: minori.outcome("refused") == 1, "it is refused")
    caller = root(minori.server).at("g.api.example.com")
    assert caller.ask("GET", "/logs").json[0]["resourceId"] == IMSI


def test_an_operator_that_there_is_not_stops_the_start(tmp_path: Path) -> None:
    settings = {"MINORI_MQTT_URL": "mqtt://127.0.0.1:9", "MINORI_MQTT_OPERATOR_ID": "OP0000000000"}
    with pytest.raises(AssertionError, match="there is no operator OP0000000000 here"):
        Server(tmp_path / "data", environment=settings).start()


def test_without_a_broker_nothing_that_speaks_mqtt_is_loaded() -> None:
    told = "import minori.app, sys; sys.exit('paho' in sys.modules or 'minori.doors.mqtt' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", told], check=False).returncode == 0
