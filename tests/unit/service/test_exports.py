"""Export jobs, on the real catalog and blob store in memory, with producers of the tests' own."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from minori.config.settings import Exports
from minori.errors import ExportFailed, ExportUnfinished, NotFound, Overloaded, StorageFull, TooManyExports
from minori.model.export import ExportedBytes, ExportJob
from minori.observe.metrics import Metrics
from minori.service.exports import ATTEMPTS, ExportService, Output, Producer
from minori.storage.base import BlobStore, Change, Put, R
from minori.storage.filesystem.blobs import open_blobs
from minori.storage.memory.blobs import MemoryBlobStore
from minori.storage.memory.catalog import MemoryCatalog

OPERATOR, OTHER = "OP0000000001", "OP0000000002"
START = 1_732_233_600_000
HOUR = 3_600_000
SECONDS = 20


async def greet(job: ExportJob, output: Output) -> None:
    """A producer that is done at once."""
    output.entries = 2
    await output.write(b"hello ")
    await output.write(job.parameters["name"].encode())


class Gate:
    """A producer that writes a little and waits to be let go on."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.begun: list[str] = []
        self.arrived = asyncio.Event()

    async def produce(self, job: ExportJob, output: Output) -> None:
        self.begun.append(job.export_id)
        self.arrived.set()
        await output.write(b"half")
        output.entries += 1
        await self.opened.wait()

    async def until(self, begun: int) -> None:
        while len(self.begun) < begun:
            self.arrived.clear()
            await self.arrived.wait()


