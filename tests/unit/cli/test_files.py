"""`minori files`: what is published is served at once, and every file is accounted for."""

import asyncio
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from minori.cli.publishing import Publisher, Source, content_type_of, sources
from minori.config.settings import Files
from minori.errors import Overloaded
from minori.model.file import Placed
from minori.observe.metrics import Metrics
from minori.service.files import FileService
from minori.storage.memory.blobs import MemoryBlobStore
from minori.storage.memory.files import MemoryFileIndex
from serving import Server, minori

FILES = {"index.html": b"<p>hi", "data/värde.csv": b"t;v\n", "data/deep/er/firmware.bin": bytes(range(256)) * 5000}
"""What a folder to be published holds."""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    for name, content in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


@pytest.fixture
def to() -> str:
    """A directory of the public scope that no other test uses."""
    return f"/t{uuid4().hex}/"


@pytest.fixture
def client(server: Server, headers: dict[str, str]) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{server.url}/v1/files/public", headers=headers, follow_redirects=True) as client:
        yield client


def command(server: Server, *words: str | Path) -> "Any":
    done = minori("files", *map(str, words), "--data-dir", str(server.data_dir))
    assert "Traceback" not in done.stderr
    return done


def test_a_published_folder_is_served_by_the_running_server_at_once(
    server: Server, client: httpx.Client, site: Path, to: str
) -> None:
    done = command(server, "publish", site, "--to", to)
    assert (done.returncode, done.stdout) == (0, "3 files published (1.2 MiB), 0 of them replaced\n")
    for name, content in FILES.items():
        answer = client.get(f"{to}site/{name}")
        assert (answer.status_code, answer.content) == (200, content)
    assert client.get(f"{to}site/index.html").headers["content-type"] == "text/html"
    (entry,) = client.get(f"{to}site/data/deep/er/").json()
    assert entry["filePath"] == f"{to}site/data/deep/er/firmware.bin"
    assert entry["etag"] == hashlib.md5(FILES["data/deep/er/firmware.bin"], usedforsecurity=False).hexdigest()
    assert "expiryTime" not in entry


def test_a_file_that_is_published_again_is_replaced_and_counted(
    server: Server, client: httpx.Client, site: Path, to: str
) -> None:
    command(server, "publish", f"{site}/.", "--to", to)
    (site / "index.html").write_bytes(b"newer")
    done = command(server, "publish", site / "index.html", "--to", to, "--content-type", "text/x-mine")
    assert done.stdout == "1 files published (5 bytes), 1 of them replaced\n"
    answer = client.get(f"{to}index.html")
    assert (answer.content, answer.headers["content-type"]) == (b"newer", "text/x-mine")


def test_json_lines_tell_of_every_file_and_standard_error_of_those_that_failed(
    server: Server, site: Path, to: str
) -> None:
    (site / "loop").symlink_to("loop")
    (site / "line\nbreak").write_bytes(b"x")
    done = command(server, "publish", site, "/nowhere/at/all", "--to", to, "--jsonl")
    told = {outcome["source"]: outcome for outcome in map(json.loads, done.stdout.splitlines())}
    assert {Path(source).name: outcome["result"] for source, outcome in told.items()} == {
        "index.html": "created",
        "värde.csv": "created",
        "firmware.bin": "created",
        "loop": "failed",
        "line\nbreak": "failed",
        "all": "failed",
    }
    assert done.returncode == 1
    assert "failed: /nowhere/at/all: No such file or directory" in done.stderr
    assert "3 files published" in done.stderr
    assert told[str(site / "index.html")]["contentLength"] == 5


def test_json_is_one_array(server: Server, site: Path, to: str) -> None:
    published = json.loads(command(server, "publish", site, "--to", to, "--json").stdout)
    listed = json.loads(command(server, "list", to, "--json").stdout)
    assert sorted(outcome["filePath"] for outcome in published) == [
        entry["filePath"] for entry in listed if not entry["isDirectory"]
    ]
    assert json.loads(command(server, "list", "/nothing/here", "--json").stdout) == []


