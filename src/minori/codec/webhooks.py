"""Uplinks as LoRaWAN network servers report them over HTTP: ChirpStack v4 and The Things Stack v3.

| envelope | ChirpStack, event `up` | The Things Stack, `uplink_message` |
|---|---|---|
| `deveui` | `deviceInfo.devEui` | `end_device_ids.dev_eui` |
| `date`, and the entry's time | `time` | `uplink_message.received_at`, else `received_at` |
| `data` | `data` | `frm_payload` |
| `gatewayData[].date` | `gwTime`, `nsTime`, `time` of `rxInfo` | `time`, `received_at` of `rx_metadata` |
| `gatewayData[].rssi`, `.snr` | `rssi`, `snr` | `rssi`, `snr` |
| `gatewayData[].gwid` | `gatewayId` | `gateway_ids.eui`, else that of the packet broker, else `gateway_id` |
| `gatewayData[].channel` | `txInfo.frequency` | `settings.frequency` |
| members at the top level | `object` | `decoded_payload` |
| `original` | the whole message | the whole message |

Where a gateway says no time, its `date` is the envelope's. Both servers leave out what is empty, 0 or false
(documented). That a message reports no uplink is no error.
"""

import re
from base64 import b64decode

import msgspec
from msgspec import Raw, Struct

from minori.codec.body import parse_body
from minori.codec.customtime import parse_iso
from minori.codec.lorawan import Gateway, checked_eui, write_envelope
from minori.codec.uplink import Uplink
from minori.errors import InvalidParameter, PayloadTooLarge

MESSAGE_BYTES = 65_536
"""The largest message of a network server, in bytes (our choice; with one gateway they have 1,000 to 4,000)."""

UP = "up"
"""The event of ChirpStack that reports an uplink, as `event` in its query says (documented)."""

_OBJECT = ord("{")
_members = msgspec.json.Decoder(dict[str, Raw]).decode
_base64 = re.compile(r"[A-Za-z0-9+/_-]*={0,2}\Z").match
_URL_SAFE = str.maketrans("-_", "+/")
_hertz = re.compile(r"[0-9]{1,12}\Z").match


class _DeviceInfo(Struct, frozen=True, rename="camel"):
    dev_eui: str


class _RxInfo(Struct, frozen=True, rename="camel"):
    gateway_id: str | None = None
    gw_time: str | None = None
    ns_time: str | None = None
    time: str | None = None
    rssi: float | int = 0
    snr: float | int = 0


class _TxInfo(Struct, frozen=True):
    frequency: int | str | None = None


class _ChirpStack(Struct, frozen=True, rename="camel"):
    device_info: _DeviceInfo
    time: str
    data: str | None = None
    rx_info: list[_RxInfo] | None = None
    tx_info: _TxInfo | None = None
    object: Raw = Raw(b"null")


class _Device(Struct, frozen=True):
    dev_eui: str | None = None


class _GatewayIds(Struct, frozen=True):
    gateway_id: str | None = None
    eui: str | None = None


class _PacketBroker(Struct, frozen=True):
    forwarder_gateway_eui: str | None = None


class _RxMetadata(Struct, frozen=True):
    gateway_ids: _GatewayIds = _GatewayIds()
    packet_broker: _PacketBroker = _PacketBroker()
    time: str | None = None
    received_at: str | None = None
    rssi: float | int = 0
    snr: float | int = 0


class _Uplink(Struct, frozen=True):
    frm_payload: str | None = None
    received_at: str | None = None
    rx_metadata: list[_RxMetadata] | None = None
    settings: _TxInfo = _TxInfo()
    decoded_payload: Raw = Raw(b"null")


class _Things(Struct, frozen=True):
    end_device_ids: _Device
    received_at: str | None = None
    uplink_message: _Uplink | None = None


