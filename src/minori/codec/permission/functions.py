"""The functions of conditions; their arguments stand in the condition itself, so they are read once, when it is."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time
from ipaddress import IPv6Network, ip_network

from msgspec import Struct

from minori.codec.permission.expression import Constant, Expression, FromNetwork, Kind, PathVariable

_NETWORK = re.compile(r"[0-9A-Fa-f:.]+(?:/[0-9]{1,3})?")
_EPOCH = date(1970, 1, 1).toordinal()
_MAPPED_BITS = 96  # of an IPv6 address, before the IPv4 address that it stands for


class Function(Struct, frozen=True):
    """`read` makes an expression of `least` to `most` arguments, which are all of one `argument` kind.

    It raises `ValueError` or `OverflowError` for arguments that mean nothing.
    """

    argument: Kind
    least: int
    most: int
    kind: Kind
    example: str
    read: Callable[[Sequence[str]], Expression]


def _date(numbers: Sequence[str]) -> Expression:
    year, month, day = map(int, numbers)
    return Constant(date(year, month, day).toordinal() - _EPOCH)


def _time(numbers: Sequence[str]) -> Expression:
    hour, minute, second = (*map(int, numbers), 0)[:3]
    at = time(hour, minute, second)
    return Constant(at.hour * 3600 + at.minute * 60 + at.second)


def _moment(numbers: Sequence[str]) -> Expression:
    year, month, day, hour, minute, second = (*map(int, numbers), 0)[:6]
    return Constant(int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()))


def _from_network(texts: Sequence[str]) -> Expression:
    (text,) = texts
    if not _NETWORK.fullmatch(text):
        raise ValueError(text)
    network = ip_network(text, strict=False)
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    if mapped is not None and network.prefixlen >= _MAPPED_BITS:
        network = ip_network((mapped, network.prefixlen - _MAPPED_BITS))
    return FromNetwork(network.version, int(network.network_address), int(network.broadcast_address))


def _path_variable(texts: Sequence[str]) -> Expression:
    (name,) = texts
    if not name:
        raise ValueError(name)
    return PathVariable(name)


FUNCTIONS = {
    "date": Function(Kind.NUMBER, 3, 3, Kind.DATE, "date(2023, 02, 01)", _date),
    "time": Function(Kind.NUMBER, 2, 3, Kind.TIME, "time(17, 30)", _time),
    "dateTime": Function(Kind.NUMBER, 5, 6, Kind.MOMENT, "dateTime(2023, 02, 01, 17, 30)", _moment),
    "ipAddress": Function(Kind.TEXT, 1, 1, Kind.TRUTH, "ipAddress('10.0.0.0/24')", _from_network),
    "pathVariable": Function(Kind.TEXT, 1, 1, Kind.TEXT, "pathVariable('sim_id')", _path_variable),
}
"""`date`, `ipAddress` and `pathVariable` are documented; `time` and `dateTime` are our choice.

An address's host bits may be set (documented); without a prefix it is one address; IPv6 is our choice.
"""
