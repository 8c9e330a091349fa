"""What is measured, against what, and which floors hold: the table of figures, as data."""

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

MIB = 1024 * 1024

RANGE = 1_000
"""How many entries a range asks for: the largest page."""


class Reading(Struct, frozen=True):
    """One measurement, or the middle one of several rounds.

    `value` is in the unit of its figure. `p50_ms` and `p99_ms` are latencies where requests were timed.
    `failed` counts requests without an answer in time. `cpu_us` is the processor time of the measured process
    for each answer.
    """

    value: float
    p50_ms: float | None = None
    p99_ms: float | None = None
    failed: int = 0
    cpu_us: float | None = None


class Against(Struct, frozen=True):
    """An anchor of a figure: the probe measured in the same rounds, and the least ratio to reach.

    A `peer` is left out of the table where its program is not installed.
    """

    probe: str
    floor: float | None = None
    peer: bool = False


class Figure(Struct, frozen=True):
    """A line of the table.

    `name` is what `--only` takes and the probe that measures it. `ceiling` is the highest value that
    is fine, for figures that have no anchor.
    """

    name: str
    title: str
    unit: str
    against: tuple[Against, ...] = ()
    ceiling: float | None = None


ANCHORS = {
    "nginx-post-1": "nginx `return 201`, 1 connection",
    "nginx-post-64": "nginx `return 201`, 64 connections",
    "nginx-post-512": "nginx `return 201`, 512 connections",
    "log": "bare log, one append and sync at a time",
    "victoria-metrics": "VictoriaMetrics `/write`, not synced, 64 connections",
    "postgresql": "PostgreSQL single-row `INSERT`, 64 connections",
    "influxdb": "InfluxDB 1.x `/write`, 64 connections",
    "bare-tcp": "bare loop in C, TCP",
    "bare-udp": "bare loop in C, UDP",
    "nginx-newest": "nginx, the same bytes as a file",
    "nginx-range": "nginx, the same bytes as a file",
    "nginx-range-disk": "nginx, the same bytes as a file",
    "nginx-scale-newest": "nginx, the same bytes as a file",
    "nginx-scale-range": "nginx, the same bytes as a file",
    "nginx-upload": "nginx, WebDAV PUT, not synced",
    "nginx-upload-buffered": "nginx, WebDAV PUT, not synced, buffer of 1 MiB",
    "nginx-upload-synced": "nginx, WebDAV PUT, then synced",
    "nginx-download": "nginx, sendfile",
    "bare-files": "bare loop: write, sync, rename, sync the folder",
    "nginx-file": "nginx, the same bytes as a file",
    "ways-single": "the same entries, one a POST",
    "ways-unparsed": "the same bytes, not read",
    "sims-post-one": "the same with one SIM",
    "sims-senders-one": "the same with one SIM",
    "sims-senders-few": "the same with their 1,024 SIMs alone",
    "sims-start-one": "the same with one SIM",
    "sims-idle-one": "the same with one SIM",
    "sims-loaded-one": "the same with one SIM",
}
"""The anchors' probes and how the table calls them."""

_OF_POSTS = (
    Against("nginx-post-64", 0.18),
    Against("log"),
    Against("victoria-metrics", 1.0, peer=True),
    Against("postgresql", 2.5, peer=True),
    Against("influxdb", 10, peer=True),
)

DOOR_FIGURES = (
    Figure("start", "start-up, empty data directory", "ms"),
    Figure("idle", "resident memory, idle", "MiB", ceiling=90),
    Figure("post-1", "durable POST, 1 connection", "1/s", (Against("log", 0.4), Against("nginx-post-1"))),
    Figure("post-64", "durable POST, 64 connections", "1/s", _OF_POSTS),
    Figure("post-64-late", "p99 over p50 of durable POST, 64 connections", "times", ceiling=5),
    Figure("post-512", "durable POST, 512 connections", "1/s", (Against("nginx-post-512", 0.30), Against("log"))),
    Figure(
        "tcp", "durable TCP request-reply, 64 connections", "1/s", (Against("bare-tcp", 0.4), Against("nginx-post-64"))
    ),
    Figure("udp", "durable UDP request-reply, 64 senders", "1/s", (Against("bare-udp", 0.4), Against("nginx-post-64"))),
    Figure("newest", "newest 10, 64 connections", "1/s", (Against("nginx-newest", 0.5),)),
    Figure("range", "range of 1,000, hot, 64 connections", "1/s", (Against("nginx-range", 0.4),)),
    Figure("loaded", "resident memory, after the load", "MiB"),
)
"""Measured on a small store: 100 resources of 2,000 entries."""

