"""What a group says about the payloads of its members: the options that Minori acts on, checked and read.

| namespace | key | value |
|---|---|---|
| `SoracomHarvest` | `enabled` | true or false (documented) |
| | `category` | text of 1 to 1,024 bytes |
| | `customTimestamp` | `{"format":"iso-8601","type":"jsonpointer","value":"/time"}` (documented), and `fallback` |
| | `batchWrite` | `{"enabled":true,"type":"jsonpointer","value":"/data"}` |
| | `binaryFormatV1Enabled` | true or false |
| | `maxPayloadBytes` | 1 to 1,048,576 |
| | `retentionDays` | 0 to 36,500; 0 keeps for ever |
| `SoracomAir`, `SoracomLora`, `SoracomSigfox` | `binaryParserEnabled` | true or false (seen in the wild) |
| | `binaryParserFormat` | a format of the binary parser (seen in the wild) |
| `UnifiedEndpoint` | `response` | `{"format":"SoracomHarvest"}` (seen in the wild) |
| | `binaryFormatV1Enabled` | true or false |

Keys without a source are named by us, since theirs are not published. Every value may be `null`, for none, unless it
is true or false. Other keys, and other members of these values, are kept and mean nothing.
"""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, NoReturn

from msgspec import Struct

from minori.codec import lorawan, sigfox
from minori.codec.binary.format import Format, parse_format
from minori.codec.customtime import CustomTime, TimeFormat
from minori.codec.exports import CATEGORY_BYTES
from minori.codec.pointer import Pointer, parse_pointer
from minori.errors import Invalid, InvalidParameter
from minori.model.resource import ResourceType

HARVEST = "SoracomHarvest"
"""The namespace of Harvest Data (documented)."""

AIR = "SoracomAir"
"""The namespace of the binary parser, for all that have none of their own (seen in the wild)."""

LORA = "SoracomLora"
SIGFOX = "SoracomSigfox"
"""The namespaces of the binary parser for LoRaWAN and Sigfox devices, before `AIR` (our choice of names)."""

UNIFIED = "UnifiedEndpoint"
"""The namespace of the Unified Endpoint (seen in the wild)."""

MOST_PAYLOAD_BYTES = 1_048_576
MOST_DAYS = 36_500

REPLY_BYTES = 1_024
"""The longest body of a reply of one's own, in bytes of UTF-8 (our choice)."""

RESPONSES = ("Auto", "Unified", "SoracomBeam", "SoracomFunk", "SoracomFunnel", "SoracomHarvest", "Custom")
"""The forms of a reply of the Unified Endpoint (documented; their spelling is seen for one, chosen for the rest)."""

DEFAULT_TIME = CustomTime(Pointer(("time",)))
"""Where items of a batch say their time if the group does not say: at `/time`, in ISO 8601 (our choice)."""

_POINTERS = "jsonpointer"
_media_type = re.compile(
    r"[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}(?:; ?charset=[A-Za-z0-9-]{1,32})?\Z"
).match


class Reply(Struct, frozen=True):
    """A reply of one's own: over TCP and UDP the body alone."""

    status: int
    body: str
    content_type: str = "text/plain"


class UnifiedResponse(Struct, frozen=True):
    """How the Unified Endpoint answers: one of `RESPONSES`; `Custom` says `success` or `failure`."""

    format: str = "Auto"
    success: Reply = Reply(200, "")
    failure: Reply = Reply(400, "")


class HarvestOptions(Struct, frozen=True):
    """What a group says, ready for use.

    `time` is where a payload says its time, `None` for the receipt. `batch` is where its array stands, `None`
    for payloads that are one entry each; with it there always is a `time`. `framed` and `unified_framed` say
    whether TCP comes in frames of Binary Format v1, at Harvest Data and the Unified Endpoint. `payload_bytes`
    is `None` for the server's limit, `retention_days` for the server's own, and 0 for ever. `formats` are those of
    the binary parser that are switched on, by namespace.
    """

    enabled: bool = False
    category: str | None = None
    time: CustomTime | None = None
    batch: Pointer | None = None
    framed: bool = False
    payload_bytes: int | None = None
    retention_days: int | None = None
    formats: Mapping[str, Format] = {}
    response: UnifiedResponse = UnifiedResponse()
    unified_framed: bool = False

    def parser_format(self, kind: ResourceType) -> Format | None:
        """The format of the binary parser for payloads of such a resource, `None` if it is off."""
        own = {ResourceType.LORA_DEVICE: LORA, ResourceType.SIGFOX_DEVICE: SIGFOX}.get(kind, AIR)
        return self.formats.get(own, self.formats.get(AIR))


def check_option(namespace: str, key: str, value: Any) -> None:
    """Raises `InvalidParameter` or `InvalidFormat` if Minori acts on this option and could not act on this value."""
    reader = _READERS.get((namespace, key))
    if reader is not None:
        reader(f"{key} of {namespace}", value)


def read_options(configuration: Mapping[str, Mapping[str, Any]]) -> HarvestOptions:
    """What a group's configuration says.

    Never raises: a value that `check_option` would refuse, which can only be from before it did, counts as
    absent.
    """
    said: dict[tuple[str, str], Any] = {}
    for place, reader in _READERS.items():
        namespace, key = place
        options = configuration.get(namespace, {})
        if key in options:
            try:
                said[place] = reader(key, options[key])
            except Invalid:
                continue
    time, batch = said.get((HARVEST, "customTimestamp")), said.get((HARVEST, "batchWrite"))
    return HarvestOptions(
        said.get((HARVEST, "enabled"), False),
        said.get((HARVEST, "category")),
        time if time is not None or batch is None else DEFAULT_TIME,
        batch,
        said.get((HARVEST, "binaryFormatV1Enabled"), False),
        said.get((HARVEST, "maxPayloadBytes")),
        said.get((HARVEST, "retentionDays")),
        _formats(said),
        said.get((UNIFIED, "response")) or UnifiedResponse(),
        said.get((UNIFIED, "binaryFormatV1Enabled"), False),
    )


