"""What a payload is stored as: our choice for every content type, as one pure function.

| declared | body | content type | content |
|---|---|---|---|
| `application/json` | JSON | `application/json` | verbatim |
| `application/json` | UTF-8, not JSON | `text/plain` | verbatim |
| `text/…` | UTF-8 | the bare type | verbatim |
| form, none, no valid or known type | JSON object or array | `application/json` | verbatim |
| the same | other UTF-8 | `text/plain` | verbatim |
| `application/octet-stream`, `image/…`, other binary types | any | `application/json` | `{"payload":"<base64>"}` |
| any | not UTF-8 | `application/json` | `{"payload":"<base64>"}` |
"""

import json
import re
from binascii import b2a_base64
from enum import Enum, auto
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Struct

from minori.model.resource import ATTRIBUTE_NAME_LENGTH, ATTRIBUTE_NAMES

JSON = "application/json"
TEXT = "text/plain"
OCTETS = "application/octet-stream"

TYPE_LENGTH = 256
"""Characters of a declared type that are looked at (our choice; registered types are far shorter)."""

REMEMBERED = 1024
REMEMBERED_CHARACTERS = 2048
"""How many sets of names are remembered, and how long a payload is at most whose names are (our choice)."""

_TEXT = re.compile(r"text/[a-z0-9!#$&^_.+-]{1,127}\Z").match
_HALF_PAIR = re.compile("[\ud800-\udfff]").search
_PAYLOAD = ("payload",)
_BINARY_TREES = ("image/", "audio/", "video/", "font/", "model/")
_BINARY_TYPES = frozenset(
    {OCTETS, "application/cbor", "application/gzip", "application/msgpack", "application/pdf", "application/protobuf"}
    | {"application/vnd.msgpack", "application/x-gzip", "application/x-msgpack", "application/x-protobuf"}
    | {"application/x-tar", "application/zip", "application/zstd"}
)
_decode = msgspec.json.Decoder().decode


class Content(Struct, frozen=True):
    """What is stored: the text, its type, and the top-level members if it is a JSON object."""

    text: str
    content_type: str
    attribute_names: tuple[str, ...] = ()


class _Kind(Enum):
    JSON = auto()
    TEXT = auto()
    BINARY = auto()
    GUESS = auto()


def classify(body: bytes, declared: str | None) -> Content:
    """What `body` is stored as, sent under the `Content-Type` `declared`, or under none."""
    return read_text(body, declared) or wrap(body)


def is_json(declared: str | None) -> bool:
    """Whether a `Content-Type` says JSON."""
    return _kind(declared)[0] is _Kind.JSON


def unlooked(body: bytes) -> Content:
    """JSON as it came, for who looks into it anyway; bytes that are no text as `wrap` has them."""
    try:
        return Content(body.decode(), JSON)
    except UnicodeDecodeError:
        return wrap(body)


def wrap(body: bytes) -> Content:
    """What bytes are stored as that are no text: `{"payload":"<base64>"}` (seen in the wild)."""
    return Content('{"payload":"%s"}' % b2a_base64(body, newline=False).decode(), JSON, _PAYLOAD)


def read_text(body: bytes, declared: str | None) -> Content | None:
    """What `body` is stored as if it is JSON or text; `None` for bytes, which are declared so or are no UTF-8."""
    kind, bare = _kind(declared)
    if kind is _Kind.BINARY:
        return None
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    if kind is _Kind.TEXT:
        return Content(text, bare)
    try:
        value = _parse(text)
    except (ValueError, RecursionError):
        return Content(text, TEXT)
    if kind is _Kind.JSON or isinstance(value, (dict, list)):
        return Content(text, JSON, attribute_names(value, text))
    return Content(text, TEXT)


def _kind(declared: str | None) -> tuple[_Kind, str]:
    return _known_kind((declared or "")[:TYPE_LENGTH])


@lru_cache(maxsize=1024)
def _known_kind(declared: str) -> tuple[_Kind, str]:
    bare = declared.split(";", 1)[0].strip().lower()
    if bare == JSON or (bare.startswith("application/") and bare.endswith("+json")):
        return _Kind.JSON, JSON
    if _TEXT(bare):
        return _Kind.TEXT, bare
    if bare in _BINARY_TYPES or bare.startswith(_BINARY_TREES):
        return _Kind.BINARY, JSON
    return _Kind.GUESS, TEXT


def _parse(text: str) -> Any:
    """The value of JSON text; `ValueError` if it is none."""
    try:
        return _decode(text)
    except msgspec.DecodeError:
        # JSON allows what this decoder does not: half a surrogate pair, a number beyond a double.
        return json.loads(text, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def attribute_names(value: Any, text: str | None = None) -> tuple[str, ...]:
    """The names of a JSON object's members, as far as they are kept; a value of another kind has none.

    What devices send has the same names again and again; those of a `text` that is short are remembered.
    """
    if not isinstance(value, dict):
        return ()
    is_short = text is not None and len(text) <= REMEMBERED_CHARACTERS
    return (_known_names if is_short else _names)(tuple(value))


def _names(names: tuple[str, ...]) -> tuple[str, ...]:
    kept = (name for name in names if len(name) <= ATTRIBUTE_NAME_LENGTH and not _HALF_PAIR(name))
    return tuple(kept)[:ATTRIBUTE_NAMES]


_known_names = lru_cache(REMEMBERED)(_names)
