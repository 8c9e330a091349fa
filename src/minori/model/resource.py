"""What data comes from: a resource, of one of the six types Harvest knows."""

from enum import StrEnum

from msgspec import Struct

ID_BYTES = 256
"""The longest resource id Minori takes, in bytes of UTF-8 (our choice; real ids have 6 to 36)."""

ATTRIBUTE_NAMES = 1000
"""The most attribute names kept of one payload and of one resource (our choice)."""

ATTRIBUTE_NAME_LENGTH = 256
"""The longest attribute name that is kept, in characters (our choice)."""


class ResourceType(StrEnum):
    """The six types of the spec, under their wire names."""

    SUBSCRIBER = "Subscriber"
    LORA_DEVICE = "LoraDevice"
    SIM = "Sim"
    SIGFOX_DEVICE = "SigfoxDevice"
    DEVICE = "Device"
    SORA_CAM = "SoraCam"


class Resource(Struct, frozen=True):
    """One resource of one account (see `model.account`).

    `id` is what the spec names for the type (IMSI, device id, SIM id …): 1 to `ID_BYTES` bytes of
    UTF-8 without NUL.
    A stored resource is never of type `Sim`: a SIM's entries are kept under its IMSI (our choice).
    """

    account: str
    type: ResourceType
    id: str


class ResourceMetadata(Struct, frozen=True):
    """What is known of a resource that has sent data.

    `last_modified_time` is the receipt of its newest write in UNIX ms, and `attribute_names` are the
    top-level members ever seen in its JSON contents, sorted, the first `ATTRIBUTE_NAMES` of them that
    came (both our choice).
    """

    resource: Resource
    last_modified_time: int
    attribute_names: tuple[str, ...]


def grow(names: tuple[str, ...], seen: tuple[str, ...]) -> tuple[str, ...]:
    """`names` with what is new in `seen`, sorted; the same tuple if nothing is."""
    known = set(names)
    new = [name for name in dict.fromkeys(seen) if name not in known][: ATTRIBUTE_NAMES - len(names)]
    return tuple(sorted([*names, *new])) if new else names
