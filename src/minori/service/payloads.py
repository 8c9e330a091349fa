"""What becomes of one payload, by what its sender's group says: its content, its items, and their times."""

from collections.abc import Callable, Collection, Mapping

from msgspec import Struct

from minori.codec import lorawan, sigfox
from minori.codec.batch import BATCH_BYTES, split_batch
from minori.codec.content import JSON, Content, classify, is_json, read_text, unlooked, wrap
from minori.codec.customtime import read_time
from minori.codec.harvestoptions import DEFAULT_TIME
from minori.codec.timestamps import parse_milliseconds
from minori.codec.uplink import payload_of, with_fields
from minori.codec.webhooks import MESSAGE_BYTES
from minori.errors import EmptyPayload, PayloadTooLarge, PayloadUnfit
from minori.model.payload import Payload
from minori.model.resource import ResourceType
from minori.service.registry import Sender

RESERVED: Mapping[ResourceType, Collection[str]] = {
    ResourceType.LORA_DEVICE: lorawan.RESERVED,
    ResourceType.SIGFOX_DEVICE: sigfox.RESERVED,
}
"""Resources whose payloads are envelopes, and the members that are the network's own (documented)."""

ENVELOPE_BYTES = 3 * MESSAGE_BYTES
"""The largest envelope: it may hold a network server's whole message, and most of that once more (our choice)."""


class Item(Struct, frozen=True):
    """What is stored as one entry. `time` is what the sender says, in UNIX ms; `None` for the receipt."""

    content: Content
    time: int | None


def largest(sender: Sender, payload_bytes: int) -> int:
    """The largest body that may be sent; `payload_bytes` is the server's limit of one payload.

    An envelope has a limit of its own: the device's few bytes are the least part of it (our choice).
    """
    options = sender.options
    if sender.resource.type in RESERVED:
        return ENVELOPE_BYTES
    return BATCH_BYTES if options.batch is not None else options.payload_bytes or payload_bytes


def read_payload(
    payload: Payload, sender: Sender, payload_bytes: int, unfit: Callable[[PayloadUnfit], object]
) -> tuple[Item, ...]:
    """The entries that a payload becomes, at least one.

    What the binary parser's format does not fit is kept as it came, and `unfit` is told (our choice). The time in
    the payload counts before that in a header (our choice). Raises `EmptyPayload`, `PayloadTooLarge`,
    `InvalidTimestamp`, `InvalidTime`, `InvalidBatch`.
    """
    options = sender.options
    if not payload.body:
        raise EmptyPayload
    if len(payload.body) > largest(sender, payload_bytes):
        raise PayloadTooLarge(largest(sender, payload_bytes))
    content = _content(payload, sender, unfit)
    if options.batch is not None:
        item_bytes = options.payload_bytes or payload_bytes
        items = split_batch(content, options.batch, options.time or DEFAULT_TIME, item_bytes)
        return tuple([Item(item.content, item.time) for item in items])
    time = None
    if options.time is not None:
        time = read_time(content.text if content.content_type == JSON else "", options.time)
    if time is None and payload.timestamp is not None:
        time = parse_milliseconds(payload.timestamp)
    return (Item(content, time),)


def _content(payload: Payload, sender: Sender, unfit: Callable[[PayloadUnfit], object]) -> Content:
    kind, options = sender.resource.type, sender.options
    if not options.formats:
        if options.batch is not None and is_json(payload.content_type):
            # It is taken apart anyway, which finds what is wrong with it.
            return unlooked(payload.body)
        return classify(payload.body, payload.content_type)
    parser = options.parser_format(kind)
    text = read_text(payload.body, payload.content_type)
    if parser is not None:
        try:
            if kind in RESERVED and text is not None:
                data = payload_of(text.text)
                if data is not None:
                    merged = with_fields(text.text, parser.parse(data).text, RESERVED[kind])
                    return classify(merged.encode(), JSON)
            elif text is None:
                return parser.parse(payload.body)
        except PayloadUnfit as error:
            unfit(error)
    return text or wrap(payload.body)
