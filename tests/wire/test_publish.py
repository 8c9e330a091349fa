"""Inventory devices publish with their secret, as those in the field do."""

import json
from urllib.parse import quote

import pytest

from people import Caller, root
from serving import Server
from wire.asking import Reply, ask

ENABLED = {"SoracomHarvest": {"enabled": True}}


class Device:
    """An Inventory device in a group of its own, which says this about payloads."""

    def __init__(self, owner: Caller, harvest: dict[str, object] | None = None) -> None:
        self.owner = owner
        configuration = {"SoracomHarvest": {"enabled": True, **(harvest or {})}}
        self.group = owner.ask("POST", "/groups", {"tags": {}, "configuration": configuration}).json["groupId"]
        made = owner.ask("POST", "/devices", {"groupId": self.group}).json
        self.id, self.secret = made["device_id"], made["deviceSecret"]

    def publish(self, body: bytes, query: str | None = None, path: str = "", **headers: str) -> Reply:
        """What a device sends, with the secret in the query unless another one is given."""
        query = f"?device_secret={self.secret}" if query is None else query
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return ask(self.owner.server, "POST", f"/v1/devices/{self.id}/publish{path}{query}", sent, body)

    def contents(self) -> list[str]:
        """What is stored, the newest first."""
        return [one["content"] for one in self.owner.ask("GET", f"/data/Device/{self.id}").json]


@pytest.fixture(scope="module")
def owner(server: Server) -> Caller:
    return root(server)


def test_a_device_publishes_with_its_secret_in_the_query_and_is_told_201(owner: Caller) -> None:
    device = Device(owner)
    reply = device.publish(b'{"temperature":20}', content_type="application/json")
    assert (reply.status, reply.body) == (201, b"")
    assert device.contents() == ['{"temperature":20}']


def test_a_device_may_put_its_secret_into_a_header(owner: Caller) -> None:
    device = Device(owner)
    assert device.publish(b"1", query="", x_device_secret=device.secret).status == 201


def test_what_follows_publish_means_nothing(owner: Caller) -> None:
    device = Device(owner)
    assert device.publish(b"1", path="/telemetry").status == 201
    assert device.contents() == ["1"]


def test_a_time_in_a_header_counts_and_one_that_is_none_is_400(owner: Caller) -> None:
    device = Device(owner)
    assert device.publish(b"1", x_soracom_timestamp="1545652714887").status == 201
    assert owner.ask("GET", f"/data/Device/{device.id}/1545652714887").json["content"] == "1"
    assert device.publish(b"1", x_soracom_timestamp="2018-12-24T11:58:34Z").status == 400


@pytest.mark.parametrize("secret", ["wrong", "", "%00", "x" * 5000])
def test_a_wrong_secret_is_401_and_stores_nothing(owner: Caller, secret: str) -> None:
    device = Device(owner)
    assert device.publish(b"1", query=f"?device_secret={secret}").status == 401
    assert device.contents() == []


def test_a_device_that_there_is_not_is_told_the_same_as_one_with_a_wrong_secret(owner: Caller) -> None:
    device = Device(owner)
    wrong = device.publish(b"1", query="?device_secret=wrong")
    device.id = "d-00000000000000000000"
    assert device.publish(b"1", query="?device_secret=wrong").body == wrong.body


def test_a_secret_does_not_work_for_another_device(owner: Caller) -> None:
    one, other = Device(owner), Device(owner)
    other.secret = one.secret
    assert other.publish(b"1").status == 401


def test_a_device_in_no_group_is_refused_in_harvests_words(owner: Caller) -> None:
    device = Device(owner)
    assert owner.ask("POST", f"/devices/{device.id}/unset_group").status == 200
    reply = device.publish(b"1")
    assert (reply.status, reply.json["message"]) == (400, f"No group ID is specified: {device.id}")


def test_what_the_group_says_counts(owner: Caller) -> None:
    device = Device(owner, {"customTimestamp": {"format": "unix-sec", "type": "jsonpointer", "value": "/at"}})
    assert device.publish(b'{"at":1}', content_type="application/json").status == 201
    assert owner.ask("GET", f"/data/Device/{device.id}/1000").status == 200
    assert device.publish(b'{"t":1}', content_type="application/json").status == 400


def test_a_batch_may_be_larger_than_a_payload_and_the_limit_of_it_is_told(owner: Caller) -> None:
    device = Device(owner, {"batchWrite": {"enabled": True, "value": ""}})
    item = {"time": "2025-03-24T00:00:00Z", "x": "x" * 800}
    many = json.dumps([{**item, "time": f"2025-03-24T00:00:{second:02}Z"} for second in range(60)]).encode()
    assert device.publish(many, content_type="application/json").status == 201
    assert len(owner.ask("GET", f"/data/Device/{device.id}?limit=100").json) == 60
    assert device.publish(b"x" * 131_073, content_type="application/json").status == 413


def test_a_removed_device_publishes_no_more(owner: Caller) -> None:
    device = Device(owner)
    assert owner.ask("DELETE", f"/devices/{device.id}").status == 204
    assert device.publish(b"1").status == 401


def test_no_secret_is_logged(owner: Caller) -> None:
    device = Device(owner)
    device.publish(b"1")
    device.publish(b"1", query=f"?device_secret={quote('not+the=secret', safe='')}")
    assert device.secret not in owner.server.stderr
    assert "not+the" not in owner.server.stderr
