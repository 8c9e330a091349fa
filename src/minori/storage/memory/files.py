"""The index of files in memory: the words of `storage.base.FileIndex` in as little code as will do."""

from collections.abc import Callable, Collection, Mapping, Sequence

from minori.errors import DirectoryNotEmpty
from minori.model.file import FileEntry, FilePage, FileWrite, Placed
from minori.storage.base import FileIndex


class MemoryFileIndex(FileIndex):
    """Entries by owner and path. Text is compared by code points, which is the order of UTF-8 bytes."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], FileEntry] = {}

    async def place(self, write: FileWrite, now: int) -> Placed:
        """See `FileIndex.place`."""
        owner = write.entry.owner
        found = {path: self._entries[owner, path] for path in write.paths() if (owner, path) in self._entries}
        placed, missing = write.outcome(found, now)
        for entry in (*missing, placed.entry):
            self._entries[owner, entry.path] = entry
        return placed

    async def remove(self, owner: str, path: str, now: int) -> FileEntry | None:
        """See `FileIndex.remove`."""
        entry = await self.get(owner, path, now)
        if entry is None:
            return None
        if entry.is_directory:
            inside = [key for key, other in self._entries.items() if other.owner == owner and other.parent == path]
            if any(self._entries[key].is_live(now) for key in inside):
                raise DirectoryNotEmpty
            for key in inside:
                del self._entries[key]
        return self._entries.pop((owner, path))

    async def forget(self, entries: Collection[FileEntry]) -> None:
        """See `FileIndex.forget`."""
        for entry in entries:
            kept = self._entries.get((entry.owner, entry.path))
            if kept is not None and not kept.is_directory and kept.blob_id == entry.blob_id:
                del self._entries[entry.owner, entry.path]

    async def get(self, owner: str, path: str, now: int) -> FileEntry | None:
        """See `FileIndex.get`."""
        entry = self._entries.get((owner, path))
        return entry if entry is not None and entry.is_live(now) else None

    async def children(self, owner: str, directory: str, after: str, limit: int, now: int) -> FilePage:
        """See `FileIndex.children`."""
        return self._page(owner, lambda entry: entry.parent == directory, after, limit, now)

    async def find(self, owner: str, prefix: str, after: str, limit: int, now: int) -> FilePage:
        """See `FileIndex.find`."""
        return self._page(owner, lambda entry: entry.path.startswith(prefix), after, limit, now)

    async def of_blobs(self, blob_ids: Collection[str]) -> Mapping[str, FileEntry]:
        """See `FileIndex.of_blobs`."""
        wanted = frozenset(blob_ids)
        files = [(entry.blob.blob_id, entry) for entry in self._entries.values() if entry.blob is not None]
        return {blob_id: entry for blob_id, entry in files if blob_id in wanted}

    async def expired(self, now: int, limit: int) -> Sequence[FileEntry]:
        """See `FileIndex.expired`."""
        gone = [(entry.expiry_time or 0, key) for key, entry in self._entries.items() if not entry.is_live(now)]
        return [self._entries[key] for _, key in sorted(gone)[:limit]]

    def _page(self, owner: str, belongs: Callable[[FileEntry], bool], after: str, limit: int, now: int) -> FilePage:
        found = [
            entry
            for entry in self._entries.values()
            if entry.owner == owner and entry.path > after and entry.is_live(now) and belongs(entry)
        ]
        found.sort(key=lambda entry: entry.path)
        return FilePage(found[:limit], len(found) > limit)
