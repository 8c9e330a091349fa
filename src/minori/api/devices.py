"""Devices that are no SIMs over REST: Inventory, LoRaWAN, Sigfox, and cameras; the same operations for each."""

import msgspec

from minori.api import parameters, selection
from minori.api.answers import EMPTY, page
from minori.api.services import Services
from minori.api.sims import BODY_BYTES
from minori.codec.device import device_members, parse_new_device
from minori.codec.entry import encode_json
from minori.codec.paging import file_key, parse_file_key
from minori.codec.registration import parse_membership, parse_registration
from minori.codec.tags import parse_tags
from minori.http.exchange import Answer, Call
from minori.model.registry import Device
from minori.model.resource import ResourceType

LARGEST = 1000
"""Devices on a page, and as many without a limit (our choice; Inventory's list has none)."""


class DeviceOperations:
    """The operations on devices of one type, below `path`."""

    def __init__(self, kind: ResourceType, *path: str) -> None:
        self._kind = kind
        self._path = path

    async def list_devices(self, services: Services, call: Call) -> Answer:
        """The operator's devices in order of their ids; the next key is the last id."""
        request, wanted = call.request, selection.tag_filter(call.request)
        limit = LARGEST if request.query("limit") == "-1" else parameters.limit(request, LARGEST, LARGEST)
        after = parse_file_key(request.query("last_evaluated_key") or "")
        found = services.devices.page(call.account, self._kind, wanted, after, limit + 1)
        next_key = file_key(found[limit - 1].device_id) if len(found) > limit else None
        return page(encode_json([device_members(one) for one in found[:limit]]), request, self._path, next_key)

    async def get(self, services: Services, call: Call) -> Answer:
        """One device."""
        return _shown(services.devices.get(*self._which(call)))

    async def register(self, services: Services, call: Call) -> Answer:
        """A device that has an id of its network or maker already."""
        account, kind, device_id = self._which(call)
        wanted = parse_registration(await call.request.body(BODY_BYTES))
        checked = parameters.checked_id(device_id)
        return _shown(await services.devices.register(account, kind, checked, wanted), 201)

    async def delete(self, services: Services, call: Call) -> Answer:
        """The device is gone; its entries stay."""
        await services.devices.delete(*self._which(call))
        return EMPTY

    async def set_group(self, services: Services, call: Call) -> Answer:
        """Put it into a group."""
        group_id = parse_membership(await call.request.body(BODY_BYTES))
        return _shown(await services.devices.set_group(*self._which(call), group_id))

    async def unset_group(self, services: Services, call: Call) -> Answer:
        """Take it out of its group; a body means nothing here."""
        return _shown(await services.devices.unset_group(*self._which(call)))

    async def put_tags(self, services: Services, call: Call) -> Answer:
        """Named tags are added or replaced, the others stay."""
        tags = parse_tags(await call.request.body(BODY_BYTES))
        return _shown(await services.devices.put_tags(*self._which(call), tags))

    async def delete_tag(self, services: Services, call: Call) -> Answer:
        """One tag is gone."""
        await services.devices.delete_tag(*self._which(call), call.request.params["tag_name"])
        return EMPTY

    def _which(self, call: Call) -> tuple[str, ResourceType, str]:
        return call.account, self._kind, call.request.params["device_id"]


INVENTORY = DeviceOperations(ResourceType.DEVICE, "devices")
LORA = DeviceOperations(ResourceType.LORA_DEVICE, "lora_devices")
SIGFOX = DeviceOperations(ResourceType.SIGFOX_DEVICE, "sigfox_devices")
CAMERA = DeviceOperations(ResourceType.SORA_CAM, "sora_cam", "devices")


async def create_device(services: Services, call: Call) -> Answer:
    """createDevice: a new Inventory device, with the key and secret that are shown this once."""
    wanted = parse_new_device(await call.request.body(BODY_BYTES))
    device, pair = await services.devices.create(call.account, wanted)
    key = {"deviceKeyId": pair.device_key_id, "deviceSecret": pair.device_secret}
    return Answer(201, msgspec.json.encode(device_members(device) | key))


def _shown(device: Device, status: int = 200) -> Answer:
    return Answer(status, encode_json(device_members(device)))
