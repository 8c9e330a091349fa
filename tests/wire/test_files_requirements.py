"""Wire requirements R2 to R6 and R22 to R27 for files, and what the spec says of each operation, over real sockets."""

import hashlib
from urllib.parse import quote

import pytest

from serving import Server
from wire.asking import ask
from wire.filing import Folder

DAYS_731 = 63_158_400_000


@pytest.mark.parametrize(
    "root", ["", "/", "//", "//?", "?", "/?", "/%2F/", "/%2F", "/%2f%2F/", "///", "/?limit=1000", "//?limit=1000"]
)
def test_r2_every_spelling_of_the_root_lists_it(own: Folder, root: str) -> None:
    own.put("/a")
    target = f"/v1/files/private{root}"
    name = own.path[1:] + "/"
    before = f"{'&' if '?' in target else '?'}last_evaluated_key={name[:-2]}"
    reply = ask(own.server, "GET", target + before, own.headers)
    assert reply.status == 200
    assert name in [entry["filename"] for entry in reply.json]


def test_r2_and_r23_the_root_of_an_empty_store_is_an_empty_array(own_server: Server) -> None:
    headers = own_server.login()
    for scope in ("private", "public"):
        for root in ("", "/", "//", "/%2F/"):
            reply = ask(own_server, "GET", f"/v1/files/{scope}{root}", headers)
            assert (reply.status, reply.body) == (200, b"[]")


def test_r3_and_r4_a_file_is_one_file_under_every_spelling_of_its_path(own: Folder) -> None:
    folder = own.path[1:]
    spellings = [
        f"{folder}/a/1.txt",
        f"/{folder}//a///1.txt",
        f"{folder}%2Fa%2F1.txt",
        f"%2F{folder}%2fa%2F1.txt",
        f"%2F%2F{folder}/a/%31%2Etxt",
    ]
    for number, spelling in enumerate(spellings):
        target = f"/v1/files/private/{spelling}"
        put = ask(own.server, "PUT", target, own.headers, b"%d" % number)
        assert put.status == (200 if number else 201)
        assert ask(own.server, "GET", target, own.headers).status == 302
        assert ask(own.server, "HEAD", target, own.headers).status == 200
        assert own.read("/a/1.txt") == b"%d" % number
    assert own.names("/a/") == ["1.txt"]
    assert ask(own.server, "DELETE", f"/v1/files/private/{spellings[-1]}", own.headers).status == 204
    assert ask(own.server, "DELETE", f"/v1/files/private/{folder}%2Fa%2F", own.headers).status == 204
    assert own.names() == []


def test_r5_a_plus_in_a_path_is_a_plus_and_marks_may_be_encoded_or_not(own: Folder) -> None:
    name = "a+b :&=@$,;!*'()[].txt"
    own.put(f"/{name}", b"marks")
    bare = name.replace(" ", "%20")
    for spelling in (bare, quote(name, safe=""), bare.replace("+", "%2B")):
        reply = ask(own.server, "HEAD", f"/v1/files/private{own.path}/{spelling}", own.headers)
        assert (reply.status, reply.headers["content-length"]) == (200, "5")
    assert own.names() == [name]


def test_r6_a_slash_at_the_end_chooses_between_file_and_directory(own: Folder) -> None:
    own.put("/d/f", b"x")
    assert own.ask("GET", "/d/").json[0]["filename"] == "f"
    assert own.ask("GET", "/d/f").status == 302
    assert own.ask("DELETE", "/d/f/").status == 404
    assert own.ask("DELETE", "/d").status == 404
    assert own.ask("DELETE", "/d/").status == 400
    assert own.ask("DELETE", "/d/f").status == 204
    assert own.ask("DELETE", "/d/").status == 204


def test_r6_head_tells_length_type_and_etag_without_a_body(own: Folder) -> None:
    own.put("/f", b"hello", Content_Type="text/x; charset=shift_jis")
    reply = own.ask("HEAD", "/f")
    told = {name: reply.headers[name] for name in ("content-length", "content-type", "etag")}
    md5 = hashlib.md5(b"hello", usedforsecurity=False).hexdigest()
    assert told == {"content-length": "5", "content-type": "text/x; charset=shift_jis", "etag": f'"{md5}"'}
    assert (reply.status, reply.body) == (200, b"")
    assert "last-modified" in reply.headers


