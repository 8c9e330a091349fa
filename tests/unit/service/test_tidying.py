"""The sweep: what is over goes with its bytes, what is nobody's goes for good, and nothing of anybody's ever does."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from doorway import run, until
from minori.errors import StoreFailed
from minori.model.export import EXPORTED, ExportJob
from minori.model.file import Blob, FileEntry, FileWrite, StoredBlob
from minori.model.registry import Operator
from minori.observe.metrics import Metrics
from minori.service import tidying
from minori.service.tidying import AT_ONCE, GRACE_MS, Sweep
from minori.storage.base import BlobStore, Insert
from minori.storage.filesystem.blobs import open_blobs
from minori.storage.memory.blobs import MemoryBlobStore
from minori.storage.memory.catalog import MemoryCatalog

OWNER = "OP0000000001"
DAY_MS = 86_400_000


class Blobs(MemoryBlobStore):
    """Something may happen once all blobs have been listed (`afterwards`), and the disk may refuse to list them."""

    afterwards: Callable[[], Awaitable[object]] | None = None
    broken = False

    async def blobs(self, after: str, limit: int) -> Sequence[StoredBlob]:
        if self.broken:
            raise StoreFailed("The disk refused")
        page = await super().blobs(after, limit)
        if not page and self.afterwards is not None:
            await self.afterwards()
        return page


class House:
    """A sweep of stores in memory. Its clock is the machine's, or `ahead` ms of it."""

    def __init__(self, blobs: BlobStore | None = None) -> None:
        self.catalog = MemoryCatalog()
        self.memory = Blobs()
        self.blobs = blobs or self.memory
        self.metrics = Metrics()
        self.ahead = 0
        self.sweep = Sweep(self.catalog, self.blobs, self.metrics, self.now, certain_seconds=0)

    def now(self) -> int:
        return time.time_ns() // 1_000_000 + self.ahead

    async def open(self) -> "House":
        await self.catalog.apply(Insert(Operator(OWNER, "one@example.com", "", self.now() - DAY_MS)))
        return self

    async def store(self, content: bytes = b"hello") -> Blob:
        writer = await self.blobs.writer()
        await writer.write(content)
        return await writer.commit()

    async def place(self, path: str, blob: Blob, expiry: int | None = None) -> None:
        entry = FileEntry(OWNER, path, self.now(), self.now(), blob, "text/plain", expiry)
        await self.catalog.files.place(FileWrite(entry), self.now())

    async def stored(self) -> set[str]:
        return {blob.blob_id for blob in await self.blobs.blobs("", 1000)}

    async def paths(self) -> list[str]:
        return [entry.path for entry in (await self.catalog.files.find(OWNER, "", "", 1000, 0)).entries]

    def counted(self, name: str) -> float:
        return self.metrics.registry.get_sample_value(f"minori_{name}_total") or 0


def files(folder: Path) -> list[Path]:
    return list(folder.glob("*/*"))


def test_a_file_whose_time_is_over_goes_with_its_bytes_and_its_directory_stays() -> None:
    async def story() -> None:
        house = await House().open()
        over, kept, eternal = await house.store(), await house.store(), await house.store()
        await house.place("/a/over", over, house.now() + 1000)
        await house.place("/a/kept", kept, house.now() + 3_000_000)
        await house.place("/a/eternal", eternal)
        house.ahead = 1_000_000
        await house.sweep.sweep()
        assert await house.paths() == ["/a/", "/a/eternal", "/a/kept"]
        assert await house.stored() == {kept.blob_id, eternal.blob_id}
        assert house.counted("files_expired") == 1
        assert house.counted("blobs_orphaned") == 0

    run(story())


def test_however_many_files_are_over_all_of_them_go() -> None:
    async def story() -> None:
        house = await House().open()
        for number in range(2 * AT_ONCE + 1):
            await house.place(f"/{number}", await house.store(), 1)
        await house.sweep.sweep()
        assert await house.paths() == []
        assert await house.stored() == set()

    run(story())


def test_a_file_that_takes_the_place_of_one_that_is_over_stays() -> None:
    async def story() -> None:
        house = await House().open()
        await house.place("/a", await house.store(), 1)
        (gone,) = await house.catalog.files.expired(house.now(), 10)
        newer = await house.store()
        await house.place("/a", newer)
        await house.sweep._remove_files([gone])
        assert await house.paths() == ["/a"]
        assert await house.stored() == {newer.blob_id}

    run(story())


@pytest.mark.parametrize(("age", "gone"), [(GRACE_MS - 5000, 0), (GRACE_MS + 1, 1)])
def test_bytes_of_nobodys_go_once_they_are_old_enough(age: int, gone: int) -> None:
    async def story() -> None:
        house = await House().open()
        orphan = await house.store()
        house.ahead = age
        await house.sweep.sweep()
        assert await house.stored() == (set() if gone else {orphan.blob_id})
        assert house.counted("blobs_orphaned") == gone

    run(story())


