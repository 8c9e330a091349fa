"""Who sent a payload, where no address says so: somebody vouches for the sender, or it shows its secret."""

from collections.abc import Sequence

from minori.codec.beam import Vouched
from minori.errors import CredentialsWrong, UnknownDevice
from minori.model.registry import Device
from minori.model.resource import Resource, ResourceType
from minori.service.devices import DeviceView
from minori.service.passwords import is_secret
from minori.service.registry import Registry, Sender

_WORDS = {
    ResourceType.DEVICE: "Inventory device",
    ResourceType.LORA_DEVICE: "LoRaWAN device",
    ResourceType.SIGFOX_DEVICE: "Sigfox device",
    ResourceType.SORA_CAM: "camera",
}

_HEXADECIMAL = (ResourceType.LORA_DEVICE, ResourceType.SIGFOX_DEVICE)


class VouchedSenders:
    """Finds senders by their names in an account.

    Every method raises `UnknownDevice` for who is not registered there, and `SimInactive`, `NoGroup` or
    `HarvestDisabled` as an address does. Never asks the catalog.
    """

    def __init__(self, registry: Registry, devices: DeviceView) -> None:
        self._registry = registry
        self._devices = devices

    def subscriber(self, account: str, imsi: str) -> Sender:
        """The SIM with this IMSI."""
        sim = self._registry.sim_by_imsi(account, imsi)
        if sim is None:
            raise UnknownDevice("SIM", imsi)
        return self._registry.sender_of(sim)

    def sim(self, account: str, sim_id: str) -> Sender:
        """The SIM with this SIM id; its resource is the subscriber."""
        sim = self._registry.sim(account, sim_id)
        if sim is None:
            raise UnknownDevice("SIM", sim_id)
        return self._registry.sender_of(sim)

    def device(self, account: str, kind: ResourceType, device_id: str) -> Sender:
        """The device of this type and id."""
        device = self._device(account, kind, device_id)
        if device is None:
            raise UnknownDevice(_WORDS[kind], device_id)
        resource = Resource(device.account, ResourceType(device.type), device.device_id)
        return self._registry.sender_in(resource, device.group_id)

    def named(self, account: str, kind: ResourceType, name: str) -> Sender:
        """Whichever of them `kind` says."""
        if kind is ResourceType.SUBSCRIBER:
            return self.subscriber(account, name)
        if kind is ResourceType.SIM:
            return self.sim(account, name)
        return self.device(account, kind, name)

    def account(self, accounts: Sequence[str], vouched: Vouched) -> str:
        """Which of `accounts`, at least one, knows whom Beam vouches for; the first where none does."""
        return next((account for account in accounts if self._knows(account, vouched)), accounts[0])

    def vouched(self, account: str, vouched: Vouched) -> Sender:
        """Whom Beam vouches for; where it says a SIM id beside an IMSI, both must be one SIM's."""
        sender = self.named(account, vouched.type, vouched.id)
        if vouched.sim_id is not None and self.sim(account, vouched.sim_id).resource != sender.resource:
            raise UnknownDevice("SIM with this SIM id and IMSI", vouched.id)
        return sender

    def publisher(self, device_id: str, secret: str) -> Resource:
        """The Inventory device of this id, whosever it is, that has this secret; whether it may store is not asked.

        Raises `CredentialsWrong` alone, for a device that there is not in the same words and time.
        """
        device = self._devices.inventory(device_id)
        if not is_secret(secret, None if device is None else device.secret_sha256) or device is None:
            raise CredentialsWrong("The device secret is not that of this device; it was told when the device was made")
        return Resource(device.account, ResourceType.DEVICE, device.device_id)

    def _knows(self, account: str, vouched: Vouched) -> bool:
        if vouched.type is ResourceType.SUBSCRIBER:
            return self._registry.sim_by_imsi(account, vouched.id) is not None
        if vouched.type is ResourceType.SIM:
            return self._registry.sim(account, vouched.id) is not None
        return self._device(account, vouched.type, vouched.id) is not None

    def _device(self, account: str, kind: ResourceType, device_id: str) -> Device | None:
        """A device; an id in hexadecimal may be registered in capitals or not, whatever the network writes."""
        device = self._devices.get(account, kind, device_id)
        if device is None and kind in _HEXADECIMAL:
            device = self._devices.get(account, kind, device_id.lower())
            device = device or self._devices.get(account, kind, device_id.upper())
        return device
