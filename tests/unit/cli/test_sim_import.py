"""`minori sim import` of long tables: with mistakes in the middle, killed in the middle, and beside another import."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from people import minori
from serving import Server
from warm import Ended

ROWS = 10_000
WRONG = {5001: "12345,pump,demo,", 5002: "001010000005002,pump,nowhere,", 5003: "001010000005003,pump,demo,10.300.0.1"}
"""What is on these lines instead."""


def line(number: int) -> str:
    """A SIM of the demo group with a session."""
    return f"0010166{number:08},pump {number},demo,10.{number // 65536}.{number // 256 % 256}.{number % 256}"


def table(folder: Path, numbers: range, wrong: dict[int, str] | None = None) -> Path:
    """A table of these SIMs below a line of names; `wrong` lines, counted from 1, take the place of right ones."""
    lines = ["imsi,name,group,session", *map(line, numbers)]
    for number, text in (wrong or {}).items():
        lines[number - 1] = text
    file = folder / f"{numbers.start}.csv"
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


def imported(server: Server, file: Path, *words: str) -> Ended:
    done = minori(server, "sim", "import", str(file), *words)
    assert "Traceback" not in done.stderr
    return done


def known(server: Server, numbers: range) -> dict[str, Any]:
    """Those of these SIMs that are in the catalog, by IMSI."""
    listed = json.loads(minori(server, "sim", "list", "--json").stdout)
    wanted = {f"0010166{number:08}" for number in numbers}
    return {sim["imsi"]: sim for sim in listed if sim["imsi"] in wanted}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("import") / "data") as running:
        yield running


def test_mistakes_in_the_middle_of_a_long_table_are_told_by_line_and_column_and_nothing_is_written(
    server: Server, tmp_path: Path
) -> None:
    done = imported(server, table(tmp_path, range(ROWS), WRONG), "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["imported"], told["new"], told["skipped"]) == (1, 0, ROWS - 3, 0)
    assert [(error["line"], error["column"]) for error in told["errors"]] == [
        (5001, "imsi"),
        (5002, "group"),
        (5003, "session"),
    ]
    for said in (
        "line 5001, column imsi: An IMSI has 6 to 15 digits, such as 001010000000001",
        "line 5002, column group: There is no group 'nowhere'; give the id of one that there is",
        "line 5003, column session: The network must be an IPv4 or IPv6 address",
    ):
        assert said in done.stderr
    assert known(server, range(ROWS)) == {}


@pytest.mark.slow
def test_a_dry_run_of_a_long_table_changes_nothing_and_says_what_would_become_of_it(
    server: Server, tmp_path: Path
) -> None:
    before = minori(server, "session", "list").stdout
    done = imported(server, table(tmp_path, range(ROWS)), "--dry-run", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (
        0,
        {"imported": 0, "new": ROWS, "skipped": 0, "errors": []},
    )
    assert (known(server, range(ROWS)), minori(server, "session", "list").stdout) == ({}, before)


KILLED = """
import os, signal, sys
from minori.cli.main import main
from minori.storage.sql.catalog import SqlCatalog

apply, left = SqlCatalog.apply, [3]

async def dying(self, *changes):
    if changes:
        left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    await apply(self, *changes)

SqlCatalog.apply = dying
sys.argv[0] = "minori"
main()
"""
"""The command, killed before it writes the third time."""


def test_an_import_that_is_killed_in_the_middle_is_begun_anew_with_the_same_table(
    server: Server, tmp_path: Path
) -> None:
    numbers = range(20_000, 21_200)
    file, sessions = table(tmp_path, numbers), len(minori(server, "session", "list").stdout.splitlines())
    command = [sys.executable, "-c", KILLED, "sim", "import", str(file), "--data-dir", str(server.data_dir)]
    killed = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert killed.returncode == -9, killed.stderr
    there = known(server, numbers)
    assert sorted(there) == [f"0010166{number:08}" for number in numbers[:1000]]
    again = json.loads(imported(server, file, "--json").stdout)
    assert again == {"imported": 200, "new": 200, "skipped": 1000, "errors": []}
    whole = known(server, numbers)
    assert len(whole) == 1200
    assert {imsi: whole[imsi] for imsi in there} == there
    assert len(minori(server, "session", "list").stdout.splitlines()) == sessions + 1200


@pytest.mark.slow
def test_of_two_imports_of_one_table_at_once_every_sim_is_there_once_and_who_lost_is_told_what_to_do(
    server: Server, tmp_path: Path
) -> None:
    numbers = range(30_000, 33_000)
    file = table(tmp_path, numbers)
    command = [str(Path(sys.executable).with_name("minori")), "sim", "import", str(file)]
    command += ["--data-dir", str(server.data_dir)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate(timeout=60) for process in running]
    for process, (stdout, stderr) in zip(running, told, strict=True):
        assert "Traceback" not in stderr
        assert ("import it again" in stderr) if process.returncode else ("imported" in stdout)
    # Whoever lost begins anew.
    again = json.loads(imported(server, file, "--json").stdout)
    assert (again["skipped"] + again["imported"], again["errors"]) == (3000, [])
    assert len(known(server, numbers)) == 3000
