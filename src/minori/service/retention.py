"""How long data entries are kept: what is older than its group, or the setting, says is forgotten."""

import asyncio
from collections.abc import Callable

import structlog

from minori.errors import Error, Overloaded
from minori.model.entry import MAX_TIME, Forgotten
from minori.model.resource import Resource, ResourceType
from minori.observe.metrics import Metrics
from minori.service.devices import DeviceView
from minori.service.registry import Registry
from minori.service.tidying import Rest
from minori.storage.base import EntryStore

EVERY_SECONDS = 3600
"""How long after a sweep the next one begins (our choice)."""

AT_ONCE = 200
"""Resources that are looked at, or entries that are forgotten, before others have their turn (our choice)."""

BUSY_SECONDS = 1
"""How long a sweep waits while more is being written than the disk takes in (our choice)."""

DAY_MS = 86_400_000

STEP_MS = DAY_MS
"""How much later than the last sweep's time one sweep may believe it to be (our choice)."""

UNSET_CLOCK_MS = 1_704_067_200_000
"""The end of 2023: a clock that shows less has not been set."""

_log = structlog.get_logger()


class KeptDays:
    """How many days a resource's entries are kept, 0 for ever: its group's `retentionDays`, or else `default`."""

    def __init__(self, registry: Registry, devices: DeviceView, default: int) -> None:
        self._registry = registry
        self._devices = devices
        self._default = default

    def __call__(self, resource: Resource) -> int:
        """Of one resource, as its group is now. Never asks the catalog."""
        group_id = self._group_id(resource)
        group = None if group_id is None else self._registry.group(resource.account, group_id)
        days = None if group is None else self._registry.options(group).retention_days
        return self._default if days is None else days

    def _group_id(self, resource: Resource) -> str | None:
        if resource.type is ResourceType.SUBSCRIBER:
            sim = self._registry.sim_by_imsi(resource.account, resource.id)
            return None if sim is None else sim.group_id
        device = self._devices.get(resource.account, resource.type, resource.id)
        return None if device is None else device.group_id


class RetentionSweep:
    """Goes through all resources at the start and then every so often, and forgets what is too old.

    `days_of` says how many days a resource's entries are kept, 0 for ever; `clock_ms` gives UNIX ms. An entry is as
    old as the time it carries says. One that is too old can be read until a sweep comes by.

    A clock that is wrong must not cost what is kept. So a sweep takes it to be at most a day later than the last one
    did, says so, and goes on by a day an hour until it has caught up; the first one of a store only notes the time.
    """

    def __init__(
        self, store: EntryStore, days_of: Callable[[Resource], int], metrics: Metrics, clock_ms: Callable[[], int]
    ) -> None:
        self._retention = store.retention
        self._days_of = days_of
        self._metrics = metrics
        self._clock_ms = clock_ms
        self._sweeping: asyncio.Task[None]

    def start(self) -> None:
        """Begin; `close` ends it."""
        self._sweeping = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stop at once. What is left is for the next start."""
        self._sweeping.cancel()
        await asyncio.gather(self._sweeping, return_exceptions=True)

    async def sweep(self) -> None:
        """Forget what is to be forgotten now. Raises what the store does."""
        last = await self._retention.horizon()
        horizon = self._believed(last)
        if horizon is not None:
            # The first sweep of a store has nothing to compare the clock with.
            forgotten = 0 if last is None else await self._forget_all(horizon)
            if last is None or horizon > last:
                await self._retention.set_horizon(horizon)
            if forgotten:
                await self._retention.release()
                _log.info("entries forgotten", entries=forgotten)
        self._metrics.retention_sweeps.inc()

    async def _run(self) -> None:
        while True:
            try:
                await self.sweep()
            except Error as error:
                _log.warning("retention sweep broke off", reason=error.message)
            except Exception:  # noqa: BLE001 - a defect of ours ends this sweep, not the next one
                _log.exception("retention sweep broke off")
            await asyncio.sleep(EVERY_SECONDS)

    def _believed(self, last: int | None) -> int | None:
        """What time it is taken to be if it was `last` at the sweep before, `None` if nobody knows."""
        now = self._clock_ms()
        if now < UNSET_CLOCK_MS:
            _log.warning("entries are not forgotten: the clock of the machine is not set")
            return None
        if last is None or now <= last + STEP_MS:
            return now
        _log.warning(
            "the clock is more than a day later than at the last sweep: entries are forgotten a day at a time",
            days_later=(now - last) // DAY_MS,
        )
        return last + STEP_MS

    async def _forget_all(self, horizon: int) -> int:
        forgotten = 0
        rest = Rest()
        resource: Resource | None = None
        while page := await self._retention.resources(resource, AT_ONCE):
            for resource in page:
                days = self._days_of(resource)
                if days:
                    forgotten += await self._forget(resource, horizon - days * DAY_MS, rest)
            await rest.take()
        return forgotten

    async def _forget(self, resource: Resource, before: int, rest: Rest) -> int:
        forgotten = 0
        after: int | None = None
        while True:
            done = await self._forget_slice(resource, min(max(before, 0), MAX_TIME), after)
            self._metrics.entries_forgotten.inc(done.entries)
            forgotten += done.entries
            if done.next_after is None:
                return forgotten
            after = done.next_after
            await rest.take()

    async def _forget_slice(self, resource: Resource, before: int, after: int | None) -> Forgotten:
        while True:
            try:
                return await self._retention.forget(resource, before, AT_ONCE, after)
            except Overloaded:
                await asyncio.sleep(BUSY_SECONDS)
