"""Names that attack: 400, or a harmless name, and never a path outside the store."""

from pathlib import Path

import pytest

from serving import Serve, Server
from wire.asking import ask, connect, read
from wire.filing import Folder

REFUSED = [
    "..",
    ".",
    "a/../b",
    "../../../../etc/passwd",
    "/../../etc/passwd",
    "%2e%2e/%2e%2e/etc/passwd",
    "%2E%2e%2Fetc%2fpasswd",
    ".%2e/a",
    "a/%2e%2e%2f%2e%2e%2fb",
    "a%2f..%2f..%2fb",
    "%00",
    "a%00.txt",
    "..%00/a",
    "a%0d%0aSet-Cookie:%20x",
    "a%0a",
    "a%7f",
    "a%C2%85",
    "%FF",
    "%C3",
    "%c0%ae%c0%ae/a",
    "%c0%af",
    "%e0%80%af",
    "%f0%80%80%af",
    "%ed%a0%80",
    "%f5%80%80%80",
    "a" * 1024,
    "%61" * 1024,
    "%C3%A4" * 512,
    "d/" * 17 + "f",
    "d%2F" * 17 + "f",
]

HARMLESS = {
    "%252e%252e%252fa": "%2e%2e%2fa",
    "%252e%252e": "%2e%2e",
    "a%252Fb": "a%2Fb",
    "%2500": "%00",
    "..%5c..%5cetc": "..\\..\\etc",
    "..\\..\\etc": "..\\..\\etc",
    "C:\\boot.ini": "C:\\boot.ini",
    "%5C%5Chost%5Cshare": "\\\\host\\share",
    "...": "...",
    "..a": "..a",
    "%u002e%u002e": "%u002e%u002e",
    "%EF%BC%8E%EF%BC%8E": "\uff0e\uff0e",
    "%E2%80%A5": "\u2025",
    "%E2%81%84": "\u2044",
    "%E2%88%95": "\u2215",
    "a%E2%80%AEgpj.exe": "a\u202egpj.exe",
    "CON": "CON",
    "~root": "~root",
    "$HOME": "$HOME",
    "'; DROP TABLE files; --": "'; DROP TABLE files; --",
    "<script>": "<script>",
    "*": "*",
    "%": "%",
    "100%zz": "100%zz",
}


def target(own: Folder, raw: str) -> str:
    return f"/v1/files/private{own.path}/{raw.replace(' ', '%20')}"


@pytest.mark.parametrize("raw", REFUSED)
@pytest.mark.parametrize("method", ["PUT", "GET", "DELETE"])
def test_a_name_that_attacks_is_400(own: Folder, raw: str, method: str) -> None:
    reply = ask(own.server, method, target(own, raw), own.headers, b"x" if method == "PUT" else None)
    assert (reply.status, reply.json["code"]) == (400, "MNR0017")
    assert "%" not in reply.json["message"]


@pytest.mark.parametrize("raw", REFUSED)
def test_a_name_that_attacks_is_400_as_a_directory_too(own: Folder, raw: str) -> None:
    for ending in ("/", "%2F", "//"):
        reply = ask(own.server, "GET", target(own, raw) + ending, own.headers)
        assert (reply.status, reply.json["code"]) == (400, "MNR0017")


@pytest.mark.parametrize("raw", HARMLESS)
def test_a_name_that_only_looks_dangerous_is_a_name(own: Folder, raw: str) -> None:
    assert ask(own.server, "PUT", target(own, raw), own.headers, b"x").status == 201
    assert own.names() == [HARMLESS[raw]]
    assert own.read(f"/{HARMLESS[raw]}") == b"x"
    assert own.ask("DELETE", f"/{HARMLESS[raw]}").status == 204


def test_two_unicode_forms_are_two_files(own: Folder) -> None:
    own.put("/\u00e9", b"composed")
    own.put("/e\u0301", b"decomposed")
    assert own.read("/\u00e9") == b"composed"
    assert own.read("/e\u0301") == b"decomposed"


def test_case_makes_two_files(own: Folder) -> None:
    own.put("/Name", b"1")
    own.put("/name", b"2")
    assert (own.read("/Name"), own.read("/name")) == (b"1", b"2")


def test_names_may_be_as_long_and_as_deep_as_the_limits_say(own: Folder) -> None:
    long = "a" * (1024 - len(own.path) - 1)
    deep = "d/" * 15 + "f"
    for path in (f"/{long}", f"/{deep}"):
        own.put(path)
        assert own.read(path) == b"x"
    for path in (f"/{long}a", "/" + "d/" * 16 + "f"):
        assert own.ask("PUT", path, b"x").status == 400


@pytest.mark.parametrize("raw", ["ä", "漢字", "a b", "a\x7f", "a#b", "#"])
def test_a_target_that_http_does_not_know_is_400_and_touches_no_file(own: Folder, raw: str) -> None:
    """What is behind a `#` would be lost, and the file be another one."""
    own.put("/a", b"old")
    lines = "".join(f"{key}: {value}\r\n" for key, value in own.headers.items())
    request = f"PUT {own.url('/')}{raw} HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n{lines}\r\nnew"
    with connect(own.server.api) as connection:
        connection.sendall(request.encode())
        reply = read(connection)
    assert (reply.status, reply.json["code"]) == (400, "MNR0015")
    assert "percent-encode" in reply.json["message"]
    assert own.names() == ["a"]
    assert own.read("/a") == b"old"


def blob_folders(server: Server) -> list[Path]:
    blobs = server.data_dir / "blobs"
    return [blobs, *sorted(path for path in blobs.rglob("*") if path.is_dir())]


def test_a_symlink_in_the_data_directory_leads_nobody_out(serve: Serve, tmp_path: Path) -> None:
    server = serve()
    headers = server.login()
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    assert ask(server, "PUT", "/v1/files/private/f", headers, b"content").status == 201
    link = ask(server, "GET", "/v1/files/private/f", headers).headers["location"]
    blob_id = link.split("/")[2].split(".")[0]
    (blob,) = [path for path in (server.data_dir / "blobs").rglob("*") if path.is_file() and blob_id in path.name]
    blob.unlink()
    blob.symlink_to(secret)
    for folder in blob_folders(server):
        for name in ("f", "passwd", "outside"):
            (folder / name).symlink_to(tmp_path)
    reply = ask(server, "GET", link)
    assert reply.status >= 400
    assert b"secret" not in reply.body
    for path in ("outside/secret", "blobs/outside/secret", "passwd/secret"):
        assert ask(server, "GET", f"/v1/files/private/{path}", headers).status == 404
    assert ask(server, "PUT", "/v1/files/private/f", headers, b"new").status == 200
    assert ask(server, "DELETE", "/v1/files/private/f", headers).status == 204
    assert secret.read_bytes() == b"secret"
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("secret")) == ["secret"]
