"""Devices of an operator that are no SIMs: of Inventory, LoRaWAN and Sigfox, and cameras.

An Inventory device is made here, with a key and a secret that it is known by. The others have an id of their
network or maker, under which they are registered, so that a group can say what becomes of their entries.
"""

import secrets
from collections.abc import Callable, Collection, Mapping
from itertools import islice

from msgspec import Struct
from msgspec.structs import replace

from minori.codec.device import NewDevice
from minori.codec.registration import Registration
from minori.codec.tags import checked_tags
from minori.errors import InvalidParameter, LimitReached, NotFound, Overloaded
from minori.model.registry import Device, Record
from minori.model.resource import Resource, ResourceType
from minori.model.selection import TagFilter
from minori.service.groups import joined
from minori.service.passwords import random_text, sha256_hex
from minori.service.registry import Registry
from minori.service.shelves import Shelves
from minori.service.views import Views
from minori.storage.base import Catalog, Conflict, Insert, Noted, Remove, Replace

DEVICES = 100_000
"""The most devices of one type and account (our choice): all of them are held in memory."""

TRIES = 20
"""How often a change is begun anew because somebody else changed the same device meanwhile (our choice)."""

_ID_LENGTH, _KEY_ID_LENGTH, _SECRET_LENGTH = 20, 32, 48


class DeviceKey(Struct, frozen=True):
    """What a new Inventory device is known by. The secret is shown this once, and only its SHA-256 is kept.

    Both are letters and digits, so that a device may put them into a query as they are.
    """

    device_key_id: str
    device_secret: str

    def __repr__(self) -> str:
        """Without the secret, for logs and tracebacks."""
        return f"DeviceKey({self.device_key_id})"


class DeviceView:
    """All devices in memory; a view that `views.Views` keeps true."""

    kinds: tuple[type[Record], ...] = (Device,)

    def __init__(self) -> None:
        self._devices: dict[str, Device] = {}
        self._inventory: dict[str, Device] = {}
        self._of_account = Shelves()

    def take(self, noted: Noted) -> None:
        """See `views.View`."""
        old = self._devices.pop(noted.key, None)
        if old is not None:
            self._of_account.remove(_shelf(old.account, old.type), old.device_id)
            if old.type == ResourceType.DEVICE:
                self._inventory.pop(old.device_id, None)
        if isinstance(noted.record, Device):
            device = self._devices[noted.key] = noted.record
            self._of_account.add(_shelf(device.account, device.type), device.device_id)
            if device.type == ResourceType.DEVICE:
                self._inventory[device.device_id] = device

    def keys(self, kind: type[Record]) -> Collection[str]:  # noqa: ARG002 - there is but one kind
        """See `views.View`."""
        return self._devices.keys()

    def count(self, account: str, kind: ResourceType) -> int:
        """How many devices of one type the account has."""
        return self._of_account.count(_shelf(account, kind))

    def get(self, account: str, kind: ResourceType, device_id: str) -> Device | None:
        """The device with this id, if it is the account's."""
        return self._devices.get(device_key(account, kind, device_id))

    def inventory(self, device_id: str) -> Device | None:
        """The Inventory device with this id, whosever it is: the server makes these ids, and no two are alike."""
        return self._inventory.get(device_id)

    def devices(
        self, account: str, kind: ResourceType, wanted: TagFilter | None, after: str, limit: int
    ) -> list[Device]:
        """The account's devices that have the tag, in order of their ids, beyond `after`."""
        ids = self._of_account.beyond(_shelf(account, kind), after)
        devices = (self._devices[device_key(account, kind, device_id)] for device_id in ids)
        return list(islice((one for one in devices if wanted is None or wanted.fits(one.tags)), limit))


