"""Watches an entry store: its commits become metrics, its failure a metric and a loud log line."""

import structlog

from minori.observe.metrics import Metrics

_log = structlog.get_logger()


class StoreWatch:
    """What an entry store tells how it is doing."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def commit(self, entries: int, seconds: float) -> None:
        """`entries` writes became durable together in `seconds`."""
        self._metrics.commit(entries, seconds)

    def failed(self, reason: str) -> None:
        """Nothing is confirmed any more."""
        self._metrics.store_failed.set(1)
        _log.critical("entry store failed", reason=reason)
