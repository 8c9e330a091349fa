"""What the file door refuses, and what it says then."""

import json

import pytest

from doorway import FILE_BYTES, LOOPS, NO_GROUP, NOT_ENABLED, UNKNOWN, house, run, until
from filedevice import device, device_of, message
from sending import Line, post


@pytest.mark.parametrize(
    "raw", ["/a/../b", "/%2e%2e/b", "/a%00b", "/a%ffb", "/" + "d/" * 17 + "a", "/" + "a" * 1024, "/a/"]
)
def test_a_path_that_no_file_may_have_is_refused(raw: str) -> None:
    async def main() -> None:
        async with device() as (h, known):
            answer = await known.ask("PUT", raw, b"hello")
            assert answer.status == 400
            assert list(json.loads(answer.body)) == ["message"]
            assert await h.paths() == []

    run(main())


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (UNKNOWN, f"No SIM is known for {UNKNOWN}"),
        (NO_GROUP, "No group ID is specified: 001010000000002"),
        (NOT_ENABLED, "Harvest files is disabled. Please set { enabled: true }"),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "POST", "GET"])
def test_who_may_not_is_refused_in_harvests_own_words(source: str, sentence: str, method: str) -> None:
    async def main() -> None:
        async with house() as h:
            await h.let_files(defaultPath="/a")
            async with device_of(h, source) as stranger:
                for path in ("/", "/a"):
                    answer = await stranger.ask(method, path, b"hello")
                    assert (answer.status, json.loads(answer.body)) == (400, {"message": sentence})
            assert await h.paths() == []

    run(main())


@pytest.mark.parametrize("role", ["role01", "", 7, False])
@pytest.mark.parametrize("method", ["PUT", "POST", "GET", "HEAD"])
def test_a_role_that_does_not_exist_refuses_everything(method: str, role: object) -> None:
    async def main() -> None:
        async with device() as (h, known):
            assert await known.put("/a") == 201
            await h.let_files(assumedRoleId=role, defaultPath="/b")
            for path in ("/", "/a", "/b"):
                answer = await known.ask(method, path, None if method in ("GET", "HEAD") else b"hello")
                if (method, path) == ("HEAD", "/"):
                    continue
                assert answer.status == 403
                assert method == "HEAD" or "a role that does not exist" in answer.message
            assert await h.file("/a") == ("application/octet-stream", b"hello")
            assert await h.paths() == ["/a"]

    run(main())


def test_a_group_with_files_alone_takes_files_and_refuses_data() -> None:
    async def main() -> None:
        async with device() as (h, known):
            async with h.http() as door, await Line.open(door.endpoint) as line:
                await line.send(post(b"1"))
                assert (await line.answer()).message == "Configuration for SORACOM Harvest is not found"
            assert await known.put("/a") == 201
            assert await h.entries() == []

    run(main())


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("path", ["/a", "/", "/%ff"])
def test_another_method_is_not_allowed_and_the_answer_names_those_that_are(method: str, path: str) -> None:
    async def main() -> None:
        async with device() as (h, known):
            assert await known.put("/a") == 201
            answer = await known.ask(method, path)
            assert (answer.status, answer.fields["allow"]) == (405, "GET, HEAD, POST, PUT")
            assert await h.paths() == ["/a"]

    run(main())


@pytest.mark.parametrize("limit", ["0", "-1", "x", "1.5"])
def test_a_limit_that_is_none_is_refused(limit: str) -> None:
    async def main() -> None:
        async with device() as (_, known):
            assert (await known.get(f"/?limit={limit}")).status == 400
            assert (await known.get("/?limit=999999999999")).status == 200
            assert (await known.get("/?last_evaluated_key=a%00")).status == 400

    run(main())


def test_a_file_over_the_limit_is_refused_before_it_comes_and_before_anyone_is_told_to_go_on() -> None:
    async def main() -> None:
        async with device() as (h, known):
            await known.line.send(
                message("PUT", "/a", None, f"Content-Length: {FILE_BYTES + 1}", "Expect: 100-continue")
            )
            answer = await known.answer()
            assert answer.status == 413
            assert f"{FILE_BYTES} bytes" in answer.message
            assert await known.line.ended()
            assert await h.paths() == []
            assert h.metric("minori_payloads_refused_total", door="files", reason="PayloadTooLarge") == 1

    run(main())


