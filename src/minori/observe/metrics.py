"""What Minori counts, under names that Prometheus reads (`minori_…`, our choice)."""

from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics, generate_latest
from prometheus_client.process_collector import ProcessCollector

from minori.observe.tally import Spread, Tally

_INTRODUCTION = (
    "`GET /metrics` on the API's listener answers in Prometheus text. It needs no login and holds counts,"
    " never names of devices. The usual figures of the process stand beside them as `minori_process_…`."
)

COMMIT_SECONDS = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5)
COMMIT_ENTRIES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)


class Metrics:
    """The counters of one server, in a registry of its own.

    Labels take few values, never anything a client sent.
    """

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library leaves this one function untyped
        self.registry = CollectorRegistry()
        ProcessCollector("minori", registry=self.registry)
        self.accepted = Tally(
            "minori_entries_accepted",
            "Payloads taken in and handed to the store",
            ["door"],
            registry=self.registry,
        )
        self.refused = Counter(
            "minori_payloads_refused",
            "Payloads not taken in, by reason",
            ["door", "reason"],
            registry=self.registry,
        )
        self.unparsed = Counter(
            "minori_payloads_unparsed",
            "Payloads that the binary parser's format did not fit; they were stored as they came",
            ["door"],
            registry=self.registry,
        )
        self.overwritten = Counter(
            "minori_entries_overwritten",
            "Entries replaced by a write of the same time",
            registry=self.registry,
        )
        self.time_lead = Gauge(
            "minori_entry_time_lead_milliseconds",
            "How far the newest time chosen by the server ran ahead of the clock",
            registry=self.registry,
        )
        self.commit_seconds = Spread(
            "minori_commit_seconds", "From the start of a write to the end of its sync", COMMIT_SECONDS, self.registry
        )
        self.commit_entries = Spread(
            "minori_commit_entries", "Writes that shared one sync", COMMIT_ENTRIES, self.registry
        )
        self.waiting = Gauge(
            "minori_writes_waiting",
            "Writes taken and not yet confirmed",
            registry=self.registry,
        )
        self.store_failed = Gauge(
            "minori_store_failed",
            "1 once a write or sync has failed and nothing is confirmed any more",
            registry=self.registry,
        )
        self.entries_read = Tally(
            "minori_entries_read",
            "Data entries given to readers",
            [],
            registry=self.registry,
        )
        self.requests = Tally(
            "minori_api_requests",
            "Requests answered by the API",
            ["operation", "status"],
            registry=self.registry,
        )
        self.connections = Gauge(
            "minori_connections",
            "Connections open",
            ["listener"],
            registry=self.registry,
        )
        self.connections_refused = Counter(
            "minori_connections_refused",
            "Connections closed at once, by reason",
            ["listener", "reason"],
            registry=self.registry,
        )
        self.datagrams_dropped = Counter(
            "minori_datagrams_dropped",
            "Datagrams that could not be taken, by reason",
            ["listener", "reason"],
            registry=self.registry,
        )
        self.mqtt_connected = Gauge(
            "minori_mqtt_connected",
            "1 while Minori is subscribed at the MQTT broker",
            registry=self.registry,
        )
        self.mqtt_messages = Counter(
            "minori_mqtt_messages",
            "Messages of the MQTT broker, by outcome: stored, refused, postponed (they come again) or lost (QoS 0)",
            ["outcome"],
            registry=self.registry,
        )

        self.file_bytes_received = Counter(
            "minori_file_bytes_received",
            "Bytes of files that were stored",
            registry=self.registry,
        )
        self.file_bytes_sent = Counter(
            "minori_file_bytes_sent",
            "Bytes of files that were given to readers; a reader may leave before the end",
            registry=self.registry,
        )
        self.uploads_broken_off = Counter(
            "minori_file_uploads_broken_off",
            "Uploads whose sender left before the end; nothing of them is kept",
            registry=self.registry,
        )

        self.files_expired = Counter(
            "minori_files_expired",
            "Files removed because their time was over",
            registry=self.registry,
        )
        self.blobs_orphaned = Counter(
            "minori_blobs_orphaned",
            "Blobs removed because they belonged to no file, as a crash leaves them behind",
            registry=self.registry,
        )
        self.sweeps = Counter(
            "minori_sweeps",
            "Times that all files and blobs were looked through for those two",
            registry=self.registry,
        )

        self.entries_forgotten = Counter(
            "minori_entries_forgotten",
            "Data entries removed because they had been kept as long as they were to be",
            registry=self.registry,
        )
        self.retention_sweeps = Counter(
            "minori_retention_sweeps",
            "Times that all resources were looked through for those",
            registry=self.registry,
        )

        self.exports_running = Gauge(
            "minori_exports_running",
            "Exports being written",
            registry=self.registry,
        )
        self.exports_ended = Counter(
            "minori_exports_ended",
            "Exports that ended, by how",
            ["operation", "status"],
            registry=self.registry,
        )
        self.entries_exported = Counter(
            "minori_entries_exported",
            "Data entries written to the files of exports, counted as they are written",
            registry=self.registry,
        )

        self.audit_kept = Counter(
            "minori_audit_entries",
            "Calls kept in the audit log",
            registry=self.registry,
        )
        self.audit_dropped = Counter(
            "minori_audit_entries_dropped",
            "Calls missing in the audit log, by reason",
            ["reason"],
            registry=self.registry,
        )
        self.audit_failures = Counter(
            "minori_audit_failures",
            "Times that the audit log's store refused; what it refused is tried again",
            registry=self.registry,
        )

    def connection_opened(self, listener: str) -> None:
        """Count a connection that was admitted."""
        self.connections.labels(listener).inc()

    def connection_closed(self, listener: str) -> None:
        """Count an admitted connection that ended."""
        self.connections.labels(listener).dec()

    def connection_refused(self, listener: str, reason: str) -> None:
        """Count a connection that was not admitted."""
        self.connections_refused.labels(listener, reason).inc()

    def datagram_dropped(self, listener: str, reason: str) -> None:
        """Count a datagram that could not be taken."""
        self.datagrams_dropped.labels(listener, reason).inc()

    def commit(self, entries: int, seconds: float) -> None:
        """Observe one group commit."""
        self.commit_entries.observe(entries)
        self.commit_seconds.observe(seconds)

    def text(self) -> bytes:
        """The exposition text, UTF-8."""
        return generate_latest(self.registry)


def reference() -> str:
    """`docs/reference/metrics.md`: every metric with its kind, labels and meaning."""
    lines = [
        "# Metrics",
        "",
        "<!-- Made from the program by `make docs`; a test compares. -->",
        "",
        _INTRODUCTION,
        "",
        "| metric | kind | labels | what |",
        "|---|---|---|---|",
    ]
    for metric in Metrics().__dict__.values():
        if isinstance(metric, (Counter, Gauge, Spread, Tally)):
            (family,) = metric.describe()
            name = f"{family.name}_total" if family.type == "counter" else family.name
            labels = ", ".join(metric.labels if isinstance(metric, (Spread, Tally)) else metric._labelnames)  # noqa: SLF001 - the library tells them nowhere else
            lines.append(f"| `{name}` | {family.type} | {labels} | {family.documentation} |")
    return "\n".join([*lines, ""])