def test_however_many_bytes_are_nobodys_all_of_them_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tidying, "SUSPECTS", AT_ONCE)

    async def story() -> None:
        house = await House().open()
        for _ in range(2 * AT_ONCE + 1):
            await house.store()
        house.ahead = GRACE_MS + 1
        await house.sweep.sweep()
        assert await house.stored() == set()
        assert house.counted("blobs_orphaned") == 2 * AT_ONCE + 1

    run(story())


def test_bytes_of_a_file_or_an_export_stay_however_old_they_are() -> None:
    async def story() -> None:
        house = await House().open()
        of_file, of_export = await house.store(), await house.store()
        await house.place("/a", of_file)
        job = ExportJob("fe_1", OWNER, "exportData", {}, "a", "x/y", 1, EXPORTED, blob_id=of_export.blob_id)
        await house.catalog.apply(Insert(job))
        house.ahead = 1000 * DAY_MS
        await house.sweep.sweep()
        assert await house.stored() == {of_file.blob_id, of_export.blob_id}

    run(story())


def test_bytes_that_find_their_file_while_the_clock_jumps_stay() -> None:
    async def story() -> None:
        house = await House().open()
        blob = await house.store()
        house.ahead = 10 * GRACE_MS
        house.memory.afterwards = lambda: house.place("/a", blob)
        await house.sweep.sweep()
        house.memory.afterwards = None
        assert await house.stored() == {blob.blob_id}

    run(story())


def test_bytes_that_are_older_than_the_catalog_stay_since_it_cannot_know_them() -> None:
    async def story() -> None:
        house = House()
        blob = await house.store()
        house.ahead = 10 * GRACE_MS
        await house.catalog.apply(Insert(Operator(OWNER, "one@example.com", "", house.now())))
        await house.sweep.sweep()
        assert await house.stored() == {blob.blob_id}

    run(story())


def test_what_an_upload_left_unfinished_when_its_process_died_goes(tmp_path: Path) -> None:
    async def story() -> None:
        dead = await open_blobs(f"file://{tmp_path}")
        writer = await dead.writer()
        await writer.write(bytes(2_000_000))
        await until(lambda: files(tmp_path) != [])
        alive = await open_blobs(f"file://{tmp_path}")
        house = await House(alive).open()
        await house.sweep.sweep()
        (left,) = files(tmp_path)
        long_ago = time.time() - GRACE_MS / 1000 - 1
        os.utime(left, (long_ago, long_ago))
        await house.sweep.sweep()
        assert files(tmp_path) == []
        await alive.close()
        await dead.close()

    run(story())


def test_an_upload_that_pauses_for_hours_is_left_alone(tmp_path: Path) -> None:
    async def story() -> None:
        blobs = await open_blobs(f"file://{tmp_path}")
        house = await House(blobs).open()
        writer = await blobs.writer()
        await writer.write(bytes(2_000_000))
        await until(lambda: files(tmp_path) != [])
        house.ahead = 10 * GRACE_MS
        await house.sweep.sweep()
        blob = await writer.commit()
        assert await house.stored() == {blob.blob_id}
        await blobs.close()

    run(story())


def test_whoever_reads_a_file_as_it_goes_reads_it_to_its_end(tmp_path: Path) -> None:
    async def story() -> None:
        blobs = await open_blobs(f"file://{tmp_path}")
        house = await House(blobs).open()
        content = bytes(range(256)) * 1000
        blob = await house.store(content)
        await house.place("/a", blob, 1)
        reader = await blobs.open(blob.blob_id)
        assert reader is not None
        begun = await reader.read(0, 1000)
        await house.sweep.sweep()
        assert await blobs.open(blob.blob_id) is None
        assert begun + await reader.read(1000, len(content)) == content
        reader.close()
        await blobs.close()

    run(story())


def test_a_sweep_that_fails_does_not_end_the_sweeping(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tidying, "EVERY_SECONDS", 0.001)

    async def story() -> None:
        house = await House().open()
        house.memory.broken = True
        house.sweep.start()
        await asyncio.sleep(0.01)
        assert house.counted("sweeps") == 0
        house.memory.broken = False
        await until(lambda: house.counted("sweeps") > 1)
        await house.sweep.close()

    run(story())


def test_a_stop_does_not_wait_for_a_sweep() -> None:
    async def story() -> None:
        house = await House().open()
        at_work, never = asyncio.Event(), asyncio.Event()

        async def hang() -> None:
            at_work.set()
            await never.wait()

        house.memory.afterwards = hang
        house.sweep.start()
        await at_work.wait()
        await house.sweep.close()
        assert house.counted("sweeps") == 0

    run(story())
