"""The examination of a server's files: is every byte there that the index promises, and is any there that it does not?

It changes nothing, and may run while a server does: what changes under its eyes is looked at twice.
"""

import hashlib
from collections.abc import AsyncIterator, Callable

from msgspec import Struct

from minori.errors import Error
from minori.model.account import accounts_of
from minori.model.export import ExportJob
from minori.model.file import PUBLIC, ROOT, Blob, FileEntry
from minori.model.registry import Operator
from minori.service.tidying import catalog_birth, of_nobody
from minori.storage.base import BlobReader, BlobStore, Catalog, EntryExamination, EntryFlaw

AT_ONCE = 500
"""Rows, or blobs, on a page (our choice)."""

CHUNK = 1024 * 1024
"""Bytes that are read at once (our choice)."""

_SEND_AGAIN = "put the blob back from a backup, or send the file again, or delete it"
_EXPORT_AGAIN = "ask for the export again"
_RESTORE = "put the entry store back from a backup; if the disk is sound, report it, since Minori made it so"


class Finding(Struct, frozen=True, rename="camel", omit_defaults=True):
    """Something that is not as it should be, and what to do about it.

    `kind` is `entries` (`owner` and `resource` say whose), `catalog`, `audit`, `refusals`, `stores` (they cannot be
    looked at), `missing`, `size`, `hash`, `unreadable` (the bytes of a file or an export), `parent` (the directory of
    a file) or `strange` (blobs of another catalog).
    """

    kind: str
    message: str
    advice: str
    owner: str = ""
    path: str = ""
    blob_id: str = ""
    resource: str = ""


