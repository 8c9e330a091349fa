"""Files that become data entries too, where a group asks for it."""

import asyncio
import json
from typing import Any

import pytest

from doorway import OPERATOR, House, run
from filedevice import device, device_of

IMSI = "001010000000001"


async def entries(h: House) -> list[dict[str, Any]]:
    """The contents of the data entries of the SIM, oldest first."""
    return [json.loads(content) for content in await h.contents()]


def test_a_file_becomes_a_data_entry_where_the_group_asks_for_it() -> None:
    async def main() -> None:
        async with device(dataEntryEnabled=True, dataEntryPath="/images") as (h, known):
            for path in ("/images/a.jpg", "/images/b/c.jpg", "/images2/a.jpg", "/images", "/other"):
                await known.put(path, b"hello", "Content-Type: image/jpeg")
            told = {"contentType": "image/jpeg", "contentLength": 5, "etag": "5d41402abc4b2a76b9719d911017c592"}
            assert await entries(h) == [{"path": "/images/a.jpg", **told}, {"path": "/images/b/c.jpg", **told}]
            (first, _) = await h.entries()
            stored = await h.files.entry(OPERATOR, "/images/a.jpg")
            assert (first.content_type, first.category) == ("application/json", None)
            assert first.time >= stored.last_modified_time
            assert h.metric("minori_entries_accepted_total", door="files") == 2

    run(main())


def test_every_file_becomes_a_data_entry_where_the_group_names_no_directory() -> None:
    async def main() -> None:
        async with device(dataEntryEnabled=True, defaultPath="/:imsi/x") as (h, known):
            assert [await known.put("/"), await known.put("/")] == [201, 200]
            assert [entry["path"] for entry in await entries(h)] == [f"/{IMSI}/x"] * 2

    run(main())


def test_a_name_as_long_as_may_be_still_becomes_a_data_entry() -> None:
    async def main() -> None:
        async with device(dataEntryEnabled=True) as (h, known):
            path = "/" + "a" * 1023
            assert await known.put(path) == 201
            assert [entry["path"] for entry in await entries(h)] == [path]

    run(main())


def test_the_answer_comes_when_the_data_entry_is_stored_too() -> None:
    async def main() -> None:
        async with device(dataEntryEnabled=True) as (h, known):
            h.store.held = True
            asked = asyncio.create_task(known.put("/a"))
            await h.store.arrived()
            assert await h.paths() == ["/a"]
            # On a connection of its own another file would be answered meanwhile, were it not for its entry.
            await h.let_files()
            async with device_of(h) as other:
                assert await other.put("/b") == 201
            assert not asked.done()
            h.store.release()
            assert await asked == 201

    run(main())


@pytest.mark.parametrize("trouble", ["full", "broken", "failing"])
def test_a_file_without_its_data_entry_is_stored_all_the_same(trouble: str) -> None:
    async def main() -> None:
        async with device(dataEntryEnabled=True) as (h, known):
            if trouble == "failing":
                h.store.held = True
                asked = asyncio.create_task(known.put("/a"))
                await h.store.arrived()
                h.store.fail()
                assert await asked == 201
            else:
                setattr(h.store, trouble, True)
                assert await known.put("/a") == 201
            assert (await h.file("/a"))[1] == b"hello"

    run(main())
