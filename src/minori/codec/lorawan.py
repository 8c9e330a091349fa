"""LoRaWAN uplinks in the envelope under which Soracom hands them on and Harvest keeps them.

{"gatewayData":[{"date":…,"rssi":-26,"snr":11,"gwid":…,"channel":923200000}],
 "deveui":"000b78fffe050b09","date":"2018-09-02T21:53:04.743531+09:00","data":"5c8fd84180b7c647"}
"""

import re
from collections.abc import Sequence
from typing import Any

from msgspec import UNSET, Raw, Struct, UnsetType

from minori.codec.binary.grammar import ENABLED
from minori.codec.body import parse_body
from minori.codec.entry import encode_json
from minori.codec.uplink import Uplink, parse_hexadecimal
from minori.errors import InvalidParameter

ORIGINAL = "original"
"""The member of an envelope under which another network server's whole message is kept (our choice)."""

RESERVED = frozenset(("data", "date", "deveui", "gatewayData"))
"""Members of the envelope, whose names no field of a format may have (documented)."""

_OWN = RESERVED | {ORIGINAL, ENABLED}

_eui = re.compile(r"[0-9A-Fa-f]{16}\Z").match


class _Envelope(Struct, frozen=True):
    deveui: str
    data: str


class Gateway(Struct, frozen=True):
    """One gateway that heard an uplink, as a member of `gatewayData` (seen in the wild).

    `date` is ISO 8601, `rssi` in dBm, `snr` in dB, `gwid` the gateway's EUI or its name, `channel` in Hz. What
    the network does not say is left out.
    """

    date: str | UnsetType = UNSET
    rssi: float | int | UnsetType = UNSET
    snr: float | int | UnsetType = UNSET
    gwid: str | UnsetType = UNSET
    channel: int | UnsetType = UNSET


def parse_uplink(body: bytes) -> Uplink:
    """An uplink that Soracom hands on, through Beam, in its envelope, which is kept as it came.

    Raises `InvalidParameter` if it is no JSON object with `deveui` and `data`.
    """
    envelope = parse_body(body, _Envelope)
    payload = parse_hexadecimal(envelope.data)
    return Uplink(checked_eui("deveui", envelope.deveui), None, body.decode(), payload)


def checked_eui(name: str, text: str) -> str:
    """A device's EUI-64 as it is kept: 16 hexadecimal digits in lower case (our choice).

    Raises `InvalidParameter`, in which `name` is the member's.
    """
    if not _eui(text):
        raise InvalidParameter(f"{name} must be the device's EUI: 16 hexadecimal digits")
    return text.lower()


def write_envelope(
    deveui: str, date: str, payload: bytes, gateways: Sequence[Gateway], decoded: dict[str, Raw], original: str
) -> str:
    """An envelope as Soracom writes it, for an uplink that another network server has reported (our choice).

    `decoded` is what that server made of the bytes: it stands at the top level as parsed fields do, but for
    names that are reserved. `original` is that server's whole message, kept under `original` as it came.
    """
    members: dict[str, Any] = {name: value for name, value in decoded.items() if name not in _OWN}
    members["gatewayData"] = gateways
    members["deveui"] = deveui
    members["date"] = date
    members["data"] = payload.hex()
    members[ORIGINAL] = Raw(original.encode())
    return encode_json(members).decode()
