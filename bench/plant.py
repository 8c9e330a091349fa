"""What a plant of simulated devices sends, as it is stored: each fourth device is a thermometer, a GPS tracker, a
button, or sends through LoRaWAN, as `minori simulate` has them.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random

from minori.codec.content import Content, classify
from minori.simulator.profiles import PROFILES

_KINDS = tuple(PROFILES.values())
_DATE = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00")


def messages(device: int) -> Callable[[int, int], Content]:
    """What a device sends at its turn of this number, at this time (UNIX ms): the same in every run.

    A simulated device dates its messages by the clock; here they bear the time that they are stored under, and
    microseconds.
    """
    random = Random(f"plant/{device}")  # noqa: S311 - a simulation keeps no secret
    sent = _KINDS[device % len(_KINDS)](random, device)

    def say(_: int, time: int) -> Content:
        body, declared = next(sent)
        if _DATE.search(body):
            date = datetime.fromtimestamp(time / 1000, UTC).replace(microsecond=random.randrange(1_000_000))
            body = _DATE.sub(date.isoformat(timespec="microseconds").encode(), body)
        return classify(body, declared)

    return say
