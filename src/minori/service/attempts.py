"""Logins of one address take turns, and each wrong guess makes the next one wait longer."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, IPv6Address, ip_address
from math import ceil

from minori.errors import CredentialsWrong, Overloaded, TooManyAttempts

FREE_FAILURES = 5
"""Wrong guesses that cost nothing but their turn: people mistype."""

FIRST_DELAY, LONGEST_DELAY = 0.25, 4.0
"""Seconds; each wrong guess beyond `FREE_FAILURES` doubles the delay."""

MEMORY_SECONDS = 300.0
"""Wrong guesses count for this long. A right one does not reset them: an attacker with an account of
their own could otherwise guess for ever."""

WAITING = 64
"""Logins that may wait for their turn, from one address: as many as a test farm starts at once."""

WAITING_IN_ALL = 256
"""Logins that may be under way, from all addresses."""

ADDRESSES = 10_000
"""Addresses that are remembered; the one not heard of longest is forgotten first."""

_COUNTED = 10
_NETWORK_BITS = 64


class _Source:
    """One address: who is inside, its recent failures, and when the next guess may be looked at."""

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self.inside = 0
        self.failures: deque[float] = deque(maxlen=_COUNTED)
        self.free_at = 0.0


class Attempts:
    """Slows the guessing of passwords: one login at a time for each address, ever later after wrong guesses.

    All values above are our choice. `clock` gives UNIX seconds, `sleep` waits for seconds.
    """

    def __init__(self, clock: Callable[[], float], sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        self._clock = clock
        self._sleep = sleep
        self._sources: OrderedDict[str, _Source] = OrderedDict()
        self._inside = 0

    @asynccontextmanager
    async def turn(self, address: str) -> AsyncIterator[None]:
        """Wait for the address's turn and hold it; `CredentialsWrong` out of the body is a wrong guess.

        A wrong guess holds the turn for its delay, so neither it nor the next one is answered sooner.
        Raises `TooManyAttempts` if `WAITING` others wait already, `Overloaded` at `WAITING_IN_ALL`.
        """
        name = network_of(address)
        source = self._enter(name)
        try:
            async with source.turn:
                # A client that hung up on its wrong guess must not spare the next one the delay.
                await self._wait_until(source.free_at)
                try:
                    yield
                except CredentialsWrong:
                    source.failures.append(self._clock())
                    source.free_at = self._clock() + self._delay(source)
                    await self._wait_until(source.free_at)
                    raise
        finally:
            self._leave(name, source)

    def _enter(self, name: str) -> _Source:
        if self._inside >= WAITING_IN_ALL:
            raise Overloaded
        source = self._sources.get(name) or _Source()
        if source.inside > WAITING:
            raise TooManyAttempts(ceil(max(self._delay(source), 1)))
        self._sources[name] = source
        self._sources.move_to_end(name)
        source.inside += 1
        self._inside += 1
        if len(self._sources) > ADDRESSES:
            del self._sources[next(idle for idle, other in self._sources.items() if not other.inside)]
        return source

    def _leave(self, name: str, source: _Source) -> None:
        source.inside -= 1
        self._inside -= 1
        if not source.inside and not self._recent(source):
            del self._sources[name]

    def _recent(self, source: _Source) -> int:
        since = self._clock() - MEMORY_SECONDS
        return sum(time > since for time in source.failures)

    def _delay(self, source: _Source) -> float:
        costly = self._recent(source) - FREE_FAILURES
        return min(FIRST_DELAY * 2.0 ** (costly - 1), LONGEST_DELAY) if costly > 0 else 0.0

    async def _wait_until(self, time: float) -> None:
        # Bounded, since the clock may have been set back.
        seconds = min(time - self._clock(), LONGEST_DELAY)
        if seconds > 0:
            await self._sleep(seconds)


def network_of(address: str) -> str:
    """Whose attempts count together: an IPv4 address, or an IPv6 network of 64 bits, which one host may own."""
    try:
        parsed: IPv4Address | IPv6Address = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is None:
            return str(IPv6Address(int(parsed) >> _NETWORK_BITS << _NETWORK_BITS))
        parsed = parsed.ipv4_mapped
    return str(parsed)