def parse_chirpstack(event: str | None, body: bytes) -> Uplink | None:
    """The uplink in a message of ChirpStack v4 as JSON; `None` if its `event` is another than `up`.

    Without an event it counts as `up` (our choice). Raises `InvalidParameter`, for the events of Protobuf
    too, and `PayloadTooLarge` over `MESSAGE_BYTES`.
    """
    if event is not None and event != UP:
        return None
    text = _checked(body)
    said = parse_body(body, _ChirpStack)
    channel = _channel("txInfo.frequency", said.tx_info)
    gateways = [
        _gateway(each.gw_time or each.ns_time or each.time or said.time, each, each.gateway_id, channel)
        for each in said.rx_info or ()
    ]
    eui = checked_eui("deviceInfo.devEui", said.device_info.dev_eui)
    return _uplink(eui, ("time", said.time), ("data", said.data), gateways, said.object, text)


def parse_things(body: bytes) -> Uplink | None:
    """The uplink in a message of The Things Stack v3 as JSON; `None` if it reports something else.

    The device must have a DevEUI, since ids of devices are only of one application (our choice). Raises
    `InvalidParameter`, and `PayloadTooLarge` over `MESSAGE_BYTES`.
    """
    text = _checked(body)
    said = parse_body(body, _Things)
    up = said.uplink_message
    if up is None:
        return None
    eui = said.end_device_ids.dev_eui
    date = up.received_at or said.received_at
    if eui is None or date is None:
        raise InvalidParameter("The message must say end_device_ids.dev_eui and received_at; give the device a DevEUI")
    channel = _channel("uplink_message.settings.frequency", up.settings)
    gateways = [
        _gateway(each.time or each.received_at or date, each, _gateway_id(each), channel)
        for each in up.rx_metadata or ()
    ]
    eui = checked_eui("end_device_ids.dev_eui", eui)
    payload = ("uplink_message.frm_payload", up.frm_payload)
    return _uplink(eui, ("received_at", date), payload, gateways, up.decoded_payload, text)


def _checked(body: bytes) -> str:
    if len(body) > MESSAGE_BYTES:
        raise PayloadTooLarge(MESSAGE_BYTES)
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise InvalidParameter("The body is not valid JSON in UTF-8; choose JSON as the encoding there") from error


def _uplink(
    eui: str,
    date: tuple[str, str],
    data: tuple[str, str | None],
    gateways: list[Gateway],
    decoded: Raw,
    original: str,
) -> Uplink:
    """Put together from the date and the data, each with the name under which it stood."""
    time = parse_iso(date[1])
    if time is None:
        raise InvalidParameter(f"{date[0]} must be a date and time in ISO 8601")
    payload = _bytes(data[0], data[1] or "")
    fields = _members(decoded) if memoryview(decoded)[0] == _OBJECT else {}
    return Uplink(eui, time, write_envelope(eui, date[1], payload, gateways, fields, original.strip()), payload)


def _gateway(date: str, heard: _RxInfo | _RxMetadata, gateway_id: str | None, channel: int | None) -> Gateway:
    return Gateway(
        date,
        heard.rssi,
        heard.snr,
        msgspec.UNSET if gateway_id is None else gateway_id,
        msgspec.UNSET if channel is None else channel,
    )


def _gateway_id(heard: _RxMetadata) -> str | None:
    eui = heard.gateway_ids.eui or heard.packet_broker.forwarder_gateway_eui
    return eui.lower() if eui else heard.gateway_ids.gateway_id


def _channel(name: str, settings: _TxInfo | None) -> int | None:
    """The frequency in Hz; a number of 64 bits is a text in the JSON of Protobuf (documented)."""
    frequency = None if settings is None else settings.frequency
    if frequency is None:
        return None
    if not _hertz(str(frequency)):
        raise InvalidParameter(f"{name} must be a frequency in Hz")
    return int(frequency)


def _bytes(name: str, text: str) -> bytes:
    """Bytes in Base64, of the standard alphabet or that of URLs, padded or not, as the JSON of Protobuf has them."""
    plain = text.rstrip("=").translate(_URL_SAFE)
    if not _base64(text) or len(plain) % 4 == 1:
        raise InvalidParameter(f"{name} must be bytes in Base64")
    return b64decode(plain + "=" * (-len(plain) % 4))
