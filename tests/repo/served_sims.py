"""What the description says about SIMs and devices: the spec's statuses, and those that any call can meet."""

from collections.abc import Iterator
from typing import Any

_STRING = {"type": "string"}
_INTEGER = {"type": "integer"}
_TEXTS = {"type": "array", "items": _STRING}
_MODE = {"type": "string", "enum": ["exact", "prefix"], "default": "exact"}
_KEY = ("last_evaluated_key", "query", False, _STRING)
_LIMIT = ("limit", "query", False, _INTEGER)
_TAG_NAME = ("tag_name", "path", True, _STRING)
_TAG = (
    ("tag_name", "query", False, _STRING),
    ("tag_value", "query", False, _STRING),
    ("tag_value_match_mode", "query", False, _MODE),
)
_FILTERS = (
    *_TAG,
    *((name, "query", False, _STRING) for name in ("status_filter", "speed_class_filter", "serial_number_filter")),
    _LIMIT,
    _KEY,
)
_END = (
    ("limit", "query", False, {"type": "integer", "default": 10}),
    _KEY,
    ("search_type", "query", False, {"type": "string", "enum": ["and", "or"], "default": "and"}),
)
_SESSION = ("session_status", "query", False, {"type": "string", "enum": ["NA", "ONLINE", "OFFLINE"], "default": "NA"})

_LISTED = "200 400 401 403 405"
_READ = "200 400 401 403 404 405"
_WRITTEN = "400 401 403 404 405 503 507"
_SENT = "400 401 403 404 405 413 503 507"

_Row = tuple[str, str, str, tuple[Any, ...], str]


def _texts(*names: str) -> tuple[Any, ...]:
    return tuple((name, "query", False, _TEXTS) for name in names)


def _sims(base: str, parameter: str, name: str, own: str) -> Iterator[_Row]:
    """The operations on one SIM; some of those on subscribers say no more than what they do."""
    one = ((parameter, "path", True, _STRING),)
    yield f"get{name}", "get", base, one, _READ
    yield f"register{name}", "post", f"{base}/register", one, f"201 {_SENT}"
    yield f"set{own}Group", "post", f"{base}/set_group", one, f"200 {_SENT}"
    yield f"unset{own}Group", "post", f"{base}/unset_group", one, f"200 {_WRITTEN}"
    yield f"put{name}Tags", "put", f"{base}/tags", one, f"200 {_SENT}"
    yield f"delete{name}Tag", "delete", f"{base}/tags/{{tag_name}}", (*one, _TAG_NAME), f"204 {_WRITTEN}"
    for word in ("activate", "deactivate", "suspend", "terminate"):
        yield f"{word}{name}", "post", f"{base}/{word}", one, f"200 {_WRITTEN}"
    yield f"set{name}ToStandby", "post", f"{base}/set_to_standby", one, f"200 {_WRITTEN}"
    for word in ("enable", "disable"):
        yield f"{word}{own}Termination", "post", f"{base}/{word}_termination", one, f"200 {_WRITTEN}"


def _devices(base: str, name: str) -> Iterator[_Row]:
    device = (("device_id", "path", True, _STRING),)
    one = f"{base}/{{device_id}}"
    yield f"list{name}s", "get", base, (*_TAG, _LIMIT, _KEY), _LISTED
    yield f"get{name}", "get", one, device, _READ
    if name == "Device":
        yield "createDevice", "post", base, (), f"201 {_SENT}"
        yield "deleteDevice", "delete", one, device, f"204 {_WRITTEN}"
    else:
        yield f"register{name}", "post", f"{one}/register", device, f"201 {_SENT}"
    yield f"set{name}Group", "post", f"{one}/set_group", device, f"200 {_SENT}"
    yield f"unset{name}Group", "post", f"{one}/unset_group", device, f"200 {_WRITTEN}"
    yield f"put{name}Tags", "put", f"{one}/tags", device, f"200 {_SENT}"
    yield f"delete{name}Tag", "delete", f"{one}/tags/{{tag_name}}", (*device, _TAG_NAME), f"204 {_WRITTEN}"


SERVED: tuple[_Row, ...] = (
    ("listSubscribers", "get", "/subscribers", _FILTERS, _LISTED),
    *_sims("/subscribers/{imsi}", "imsi", "Subscriber", ""),
    (
        "searchSubscribers",
        "get",
        "/query/subscribers",
        (
            *_texts("name", "group", "imsi", "msisdn", "iccid", "serial_number", "tag", "subscription", "module_type"),
            *_END,
        ),
        _LISTED,
    ),
    ("listSims", "get", "/sims", _FILTERS, _LISTED),
    ("createSim", "post", "/sims", (), "201 400 401 403 405 413 503 507"),
    *_sims("/sims/{sim_id}", "sim_id", "Sim", "Sim"),
    (
        "searchSims",
        "get",
        "/query/sims",
        (
            *_texts("name", "group", "sim_id", "imsi", "msisdn", "iccid", "serial_number", "tag", "bundles"),
            _SESSION,
            *_END,
        ),
        _LISTED,
    ),
    *_devices("/devices", "Device"),
    *_devices("/lora_devices", "LoraDevice"),
    *_devices("/sigfox_devices", "SigfoxDevice"),
    *_devices("/sora_cam/devices", "SoraCamDevice"),
)
