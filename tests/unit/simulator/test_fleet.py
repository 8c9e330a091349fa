"""What a fleet counts, and that counting stays small however long it goes on."""

import pytest

from minori.simulator.fleet import LATENCIES, REASONS, Tally
from minori.simulator.senders import Outcome


def test_the_latest_latencies_say_within_which_time_a_share_was_answered() -> None:
    tally = Tally()
    assert tally.latency(0.5) == 0.0
    for number in range(100):
        tally.note(Outcome.STORED, "", number / 100)
    assert (tally.latency(0.5), tally.latency(0.99), tally.latency(1)) == (0.5, 0.99, 0.99)
    for _ in range(LATENCIES):
        tally.note(Outcome.STORED, "", 7.0)
    assert tally.latency(0) == 7.0
    assert len(tally._latencies) == LATENCIES


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.BUSY, Outcome.LOST])
def test_reasons_are_counted_and_their_number_is_bounded(outcome: Outcome) -> None:
    tally = Tally()
    for number in range(REASONS + 5):
        tally.note(outcome, f"reason {number}", 0.1)
    tally.note(outcome, "reason 0", 0.1)
    assert (len(tally.reasons), tally.reasons["reason 0"], tally.outcomes[outcome]) == (REASONS, 2, REASONS + 6)


def test_what_was_stored_has_no_reason() -> None:
    tally = Tally()
    tally.note(Outcome.STORED, "fine", 0.1)
    assert (dict(tally.reasons), "stored 1" in tally.line()) == ({}, True)
