"""The audit log of a server: a call is noted in memory at once, and kept by the store about a second later.

So no request waits for it, and none fails for it. What is noted and not yet kept is lost if the process is killed.
"""

import asyncio
from collections import Counter
from collections.abc import Callable

import structlog

from minori.codec.login import KeyLogin, RootLogin, UserLogin
from minori.config.settings import Audit
from minori.errors import Error
from minori.model.audit import AuditEntry, AuditPage, AuditPlace, AuditQuery
from minori.model.registry import Principal
from minori.observe.metrics import Metrics
from minori.service import forgetting
from minori.service.forgetting import forget_all
from minori.service.identities import Identities
from minori.storage.base import AuditLog

QUEUED = 20_000
"""Entries that may wait to be kept (our choice): half a second's, as fast as one process can answer."""

HURRIED = 5_000
"""Entries that are handed to the store before `EVERY_SECONDS` are over (our choice)."""

EVERY_SECONDS = 1.0
"""How often what waits is handed to the store (our choice)."""

GUESSES = 60
"""Calls a minute that name an operator and prove nothing, and are noted (our choice).

Who knows no secret of an operator could otherwise push everything else out of his log.
"""

_MINUTE_MS = 60_000

_log = structlog.get_logger()


class AuditService:
    """Call `start` once before anything else, and `close` when nothing is recorded any more.

    `clock_ms` gives UNIX ms.
    """

    def __init__(self, log: AuditLog, metrics: Metrics, clock_ms: Callable[[], int], settings: Audit) -> None:
        self._log = log
        self._metrics = metrics
        self._clock_ms = clock_ms
        self._settings = settings
        self._waiting: list[AuditEntry] = []
        self._writing: asyncio.Task[None] | None = None
        self._guesses = Counter[str]()
        self._minute = 0
        self._is_failing = False
        self._is_full = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to keep what is recorded, and to forget what is too old or too much."""
        self._tasks = [asyncio.create_task(self._run()), asyncio.create_task(self._run_tidying())]

    async def close(self) -> None:
        """Stop, and keep what waits."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.flush()
        if self._waiting:
            _log.error("calls are missing in the audit log", lost=len(self._waiting))

    def record(self, entry: AuditEntry, *, is_proven: bool) -> None:
        """Note a call; never waits and never raises.

        It `is_proven` whose call it is, or else only claimed: of those, `GUESSES` a minute are noted. Where too many
        wait, the entry is dropped, which is counted, and logged once.
        """
        if not is_proven and not self._may_guess(entry.operator_id):
            self._metrics.audit_dropped.labels("guesses").inc()
        elif len(self._waiting) >= QUEUED:
            self._metrics.audit_dropped.labels("full").inc()
            if not self._is_full:
                self._is_full = True
                _log.error("calls are missing in the audit log: too many wait for its store", waiting=QUEUED)
        else:
            self._waiting.append(entry)
            # Only as many of them, so that a store that fails is not asked at every call.
            if len(self._waiting) == HURRIED and self._writing is None:
                self._writing = asyncio.create_task(self._write())

    async def page(self, query: AuditQuery, before: AuditPlace | None) -> AuditPage:
        """See `AuditLog.page`; whatever was recorded before is seen, unless the store does not take it."""
        await self.flush()
        return await self._log.page(query, before)

    async def flush(self) -> None:
        """Hand to the store what waits, and wait until it has it; raises nothing."""
        while self._writing is not None:
            # It may have begun before the newest entry.
            await asyncio.shield(self._writing)
        if self._waiting:
            self._writing = asyncio.create_task(self._write())
            await asyncio.shield(self._writing)

    async def tidy(self) -> int:
        """Forget what is too old, and the oldest of who has too much; how many entries. Raises what the store does."""
        return await forget_all(self._log.forget, self._clock_ms(), self._settings.days, self._settings.entries)

    def _may_guess(self, operator_id: str) -> bool:
        minute = self._clock_ms() // _MINUTE_MS
        if minute != self._minute:
            self._minute = minute
            self._guesses.clear()
        self._guesses[operator_id] += 1
        return self._guesses[operator_id] <= GUESSES

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
                _log.exception("the audit log could not be tidied")
            await asyncio.sleep(forgetting.EVERY_SECONDS)

    async def _write(self) -> None:
        """One batch. It goes on waiting where the store may take it later, and is given up where it never will."""
        batch = self._waiting[:]
        is_over = True
        try:
            await self._log.add(batch)
        except Error as error:
            is_over = False
            self._fail(error)
        except Exception:  # noqa: BLE001 - a value that no store takes must not hold up all others for ever
            _log.exception("calls are missing in the audit log", lost=len(batch))
            self._metrics.audit_dropped.labels("unfit").inc(len(batch))
        else:
            self._metrics.audit_kept.inc(len(batch))
            self._is_failing = self._is_full = False
        finally:
            self._writing = None
        if is_over:
            del self._waiting[: len(batch)]

    def _fail(self, error: Error) -> None:
        self._metrics.audit_failures.inc()
        if not self._is_failing:
            self._is_failing = True
            _log.error("the audit log fails; it is tried again every second", reason=error.message)


def claimed(identities: Identities, identity: KeyLogin | RootLogin | UserLogin) -> Principal | None:
    """Who somebody says to be who logs in, if there is such an operator; without a user whom there is not."""
    if isinstance(identity, KeyLogin):
        key = identities.auth_key(identity.auth_key_id)
        return Principal(key.operator_id, key.user_name) if key else None
    if isinstance(identity, RootLogin):
        operator = identities.operator_by_email(identity.email)
        return Principal(operator.operator_id) if operator else None
    if identities.operator(identity.operator_id) is None:
        return None
    user = identities.user(identity.operator_id, identity.user_name)
    return Principal(identity.operator_id, user.user_name if user else None)
