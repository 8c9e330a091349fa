"""Plain numbers that look like a counter of the library."""

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest

from minori.observe.tally import Spread, Tally


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


def test_a_spread_is_shown_as_a_histogram_is() -> None:
    disable_created_metrics()  # type: ignore[no-untyped-call]  # the library leaves this one function untyped
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    bounds = (0.00025, 0.5, 1, 20)
    spread = Spread("eggs", "Eggs a nest", bounds, ours)
    histogram = Histogram("eggs", "Eggs a nest", buckets=bounds, registry=theirs)
    assert generate_latest(ours) == generate_latest(theirs)
    for value in (0, 0.0001, 0.00025, 0.3, 0.5, 0.75, 1, 1, 2, 20, 20.5, 1000):
        spread.observe(value)
        histogram.observe(value)
        assert generate_latest(ours) == generate_latest(theirs)
