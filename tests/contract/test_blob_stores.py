"""Every blob store driver against the suite that is shipped with the package."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from minori.storage.base import BlobStore
from minori.storage.contract.blob_story import Opener
from minori.storage.contract.blobs import BlobStoreContract, DurableBlobStoreContract
from minori.storage.filesystem.blobs import open_blobs as open_on_files
from minori.storage.memory.blobs import open_blobs as open_in_memory


class TestMemoryBlobStore(BlobStoreContract):
    @contextmanager
    def place(self) -> Iterator[Opener]:
        async def opener() -> BlobStore:
            return await open_in_memory("memory:")

        yield opener


class TestFileBlobStore(DurableBlobStoreContract):
    @contextmanager
    def place(self) -> Iterator[Opener]:
        with tempfile.TemporaryDirectory() as folder:

            async def opener() -> BlobStore:
                return await open_on_files(f"file://{folder}/blobs")

            yield opener
