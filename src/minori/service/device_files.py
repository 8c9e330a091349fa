"""Files as devices send and fetch them: below their operator's root, by the options of their group."""

from collections.abc import AsyncIterator, Callable

import structlog
from msgspec import Struct

from minori.codec.content import JSON, Content
from minori.codec.entry import encode_json
from minori.codec.filepath import check_path
from minori.errors import Error, InvalidPath, NotFound
from minori.model.account import operator_of
from minori.model.file import ROOT, FileEntry, FilePage, Placed
from minori.model.refusal import Origin
from minori.service.access import AccessService
from minori.service.files import FileService
from minori.service.ingest import IngestService
from minori.service.permissions import Context
from minori.service.registry import FileSender, Registry
from minori.storage.base import BlobReader

DOOR = "files"
"""Devices' files in the ingest service's counts."""

LIST_FILES, GET_FILE, PUT_FILE = "FileEntry:listFiles", "FileEntry:getFile", "FileEntry:putFile"
"""What a role must allow (documented). HEAD tells less than GET and needs the same (our choice)."""

_log = structlog.get_logger()


class Upload(Struct, frozen=True):
    """A file on its way in. `length` is what was announced, if anything was; with `only_new` it must not exist."""

    content_type: str
    chunks: AsyncIterator[bytes]
    length: int | None
    only_new: bool = False


class _Stored(Struct, frozen=True, rename="camel"):
    """What the data entry of a file says (our choice)."""

    path: str
    content_type: str
    content_length: int
    etag: str


class DeviceFiles:
    """The files of every device. `clock_ms` gives UNIX ms; `largest` is the most bytes of one upload."""

    def __init__(
        self,
        files: FileService,
        registry: Registry,
        access: AccessService,
        ingest: IngestService,
        clock_ms: Callable[[], int],
        largest: int,
    ) -> None:
        self.files = files
        self.largest = largest
        self._registry = registry
        self._access = access
        self._ingest = ingest
        self._clock_ms = clock_ms

    def sender(self, address: str) -> FileSender:
        """Who is at an address; raises as `Registry.file_sender` does."""
        return self._registry.file_sender(address)

    async def put(self, sender: FileSender, path: str, upload: Upload) -> Placed:
        """Store a file at `path`, or at the group's default path where that is the root.

        Placeholders are expanded in a default path alone (our choice). Raises `NotFound` where there is none
        that can be used (documented), `Forbidden`, and as `FileService.put` does.

        If the group wants it, the file becomes a data entry too, which is durable on return. A file whose
        entry could not be stored is stored all the same, and the log says so: to send it again would cost the
        device its volume a second time, and with `:time` in its path make a second file (our choice).
        """
        place = self._default_path(sender) if path == ROOT else path
        self._authorize(sender, PUT_FILE, place)
        placed = await self.files.put(
            sender.resource.account,
            place,
            upload.content_type,
            upload.chunks,
            length=upload.length,
            largest=self.largest,
            only_new=upload.only_new,
        )
        if sender.entry_path is not None and place.startswith(sender.entry_path):
            await self._record(sender, placed.entry)
        return placed

    async def open(self, sender: FileSender, path: str) -> tuple[FileEntry, BlobReader]:
        """A file as it is now, opened; the caller closes it. Raises `NotFound` and `Forbidden`."""
        self._authorize(sender, GET_FILE, path)
        entry = await self.files.entry(sender.resource.account, path)
        while True:
            try:
                return entry, await self.files.open(entry)
            except NotFound:
                # Another version may have taken its place since; it is the one that counts now.
                newer = await self.files.entry(sender.resource.account, path)
                if newer == entry:
                    raise
                entry = newer

    async def children(self, sender: FileSender, directory: str, after: str, limit: int) -> FilePage:
        """A page of what is directly in a directory. Raises `NotFound` and `Forbidden`."""
        self._authorize(sender, LIST_FILES, directory)
        return await self.files.children(sender.resource.account, directory, after, limit)

    def refuse(self, error: Error, address: str, size: int | None) -> None:
        """Count and note an upload from `address` that is not carried out; `size` is what was announced, in bytes."""
        self._ingest.refuse(DOOR, error, Origin(address), size)

    def _authorize(self, sender: FileSender, permission: str, path: str) -> None:
        """Nothing, if the role of the SIM's group allows it; without a role everything is (seen in the wild)."""
        if sender.role_id is None:
            return
        resource = sender.resource
        operator_id = operator_of(resource.account)
        variables = {"path": path.removeprefix(ROOT)}
        context = Context(
            self._clock_ms(), sender.address, operator_id=operator_id, variables=variables, imsi=resource.id
        )
        self._access.authorize_device(operator_id, sender.role_id, permission, context)

    def _default_path(self, sender: FileSender) -> str:
        text = sender.default_path
        if text is None:
            raise NotFound("The group has no defaultPath; send the file to a path of its own")
        if not text.startswith(ROOT):
            raise NotFound("The group's defaultPath does not begin with a slash; correct it, or send to another path")
        expanded = text.replace(":imsi", sender.resource.id).replace(":time", str(self._clock_ms()))
        try:
            path = check_path(expanded.rstrip("/"))
        except InvalidPath as error:
            raise NotFound(f"The group's defaultPath cannot be used. {error.message}") from error
        if path == ROOT:
            raise NotFound("The group's defaultPath names no file; correct it, or send to another path")
        return path

    async def _record(self, sender: FileSender, entry: FileEntry) -> None:
        size = 0 if entry.blob is None else entry.blob.size
        stored = _Stored(entry.path, entry.content_type, size, entry.etag)
        content = Content(encode_json(stored).decode(), JSON, tuple(_Stored.__struct_encode_fields__))
        try:
            await self._ingest.record(DOOR, sender.resource, sender.category, content)
        except Error as error:
            _log.warning("a file was stored without its data entry", reason=error.message)
