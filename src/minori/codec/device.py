"""Devices that are no SIMs, on the wire: what makes one, and how it is shown."""

from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from minori.codec.body import parse_body
from minori.codec.registration import Registration, checked_text
from minori.codec.tags import checked_tags
from minori.model.account import operator_of
from minori.model.registry import Device
from minori.model.resource import ResourceType


class NewDevice(Struct, frozen=True):
    """What a new Inventory device starts with; `details` are members of its own that Minori only keeps."""

    registration: Registration
    details: dict[str, str]


class _Device(Struct, frozen=True, rename="camel"):
    endpoint: str | None = None
    manufacturer: str | None = None
    model_number: str | None = None
    serial_number: str | None = None
    firmware_version: str | None = None
    group_id: str | None = None
    tags: dict[str, str] | None = None


DETAILS = {
    "endpoint": "endpoint",
    "manufacturer": "manufacturer",
    "model_number": "modelNumber",
    "serial_number": "serialNumber",
    "firmware_version": "firmwareVersion",
}
"""What a new Inventory device may say of itself (documented), by the names of the wire."""


def parse_new_device(body: bytes) -> NewDevice:
    """A device in a body, of which all members may be left out, the whole body too. Raises `InvalidParameter`."""
    wanted = parse_body(body, _Device) if body.strip() else _Device()
    said = {shown: getattr(wanted, name) for name, shown in DETAILS.items()}
    details = {shown: checked_text(shown, text) for shown, text in said.items() if text}
    return NewDevice(Registration(wanted.group_id or None, checked_tags(wanted.tags or {})), details)


def device_members(device: Device) -> dict[str, Any]:
    """A device. Its id has both spellings, that of the API's definition and that of its other members.

    `lastModifiedTime` is a date and time, as the definition has it, unlike that of a SIM.
    """
    moment = datetime.fromtimestamp(device.last_modified_time / 1000, UTC)
    return {
        "device_id": device.device_id,
        "deviceId": device.device_id,
        "operatorId": operator_of(device.account),
        **({} if device.group_id is None else {"groupId": device.group_id}),
        **({} if device.type == ResourceType.DEVICE else {"status": "active"}),
        "tags": device.tags,
        **device.details,
        "lastModifiedTime": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
