"""Heads of requests that were taken apart before: a device puts the same bytes in front of every payload.

Where a request begins with one of them and has its body in the same read, the parser is not asked. Its bytes alone
decide what a head means, and what is kept is what the parser's way has made of them: a test holds both ways to the
same answers. Only plain heads are kept, which leave nothing to be decided but where the payload goes.
"""

from collections.abc import Mapping

from msgspec import Struct

from minori.config.settings import Limits
from minori.doors.route import Route
from minori.model.payload import Payload
from minori.model.refusal import Service

HEAD_BYTES = 512
"""The longest head that is kept (our choice; those of devices have 60 to 300)."""

KEPT = 2048
"""How many heads are kept before all of them are forgotten (our choice): at most 3 MiB in all."""

_END = b"\r\n\r\n"
_METHODS = (b"POST ", b"PUT ")
_NOT_PLAIN = frozenset({b"transfer-encoding", b"expect", b"x-soracom-timestamp"})


class Head(Struct, frozen=True):
    """What a head of `size` bytes means; its body ends at `end`, counted from the beginning of the head."""

    size: int
    end: int
    route: Route
    content_type: str | None
    service: Service

    def payload(self, read: bytes) -> Payload:
        """The payload of the request that `read` begins with."""
        return Payload(read[self.size : self.end], self.content_type, None, self.service)


class Heads:
    """The heads that one door keeps, whichever connection they came on."""

    def __init__(self, limits: Limits) -> None:
        # Without the blanks that lines may lack, a head counts as less than twice its bytes: it is within the limit.
        self._head_bytes = min(HEAD_BYTES, limits.head_bytes // 2)
        self._payload_bytes = limits.payload_bytes
        self._kept: dict[bytes, Head] = {}

    def find(self, read: bytes) -> Head | None:
        """What the head that `read` begins with means, if it is kept and the body is whole."""
        head = self._kept.get(read[: read.find(_END) + len(_END)])
        return head if head is not None and head.end <= len(read) else None

    def keep(self, read: bytes, fields: Mapping[bytes, bytes], route: Route, payload: Payload) -> None:
        """Keep the head that `read` begins with if it is plain: the parser has made these of it and its body.

        Names in `fields` are lower case. The connection goes on after the request.
        """
        if not _NOT_PLAIN.isdisjoint(fields):
            return
        size = read.find(_END) + len(_END)
        end = size + len(payload.body)
        if (
            size <= self._head_bytes
            and len(payload.body) <= self._payload_bytes
            and read.startswith(_METHODS)
            and read[size:end] == payload.body
        ):
            if len(self._kept) >= KEPT:
                self._kept.clear()
            self._kept[read[:size]] = Head(size, end, route, payload.content_type, payload.service)
