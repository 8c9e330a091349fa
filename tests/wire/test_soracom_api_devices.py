"""Inventory, LoRaWAN and Sigfox devices with the public Python client `soracom-api`, against a running server."""

from collections.abc import Callable
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from soracom_api.apis import DeviceApi, GroupApi, LoraDeviceApi, SigfoxDeviceApi  # type: ignore[import-untyped]  # the client brings no types
from soracom_api.exceptions import ApiException, NotFoundException  # type: ignore[import-untyped]  # the client brings no types
from soracom_api.models import (  # type: ignore[import-untyped]  # the client brings no types
    CreateGroupRequest,
    Device,
    Group,
    InlineObject2,
    RegisterLoraDeviceRequest,
    SigfoxRegistrationRequest,
    TagUpdateRequest,
)

from serving import Server
from wire.calling import client_of, pages

# The client calls what its HTTP library has come to deprecate.
pytestmark = pytest.mark.filterwarnings("ignore:HTTPResponse.getheader:DeprecationWarning")


class Kind(NamedTuple):
    """The calls about devices of one type; `make` makes or registers one with tags and tells its id."""

    make: Callable[[dict[str, str]], str]
    get: Any
    listed: Any
    set_group: Callable[[str, str], Any]
    unset_group: Any
    put_tags: Any
    delete_tag: Any
    data: Any


def inventory(client: Any) -> Kind:
    api = DeviceApi(client)
    return Kind(
        lambda tags: str(api.create_device(Device(endpoint="pump", tags=tags)).device_id),
        api.get_device,
        api.list_devices,
        # The client has odd names and types for the body of this call.
        lambda device_id, group_id: api.set_device_group(device_id, inline_object2=InlineObject2(group_id=group_id)),
        api.unset_device_group,
        api.put_device_tags,
        api.delete_device_tag,
        api.get_data_from_device,
    )


def lora(client: Any) -> Kind:
    api = LoraDeviceApi(client)

    def make(tags: dict[str, str]) -> str:
        request = RegisterLoraDeviceRequest(registration_secret="x", tags=tags)
        return str(api.register_lora_device(uuid4().hex[:16], request).device_id)

    return Kind(
        make,
        api.get_lora_device,
        api.list_lora_devices,
        lambda device_id, group_id: api.set_lora_device_group(device_id, Group(group_id=group_id)),
        api.unset_lora_device_group,
        api.put_lora_device_tags,
        api.delete_lora_device_tag,
        api.get_data_from_lora_device,
    )


def sigfox(client: Any) -> Kind:
    api = SigfoxDeviceApi(client)

    def make(tags: dict[str, str]) -> str:
        request = SigfoxRegistrationRequest(registration_secret="x", tags=tags)
        return str(api.register_sigfox_device(uuid4().hex[:8], request).device_id)

    return Kind(
        make,
        api.get_sigfox_device,
        api.list_sigfox_devices,
        lambda device_id, group_id: api.set_sigfox_device_group(device_id, Group(group_id=group_id)),
        api.unset_sigfox_device_group,
        api.put_sigfox_device_tags,
        api.delete_sigfox_device_tag,
        api.get_data_from_sigfox_device,
    )


@pytest.fixture
def client(server: Server, headers: dict[str, str]) -> Any:
    return client_of(server, headers)


@pytest.fixture(params=[inventory, lora, sigfox])
def kind(client: Any, request: pytest.FixtureRequest) -> Kind:
    kind: Kind = request.param(client)
    return kind


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_it_pages_through_devices_of_a_tag_to_the_last_page(kind: Kind, limit: int) -> None:
    mark = uuid4().hex
    made = [kind.make({"mark": mark}) for _ in range(3)]
    found = list(pages(kind.listed, tag_name="mark", tag_value=mark, tag_value_match_mode="exact", limit=limit))
    assert [one.device_id for page in found for one in page] == sorted(made)
    assert max(len(page) for page in found) <= limit


def test_it_groups_a_device_and_takes_it_out(client: Any, kind: Kind) -> None:
    group_id = GroupApi(client).create_group(CreateGroupRequest()).group_id
    device_id = kind.make({})
    assert kind.set_group(device_id, group_id).group_id == group_id
    assert kind.get(device_id).group_id == group_id
    assert "group_id" not in kind.unset_group(device_id)
    with pytest.raises(NotFoundException):
        kind.unset_group(device_id)
    with pytest.raises(NotFoundException):
        kind.set_group(device_id, "no-such-group")


def test_it_tags_a_device(kind: Kind) -> None:
    device_id = kind.make({"name": "gate"})
    tags = [TagUpdateRequest(tag_name="a/b c", tag_value=""), TagUpdateRequest(tag_name="name", tag_value="shed")]
    assert dict(kind.put_tags(device_id, tags).tags) == {"name": "shed", "a/b c": ""}
    assert kind.delete_tag(device_id, "a/b c") is None
    with pytest.raises(NotFoundException):
        kind.delete_tag(device_id, "a/b c")
    assert dict(kind.get(device_id).tags) == {"name": "shed"}


def test_a_device_that_sent_nothing_has_an_empty_list_of_entries(kind: Kind) -> None:
    assert kind.data(kind.make({})) == []


def test_it_registers_a_device_once(client: Any) -> None:
    device_id = uuid4().hex[:16]
    group_id = GroupApi(client).create_group(CreateGroupRequest()).group_id
    request = RegisterLoraDeviceRequest(registration_secret="x", group_id=group_id, tags={"name": "gate"})
    made = LoraDeviceApi(client).register_lora_device(device_id, request)
    assert (made.device_id, made.group_id, made.status) == (device_id, group_id, "active")
    with pytest.raises(ApiException) as again:
        LoraDeviceApi(client).register_lora_device(device_id, request)
    assert again.value.status == 400
