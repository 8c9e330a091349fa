"""Links to stored bytes: for anybody who has one, deaf to the rest of the request, and dead with their version."""

import time
from urllib.parse import quote

import pytest

from serving import Serve, Server
from wire.asking import SECONDS, Reply, ask
from wire.filing import Folder

STRAY = {
    "X-Soracom-API-Key": "api-x",
    "X-Soracom-Token": "nonsense",
    "Authorization": "Basic eDp5",
    "Referer": "http://127.0.0.1/elsewhere",
    "X-Soracom-Lang": "en",
    "Cookie": "a=b",
    "Content-Type": "application/json",
}


def is_refused(reply: Reply, status: int, code: str) -> bool:
    return (reply.status, reply.json["code"]) == (status, code) and "new" in reply.json["message"]


def test_r24_a_link_needs_no_header_and_none_disturbs_it(own: Folder) -> None:
    own.put("/f", b"content")
    link = own.link("/f")
    for headers in ({}, STRAY, own.headers, {"Host": "elsewhere.example"}):
        assert ask(own.server, "GET", link, headers).body == b"content"


def test_r24_a_link_is_path_absolute_and_a_query_behind_it_is_passed_over(own: Folder) -> None:
    own.put("/f", b"content")
    link = own.link("/f")
    assert link.startswith("/downloads/")
    assert "?" not in link
    for more in ("?", "?a=b", "?X-Amz-Signature=0&response-content-type=text/html"):
        reply = ask(own.server, "GET", link + more)
        assert (reply.status, reply.headers["content-type"]) == (200, "application/octet-stream")


def test_the_name_at_the_end_of_a_link_is_decoration(own: Folder) -> None:
    own.put("/f", b"content")
    link = own.link("/f")
    bare = link[: link.rindex("/")]
    for ending in ("", "/", "/other", "/%00/../..", "/a/b/c"):
        assert ask(own.server, "GET", bare + ending).body == b"content"


@pytest.mark.parametrize("name", ["a b.txt", "漢字.jpg", 'a"b\\c', "100%", "+", ";,", "?#"])
def test_a_link_and_its_answer_bear_the_name(own: Folder, name: str) -> None:
    own.put(f"/{name}", b"content")
    link = own.link(f"/{name}")
    assert link.endswith("/" + quote(name, safe=""))
    assert link.isascii()
    disposition = ask(own.server, "GET", link).headers["content-disposition"]
    assert disposition.startswith("attachment; ")
    assert f"filename*=UTF-8''{quote(name, safe='!#$&+^`|')}" in disposition


@pytest.mark.parametrize("kind", ["text/html", "image/svg+xml", "application/xhtml+xml", "text/javascript"])
def test_what_is_stored_cannot_run_in_the_server_s_origin(own: Folder, kind: str) -> None:
    own.put("/f", b"<script>alert(1)</script>", Content_Type=kind)
    reply = ask(own.server, "GET", own.link("/f"))
    assert reply.headers["content-type"] == kind
    assert reply.headers["content-disposition"].startswith("attachment")
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["content-security-policy"].startswith("sandbox")


def test_a_link_answers_head_ranges_and_conditions(own: Folder) -> None:
    own.put("/f", b"0123456789")
    link = own.link("/f")
    etag = own.ask("HEAD", "/f").headers["etag"]
    whole = ask(own.server, "HEAD", link)
    assert (whole.status, whole.headers["content-length"], whole.headers["etag"], whole.body) == (200, "10", etag, b"")
    part = ask(own.server, "GET", link, {"Range": "bytes=2-4"})
    assert (part.status, part.body, part.headers["content-range"]) == (206, b"234", "bytes 2-4/10")
    assert ask(own.server, "GET", link, {"If-None-Match": etag}).status == 304
    assert ask(own.server, "GET", link, {"Range": "bytes=2-4", "If-Range": '"other"'}).body == b"0123456789"
    beyond = ask(own.server, "GET", link, {"Range": "bytes=10-"})
    assert (beyond.status, beyond.headers["content-range"]) == (416, "bytes */10")
    assert ask(own.server, "GET", link, {"If-Match": '"other"'}).status == 412


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 3_000_000])
def test_files_of_any_size_come_back_as_they_were(own: Folder, size: int) -> None:
    body = bytes(range(251)) * (size // 251 + 1)
    own.put("/f", body[:size])
    assert own.read("/f") == body[:size]


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "OPTIONS", "PATCH"])
def test_a_link_is_only_read(own: Folder, method: str) -> None:
    own.put("/f", b"content")
    reply = ask(own.server, method, own.link("/f"))
    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD")
    assert own.read("/f") == b"content"