def _formats(said: Mapping[tuple[str, str], Any]) -> dict[str, Format]:
    return {
        namespace: said[namespace, "binaryParserFormat"]
        for namespace in (AIR, LORA, SIGFOX)
        if said.get((namespace, "binaryParserEnabled")) and said.get((namespace, "binaryParserFormat"))
    }


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        _invalid(f"{name} must be true or false")
    return value


def _category(name: str, value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or "\0" in value or not 1 <= _bytes(value) <= CATEGORY_BYTES:
        _invalid(f"{name} must be a text of 1 to {CATEGORY_BYTES} bytes of UTF-8 without NUL, or null")
    return value


def _number(low: int, high: int) -> Callable[[str, Any], int | None]:
    def read(name: str, value: Any) -> int | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            _invalid(f"{name} must be a whole number from {low} to {high}, or null")
        return value

    return read


def _custom_time(name: str, value: Any) -> CustomTime | None:
    if value is None:
        return None
    pointer = _pointer(name, value)
    form = value.get("format")
    if form not in tuple(TimeFormat):
        _invalid(f"format in {name} must be {', '.join(tuple(TimeFormat)[:-1])} or {tuple(TimeFormat)[-1]}")
    return CustomTime(pointer, TimeFormat(form), _flag(f"fallback in {name}", value.get("fallback", False)))


def _batch(name: str, value: Any) -> Pointer | None:
    if value is None:
        return None
    pointer = _pointer(name, value)
    return pointer if _flag(f"enabled in {name}", value.get("enabled", True)) else None


def _pointer(name: str, value: Any) -> Pointer:
    if not isinstance(value, dict):
        _invalid(f"{name} must be an object with type and value, or null")
    if value.get("type", _POINTERS) != _POINTERS:
        _invalid(f"type in {name} must be {_POINTERS}")
    text = value.get("value") or ""
    if not isinstance(text, str):
        _invalid(f"value in {name} must be a text: a JSON Pointer, or empty for the whole payload")
    try:
        return parse_pointer(text)
    except InvalidParameter as error:
        raise InvalidParameter(f"value in {name} is no JSON Pointer: {error.message}") from error


def _format(reserved: Collection[str]) -> Callable[[str, Any], Format | None]:
    def read(name: str, value: Any) -> Format | None:
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            _invalid(f"{name} must be a text, a format of the binary parser, or null")
        return parse_format(value, reserved)

    return read


def _response(name: str, value: Any) -> UnifiedResponse | None:
    if value is None:
        return None
    if not isinstance(value, dict) or value.get("format", "Auto") not in RESPONSES:
        _invalid(f"{name} must be an object whose format is {', '.join(RESPONSES[:-1])} or {RESPONSES[-1]}, or null")
    default = UnifiedResponse()
    return UnifiedResponse(
        value.get("format", "Auto"),
        _reply(f"success in {name}", value.get("success"), default.success),
        _reply(f"failure in {name}", value.get("failure"), default.failure),
    )


def _reply(name: str, value: Any, default: Reply) -> Reply:
    if value is None:
        return default
    if not isinstance(value, dict):
        _invalid(f"{name} must be an object with statusCode and body")
    status, body = value.get("statusCode", default.status), value.get("body", "")
    if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599:  # noqa: PLR2004 - the statuses of HTTP that end a request
        _invalid(f"statusCode of {name} must be a whole number from 200 to 599")
    if not isinstance(body, str) or _bytes(body) > REPLY_BYTES:
        _invalid(f"body of {name} must be a text of at most {REPLY_BYTES} bytes of UTF-8")
    content_type = value.get("contentType", default.content_type)
    if not isinstance(content_type, str) or not _media_type(content_type):
        _invalid(f"contentType of {name} must be a media type such as text/plain")
    return Reply(status, body, content_type)


def _bytes(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))


def _invalid(message: str) -> NoReturn:
    raise InvalidParameter(message)


_READERS: Mapping[tuple[str, str], Callable[[str, Any], Any]] = {
    (HARVEST, "enabled"): _flag,
    (HARVEST, "category"): _category,
    (HARVEST, "customTimestamp"): _custom_time,
    (HARVEST, "batchWrite"): _batch,
    (HARVEST, "binaryFormatV1Enabled"): _flag,
    (HARVEST, "maxPayloadBytes"): _number(1, MOST_PAYLOAD_BYTES),
    (HARVEST, "retentionDays"): _number(0, MOST_DAYS),
    **{(namespace, "binaryParserEnabled"): _flag for namespace in (AIR, LORA, SIGFOX)},
    (AIR, "binaryParserFormat"): _format(()),
    (LORA, "binaryParserFormat"): _format(lorawan.RESERVED),
    (SIGFOX, "binaryParserFormat"): _format(sigfox.RESERVED),
    (UNIFIED, "response"): _response,
    (UNIFIED, "binaryFormatV1Enabled"): _flag,
}
"""The options that Minori acts on, each with what reads its value and says what is wrong with it."""