@pytest.mark.parametrize("path", ["/none", "/d", "/d/", "", "/"])
def test_r6_head_of_what_is_no_file_is_404(own: Folder, path: str) -> None:
    own.put("/d/f")
    reply = own.ask("HEAD", path)
    assert (reply.status, reply.body) == (404, b"")


def test_head_of_the_root_is_404(server: Server, headers: dict[str, str]) -> None:
    assert ask(server, "HEAD", "/v1/files/private", headers).status == 404


def test_r22_a_file_has_these_members_and_a_directory_fewer(own: Folder) -> None:
    own.put("/d/f.bin", b"hello", Content_Type="image/png")
    found = own.ask("GET", "/").json + own.ask("GET", "/d/").json
    directory, file = found
    assert directory == {
        "filename": "d/",
        "directory": f"{own.path}/",
        "filePath": f"{own.path}/d/",
        "isDirectory": True,
        "createdTime": directory["createdTime"],
        "lastModifiedTime": directory["createdTime"],
        "operatorId": own.server.credentials["operatorId"],
    }
    assert file == {
        "filename": "f.bin",
        "directory": f"{own.path}/d/",
        "filePath": f"{own.path}/d/f.bin",
        "isDirectory": False,
        "contentLength": 5,
        "contentType": "image/png",
        "createdTime": file["createdTime"],
        "lastModifiedTime": file["createdTime"],
        "expiryTime": file["createdTime"] + DAYS_731,
        "etag": hashlib.md5(b"hello", usedforsecurity=False).hexdigest(),
        "operatorId": own.server.credentials["operatorId"],
    }
    assert type(file["createdTime"]) is int


def test_r22_a_replaced_file_keeps_the_time_it_was_made(own: Folder) -> None:
    own.put("/f", b"1")
    (before,) = own.ask("GET", "/").json
    assert own.ask("PUT", "/f", b"22").status == 200
    (after,) = own.ask("GET", "/").json
    assert after["createdTime"] == before["createdTime"]
    assert after["lastModifiedTime"] >= before["lastModifiedTime"]
    assert after["expiryTime"] == after["lastModifiedTime"] + DAYS_731
    assert (after["contentLength"], after["etag"]) == (2, hashlib.md5(b"22", usedforsecurity=False).hexdigest())


def test_a_file_that_is_kept_for_ever_has_no_expiry_time(tmp_path_factory: pytest.TempPathFactory) -> None:
    environment = {"MINORI_FILES_RETENTION_DAYS": "0"}
    with Server(tmp_path_factory.mktemp("ever") / "data", environment=environment) as server:
        headers = server.login()
        assert ask(server, "PUT", "/v1/files/private/f", headers, b"x").status == 201
        (entry,) = ask(server, "GET", "/v1/files/private/", headers).json
    assert "expiryTime" not in entry


def test_r23_a_directory_that_is_not_there_is_404(own: Folder) -> None:
    reply = own.ask("GET", "/")
    assert (reply.status, reply.json["code"]) == (404, "MNR0010")


def test_r24_get_of_a_directory_without_its_slash_leads_to_the_list(own: Folder) -> None:
    own.put("/d ü/f")
    reply = own.ask("GET", "/d ü")
    assert (reply.status, reply.body) == (302, b"")
    assert reply.headers["location"] == f"/v1/files/private{own.path}/d%20%C3%BC/"
    assert [entry["filename"] for entry in ask(own.server, "GET", reply.headers["location"], own.headers).json] == ["f"]


def test_r25_put_answers_201_for_a_new_file_and_200_for_a_replaced_one(own: Folder) -> None:
    for status, body in ((201, b"1"), (200, b"2"), (200, b"")):
        reply = own.ask("PUT", "/f", body)
        md5 = hashlib.md5(body, usedforsecurity=False).hexdigest()
        assert (reply.status, reply.body, reply.headers["etag"]) == (status, b"", f'"{md5}"')
        assert reply.headers["content-length"] == "0"
        assert own.read("/f") == body


