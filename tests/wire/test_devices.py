"""Devices that are no SIMs: over REST, and with the public Python client `soracom-api`."""

from typing import Any
from uuid import uuid4

import pytest
from soracom_api import ApiClient, Configuration  # type: ignore[import-untyped]  # the client brings no types
from soracom_api.apis import DeviceApi, LoraDeviceApi  # type: ignore[import-untyped]  # the package ships no types
from soracom_api.exceptions import NotFoundException  # type: ignore[import-untyped]  # the package ships no types
from soracom_api.models import (  # type: ignore[import-untyped]  # the package ships no types
    Device,
    RegisterLoraDeviceRequest,
    TagUpdateRequest,
)

from serving import Server
from wire.test_sims import DEMO, Sims

# The client calls what its HTTP library has come to deprecate.
pytestmark = pytest.mark.filterwarnings("ignore:HTTPResponse.getheader:DeprecationWarning")

TYPES = {"LoraDevice": "/lora_devices", "SigfoxDevice": "/sigfox_devices", "SoraCam": "/sora_cam/devices"}


@pytest.fixture
def sims(server: Server, headers: dict[str, str]) -> Sims:
    return Sims(server, headers)


@pytest.fixture
def client(server: Server, headers: dict[str, str]) -> Any:
    keys = {"api_key": headers["X-Soracom-API-Key"], "api_token": headers["X-Soracom-Token"]}
    return ApiClient(Configuration(host=f"{server.url}/v1", api_key=keys))


def test_the_client_makes_groups_tags_and_removes_an_inventory_device(client: Any, sims: Sims) -> None:
    api = DeviceApi(client)
    group_id = sims.call("GET", f"/subscribers/{DEMO}").json["groupId"]
    made = api.create_device(Device(endpoint="pump-7", manufacturer="Example", tags={"name": "pump"}))
    assert made.device_id.startswith("d-")
    # The client has an odd name for the body of this one call.
    assert sims.call("POST", f"/devices/{made.device_id}/set_group", {"groupId": group_id}).status == 200
    assert api.get_device(made.device_id).group_id == group_id
    tagged = api.put_device_tags(made.device_id, [TagUpdateRequest(tag_name="site", tag_value="east")])
    assert (tagged.tags, tagged.endpoint) == ({"name": "pump", "site": "east"}, "pump-7")
    assert api.delete_device_tag(made.device_id, "name") is None
    with pytest.raises(NotFoundException):
        api.delete_device_tag(made.device_id, "name")
    assert api.unset_device_group(made.device_id).get("group_id") is None
    with pytest.raises(NotFoundException):
        api.unset_device_group(made.device_id)
    assert api.get_device(made.device_id).tags == {"site": "east"}
    api.delete_device(made.device_id)
    with pytest.raises(NotFoundException):
        api.get_device(made.device_id)


def test_the_secret_of_a_device_is_told_once(sims: Sims) -> None:
    made = sims.call("POST", "/devices", {}).json
    assert made["deviceKeyId"].startswith("k-")
    assert len(made["deviceSecret"]) >= 40
    shown = sims.call("GET", f"/devices/{made['deviceId']}").json
    assert {"deviceKeyId", "deviceSecret"} & set(shown) == set()
    assert made == shown | {name: made[name] for name in ("deviceKeyId", "deviceSecret")}


@pytest.mark.parametrize("limit", ["1", "2", "-1"])
def test_devices_are_listed_by_tag_with_pages_of_any_size(sims: Sims, limit: str) -> None:
    mark = uuid4().hex
    made = [sims.call("POST", "/devices", {"tags": {"mark": mark}}).json["deviceId"] for _ in range(3)]
    seen: list[str] = []
    target = f"/devices?tag_name=mark&tag_value={mark}&limit={limit}"
    while target:
        reply = sims.call("GET", target)
        assert len(reply.json) <= (3 if limit == "-1" else int(limit))
        seen += [device["device_id"] for device in reply.json]
        target = reply.headers.get("link", "").partition(">")[0].removeprefix("</v1")
    assert seen == sorted(made)


@pytest.mark.parametrize("path", TYPES.values())
def test_a_device_of_another_network_is_registered_under_its_own_id(sims: Sims, path: str) -> None:
    device_id = f"a b/{uuid4().hex}"
    one = f"{path}/{device_id.replace('/', '%2F').replace(' ', '%20')}"
    request = {"registrationSecret": "12345", "tags": [{"tagName": "name", "tagValue": "gate"}]}
    assert sims.call("POST", f"{one}/register", {"tags": []}).status == 400
    reply = sims.call("POST", f"{one}/register", request)
    assert (reply.status, reply.json["deviceId"], reply.json["tags"]) == (201, device_id, {"name": "gate"})
    assert sims.call("POST", f"{one}/register", request).status == 400
    assert sims.call("GET", one).json == reply.json
    pages = [sims.call("GET", f"{path}?limit=1")]
    while key := pages[-1].headers.get("x-soracom-next-key"):
        pages.append(sims.call("GET", f"{path}?limit=1&last_evaluated_key={key}"))
    assert device_id in [page.json[0]["deviceId"] for page in pages]
    assert sims.call("GET", f"/devices/{one.removeprefix(path)[1:]}").status == 404


def test_the_client_registers_a_lora_device(client: Any) -> None:
    device_id = uuid4().hex[:16]
    request = RegisterLoraDeviceRequest(registration_secret="x", tags={"name": "gate"})
    assert LoraDeviceApi(client).register_lora_device(device_id, request).tags == {"name": "gate"}
    assert LoraDeviceApi(client).get_lora_device(device_id).status == "active"


def test_entries_of_a_camera_are_kept_under_the_category_of_its_group(sims: Sims) -> None:
    camera, category = uuid4().hex, uuid4().hex
    options = {"SoracomHarvest": {"category": category}}
    group_id = sims.call("POST", "/groups", {"tags": {}, "configuration": options}).json["groupId"]
    entry = f"/sora_cam/devices/{camera}/data"
    assert sims.call("POST", entry, {"n": 1}).status == 201
    sims.call("POST", f"/sora_cam/devices/{camera}/register", {"registrationSecret": "x", "groupId": group_id})
    assert sims.call("POST", entry, {"n": 2}).status == 201
    found = sims.call("GET", f"/data/categories/{category}").json
    assert [(one["resourceId"], one["content"]) for one in found] == [(camera, '{"n":2}')]
    assert sims.call("DELETE", f"/groups/{group_id}").status == 204
    assert "groupId" not in sims.call("GET", f"/sora_cam/devices/{camera}").json
    assert sims.call("POST", entry, {"n": 3}).status == 201
    assert len(sims.call("GET", f"/data/categories/{category}").json) == 1
