"""A counter for what every message counts: plain numbers, where Prometheus's own take a lock each time."""

from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily
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