def test_r25_a_file_without_a_type_is_octets(own: Folder) -> None:
    own.put("/f")
    assert own.ask("HEAD", "/f").headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize(
    "kind", ["image/jpeg", "application.json", "text/html; charset=utf-8", 'a/b;c="d"', "multipart/x; boundary=--"]
)
def test_r25_any_type_is_kept_as_it_was_sent(own: Folder, kind: str) -> None:
    own.put("/f", Content_Type=kind)
    assert own.ask("HEAD", "/f").headers["content-type"] == kind
    assert own.ask("GET", "/").json[0]["contentType"] == kind


@pytest.mark.parametrize("kind", ["text/ä", "a\tb", "x" * 257])
def test_a_type_that_could_not_be_given_back_is_refused(own: Folder, kind: str) -> None:
    reply = own.ask("PUT", "/f", b"x", Content_Type=kind)
    assert (reply.status, reply.json["code"]) == (400, "COM0001")
    assert own.ask("HEAD", "/f").status == 404


def test_r26_deleting_a_file_or_directory_twice_is_404(own: Folder) -> None:
    own.put("/d/f")
    for path in ("/d/f", "/d/"):
        first, second = own.ask("DELETE", path), own.ask("DELETE", path)
        assert (first.status, first.body) == (204, b"")
        assert (second.status, second.json["code"]) == (404, "MNR0010")


def test_a_directory_that_is_not_empty_stays(own: Folder) -> None:
    own.put("/d/sub/f")
    for path in ("/d/", "/d/sub/"):
        reply = own.ask("DELETE", path)
        assert (reply.status, reply.json["code"]) == (400, "MNR0019")
    assert own.names("/d/") == ["sub/"]


@pytest.mark.parametrize("root", ["", "/", "//", "/%2F/"])
def test_the_root_cannot_be_removed(server: Server, headers: dict[str, str], root: str) -> None:
    reply = ask(server, "DELETE", f"/v1/files/private{root}", headers)
    assert (reply.status, reply.json["code"]) == (400, "MNR0017")


def test_a_directory_outlives_its_last_file(own: Folder) -> None:
    own.put("/d/f")
    assert own.ask("DELETE", "/d/f").status == 204
    assert own.ask("GET", "/d/").body == b"[]"


@pytest.mark.parametrize("path", ["/", "//", "/d/", "/new/", "%2F"])
def test_put_to_a_directory_s_path_is_400(own: Folder, path: str) -> None:
    reply = ask(own.server, "PUT", f"/v1/files/private{own.path}{path}", own.headers, b"x")
    assert (reply.status, reply.json["code"]) == (400, "MNR0017")


def test_put_where_a_directory_is_or_below_a_file_is_400(own: Folder) -> None:
    own.put("/d/f")
    for path in ("/d", "/d/f/g", "/d/f/g/h"):
        reply = own.ask("PUT", path, b"x")
        assert (reply.status, reply.json["code"]) == (400, "MNR0018")
    assert own.names("/d/") == ["f"]


def test_the_public_scope_is_read_and_not_written(server: Server, headers: dict[str, str]) -> None:
    assert ask(server, "GET", "/v1/files/public/", headers).status == 200
    assert ask(server, "GET", "/v1/files?scope=public&prefix=/", headers).status == 200
    assert ask(server, "GET", "/v1/files/public/none", headers).status == 404
    for method, path in (("PUT", "/f"), ("DELETE", "/f"), ("DELETE", "/d/"), ("DELETE", "/"), ("PUT", "/d/")):
        body = b"x" if method == "PUT" else None
        reply = ask(server, method, f"/v1/files/public{path}", headers, body)
        assert (reply.status, reply.json["code"]) == (403, "AUM0017")
        assert "minori files publish" in reply.json["message"]


