"""What a device sent, before anything is known of the sender."""

from msgspec import Struct

from minori.model.refusal import Service


class Payload(Struct, frozen=True):
    """The bytes of one message and what the door was told about them.

    `content_type` is the header's value, or `None` where none came; a door without such a header
    (TCP, UDP) says `application/octet-stream`, since Harvest takes those as binary always (documented).
    `timestamp` is the text of `X-Soracom-Timestamp`, unparsed, where the door honours it. `service` is what the
    device spoke to.
    """

    body: bytes
    content_type: str | None = None
    timestamp: str | None = None
    service: Service = Service.HARVEST
