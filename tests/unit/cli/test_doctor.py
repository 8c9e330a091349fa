"""`minori doctor`: it finds what was damaged, says what to do, and changes nothing."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from rocksdict import Options, Rdict

from minori.storage.directory import DataDirectory
from serving import Server, minori

FILES = {"/a.txt": b"one", "/b/c.bin": bytes(range(256)) * 1000, "/b/d/e.txt": b"three"}


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of a server that has files and was stopped."""
    with Server(tmp_path_factory.mktemp("doctor") / "data") as server:
        for path, content in FILES.items():
            answer = httpx.put(f"{server.url}/v1/files/private{path}", content=content, headers=server.login())
            assert answer.status_code == 201
        httpx.post("http://{}:{}/".format(*server.door_http), json={"temperature": 21}).raise_for_status()
    return server.data_dir


@pytest.fixture
def data(stopped: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    return Path(shutil.copytree(stopped, tmp_path / "data"))


def examined(data: Path, *words: str) -> tuple[int, Any]:
    done = minori("doctor", "--json", "--data-dir", str(data), *words)
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


def rows(data: Path, statement: str) -> list[Any]:
    with closing(sqlite3.connect(data / "catalog.sqlite")) as connection, connection:
        return connection.execute(statement).fetchall()


def blob_of(data: Path, path: str) -> Path:
    ((blob_id,),) = rows(data, f"SELECT blob_id FROM files WHERE path = '{path}'")  # noqa: S608 - the test's own words
    return data / "blobs" / str(blob_id)[:2] / str(blob_id)


def everything(data: Path) -> dict[str, bytes]:
    """What may not change: the entry store's own notes about its opening left out."""
    files = [path for path in data.rglob("*") if path.is_file() and "entries" not in path.parts]
    return {str(path): path.read_bytes() for path in files if not path.name.endswith(("-shm", "-wal", ".lock"))}


def test_a_stopped_server_that_is_whole_is_told_so_and_nothing_changes(data: Path) -> None:
    before = everything(data)
    code, report = examined(data)
    size = sum(map(len, FILES.values()))
    assert (code, report) == (
        0,
        {
            "sound": True,
            "entries": "sound",
            "dataEntries": 1,
            "files": 3,
            "directories": 2,
            "exports": 0,
            "size": size,
            "orphans": 0,
            "orphanSize": 0,
            "findings": [],
            "findingsLeftOut": 0,
        },
    )
    assert everything(data) == before


def test_beside_a_running_server_all_but_the_data_entries_is_looked_at(server: Server) -> None:
    code, report = examined(server.data_dir)
    assert (code, report["entries"], report["sound"]) == (0, "in use", True)
    assert httpx.get(f"{server.url}/healthz").status_code == 200


def test_damaged_files_end_with_exit_code_1_and_each_says_what_to_do(data: Path) -> None:
    blob_of(data, "/a.txt").unlink()
    blob_of(data, "/b/c.bin").write_bytes(bytes(256_000))
    with blob_of(data, "/b/d/e.txt").open("ab") as file:
        file.write(b"and more")
    (data / "blobs" / "00").mkdir(exist_ok=True)
    (data / "blobs" / "00" / f"00{'a' * 30}").write_bytes(b"orphan")
    rows(data, "DELETE FROM files WHERE path = '/b/d/'")
    code, report = examined(data)
    assert code == 1
    assert not report["sound"]
    assert [(finding["kind"], finding["path"]) for finding in report["findings"]] == [
        ("missing", "/a.txt"),
        ("hash", "/b/c.bin"),
        ("parent", "/b/d/e.txt"),
        ("size", "/b/d/e.txt"),
    ]
    assert (report["orphans"], report["orphanSize"]) == (1, 6)
    told = minori("doctor", "--data-dir", str(data))
    assert told.returncode == 1
    for path in FILES:
        assert path in told.stdout
    assert told.stdout.count("What to do: ") == 4


def test_sizes_only_reads_no_file(data: Path) -> None:
    blob_of(data, "/b/c.bin").write_bytes(bytes(256_000))
    assert examined(data, "--sizes-only")[0] == 0


def test_a_damaged_catalog_is_found(data: Path) -> None:
    rows(data, "PRAGMA journal_mode = DELETE")
    file = data / "catalog.sqlite"
    content = bytearray(file.read_bytes())
    at = content.index(b"/b/d/e.txt")
    content[at : at + 10] = b"/zzzzzzzzz"
    file.write_bytes(content)
    code, report = examined(data)
    assert code == 1
    assert "catalog" in {finding["kind"] for finding in report["findings"]}


@pytest.mark.parametrize("kind", ["audit", "refusals"])
def test_a_damaged_log_is_found(data: Path, kind: str) -> None:
    (data / f"{kind}.sqlite").write_bytes(b"no database at all, but longer than the header of one would be" * 100)
    code, report = examined(data)
    assert (code, [finding["kind"] for finding in report["findings"]]) == (1, [kind])
    assert str(data / f"{kind}.sqlite") in report["findings"][0]["message"]
    assert report["files"] == 3, "all else is looked at"


@pytest.mark.parametrize(("kind", "table"), [("audit", "calls"), ("refusals", "refused")])
def test_a_page_of_a_log_that_is_lost_is_found(data: Path, kind: str, table: str) -> None:
    file = data / f"{kind}.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    content = bytearray(file.read_bytes())
    content[(page - 1) * size : page * size] = bytes(size)
    file.write_bytes(content)
    code, report = examined(data)
    assert (code, {finding["kind"] for finding in report["findings"]}) == (1, {kind})
    assert "is damaged" in report["findings"][0]["message"]


@pytest.mark.parametrize("kind", ["audit", "refusals"])
def test_a_data_directory_of_before_has_no_such_log_and_gets_none(data: Path, kind: str) -> None:
    for path in list(data.glob(f"{kind}.sqlite*")):
        path.unlink()
    assert examined(data)[0] == 0
    assert list(data.glob(f"{kind}.sqlite*")) == []


def test_a_damaged_entry_store_is_found(data: Path) -> None:
    (data / "entries" / "CURRENT").write_bytes(b"MANIFEST-999999\n")
    code, report = examined(data)
    assert (code, report["entries"]) == (1, "damaged")
    assert [finding["kind"] for finding in report["findings"]] == ["entries"]
    assert report["files"] == 3


@pytest.mark.parametrize("lost", ["catalog.sqlite", "blobs", "entries"])
def test_a_store_that_is_lost_is_found_and_not_made_anew(data: Path, lost: str) -> None:
    (data / lost).rename(data.parent / "elsewhere")
    code, report = examined(data)
    assert code == 1
    (finding,) = report["findings"]
    assert f"{lost} is not there" in finding["message"]
    assert not (data / lost).exists()


def test_while_it_looks_at_the_data_entries_no_server_can_start_and_afterwards_one_can(data: Path) -> None:
    with DataDirectory(data):
        assert examined(data)[1]["entries"] == "in use"
    with Server(data) as server:
        assert httpx.get(f"{server.url}/healthz").status_code == 200


def test_what_is_no_data_directory_is_refused_and_not_made_one(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        done = minori("doctor", "--data-dir", str(folder))
        assert (done.returncode, done.stdout) == (1, "")
        assert f"{folder} is no data directory of Minori" in done.stderr
    assert list(tmp_path.iterdir()) == []


def edit_entries(data: Path, edit: Callable[[Rdict], object]) -> None:
    entries = Rdict(str(data / "entries"), Options(raw_mode=True))
    edit(entries)
    entries.close()


def test_data_entries_that_do_not_agree_are_found_with_whose_they_are(data: Path) -> None:
    def spoil(entries: Rdict) -> None:
        fence = next(iter(entries.keys(from_key=b"E")))
        assert entries[fence] == b""
        del entries[fence]
        entries[b"Z"] = b""

    edit_entries(data, spoil)
    code, report = examined(data)
    assert (code, report["entries"], report["sound"], report["dataEntries"]) == (1, "damaged", False, 1)
    first, second = report["findings"]
    assert first["kind"] == second["kind"] == "entries"
    assert first["resource"] == "Subscriber 001010000000001"
    assert first["resource"] in first["message"]
    assert first["owner"].startswith("OP")
    assert ("resource" in second, "b'Z'" in second["message"]) == (False, True)
    told = minori("doctor", "--data-dir", str(data))
    assert told.stdout.startswith("Data entries  1: damaged\n")
    assert "What to do: put the entry store back from a backup" in told.stdout


def test_sizes_only_looks_at_no_data_entry(data: Path) -> None:
    edit_entries(data, lambda entries: entries.put(b"Z", b""))
    assert examined(data)[0] == 1
    code, report = examined(data, "--sizes-only")
    assert (code, report["entries"]) == (0, "sound")
    assert "dataEntries" not in report
