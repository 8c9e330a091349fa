"""The sweep: files whose time is over go for good, and so do the bytes that belong to nobody.

Bytes are stored before anything leads to them, and what leads to them goes before they do: whatever breaks
off in between leaves bytes behind, never a file without its bytes. This is what clears them away.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import structlog

from minori.errors import Error
from minori.model.export import ExportJob
from minori.model.file import FileEntry, StoredBlob
from minori.model.registry import Operator
from minori.observe.metrics import Metrics
from minori.storage.base import BlobStore, Catalog

EVERY_SECONDS = 3600
"""How long after a sweep the next one begins (our choice)."""

GRACE_MS = 3_600_000
"""How long bytes of nobody's are left alone after their last change (our choice): they may be on their way in,
by another process too."""

CERTAIN_SECONDS = 5
"""For how long they must have been seen to be nobody's (our choice), since a clock that is set makes anything
look old. From its last byte to its place in the index an upload takes milliseconds."""

AT_ONCE = 200
"""Files, or blobs, that are seen to before others have their turn (our choice)."""

SUSPECTS = 10_000
"""Blobs that are kept in mind until it is certain that they are nobody's (our choice)."""

REST = 3
"""How long a sweep rests for each moment it worked (our choice): the disk is its own a quarter of the time."""

_log = structlog.get_logger()


class Sweep:
    """Looks through all files and blobs at the start and then every so often. `clock_ms` gives UNIX ms.

    It does one thing at a time, in slices with rests between them, so that it holds nobody up.
    """

    def __init__(
        self,
        catalog: Catalog,
        blobs: BlobStore,
        metrics: Metrics,
        clock_ms: Callable[[], int],
        certain_seconds: float = CERTAIN_SECONDS,
    ) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._metrics = metrics
        self._clock_ms = clock_ms
        self._certain_seconds = certain_seconds
        self._sweeping: asyncio.Task[None]

    def start(self) -> None:
        """Begin; `close` ends it."""
        self._sweeping = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stop at once. What is left is for the next start."""
        self._sweeping.cancel()
        await asyncio.gather(self._sweeping, return_exceptions=True)

    async def sweep(self) -> None:
        """Remove what is to be removed now. Raises what the stores do."""
        expired = await self._remove_expired()
        orphaned = await self._remove_orphans()
        self._metrics.sweeps.inc()
        if expired or orphaned:
            _log.info("swept", expired_files=expired, orphaned_blobs=orphaned)

    async def _run(self) -> None:
        while True:
            try:
                await self.sweep()
            except Error as error:
                _log.warning("sweep broke off", reason=error.message)
            except Exception:  # noqa: BLE001 - a defect of ours ends this sweep, not the next one
                _log.exception("sweep broke off")
            await asyncio.sleep(EVERY_SECONDS)

    async def _remove_expired(self) -> int:
        removed = 0
        rest = Rest()
        while gone := await self._catalog.files.expired(self._clock_ms(), AT_ONCE):
            await self._remove_files(gone)
            removed += len(gone)
            await rest.take()
        return removed

    async def _remove_files(self, gone: Sequence[FileEntry]) -> None:
        """The rows first. Whoever replaces one of these files meanwhile brings a blob of its own."""
        await self._catalog.files.forget(gone)
        self._metrics.files_expired.inc(len(gone))
        for entry in gone:
            if entry.blob is not None:
                await self._blobs.remove(entry.blob.blob_id)

    async def _remove_orphans(self) -> int:
        removed = 0
        async for suspects in self._suspects():
            await asyncio.sleep(self._certain_seconds)
            rest = Rest()
            for start in range(0, len(suspects), AT_ONCE):
                removed += await self._remove_blobs(suspects[start : start + AT_ONCE])
                await rest.take()
        return removed

    async def _remove_blobs(self, suspects: Sequence[StoredBlob]) -> int:
        nobodys = await of_nobody(self._catalog, suspects)
        removed = sum([await self._blobs.remove(blob.blob_id) for blob in nobodys])
        self._metrics.blobs_orphaned.inc(removed)
        return removed

    async def _suspects(self) -> AsyncIterator[list[StoredBlob]]:
        """Blobs that seem to be nobody's, `SUSPECTS` or a few more at a time."""
        born = await catalog_birth(self._catalog, self._clock_ms())
        strange, after, suspects = 0, "", list[StoredBlob]()
        rest = Rest()
        while page := await self._blobs.blobs(after, AT_ONCE):
            after = page[-1].blob_id
            old = [blob for blob in page if blob.modified_time <= self._clock_ms() - GRACE_MS]
            nobodys = await of_nobody(self._catalog, old)
            own = [blob for blob in nobodys if blob.modified_time >= born]
            strange += len(nobodys) - len(own)
            suspects += own
            await rest.take()
            if len(suspects) >= SUSPECTS:
                yield suspects
                suspects = []
                rest = Rest()
        if suspects:
            yield suspects
        if strange:
            _log.warning("blobs older than the catalog are left alone; minori doctor says more", blobs=strange)


async def of_nobody(catalog: Catalog, blobs: Sequence[StoredBlob]) -> list[StoredBlob]:
    """Those of the blobs that belong to no file, not even to an expired one, and to no export."""
    files = await catalog.files.of_blobs([blob.blob_id for blob in blobs])
    homeless = [blob for blob in blobs if blob.blob_id not in files]
    exports = {job.blob_id for job in await catalog.find(ExportJob)} if homeless else ()
    return [blob for blob in homeless if blob.blob_id not in exports]


async def catalog_birth(catalog: Catalog, now: int) -> int:
    """Since when (UNIX ms) the catalog has kept anything: its first operator's time, `now` if there is none.

    Bytes that are older were never its own: it is not the catalog that they were stored with, and to take
    them for nobody's would lose them for good.
    """
    return min((operator.created_time for operator in await catalog.find(Operator)), default=now)


class Rest:
    """The rests of one job, each as long as `REST` times the work before it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()

    async def take(self) -> None:
        """Let others have their turn."""
        await asyncio.sleep(REST * (self._loop.time() - self._began))
        self._began = self._loop.time()
