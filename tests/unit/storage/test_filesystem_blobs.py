"""What the blob store on files does beyond the suite of all blob stores: its folder, its limits, its failures."""

import asyncio
import os
import resource
import stat
import threading
from asyncio import CancelledError
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop
from structlog.testing import capture_logs

from minori.errors import DataDirectoryBroken, Overloaded, SettingsInvalid, StorageFull, StoreFailed
from minori.model.file import Blob, StoredBlob
from minori.storage.base import BlobReader, BlobStore, BlobWriter
from minori.storage.filesystem.blobs import open_blobs

LARGE = 3 * 1024 * 1024
ID = "3f" + "0123456789" * 3


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[BlobStore]:
    store = await open_blobs(f"file://{folder}")
    try:
        yield store
    finally:
        await store.close()


async def keep(store: BlobStore, content: bytes) -> Blob:
    writer = await store.writer()
    await writer.write(content)
    return await writer.commit()


async def fill(writer: BlobWriter, times: int) -> None:
    for _ in range(times):
        await writer.write(bytes(LARGE))


async def reader_of(store: BlobStore, blob_id: str) -> BlobReader:
    reader = await store.open(blob_id)
    assert reader is not None
    return reader


async def read(store: BlobStore, blob_id: str) -> bytes:
    reader = await reader_of(store, blob_id)
    content = await reader.read(0, reader.size)
    reader.close()
    return content


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*/*"))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@contextmanager
def limited(kind: int, soft: int) -> Iterator[None]:
    before = resource.getrlimit(kind)
    resource.setrlimit(kind, (soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(kind, before)


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    with limited(resource.RLIMIT_NOFILE, descriptors() + 50), ExitStack() as stack:
        while (one := _descriptor()) is not None:
            stack.callback(os.close, one)
        yield


def _descriptor() -> int | None:
    try:
        return os.open(os.devnull, os.O_RDONLY)
    except OSError:
        return None


def hide_folders(folder: Path) -> Callable[[], None]:
    """Put a file in the place of every folder; what is returned undoes it."""
    aside = folder.with_name("aside")
    hidden = names(folder)
    aside.mkdir()
    for name in hidden:
        (folder / name).rename(aside / name)
    files = [folder / f"{number:02x}" for number in range(256)]
    for file in files:
        file.touch()

    def mend() -> None:
        for file in files:
            file.unlink()
        for name in hidden:
            (aside / name).rename(folder / name)

    return mend


async def cancelled(call: Coroutine[Any, Any, Any]) -> None:
    task = asyncio.ensure_future(call)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(CancelledError):
        await task


@pytest.mark.usefixtures("no_umask")
def test_everything_is_its_owners_alone(folder: Path) -> None:
    async def story() -> None:
        async with opened(folder) as store:
            writer = await store.writer()
            await writer.write(bytes(LARGE))
            await keep(store, b"")

    asyncio.run(story())
    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.glob("*/*")}
    assert modes == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in [folder, *folder.glob("*")]} == {0o700}


def test_a_blob_is_a_file_with_its_id_in_a_folder_that_is_made_for_the_first_one(folder: Path) -> None:
    async def story() -> None:
        made = set[str]()
        for turn in range(3):
            async with opened(folder) as store:
                assert names(folder) == sorted(made)
                blob = await keep(store, b"%d" % turn)
                assert (folder / blob.blob_id[:2] / blob.blob_id).read_bytes() == b"%d" % turn
                made.add(blob.blob_id[:2])
                assert names(folder) == sorted(made)

    asyncio.run(story())


def test_it_runs_on_uvloop(folder: Path) -> None:
    async def story() -> None:
        async with opened(folder) as store:
            content = os.urandom(LARGE)
            assert await read(store, (await keep(store, content)).blob_id) == content

    uvloop.run(story())


def test_a_small_blob_costs_no_call_of_the_disk_before_its_commit(folder: Path) -> None:
    async def story() -> None:
        async with opened(folder) as store:
            writer = await store.writer()
            await writer.write(bytes(500_000))
            assert store._disk._under_way == set()  # type: ignore[attr-defined]  # no seam tells of threads
            blob = await writer.commit()
            assert files(folder) == [blob.blob_id]

    asyncio.run(story())


