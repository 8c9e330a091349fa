"""The keys of the entry store: bytes whose order is the order of reading.

One letter says what a key is for. Names end with NUL, which no name contains, so that a shorter name
sorts before a longer one that begins with it. A time is eight bytes, big-endian.

| key | value |
|---|---|
| `E` account NUL type id NUL time | the row (`codec.entry`) |
| `E` account NUL type id NUL | empty: the fence before a resource's first row |
| `E` account NUL type id NUL time FF | empty: the fence between that time, where rows were sealed, and the rows |
| `E` account NUL type id NUL, nine bytes FF | empty: the fence behind its last row |
| `F` | empty: the fence behind the last resource |
| `C` account NUL category NUL time type id | empty: the entry that carries the category |
| `K` account NUL type id NUL time | a block: rows sealed together, of which the oldest has this time (`codec.block`) |
| `M` account NUL type id | when the resource was last written, the counts under way, where its rows are (`metadata`) |
| `N` account NUL type id | the resource's attribute names, a JSON array |
| `S` account NUL type id NUL number | the writes received in one five minutes, as eight bytes |
| `T` account NUL type id NUL number | the writes received in one day, as eight bytes |
| `R` | the horizon of retention, as eight bytes |

The fences stop a scan at the end of a resource without a look at the keys it passes, and before what is left of rows
that were sealed. Where the first
resource has no fence yet, a scan backwards runs into `C`, whose values are empty too: no letter below `E`
may have others.
"""

import struct
from typing import Final

from minori.model.entry import CategoryKey
from minori.model.resource import Resource, ResourceType
from minori.model.statistics import Interval

CODES: Final = {
    ResourceType.DEVICE: b"\x01",
    ResourceType.LORA_DEVICE: b"\x02",
    ResourceType.SIGFOX_DEVICE: b"\x03",
    ResourceType.SIM: b"\x04",
    ResourceType.SORA_CAM: b"\x05",
    ResourceType.SUBSCRIBER: b"\x06",
}
"""One byte a type, in the order of the types' names. Part of the stored form: never reuse one."""

TYPES: Final = {code[0]: kind for kind, code in CODES.items()}

COUNTS: Final = {Interval.FIVE_MINUTES: b"S", Interval.DAY: b"T"}
"""The letter of each interval's counts; their number counts intervals from UNIX time 0 on, in eight bytes."""

FENCE: Final = b""
"""The value of every fence; a row is never empty."""

METADATA: Final = b"M"
"""What the metadata keys of all resources begin with."""

HORIZON: Final = b"R"
"""The key of the horizon of retention."""

END: Final = b"F"
"""The key of the fence behind the last resource."""

_time = struct.Struct(">Q")
pack_time = _time.pack

TIME_BYTES: Final = _time.size
"""Bytes of a packed time, with which every row's key ends."""


def unpack_time(packed: bytes) -> int:
    """The time that `pack_time` packed."""
    time: int = _time.unpack(packed)[0]
    return time


def entry_prefix(resource: Resource) -> bytes:
    """What all keys of a resource's rows begin with; also the key of the fence before them."""
    return b"E%b\0%b%b\0" % (resource.account.encode(), CODES[resource.type], resource.id.encode())


def last_fence(prefix: bytes) -> bytes:
    """The key of the fence behind the rows under `prefix`."""
    return prefix + b"\xff" * 9


def fence_before(prefix: bytes, time: int) -> bytes:
    """The key of the fence right before the row of a time, which is at least 1."""
    return prefix + pack_time(time - 1) + b"\xff"


def block_prefix(prefix: bytes) -> bytes:
    """What the keys of a resource's blocks begin with, from the prefix of its rows' keys."""
    return b"K" + prefix[1:]


def category_prefix(account: str, category: str) -> bytes:
    """What all keys of a category begin with."""
    return b"C%b\0%b\0" % (account.encode(), category.encode())


def category_key(prefix: bytes, place: CategoryKey) -> bytes:
    """The key of one entry within the category under `prefix`."""
    return b"%b%b%b%b" % (prefix, pack_time(place.time), CODES[place.type], place.id.encode())


def parse_category_key(prefix: bytes, key: bytes) -> CategoryKey:
    """The place that a key under `prefix` stands for."""
    rest = key[len(prefix) :]
    return CategoryKey(unpack_time(rest[:8]), TYPES[rest[8]], rest[9:].decode())


def metadata_prefix(account: str) -> bytes:
    """What the keys of all resources of an account begin with."""
    return b"M%b\0" % account.encode()


def metadata_key(resource: Resource) -> bytes:
    """The key of when a resource was last written."""
    return b"%b%b%b" % (metadata_prefix(resource.account), CODES[resource.type], resource.id.encode())


def parse_metadata_key(account: str, key: bytes) -> Resource:
    """The resource whose metadata key this is."""
    rest = key[len(metadata_prefix(account)) :]
    return Resource(account, TYPES[rest[0]], rest[1:].decode())


def parse_resource(key: bytes) -> Resource:
    """The resource whose metadata key this is, whoever's it is."""
    account, _, rest = key[len(METADATA) :].partition(b"\0")
    return Resource(account.decode(), TYPES[rest[0]], rest[1:].decode())


def names_key(metadata: bytes) -> bytes:
    """The key of a resource's attribute names, from its metadata key."""
    return b"N" + metadata[1:]
