"""What devices store at the file door and fetch from it, over real sockets."""

import asyncio
import json
from typing import Any
from urllib.parse import quote

import pytest

from doorway import FILE_BYTES, LOOPS, OPERATOR, run
from filedevice import device, device_of, message

IMSI = "001010000000001"


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_file_is_stored_where_it_is_sent_to_and_given_back_as_it_was(method: str, loop: str) -> None:
    async def main() -> None:
        async with device() as (h, known):
            answer = await known.ask(method, "/logs/a.txt", b"hello", "Content-Type: text/plain")
            assert (answer.status, answer.reason, answer.body) == (201, "Created", b"")
            assert answer.fields["content-length"] == "0"
            assert await h.file("/logs/a.txt") == ("text/plain", b"hello")
            answer = await known.get("/logs/a.txt")
            assert (answer.status, answer.body) == (200, b"hello")
            assert (answer.fields["content-length"], answer.fields["content-type"]) == ("5", "text/plain")

    run(main(), loop)


def test_a_file_that_is_replaced_is_answered_200() -> None:
    async def main() -> None:
        async with device() as (h, known):
            assert [await known.put("/a", body) for body in (b"1", b"22")] == [201, 200]
            assert await h.file("/a") == ("application/octet-stream", b"22")

    run(main())


def test_a_file_may_be_empty() -> None:
    async def main() -> None:
        async with device() as (h, known):
            assert await known.put("/a", b"") == 201
            assert (await known.ask("POST", "/b")).status == 201
            assert await h.file("/a") == await h.file("/b") == ("application/octet-stream", b"")
            assert (await known.get("/a")).fields["content-length"] == "0"

    run(main())


def test_a_file_may_come_in_chunks() -> None:
    async def main() -> None:
        async with device() as (h, known):
            await known.line.send(message("PUT", "/a", None, "Transfer-Encoding: chunked") + b"2\r\nhe\r\n3\r\nllo\r\n")
            await asyncio.sleep(0.05)
            await known.line.send(b"0\r\n\r\n")
            assert (await known.answer()).status == 201
            assert (await h.file("/a"))[1] == b"hello"

    run(main())


@pytest.mark.parametrize(
    ("raw", "path"),
    [("//a//b", "/a/b"), ("/a%2Fb", "/a/b"), ("/a+b%20c?d=e", "/a+b c"), ("/%E5%AE%9F", "/実"), ("/:imsi/:time", None)],
)
def test_a_path_means_what_it_means_at_the_api_and_no_placeholder_is_expanded(raw: str, path: str | None) -> None:
    async def main() -> None:
        async with device(defaultPath="/default") as (h, known):
            assert await known.put(raw) == 201
            assert await h.paths() == [path or raw]
            assert (await known.get(raw)).body == b"hello"

    run(main())


@pytest.mark.parametrize("raw", ["/", "//", "/?a=/b", "http://harvest-files.test", "/%2F"])
@pytest.mark.parametrize(
    ("default", "path"),
    [
        ("/logs/:imsi/:time/logs.txt", f"/logs/{IMSI}/TIME/logs.txt"),
        ("/seminar/:time.jpg", "/seminar/TIME.jpg"),
        ("/:imsi-:imsi:time", f"/{IMSI}-{IMSI}TIME"),
        ("/test/", "/test"),
        ("/a//b//", "/a/b"),
    ],
)
def test_a_file_without_a_path_goes_where_the_group_says(default: str, path: str, raw: str) -> None:
    async def main() -> None:
        async with device(defaultPath=default) as (h, known):
            assert (await known.ask("POST", raw, b"hello")).status == 201
            (stored,) = await h.paths()
            entry = await h.files.entry(OPERATOR, stored)
            # The clock of these tests goes a second further at every look.
            assert stored == path.replace("TIME", str(entry.created_time - 1000))

    run(main())


@pytest.mark.parametrize("default", [None, 7, "", "logs/a", "/", "//", "/../a", "/a\0", "/" + "é" * 512, ":time"])
def test_a_file_without_a_path_is_not_found_where_the_group_names_no_good_one(default: Any) -> None:
    async def main() -> None:
        async with device(defaultPath=default) as (h, known):
            answer = await known.ask("PUT", "/", b"hello")
            assert answer.status == 404
            assert "defaultPath" in answer.message
            assert await h.paths() == []
            assert await known.put("/a") == 201

    run(main())


