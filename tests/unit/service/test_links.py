"""Links: good for one blob and a while, for nobody who did not get one, and dead with what they lead to."""

from collections.abc import Callable

import pytest

from doorway import run
from minori.errors import Forbidden, NotFound
from minori.model.file import Blob
from minori.service.links import Download, Downloads, Links, Lookup
from minori.storage.memory.blobs import MemoryBlobStore

NOW = 1_700_000_000.0
SECRET = bytes(range(32))
BLOB = "0123456789abcdef"


def links(secret: bytes = SECRET, clock: Callable[[], float] = lambda: NOW) -> Links:
    return Links(secret, clock)


def test_a_link_leads_to_its_blob() -> None:
    assert links().verify(links().sign(BLOB, 300)) == BLOB


def test_a_link_is_made_of_letters_that_need_no_quoting() -> None:
    signed = links().sign(BLOB, 300)
    assert signed.startswith(f"{BLOB}.1700000300.")
    assert all(letter.isalnum() or letter in "._-" for letter in signed)


def test_a_link_ends() -> None:
    signed = links().sign(BLOB, 300)
    assert links(clock=lambda: NOW + 299.9).verify(signed) == BLOB
    with pytest.raises(Forbidden, match="has ended"):
        links(clock=lambda: NOW + 300).verify(signed)


def test_a_link_of_another_secret_is_refused() -> None:
    with pytest.raises(Forbidden, match="not one that was given out"):
        links(secret=bytes(32)).verify(links().sign(BLOB, 300))


def test_a_link_whose_any_character_was_changed_is_refused() -> None:
    signed = links().sign(BLOB, 300)
    for place, letter in enumerate(signed):
        for other in {"0", "1", "a", "_", "."} - {letter}:
            with pytest.raises(Forbidden):
                links().verify(signed[:place] + other + signed[place + 1 :])


@pytest.mark.parametrize(
    "text",
    ["", ".", "..", BLOB, f"{BLOB}.1700000300.", f"{BLOB}.1700000300.{'A' * 43}", "../../etc/passwd", "\0", "ä" * 99],
)
def test_what_is_no_link_is_refused(text: str) -> None:
    with pytest.raises(Forbidden):
        links().verify(text)


def test_more_behind_a_signature_is_refused() -> None:
    signed = links().sign(BLOB, 300)
    for longer in (f"{signed}A", f"{signed}=", f"{signed}\n", f" {signed}"):
        with pytest.raises(Forbidden):
            links().verify(longer)


def test_a_digit_of_another_alphabet_does_not_count() -> None:
    with pytest.raises(Forbidden):
        links().verify(links().sign(BLOB, 300).replace("1700000300", "\N{ARABIC-INDIC DIGIT ONE}700000300"))


async def stored(blobs: MemoryBlobStore, content: bytes) -> Blob:
    writer = await blobs.writer()
    await writer.write(content)
    return await writer.commit()


def knows(*found: Download) -> Lookup:
    async def lookup(blob_id: str) -> Download | None:
        return next((each for each in found if each.blob.blob_id == blob_id), None)

    return lookup


def test_lookups_are_asked_in_their_order() -> None:
    async def main() -> None:
        blobs = MemoryBlobStore()
        one, two = await stored(blobs, b"one"), await stored(blobs, b"two")
        downloads = Downloads(
            links(),
            blobs,
            knows(Download(one, "text/plain", 1, "first")),
            knows(Download(one, "text/plain", 1, "never"), Download(two, "text/csv", 2, "second")),
        )
        for blob, name, content in ((one, "first", b"one"), (two, "second", b"two")):
            download, reader = await downloads.open(links().sign(blob.blob_id, 1))
            assert (download.filename, await reader.read(0, 9)) == (name, content)
            reader.close()

    run(main())


def test_a_blob_that_is_nobody_s_is_not_found() -> None:
    async def main() -> None:
        blobs = MemoryBlobStore()
        blob = await stored(blobs, b"orphan")
        with pytest.raises(NotFound, match="ask for a new link"):
            await Downloads(links(), blobs, knows()).open(links().sign(blob.blob_id, 1))

    run(main())


def test_a_blob_that_is_gone_is_not_found() -> None:
    async def main() -> None:
        blobs = MemoryBlobStore()
        blob = await stored(blobs, b"gone")
        await blobs.remove(blob.blob_id)
        lookup = knows(Download(blob, "text/plain", 1, "name"))
        with pytest.raises(NotFound, match="ask for a new link"):
            await Downloads(links(), blobs, lookup).open(links().sign(blob.blob_id, 1))

    run(main())


def test_no_blob_is_looked_for_without_a_signature() -> None:
    async def main() -> None:
        async def lookup(blob_id: str) -> Download | None:
            raise AssertionError(blob_id)

        with pytest.raises(Forbidden):
            await Downloads(links(), MemoryBlobStore(), lookup).open(f"{BLOB}.9999999999.{'A' * 43}")

    run(main())
