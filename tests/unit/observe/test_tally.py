"""Plain numbers that look like a counter of the library."""

from prometheus_client import CollectorRegistry, Counter, disable_created_metrics, generate_latest

from minori.observe.tally import Tally


def test_a_tally_is_shown_as_a_counter_is() -> None:
    disable_created_metrics()  # type: ignore[no-untyped-call]  # the library leaves this one function untyped
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    tally = Tally("eggs", "Eggs laid", ["hen", "colour"], ours)
    counter = Counter("eggs", "Eggs laid", ["hen", "colour"], registry=theirs)
    assert generate_latest(ours) == generate_latest(theirs)
    for hen, colour, number in (("a", "brown", 1), ("b", "white", 3), ("a", "brown", 20)):
        tally.count(hen, colour, by=number)
        counter.labels(hen, colour).inc(number)
    tally.count("c", "white")
    counter.labels("c", "white").inc()
    assert generate_latest(ours) == generate_latest(theirs)
