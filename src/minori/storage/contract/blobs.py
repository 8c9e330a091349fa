"""What every blob store passes: the words of `storage.base.BlobStore`, each as a test.

A driver's tests subclass `BlobStoreContract`, or `DurableBlobStoreContract` if it keeps blobs on stable
storage, and say where one empty store is opened. pytest collects the subclass; these modules need no test
library.
"""

import asyncio
import hashlib
import os
import re
import time

from minori.model.file import StoredBlob
from minori.storage.base import BlobStore
from minori.storage.contract.blob_story import (
    MANY,
    STRANGE,
    BlobStoreStories,
    Opener,
    are_listed,
    cancelled,
    content,
    ids,
    keep,
    opened,
    place_story,
    story,
)


class BlobStoreContract(BlobStoreStories):
    """The suite of every driver. Every test gets an empty store on an event loop of its own."""

    @story
    async def test_a_blob_comes_back_as_it_was_written(self, store: BlobStore) -> None:
        """However it was cut into chunks; size and MD5 are told at the commit."""
        whole = os.urandom(MANY)
        for cut in (65_536, 999_999, MANY):
            blob = await keep(store, *[whole[start : start + cut] for start in range(0, MANY, cut)])
            md5 = hashlib.md5(whole, usedforsecurity=False).hexdigest()
            assert (blob.size, blob.md5) == (MANY, md5)
            assert await content(store, blob.blob_id) == whole

    @story
    async def test_a_blob_of_many_small_chunks_comes_back(self, store: BlobStore) -> None:
        """Empty ones among them."""
        blob = await keep(store, *[b"%d," % number for number in range(5000)], b"", b"end")
        assert await content(store, blob.blob_id) == b"".join(b"%d," % n for n in range(5000)) + b"end"

    @story
    async def test_a_blob_may_be_empty(self, store: BlobStore) -> None:
        """Its size is 0, its MD5 that of nothing."""
        for chunks in ((), (b"",)):
            blob = await keep(store, *chunks)
            assert (blob.size, blob.md5) == (0, "d41d8cd98f00b204e9800998ecf8427e")
            assert await content(store, blob.blob_id) == b""

    @story
    async def test_ids_are_lower_case_letters_and_digits_and_never_the_same(self, store: BlobStore) -> None:
        """So an id fits into a name, a URL and a key, and says nothing."""
        found = {(await keep(store, b"the same")).blob_id for _ in range(20)}
        assert len(found) == 20
        assert all(re.fullmatch(r"[0-9a-z]{16,64}", blob_id) for blob_id in found)

    @story
    async def test_blobs_that_are_written_at_once_do_not_mix(self, store: BlobStore) -> None:
        """Large and small ones."""
        wholes = [bytes([number]) * (1 + number * 100_000) for number in range(12)]
        blobs = await asyncio.gather(
            *(keep(store, *[whole[at : at + 70_000] for at in range(0, len(whole), 70_000)]) for whole in wholes)
        )
        assert [await content(store, blob.blob_id) for blob in blobs] == wholes

    @story
    async def test_a_stretch_has_at_most_the_bytes_that_were_asked_for(self, store: BlobStore) -> None:
        """And at least one before the end, none from there on."""
        reader = await opened(store, (await keep(store, b"0123456789")).blob_id)
        assert reader.size == 10
        assert b"3456".startswith(first := await reader.read(3, 4))
        assert first
        assert await reader.read(9, 100) == b"9"
        assert await reader.read(10, 1) == b""
        assert await reader.read(5000, 1) == b""
        reader.close()

    @story
    async def test_stretches_can_be_read_at_once(self, store: BlobStore) -> None:
        """A reader has no place of its own."""
        whole = os.urandom(100_000)
        reader = await opened(store, (await keep(store, whole)).blob_id)
        parts = await asyncio.gather(*(reader.read(at, 1) for at in range(0, 100_000, 1000)))
        assert b"".join(parts) == whole[::1000]
        reader.close()

    @story
    async def test_a_descriptor_leads_to_the_bytes_of_the_blob(self, store: BlobStore) -> None:
        """Where there is one, at the same offsets."""
        reader = await opened(store, (await keep(store, b"0123456789")).blob_id)
        if reader.descriptor is not None:
            assert os.pread(reader.descriptor, 100, 3) == b"3456789"
        reader.close()
        reader.close()

    @story
    async def test_a_reader_can_be_closed_while_it_reads(self, store: BlobStore) -> None:
        """What is under way is answered."""
        reader = await opened(store, (await keep(store, b"0123456789")).blob_id)
        reading = asyncio.ensure_future(reader.read(0, 10))
        await asyncio.sleep(0)
        reader.close()
        assert b"0123456789".startswith(await reading)

    @story
    async def test_what_is_not_committed_is_not_there(self, store: BlobStore) -> None:
        """Neither to be opened nor as a finished blob in a list."""
        writer = await store.writer()
        await writer.write(os.urandom(MANY))
        assert [blob for blob in await store.blobs("", 1000) if blob.finished] == []
        for blob_id in await ids(store):
            assert await store.open(blob_id) is None
        await writer.discard()

    @story
    async def test_a_discarded_blob_leaves_nothing(self, store: BlobStore) -> None:
        """Whatever was written of it; twice does no harm."""
        for chunks in ((), (b"small",), (os.urandom(MANY), b"more")):
            writer = await store.writer()
            for chunk in chunks:
                await writer.write(chunk)
            await writer.discard()
            await writer.discard()
            assert await ids(store) == []

    @story
    async def test_discard_after_commit_leaves_the_blob(self, store: BlobStore) -> None:
        """So a caller may discard on every way out."""
        writer = await store.writer()
        await writer.write(b"kept")
        blob = await writer.commit()
        await writer.discard()
        assert await content(store, blob.blob_id) == b"kept"

    @story
    async def test_discard_after_a_cancelled_write_leaves_nothing(self, store: BlobStore) -> None:
        """Wherever the write had got to."""
        for turns in range(6):
            writer = await store.writer()
            await writer.write(os.urandom(MANY))
            await cancelled(writer.write(os.urandom(MANY)), turns)
            await writer.discard()
            assert await ids(store) == []

    @story
    async def test_discard_after_a_cancelled_commit_leaves_nothing(self, store: BlobStore) -> None:
        """Nobody was told the blob's id, so nobody else could remove it."""
        for turns in range(12):
            for chunk in (b"small", os.urandom(MANY)):
                writer = await store.writer()
                await writer.write(chunk)
                was_cancelled = await cancelled(writer.commit(), turns)
                await writer.discard()
                assert len(await ids(store)) == (0 if was_cancelled else 1)
                for blob_id in await ids(store):
                    await store.remove(blob_id)

    @story
    async def test_a_removed_blob_is_gone(self, store: BlobStore) -> None:
        """Removing it again says that there was none."""
        blob, other = await keep(store, b"gone"), await keep(store, b"kept")
        assert await store.remove(blob.blob_id)
        assert await store.open(blob.blob_id) is None
        assert not await store.remove(blob.blob_id)
        assert await ids(store) == [other.blob_id]

    @story
    async def test_an_open_blob_can_be_read_to_its_end_though_it_is_removed(self, store: BlobStore) -> None:
        """And closed."""
        whole = os.urandom(MANY)
        blob = await keep(store, whole)
        reader = await opened(store, blob.blob_id)
        assert whole.startswith(await reader.read(0, 1000))
        await store.remove(blob.blob_id)
        assert await reader.read(MANY - 1, 1000) == whole[-1:]
        reader.close()

    @story
    async def test_any_text_may_be_asked_for(self, store: BlobStore) -> None:
        """It is no blob's id, and that is all."""
        blob = await keep(store, b"kept")
        for text in (*STRANGE, blob.blob_id.upper() + "x", blob.blob_id + "/", blob.blob_id[:-1], f"../{blob.blob_id}"):
            assert await store.open(text) is None, text
            assert not await store.remove(text), text
        assert await content(store, blob.blob_id) == b"kept"

    @story
    async def test_blobs_are_listed_with_size_and_time_in_order_of_their_ids(self, store: BlobStore) -> None:
        """The time is when they were written."""
        before = time.time_ns() // 1_000_000
        kept = sorted([await keep(store, b"x" * size) for size in range(9)], key=lambda blob: blob.blob_id)
        found = await store.blobs("", 1000)
        assert [(blob.blob_id, blob.size) for blob in found] == [(blob.blob_id, blob.size) for blob in kept]
        assert all(blob.finished for blob in found)
        # A file's time may be as coarse as the system's tick.
        assert all(before - 100 <= blob.modified_time <= time.time_ns() // 1_000_000 for blob in found)

    @story
    async def test_pages_of_any_size_make_up_the_whole(self, store: BlobStore) -> None:
        """The last id is where the next page starts, even if that blob is gone."""
        whole = sorted([(await keep(store, b"")).blob_id for _ in range(40)])
        for limit in (1, 2, 7, 39, 40, 41):
            pages: list[StoredBlob] = []
            while page := await store.blobs(pages[-1].blob_id if pages else "", limit):
                assert len(page) <= limit
                pages += page
            assert [blob.blob_id for blob in pages] == whole
        await store.remove(whole[20])
        assert [blob.blob_id for blob in await store.blobs(whole[20], 1000)] == whole[21:]

    @story
    async def test_a_page_may_begin_beyond_any_text(self, store: BlobStore) -> None:
        """Compared as text, whether it is an id or not."""
        whole = sorted([(await keep(store, b"")).blob_id for _ in range(10)])
        for after in (*STRANGE, whole[3][:1], whole[3][:5], whole[3] + "0", "z", "~"):
            assert [blob.blob_id for blob in await store.blobs(after, 1000)] == [each for each in whole if each > after]

    @story
    async def test_a_blob_that_is_being_written_can_be_finished_whatever_a_sweep_removes(
        self, store: BlobStore
    ) -> None:
        """A sweep removes every unfinished blob that is listed."""
        writer = await store.writer()
        await writer.write(os.urandom(MANY))
        for blob in await store.blobs("", 1000):
            assert not blob.finished
            await store.remove(blob.blob_id)
        assert (await writer.commit()).size == MANY

    @place_story
    async def test_an_open_reader_outlives_the_store(self, opener: Opener) -> None:
        """What is being sent is sent to its end."""
        store = await opener()
        reader = await opened(store, (await keep(store, b"0123456789")).blob_id)
        await store.close()
        assert await reader.read(9, 10) == b"9"
        reader.close()

    @place_story
    async def test_a_store_that_was_never_used_closes(self, opener: Opener) -> None:
        """At once."""
        await (await opener()).close()


class DurableBlobStoreContract(BlobStoreContract):
    """What a driver passes as well that keeps blobs on stable storage."""

    @place_story
    async def test_a_committed_blob_is_there_when_the_store_is_opened_again(self, opener: Opener) -> None:
        """And a removed one is not."""
        store = await opener()
        kept = [await keep(store, os.urandom(size)) for size in (0, 1, MANY)]
        gone = await keep(store, b"gone")
        await store.remove(gone.blob_id)
        await store.close()
        store = await opener()
        assert await ids(store) == sorted(blob.blob_id for blob in kept)
        for blob in kept:
            found = await content(store, blob.blob_id)
            assert hashlib.md5(found, usedforsecurity=False).hexdigest() == blob.md5
        await store.close()

    @place_story
    async def test_close_leaves_nothing_of_what_was_not_committed(self, opener: Opener) -> None:
        """Whether its writer was discarded or forgotten."""
        store = await opener()
        writers = [await store.writer() for _ in range(3)]
        for writer in writers:
            await writer.write(os.urandom(MANY))
        await writers[0].discard()
        await store.close()
        await writers[1].discard()
        store = await opener()
        assert await ids(store) == []
        await store.close()

    @place_story
    async def test_what_is_committed_while_the_store_closes_is_kept(self, opener: Opener) -> None:
        """Whoever was told of it may count on it."""
        store = await opener()
        writer = await store.writer()
        await writer.write(b"kept")
        committing = asyncio.ensure_future(writer.commit())
        await asyncio.sleep(0)
        await store.close()
        blob = await committing
        store = await opener()
        assert await content(store, blob.blob_id) == b"kept"
        await store.close()

    @place_story
    async def test_what_a_dead_process_left_unfinished_is_listed_and_can_be_removed(self, opener: Opener) -> None:
        """It cannot be opened, and removing it leaves the others."""
        dead, store = await opener(), await opener()
        for _ in range(3):
            await (await dead.writer()).write(os.urandom(MANY))
        kept = await keep(store, b"kept")
        await are_listed(store, 4)
        left = [blob.blob_id for blob in await store.blobs("", 1000) if not blob.finished]
        assert len(left) == 3
        for blob_id in left:
            assert await store.open(blob_id) is None
            assert await store.remove(blob_id)
            assert not await store.remove(blob_id)
        assert await ids(store) == [kept.blob_id]
        await dead.close()
        await store.close()

    @place_story
    async def test_discard_leaves_nothing_on_the_disk(self, opener: Opener) -> None:
        """Wherever the write, the commit or the discard before it had got to when it was cancelled."""
        store, watcher = await opener(), await opener()
        for turns in range(8):
            for size in (1, MANY):
                writers = [await store.writer() for _ in range(4)]
                for writer in writers:
                    await writer.write(os.urandom(size))
                await cancelled(writers[0].write(os.urandom(MANY)), turns)
                was_cancelled = await cancelled(writers[1].commit(), turns)
                await cancelled(writers[2].discard(), turns)
                for writer in writers:
                    await writer.discard()
                await are_listed(watcher, 0 if was_cancelled else 1)
                for blob_id in await ids(watcher):
                    await store.remove(blob_id)
        await store.close()
        await watcher.close()