SCALE_FIGURES = (
    Figure("scale-disk", "bytes an entry on disk", "bytes"),
    Figure("scale-disk-ratio", "stored bytes over the bytes of the content", "times", ceiling=0.5),
    Figure("scale-start", "start-up", "ms"),
    Figure("scale-idle", "resident memory, after start-up", "MiB"),
    Figure("scale-newest", "newest 10, 64 connections", "1/s", (Against("nginx-scale-newest", 0.5),)),
    Figure("scale-range", "range of 1,000, 64 connections", "1/s", (Against("nginx-scale-range"),)),
    Figure("scale-loaded", "resident memory, after the reads", "MiB"),
    Figure("scale-fill", "entries put by the loader", "1/s"),
    Figure("export-jsonl", "export as JSON Lines", "entries/s"),
    Figure("export-jsonl-memory", "extra memory, export as JSON Lines", "MiB", ceiling=64),
    Figure("export-csv", "export as CSV", "entries/s"),
    Figure("export-csv-memory", "extra memory, export as CSV", "MiB", ceiling=64),
    Figure("export-parquet", "export as Parquet", "entries/s"),
    Figure("export-parquet-memory", "extra memory, export as Parquet", "MiB", ceiling=64),
    Figure("export-columns", "export as Parquet in columns", "entries/s"),
    Figure("export-columns-memory", "extra memory, export as Parquet in columns", "MiB", ceiling=64),
    Figure("crash-start", "start-up after SIGKILL under load", "ms", ceiling=5_000),
)
"""Measured on a large store: `--scale` entries over 1,000 resources."""

DISK_FIGURES = (
    Figure("range-disk", "range of 1,000, from disk, 64 connections", "1/s", (Against("nginx-range-disk", 0.15),)),
)
"""Measured on a store that is larger than all that the server keeps in memory."""

PLANT_FIGURES = (
    Figure("plant-content", "bytes of content an entry", "bytes"),
    Figure("plant-disk", "bytes an entry on disk", "bytes"),
    Figure("plant-disk-ratio", "stored bytes over the bytes of the content", "times", ceiling=0.5),
)
"""Measured on what a plant of simulated devices has sent."""

CROWD_FIGURES = (
    Figure("crowd-start", "start-up", "ms"),
    Figure("crowd-idle", "resident memory, after start-up", "MiB"),
    Figure("crowd-memory", "peak of resident memory, under load", "MiB", ceiling=400),
    Figure("crowd-put", "durable UDP from all of them in turn, 64 under way", "1/s"),
    Figure("crowd-newest", "newest 10 of any of them, 64 connections", "1/s"),
    Figure("crowd-post", "durable POST, one sender, 512 connections", "1/s"),
)
"""Measured with 100,000 SIMs, each with a session and a resource of its own."""

_UPLOADS = (Against("nginx-upload", 0.35), Against("nginx-upload-buffered"), Against("nginx-upload-synced"))

FILE_FIGURES = (
    Figure("file-upload", "upload of 1 GiB", "MiB/s", _UPLOADS),
    Figure("file-upload-memory", "extra memory, upload of 1 GiB", "MiB", ceiling=64),
    Figure("file-download", "download of 1 GiB by its link", "MiB/s", (Against("nginx-download", 0.9),)),
    Figure("file-download-memory", "extra memory, download of 1 GiB", "MiB", ceiling=64),
    Figure("file-put", "durable PUT of 4 KiB, one folder, 64 connections", "1/s", (Against("bare-files", 0.5),)),
    Figure(
        "file-put-many", "durable PUT of 4 KiB, 1,000 folders, 64 connections", "1/s", (Against("bare-files", 0.5),)
    ),
    Figure("file-link", "4 KiB by its link, 64 connections", "1/s", (Against("nginx-file"),)),
    Figure("file-get", "4 KiB, redirection and link, 64 connections", "1/s", (Against("nginx-file"),)),
)
"""Measured on empty stores: large files and small ones."""

