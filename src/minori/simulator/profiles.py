"""What simulated devices send. One seed gives the same payloads every time."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from random import Random

from minori.codec.content import JSON, OCTETS

TEMPERATURE, GPS, BUTTON, LORA = "temperature", "gps", "button", "lora"

Message = tuple[bytes, str]
"""A payload and its content type."""

_BUTTON_START = 0x4D
_JAPAN = (35.68, 139.74)


def temperature(random: Random, _: int) -> Iterator[Message]:
    """A thermometer: JSON of about 40 bytes, values that wander."""
    degrees, percent = random.uniform(15, 25), random.uniform(40, 60)
    while True:
        degrees += random.gauss(0, 0.1)
        percent = min(100, max(0, percent + random.gauss(0, 0.3)))
        yield _json({"temperature": round(degrees, 2), "humidity": round(percent, 1)})


def gps(random: Random, _: int) -> Iterator[Message]:
    """A GPS Multiunit, as it documents its JSON: now and then it has no fix."""
    latitude, longitude = (each + random.gauss(0, 0.05) for each in _JAPAN)
    battery = 3
    while True:
        latitude += random.gauss(0, 0.0002)
        longitude += random.gauss(0, 0.0002)
        has_fix = random.random() > 0.05  # noqa: PLR2004 - one in twenty
        battery = random.choice((battery, battery, battery, -1, 1, 2, 3))
        yield _json(
            {
                "lat": round(latitude, 6) if has_fix else None,
                "lon": round(longitude, 6) if has_fix else None,
                "bat": battery,
                "rs": random.randint(-1, 4),
                "temp": round(random.uniform(-5, 35), 1),
                "humi": round(random.uniform(20, 90), 1),
                "x": random.randint(-1000, 1000),
                "y": random.randint(-1000, 1000),
                "z": random.randint(-1000, 1000),
                "type": random.choice((0, 0, 0, 1, -1)),
            }
        )


def button(random: Random, _: int) -> Iterator[Message]:
    """An LTE-M Button: four bytes, the last one their sum."""
    while True:
        body = bytes((_BUTTON_START, random.randint(1, 3), random.randint(0, 3)))
        yield body + bytes((sum(body) & 0xFF,)), OCTETS


def lora(random: Random, number: int) -> Iterator[Message]:
    """A LoRaWAN device's uplink in Soracom's envelope: four bytes of its own."""
    eui = lora_eui(number)
    while True:
        date = datetime.now(UTC).isoformat(timespec="microseconds")
        heard = {"date": date, "rssi": random.randint(-120, -30), "snr": random.randint(-10, 11), "channel": 923200000}
        payload = random.randbytes(4).hex()
        yield _json({"gatewayData": [heard], "deveui": eui, "date": date, "data": payload})


def lora_eui(number: int) -> str:
    """The EUI of the simulated device of this number."""
    return f"0200000000{number:06x}"


PROFILES: Mapping[str, Callable[[Random, int], Iterator[Message]]] = {
    TEMPERATURE: temperature,
    GPS: gps,
    BUTTON: button,
    LORA: lora,
}
"""What may be sent, by its name on the command line: a source of messages for the device of this number, endless."""


def _json(members: object) -> Message:
    return json.dumps(members, separators=(",", ":")).encode(), JSON
