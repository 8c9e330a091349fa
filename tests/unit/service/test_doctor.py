"""The examination of files: it finds what is damaged, says where, and takes nothing sound for damaged."""

import time
from collections.abc import Awaitable, Callable

import pytest
from msgspec.structs import replace

from doorway import run
from minori.model.export import EXPORTED, ExportJob
from minori.model.file import PUBLIC, Blob, FileEntry, FileWrite
from minori.model.registry import Operator
from minori.model.resource import Resource, ResourceType
from minori.service import doctor
from minori.service.doctor import Examination, Finding, look_at_entries
from minori.storage.base import BlobReader, EntryExamination, EntryFlaw, Examined, Insert
from minori.storage.memory.blobs import MemoryBlobStore
from minori.storage.memory.catalog import MemoryCatalog
from minori.storage.memory.files import MemoryFileIndex

OWNER = "OP0000000001"
CONTENT = b"what was sent"


class Blobs(MemoryBlobStore):
    """Something may happen (`meanwhile`) before a blob is opened."""

    meanwhile: Callable[[], Awaitable[object]] | None = None

    async def open(self, blob_id: str) -> BlobReader | None:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        return await super().open(blob_id)


class Flawed(MemoryCatalog):
    """A catalog whose database has a flaw."""

    async def flaws(self) -> list[str]:
        return ["row 1 missing from index x"]


class House:
    """A catalog and blobs in memory, and what an examination told of them."""

    def __init__(self) -> None:
        self.catalog = MemoryCatalog()
        self.blobs = Blobs()
        self.found: list[Finding] = []
        self.moved: list[int] = []
        self.born = now() - 1000

    async def place(self, path: str, owner: str = OWNER, content: bytes = CONTENT, expiry: int | None = None) -> Blob:
        blob = await self.store(content)
        entry = FileEntry(owner, path, now(), now(), blob, "text/plain", expiry)
        placed = await self.catalog.files.place(FileWrite(entry), now())
        if placed.replaced:
            await self.blobs.remove(placed.replaced)
        return blob

    async def store(self, content: bytes = CONTENT) -> Blob:
        writer = await self.blobs.writer()
        await writer.write(content)
        return await writer.commit()

    def damage(self, blob: Blob, kind: str) -> None:
        content, modified = self.blobs._blobs.pop(blob.blob_id)
        if kind != "missing":
            self.blobs._blobs[blob.blob_id] = content[:-1] if kind == "size" else content.swapcase(), modified

    async def examine(self, *, hashes: bool = True) -> Examination:
        await self.catalog.apply(Insert(Operator(OWNER, "one@example.com", "", self.born)))
        examination = Examination(self.catalog, self.blobs, now, self.found.append, hashes=hashes)
        await examination.look_at_catalog()
        self.expected = await examination.look_at_blobs()
        await examination.look_at_files(self.moved.append)
        return examination

    @property
    def kinds(self) -> list[str]:
        return [finding.kind for finding in self.found]


def now() -> int:
    return time.time_ns() // 1_000_000


@pytest.mark.parametrize("how", ["every byte", "sizes"])
def test_what_is_whole_is_counted_and_nothing_is_found(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "AT_ONCE", 2)

    async def story() -> None:
        h = House()
        for path in ("/a", "/b/a", "/b/c/d", "/b!", "/b/c!", "/bc/d"):
            await h.place(path)
        await h.place("/x/y", owner=PUBLIC, content=b"")
        seen = await h.examine(hashes=how == "every byte")
        assert h.found == []
        assert (seen.files, seen.directories, seen.exports) == (7, 4, 0)
        assert (seen.size, seen.orphans, seen.orphan_size) == (6 * len(CONTENT), 0, 0)
        assert sum(h.moved) == h.expected == seen.size

    run(story())


@pytest.mark.parametrize("kind", ["missing", "size", "hash"])
@pytest.mark.parametrize("owner", [OWNER, PUBLIC])
def test_a_file_whose_bytes_are_not_those_it_was_sent_with_is_found(kind: str, owner: str) -> None:
    async def story() -> None:
        h = House()
        await h.place("/a/sound", owner)
        blob = await h.place("/a/ill", owner)
        h.damage(blob, kind)
        await h.examine()
        (finding,) = h.found
        assert (finding.kind, finding.owner, finding.path, finding.blob_id) == (kind, owner, "/a/ill", blob.blob_id)
        assert "/a/ill" in finding.message
        assert "backup" in finding.advice

    run(story())