@pytest.mark.parametrize("loop", LOOPS)
def test_a_file_that_grows_over_the_limit_is_refused_and_the_old_one_stays(loop: str) -> None:
    async def main() -> None:
        async with device() as (h, known):
            assert await known.put("/a", b"old") == 201
            chunk = b"%x\r\n" % 100_000 + bytes(100_000) + b"\r\n"
            await known.line.send(message("PUT", "/a", None, "Transfer-Encoding: chunked") + chunk * 3)
            assert (await known.answer()).status == 413
            assert (await h.file("/a"))[1] == b"old"

    run(main(), loop)


def test_an_upload_that_breaks_off_leaves_the_old_file(capsys: pytest.CaptureFixture[str]) -> None:
    async def main() -> None:
        async with device() as (h, known):
            assert await known.put("/a", b"old") == 201
            await known.line.send(message("PUT", "/a", b"new one")[:-1])
            await until(lambda: h.metric("minori_connections", listener="door-http") == 1)
            known.line.reset()
            await until(lambda: h.metric("minori_file_uploads_broken_off_total") == 1)
            assert (await h.file("/a"))[1] == b"old"

    run(main())
    assert "failed" not in capsys.readouterr().out


def test_who_must_not_overwrite_says_so() -> None:
    async def main() -> None:
        async with device(defaultPath="/a") as (h, known):
            assert [await known.put(path, b"1", "If-None-Match: *") for path in ("/", "/", "/a", "/b")] == [
                201,
                412,
                412,
                201,
            ]
            assert await known.put("/a", b"2", 'If-Match: "x"') == 400
            assert (await h.file("/a"))[1] == b"1"

    run(main())


def test_a_type_that_could_not_be_given_back_is_refused() -> None:
    async def main() -> None:
        async with device() as (h, known):
            assert await known.put("/a", b"1", "Content-Type: caf\xe9") == 400
            assert await known.put("/a", b"1", "Content-Type: application.json") == 201
            assert (await h.file("/a"))[0] == "application.json"

    run(main())


def test_a_file_where_a_directory_is_and_the_other_way_round_is_refused() -> None:
    async def main() -> None:
        async with device() as (h, known):
            assert [await known.put(path) for path in ("/a/b", "/a", "/a/b/c")] == [201, 400, 400]
            assert await h.paths() == ["/a/b"]

    run(main())


def test_another_host_on_the_same_connection_is_misdirected_and_stores_nothing() -> None:
    async def main() -> None:
        async with device(defaultPath="/default") as (h, known):
            assert await known.put("/a") == 201
            for host in ("harvest.soracom.io", "uni.soracom.io", "127.0.0.1"):
                answer = await known.ask("POST", "/", b"1", host=host)
                assert answer.status == 421
                assert "connect anew" in answer.message
            answer = await known.ask("POST", "http://harvest.soracom.io/", b"1")
            assert answer.status == 421
            assert await known.put("/b") == 201
            assert await h.paths() == ["/a", "/b"]
            assert await h.entries() == []

    run(main())


def test_a_request_without_a_host_is_misdirected_behind_one_for_files() -> None:
    async def main() -> None:
        async with device() as (_, known):
            assert await known.put("/a") == 201
            await known.line.send(b"GET /a HTTP/1.1\r\n\r\n")
            assert (await known.answer()).status == 421

    run(main())


def test_a_malformed_request_on_a_connection_for_files_is_told_so_without_a_code() -> None:
    async def main() -> None:
        async with device() as (_, known):
            assert await known.put("/a") == 201
            await known.line.send(b"PUT /a HTTP/1.1\r\nContent-Length: x\r\n\r\n")
            answer = await known.answer()
            assert answer.status == 400
            assert list(json.loads(answer.body)) == ["message"]
            assert await known.line.ended()

    run(main())
