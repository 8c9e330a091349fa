"""Published vectors and examples, from the device's bytes to what a client reads."""

import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from people import SECONDS, Caller, minori, root
from serving import Server
from wire.asking import Reply, ask, connect, head, read

SOURCE = "127.45.67.89"
PARSED: tuple[tuple[str, str, str], ...] = (
    (
        "flag:0:bool:7 temp:1:int:13:/10 humid:3:uint:8:/100 lat::float:32 long::float:32",
        "8007F85F420EADFF430BBE86",
        '{"flag":true,"temp":25.5,"humid":0.95,"lat":35.669918060302734,"long":139.74423217773438}',
    ),
    (
        "tmpc:0:float:32:little-endian prsp:4:float:32:little-endian",
        "5c8fd84180b7c647",
        '{"tmpc":27.06999969482422,"prsp":101743}',
    ),
    ("b1::bool:7 b2::bool:6 i1:1:uint:16", "C01234", '{"b1":true,"b2":true,"i1":4660}'),
    ("Speed::uint:8 Direction::uint:4 Status:1:uint:4::3", "0A5C", '{"Speed":10,"Direction":5,"Status":12}'),
    ("temp:0:uint:16:/100", "09C4", '{"temp":25}'),
    ("a::uint:16:little-endian b::int:8 c::char:3", "3412FF414243", '{"a":4660,"b":-1,"c":"ABC"}'),
    ("v::int:6 w::uint:8", "F42A", '{"v":-3,"w":42}'),
    ("@button", "4d010351", '{"clickType":1,"clickTypeName":"SINGLE","batteryLevel":1}'),
    (
        "@json",
        b'{"lat":38.370669,"lon":141.069288,"bat":3,"rs":0,"temp":21.1,"humi":88.4,"x":0,"y":64,"z":-960.0,"type":0}'.hex(),
        '{"lat":38.370669,"lon":141.069288,"bat":3,"rs":0,"temp":21.1,"humi":88.4,"x":0,"y":64,"z":-960,"type":0}',
    ),
)
"""Formats, bytes, and what they are read as but for the flag behind it."""

SIGNED: tuple[tuple[str, dict[str, str], str, str], ...] = (
    (
        "mysecretkey",
        {"imei": "860000012345678", "imsi": "295000012345678", "timestamp": "1445587157992"},
        "95c8e34d68e2bd76502c1e403108dc1bd7008964c31081d0415adb9f21a721a5",
        "Subscriber/295000012345678",
    ),
    (
        "topsecret",
        {"imsi": "440101234567890", "timestamp": "1608251959862"},
        "a91b7388793953166d6433ba5fbb79c2bf16ecab7d99732233830793b5f8eb8c",
        "Subscriber/440101234567890",
    ),
    (
        "topsecret",
        {"sim-id": "8981100024620429680", "timestamp": "1608251959862"},
        "64abe743664eda299ee157e6d7f4562bd73c6513e3cfacd7b2e53eca8bf8bd32",
        "Sim/8981100024620429680",
    ),
    (
        "topsecret",
        {
            "imei": "123456789012345",
            "imsi": "440101234567890",
            "msisdn": "8180123456780000",
            "sim-id": "8981100024620429680",
            "timestamp": "1608251959862",
        },
        "b30ae55dfed567cf5580f60760e0b761b62424587681ce6e77342825aeb1f6af",
        "Subscriber/440101234567890",
    ),
    (
        "secret",
        {"imsi": "295100000000001", "timestamp": "1443571200000"},
        "a15174afa6e4a4ffa0f9c44e6085e9b6f2b5f0cf2c3437bf46bdd9bf8514f51b",
        "Subscriber/295100000000001",
    ),
    (
        "secret",
        {"sigfox-device-id": "FFFFFF", "timestamp": "1443571200000"},
        "f9e3364679192f572318101e7fea3186d01c2f751b661735875116463a2db466",
        "SigfoxDevice/FFFFFF",
    ),
    (
        "secret",
        {"lora-device-id": "0123456789abcdef", "timestamp": "1443571200000"},
        "4eed6b68e7ac8093c375ef6d2346e510ccaa08afc8292f5e613271aaa5b13a28",
        "LoraDevice/0123456789abcdef",
    ),
)
"""Shared keys, Beam's headers without their beginning, signatures, and whose they are."""

BOTH = ("440101234567890", "8981100024620429680")
"""The IMSI and the SIM id of a SIM that vectors name by one of them, or by both."""

FIRST_LINE = (
    b"imsi=440101234567890 timestamp=1608251959862"
    b";signature=9b7c3587a10b94453127aa614bac55ca0d953f4a98f428a086114f67120a850b version=20151001\n"
)