def test_the_more_are_written_at_once_the_less_each_keeps_in_memory(folder: Path) -> None:
    async def story() -> None:
        async with opened(folder) as store:
            writers = [await store.writer() for _ in range(2048)]
            await writers[0].write(bytes(64 * 1024))
            blob = await writers[0].commit()
            await writers[1].write(bytes(64 * 1024 - 1))
            assert files(folder) == [blob.blob_id]
            await writers[1].write(bytes(2))
            await writers[1].write(bytes(64 * 1024))
            assert len(files(folder)) == 2

    asyncio.run(story())


@pytest.mark.parametrize("url", ["file:relative", "file://relative", "file:", "memory:", "rocksdb:///tmp/x"])
def test_another_url_is_refused(url: str) -> None:
    with pytest.raises(SettingsInvalid, match="file:///absolute/folder"):
        asyncio.run(open_blobs(url))


def test_missing_folders_above_are_made(folder: Path) -> None:
    async def story() -> None:
        async with opened(folder / "deep" / "down") as store:
            await keep(store, b"")

    asyncio.run(story())
    assert len(files(folder / "deep" / "down")) == 1


@pytest.mark.parametrize("name", ["", "3f"])
def test_a_file_in_the_place_of_a_folder_is_refused(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"kept")
    with pytest.raises(DataDirectoryBroken, match=str(folder)):
        asyncio.run(open_blobs(f"file://{folder}"))
    assert (folder / name).read_bytes() == b"kept"


def test_a_link_in_the_place_of_a_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    folder.mkdir()
    (folder / "3f").symlink_to(tmp_path)
    before = descriptors()
    with pytest.raises(DataDirectoryBroken, match="3f"):
        asyncio.run(open_blobs(f"file://{folder}"))
    assert descriptors() == before


def _link(place: Path, outside: Path) -> None:
    place.symlink_to(outside)


def _pipe(place: Path, outside: Path) -> None:
    os.mkfifo(place)


def _folder(place: Path, outside: Path) -> None:
    place.mkdir()


@pytest.mark.parametrize("plant", [_link, _pipe, _folder])
def test_nothing_but_a_plain_file_is_a_blob(folder: Path, tmp_path: Path, plant: Any) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"secret")

    async def story() -> None:
        async with opened(folder) as store:
            (folder / "3f").mkdir()
            plant(folder / "3f" / ID, outside)
            plant(folder / "3f" / f"{ID}.0123456789abcdef", outside)
            assert await store.open(ID) is None
            assert await store.blobs("", 1000) == []
            assert not await store.remove(ID)

    asyncio.run(story())
    assert outside.read_bytes() == b"secret"


def test_a_folder_that_became_a_link_leads_nowhere(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / ID).write_bytes(b"secret")

    async def story() -> None:
        async with opened(folder) as store:
            for number in range(256):
                (folder / f"{number:02x}").symlink_to(tmp_path / "outside")
            assert await store.open(ID) is None
            assert not await store.remove(ID)
            with pytest.raises(StoreFailed):
                await store.blobs("", 1000)
            with pytest.raises(StoreFailed):
                await keep(store, b"not outside")

    asyncio.run(story())
    assert names(tmp_path / "outside") == [ID]


def test_files_of_others_are_not_listed(folder: Path) -> None:
    async def story() -> None:
        async with opened(folder) as store:
            (folder / "3f").mkdir()
            for name in ("README", ID[:-1], f"{ID}0", f"{ID}.new", ID.replace("3f", "40"), f"{ID}.0123456789ABCDEF"):
                (folder / "3f" / name).write_bytes(b"")
            (folder / ID).write_bytes(b"")
            assert await store.blobs("", 1000) == []

    asyncio.run(story())


def test_what_another_run_left_unfinished_is_told_from_blobs(folder: Path) -> None:
    async def story() -> None:
        async with opened(folder) as store:
            left = folder / "3f" / f"{ID}.0123456789abcdef"
            left.parent.mkdir()
            left.write_bytes(b"part")
            os.utime(left, ns=(0, 1_700_000_000_123_456_789))
            blobs = await store.blobs("", 1000)
            assert blobs == [StoredBlob(ID, 4, 1_700_000_000_123, finished=False)]
            assert await store.open(ID) is None

    asyncio.run(story())