def test_a_part_of_a_file_is_given_with_its_length_again_and_again() -> None:
    async def main() -> None:
        async with device() as (_, known):
            firmware = bytes(range(256)) * 512
            assert await known.put("/ota/fw_1.bin", firmware) == 201
            for at in range(0, len(firmware), 32_768):
                answer = await known.get("/ota/fw_1.bin", f"Range: bytes={at}-{at + 511}")
                assert (answer.status, answer.fields["content-length"]) == (206, "512")
                assert answer.fields["content-range"] == f"bytes {at}-{at + 511}/{len(firmware)}"
                assert answer.body == firmware[at : at + 512]
            answer = await known.get("/ota/fw_1.bin", "Range: bytes=999999-")
            assert (answer.status, answer.fields["content-range"]) == (416, f"bytes */{len(firmware)}")
            whole = await known.get("/ota/fw_1.bin")
            assert (whole.status, whole.body) == (200, firmware)
            assert "transfer-encoding" not in whole.fields

    run(main())


def test_headers_are_written_as_programs_on_devices_look_for_them() -> None:
    async def main() -> None:
        async with device() as (_, known):
            assert await known.put("/a") == 201
            await known.line.send(message("GET", "/a"))
            head = await known.line.reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 OK\r\n")
            assert b"\r\nContent-Length: 5\r\n" in head
            assert b"\r\nContent-Type: application/octet-stream\r\n" in head

    run(main())


def test_a_head_has_the_length_and_no_body() -> None:
    async def main() -> None:
        async with device() as (h, known):
            assert await known.put("/a/b") == 201
            answer = await known.ask("HEAD", "/a/b", None, "Range: bytes=0-1")
            assert (answer.status, answer.fields["content-length"]) == (200, "5")
            assert [(await known.ask("HEAD", path)).status for path in ("/a", "/a/", "/", "/c")] == [404] * 4
            assert (await known.get("/a/b")).body == b"hello"
            assert (await known.get("/a/b", "Range: bytes=1-2")).body == b"el"
            assert h.metric("minori_file_bytes_sent_total") == 7

    run(main())


def test_what_is_not_there_is_not_found_and_a_directory_says_how_to_list_it() -> None:
    async def main() -> None:
        async with device() as (_, known):
            assert await known.put("/a/b") == 201
            answers = [await known.get(path) for path in ("/c", "/c/", "/a/b/", "/a")]
            assert [answer.status for answer in answers] == [404] * 4
            assert "slash" in answers[-1].message

    run(main())


def test_a_directory_is_listed_as_the_api_lists_it() -> None:
    async def main() -> None:
        async with device() as (h, known):
            assert (await known.get("/")).body == b"[]"
            assert await known.put("/a/b.txt", b"hello", "Content-Type: text/plain") == 201
            assert [shown["filePath"] for shown in json.loads((await known.get("/")).body)] == ["/a/"]
            answer = await known.get("/a/")
            entry = await h.files.entry(OPERATOR, "/a/b.txt")
            assert (answer.status, answer.fields["content-type"]) == (200, "application/json")
            assert json.loads(answer.body) == [
                {
                    "filename": "b.txt",
                    "directory": "/a/",
                    "filePath": "/a/b.txt",
                    "isDirectory": False,
                    "createdTime": entry.created_time,
                    "lastModifiedTime": entry.last_modified_time,
                    "operatorId": OPERATOR,
                    "contentLength": 5,
                    "contentType": "text/plain",
                    "etag": "5d41402abc4b2a76b9719d911017c592",
                    "expiryTime": entry.last_modified_time + 63_158_400_000,
                }
            ]

    run(main())


def test_a_long_list_comes_in_pages_that_lead_from_one_to_the_next() -> None:
    async def main() -> None:
        async with device() as (_, known):
            names = sorted(["1", "2 %", "実", "4", "5,;"], key=str.encode)
            for name in names:
                assert await known.put(quote(f"/d é/{name}")) == 201
            seen, link = [], "</d%20%C3%A9/?limit=2>"
            while link:
                answer = await known.get(link.partition(">")[0].removeprefix("<"))
                page = json.loads(answer.body)
                assert len(page) <= 2
                seen += [entry["filename"] for entry in page]
                link = answer.fields.get("link", "")
                assert ("x-soracom-next-key" in answer.fields) == bool(link)
            assert seen == names

    run(main())


def test_a_file_of_exactly_the_limit_is_taken() -> None:
    async def main() -> None:
        async with device() as (h, known):
            assert await known.put("/a", bytes(FILE_BYTES)) == 201
            assert len((await h.file("/a"))[1]) == FILE_BYTES

    run(main())


def test_a_file_that_is_replaced_while_it_is_being_opened_is_given_in_its_new_version() -> None:
    async def main() -> None:
        async with device() as (h, known):
            assert await known.put("/a", b"old") == 201

            async def replace() -> None:
                async with device_of(h) as other:
                    assert await other.put("/a", b"new") == 200

            h.blobs.meanwhile = replace
            answer = await known.get("/a")
            assert (answer.status, answer.body) == (200, b"new")

    run(main())


def test_a_file_whose_bytes_are_gone_is_not_found() -> None:
    async def main() -> None:
        async with device() as (h, known):
            assert await known.put("/a") == 201
            h.blobs._blobs.clear()
            assert (await known.get("/a")).status == 404

    run(main())
