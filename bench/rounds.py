"""Rounds: every probe once, then every probe again, so that a machine's moods fall on all of them."""

import sys
from collections.abc import Callable, Mapping

from msgspec.structs import replace

from bench.figures import Reading
from bench.processes import cpu_seconds

_WARM_UP_SECONDS = 2

Probe = Callable[[int], Reading]
"""Measures for so many seconds."""


def say(text: str) -> None:
    """Tell the progress on standard error."""
    print(text, file=sys.stderr, flush=True)


def charged(pid: int, probe: Probe) -> Probe:
    """The same probe, which also says what processor time each answer costs the process `pid`."""

    def measured(seconds: int) -> Reading:
        before = cpu_seconds(pid)
        reading = probe(seconds)
        used = cpu_seconds(pid) - before
        return replace(reading, cpu_us=used / (reading.value * seconds) * 1e6)

    return measured


def measure(
    probes: Mapping[str, Probe], seconds: int, rounds: int, rest: Callable[[], object]
) -> dict[str, list[Reading]]:
    """The readings of each probe, one a round; `rest` waits for quiet before each.

    A short warm-up of each probe is not counted.
    """
    readings: dict[str, list[Reading]] = {name: [] for name in probes}
    for name, probe in probes.items():
        rest()
        probe(_WARM_UP_SECONDS)
        say(f"  warmed up {name}")
    for turn in range(1, rounds + 1):
        for name, probe in probes.items():
            rest()
            reading = probe(seconds)
            readings[name].append(reading)
            say(f"  round {turn} of {rounds}: {name} {reading.value:,.6g}")
    return readings