def test_an_unfinished_name_beside_a_finished_blob_does_not_put_the_blob_at_risk(folder: Path) -> None:
    async def story() -> None:
        async with opened(folder) as store:
            (folder / "3f").mkdir()
            (folder / "3f" / ID).write_bytes(b"kept")
            (folder / "3f" / f"{ID}.0123456789abcdef").write_bytes(b"part")
            assert [blob.finished for blob in await store.blobs("", 1000)] == [True]
            assert [blob.finished for blob in await store.blobs("", 1)] == [True]
            assert await store.remove(ID)
            assert [blob.finished for blob in await store.blobs("", 1000)] == [False]

    asyncio.run(story())


def test_a_blob_that_is_being_written_is_neither_listed_nor_removed(folder: Path) -> None:
    async def story() -> None:
        async with opened(folder) as store:
            writer = await store.writer()
            await fill(writer, 3)
            (name,) = files(folder)
            assert await store.blobs("", 1000) == []
            assert not await store.remove(name.partition(".")[0])
            assert files(folder) == [name]

    asyncio.run(story())


def test_a_page_is_full_though_blobs_vanish_while_it_is_made(folder: Path) -> None:
    async def story() -> None:
        async with opened(folder) as store:
            finished = [f"{number:032x}" for number in range(5)]
            (folder / "00").mkdir()
            for name in finished:
                (folder / "00" / name).write_bytes(b"")
                (folder / "00" / f"{name}.0123456789abcdef").write_bytes(b"")
            # The second name of a finished blob is looked at and left out, as one that has vanished is.
            assert [blob.blob_id for blob in await store.blobs("", 4)] == finished[:4]

    asyncio.run(story())


def test_no_descriptor_stays_open(folder: Path) -> None:
    async def story() -> None:
        before = descriptors()
        async with opened(folder) as store:
            held = descriptors()
            blob = await keep(store, bytes(LARGE))
            for _ in range(3):
                (await reader_of(store, blob.blob_id)).close()
                await cancelled(store.open(blob.blob_id))
                reader = await reader_of(store, blob.blob_id)
                await cancelled(reader.read(0, LARGE))
                reader.close()
                writer = await store.writer()
                await fill(writer, 1)
                await writer.discard()
                assert await store.open(ID) is None
            reader = await reader_of(store, blob.blob_id)
            await store.remove(blob.blob_id)
            reader.close()
            await store._disk.idle()  # type: ignore[attr-defined]  # cancelled calls go on unseen
            assert descriptors() == held
            await (await store.writer()).write(bytes(LARGE))
        assert descriptors() == before

    asyncio.run(story())


def test_close_waits_for_what_was_cancelled(folder: Path) -> None:
    async def story() -> None:
        async with opened(folder) as store:
            for blob in [await keep(store, b"") for _ in range(50)]:
                await cancelled(store.remove(blob.blob_id))
        assert files(folder) == []

    asyncio.run(story())


def test_no_thread_stays_once_the_store_and_its_readers_are_closed(folder: Path) -> None:
    async def story() -> list[threading.Thread]:
        # A store of an earlier test may still be ending its own.
        before = set(threading.enumerate())
        async with opened(folder) as store:
            reader = await reader_of(store, (await keep(store, b"there")).blob_id)
            new = set(threading.enumerate()) - before
            started = [thread for thread in new if thread.name.startswith("minori-blobs")]
        assert await reader.read(0, 5) == b"there"
        reader.close()
        return started

    started = asyncio.run(story())
    assert len(started) == 2
    for thread in started:
        thread.join(30)
    assert [thread.name for thread in started if thread.is_alive()] == []


def test_a_file_that_became_shorter_is_told(folder: Path) -> None:
    async def story() -> None:
        async with opened(folder) as store:
            blob = await keep(store, b"0123456789")
            reader = await reader_of(store, blob.blob_id)
            os.truncate(folder / blob.blob_id[:2] / blob.blob_id, 5)
            assert await reader.read(0, 10) == b"01234"
            with pytest.raises(StoreFailed, match="restore it from a backup"):
                await reader.read(5, 5)
            reader.close()
            assert await read(store, (await keep(store, b"goes on")).blob_id) == b"goes on"

    asyncio.run(story())


