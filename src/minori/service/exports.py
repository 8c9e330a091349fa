"""Export jobs: taken in, run a few at a time, taken up again after a restart, and tidied away.

The catalog keeps every job; memory holds the same jobs, so that asking for one never waits. Whoever makes
a file is a producer; this module knows nothing of what is in it.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from msgspec import Struct
from msgspec.structs import replace

from minori.config.settings import Exports
from minori.errors import Error, ExportFailed, ExportUnfinished, NotFound, Overloaded, TooManyExports
from minori.model.export import EXPORTED, FAILED, PROCESSING, ExportedBytes, ExportJob
from minori.model.file import Blob
from minori.model.statistics import month_of
from minori.observe.metrics import Metrics
from minori.service.links import Download
from minori.storage.base import BlobStore, BlobWriter, Catalog, Change, Insert, Put, Remove

ATTEMPTS = 3
"""How often a job is begun before it counts as one that brings the server down (our choice)."""

TIDY_SECONDS = 60
"""How often jobs whose time is over are removed (our choice); they are hidden at once."""

SETTLE_TRIES = 10
"""How often the end of a job is written down, a second apart, while others keep the catalog busy (our choice)."""

HOUR_MS = 3_600_000
MINUTE_SECONDS = 60

_log = structlog.get_logger()


class Output:
    """Where a producer's bytes go, and how far it is.

    `entries` are those in the file so far, `scanned` those that were looked at before the first of them.
    """

    def __init__(self) -> None:
        self.entries = 0
        self.scanned = 0
        self._writer: BlobWriter

    def begin(self, writer: BlobWriter) -> None:
        """From now on bytes go here."""
        self._writer = writer

    async def write(self, piece: bytes) -> None:
        """Add bytes; returns when more may come."""
        if piece:
            await self._writer.write(piece)


class Producer(Struct, frozen=True):
    """What makes the files of one operation, from the job on. It never keeps the loop from others for long.

    `is_data` says that the bytes of its files are exported data entries.
    """

    produce: Callable[[ExportJob, Output], Awaitable[None]]
    is_data: bool = False


class _Run:
    """A job that is under way, or waits for its turn; `over` once it is neither, with the error if there was one."""

    def __init__(self) -> None:
        self.output = Output()
        self.is_begun = False
        self.over = asyncio.Event()
        self.error: Exception | None = None
        self.task: asyncio.Task[None]


class ExportService:
    """The jobs of all operators. Call `start` before anything else, and `close` at the end.

    `producers` are by the names of their operations. `clock_ms` gives UNIX ms.
    """

    def __init__(
        self,
        catalog: Catalog,
        blobs: BlobStore,
        producers: Mapping[str, Producer],
        metrics: Metrics,
        clock_ms: Callable[[], int],
        settings: Exports,
    ) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._producers = producers
        self._metrics = metrics
        self._clock_ms = clock_ms
        self._settings = settings
        self._jobs: dict[str, ExportJob] = {}
        self._runs: dict[str, _Run] = {}
        self._turns = asyncio.Semaphore(settings.running)
        self._settling = asyncio.Lock()
        self._is_closed = False
        self._tidying: asyncio.Task[None]

    async def start(self) -> None:
        """Take up the jobs that the last run of the server left, in the order they were asked for."""
        kept = sorted(await self._catalog.find(ExportJob), key=lambda job: job.created_time)
        self._jobs = {job.export_id: job for job in kept}
        for job in kept:
            if job.status == PROCESSING and job.attempts < ATTEMPTS:
                self._begin(job)
            elif job.status == PROCESSING:
                error = ExportFailed(f"The server went down {ATTEMPTS} times while this export ran; ask for less")
                self._jobs[job.export_id] = self._failed(job, error)
                await self._catalog.apply(Put(self._jobs[job.export_id]))
        self._tidying = asyncio.create_task(self._tidy())

    async def close(self) -> None:
        """Stop what runs; it is taken up again at the next start, and this attempt does not count."""
        self._is_closed = True
        runs = dict(self._runs)
        tasks = [self._tidying, *(run.task for run in runs.values())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        begun = [self._jobs[export_id] for export_id, run in runs.items() if run.is_begun]
        stopped = [replace(job, attempts=job.attempts - 1) for job in begun if job.status == PROCESSING]
        try:
            await self._catalog.apply(*map(Put, stopped))
        except Error as error:
            _log.warning("exports stopped count as attempts", reason=error.message)

    async def submit(
        self, account: str, operation: str, parameters: dict[str, Any], filename: str, content_type: str
    ) -> str:
        """Take a job in; its id. Durable on return.

        Raises `TooManyExports`, and `Overloaded` while the server stops.
        """
        if self._is_closed:
            raise Overloaded
        kept = sum(job.account == account and not self._is_over(job) for job in self._jobs.values())
        if kept >= self._settings.kept:
            raise TooManyExports(self._settings.kept, self._settings.kept_hours)
        export_id = f"fe_{uuid.uuid4()}"
        job = ExportJob(export_id, account, operation, parameters, filename, content_type, self._clock_ms())
        self._jobs[export_id] = job
        try:
            await self._catalog.apply(Insert(job))
        except BaseException:
            del self._jobs[export_id]
            raise
        self._begin(job)
        return export_id

    async def finished(self, export_id: str, seconds: float) -> ExportJob:
        """The job once its file is there; raises what made it fail.

        Raises `ExportUnfinished` if it takes more than `seconds`, and the job goes on.
        """
        run = self._runs.get(export_id)
        if run is not None:
            try:
                async with asyncio.timeout(seconds):
                    await run.over.wait()
            except TimeoutError:
                raise ExportUnfinished(export_id, int(seconds)) from None
            if run.error is not None:
                raise run.error
        return self._jobs[export_id]

    def job(self, account: str, export_id: str) -> tuple[ExportJob, Output | None]:
        """A job, and how far it is if it is not over. Raises `NotFound`, for somebody else's too."""
        job = self._jobs.get(export_id)
        if job is None or job.account != account or self._is_over(job):
            raise NotFound("There is no such export; its file may have been removed since")
        run = self._runs.get(export_id)
        return job, None if run is None else run.output

    async def download(self, blob_id: str) -> Download | None:
        """What a link to this blob leads to, if it is an export's file (`links.Lookup`)."""
        for job in self._jobs.values():
            if job.blob_id == blob_id and job.blob is not None and not self._is_over(job):
                return Download(job.blob, job.content_type, job.finished_time or job.created_time, job.filename)
        return None

    def _is_over(self, job: ExportJob) -> bool:
        """Whether its time is over: it is as good as removed."""
        finished = job.finished_time
        return finished is not None and finished + self._settings.kept_hours * HOUR_MS <= self._clock_ms()

    def _begin(self, job: ExportJob) -> None:
        run = self._runs[job.export_id] = _Run()
        run.task = asyncio.create_task(self._run(job, run))

    async def _run(self, job: ExportJob, run: _Run) -> None:
        try:
            async with self._turns:
                with self._metrics.exports_running.track_inprogress():
                    ended = await self._attempt(job, run)
                    await self._settle(ended)
            self._jobs[job.export_id] = ended
            self._metrics.exports_ended.labels(job.operation, ended.status).inc()
        except asyncio.CancelledError:
            run.error = Overloaded()
            raise
        except Error as error:
            # The catalog does not take how it ended; the next start of the server runs it again.
            run.error = error
            self._jobs[job.export_id] = self._failed(job, error)
        finally:
            del self._runs[job.export_id]
            run.over.set()

    async def _attempt(self, job: ExportJob, run: _Run) -> ExportJob:
        """Run a job once; how it ended."""
        try:
            job = self._jobs[job.export_id] = replace(job, attempts=job.attempts + 1)
            await self._catalog.apply(Put(job))
            run.is_begun = True
            async with asyncio.timeout(self._settings.run_minutes * MINUTE_SECONDS):
                blob = await self._produce(job, run.output)
        except TimeoutError:
            minutes = self._settings.run_minutes
            run.error = ExportFailed(f"The export took longer than {minutes} minutes; ask for less")
        except Error as error:
            run.error = error
        except Exception as error:  # noqa: BLE001 - a defect of ours ends this job, not the next one
            _log.exception("export failed", operation=job.operation, export_id=job.export_id)
            run.error = error
        else:
            now, entries = self._clock_ms(), run.output.entries
            job = replace(job, status=EXPORTED, finished_time=now, entries=entries)
            return replace(job, blob_id=blob.blob_id, blob_size=blob.size, blob_md5=blob.md5)
        return self._failed(job, run.error)

    def _failed(self, job: ExportJob, error: Exception) -> ExportJob:
        message = error.message if isinstance(error, Error) else "Something broke in the server; its log says what"
        return replace(job, status=FAILED, finished_time=self._clock_ms(), message=message)

    async def _produce(self, job: ExportJob, output: Output) -> Blob:
        writer = await self._blobs.writer()
        try:
            output.begin(writer)
            await self._producers[job.operation].produce(job, output)
            return await writer.commit()
        except BaseException:
            await writer.discard()
            raise

    async def _settle(self, job: ExportJob) -> None:
        """Write down how a job ended, and what it adds to the exported bytes."""
        for _ in range(SETTLE_TRIES):
            try:
                # One at a time: what they add up is read and written again.
                async with self._settling:
                    await self._catalog.apply(Put(job), *await self._added_up(job))
            except Overloaded:
                await asyncio.sleep(1)
            else:
                return
        raise Overloaded

    async def _added_up(self, job: ExportJob) -> list[Change]:
        if job.status != EXPORTED or not self._producers[job.operation].is_data:
            return []
        added = ExportedBytes.of(job.account, month_of(self._clock_ms()), job.blob_size)
        before = await self._catalog.get(ExportedBytes, added.key)
        return [Put(added if before is None else replace(added, size=before.size + added.size))]

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(TIDY_SECONDS)
            try:
                await self.tidy()
            except Error as error:
                _log.warning("exports left behind", reason=error.message)

    async def tidy(self) -> None:
        """Remove the jobs whose time is over, and their files. Raises what the stores do."""
        for job in [job for job in self._jobs.values() if self._is_over(job)]:
            # The record first: a link must not lead to a file that is gone.
            await self._catalog.apply(Remove(job))
            del self._jobs[job.export_id]
            if job.blob_id is not None:
                await self._blobs.remove(job.blob_id)