@pytest.mark.parametrize(("kind", "found"), [("missing", ["missing"]), ("size", ["size"]), ("hash", [])])
def test_without_hashes_sizes_are_compared(kind: str, found: list[str]) -> None:
    async def story() -> None:
        h = House()
        h.damage(await h.place("/a"), kind)
        await h.examine(hashes=False)
        assert h.kinds == found

    run(story())


def test_the_bytes_of_an_export_are_looked_at() -> None:
    async def story() -> None:
        h = House()
        for number in range(2):
            blob = await h.store()
            job = ExportJob(f"fe_{number}", OWNER, "exportData", {}, "a", "x/y", 1, EXPORTED)
            done = replace(job, blob_id=blob.blob_id, blob_size=blob.size, blob_md5=blob.md5)
            await h.catalog.apply(Insert(done))
        h.damage(blob, "hash")
        seen = await h.examine()
        assert (seen.exports, seen.orphans) == (2, 0)
        (finding,) = h.found
        assert (finding.kind, finding.blob_id) == ("hash", blob.blob_id)
        assert "fe_1" in finding.message

    run(story())


def test_bytes_of_nobodys_are_counted_and_are_no_damage() -> None:
    async def story() -> None:
        h = House()
        await h.place("/a")
        await h.place("/expired", expiry=1)
        await h.store(b"12345")
        seen = await h.examine()
        assert (seen.files, seen.orphans, seen.orphan_size) == (1, 1, 5)
        assert h.kinds == []

    run(story())


def test_bytes_that_are_older_than_the_catalog_are_damage() -> None:
    async def story() -> None:
        h = House()
        await h.store()
        h.born = now() + 1000
        await h.examine()
        assert h.kinds == ["strange"]

    run(story())


def test_a_directory_that_the_index_lacks_is_found() -> None:
    async def story() -> None:
        h = House()
        for path in ("/a/b/c", "/a/b/d", "/a/e", "/z"):
            await h.place(path)
        index = h.catalog.files
        assert isinstance(index, MemoryFileIndex)
        del index._entries[OWNER, "/a/b/"]
        await h.examine()
        assert [(finding.kind, finding.path) for finding in h.found] == [("parent", "/a/b/c"), ("parent", "/a/b/d")]
        assert "/a/b/" in h.found[0].advice

    run(story())


def test_a_flaw_of_the_database_is_told() -> None:
    async def story() -> None:
        h = House()
        h.catalog = Flawed()
        await h.examine()
        assert h.kinds == ["catalog"]
        assert "index x" in h.found[0].message

    run(story())


def test_a_file_that_is_replaced_or_removed_meanwhile_is_not_damaged() -> None:
    async def story() -> None:
        h = House()
        await h.place("/a")

        async def overwrite() -> None:
            await h.place("/a", content=b"newer")

        h.blobs.meanwhile = overwrite
        await h.examine()
        assert h.kinds == []

    run(story())


class Stretches(EntryExamination):
    """Three stretches of an examination, of which the second finds something."""

    async def examine(self, after: bytes | None, limit: int) -> Examined:  # noqa: ARG002 - the stretches are given
        meter = Resource(OWNER, ResourceType.DEVICE, "d-1")
        flaws = [EntryFlaw(meter, "its row of 5 is odd"), EntryFlaw(None, "a key is odd")]
        match after:
            case None:
                return Examined(3, 10, [], b"1")
            case b"1":
                return Examined(0, 20, flaws, b"2")
            case _:
                return Examined(-1, 30, [], None)

    async def size(self) -> int:
        return 60


def test_the_flaws_of_data_entries_are_told_with_whose_they_are() -> None:
    async def story() -> None:
        h = House()
        assert await look_at_entries(Stretches(), h.found.append, h.moved.append) == 2
        assert h.moved == [10, 20, 30]
        first, second = h.found
        assert (first.kind, first.owner, first.resource) == ("entries", OWNER, "Device d-1")
        assert first.message == f"The data entries of Device d-1 of {OWNER}: its row of 5 is odd"
        assert (second.kind, second.owner, second.resource) == ("entries", "", "")
        assert second.message == "The data entries: a key is odd"
        assert "backup" in first.advice

    run(story())
