"""Harvest Data over REST: entries, categories, resources, and the cameras' own entries."""

from functools import cached_property, lru_cache

from msgspec import Struct

from minori.api import parameters
from minori.api.answers import EMPTY, Link, link_to, page
from minori.api.services import Services
from minori.codec import paging
from minori.codec.entry import encode_json, join_mixed, members
from minori.codec.joined import page_parts
from minori.http.exchange import REMEMBERED, REMEMBERED_BYTES, Answer, Call, Header, Request, parse_query
from minori.model.entry import TimeRange
from minori.model.payload import Payload
from minori.model.resource import Resource, ResourceMetadata, ResourceType

RESOURCES_LIMIT = 100
"""Resources on a page when no limit is asked for (our choice)."""

RESOURCES_LARGEST = 1000
"""The largest page of resources (our choice, as for entries)."""


async def get_data_entries(services: Services, call: Call) -> Answer:
    """getDataEntries: a page of a resource's entries."""
    params = call.request.params
    kind, resource_id = params["resource_type"], params["resource_id"]
    return await _entries(services, call, kind, resource_id, ("data", kind, resource_id))


async def get_subscriber_data(services: Services, call: Call) -> Answer:
    """getDataFromSubscriber: the same by IMSI."""
    return await _alias(services, call, ResourceType.SUBSCRIBER, "subscribers", "imsi")


async def get_sim_data(services: Services, call: Call) -> Answer:
    """getDataFromSim: the same by SIM id."""
    return await _alias(services, call, ResourceType.SIM, "sims", "sim_id")


async def get_device_data(services: Services, call: Call) -> Answer:
    """getDataFromDevice: the same for an Inventory device."""
    return await _alias(services, call, ResourceType.DEVICE, "devices", "device_id")


async def get_lora_device_data(services: Services, call: Call) -> Answer:
    """getDataFromLoraDevice: the same for a LoRaWAN device."""
    return await _alias(services, call, ResourceType.LORA_DEVICE, "lora_devices", "device_id")


async def get_sigfox_device_data(services: Services, call: Call) -> Answer:
    """getDataFromSigfoxDevice: the same for a Sigfox device."""
    return await _alias(services, call, ResourceType.SIGFOX_DEVICE, "sigfox_devices", "device_id")


async def get_data_entry(services: Services, call: Call) -> Answer:
    """getDataEntry: the entry of one millisecond."""
    resource = _resource(call)
    row = await services.data.entry(resource, parameters.time(call.request.params["time"]))
    return Answer(200, members(resource) + row)


async def delete_data_entry(services: Services, call: Call) -> Answer:
    """deleteDataEntry: gone afterwards, whether it was there or not (R26)."""
    await services.data.delete(_resource(call), parameters.time(call.request.params["time"]))
    return EMPTY


async def get_data_entries_by_category(services: Services, call: Call) -> Answer:
    """getDataEntriesByCategory: a page of the entries of one category, from all resources."""
    request = call.request
    category = request.params["category"]
    key = request.query("last_evaluated_key")
    after = None if key is None else paging.parse_category_key(key)
    found = await services.data.category(call.account, category, parameters.time_range(request.query_string), after)
    next_key = None if found.next_after is None else paging.category_key(found.next_after)
    return page(join_mixed(found.rows), request, ("data", "categories", category), next_key)


async def list_data_resource_metadata(services: Services, call: Call) -> Answer:
    """listDataResourceMetadata: the resources that have sent data."""
    return await _resources(services, call, ("data", "metadata", "resources"))


async def list_data_source_resources(services: Services, call: Call) -> Answer:
    """listDataSourceResources: the same under its old path."""
    return await _resources(services, call, ("data", "resources"))


async def create_camera_entry(services: Services, call: Call) -> Answer:
    """createSoraCamDeviceDataEntry: an entry of a camera at the time of receipt."""
    camera, payload = _camera(call), await _payload(services, call.request)
    await services.ingest.submit(camera, payload, category=services.devices.category(camera))
    return Answer(201)


async def update_camera_entry(services: Services, call: Call) -> Answer:
    """updateSoraCamDeviceDataEntry: an entry of a camera at a given time, overwriting what is there."""
    time = parameters.time(call.request.params["time"])
    camera, payload = _camera(call), await _payload(services, call.request)
    await services.ingest.submit(camera, payload, time, services.devices.category(camera))
    return Answer(200)


async def _alias(services: Services, call: Call, kind: str, path: str, parameter: str) -> Answer:
    resource_id = call.request.params[parameter]
    return await _entries(services, call, kind, resource_id, (path, resource_id, "data"))


async def _entries(services: Services, call: Call, kind: str, resource_id: str, path: tuple[str, ...]) -> Answer:
    query = call.request.query_string
    asked = (_remembered if len(query) <= REMEMBERED_BYTES else _asked)(call.account, kind, resource_id, path, query)
    found = await services.data.entries(asked.resource, asked.span, asked.after)
    return Answer(200, parts=page_parts(asked.resource, found.rows), headers=asked.headers(found.next_after))


class _Asked(Struct, frozen=True, dict=True):
    """A page of one resource's entries, as the segments of a path and its query ask for it."""

    resource: Resource
    span: TimeRange
    after: int | None
    path: tuple[str, ...]
    query_string: bytes

    @cached_property
    def _link(self) -> Link:
        return link_to(self.path, self.query_string)

    def headers(self, next_after: int | None) -> tuple[Header, ...]:
        """Those of the page whose last entry has this time, if more follows."""
        return () if next_after is None else self._link.headers(paging.entry_key(next_after, self.resource.id))


def _asked(account: str, kind: str, resource_id: str, path: tuple[str, ...], query_string: bytes) -> _Asked:
    resource = parameters.resource(account, kind, resource_id)
    key = parse_query(query_string).get("last_evaluated_key")
    after = None if key is None else paging.parse_entry_key(key)
    return _Asked(resource, parameters.time_range(query_string), after, path, query_string)


_remembered = lru_cache(REMEMBERED)(_asked)
"""Clients ask for the same again and again."""


async def _resources(services: Services, call: Call, path: tuple[str, ...]) -> Answer:
    request = call.request
    text, key = request.query("resource_type"), request.query("last_evaluated_key")
    kind = None if text is None else parameters.resource_type(text)
    after = None if key is None else paging.parse_resource_key(key, kind)
    limit = parameters.limit(request, RESOURCES_LIMIT, RESOURCES_LARGEST)
    found = await services.data.resources(call.account, kind, after, limit)
    last = found.resources[-1].resource if found.more and found.resources else None
    next_key = None if last is None else paging.resource_key(last.type, last.id)
    return page(encode_json([_shown(metadata) for metadata in found.resources]), request, path, next_key)


def _shown(metadata: ResourceMetadata) -> dict[str, object]:
    return {
        "resourceType": metadata.resource.type,
        "resourceId": metadata.resource.id,
        "lastModifiedTime": metadata.last_modified_time,
        "attributeNames": metadata.attribute_names,
    }


def _resource(call: Call) -> Resource:
    params = call.request.params
    return parameters.resource(call.account, params["resource_type"], params["resource_id"])


def _camera(call: Call) -> Resource:
    device_id = parameters.checked_id(call.request.params["device_id"])
    return Resource(call.account, ResourceType.SORA_CAM, device_id)


async def _payload(services: Services, request: Request) -> Payload:
    return Payload(await request.body(services.limits.payload_bytes), request.header(b"content-type"))
