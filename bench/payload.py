"""What devices send: plausible JSON telemetry of about 180 bytes, the same in every run."""

from collections.abc import Callable
from random import Random

_LOW_BATTERY = 0.02


def content(device: int, number: int, random: Callable[[], float]) -> str:
    """The text of a device's `number`-th message: readings that wander independently around its own place.

    `random` gives a number from 0 to 1 at each call. Eight of them end up in the digits, so that a
    store can compress names and structure, but no reading.
    """
    charge = random()
    return (
        f'{{"temperature":{18 + device % 9 + 3 * random():.2f},"humidity":{40 + 20 * random():.1f},'
        f'"pressure":{1002 + device % 17 + 2 * random():.2f},"battery":{3.2 + charge:.3f},'
        f'"rssi":{-60 - int(40 * random())},"lat":{35 + device / 997 + random() / 500:.5f},'
        f'"lon":{139 + device / 991 + random() / 500:.5f},"vibration":{random():.4f},'
        f'"status":"{"low" if charge < _LOW_BATTERY else "ok"}","uptime":{number * 60},"seq":{number}}}'
    )


def payload() -> bytes:
    """The one message that the load on the doors repeats."""
    return content(42, 123_456, telemetry().random).encode()


def telemetry() -> Random:
    """Where readings come from: the same numbers in every run."""
    return Random(20_241_122)  # noqa: S311 - readings, not secrets
