"""How many connections may be open: in all, and from one address."""


class Admission:
    """Counts the connections of one listener (our choice).

    `total` and `per_address` are at least 1. Memory is bounded by the connections that are open: an
    address whose last connection has left is forgotten.
    """

    def __init__(self, total: int, per_address: int) -> None:
        self._total = total
        self._per_address = per_address
        self._open = 0
        self._by_address: dict[str, int] = {}

    @property
    def open(self) -> int:
        """Connections admitted that have not left."""
        return self._open

    @property
    def full(self) -> bool:
        """Whether nobody is admitted any more, whatever the address."""
        return self._open >= self._total

    def admit(self, address: str) -> bool:
        """Count one more connection from `address`; false, and nothing counted, if that is one too many."""
        here = self._by_address.get(address, 0)
        if self.full or here >= self._per_address:
            return False
        self._open += 1
        self._by_address[address] = here + 1
        return True

    def leave(self, address: str) -> None:
        """Give back what `admit` counted; `KeyError` if nothing is open from `address`."""
        here = self._by_address[address] - 1
        self._open -= 1
        if here:
            self._by_address[address] = here
        else:
            del self._by_address[address]
