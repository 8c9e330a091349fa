"""Every setting, once: its name, default, bounds, unit and help; docs, checks and messages come from here."""

from collections.abc import Iterator
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta, Struct

from minori.config.address import StoreAddress, parse_store
from minori.config.metas import number as _range
from minori.config.metas import text as _text
from minori.config.mqtt import Mqtt


class Stores(Struct, frozen=True):
    """Where data is kept, as addresses of stores; by default everything is in the data directory."""

    entries: Annotated[
        str,
        _text(
            "STORE",
            "Where data entries are kept: `rocksdb:` in the data directory, `rocksdb:///absolute/folder`, "
            "or `memory:`, which forgets them at the end.",
            "rocksdb",
            "memory",
        ),
    ] = "rocksdb:"
    catalog: Annotated[
        str,
        _text(
            "STORE",
            "Where operators, keys, groups and SIMs are kept: `sqlite:` in the data directory, "
            "`sqlite:///absolute/file.sqlite`, or `memory:`, which forgets them at the end.",
            "sqlite",
            "memory",
        ),
    ] = "sqlite:"

    blobs: Annotated[
        str,
        _text(
            "STORE",
            "Where the bytes of files are kept: `file:` in the data directory, `file:///absolute/folder`, "
            "or `memory:`, which forgets them at the end.",
            "file",
            "memory",
        ),
    ] = "file:"
    audit: Annotated[
        str,
        _text(
            "STORE",
            "Where the audit log is kept: `sqlite:` in the data directory, `sqlite:///absolute/file.sqlite`, "
            "or `memory:`, which forgets it at the end.",
            "sqlite",
            "memory",
        ),
    ] = "sqlite:"
    refusals: Annotated[
        str,
        _text(
            "STORE",
            "Where the log of refusals is kept: `sqlite:` in the data directory, `sqlite:///absolute/file.sqlite`, "
            "or `memory:`, which forgets it at the end.",
            "sqlite",
            "memory",
        ),
    ] = "sqlite:"

    @property
    def entries_address(self) -> StoreAddress:
        """`entries`, taken apart; `ValueError` if it has not been checked."""
        return parse_store(self.entries, BY_KEY["stores.entries"].schemes)

    @property
    def catalog_address(self) -> StoreAddress:
        """`catalog`, taken apart; `ValueError` if it has not been checked."""
        return parse_store(self.catalog, BY_KEY["stores.catalog"].schemes)

    @property
    def blobs_address(self) -> StoreAddress:
        """`blobs`, taken apart; `ValueError` if it has not been checked."""
        return parse_store(self.blobs, BY_KEY["stores.blobs"].schemes)

    @property
    def audit_address(self) -> StoreAddress:
        """`audit`, taken apart; `ValueError` if it has not been checked."""
        return parse_store(self.audit, BY_KEY["stores.audit"].schemes)

    @property
    def refusals_address(self) -> StoreAddress:
        """`refusals`, taken apart; `ValueError` if it has not been checked."""
        return parse_store(self.refusals, BY_KEY["stores.refusals"].schemes)


class Limits(Struct, frozen=True):
    """What is bounded, so that neither a flood nor a stranger takes the memory or the doors.

    Limits of connections hold for each listener by itself.
    """

    payload_bytes: Annotated[int, _range(1, 1_048_576, "bytes", "The largest payload a device may send.")] = 1024
    connections: Annotated[int, _range(1, 1_000_000, "connections", "Connections in all, each listener.")] = 10_000
    connections_per_address: Annotated[
        int, _range(1, 1_000_000, "connections", "Connections from one source address, each listener.")
    ] = 4_096
    head_bytes: Annotated[
        int, _range(1_024, 1_048_576, "bytes", "The largest head of a request: its first line and headers.")
    ] = 32_768
    head_seconds: Annotated[
        int, _range(1, 3_600, "seconds", "How long a client may take to send the head of a request.")
    ] = 10
    body_seconds: Annotated[
        int, _range(1, 3_600, "seconds", "How long a client may pause between two bytes of a body.")
    ] = 30
    idle_seconds: Annotated[
        int, _range(1, 86_400, "seconds", "How long a connection may stay open with nothing asked.")
    ] = 60
    api_body_bytes: Annotated[
        int, _range(1_024, 67_108_864, "bytes", "The largest body of an API request, files apart.")
    ] = 1_048_576
    waiting_writes: Annotated[
        int, _range(1, 10_000_000, "entries", "Entries that may wait for the disk; beyond, doors answer 503.")
    ] = 20_000
    waiting_bytes: Annotated[
        int,
        _range(
            1_024,
            17_179_869_184,
            "bytes",
            "Bytes of entries that may wait for the disk; beyond, doors answer 503. "
            "At least sixteen times `payload_bytes`, so that one payload always fits, however it is encoded.",
        ),
    ] = 33_554_432
    drain_seconds: Annotated[
        int, _range(0, 9, "seconds", "How long a stop waits for requests under way; it is over within ten seconds.")
    ] = 8


