"""Which SIM is behind an address: networks with their IMSIs, of which the longest match wins."""

import ipaddress
from ipaddress import IPv4Network, IPv6Network

Network = IPv4Network | IPv6Network


class Networks:
    """The networks of sessions, IPv4 and IPv6 apart. Finding takes a look for each length of network there is."""

    def __init__(self) -> None:
        self._by_mask: dict[int, dict[int, dict[int, str]]] = {4: {}, 6: {}}
        self._longest_first: dict[int, list[tuple[int, dict[int, str]]]] = {4: [], 6: []}

    def put(self, network: Network, imsi: str) -> None:
        """Let a network lead to an IMSI."""
        by_mask, mask = self._by_mask[network.version], int(network.netmask)
        if mask not in by_mask:
            by_mask[mask] = {}
            self._sort(network.version)
        by_mask[mask][int(network.network_address)] = imsi

    def remove(self, network: Network) -> None:
        """Let a network, which is there, lead nowhere."""
        by_mask, mask = self._by_mask[network.version], int(network.netmask)
        del by_mask[mask][int(network.network_address)]
        if not by_mask[mask]:
            del by_mask[mask]
            self._sort(network.version)

    def find(self, address: str) -> str | None:
        """The IMSI of the longest network that holds an address; `None` for what is no address, too."""
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return None
        number = int(parsed)
        for mask, imsis in self._longest_first[parsed.version]:
            imsi = imsis.get(number & mask)
            if imsi is not None:
                return imsi
        return None

    def overlapping(self, network: Network) -> set[str]:
        """The IMSIs of all networks that hold this one, are in it, or are the same."""
        mine, number = int(network.netmask), int(network.network_address)
        found = set[str]()
        for mask, imsis in self._longest_first[network.version]:
            if mask > mine:
                found.update(imsi for other, imsi in imsis.items() if other & mine == number)
            elif (imsi := imsis.get(number & mask)) is not None:
                found.add(imsi)
        return found

    def _sort(self, version: int) -> None:
        # The longer a network, the larger the number of its mask.
        self._longest_first[version] = sorted(self._by_mask[version].items(), reverse=True)
