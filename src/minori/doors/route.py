"""Where a request at the HTTP door goes, by its method, target and host."""

from msgspec import Struct

from minori.errors import Error, MethodNotAllowed, NotFound
from minori.model.refusal import Service

METHODS = ("POST", "PUT")
"""The methods that send a payload."""

_UNIFIED = (b"uni.", b"unified.")
_FILES = b"harvest-files."


class Route(Struct, frozen=True):
    """Where a request goes: to the ingest service, to the file door, or nowhere.

    `unified` is the Unified Endpoint, which ignores `X-Soracom-Timestamp` (documented).
    """

    unified: bool = False
    files: bool = False
    refusal: Error | None = None

    @property
    def service(self) -> Service:
        """What the log of refusals calls it."""
        return Service.UNIFIED if self.unified else Service.HARVEST


def route(method: bytes, target: bytes, host: bytes) -> Route:
    """Where a request goes by its method, its target (with or without authority and query) and its `Host`.

    Harvest Files and the Unified Endpoint are told by the first label of the host; every other host is
    Harvest Data, since a test or a device may call the door by any name (R29).
    """
    path = target
    if path != b"/":
        host, path = _split(target, host)
    host = host.lower()
    if host.startswith(_FILES):
        return _HARVEST_FILES
    if path != b"/":
        return Route(refusal=NotFound("There is nothing here; send data to the path /"))
    if method not in (b"POST", b"PUT"):
        return Route(refusal=MethodNotAllowed(METHODS))
    return _UNIFIED_DATA if host.startswith(_UNIFIED) else HARVEST_DATA


def service_of(listener: str) -> Service:
    """What is spoken to at a TCP or UDP listener, by its name."""
    return Service.UNIFIED if listener == "door-unified" else Service.HARVEST


def is_for_files(host: str | None) -> bool:
    """Whether a `Host` is that of Harvest Files."""
    return host is not None and host.lower().startswith(_FILES.decode())


HARVEST_DATA = Route()
"""The way of a payload to Harvest Data."""

_UNIFIED_DATA = Route(unified=True)
_HARVEST_FILES = Route(files=True)


def _split(target: bytes, host: bytes) -> tuple[bytes, bytes]:
    scheme, separator, rest = target.partition(b"://")
    if separator and scheme.lower() in (b"http", b"https"):
        cut = min((at for at in (rest.find(b"/"), rest.find(b"?")) if at >= 0), default=len(rest))
        host, target = rest[:cut], rest[cut:]
        target = target if target.startswith(b"/") else b"/" + target
    return host, target.partition(b"?")[0]