def test_a_link_leads_to_one_version_and_dies_with_it(own: Folder) -> None:
    own.put("/f", b"old")
    old = own.link("/f")
    assert own.ask("PUT", "/f", b"new").status == 200
    assert is_refused(ask(own.server, "GET", old), 404, "MNR0010")
    new = own.link("/f")
    assert ask(own.server, "GET", new).body == b"new"
    assert own.ask("DELETE", "/f").status == 204
    assert is_refused(ask(own.server, "GET", new), 404, "MNR0010")
    assert ask(own.server, "HEAD", new).status == 404


def test_a_link_that_was_changed_is_refused(own: Folder) -> None:
    own.put("/f", b"content")
    _, _, signed, name = own.link("/f").split("/")
    blob_id, expires, signature = signed.split(".")
    for forged in (
        f"{blob_id}.{int(expires) + 1}.{signature}",
        f"{blob_id[::-1]}.{expires}.{signature}",
        f"{blob_id}.{expires}.{signature[:-1]}",
        f"{blob_id}.{expires}.{signature.swapcase()}",
        f"{blob_id}.{expires}",
        f"{blob_id}.{expires}.",
        f"%2e%2e%2f{signed}",
        "..",
        "",
    ):
        assert is_refused(ask(own.server, "GET", f"/downloads/{forged}/{name}"), 403, "AUM0017")


def test_a_link_of_another_server_is_refused(own: Folder, own_server: Server) -> None:
    own.put("/f", b"content")
    assert is_refused(ask(own_server, "GET", own.link("/f")), 403, "AUM0017")


def test_a_link_outlives_a_restart(serve: Serve) -> None:
    server = serve()
    headers = server.login()
    assert ask(server, "PUT", "/v1/files/private/f", headers, b"content").status == 201
    link = ask(server, "GET", "/v1/files/private/f", headers).headers["location"]
    assert ask(server.restart(), "GET", link).body == b"content"


def test_a_link_ends(serve: Serve) -> None:
    server = serve(environment={"MINORI_FILES_LINK_SECONDS": "1"})
    headers = server.login()
    assert ask(server, "PUT", "/v1/files/private/f", headers, b"content").status == 201
    link = ask(server, "GET", "/v1/files/private/f", headers).headers["location"]
    end = time.monotonic() + SECONDS
    while ask(server, "GET", link).status == 200:
        assert time.monotonic() < end
    assert is_refused(ask(server, "GET", link), 403, "AUM0017")


def test_a_link_is_not_in_the_log(serve: Serve) -> None:
    server = serve(environment={"MINORI_LOG_LEVEL": "debug"})
    headers = server.login()
    assert ask(server, "PUT", "/v1/files/private/f", headers, b"content").status == 201
    link = ask(server, "GET", "/v1/files/private/f", headers).headers["location"]
    assert ask(server, "GET", link).status == 200
    assert "downloadFile" in server.stderr
    assert link.split("/")[2] not in server.stderr


def test_a_page_of_nothing_is_no_download(server: Server) -> None:
    assert ask(server, "GET", "/downloads").status == 404
    assert ask(server, "GET", "/v1/downloads/x/y").status == 404