class Plant:
    """A server with one SIM whose group says what a test wants, and Beam's signatures of any age."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.owner: Caller = root(server)
        made = self.owner.ask("POST", "/sims", {"type": "virtual", "subscription": "planArc01"}).json
        self.sim = made["simId"]
        assert self.owner.ask("PUT", f"/minori/sessions/{SOURCE}", {"simId": self.sim}).status == 201

    def say(self, harvest: dict[str, Any] | None = None, **namespaces: dict[str, Any]) -> None:
        """Put the SIM into a new group with these options."""
        configuration = {"SoracomHarvest": {"enabled": True, **(harvest or {})}, **namespaces}
        group = self.owner.ask("POST", "/groups", {"tags": {}, "configuration": configuration}).json["groupId"]
        assert self.owner.ask("POST", f"/sims/{self.sim}/set_group", {"groupId": group}).status == 200

    def post(self, body: bytes, content_type: str = "application/json", host: str = "harvest.soracom.io") -> Reply:
        """What the SIM sends over HTTP."""
        with connect(self.server.door_http, SOURCE) as door:
            door.sendall(head("POST", "/", {"Host": host, "Content-Type": content_type}, body))
            return read(door)

    def tcp(self, body: bytes) -> bytes:
        """What the SIM is told over TCP."""
        with socket.create_connection(self.server.door_stream, SECONDS, (SOURCE, 0)) as line:
            line.sendall(body)
            return line.recv(1024)

    def newest(self, limit: int = 1) -> list[tuple[int, str]]:
        """The newest entries of the SIM: time and content."""
        entries = self.owner.ask("GET", f"/sims/{self.sim}/data?limit={limit}").json
        return [(entry["time"], entry["content"]) for entry in entries]

    def register(self, resource: str) -> None:
        """Let there be this resource in a group that has enabled Harvest Data."""
        configuration = {"SoracomHarvest": {"enabled": True}}
        group = self.owner.ask("POST", "/groups", {"tags": {}, "configuration": configuration}).json["groupId"]
        kind, _, name = resource.partition("/")
        if name in BOTH:
            return
        path = {"Subscriber": "subscribers", "SigfoxDevice": "sigfox_devices", "LoraDevice": "lora_devices"}[kind]
        body = {"registrationSecret": "x", "groupId": group}
        assert self.owner.ask("POST", f"/{path}/{name}/register", body).status == 201


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    folder = tmp_path_factory.mktemp("vectors") / "data"
    every_age = {"MINORI_INGEST_BEAM_WINDOW_SECONDS": "0"}
    with Server(folder, "--door-beam", "127.0.0.1:0", environment=every_age) as server:
        plant = Plant(server)
        table = folder.with_name("sims.csv")
        table.write_text(f"imsi,simId,group\n{BOTH[0]},{BOTH[1]},demo\n")
        assert minori(server, "sim", "import", str(table)).returncode == 0
        end = time.monotonic() + SECONDS
        while plant.owner.ask("GET", f"/sims/{BOTH[1]}").status != 200:
            assert time.monotonic() < end, "the server never heard of the SIM"
            time.sleep(0.05)
        yield plant


@pytest.mark.parametrize(("text", "payload", "result"), PARSED, ids=[each[0][:20] for each in PARSED])
def test_bytes_over_tcp_are_read_as_the_vector_says(plant: Plant, text: str, payload: str, result: str) -> None:
    plant.say(SoracomAir={"binaryParserEnabled": True, "binaryParserFormat": text})
    assert plant.tcp(bytes.fromhex(payload)) == b"201"
    assert plant.newest()[0][1] == result.removesuffix("}") + ',"binaryParserEnabled":true}'


def test_a_button_without_a_parser_is_base64(plant: Plant) -> None:
    plant.say()
    assert plant.tcp(bytes.fromhex("4d010351")) == b"201"
    assert plant.newest()[0][1] == '{"payload":"TQEDUQ=="}'


def test_the_documented_batch_is_two_entries(plant: Plant) -> None:
    plant.say({"batchWrite": {"enabled": True, "type": "jsonpointer", "value": "/data"}})
    items = ('{"time":"2025-03-24T00:00:00Z","temperature":15.5}', '{"time":"2025-03-25T00:00:00Z","temperature":15.4}')
    assert plant.post(('{"data":[%s,%s]}' % items).encode()).status == 201
    for at, item in zip((1742774400000, 1742860800000), items, strict=True):
        assert plant.owner.ask("GET", f"/data/Sim/{plant.sim}/{at}").json["content"] == item


def test_the_documented_time_in_a_payload_is_the_entry_s(plant: Plant) -> None:
    plant.say({"customTimestamp": {"format": "iso-8601", "type": "jsonpointer", "value": "/time"}})
    body = '{"temperature":12.3,"humidity":45.6,"time":"2024-09-02T12:34:56.789Z"}'
    assert plant.post(body.encode()).status == 201
    assert plant.owner.ask("GET", f"/data/Sim/{plant.sim}/1725280496789").json["content"] == body


def test_the_documented_frame_is_one_message(plant: Plant) -> None:
    plant.say({"binaryFormatV1Enabled": True})
    assert plant.tcp(bytes.fromhex("00060102030405064917")) == b"201"
    assert plant.newest()[0][1] == '{"payload":"AQIDBAUG"}'


def test_the_unified_endpoint_answers_as_documented(plant: Plant) -> None:
    plant.say(UnifiedEndpoint={"response": {"format": "SoracomHarvest"}})
    assert plant.post(b"{}", host="uni.soracom.io").status == 201
    plant.say(UnifiedEndpoint={"response": {"format": "Unified"}})
    reply = plant.post(b"{}", host="unified.soracom.io")
    assert reply.status == 200
    assert reply.body == b'{"result":"ok","detail":{"harvest":{"statusCode":204,"body":""}}}'


@pytest.mark.parametrize(("key", "said", "signature", "resource"), SIGNED, ids=[each[2][:8] for each in SIGNED])
def test_what_beam_signed_is_taken(plant: Plant, key: str, said: dict[str, str], signature: str, resource: str) -> None:
    plant.register(resource)
    plant.owner.ask("POST", "/minori/beam_keys", {"beamKey": key})
    headers = {f"X-Soracom-{name.title()}": value for name, value in said.items()}
    headers |= {"X-Soracom-Signature": signature, "X-Soracom-Signature-Version": "20151001"}
    path = f"/ingest/{plant.owner.operator_id}/beam"
    assert ask(plant.server, "POST", path, {**headers, "Content-Type": "text/plain"}, b"signed").status == 201
    assert plant.owner.ask("GET", f"/data/{resource}/{said['timestamp']}").json["content"] == "signed"


def test_an_id_under_the_header_of_one_public_sample_is_no_sender(plant: Plant) -> None:
    headers = {
        "X-Device-Id": "d-0123456789acbdefghij",
        "X-Soracom-Timestamp": "1443571200000",
        "X-Soracom-Signature": "ab59fbf1a5b68cf7d3547342c40f6f170ed5a2d07017d810e3a39ee4a654aa6d",
        "X-Soracom-Signature-Version": "20151001",
    }
    assert ask(plant.server, "POST", f"/ingest/{plant.owner.operator_id}/beam", headers, b"1").status == 400


def test_the_documented_first_line_opens_beams_door(plant: Plant) -> None:
    plant.owner.ask("POST", "/minori/beam_keys", {"beamKey": "topsecret"})
    (ready,) = [line for line in plant.server.stdout if line.startswith("minori ready")]
    host, _, port = ready.split("door-beam=")[1].strip().rpartition(":")
    with socket.create_connection((host, int(port)), SECONDS) as line:
        line.sendall(FIRST_LINE + b"\x01")
        assert line.recv(1024) == b"201"


def test_the_published_lorawan_record_comes_out_as_it_was_seen(plant: Plant) -> None:
    resource = "LoraDevice/000b78fffe050b09"
    plant.register(resource)
    group = plant.owner.ask("GET", "/lora_devices/000b78fffe050b09").json["groupId"]
    options = [
        {"key": "binaryParserEnabled", "value": True},
        {"key": "binaryParserFormat", "value": "prsp:4:float:32:little-endian tmpc:0:float:32:little-endian"},
    ]
    assert plant.owner.ask("PUT", f"/groups/{group}/configuration/SoracomLora", options).status == 200
    date = "2018-09-02T21:53:04.743531+09:00"
    heard = [{"date": date, "rssi": -26, "snr": 11, "gwid": "000b78fffeb000e9", "channel": 923200000}]
    envelope = {"gatewayData": heard, "deveui": "000b78fffe050b09", "date": date, "data": "5c8fd84180b7c647"}
    key = plant.owner.ask("POST", "/minori/beam_keys", {}).json["beamKey"]
    from wire.test_feeders import signed  # noqa: PLC0415 - the fixtures of that module are not this one's

    path = f"/ingest/{plant.owner.operator_id}/beam"
    body = json.dumps(envelope, separators=(",", ":")).encode()
    headers = signed(key, lora_device_id="000b78fffe050b09")
    assert ask(plant.server, "POST", path, {**headers, "Content-Type": "application/json"}, body).status == 201
    stored = plant.owner.ask("GET", f"/data/{resource}").json[0]["content"]
    parsed = {"prsp": 101743, "tmpc": 27.06999969482422}
    expected = json.dumps({**parsed, **envelope, "binaryParserEnabled": True}, separators=(",", ":"))
    assert stored == expected