class Data(Struct, frozen=True):
    """Data entries."""

    retention_days: Annotated[
        int,
        _range(
            0,
            36_500,
            "days",
            "How long a data entry is kept, by the time it carries, unless the group of its SIM or device says; "
            "0 keeps it for ever.",
        ),
    ] = 0


class Files(Struct, frozen=True):
    """Files, and the links that lead to their bytes."""

    file_bytes: Annotated[
        int, _range(1, 5_497_558_138_880, "bytes", "The largest file the API takes; Harvest's own limit is 5 GiB.")
    ] = 5_368_709_120
    device_file_bytes: Annotated[
        int,
        _range(1, 5_497_558_138_880, "bytes", "The largest file a device may send; Harvest's own limit is 100 MiB."),
    ] = 104_857_600
    retention_days: Annotated[
        int, _range(0, 36_500, "days", "How long a file is kept after it was last written; 0 keeps it for ever.")
    ] = 731
    link_seconds: Annotated[
        int, _range(1, 604_800, "seconds", "How long the link lives that a download is redirected to.")
    ] = 300


class Exports(Struct, frozen=True):
    """Export jobs."""

    running: Annotated[int, _range(1, 64, "jobs", "Exports that run at once; others wait their turn.")] = 2
    kept: Annotated[
        int,
        _range(1, 100_000, "jobs", "Exports of one operator that are kept or waiting; beyond, a new one is refused."),
    ] = 100
    run_minutes: Annotated[int, _range(1, 10_080, "minutes", "How long an export may run until it fails.")] = 120
    kept_hours: Annotated[int, _range(1, 8_760, "hours", "How long the file of a finished export is kept.")] = 24
    link_seconds: Annotated[int, _range(1, 604_800, "seconds", "How long the link to an exported file lives.")] = 3_600


class Ingest(Struct, frozen=True):
    """Payloads that others bring for devices."""

    beam_window_seconds: Annotated[
        int,
        _range(
            0,
            86_400,
            "seconds",
            "How old what Beam has signed may be, by the time that it says, or how far ahead; 0 lets it be of any age.",
        ),
    ] = 300


class Auth(Struct, frozen=True):
    """Logins."""

    token_seconds: Annotated[
        int, _range(1, 172_800, "seconds", "How long a token lives if the login does not say.")
    ] = 86_400


class Audit(Struct, frozen=True):
    """The audit log: who called what, when, from where."""

    days: Annotated[int, _range(0, 36_500, "days", "How long a call is kept; 0 keeps it for ever.")] = 90
    entries: Annotated[
        int,
        _range(1, 1_000_000_000, "calls", "Calls of one operator that are kept; beyond, the oldest are forgotten."),
    ] = 1_000_000


class RefusalsKept(Struct, frozen=True):
    """The log of refusals: what was not taken in, from whom, and why."""

    days: Annotated[int, _range(0, 36_500, "days", "How long a refusal is kept; 0 keeps it for ever.")] = 40
    entries: Annotated[
        int,
        _range(
            1,
            1_000_000,
            "refusals",
            "Refusals of one operator in one coverage that are kept; beyond, the oldest are forgotten.",
        ),
    ] = 10_000


