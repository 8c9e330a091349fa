"""Sigfox uplinks: callbacks of the Sigfox backend, and the envelope under which Harvest keeps them (documented).

{"device":"1D2E3F","time":"1621401862","data":"895c2fb3","seqNumber":"2651","lqi":"Average",
 "operatorName":"SIGFOX_Japan_KCCS","countryCode":"392"}
"""

import re
from typing import Any

from msgspec import Raw, Struct

from minori.codec.body import parse_body
from minori.codec.entry import encode_json
from minori.codec.uplink import Uplink, parse_hexadecimal
from minori.errors import InvalidParameter, PayloadTooLarge
from minori.model.entry import MAX_TIME

CALLBACK_BYTES = 16_384
"""The largest callback, in bytes (our choice; one with three base stations has about 700)."""

RESERVED = frozenset(
    (
        "countryCode",
        "data",
        "device",
        "lat",
        "lng",
        "lqi",
        "operatorName",
        "rssi",
        "seqNumber",
        "snr",
        "station",
        "time",
    )
)
"""Members of the envelope, whose names no field of a format may have (documented)."""

_LQI = {"EXCELLENT": "Excellent", "GOOD": "Good", "AVERAGE": "Average", "LIMIT": "Limit"}
_TEXTS = ("device", "time", "data", "seqNumber", "lqi", "operatorName", "countryCode")
_device = re.compile(r"[0-9A-Fa-f]{1,8}\Z").match
_digits = re.compile(r"[0-9]{1,16}\Z").match


class _Envelope(Struct, frozen=True):
    device: str
    data: str


class _Callback(Struct, frozen=True, rename="camel"):
    device: str
    data: str
    time: str | int | None = None
    seq_number: str | int | None = None
    lqi: str | None = None
    operator_name: str | None = None
    country_code: str | int | None = None


def parse_uplink(body: bytes) -> Uplink:
    """An uplink that Soracom hands on, through Beam, in its envelope, which is kept as it came.

    Raises `InvalidParameter` if it is no JSON object with `device` and `data`.
    """
    envelope = parse_body(body, _Envelope)
    payload = parse_hexadecimal(envelope.data)
    return Uplink(_checked_device(envelope.device), None, body.decode(), payload)


def parse_callback(body: bytes) -> Uplink:
    """An uplink that the Sigfox backend reports: a JSON object of the variables that it documents.

    `device` and `data` must be there. The envelope has what Soracom's has, as texts, in its order and with its
    words; all other members, `rssi`, `station` and what custom callbacks add, follow as they came (our choice).
    Raises `InvalidParameter`, and `PayloadTooLarge` over `CALLBACK_BYTES`.
    """
    if len(body) > CALLBACK_BYTES:
        raise PayloadTooLarge(CALLBACK_BYTES)
    said = parse_body(body, _Callback)
    payload = parse_hexadecimal(said.data)
    lqi = said.lqi
    values = (
        said.device,
        said.time,
        said.data.lower(),
        said.seq_number,
        None if lqi is None else _LQI.get(lqi, lqi),
        said.operator_name,
        said.country_code,
    )
    members: dict[str, Any] = {
        name: str(value) for name, value in zip(_TEXTS, values, strict=True) if value is not None
    }
    others = parse_body(body, dict[str, Raw])
    members.update({name: value for name, value in others.items() if name not in _TEXTS})
    return Uplink(_checked_device(said.device), _time(said.time), encode_json(members).decode(), payload)


def _checked_device(text: str) -> str:
    if not _device(text):
        raise InvalidParameter("device must be the Sigfox id of the device: up to 8 hexadecimal digits")
    return text


def _time(seconds: str | int | None) -> int | None:
    if seconds is None:
        return None
    text = str(seconds)
    if not _digits(text) or (time := int(text) * 1000) > MAX_TIME:
        raise InvalidParameter("time must be UNIX time in seconds, as {time} in a callback of Sigfox gives it")
    return time
