"""Addresses and networks as people write them, in the one form that they are kept in."""

import re
from ipaddress import IPv4Network, IPv6Network, ip_network

from minori.errors import InvalidParameter

LENGTH = 64
"""The longest text of a network, in characters (our choice); `ipaddress` writes none that is longer."""

_MAPPED_BITS = 96
_written = re.compile(r"[0-9A-Fa-f:.]+(/[0-9]{1,3})?\Z").match


def parse_network(text: str) -> IPv4Network | IPv6Network:
    """The network of an address (`192.0.2.7`, then it is that address alone) or of a network (`10.1.0.0/16`).

    Bits behind the network's length are passed over, and what is IPv4 written as IPv6 (`::ffff:10.1.2.3`)
    becomes IPv4 (our choice), as the doors tell it. Raises `InvalidParameter`.
    """
    if len(text) > LENGTH or not _written(text):
        raise _invalid()
    try:
        network = ip_network(text, strict=False)
    except ValueError as error:
        raise _invalid() from error
    if isinstance(network, IPv6Network) and network.prefixlen >= _MAPPED_BITS:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return IPv4Network((mapped, network.prefixlen - _MAPPED_BITS))
    return network


def _invalid() -> InvalidParameter:
    return InvalidParameter(
        "The network must be an IPv4 or IPv6 address, or a network such as 10.1.0.0/16 or 2001:db8::/32"
    )
