"""What was not taken in: refusals of one account, who nobody knows, a question about them, and a page of answers."""

from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from minori.model.resource import Resource, ResourceType


class Service(StrEnum):
    """What a sender spoke to, as the log names it (documented words; Harvest is Data and Files)."""

    HARVEST = "Harvest"
    UNIFIED = "Unified"


class Level(StrEnum):
    """How bad a refusal is (documented words): the sender's mistake is a warning, what the server lacks an error."""

    WARNING = "warning"
    ERROR = "error"


class Origin(Struct, frozen=True):
    """Where a payload came from, as far as it is known when it is refused.

    `address` is the text of the source's IP address, empty where it says nothing of the sender. Without a `resource`
    the address tells it, unless somebody has proved in whose name it sends: then `account` says that.
    """

    address: str = ""
    resource: Resource | None = None
    account: str | None = None
    service: Service = Service.HARVEST


NOWHERE = Origin()
"""Nothing is known of the sender."""


class Refusal(Struct, frozen=True):
    """A payload that was not taken in, or `count` of one sender for one reason. No payload is in it.

    `door` is the way it came. Without a `resource_type` the sender is not known, or there were too many to name.
    `reason` is the name of the error, `message` what the sender was told. `size` is that of the largest, in bytes,
    `None` where it was not known. `time` is that of the last one, `since` that of the first, UNIX ms.
    """

    account: str
    time: int
    since: int
    service: Service
    level: Level
    door: str
    resource_type: ResourceType | None
    resource_id: str | None
    address: str
    reason: str
    message: str
    size: int | None
    count: int = 1


class UnknownSender(Struct, frozen=True):
    """An address that something came from, and that is no SIM's: `first` and `last` are UNIX ms.

    `count` is how many payloads came. `door`, `reason` and `size` (bytes, if known) are those of the last one.
    """

    address: str
    first: int
    last: int
    count: int
    door: str
    reason: str
    size: int | None


def merged(known: UnknownSender, more: UnknownSender) -> UnknownSender:
    """What is known of an address from two reports of it, neither of which has a payload of the other."""
    later = more if more.last >= known.last else known
    return replace(later, first=min(known.first, more.first), count=known.count + more.count)


class RefusalQuery(Struct, frozen=True):
    """Refusals of one account from `first` to `last` (UNIX ms, both included), at most `limit`, the newest.

    Where given, of one service, of resources of one type, of one resource id, and only those that were logged after
    the one with the sequence `after`.
    """

    account: str
    service: Service | None = None
    resource_type: ResourceType | None = None
    resource_id: str | None = None
    first: int = 0
    last: int = 2**63 - 1
    limit: int = 100
    after: int = 0


class RefusalPlace(Struct, frozen=True):
    """Behind which refusal a page ended: only what is older follows. Those of one account are numbered as they come."""

    time: int
    sequence: int


class RefusalPage(Struct, frozen=True):
    """The newest refusals first; `end` is where the next page begins, `None` if nothing follows.

    `newest` is the highest sequence on the page, 0 on an empty one.
    """

    refusals: Sequence[Refusal]
    end: RefusalPlace | None = None
    newest: int = 0


def page_of(found: Sequence[tuple[int, Refusal]], limit: int) -> RefusalPage:
    """A page of what was found, the newest first, up to one more than `limit`, each with its sequence."""
    page = found[:limit]
    end = RefusalPlace(page[-1][1].time, page[-1][0]) if len(found) > limit else None
    return RefusalPage([refusal for _, refusal in page], end, max((sequence for sequence, _ in page), default=0))
