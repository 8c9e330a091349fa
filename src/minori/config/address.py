"""The two kinds of address a setting may hold: where to listen, and where a store is."""

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from msgspec import Struct

_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(\.(?!-)[A-Za-z0-9_-]{1,63})*\.?", re.ASCII)
_LOOKS_NUMERIC = re.compile(r"[0-9.]+", re.ASCII)
_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)
_HOST_BYTES = 253
_LAST_PORT = 65_535


class Endpoint(Struct, frozen=True):
    """Where a listener listens.

    `host` is a name or an IP address, without brackets. `port` is 0 to 65535; 0 lets the system pick one.
    """

    host: str
    port: int

    def __str__(self) -> str:
        """`HOST:PORT`, an IPv6 address in brackets: what `parse_endpoint` takes."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_endpoint(text: str) -> Endpoint:
    """The endpoint that `HOST:PORT` or `[IPv6]:PORT` means; `ValueError` with a sentence if none."""
    if "://" in text or "/" in text:
        raise ValueError("write HOST:PORT alone, without a scheme or a path")
    if _PORT.fullmatch(text):
        raise ValueError(f"the host is missing; write 127.0.0.1:{text} for this machine alone")
    host, colon, port = text.rpartition(":")
    if not colon:
        raise ValueError(f"the port is missing; write {text or '127.0.0.1'}:0 to let the system pick one")
    if host in ("", "*"):
        raise ValueError(
            f"the host is missing; write 127.0.0.1:{port} for this machine alone, or 0.0.0.0:{port} for every network"
        )
    if not _PORT.fullmatch(port) or int(port) > _LAST_PORT:
        raise ValueError(f"the port must be a whole number from 0 to {_LAST_PORT}")
    if host.startswith("[") and host.endswith("]"):
        return Endpoint(_ipv6(host[1:-1]), int(port))
    if ":" in host:
        raise ValueError("an IPv6 address stands in brackets, such as [::1]:8080")
    return Endpoint(_name_or_ipv4(host), int(port))


def _ipv6(host: str) -> str:
    try:
        IPv6Address(host)
    except AddressValueError as error:
        raise ValueError("what stands in brackets must be an IPv6 address, such as [::1]:8080") from error
    return host


def _name_or_ipv4(host: str) -> str:
    if _LOOKS_NUMERIC.fullmatch(host):
        try:
            return str(IPv4Address(host))
        except AddressValueError as error:
            raise ValueError("an IPv4 address has four numbers from 0 to 255, such as 127.0.0.1:8080") from error
    if len(host) > _HOST_BYTES or not _HOST_NAME.fullmatch(host):
        raise ValueError("the host must be a name or an IP address, such as localhost:8080")
    return host


class StoreAddress(Struct, frozen=True):
    """Which driver keeps something, by its scheme, and where.

    `path` is absolute. `None` means in the data directory, or, for `memory:`, nowhere.
    """

    scheme: str
    path: str | None


def parse_store(text: str, schemes: tuple[str, ...]) -> StoreAddress:
    """The address that `scheme:`, or `scheme:///absolute/path`, means; `ValueError` with a sentence if none.

    `memory:` takes no path. A path is taken as it stands: no escapes, no query.
    """
    scheme, colon, rest = text.partition(":")
    if not colon or scheme not in schemes:
        raise ValueError("no such store")
    if not rest:
        return StoreAddress(scheme, None)
    path = rest.removeprefix("//")
    if scheme == "memory":
        raise ValueError("memory: takes no path")
    if path == rest or not path.startswith("/") or not path.strip("/"):
        raise ValueError(f"the path must be absolute, such as {scheme}:///var/lib/minori/{scheme}")
    if "\0" in path:
        raise ValueError("a path holds no NUL")
    return StoreAddress(scheme, path)