def test_what_is_unpublished_is_gone_at_once(server: Server, client: httpx.Client, site: Path, to: str) -> None:
    command(server, "publish", site, "--to", to)
    done = command(server, "unpublish", f"{to}site/index.html", f"{to}absent", f"{to}site/data/")
    assert (done.returncode, done.stdout) == (1, "3 files removed\n")
    assert f"failed: {to}absent: There is no such file" in done.stderr
    assert command(server, "list", to).stdout.splitlines()[-1].endswith(f"  {to}site/")
    assert client.get(f"{to}site/index.html").status_code == 404
    assert client.get(f"{to}site/data/").status_code == 404


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("publish", "x", "--to", "/../up/"), 2, "No file or directory is named . or .."),
        (("publish", "x", "--content-type", "text/\nplain"), 2, "printable characters"),
        (("unpublish", "/a\x01"), 2, "control character"),
        (("publish",), 2, "Missing argument"),
        (("publish", "x", "--data-dir", "/nowhere"), 1, "/nowhere is no data directory of Minori"),
    ],
)
def test_wrong_words_change_nothing_and_say_why(words: tuple[str, ...], code: int, message: str) -> None:
    done = minori("files", *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_link_inside_a_folder_is_followed_only_to_a_file_of_that_folder(site: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"not to be published")
    (tmp_path / "site2").mkdir()
    (tmp_path / "site2" / "secret").write_bytes(b"nor this")
    (site / "latest").symlink_to("data/deep/er/firmware.bin")
    for name, target in {"out": "../secret", "beside": "../site2/secret", "folder": "data", "root": "/etc"}.items():
        (site / name).symlink_to(target)
    os.mkfifo(site / "pipe")
    found = {source.path: source for source in sources([str(site)], "/to/")}
    assert {path for path, source in found.items() if not source.flaw} == {
        *(f"/to/site/{name}" for name in FILES),
        "/to/site/latest",
    }
    flawed = {path.rpartition("/")[2]: source.result for path, source in found.items() if source.flaw}
    assert flawed == dict.fromkeys(["out", "beside", "folder", "root", "pipe"], "skipped")


@pytest.mark.parametrize(
    ("named", "paths"),
    [
        ("site", {"/to/site/index.html", "/to/site/data/värde.csv", "/to/site/data/deep/er/firmware.bin"}),
        ("site/", {"/to/site/index.html", "/to/site/data/värde.csv", "/to/site/data/deep/er/firmware.bin"}),
        ("site/.", {"/to/index.html", "/to/data/värde.csv", "/to/data/deep/er/firmware.bin"}),
        ("site/data/..", {"/to/index.html", "/to/data/värde.csv", "/to/data/deep/er/firmware.bin"}),
        ("site/index.html", {"/to/index.html"}),
        ("link", {"/to/link/index.html", "/to/link/data/värde.csv", "/to/link/data/deep/er/firmware.bin"}),
    ],
)
def test_a_folder_goes_under_its_own_name_unless_its_contents_are_named(
    site: Path, named: str, paths: set[str]
) -> None:
    (site.parent / "link").symlink_to("site")
    found = list(sources([f"{site.parent}/{named}"], "/to/"))
    assert {source.path for source in found} == paths
    assert [source.flaw for source in found if source.flaw] == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("/a.html", "text/html"),
        ("/a.JSON", "application/json"),
        ("/a.tar.gz", "application/gzip"),
        ("/a.csv.xz", "application/x-xz"),
        ("/firmware", "application/octet-stream"),
        ("/data:text/html,x", "application/octet-stream"),
    ],
)
def test_a_name_tells_the_type_that_a_browser_may_trust(name: str, kind: str) -> None:
    assert content_type_of(name) == kind


class Swept(MemoryBlobStore):
    """A store from which the first blob is swept away before anything leads to it."""

    swept = 0

    async def open(self, blob_id: str) -> Any:
        self.swept += 1
        if self.swept == 1:
            await self.remove(blob_id)
        return await super().open(blob_id)


class Busy(MemoryFileIndex):
    """An index that others keep busy at first."""

    refusals = 1

    async def place(self, *arguments: Any) -> Placed:
        if self.refusals:
            self.refusals -= 1
            raise Overloaded
        return await super().place(*arguments)


@pytest.mark.parametrize("trouble", ["swept", "busy"])
def test_a_file_that_met_trouble_on_its_way_is_published_all_the_same(
    tmp_path: Path, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minori.cli.publishing.PAUSE_SECONDS", 0)
    (tmp_path / "a").write_bytes(b"whole")

    async def story() -> None:
        blobs = Swept() if trouble == "swept" else MemoryBlobStore()
        index = Busy() if trouble == "busy" else MemoryFileIndex()
        files = FileService(index, blobs, Metrics(), lambda: 1, Files())
        outcome = await Publisher(files, 10, None, int).publish(Source(tmp_path / "a", "/a"))
        assert outcome.etag == hashlib.md5(b"whole", usedforsecurity=False).hexdigest()
        reader = await files.open(await files.entry("public", "/a"))
        assert await reader.read(0, 10) == b"whole"

    asyncio.run(story())


def test_a_file_that_changes_while_it_is_read_is_not_published_torn(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(3_000_000))

    async def story() -> None:
        files = FileService(MemoryFileIndex(), MemoryBlobStore(), Metrics(), lambda: 1, Files())

        def grow(_: int) -> None:
            (tmp_path / "a").write_bytes(bytes(3_000_001))

        outcome = await Publisher(files, 10_000_000, None, grow).publish(Source(tmp_path / "a", "/a"))
        assert (outcome.result, outcome.message) == ("failed", "It changed while it was read; publish it again")
        assert (await files.find("public", "/", "", 10)).entries == []

    asyncio.run(story())