class Examination:
    """The examination of one catalog and its blobs, and what it has seen so far.

    `tell` gets each finding. With `hashes` every byte is read; without, sizes are compared. `clock_ms` gives
    UNIX ms. Sizes are in bytes.
    """

    def __init__(
        self,
        catalog: Catalog,
        blobs: BlobStore,
        clock_ms: Callable[[], int],
        tell: Callable[[Finding], None],
        *,
        hashes: bool = True,
    ) -> None:
        self.files = 0
        self.directories = 0
        self.exports = 0
        self.size = 0
        self.orphans = 0
        self.orphan_size = 0
        self._catalog = catalog
        self._blobs = blobs
        self._clock_ms = clock_ms
        self._tell = tell
        self._hashes = hashes

    async def look_at_blobs(self) -> int:
        """Count the blobs that belong to nobody; the size of all the others."""
        born = await catalog_birth(self._catalog, self._clock_ms())
        size, strange, after = 0, 0, ""
        while page := await self._blobs.blobs(after, AT_ONCE):
            after = page[-1].blob_id
            size += sum(blob.size for blob in page)
            for blob in await of_nobody(self._catalog, page):
                size -= blob.size
                self.orphans += 1
                self.orphan_size += blob.size
                strange += blob.modified_time < born
        if strange:
            self._tell(_strange(strange))
        return size

    async def look_at_catalog(self) -> None:
        """Have the database look at itself."""
        for flaw in await self._catalog.flaws():
            advice = "stop the server and put the catalog back from a backup"
            self._tell(Finding("catalog", f"The catalog is damaged: {flaw}", advice))

    async def look_at_files(self, progress: Callable[[int], object]) -> None:
        """Compare every file and export with its bytes; `progress` is told how many more have been seen to."""
        operators = await self._catalog.find(Operator)
        for owner in (PUBLIC, *(account for operator in operators for account in accounts_of(operator.operator_id))):
            above = [ROOT]
            async for entry in self._entries(owner):
                await self._look_at_place(entry, above)
                await self._look_at_entry(entry, progress)
        for job in await self._catalog.find(ExportJob):
            if job.blob is not None:
                await self._look_at_export(job, job.blob, progress)

    async def _entries(self, owner: str) -> AsyncIterator[FileEntry]:
        after, more = "", True
        while more:
            page = await self._catalog.files.find(owner, "", after, AT_ONCE, self._clock_ms())
            for entry in page.entries:
                yield entry
                after = entry.path
            more = page.more

    async def _look_at_place(self, entry: FileEntry, above: list[str]) -> None:
        """`above` are the directories seen on the way to the last entry; a directory comes before what is in it."""
        while not entry.path.startswith(above[-1]):
            above.pop()
        if above[-1] != entry.parent and await self._is_lost(entry):
            message = f"{entry.path} is in a directory that the index does not have"
            advice = f"send any file to {entry.parent}, which makes the directory anew"
            self._tell(Finding("parent", message, advice, entry.owner, entry.path))
        if entry.is_directory:
            above.append(entry.path)

    async def _is_lost(self, entry: FileEntry) -> bool:
        now = self._clock_ms()
        parent = await self._catalog.files.get(entry.owner, entry.parent, now)
        return parent is None and await self._catalog.files.get(entry.owner, entry.path, now) is not None

    async def _look_at_entry(self, entry: FileEntry, progress: Callable[[int], object]) -> None:
        if entry.blob is None:
            self.directories += 1
            return
        self.files += 1
        kind, flaw = await self._flaw(entry.blob, progress)
        if not flaw:
            return
        there = await self._catalog.files.get(entry.owner, entry.path, self._clock_ms())
        if there is not None and there.blob == entry.blob:
            message = f"{entry.path} of {entry.owner}: {flaw}"
            self._tell(Finding(kind, message, _SEND_AGAIN, entry.owner, entry.path, entry.blob.blob_id))

    async def _look_at_export(self, job: ExportJob, blob: Blob, progress: Callable[[int], object]) -> None:
        self.exports += 1
        kind, flaw = await self._flaw(blob, progress)
        if flaw and await self._catalog.get(ExportJob, job.export_id) is not None:
            message = f"The export {job.export_id} of {job.account}: {flaw}"
            self._tell(Finding(kind, message, _EXPORT_AGAIN, job.account, blob_id=blob.blob_id))

    async def _flaw(self, blob: Blob, progress: Callable[[int], object]) -> tuple[str, str]:
        """What is wrong with the bytes of a blob, as the kind of a finding and the end of its sentence."""
        self.size += blob.size
        try:
            reader = await self._blobs.open(blob.blob_id)
            if reader is None:
                return "missing", "its bytes are not there"
            try:
                if reader.size != blob.size:
                    return "size", f"it has {reader.size} bytes and should have {blob.size}"
                if self._hashes and await _md5(reader, progress) != blob.md5:
                    return "hash", f"its {blob.size} bytes are not those that were stored"
            finally:
                reader.close()
        except Error as error:
            return "unreadable", error.message
        if not self._hashes:
            progress(blob.size)
        return "", ""


async def look_at_entries(
    examination: EntryExamination, tell: Callable[[Finding], None], progress: Callable[[int], object]
) -> int:
    """Have an entry store prove that all in it agrees; how many entries there are.

    `progress` is told how much more has been seen to, of `EntryExamination.size`. Raises as `EntryExamination.examine`.
    """
    entries, after = 0, None
    while True:
        seen = await examination.examine(after, AT_ONCE)
        entries += seen.entries
        for flaw in seen.flaws:
            tell(_flawed(flaw))
        progress(seen.size)
        after = seen.next_after
        if after is None:
            return entries


async def _md5(reader: BlobReader, progress: Callable[[int], object]) -> str:
    found = hashlib.md5(usedforsecurity=False)
    at = 0
    while at < reader.size:
        chunk = await reader.read(at, CHUNK)
        found.update(chunk)
        at += len(chunk)
        progress(len(chunk))
    return found.hexdigest()


def _strange(blobs: int) -> Finding:
    return Finding(
        "strange",
        f"{blobs} blobs that belong to no file are older than the catalog; they were stored with another one",
        "put that catalog back from a backup, or remove the blobs if nobody needs them",
    )


def _flawed(flaw: EntryFlaw) -> Finding:
    resource = flaw.resource
    if resource is None:
        return Finding("entries", f"The data entries: {flaw.message}", _RESTORE)
    name = f"{resource.type} {resource.id}"
    message = f"The data entries of {name} of {resource.account}: {flaw.message}"
    return Finding("entries", message, _RESTORE, resource.account, resource=name)
