"""Batch write: one payload with an array in it, each item of which becomes an entry of its own (documented)."""

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from minori.codec.content import JSON, Content, attribute_names
from minori.codec.customtime import CustomTime, time_among
from minori.codec.pointer import Pointer, find, parse_array, split_items
from minori.errors import InvalidBatch, InvalidTime, PayloadTooLarge

BATCH_ITEMS = 100
"""The most items of one payload (documented)."""

BATCH_BYTES = 131_072
"""The largest payload with a batch in it, in bytes (our choice); the limit of one payload holds for each item."""


class BatchItem(Struct, frozen=True):
    """One item: what is stored, in its own spelling, and its time in UNIX ms."""

    content: Content
    time: int


def split_batch(content: Content, array: Pointer, time: CustomTime, item_bytes: int) -> tuple[BatchItem, ...]:
    """The items of a payload, 1 to `BATCH_ITEMS`, in their order; or none of them, if one cannot be stored.

    `array` is where the array stands, `time` where in each item its time stands; `item_bytes` is the size
    limit of an item. Raises `PayloadTooLarge` and `InvalidBatch`, which name the item, counted from 0.
    """
    if len(content.text) > BATCH_BYTES or len(content.text.encode()) > BATCH_BYTES:
        raise PayloadTooLarge(BATCH_BYTES)
    found = find(array, content.text) if content.content_type == JSON else None
    items = None if found is None else split_items(found)
    values = None if not items else parse_array(content.text, found or "")
    if not items or values is None:
        raise InvalidBatch(
            f"The payload has no JSON array with items in it at {array.told}, where its group's batchWrite looks for it"
        )
    if len(items) > BATCH_ITEMS:
        raise InvalidBatch(f"The batch has {len(items)} items; {BATCH_ITEMS} are the most, send the others in another")
    exact = replace(time, falls_back=False)
    pairs = zip(items, values, strict=True)
    return tuple([_item(index, text, value, exact, item_bytes) for index, (text, value) in enumerate(pairs)])


def _item(index: int, text: str, value: Any, custom: CustomTime, item_bytes: int) -> BatchItem:
    if len(text) > item_bytes or (not text.isascii() and len(text.encode()) > item_bytes):
        raise PayloadTooLarge(item_bytes, f"Item {index} of the batch, counted from 0,")
    try:
        time = time_among(value, text, custom)
    except InvalidTime as error:
        raise InvalidBatch(f"Item {index} of the batch, counted from 0: {error.message}", index) from error
    assert time is not None  # noqa: S101 - an item never falls back on the receipt
    return BatchItem(Content(text, JSON, attribute_names(value, text)), time)
