"""Files: a confirmed one is whole and there, one that broke off never was, and no bytes are left over."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from doorway import run
from minori.config.settings import Files
from minori.errors import (
    DirectoryNotEmpty,
    Error,
    FileExists,
    InvalidParameter,
    InvalidPath,
    NotFound,
    Overloaded,
    PathTaken,
    PayloadTooLarge,
    StorageFull,
    StoreFailed,
)
from minori.model.file import Blob, FileEntry, FileWrite, Placed
from minori.observe.metrics import Metrics
from minori.service.files import FileService
from minori.storage.base import BlobWriter
from minori.storage.memory.blobs import MemoryBlobStore
from minori.storage.memory.files import MemoryFileIndex

NOW = 1_700_000_000_000
DAYS_731 = 63_158_400_000
OWNER = "OP0000000001"


class Index(MemoryFileIndex):
    """An index that can refuse a file."""

    refusal: Error | None = None

    async def place(self, write: FileWrite, now: int) -> Placed:
        if self.refusal is not None:
            raise self.refusal
        return await super().place(write, now)


class Watched(BlobWriter):
    """A writer that tells its store when it is done, and whose disk may be full after the first chunk."""

    def __init__(self, inner: BlobWriter, blobs: "Blobs") -> None:
        self._inner = inner
        self._blobs = blobs
        self._is_begun = False

    async def write(self, chunk: bytes) -> None:
        if self._blobs.is_full and self._is_begun:
            raise StorageFull
        self._is_begun = True
        await self._inner.write(chunk)

    async def commit(self) -> Blob:
        self._blobs.unfinished.discard(self)
        return await self._inner.commit()

    async def discard(self) -> None:
        self._blobs.unfinished.discard(self)
        await self._inner.discard()


class Blobs(MemoryBlobStore):
    """A blob store that knows what is being written, and whose disk can be full or refuse to remove."""

    is_full = False
    keeps = False

    def __init__(self) -> None:
        super().__init__()
        self.unfinished: set[BlobWriter] = set()

    async def writer(self) -> BlobWriter:
        writer = Watched(await super().writer(), self)
        self.unfinished.add(writer)
        return writer

    async def remove(self, blob_id: str) -> bool:
        if self.keeps:
            raise StoreFailed("The disk refused")
        return await super().remove(blob_id)


class House:
    """A file service on memory; the clock stands until it is set."""

    def __init__(self, **settings: int) -> None:
        self.now = NOW
        self.index = Index()
        self.blobs = Blobs()
        self.metrics = Metrics()
        self.files = FileService(self.index, self.blobs, self.metrics, lambda: self.now, Files(**settings))

    async def put(self, path: str, *chunks: bytes, kind: str = "text/plain", **options: Any) -> Placed:
        options = {"length": None, "largest": 1000} | options
        return await self.files.put(OWNER, path, kind, given(*chunks), **options)

    async def read(self, path: str) -> bytes:
        reader = await self.files.open(await self.files.entry(OWNER, path))
        content = await reader.read(0, reader.size) if reader.size else b""
        reader.close()
        return content

    async def paths(self, owner: str = OWNER) -> list[str]:
        return [entry.path for entry in (await self.files.find(owner, "/", "", 100)).entries]

    async def blob_ids(self) -> list[str]:
        return [stored.blob_id for stored in await self.blobs.blobs("", 100)]

    def counted(self, name: str) -> float:
        return self.metrics.registry.get_sample_value(f"minori_file_{name}_total") or 0


async def given(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


class Gone(Exception):
    """What HTTP raises when the client has left."""


async def broken_off(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
    raise Gone


async def slowly(letter: bytes) -> AsyncIterator[bytes]:
    for _ in range(5):
        await asyncio.sleep(0)
        yield letter * 10


async def untouched() -> AsyncIterator[bytes]:
    raise AssertionError("the body was read")
    yield b""


def test_a_file_is_there_with_its_bytes_and_all_that_is_known_of_it() -> None:
    async def main() -> None:
        house = House()
        placed = await house.put("/a/b.txt", b"he", b"llo", kind="text/x")
        assert placed.created
        assert placed.entry == await house.files.entry(OWNER, "/a/b.txt")
        assert placed.entry.blob is not None
        known = FileEntry(OWNER, "/a/b.txt", NOW, NOW, placed.entry.blob, "text/x", NOW + DAYS_731)
        assert placed.entry == known
        assert placed.entry.etag == hashlib.md5(b"hello", usedforsecurity=False).hexdigest()
        assert placed.entry.blob.size == 5
        assert await house.read("/a/b.txt") == b"hello"
        assert await house.paths() == ["/a/", "/a/b.txt"]
        assert house.counted("bytes_received") == 5

    run(main())


def test_a_file_may_be_empty() -> None:
    async def main() -> None:
        house = House()
        await house.put("/empty", length=0)
        assert await house.read("/empty") == b""

    run(main())


def test_replacing_keeps_the_time_of_making_and_frees_the_old_bytes() -> None:
    async def main() -> None:
        house = House()
        await house.put("/a", b"old")
        house.now += 1000
        placed = await house.put("/a", b"new", kind="text/csv")
        assert not placed.created
        entry = placed.entry
        assert (entry.created_time, entry.last_modified_time, entry.expiry_time) == (
            NOW,
            NOW + 1000,
            NOW + 1000 + DAYS_731,
        )
        assert (await house.read("/a"), entry.content_type) == (b"new", "text/csv")
        assert entry.blob is not None
        assert await house.blob_ids() == [entry.blob.blob_id]

    run(main())


def test_a_reader_reads_the_old_version_to_its_end_while_it_is_replaced() -> None:
    async def main() -> None:
        house = House()
        old = (await house.put("/a", b"old")).entry
        reader = await house.files.open(old)
        await house.put("/a", b"new")
        assert await reader.read(0, 3) == b"old"
        reader.close()
        with pytest.raises(NotFound):
            await house.files.open(old)

    run(main())


def test_retention_of_no_days_keeps_for_ever() -> None:
    async def main() -> None:
        house = House(retention_days=0)
        assert (await house.put("/a", b"x")).entry.expiry_time is None

    run(main())


def test_an_expired_file_is_as_good_as_gone() -> None:
    async def main() -> None:
        house = House(retention_days=1)
        placed = await house.put("/d/a", b"x")
        assert placed.entry.blob is not None
        assert await house.files.download(placed.entry.blob.blob_id) is not None
        house.now += 86_400_000
        with pytest.raises(NotFound):
            await house.files.entry(OWNER, "/d/a")
        assert await house.paths() == ["/d/"]
        assert await house.files.download(placed.entry.blob.blob_id) is None
        assert (await house.put("/d/a", b"y", only_new=True)).created

    run(main())


async def stays_as_it_was(house: House) -> None:
    assert await house.paths() == ["/a", "/d/", "/d/f"]
    assert await house.read("/a") == b"old"
    assert len(await house.blob_ids()) == 2
    assert house.blobs.unfinished == set()


async def prepared() -> House:
    house = House()
    await house.put("/a", b"old")
    await house.put("/d/f", b"file")
    return house


@pytest.mark.parametrize(
    ("path", "chunks", "options", "error"),
    [
        ("/a", [b"x" * 600, b"y" * 401], {}, PayloadTooLarge),
        ("/a", [b"x"], {"length": 2}, InvalidParameter),
        ("/a", [b"xyz"], {"length": 2}, InvalidParameter),
        ("/a/b", [b"x"], {}, PathTaken),
        ("/d", [b"x"], {}, PathTaken),
        ("/d/f/g/h", [b"x"], {}, PathTaken),
    ],
)
def test_an_upload_that_is_refused_leaves_everything_as_it_was(
    path: str, chunks: list[bytes], options: dict[str, Any], error: type[Error]
) -> None:
    async def main() -> None:
        house = await prepared()
        with pytest.raises(error):
            await house.put(path, *chunks, **options)
        await stays_as_it_was(house)
        assert house.counted("uploads_broken_off") == 0

    run(main())


@pytest.mark.parametrize(
    ("path", "options", "error"),
    [
        ("/a", {"length": 1001}, PayloadTooLarge),
        ("/a", {"length": 1, "only_new": True}, FileExists),
        ("/new/", {"length": 1}, InvalidPath),
        ("/", {"length": 1}, InvalidPath),
    ],
)
def test_what_is_known_to_be_refused_is_refused_before_the_body_is_read(
    path: str, options: dict[str, Any], error: type[Error]
) -> None:
    async def main() -> None:
        house = await prepared()
        with pytest.raises(error):
            await house.files.put(OWNER, path, "text/plain", untouched(), largest=1000, **options)
        await stays_as_it_was(house)

    run(main())


@pytest.mark.parametrize("chunks", [(), (b"x",), (b"x" * 500, b"y" * 499)])
def test_an_upload_whose_sender_leaves_stores_nothing(chunks: tuple[bytes, ...]) -> None:
    async def main() -> None:
        house = await prepared()
        with pytest.raises(Gone):
            await house.files.put(OWNER, "/a", "text/plain", broken_off(*chunks), length=None, largest=1000)
        await stays_as_it_was(house)
        assert house.counted("uploads_broken_off") == 1

    run(main())


def test_an_upload_that_is_cancelled_stores_nothing() -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.Event().wait()

    async def main() -> None:
        house = await prepared()
        upload = asyncio.create_task(house.files.put(OWNER, "/a", "t", endless(), length=None, largest=1000))
        await asyncio.sleep(0)
        upload.cancel()
        with pytest.raises(asyncio.CancelledError):
            await upload
        await stays_as_it_was(house)

    run(main())


def test_a_full_disk_gives_back_what_the_upload_took_and_the_next_one_fits() -> None:
    async def main() -> None:
        house = await prepared()
        house.blobs.is_full = True
        with pytest.raises(StorageFull):
            await house.put("/a", b"x", b"y")
        await stays_as_it_was(house)
        house.blobs.is_full = False
        assert (await house.put("/b", b"x", b"y")).created

    run(main())


@pytest.mark.parametrize("refusal", [StorageFull(), Overloaded()])
def test_a_file_that_the_index_has_not_taken_leaves_no_bytes(refusal: Error) -> None:
    async def main() -> None:
        house = await prepared()
        house.index.refusal = refusal
        with pytest.raises(type(refusal)):
            await house.put("/a", b"new")
        await stays_as_it_was(house)

    run(main())


def test_where_the_index_may_have_taken_a_file_its_bytes_stay() -> None:
    async def main() -> None:
        house = await prepared()
        house.index.refusal = StoreFailed("The disk refused")
        with pytest.raises(StoreFailed):
            await house.put("/a", b"new")
        assert len(await house.blob_ids()) == 3

    run(main())


def test_bytes_that_cannot_be_removed_fail_nobody() -> None:
    async def main() -> None:
        house = await prepared()
        house.blobs.keeps = True
        await house.put("/a", b"new")
        assert await house.read("/a") == b"new"
        await house.files.delete_file(OWNER, "/a")
        assert await house.paths() == ["/d/", "/d/f"]

    run(main())


def test_of_uploads_to_one_path_at_once_one_wins_whole_and_the_others_leave_nothing() -> None:
    async def main() -> None:
        house = House()
        letters = [bytes([letter]) for letter in b"abcdefgh"]
        uploads = [house.files.put(OWNER, "/d/f", "t", slowly(each), length=50, largest=50) for each in letters]
        placed = await asyncio.gather(*uploads)
        content = await house.read("/d/f")
        assert content in [letter * 50 for letter in letters]
        assert sum(each.created for each in placed) == 1
        assert len(await house.blob_ids()) == 1
        etags = {each.entry.etag for each in placed}
        assert len(etags) == len(letters)
        assert (await house.files.entry(OWNER, "/d/f")).etag == hashlib.md5(content, usedforsecurity=False).hexdigest()

    run(main())


def test_of_uploads_that_must_not_replace_one_wins_and_the_others_are_told() -> None:
    async def main() -> None:
        house = House()
        only_new: dict[str, Any] = {"length": 50, "largest": 50, "only_new": True}
        uploads = [house.files.put(OWNER, "/f", "t", slowly(b"%d" % number), **only_new) for number in range(8)]
        results = await asyncio.gather(*uploads, return_exceptions=True)
        assert [type(result) for result in results if isinstance(result, Exception)] == [FileExists] * 7
        assert len(await house.blob_ids()) == 1

    run(main())


def test_a_directory_lists_what_is_directly_in_it() -> None:
    async def main() -> None:
        house = await prepared()
        await house.put("/d/sub/deep", b"x")
        page = await house.files.children(OWNER, "/d/", "", 10)
        assert [entry.filename for entry in page.entries] == ["f", "sub/"]
        rest = await house.files.children(OWNER, "/d/", "f", 10)
        assert [entry.filename for entry in rest.entries] == ["sub/"]
        assert (await house.files.children(OWNER, "/d/", "sub/", 10)).entries == []

    run(main())


def test_the_root_is_there_and_empty_from_the_first() -> None:
    async def main() -> None:
        house = House()
        assert (await house.files.children(OWNER, "/", "", 10)).entries == []
        assert await house.files.is_directory(OWNER, "/")
        with pytest.raises(InvalidPath):
            await house.files.delete_directory(OWNER, "/")

    run(main())


@pytest.mark.parametrize("path", ["/none/", "/a/", "/d/f/"])
def test_what_is_no_directory_cannot_be_listed_or_removed(path: str) -> None:
    async def main() -> None:
        house = await prepared()
        with pytest.raises(NotFound, match="directory"):
            await house.files.children(OWNER, path, "", 10)
        with pytest.raises(NotFound, match="directory"):
            await house.files.delete_directory(OWNER, path)

    run(main())


@pytest.mark.parametrize("path", ["/none", "/d", "/d/none"])
def test_what_is_no_file_cannot_be_fetched_or_removed(path: str) -> None:
    async def main() -> None:
        house = await prepared()
        for act in (house.files.file, house.files.delete_file):
            with pytest.raises(NotFound, match="file"):
                await act(OWNER, path)
        await stays_as_it_was(house)

    run(main())


def test_a_directory_is_not_a_file_to_fetch() -> None:
    async def main() -> None:
        house = await prepared()
        with pytest.raises(NotFound):
            await house.files.file(OWNER, "/d/")
        with pytest.raises(NotFound):
            await house.files.open(await house.files.entry(OWNER, "/d/"))

    run(main())


def test_a_directory_outlives_its_last_file_until_it_is_removed() -> None:
    async def main() -> None:
        house = await prepared()
        with pytest.raises(DirectoryNotEmpty):
            await house.files.delete_directory(OWNER, "/d/")
        await house.files.delete_file(OWNER, "/d/f")
        assert await house.paths() == ["/a", "/d/"]
        await house.files.delete_directory(OWNER, "/d/")
        assert await house.paths() == ["/a"]
        with pytest.raises(NotFound):
            await house.files.delete_directory(OWNER, "/d/")

    run(main())


def test_a_removed_file_leaves_no_bytes() -> None:
    async def main() -> None:
        house = await prepared()
        await house.files.delete_file(OWNER, "/a")
        await house.files.delete_file(OWNER, "/d/f")
        assert await house.blob_ids() == []

    run(main())


def test_owners_do_not_see_each_other() -> None:
    async def main() -> None:
        house = await prepared()
        assert await house.paths("OP0000000002") == []
        assert await house.paths("public") == []
        with pytest.raises(NotFound):
            await house.files.delete_file("public", "/a")
        await stays_as_it_was(house)

    run(main())


def test_a_download_is_known_by_its_blob() -> None:
    async def main() -> None:
        house = await prepared()
        file = await house.files.file(OWNER, "/d/f")
        found = await house.files.download(file.blob.blob_id)
        assert found == file
        assert (file.filename, file.content_type, file.last_modified_time) == ("f", "text/plain", NOW)
        await house.put("/d/f", b"new")
        assert await house.files.download(file.blob.blob_id) is None
        assert await house.files.download("") is None

    run(main())
