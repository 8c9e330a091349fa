"""Others bring in what devices send: Soracom Beam over HTTP and TCP, and the servers of LoRaWAN and Sigfox networks."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from hashlib import sha256
from itertools import count
from typing import Any

import pytest

from people import SECONDS, Caller, log_in, minori, other_operator, root
from serving import Server
from unit.codec.test_webhooks import CHIRPSTACK, THINGS
from wire.asking import Reply, ask

IMSI, SIM_ID = "001010000000001", "8981100000000000001"
ENABLED = {"SoracomHarvest": {"enabled": True}}
_numbers = count(1)


def signed(key: str, **headers: str) -> dict[str, str]:
    """Beam's headers (`imsi` for `X-Soracom-Imsi`) with the signature of a key, of now unless they say a time."""
    told = {f"x-soracom-{name.replace('_', '-')}": value for name, value in headers.items()}
    told.setdefault("x-soracom-timestamp", str(time.time_ns() // 1_000_000))
    text = "".join(f"{name}={told[name]}" for name in sorted(told))
    told["x-soracom-signature"] = sha256((key + text).encode()).hexdigest()
    told["x-soracom-signature-version"] = "20151001"
    return told


class Feeder:
    """The demo operator's way in."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.owner = root(server)
        self.key = self.owner.ask("POST", "/minori/beam_keys", {"description": "plant"}).json["beamKey"]
        self.token = self.owner.ask("POST", "/minori/ingest_tokens", {"description": "farm"}).json["ingestToken"]
        self.group = self.owner.ask("POST", "/groups", {"tags": {}, "configuration": ENABLED}).json["groupId"]

    def beam(self, body: bytes, headers: dict[str, str], operator: str | None = None, **more: str) -> Reply:
        """What Beam sends."""
        path = f"/ingest/{operator or self.owner.operator_id}/beam"
        sent = {"User-Agent": "SORACOM Beam", "Content-Type": "application/json", **headers}
        return ask(
            self.server, "POST", path, sent | {name.replace("_", "-"): value for name, value in more.items()}, body
        )

    def tell(self, network: str, message: Any, query: str = "", token: str | None = None) -> Reply:
        """What a network server sends."""
        path = f"/ingest/{self.owner.operator_id}/{network}{query}"
        headers = {
            "Content-Type": "application/json",
            "Authorization": f"Bearer {self.token if token is None else token}",
        }
        return ask(self.server, "POST", path, headers, json.dumps(message).encode())

    def newest(self, kind: str, name: str, number: int = 1) -> list[Any]:
        """The newest entries of a resource."""
        entries: list[Any] = self.owner.ask("GET", f"/data/{kind}/{name}?limit={number}").json
        return entries

    def register(self, kind: str, name: str) -> None:
        """A device in the group that has enabled Harvest Data."""
        body = {"registrationSecret": "x", "groupId": self.group}
        assert self.owner.ask("POST", f"/{kind}/{name}/register", body).status in (201, 400)


@pytest.fixture(scope="module")
def feeder(server: Server) -> Feeder:
    return Feeder(server)


def test_what_beam_signs_is_stored_for_the_sim_at_the_time_beam_sent_it(feeder: Feeder) -> None:
    now = str(time.time_ns() // 1_000_000)
    reply = feeder.beam(b'{"t": 1}', signed(feeder.key, imsi=IMSI, timestamp=now))
    assert (reply.status, reply.body) == (201, b"")
    entry = feeder.owner.ask("GET", f"/data/Subscriber/{IMSI}/{now}").json
    assert (entry["content"], entry["contentType"]) == ('{"t": 1}', "application/json")


def test_a_sim_may_be_named_by_its_sim_id_alone_or_beside_the_imsi(feeder: Feeder) -> None:
    assert feeder.beam(b"1", signed(feeder.key, sim_id=SIM_ID)).status == 201
    assert feeder.beam(b"1", signed(feeder.key, sim_id=SIM_ID, imsi=IMSI)).status == 201
    other = feeder.owner.ask("POST", "/sims", {"type": "virtual", "subscription": "planArc01"}).json["simId"]
    assert feeder.beam(b"1", signed(feeder.key, sim_id=other, imsi=IMSI)).status == 400


@pytest.mark.parametrize(
    "headers",
    [
        lambda _: signed("another", imsi=IMSI),
        lambda key: signed(key, imsi=IMSI) | {"x-soracom-imsi": "001010000000002"},
        lambda key: signed(key, imsi=IMSI, timestamp=str(time.time_ns() // 1_000_000 - 301_000)),
        lambda key: {name: value for name, value in signed(key, imsi=IMSI).items() if "signature" not in name},
        lambda _: signed("", imsi=IMSI),
    ],
    ids=["another key", "another sim", "too old", "no signature", "no key"],
)
def test_what_is_not_signed_right_is_401_and_stores_nothing(
    feeder: Feeder, headers: Callable[[str], dict[str, str]]
) -> None:
    mark = f"forged {next(_numbers)}".encode()
    assert feeder.beam(mark, headers(feeder.key), content_type="text/plain").status == 401
    assert mark.decode() not in [entry["content"] for entry in feeder.newest("Subscriber", IMSI, 100)]


def test_a_key_of_another_operator_signs_for_his_own_sims_alone(feeder: Feeder) -> None:
    made = other_operator(feeder.server, "beam@example.com")
    other = log_in(feeder.server, authKeyId=made["authKeyId"], authKey=made["authKey"])
    key = other.ask("POST", "/minori/beam_keys", {}).json["beamKey"]
    assert feeder.beam(b"1", signed(key, imsi=IMSI)).status == 401
    assert feeder.beam(b"1", signed(key, imsi=IMSI), operator=other.operator_id).status == 400


def test_keys_rotate_without_a_gap(feeder: Feeder) -> None:
    added = feeder.owner.ask("POST", "/minori/beam_keys", {"beamKey": "rotated123", "description": "next"})
    assert (added.status, added.json["beamKey"]) == (201, "rotated123")
    assert [feeder.beam(b"1", signed(key, imsi=IMSI)).status for key in (feeder.key, "rotated123")] == [201, 201]
    name = added.json["beamKeyId"]
    assert name in feeder.owner.ask("GET", "/minori/beam_keys").body.decode()
    assert b"rotated123" not in feeder.owner.ask("GET", "/minori/beam_keys").body
    assert feeder.owner.ask("DELETE", f"/minori/beam_keys/{name}").status == 204
    assert feeder.owner.ask("DELETE", f"/minori/beam_keys/{name}").status == 404
    assert feeder.beam(b"1", signed("rotated123", imsi=IMSI)).status == 401


def test_what_beam_wrapped_is_bytes_again(feeder: Feeder) -> None:
    configuration = ENABLED | {"SoracomAir": {"binaryParserEnabled": True, "binaryParserFormat": "temp:0:uint:16:/100"}}
    group = feeder.owner.ask("POST", "/groups", {"tags": {}, "configuration": configuration}).json["groupId"]
    sim = feeder.owner.ask("POST", "/sims", {"type": "virtual", "subscription": "planArc01"}).json["simId"]
    assert feeder.owner.ask("POST", f"/sims/{sim}/set_group", {"groupId": group}).status == 200
    assert feeder.beam(b'{"payload":"CcQ="}', signed(feeder.key, sim_id=sim)).status == 201
    assert feeder.newest("Sim", sim)[0]["content"] == '{"temp":25,"binaryParserEnabled":true}'


def test_an_inventory_device_comes_through_beam(feeder: Feeder) -> None:
    device = feeder.owner.ask("POST", "/devices", {"groupId": feeder.group}).json["device_id"]
    body = b'{"deviceId":"d","path":"/3/0","lastModifiedTime":1,"resources":{}}'
    assert feeder.beam(body, signed(feeder.key, device_id=device, operator_id="OP9999999999")).status == 201
    assert feeder.newest("Device", device)[0]["content"] == body.decode()


def test_a_lorawan_uplink_comes_through_beam_in_soracoms_envelope(feeder: Feeder) -> None:
    feeder.register("lora_devices", "000b78fffe050b09")
    body = b'{"gatewayData":[],"deveui":"000b78fffe050b09","date":"2018-09-02T21:53:04.743531+09:00","data":"5c"}'
    assert feeder.beam(body, signed(feeder.key, lora_device_id="000b78fffe050b09")).status == 201
    assert feeder.newest("LoraDevice", "000b78fffe050b09")[0]["content"] == body.decode()


def test_an_envelope_of_another_device_than_beam_vouches_for_is_refused(feeder: Feeder) -> None:
    feeder.register("lora_devices", "000b78fffe050b0a")
    body = b'{"deveui":"000b78fffe050b09","data":"5c"}'
    assert feeder.beam(body, signed(feeder.key, lora_device_id="000b78fffe050b0a")).status == 400
    assert feeder.newest("LoraDevice", "000b78fffe050b0a") == []


def test_an_uplink_of_chirpstack_is_stored_at_the_networks_time(feeder: Feeder) -> None:
    feeder.register("lora_devices", CHIRPSTACK["deviceInfo"]["devEui"])
    assert feeder.tell("chirpstack", CHIRPSTACK, "?event=up").status == 201
    (entry,) = feeder.newest("LoraDevice", CHIRPSTACK["deviceInfo"]["devEui"])
    assert (entry["time"], json.loads(entry["content"])["data"]) == (1725280496789, "5c8fd84180b7c647")
    assert feeder.tell("chirpstack", CHIRPSTACK, "?event=up").status == 201
    assert len(feeder.newest("LoraDevice", CHIRPSTACK["deviceInfo"]["devEui"], 10)) == 1


def test_an_uplink_of_the_things_stack_is_stored(feeder: Feeder) -> None:
    eui = THINGS["end_device_ids"]["dev_eui"].lower()
    feeder.register("lora_devices", eui)
    assert feeder.tell("tts", THINGS).status == 201
    assert json.loads(feeder.newest("LoraDevice", eui)[0]["content"])["data"] == "8241de"


def test_a_callback_of_sigfox_is_stored_as_harvest_keeps_it(feeder: Feeder) -> None:
    feeder.register("sigfox_devices", "1D2E3F")
    message = {"device": "1D2E3F", "time": "1621401862", "data": "895c2fb3", "seqNumber": "2651", "lqi": "AVERAGE"}
    assert feeder.tell("sigfox", message).status == 201
    (entry,) = feeder.newest("SigfoxDevice", "1D2E3F")
    assert entry["content"] == (
        '{"device":"1D2E3F","time":"1621401862","data":"895c2fb3","seqNumber":"2651","lqi":"Average"}'
    )
    assert entry["time"] == 1621401862000


def test_a_message_that_brings_no_uplink_is_204(feeder: Feeder) -> None:
    assert feeder.tell("chirpstack", {"deviceInfo": {}}, "?event=join").status == 204


@pytest.mark.parametrize("network", ["chirpstack", "tts", "sigfox"])
def test_a_network_server_needs_a_token_of_the_operator(feeder: Feeder, network: str) -> None:
    assert feeder.tell(network, {}, token="").status == 401
    assert feeder.tell(network, {}, token="ingest-wrong").status == 401
    assert feeder.tell(network, {}).status in (204, 400)


def test_a_device_that_is_not_registered_is_refused_and_the_operator_can_see_why(feeder: Feeder) -> None:
    message = {**CHIRPSTACK, "deviceInfo": {"devEui": "00000000000000ff"}}
    reply = feeder.tell("chirpstack", message)
    assert (reply.status, "No LoRaWAN device is registered" in reply.json["message"]) == (400, True)
    end = time.monotonic() + SECONDS
    while "00000000000000ff" not in feeder.owner.ask("GET", "/logs?limit=100").body.decode():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_a_token_that_was_removed_sends_nothing_more(feeder: Feeder) -> None:
    made = feeder.owner.ask("POST", "/minori/ingest_tokens", {}).json
    assert feeder.tell("chirpstack", {}, "?event=join", made["ingestToken"]).status == 204
    assert feeder.owner.ask("DELETE", f"/minori/ingest_tokens/{made['ingestTokenId']}").status == 204
    assert feeder.tell("chirpstack", {}, "?event=join", made["ingestToken"]).status == 401


@pytest.mark.parametrize(("path", "status"), [("/ingest/OP/nobody", 404), ("/ingest/", 404), ("/ingest/OP", 404)])
def test_other_paths_are_not_there(feeder: Feeder, path: str, status: int) -> None:
    assert ask(feeder.server, "POST", path, {}, b"1").status == status


def test_only_post_brings_something_in(feeder: Feeder) -> None:
    reply = ask(feeder.server, "GET", f"/ingest/{feeder.owner.operator_id}/beam")
    assert (reply.status, reply.headers["allow"]) == (405, "POST")


def test_nothing_secret_is_logged(feeder: Feeder) -> None:
    feeder.tell("sigfox", {}, token="ingest-unknown-token")
    feeder.beam(b"1", signed("another-secret", imsi=IMSI))
    for secret in (feeder.key, feeder.token, "ingest-unknown-token"):
        assert secret not in feeder.server.stderr


def test_the_command_line_keeps_keys_and_tokens_too(own_server: Server) -> None:
    key = json.loads(minori(own_server, "beam-key", "add", "--key", "topsecret", "--json").stdout)
    token = json.loads(minori(own_server, "ingest-token", "add", "--description", "farm", "--json").stdout)
    caller = root(own_server)
    path = f"/ingest/{caller.operator_id}/"
    end = time.monotonic() + SECONDS
    while ask(own_server, "POST", f"{path}beam", signed("topsecret", imsi=IMSI), b"1").status != 201:
        assert time.monotonic() < end
        time.sleep(0.1)
    headers = {"Authorization": f"Bearer {token['ingestToken']}"}
    assert ask(own_server, "POST", f"{path}chirpstack?event=join", headers, b"{}").status == 204
    assert key["beamKeyId"] in minori(own_server, "beam-key", "list").stdout
    assert "farm" in minori(own_server, "ingest-token", "list").stdout
    assert minori(own_server, "beam-key", "remove", key["beamKeyId"]).returncode == 0
    assert minori(own_server, "ingest-token", "remove", token["ingestTokenId"]).returncode == 0
    assert minori(own_server, "ingest-token", "remove", token["ingestTokenId"]).returncode == 1
    assert minori(own_server, "beam-key", "add", "--key", "not a key").returncode == 1


class Line:
    """A connection to Beam's door."""

    def __init__(self, beam: "Beam") -> None:
        self.socket = beam.lines.enter_context(socket.create_connection(beam.address, SECONDS))

    def tell(self, data: bytes) -> bytes:
        """What one read gives after something was sent."""
        self.socket.sendall(data)
        return self.socket.recv(1024)


def first_line(key: str, text: str) -> bytes:
    return f"{text};signature={sha256((key + text).encode()).hexdigest()} version=20151001\n".encode()


class Beam:
    """A server with Beam's door, and a key."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.owner: Caller = root(server)
        self.key: str = self.owner.ask("POST", "/minori/beam_keys", {}).json["beamKey"]
        (ready,) = [line for line in server.stdout if line.startswith("minori ready")]
        host, _, port = ready.split("door-beam=")[1].strip().rpartition(":")
        self.address = (host, int(port))
        self.lines = ExitStack()

    def line(self, imsi: str = IMSI) -> bytes:
        return first_line(self.key, f"imsi={imsi} timestamp={time.time_ns() // 1_000_000}")


@pytest.fixture(scope="module")
def beam(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beam]:
    folder = tmp_path_factory.mktemp("beam") / "data"
    with Server(folder, "--door-beam", "127.0.0.1:0") as server:
        beam = Beam(server)
        with beam.lines:
            yield beam


def test_what_follows_beams_first_line_is_the_sims(beam: Beam) -> None:
    line = Line(beam)
    assert line.tell(beam.line() + b"\x01\x02") == b"201"
    assert line.tell(b"\x03") == b"201"
    entries = beam.owner.ask("GET", f"/data/Subscriber/{IMSI}?sort=asc").json
    assert [entry["content"] for entry in entries][-2:] == ['{"payload":"AQI="}', '{"payload":"Aw=="}']


def test_the_first_line_may_come_byte_by_byte(beam: Beam) -> None:
    line = Line(beam)
    for byte in beam.line():
        line.socket.sendall(bytes([byte]))
    assert line.tell(b"1") == b"201"


@pytest.mark.parametrize(
    "wrong",
    [
        b"hello\n",
        b"x" * 2000,
        first_line("another", f"imsi={IMSI} timestamp=1"),
        f"imsi={IMSI} timestamp=1;signature=00 version=20151001\n".encode(),
    ],
)
def test_a_first_line_that_proves_nothing_is_refused_and_ends_the_connection(beam: Beam, wrong: bytes) -> None:
    line = Line(beam)
    assert line.tell(wrong).startswith(b"400 ")
    assert line.socket.recv(1) == b""


def test_a_first_line_that_is_too_old_is_refused(beam: Beam) -> None:
    old = first_line(beam.key, f"imsi={IMSI} timestamp={time.time_ns() // 1_000_000 - 400_000}")
    assert Line(beam).tell(old + b"1").startswith(b"400 ")


def test_a_sim_that_is_not_registered_is_told_so_for_each_message(beam: Beam) -> None:
    line = Line(beam)
    assert line.tell(beam.line("001010000009999") + b"1").startswith(b"400 No SIM is registered as 001010000009999")
    assert line.tell(b"2").startswith(b"400 ")


def test_without_the_setting_there_is_no_such_door(server: Server) -> None:
    (ready,) = [line for line in server.stdout if line.startswith("minori ready")]
    assert "beam" not in ready