@pytest.mark.parametrize("scope", ["", "Private", "OP0000000001", "operators", "private%2Fa", "%70ublicx"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_another_scope_is_404(server: Server, headers: dict[str, str], scope: str, method: str) -> None:
    for path in ("/f", "/d/", "/a/b/c"):
        reply = ask(server, method, f"/v1/files/{scope}{path}", headers, b"x" if method == "PUT" else None)
        assert (reply.status, reply.json["code"]) == (404, "MNR0010")


@pytest.mark.parametrize("path", ["/d/", "/a/b", "/a/b/"])
def test_what_is_exported_is_no_scope(server: Server, headers: dict[str, str], path: str) -> None:
    for method in ("GET", "PUT", "DELETE"):
        body = b"x" if method == "PUT" else None
        assert ask(server, method, f"/v1/files/exported{path}", headers, body).status == 404


def test_a_scope_may_be_percent_encoded(own: Folder) -> None:
    own.put("/f")
    assert ask(own.server, "HEAD", f"/v1/files/%70rivate{own.path}/f", own.headers).status == 200


def test_find_looks_at_any_depth_by_the_beginning_of_paths(own: Folder) -> None:
    for path in ("/2019/a", "/2019/b/c", "/2019x", "/2020"):
        own.put(path)
    for prefix, found in (
        ("/2019", ["2019/", "a", "b/", "c", "2019x"]),
        ("/2019/", ["2019/", "a", "b/", "c"]),
        ("/2019/b/c", ["c"]),
        ("/2019/b/cc", []),
        ("", ["", "2019/", "a", "b/", "c", "2019x", "2020"]),
    ):
        query = f"?scope=private&prefix={quote(own.path + prefix, safe='')}&limit=1000"
        reply = ask(own.server, "GET", f"/v1/files{query}", own.headers)
        assert [entry["filename"] for entry in reply.json] == [name or f"{own.path[1:]}/" for name in found]


@pytest.mark.parametrize(
    "query", ["", "?", "?scope=private", "?prefix=/", "?scope=&prefix=/", "?scope=private&prefix="]
)
def test_find_without_scope_and_prefix_is_400(server: Server, headers: dict[str, str], query: str) -> None:
    reply = ask(server, "GET", f"/v1/files{query}", headers)
    assert (reply.status, reply.json["code"]) == (400, "COM0001")
    assert "is missing" in reply.json["message"]


def test_find_in_an_unknown_scope_is_404_and_a_strange_prefix_finds_nothing(own: Folder) -> None:
    own.put("/f")
    assert ask(own.server, "GET", "/v1/files?scope=shared&prefix=/", own.headers).status == 404
    for prefix in (own.path[1:], "%25", "%FF", "%2F..%2F", "%5C", "~", "%F4%8F%BF%BF"):
        reply = ask(own.server, "GET", f"/v1/files?scope=private&prefix={prefix}", own.headers)
        assert (reply.status, reply.body) == (200, b"[]")
    assert ask(own.server, "GET", "/v1/files?scope=private&prefix=/%00", own.headers).status == 400


@pytest.mark.parametrize("limit", ["0", "-1", "ten", "1.5"])
def test_a_limit_below_1_or_no_number_is_400(own: Folder, limit: str) -> None:
    own.put("/f")
    assert own.ask("GET", "/", query=f"?limit={limit}").status == 400
    assert ask(own.server, "GET", f"/v1/files?scope=private&prefix=/&limit={limit}", own.headers).status == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/f"), ("HEAD", "/f"), ("PUT", "/f"), ("DELETE", "/f"), ("GET", "/"), ("DELETE", "/d/")],
)
def test_every_operation_needs_key_and_token(server: Server, method: str, path: str) -> None:
    assert ask(server, method, f"/v1/files/private{path}", (), b"x" if method == "PUT" else None).status == 401
    assert ask(server, "GET", "/v1/files?scope=private&prefix=/").status == 401


@pytest.mark.parametrize("method", ["POST", "PATCH", "OPTIONS"])
def test_r27_another_method_is_405_and_says_which_there_are(own: Folder, method: str) -> None:
    for path, allowed in (("/f", "DELETE, GET, HEAD, PUT"), ("/d/", "DELETE, GET, HEAD")):
        reply = own.ask(method, path)
        assert (reply.status, reply.json["code"]) == (405, "MNR0011")
        assert reply.headers["allow"] == allowed
    assert ask(own.server, "PUT", "/v1/files", own.headers, b"x").headers["allow"] == "GET, HEAD"