def test_a_blob_larger_than_files_may_be_frees_what_it_took_and_harms_no_other(folder: Path) -> None:
    async def story() -> None:
        async with opened(folder) as store:
            with limited(resource.RLIMIT_FSIZE, 2 * LARGE):
                writer = await store.writer()
                with pytest.raises(StorageFull) as refused:
                    await fill(writer, 4)
                assert isinstance(refused.value.__cause__, OSError)
                assert files(folder) == []
                with pytest.raises(StorageFull):
                    await writer.commit()
                await writer.discard()
                blob = await keep(store, bytes(2 * LARGE))
            assert files(folder) == [blob.blob_id]

    asyncio.run(story())


def test_a_refused_commit_frees_what_it_took(folder: Path) -> None:
    async def story() -> None:
        async with opened(folder) as store:
            with limited(resource.RLIMIT_FSIZE, 4096):
                writer = await store.writer()
                await writer.write(bytes(4097))
                with pytest.raises(StorageFull):
                    await writer.commit()
                assert files(folder) == []
                await writer.discard()
                await keep(store, bytes(4096))

    asyncio.run(story())


def test_a_lack_of_descriptors_is_worth_a_retry(folder: Path) -> None:
    async def story() -> None:
        async with opened(folder) as store:
            blob = await keep(store, b"there")
            writer = await store.writer()
            with no_descriptor_left():
                with pytest.raises(Overloaded):
                    await keep(store, b"later")
                with pytest.raises(Overloaded):
                    await store.open(blob.blob_id)
                with pytest.raises(Overloaded):
                    await store.blobs("", 1)
                with pytest.raises(Overloaded):
                    await store.remove(blob.blob_id)
            await writer.write(b"later")
            assert await read(store, (await writer.commit()).blob_id) == b"later"
            assert await read(store, blob.blob_id) == b"there"

    asyncio.run(story())


def test_a_refused_write_stops_every_later_one_and_leaves_reading_alone(folder: Path) -> None:
    async def story() -> None:
        async with opened(folder) as store:
            blob, waiting, late = await keep(store, b"there"), await store.writer(), await store.writer()
            await waiting.write(bytes(LARGE))
            await store._disk.idle()  # type: ignore[attr-defined]  # what waits has been written
            mend = hide_folders(folder)
            with capture_logs() as logs, pytest.raises(StoreFailed, match="restarted") as refused:
                await keep(store, b"refused")
            assert isinstance(refused.value.__cause__, OSError)
            assert [(line["log_level"], line["event"]) for line in logs] == [("critical", "blob store failed")]
            mend()
            for step in (store.writer(), late.write(b"refused"), late.commit(), waiting.commit()):
                with pytest.raises(StoreFailed) as refused:
                    await step
                assert isinstance(refused.value.__cause__, OSError)
            await waiting.discard()
            assert await read(store, blob.blob_id) == b"there"
            assert [kept.blob_id for kept in await store.blobs("", 1000)] == [blob.blob_id]
            assert await store.remove(blob.blob_id)

    asyncio.run(story())


def test_a_writer_that_has_ended_takes_nothing_more(folder: Path) -> None:
    async def story() -> None:
        async with opened(folder) as store:
            committed, discarded, cut = [await store.writer() for _ in range(3)]
            await committed.commit()
            await discarded.discard()
            await cancelled(cut.commit())
            for writer in (committed, discarded, cut):
                with pytest.raises(ValueError, match="ended"):
                    await writer.write(b"more")
                with pytest.raises(ValueError, match="ended"):
                    await writer.commit()
            await cut.discard()
            assert len(files(folder)) == 1

    asyncio.run(story())


def test_a_closed_reader_reads_nothing_more(folder: Path) -> None:
    async def story() -> None:
        async with opened(folder) as store:
            reader = await reader_of(store, (await keep(store, b"there")).blob_id)
            reader.close()
            assert reader.descriptor is None
            with pytest.raises(ValueError, match="closed"):
                await reader.read(0, 1)

    asyncio.run(story())
