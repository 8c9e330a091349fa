"""Many simulated devices at once, at a rate that they keep together, and a count of what became of their messages."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from msgspec import Struct

from minori.simulator.profiles import Message
from minori.simulator.senders import Outcome, Sender

LATENCIES = 10_000
"""The latest latencies that are kept."""

REASONS = 1_000
"""The most reasons that are told apart."""

DRAWN_SECONDS = 0.5
"""How often whoever watches is shown the tally."""


class Device(Struct, frozen=True):
    """A sender, and its messages without an end."""

    sender: Sender
    messages: Iterator[Message]


class Tally:
    """What became of the messages so far."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.sent = 0
        self.late = 0
        self.outcomes: Counter[Outcome] = Counter()
        self.reasons: Counter[str] = Counter()
        self._latencies: deque[float] = deque(maxlen=LATENCIES)

    def note(self, outcome: Outcome, reason: str, seconds: float) -> None:
        """Count a message that was answered, or lost, after so many seconds."""
        self.outcomes[outcome] += 1
        if outcome is not Outcome.STORED and (reason in self.reasons or len(self.reasons) < REASONS):
            self.reasons[reason] += 1
        self._latencies.append(seconds)

    @property
    def seconds(self) -> float:
        """How long it has been going on."""
        return time.monotonic() - self.began

    def latency(self, share: float) -> float:
        """The time within which this share of the latest messages was answered, in seconds."""
        known = sorted(self._latencies)
        return known[min(len(known) - 1, int(share * len(known)))] if known else 0.0

    def line(self) -> str:
        """The tally for eyes, on one line."""
        counts = "  ".join(f"{outcome} {self.outcomes[outcome]:,}" for outcome in Outcome if self.outcomes[outcome])
        rate = self.sent / max(self.seconds, 0.001)
        times = f"p50 {self.latency(0.5) * 1000:.1f} ms  p99 {self.latency(0.99) * 1000:.1f} ms"
        return f"sent {self.sent:,}  {counts}  {rate:,.1f}/s  {times}"


class Plan(Struct, frozen=True):
    """How much is sent: `rate` messages a second of all devices together, for `seconds` or `messages` in all."""

    rate: float
    seconds: float | None = None
    messages: int | None = None


async def run(
    devices: Sequence[Device], plan: Plan, stop: asyncio.Event, watch: Callable[[Tally], object] = lambda _: None
) -> Tally:
    """Let the devices send in turn until the plan is fulfilled or `stop` is set; the tally then.

    Messages have their moments from the beginning, evenly in time. A device that has not been answered yet sends
    when it has been, and is counted as late. `watch` is shown the tally now and then.
    """
    tally = Tally()
    turns = [_turn(device, number, len(devices), plan, tally) for number, device in enumerate(devices)]
    sending = asyncio.gather(*turns)
    tasks: list[asyncio.Future[Any]] = [sending, asyncio.ensure_future(stop.wait())]
    watching = asyncio.ensure_future(_show(tally, watch))
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if sending.done():
            sending.result()
    finally:
        for task in (*tasks, watching):
            task.cancel()
        await asyncio.gather(*tasks, watching, return_exceptions=True)
        await asyncio.gather(*(device.sender.close() for device in devices))
    return tally


async def _turn(device: Device, number: int, devices: int, plan: Plan, tally: Tally) -> None:
    turn = number
    while plan.messages is None or turn < plan.messages:
        due = turn / plan.rate
        if plan.seconds is not None and due >= plan.seconds:
            return
        wait = due - tally.seconds
        if wait > 0:
            await asyncio.sleep(wait)
        else:
            # Others have their turn, however far behind it is.
            tally.late += wait < -1 / plan.rate
            await asyncio.sleep(0)
        message = next(device.messages)
        tally.sent += 1
        begun = time.monotonic()
        outcome, reason = await device.sender.send(message)
        tally.note(outcome, reason, time.monotonic() - begun)
        turn += devices


async def _show(tally: Tally, watch: Callable[[Tally], object]) -> None:
    while True:
        await asyncio.sleep(DRAWN_SECONDS)
        watch(tally)
