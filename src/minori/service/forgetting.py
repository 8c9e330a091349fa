"""What the logs of a server forget: what is too old, and the oldest of who has too much; slice by slice, with rests."""

from collections.abc import Awaitable, Callable

from minori.service.tidying import Rest

EVERY_SECONDS = 60.0
"""How long after a look for what is to be forgotten the next one begins (our choice)."""

AT_ONCE = 1000
"""Entries that are forgotten before others have their turn (our choice)."""

_DAY_MS = 86_400_000


async def forget_all(forget: Callable[[int, int, int], Awaitable[int]], now: int, days: int, keep: int) -> int:
    """Forget what is older than `days` at `now` (UNIX ms), and the oldest of who has more than `keep`; how many.

    0 days are for ever. `forget` is a log's: it is told the time before which all goes, `keep`, and how many may go
    at once. Raises what the log does.
    """
    before = now - days * _DAY_MS if days else 0
    forgotten, count = 0, AT_ONCE
    rest = Rest()
    while count == AT_ONCE:
        count = await forget(before, keep, AT_ONCE)
        forgotten += count
        await rest.take()
    return forgotten
