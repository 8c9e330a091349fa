"""What was not taken in, and why: noted in memory at once, kept by the log of refusals about a second later.

So no payload waits for it, and none fails for it. A flood costs little: what one sender is refused for the same
reason again and again within a minute is one line with a count.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence

import structlog

from minori import errors
from minori.config.settings import RefusalsKept
from minori.errors import Error, Unavailable
from minori.model.refusal import (
    Level,
    Origin,
    Refusal,
    RefusalPage,
    RefusalPlace,
    RefusalQuery,
    UnknownSender,
    merged,
)
from minori.model.resource import Resource
from minori.service import forgetting
from minori.service.forgetting import forget_all
from minori.service.registry import Registry
from minori.storage.base import RefusalLog

SENDERS = 1000
"""Unknown senders that are remembered, of the whole server (our choice); beyond, those seen least recently go."""

FOLD_SECONDS = 60
"""For how long refusals of one sender for one reason are told as one, after the first, which is told at once."""

RUNS = 20_000
"""Senders, times the reasons they were refused for, that are told apart at once (our choice): about 20 MB."""

RUNS_OF_ACCOUNT = 2_000
"""Those of one account; beyond, its refusals are told by reason alone (our choice)."""

QUEUED = 20_000
"""Refusals that may wait for the log (our choice)."""

MESSAGE_CHARACTERS = 500
"""The most of a message that is kept (our choice)."""

MANY = "From more senders than are told apart; /metrics counts all"
"""The message of refusals whose senders are too many to be told apart."""

EVERY_SECONDS = 1.0
"""How often what waits is handed to the log (our choice)."""


_log = structlog.get_logger()

_Key = tuple[str, str, Level, str, Origin, int]
"""What is alike: door, reason, level, message, origin; and the state of the registry: an address may change hands."""


class _Run:
    """Refusals that are alike, as they are counted. `count` is how many have not been told; 0 after telling."""

    __slots__ = ("began", "count", "pattern", "since", "size", "time")

    def __init__(self, pattern: Refusal) -> None:
        self.pattern = pattern
        self.began = self.since = self.time = pattern.time
        self.size = pattern.size
        self.count = 0

    def add(self, now: int, size: int | None) -> None:
        """Count one at `now` (UNIX ms) of `size` bytes, if known."""
        if self.count == 0:
            self.since, self.size = now, size
        self.count += 1
        self.time = now
        if size is not None and (self.size is None or size > self.size):
            self.size = size

    def told(self) -> Refusal:
        """What has been counted and not told yet, and begin anew."""
        one = self.pattern
        told = Refusal(
            one.account,
            self.time,
            self.since,
            one.service,
            one.level,
            one.door,
            one.resource_type,
            one.resource_id,
            one.address,
            one.reason,
            one.message,
            self.size,
            self.count,
        )
        self.count = 0
        return told


class Refusals:
    """Call `start` once before anything else, and `close` when nothing is noted any more.

    `clock_ms` gives UNIX ms.
    """

    def __init__(
        self, log: RefusalLog, registry: Registry, clock_ms: Callable[[], int], settings: RefusalsKept
    ) -> None:
        self._log = log
        self._registry = registry
        self._clock_ms = clock_ms
        self._settings = settings
        # In the order in which they began.
        self._runs: dict[_Key, _Run] = {}
        self._runs_of = Counter[str]()
        self._fresh: list[_Run] = []
        self._waiting: list[Refusal] = []
        self._strangers: OrderedDict[str, UnknownSender] = OrderedDict()
        self._writing: asyncio.Task[None] | None = None
        self._lost = 0
        self._is_failing = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to keep what is noted, and to forget what is too old or too much."""
        self._tasks = [asyncio.create_task(self._run()), asyncio.create_task(self._run_tidying())]

    async def close(self) -> None:
        """Stop, and keep what waits."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for run in self._runs.values():
            self._tell(run)
        self._fresh.clear()
        await self.flush()
        if self._waiting:
            _log.warning("refusals are missing in their log", lost=len(self._waiting))

    def note(self, door: str, error: Error, origin: Origin, size: int | None, reason: str) -> None:
        """Note that a payload of `size` bytes was refused with `error`, for a `reason`; never waits and never raises.

        Whose session the origin's address is counts, where no resource is named. What belongs to no account is noted
        as an unknown sender, if it has an address. Where more is refused than is told apart, it is told by reason.
        """
        if isinstance(error, errors.UnknownSender):
            # The registry has just looked.
            self._note_stranger(door, reason, origin.address, size)
            return
        level = Level.ERROR if isinstance(error, Unavailable) else Level.WARNING
        key = (door, reason, level, error.message[:MESSAGE_CHARACTERS], origin, self._registry.state)
        run = self._runs.get(key) or self._begin(key, size)
        if run is not None:
            run.add(self._clock_ms(), size)

    async def page(self, query: RefusalQuery, before: RefusalPlace | None) -> RefusalPage:
        """See `RefusalLog.page`; the first refusal of a kind is seen at once, its repetitions within a minute."""
        await self.flush()
        return await self._log.page(query, before)

    async def unknown_senders(self, limit: int) -> Sequence[UnknownSender]:
        """The senders that nobody knows, the latest first, at most `limit`; whatever was noted before is seen."""
        await self.flush()
        return await self._log.unknown_senders(limit)

    async def flush(self) -> None:
        """Hand to the log what is to be told now, and wait until it has it; raises nothing."""
        self._collect()
        while self._writing is not None:
            # It may have begun before the newest refusal.
            await asyncio.shield(self._writing)
        if self._waiting or self._strangers:
            self._writing = asyncio.create_task(self._write())
            await asyncio.shield(self._writing)

    async def tidy(self) -> int:
        """Forget what is too old, and the oldest of who has too much; how many. Raises what the log does."""
        return await forget_all(self._log.forget, self._clock_ms(), self._settings.days, self._settings.entries)

    def _begin(self, key: _Key, size: int | None) -> _Run | None:
        door, reason, level, _, origin, _ = key
        resource = origin.resource
        if resource is None and origin.account is None and origin.address:
            resource = self._registry.resource_at(origin.address)
        account = resource.account if resource is not None else origin.account
        if account is None:
            self._note_stranger(door, reason, origin.address, size)
            return None
        if self._runs_of[account] >= RUNS_OF_ACCOUNT:
            resource = None
            key = (door, reason, level, MANY, Origin(account=account, service=origin.service), 0)
            known = self._runs.get(key)
            if known is not None:
                return known
        if len(self._runs) >= RUNS:
            self._lose()
            return None
        self._runs_of[account] += 1
        run = self._runs[key] = _Run(self._pattern(account, resource, key))
        self._fresh.append(run)
        return run

    def _pattern(self, account: str, resource: Resource | None, key: _Key) -> Refusal:
        door, reason, level, message, origin, _ = key
        now = self._clock_ms()
        return Refusal(
            account,
            now,
            now,
            origin.service,
            level,
            door,
            None if resource is None else resource.type,
            None if resource is None else resource.id,
            origin.address,
            reason,
            "".join(each if each.isprintable() else "\ufffd" for each in message),
            None,
            0,
        )

    def _note_stranger(self, door: str, reason: str, address: str, size: int | None) -> None:
        if not address:
            return
        now = self._clock_ms()
        known = self._strangers.pop(address, None)
        first, count = (now, 0) if known is None else (known.first, known.count)
        self._strangers[address] = UnknownSender(address, first, now, count + 1, door, reason, size)
        if len(self._strangers) > SENDERS:
            self._strangers.popitem(last=False)

    def _collect(self) -> None:
        """Queue what is new, and of older runs what came since they were told, a minute later."""
        for run in self._fresh:
            self._tell(run)
        self._fresh.clear()
        now = self._clock_ms()
        ended = []
        for key, run in self._runs.items():
            if now - run.began < FOLD_SECONDS * 1000:
                break
            ended.append((key, run))
        for key, run in ended:
            del self._runs[key]
            if run.count:
                self._tell(run)
                run.began = now
                self._runs[key] = run
            else:
                self._leave(run.pattern.account)

    def _leave(self, account: str) -> None:
        self._runs_of[account] -= 1
        if not self._runs_of[account]:
            del self._runs_of[account]

    def _tell(self, run: _Run) -> None:
        if run.count == 0:
            return
        told = run.told()
        if len(self._waiting) < QUEUED:
            self._waiting.append(told)
        else:
            self._lose()

    def _lose(self) -> None:
        if self._lost == 0:
            _log.warning("refusals are missing in their log: there are too many at once")
        self._lost += 1

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            await self.flush()

    async def _run_tidying(self) -> None:
        while True:
            try:
                await self.tidy()
            except Error as error:
                self._fail(error)
            except Exception:  # noqa: BLE001 - a defect of ours ends this look, not the next one
                _log.exception("the log of refusals could not be tidied")
            self._lost = 0
            await asyncio.sleep(forgetting.EVERY_SECONDS)

    async def _write(self) -> None:
        """One batch. It goes on waiting where the log may take it later, and is given up where it never will."""
        batch = self._waiting[:]
        strangers, self._strangers = self._strangers, OrderedDict()
        is_over = True
        try:
            await self._log.add(batch, list(strangers.values()), SENDERS)
        except Error as error:
            is_over = False
            self._put_back(strangers)
            self._fail(error)
        except Exception:  # noqa: BLE001 - a value that no log takes must not hold up all others for ever
            _log.exception("refusals are missing in their log", lost=len(batch))
        else:
            self._is_failing = False
        finally:
            self._writing = None
        if is_over:
            del self._waiting[: len(batch)]

    def _put_back(self, strangers: OrderedDict[str, UnknownSender]) -> None:
        for address, newer in self._strangers.items():
            older = strangers.pop(address, None)
            strangers[address] = newer if older is None else merged(older, newer)
        while len(strangers) > SENDERS:
            strangers.popitem(last=False)
        self._strangers = strangers

    def _fail(self, error: Error) -> None:
        if not self._is_failing:
            self._is_failing = True
            _log.warning("the log of refusals fails; it is tried again every second", reason=error.message)