class BusyCatalog(MemoryCatalog):
    """A catalog that others keep busy, once a test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.refusals: list[Exception] = []

    async def get(self, kind: type[R], key: str) -> R | None:
        found = await super().get(kind, key)
        await asyncio.sleep(0)
        return found

    async def apply(self, *changes: Change) -> None:
        if self.refusals:
            raise self.refusals.pop(0)
        await super().apply(*changes)


class House:
    """What outlives an export service, and services on it."""

    def __init__(self) -> None:
        self.catalog = BusyCatalog()
        self.blobs: BlobStore = MemoryBlobStore()
        self.now = START
        self.gate = Gate()
        self.metrics = Metrics()

    async def serve(
        self, settings: Exports | None = None, produce: Callable[[ExportJob, Output], Awaitable[None]] = greet
    ) -> ExportService:
        producers = {
            "greet": Producer(greet),
            "data": Producer(greet, is_data=True),
            "wait": Producer(self.gate.produce),
            "own": Producer(produce),
        }
        service = ExportService(
            self.catalog, self.blobs, producers, self.metrics, lambda: self.now, settings or Exports()
        )
        await service.start()
        return service

    async def ids(self) -> list[str]:
        return [blob.blob_id for blob in await self.blobs.blobs("", 100)]


def story(test: Callable[[House], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    def run() -> None:
        async def tell() -> None:
            async with asyncio.timeout(SECONDS):
                await test(House())

        asyncio.run(tell())

    run.__name__ = test.__name__
    return run


async def submit(service: ExportService, operation: str, operator_id: str = OPERATOR) -> str:
    return await service.submit(operator_id, operation, {"name": "wörld"}, "a.txt", "text/plain")


async def read(house: House, blob_id: str | None) -> bytes:
    reader = await house.blobs.open(blob_id or "")
    assert reader is not None
    return await reader.read(0, 1000)


@story
async def test_a_job_becomes_a_file(house: House) -> None:
    service = await house.serve()
    export_id = await submit(service, "greet")
    assert re.fullmatch(r"fe_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", export_id)
    job = await service.finished(export_id, SECONDS)
    assert (job.status, job.entries, job.attempts, job.finished_time) == ("exported", 2, 1, START)
    assert await read(house, job.blob_id) == "hello wörld".encode()
    assert (job.blob_size, job.message) == (12, None)
    assert service.job(OPERATOR, export_id) == (job, None)
    assert await house.catalog.get(ExportJob, export_id) == job
    await service.close()


@story
async def test_a_job_that_runs_tells_how_far_it_is(house: House) -> None:
    service = await house.serve()
    export_id = await submit(service, "wait")
    await house.gate.until(1)
    await asyncio.sleep(0)
    job, output = service.job(OPERATOR, export_id)
    assert (job.status, output and output.entries) == ("processing", 1)
    assert house.metrics.registry.get_sample_value("minori_exports_running") == 1
    house.gate.opened.set()
    await service.finished(export_id, SECONDS)
    assert house.metrics.registry.get_sample_value("minori_exports_running") == 0
    ended = {"operation": "wait", "status": "exported"}
    assert house.metrics.registry.get_sample_value("minori_exports_ended_total", ended) == 1
    await service.close()


@story
async def test_somebody_elses_job_is_not_found(house: House) -> None:
    service = await house.serve()
    export_id = await submit(service, "greet")
    for operator_id, asked in ((OTHER, export_id), (OPERATOR, "fe_unknown"), (OPERATOR, "")):
        with pytest.raises(NotFound):
            service.job(operator_id, asked)
    await service.close()


@story
async def test_who_waits_too_long_is_told_where_the_job_goes_on(house: House) -> None:
    service = await house.serve()
    export_id = await submit(service, "wait")
    with pytest.raises(ExportUnfinished, match=f"poll /v1/files/exported/{export_id}"):
        await service.finished(export_id, 0)
    house.gate.opened.set()
    assert (await service.finished(export_id, SECONDS)).status == "exported"
    await service.close()


@story
async def test_no_more_run_at_once_than_may(house: House) -> None:
    service = await house.serve(Exports(running=2))
    ids = [await submit(service, "wait") for _ in range(4)]
    await house.gate.until(2)
    for _ in range(10):
        await asyncio.sleep(0)
    assert house.gate.begun == ids[:2]
    house.gate.opened.set()
    for export_id in ids:
        await service.finished(export_id, SECONDS)
    assert house.gate.begun == ids
    await service.close()


@story
async def test_an_operator_has_no_more_exports_than_are_kept(house: House) -> None:
    service = await house.serve(Exports(kept=2, kept_hours=1))
    for _ in range(2):
        await service.finished(await submit(service, "greet"), SECONDS)
    with pytest.raises(TooManyExports, match="There are 2 exports already"):
        await submit(service, "greet")
    assert len(await house.catalog.find(ExportJob)) == 2
    await service.finished(await submit(service, "greet", OTHER), SECONDS)
    house.now += HOUR
    await service.finished(await submit(service, "greet"), SECONDS)
    await service.close()


@story
async def test_a_job_that_the_catalog_does_not_take_does_not_run_and_does_not_count(house: House) -> None:
    service = await house.serve(Exports(kept=1))
    house.catalog.refusals.append(Overloaded())
    with pytest.raises(Overloaded):
        await submit(service, "wait")
    assert house.gate.begun == []
    await submit(service, "greet")
    await service.close()


@story
async def test_what_the_disk_refuses_fails_the_job_in_its_words(house: House) -> None:
    async def full(job: ExportJob, output: Output) -> None:
        await output.write(b"half")
        raise StorageFull

    service = await house.serve(produce=full)
    export_id = await submit(service, "own")
    with pytest.raises(StorageFull):
        await service.finished(export_id, SECONDS)
    job, output = service.job(OPERATOR, export_id)
    assert (job.status, output, job.blob_id) == ("failed", None, None)
    assert job.message is not None
    assert "disk is full" in job.message
    assert await house.catalog.get(ExportJob, export_id) == job
    assert await house.ids() == []
    await service.close()


@story
async def test_a_defect_fails_its_job_alone_and_tells_nothing(house: House) -> None:
    async def broken(job: ExportJob, output: Output) -> None:
        raise RuntimeError("a secret")

    service = await house.serve(produce=broken)
    export_id = await submit(service, "own")
    with pytest.raises(RuntimeError):
        await service.finished(export_id, SECONDS)
    job, _ = service.job(OPERATOR, export_id)
    assert (job.status, job.message) == ("failed", "Something broke in the server; its log says what")
    assert (await service.finished(await submit(service, "greet"), SECONDS)).status == "exported"
    await service.close()


@story
async def test_a_job_that_takes_too_long_fails_and_leaves_nothing(
    house: House,
) -> None:
    settings = Exports(run_minutes=0)
    service = await house.serve(settings)
    export_id = await submit(service, "wait")
    with pytest.raises(ExportFailed, match="longer than 0 minutes"):
        await service.finished(export_id, SECONDS)
    assert service.job(OPERATOR, export_id)[0].status == "failed"
    assert await house.ids() == []
    await service.close()


@story
async def test_a_restart_takes_a_job_up_again_from_its_beginning(house: House) -> None:
    service = await house.serve(Exports(running=1))
    running, waiting = await submit(service, "wait"), await submit(service, "greet")
    await house.gate.until(1)
    await service.close()
    assert await house.ids() == []
    with pytest.raises(Overloaded):
        await submit(service, "greet")
    house.gate.opened.set()
    again = await house.serve(Exports(running=1))
    for export_id in (running, waiting):
        job = await again.finished(export_id, SECONDS)
        assert (job.status, job.attempts) == ("exported", 1)
    assert await read(house, (await again.finished(running, 0)).blob_id) == b"half"
    assert house.gate.begun == [running, running]
    await again.close()


@story
async def test_who_waits_when_the_server_stops_is_told_so(house: House) -> None:
    service = await house.serve()
    export_id = await submit(service, "wait")
    waiter = asyncio.create_task(service.finished(export_id, SECONDS))
    await house.gate.until(1)
    await service.close()
    with pytest.raises(Overloaded):
        await waiter


@story
async def test_a_job_that_the_server_did_not_survive_is_given_up_after_some_attempts(house: House) -> None:
    service = await house.serve()
    export_id = await submit(service, "wait")
    await house.gate.until(1)
    for attempt in range(1, ATTEMPTS + 1):
        (killed,) = await house.catalog.find(ExportJob)
        assert (killed.attempts, killed.status) == (attempt, "processing")
        await service.close()
        # A close takes the attempt back; a kill does not.
        await house.catalog.apply(Put(killed))
        service = await house.serve()
        if attempt < ATTEMPTS:
            await house.gate.until(attempt + 1)
    job, _ = service.job(OPERATOR, export_id)
    assert job.status == "failed"
    assert job.message is not None
    assert "went down 3 times" in job.message
    assert len(house.gate.begun) == ATTEMPTS
    assert await house.catalog.get(ExportJob, export_id) == job
    await service.close()


@story
async def test_a_job_that_waits_through_a_stop_keeps_its_attempts(house: House) -> None:
    service = await house.serve(Exports(running=1))
    await submit(service, "wait")
    second = await submit(service, "wait")
    await house.gate.until(1)
    (job,) = [job for job in await house.catalog.find(ExportJob) if job.export_id == second]
    await service.close()
    await house.catalog.apply(Put(replace(job, attempts=2)))
    service = await house.serve(Exports(running=1))
    await house.gate.until(2)
    await service.close()
    kept = await house.catalog.get(ExportJob, second)
    assert kept is not None
    assert kept.attempts == 2


@story
async def test_a_file_and_its_job_are_gone_when_their_time_is_over(house: House) -> None:
    service = await house.serve(Exports(kept_hours=24))
    export_id = await submit(service, "greet")
    job = await service.finished(export_id, SECONDS)
    later = await submit(service, "wait")
    house.now += 24 * HOUR - 1
    await service.tidy()
    assert service.job(OPERATOR, export_id)[0] == job
    house.now += 1
    with pytest.raises(NotFound):
        service.job(OPERATOR, export_id)
    assert await service.download(job.blob_id or "") is None
    await service.tidy()
    assert await house.ids() == []
    assert [kept.export_id for kept in await house.catalog.find(ExportJob)] == [later]
    await service.close()


@story
async def test_a_link_leads_to_a_finished_file_alone(house: House) -> None:
    service = await house.serve()
    job = await service.finished(await submit(service, "greet"), SECONDS)
    found = await service.download(job.blob_id or "")
    assert found is not None
    assert (found.blob, found.content_type, found.filename) == (job.blob, "text/plain", "a.txt")
    assert found.last_modified_time == START
    assert await service.download("0" * 32) is None
    await service.close()


@story
async def test_exported_bytes_are_added_up_by_month_and_only_for_data(house: House) -> None:
    service = await house.serve()
    for operation in ("data", "greet", "data"):
        await service.finished(await submit(service, operation), SECONDS)
    await service.finished(await submit(service, "data", OTHER), SECONDS)
    house.now += 30 * 24 * HOUR
    await service.finished(await submit(service, "data"), SECONDS)
    await service.close()
    kept = {record.key: record.size for record in await house.catalog.find(ExportedBytes)}
    assert kept == {f"{OPERATOR}/202411": 24, f"{OPERATOR}/202412": 12, f"{OTHER}/202411": 12}


@story
async def test_exports_that_end_at_once_all_add_up(house: House) -> None:
    service = await house.serve(Exports(running=8))
    ids = [await submit(service, "data") for _ in range(8)]
    for export_id in ids:
        await service.finished(export_id, SECONDS)
    (kept,) = await house.catalog.find(ExportedBytes)
    assert kept.size == 8 * 12
    await service.close()


@story
async def test_a_job_whose_end_cannot_be_written_down_counts_as_failed(house: House) -> None:
    service = await house.serve()
    export_id = await submit(service, "wait")
    await house.gate.until(1)
    house.catalog.refusals.append(StorageFull())
    house.gate.opened.set()
    with pytest.raises(StorageFull):
        await service.finished(export_id, SECONDS)
    assert service.job(OPERATOR, export_id)[0].status == "failed"
    await service.close()
    again = await house.serve()
    assert (await again.finished(export_id, SECONDS)).status == "exported"
    await again.close()


@story
async def test_a_busy_catalog_is_asked_again_for_the_end_of_a_job(house: House) -> None:
    service = await house.serve()
    export_id = await submit(service, "wait")
    await house.gate.until(1)
    house.catalog.refusals.append(Overloaded())
    house.gate.opened.set()
    job = await service.finished(export_id, SECONDS)
    assert job.status == "exported"
    assert await house.catalog.get(ExportJob, export_id) == job
    await service.close()


def test_what_a_failed_job_wrote_is_freed_at_once(tmp_path: Path) -> None:
    left: list[bool] = []

    def look() -> None:
        left.append(any(path.is_file() for path in tmp_path.rglob("*")))

    async def broken(job: ExportJob, output: Output) -> None:
        for _ in range(4):
            await output.write(bytes(1 << 20))
        look()
        raise StorageFull

    async def tell() -> None:
        house = House()
        house.blobs = await open_blobs(f"file://{tmp_path}/blobs")
        service = await house.serve(produce=broken)
        with pytest.raises(StorageFull):
            await service.finished(await submit(service, "own"), SECONDS)
        look()
        await service.close()
        await house.blobs.close()

    asyncio.run(tell())
    assert left == [True, False]