class DeviceService:
    """The devices of all operators; each sees its own alone. `clock_ms` gives UNIX ms."""

    def __init__(
        self, catalog: Catalog, view: DeviceView, registry: Registry, views: Views, clock_ms: Callable[[], int]
    ) -> None:
        self._catalog = catalog
        self._view = view
        self._registry = registry
        self._views = views
        self._clock_ms = clock_ms

    def get(self, account: str, kind: ResourceType, device_id: str) -> Device:
        """The account's device. Raises `NotFound`."""
        return _there(self._view.get(account, kind, device_id))

    def page(self, account: str, kind: ResourceType, wanted: TagFilter | None, after: str, limit: int) -> list[Device]:
        """The account's devices of one type that have the tag, in order of their ids, beyond `after`."""
        return self._view.devices(account, kind, wanted, after, limit)

    def category(self, resource: Resource) -> str | None:
        """The category that its group has for the entries of a device; `None` without a group, or for one unknown."""
        device = self._view.get(resource.account, resource.type, resource.id)
        group_id = None if device is None else device.group_id
        return None if group_id is None else self._registry.category(resource.account, group_id)

    async def create(self, account: str, wanted: NewDevice) -> tuple[Device, DeviceKey]:
        """A new Inventory device. Raises `NotFound` for a group that there is not, and `LimitReached`."""
        pair = DeviceKey(f"k-{random_text(_KEY_ID_LENGTH)}", random_text(_SECRET_LENGTH))
        device_id = f"d-{''.join(secrets.choice('0123456789abcdefghijklmnopqrstuvwxyz') for _ in range(_ID_LENGTH))}"
        device = self._new(account, ResourceType.DEVICE, device_id, wanted.registration)
        device = replace(
            device,
            details=wanted.details,
            device_key_id=pair.device_key_id,
            secret_sha256=sha256_hex(pair.device_secret),
        )
        await self._insert(device)
        return device, pair

    async def register(self, account: str, kind: ResourceType, device_id: str, wanted: Registration) -> Device:
        """A device that has an id already. Raises `InvalidParameter` where it is registered, and as `create` does."""
        device = self._new(account, kind, device_id, wanted)
        await self._insert(device)
        return device

    async def delete(self, account: str, kind: ResourceType, device_id: str) -> None:
        """Remove a device; its entries stay (our choice). Raises `NotFound`."""
        await self._views.apply(Remove(await self._known(account, kind, device_id)))

    async def set_group(self, account: str, kind: ResourceType, device_id: str, group_id: str) -> Device:
        """Put it into a group, out of the one it is in. Raises `NotFound` for a device or a group that there is not."""
        return await self._change(account, kind, device_id, lambda device: replace(device, group_id=group_id), group_id)

    async def unset_group(self, account: str, kind: ResourceType, device_id: str) -> Device:
        """Take it out of its group. Raises `NotFound`, where it is in none too (documented)."""

        def leave(device: Device) -> Device:
            if device.group_id is None:
                raise NotFound("The device is in no group")
            return replace(device, group_id=None)

        return await self._change(account, kind, device_id, leave)

    async def put_tags(self, account: str, kind: ResourceType, device_id: str, tags: Mapping[str, str]) -> Device:
        """Add these tags, and replace those of the same names. Raises `NotFound`, `InvalidParameter` for too many."""
        return await self._change(
            account, kind, device_id, lambda device: replace(device, tags=checked_tags({**device.tags, **tags}))
        )

    async def delete_tag(self, account: str, kind: ResourceType, device_id: str, tag: str) -> None:
        """Remove a tag. Raises `NotFound`, where there is no such tag too (documented)."""

        def strip(device: Device) -> Device:
            if tag not in device.tags:
                raise NotFound("The device has no tag of this name")
            return replace(device, tags={name: value for name, value in device.tags.items() if name != tag})

        await self._change(account, kind, device_id, strip)

    def _new(self, account: str, kind: ResourceType, device_id: str, wanted: Registration) -> Device:
        if self._view.count(account, kind) >= DEVICES:
            raise LimitReached(f"There are {DEVICES} devices of this type already, the most of one operator")
        now = self._clock_ms()
        key = device_key(account, kind, device_id)
        return Device(key, account, kind, device_id, wanted.group_id, wanted.tags, {}, now, now)

    async def _insert(self, device: Device) -> None:
        """Write a new device, into its group if it has one, whatever becomes of that meanwhile."""
        for _ in range(TRIES):
            held = await joined(self._catalog, device.account, device.group_id)
            try:
                await self._views.apply(Insert(device), *held)
            except Conflict:
                if await self._catalog.get(Device, device.key) is not None:
                    raise InvalidParameter("The device is registered already") from None
                continue
            return
        raise Overloaded

    async def _change(
        self,
        account: str,
        kind: ResourceType,
        device_id: str,
        changed: Callable[[Device], Device],
        group_id: str | None = None,
    ) -> Device:
        """Change a device as the catalog has it, whatever others change meanwhile; `group_id` is what it joins."""
        for _ in range(TRIES):
            held = await joined(self._catalog, account, group_id)
            known = await self._known(account, kind, device_id)
            device = changed(known)
            if device == known:
                return known
            device = replace(device, last_modified_time=max(self._clock_ms(), known.last_modified_time))
            try:
                await self._views.apply(Replace(device, known), *held)
            except Conflict:
                continue
            return device
        raise Overloaded

    async def _known(self, account: str, kind: ResourceType, device_id: str) -> Device:
        return _there(await self._catalog.get(Device, device_key(account, kind, device_id)))


def device_key(account: str, kind: ResourceType, device_id: str) -> str:
    """The key of a device's record; an account and a type hold no slash."""
    return f"{account}/{kind}/{device_id}"


def _shelf(account: str, kind: str) -> str:
    return f"{account}/{kind}"


def _there(device: Device | None) -> Device:
    if device is None:
        raise NotFound("There is no device with this id")
    return device
