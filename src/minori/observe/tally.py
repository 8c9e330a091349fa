"""What every message and every commit counts: plain numbers, where Prometheus's own take a lock each time."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector


class Tally(Collector):
    """Counts on one loop alone. It is shown as a counter with these labels, whose values are few."""

    def __init__(self, name: str, documentation: str, labels: Sequence[str], registry: CollectorRegistry) -> None:
        self.labels = labels
        self._name = name
        self._documentation = documentation
        # As Prometheus's own does, one without labels begins at 0.
        self._counts: dict[tuple[str, ...], int] = {} if labels else {(): 0}
        registry.register(self)

    def count(self, *labels: str, by: int = 1) -> None:
        """Count `by` more of what has these values of the labels."""
        self._counts[labels] = self._counts.get(labels, 0) + by

    def describe(self) -> Iterator[CounterMetricFamily]:
        """What is counted, without the numbers; the registry asks."""
        yield CounterMetricFamily(self._name, self._documentation, labels=self.labels)

    def collect(self) -> Iterator[CounterMetricFamily]:
        """The numbers; the registry asks at a scrape."""
        for family in self.describe():
            for labels, number in self._counts.items():
                family.add_metric(labels, number)
            yield family


class Spread(Collector):
    """How values are spread over buckets, on one loop alone. It is shown as a histogram with these upper bounds."""

    def __init__(self, name: str, documentation: str, bounds: Sequence[float], registry: CollectorRegistry) -> None:
        self.labels: Sequence[str] = ()
        self._name = name
        self._documentation = documentation
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0
        registry.register(self)

    def observe(self, value: float) -> None:
        """Count one value, in the first bucket whose bound it does not exceed."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def describe(self) -> Iterator[HistogramMetricFamily]:
        """What is counted, without the numbers; the registry asks."""
        yield HistogramMetricFamily(self._name, self._documentation)

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """The numbers; the registry asks at a scrape."""
        for family in self.describe():
            names = [*[str(float(bound)) for bound in self._bounds], "+Inf"]
            family.add_metric((), list(zip(names, accumulate(self._counts), strict=True)), self._sum)
            yield family