class Log(Struct, frozen=True):
    """Logs, which go to standard error."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="The least important thing to log.")
    ] = "info"
    format: Annotated[
        Literal["auto", "json", "console"],
        Meta(description="One JSON object a line, or lines for people; `auto` is for people on a terminal."),
    ] = "auto"


class Settings(Struct, frozen=True):
    """How one server runs. Made by `config.load`, which checks it; nothing here is checked again."""

    data_dir: Annotated[
        str,
        _text("DIR", "The folder that holds everything kept. It is made if absent; one server at a time uses it."),
    ] = "./minori-data"
    api: Annotated[
        str, _text("HOST:PORT", "Where people and programs come in: the `/v1` API, its reference, metrics and health.")
    ] = "127.0.0.1:8080"
    door_http: Annotated[str, _text("HOST:PORT", "Where devices come in over HTTP.")] = "127.0.0.1:8880"
    door_stream: Annotated[str, _text("HOST:PORT", "Where devices come in over TCP and UDP: Harvest Data.")] = (
        "127.0.0.1:8514"
    )
    door_unified: Annotated[
        str, _text("HOST:PORT", "Where devices come in over TCP and UDP: the Unified Endpoint.")
    ] = "127.0.0.1:23080"
    door_beam: Annotated[
        str,
        _text(
            "HOST:PORT or empty", "Where Soracom Beam brings in what devices send over TCP; empty, where it does not."
        ),
    ] = ""
    door_https: Annotated[
        str, _text("HOST:PORT or empty", "Where devices come in over HTTPS, by `tls_cert`; empty, where they do not.")
    ] = ""
    tls_cert: Annotated[
        str,
        _text("FILE", "The certificate chain (PEM) by which the API speaks HTTPS; SIGHUP reads it anew; empty, HTTP."),
    ] = ""
    tls_key: Annotated[str, _text("FILE", "The key (PEM, without a password) to `tls_cert`.")] = ""
    coverage: Annotated[
        Literal["host", "japan", "global"],
        Meta(
            description="Whose data the API shows, that of Japan or of Global, which are apart: "
            "`host` goes by the name in the request, `g.*` is Global and any other Japan."
        ),
    ] = "host"
    demo: Annotated[
        bool,
        Meta(description="Add a group and a SIM named demo, so that this machine may send as a device at once."),
    ] = False
    stores: Stores = Stores()
    limits: Limits = Limits()
    data: Data = Data()
    files: Files = Files()
    exports: Exports = Exports()
    ingest: Ingest = Ingest()
    mqtt: Mqtt = Mqtt()
    auth: Auth = Auth()
    audit: Audit = Audit()
    refusals: RefusalsKept = RefusalsKept()
    log: Log = Log()


Value = bool | int | str
"""What a setting holds."""

TEXT_LENGTH = 256
"""The longest text that means nothing to Minori, in characters (our choice)."""

_ALLOWED = {
    "HOST:PORT": "HOST:PORT, such as {default}",
    "HOST:PORT or empty": "HOST:PORT, such as 127.0.0.1:8023, or nothing",
    "DIR": "the path of a folder",
    "STORE": "{default}, {default}///absolute/path or memory:",
    "BROKER": "mqtt://HOST or mqtts://HOST, with USER:PASSWORD@ before HOST and :PORT behind it if need be, or nothing",
    "TOPIC": "a topic such as {default}",
    "TEXT": f"up to {TEXT_LENGTH} printable characters",
    "FILE": "the path of a file, or nothing",
}
"""What each form of text may be, as the end of a sentence that begins with `give`."""


class Setting(Struct, frozen=True):
    """What is known of one setting.

    `section` is empty at the top level. `form` is `HOST:PORT`, `DIR`, `STORE` or another name for text that
    is checked further, otherwise empty. `schemes` are those a store's address may have.
    """

    section: str
    name: str
    kind: type[Value]
    default: Value
    explanation: str
    unit: str = ""
    low: int | None = None
    high: int | None = None
    choices: tuple[str, ...] = ()
    form: str = ""
    schemes: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Its name with its section: `limits.payload_bytes`."""
        return f"{self.section}.{self.name}" if self.section else self.name

    @property
    def variable(self) -> str:
        """Its name in the environment: `MINORI_LIMITS_PAYLOAD_BYTES`."""
        return f"MINORI_{self.key}".replace(".", "_").upper()

    @property
    def flag(self) -> str | None:
        """Its name on the command line: `--door-http`; settings in a section have none."""
        return None if self.section else f"--{self.name}".replace("_", "-")

    @property
    def allowed(self) -> str:
        """What it may hold, as the end of a sentence that begins with `give`."""
        if self.kind is bool:
            return "true or false"
        if self.kind is int:
            return f"a whole number of {self.unit} from {self.low} to {self.high}"
        if self.choices:
            return f"{', '.join(self.choices[:-1])} or {self.choices[-1]}"
        return _ALLOWED[self.form].format(default=self.default)


def _settings(struct: type[Struct], section: str = "") -> Iterator[Setting]:
    for field in msgspec.structs.fields(struct):
        if isinstance(field.default, Struct):
            yield from _settings(type(field.default), field.name)
        else:
            yield _setting(section, field)


def _setting(section: str, field: msgspec.structs.FieldInfo) -> Setting:
    held, meta = get_args(field.type)
    return Setting(
        section,
        field.name,
        type(field.default),
        field.default,
        meta.description,
        low=meta.ge,
        high=meta.le,
        choices=get_args(held),
        **meta.extra or {},
    )


REFERENCE: tuple[Setting, ...] = tuple(_settings(Settings))
"""Every setting, in order of its place here."""

BY_KEY = {setting.key: setting for setting in REFERENCE}
"""Every setting by its key."""

SECTIONS = tuple(dict.fromkeys(setting.section for setting in REFERENCE if setting.section))
"""The names of the sections."""