INDEX_FIGURES = (
    Figure("index-list-10", "listing page of 10, lone, p50", "ms", ceiling=5),
    Figure("index-list-1000", "listing page of 1,000, lone, p50", "ms", ceiling=5),
    Figure("index-find-10", "find by prefix, page of 10, lone, p50", "ms", ceiling=5),
    Figure("index-find-1000", "find by prefix, page of 1,000, lone, p50", "ms"),
    Figure("index-disk", "bytes a file in the index", "bytes"),
)
"""Measured on an index of a million files, 100,000 of them in one folder."""

WAYS_FIGURES = (
    Figure("ways-batch", "entries in batches of 100, 64 connections", "entries/s", (Against("ways-single", 4),)),
    Figure("ways-parsed", "12 bytes read by a format of 5 fields, 64 connections", "1/s", (Against("ways-unparsed"),)),
    Figure("fleet-http", "100 simulated devices at 1,000 a second over HTTP", "1/s"),
    Figure("fleet-tcp", "100 simulated devices at 1,000 a second over TCP", "1/s"),
    Figure("fleet-udp", "100 simulated devices at 1,000 a second over UDP", "1/s"),
    Figure("flood", "datagrams stored under a flood", "1/s"),
    Figure("flood-lost", "datagrams of the flood that are not accounted for", "datagrams", ceiling=0),
)
"""Measured on an empty store: what a group says about payloads, and a flood."""

_OF_SENDERS = (Against("sims-senders-few", 0.95), Against("sims-senders-one"))

SIM_FIGURES = (
    Figure("sims-post", "durable POST, one sender, 64 connections", "1/s", (Against("sims-post-one", 0.95),)),
    Figure("sims-senders", "durable POST, 1,024 senders, 64 under way", "1/s", _OF_SENDERS),
    Figure("sims-start", "start-up", "ms", (Against("sims-start-one"),)),
    Figure("sims-idle", "resident memory, after start-up", "MiB", (Against("sims-idle-one"),)),
    Figure("sims-loaded", "resident memory, after the load", "MiB", (Against("sims-loaded-one"),)),
    Figure("sims-import", "SIMs taken in by `minori sim import`", "1/s"),
)
"""Measured on a registry of 100,000 SIMs and 10,000 sessions, beside smaller ones."""

GROWTH_SIZES = (
    (1_000_000, 10),
    (1_000_000, 1_000),
    (1_000_000, 100_000),
    (10_000_000, 1_000),
    (100_000_000, 1_000),
)
"""Entries, and the resources that they are spread over, evenly."""

GROWTH_COSTS = {
    "put": "durable UDP from all in turn, 64 under way",
    "newest": "newest 10, 64 connections",
    "range": "range of 1,000, 64 connections",
}
"""What is asked of each of those sizes; ranges only where a resource has 1,000 entries."""

GROWTH_FIGURES = tuple(
    Figure(f"growth-{what}-{entries}-{resources}", f"{title}: {entries:,} entries over {resources:,} resources", "1/s")
    for what, title in GROWTH_COSTS.items()
    for entries, resources in GROWTH_SIZES
    if what != "range" or entries // resources >= RANGE
)
"""Measured only when asked for: what a request costs, as the store grows."""

FIGURES = (
    *DOOR_FIGURES,
    *SCALE_FIGURES,
    *DISK_FIGURES,
    *PLANT_FIGURES,
    *CROWD_FIGURES,
    *FILE_FIGURES,
    *INDEX_FIGURES,
    *SIM_FIGURES,
    *WAYS_FIGURES,
    *GROWTH_FIGURES,
)


Readings = Mapping[str, Sequence[Reading]]
"""The readings of each probe, one a round, in the same order of rounds for all of a part."""


def middle(readings: Sequence[Reading]) -> Reading:
    """The reading with the median value (the lower one of two); failures of all are added up."""
    ordered = sorted(readings, key=lambda reading: reading.value)
    chosen = ordered[(len(ordered) - 1) // 2]
    return replace(chosen, failed=sum(reading.failed for reading in readings))
