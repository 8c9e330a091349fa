"""A broker and Minori that stop, or are killed, at any moment: nothing that the broker acknowledged is missing."""

import signal
from collections.abc import Callable
from random import Random
from time import sleep

import pytest

from mosquitto import Mosquitto, Numbers, Subscribed, Workshop, until


def stop_broker(broker: Mosquitto, _: Subscribed) -> None:
    broker.stop()
    broker.start()


def kill_broker(broker: Mosquitto, _: Subscribed) -> None:
    broker.stop(signal.SIGKILL)
    broker.start()


def stop_minori(_: Mosquitto, minori: Subscribed) -> None:
    assert minori.server.stop() == 0
    minori.start(connected=False)


def kill_minori(_: Mosquitto, minori: Subscribed) -> None:
    minori.server.kill()
    minori.start(connected=False)


def kill_both(broker: Mosquitto, minori: Subscribed) -> None:
    minori.server.kill()
    broker.stop(signal.SIGKILL)
    broker.start()
    minori.start(connected=False)


FAULTS: tuple[Callable[[Mosquitto, Subscribed], None], ...] = (
    stop_broker,
    kill_minori,
    kill_broker,
    stop_minori,
    kill_both,
)


@pytest.mark.parametrize("rounds", [1, pytest.param(20, marks=pytest.mark.slow)])
def test_nothing_that_the_broker_acknowledged_is_missing_whatever_stops(
    workshop: Workshop, chance: Random, rounds: int
) -> None:
    broker = workshop.broker(saves=True)
    minori = workshop.minori(broker.url).start()
    numbers = Numbers(workshop.publisher(broker))
    doubtful: set[int] = set()
    try:
        for fault in chance.sample(FAULTS * rounds, len(FAULTS) * rounds):
            sleep(chance.random() / 4)
            # Mosquitto acknowledges what it has not saved yet, so a kill may cost it the last of that.
            before = numbers.acknowledged()
            broker.wait_saved()
            fault(broker, minori)
            if fault in {kill_broker, kill_both}:
                doubtful |= numbers.acknowledged() - before
    finally:
        numbers.end()
    acknowledged = numbers.acknowledged()
    assert len(acknowledged) > 10 * rounds
    must = acknowledged - doubtful
    minori.wait_connected()
    until(lambda: must <= set(map(int, minori.contents())), "all that was acknowledged is stored")
    stored = minori.contents()
    assert set(map(int, stored)) <= set(range(numbers.sent))
