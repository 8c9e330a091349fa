"""The benchmark of files: its load, its bare anchor, its large index and how it reads a peak of memory."""

import asyncio
import subprocess
import sys
from collections import Counter
from pathlib import Path

import httpx
import pytest

from bench.bare_files import files
from bench.figures import FILE_FIGURES
from bench.fill_index import CROWD, FOLDERS, INDEXED, fill, paths
from bench.load import Upload, script
from bench.plan import choose
from bench.processes import forget_peak, peak_bytes
from bench.transfer import get, put
from minori.storage.sql import sqlite
from minori.storage.sql.catalog import open_catalog
from minori.storage.sql.tables import CATALOG
from serving import Server

MIB = 1024 * 1024
SIZE = 3 * MIB + 7
TAKES_AND_GIVES_BACK = """
room = bytearray(b"x") * (96 << 20)
del room
print("given back", flush=True)
input()
"""


def test_what_is_put_is_stored_whole_and_fetched_whole(server: Server, headers: dict[str, str]) -> None:
    address, path = f"{server.api[0]}:{server.api[1]}", "/v1/files/private/bench/large.bin"
    assert put(address, path, SIZE, headers) > 0
    link = httpx.get(server.url + path, headers=headers)
    assert get(address, link.headers["location"], SIZE, {}) > 0


def test_an_upload_that_is_refused_ends_the_run(server: Server) -> None:
    with pytest.raises(SystemExit, match="was answered 401"):
        put(f"{server.api[0]}:{server.api[1]}", "/v1/files/private/bench/refused.bin", 8, {})


def test_a_download_of_another_size_ends_the_run(server: Server) -> None:
    with pytest.raises(SystemExit, match="200 with"):
        get(f"{server.api[0]}:{server.api[1]}", "/docs", 1, {})


def test_the_bare_loop_counts_files_that_are_whole_under_their_names(tmp_path: Path) -> None:
    told = files(str(tmp_path / "bare"), 4096, 0.05)
    made = sorted(int(path.name) for path in (tmp_path / "bare").iterdir())
    assert made == list(range(len(made)))
    assert {path.stat().st_size for path in (tmp_path / "bare").iterdir()} == {4096}
    assert 0 < told["rate"] <= len(made) / 0.05


def test_the_large_index_has_as_many_files_as_it_says() -> None:
    folders = Counter(path.rpartition("/")[0] for path in set(paths()))
    assert folders.pop("/log") == CROWD
    assert set(folders.values()) == {(INDEXED - CROWD) // FOLDERS}
    assert len(folders) == FOLDERS


def test_what_fills_the_index_is_found_in_it(tmp_path: Path) -> None:
    async def filled() -> tuple[list[str], list[str]]:
        engine = sqlite.open_engine(str(tmp_path / "catalog.sqlite"), CATALOG)
        fill(engine, "OP0012345678", 30)
        engine.dispose()
        catalog = await open_catalog(f"sqlite://{tmp_path}/catalog.sqlite")
        listed = await catalog.files.children("OP0012345678", "/log/", "", 100, 1_700_000_000_000)
        found = await catalog.files.find("OP0012345678", "/device/00", "", 100, 1_700_000_000_000)
        await catalog.close()
        return [entry.path for entry in listed.entries], [entry.path for entry in found.entries if entry.blob]

    listed, found = asyncio.run(filled())
    assert listed == ["/log/00000.json", "/log/00001.json", "/log/00002.json"]
    assert found == [f"/device/00{number}/00000.json" for number in range(10)]


def test_uploads_of_two_runs_have_no_path_in_common() -> None:
    first, second = (script(Upload("127.0.0.1:1", "/v1/files/private/many/", 10, run, {}, b"x")) for run in ("0", "1"))
    assert "/v1/files/private/many/%d/0-%d" in first
    assert "/v1/files/private/many/%d/1-%d" in second


def test_the_peak_of_memory_is_what_was_taken_and_is_forgotten_when_asked() -> None:
    command = [sys.executable, "-c", TAKES_AND_GIVES_BACK]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        before = peak_bytes(process.pid)
        forget_peak(process.pid)
        after = peak_bytes(process.pid)
        process.stdin.close()
    assert before - after > 90 * MIB


def test_files_are_chosen_by_the_beginning_of_their_names() -> None:
    assert choose(["file"]) == list(FILE_FIGURES)
    assert [figure.name for figure in choose(["file-upload"])] == ["file-upload", "file-upload-memory"]
