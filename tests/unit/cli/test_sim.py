"""`minori sim`: a table of SIMs is taken whole or not at all, beside a running server."""

import json
import socket
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from serving import Server, minori
from wire.asking import ask


def command(server: Server, *words: str | Path) -> "Any":
    # The shared server may have more operators than one by now.
    owner = ["--operator", server.credentials["operatorId"]] if "import" in words and "--operator" not in words else []
    done = minori("sim", *map(str, words), *owner, "--data-dir", str(server.data_dir))
    assert "Traceback" not in done.stderr
    return done


def table(folder: Path, *lines: str) -> Path:
    file = folder / f"{uuid4().hex}.csv"
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


def subscriber(server: Server, headers: dict[str, str], imsi: str) -> Any:
    reply = ask(server, "GET", f"/v1/subscribers/{imsi}", headers)
    return reply.json if reply.status == 200 else None


def many(folder: Path, rows: int) -> Path:
    """SIMs of the demo group, each with a session."""
    networks = [f"10.{number // 65536}.{number // 256 % 256}.{number % 256}" for number in range(rows)]
    lines = [f"0010155{number:08},pump {number},demo,{network},east" for number, network in enumerate(networks)]
    return table(folder, "imsi,name,group,session,tag:site", *lines)


def import_many(server: Server, folder: Path, rows: int) -> None:
    headers, file, last = server.login(), many(folder, rows), f"0010155{rows - 1:08}"
    trial = command(server, "import", file, "--dry-run")
    assert (trial.returncode, trial.stdout) == (0, f"{rows:,} SIMs would be imported\n")
    assert subscriber(server, headers, last) is None
    done = command(server, "import", file)
    assert (done.returncode, done.stdout) == (0, f"{rows:,} SIMs are imported\n")
    again = command(server, "import", file, "--json")
    assert json.loads(again.stdout) == {"imported": 0, "new": 0, "skipped": rows, "errors": []}
    while (known := subscriber(server, headers, last)) is None:
        pass
    assert (known["tags"], known["status"]) == ({"name": f"pump {rows - 1}", "site": "east"}, "active")
    assert known["groupId"] == subscriber(server, headers, "001010000000001")["groupId"]


def test_sims_are_listed_as_the_api_shows_them(own_server: Server) -> None:
    (sim,) = json.loads(command(own_server, "list", "--json").stdout)
    assert [sim] == ask(own_server, "GET", "/v1/sims", own_server.login()).json
    assert command(own_server, "list").stdout.split()[:3] == [sim["simId"], sim["imsi"], "active"]


def test_sims_are_imported_beside_a_running_server_which_knows_them_then(own_server: Server, tmp_path: Path) -> None:
    import_many(own_server, tmp_path, 2000)


@pytest.mark.slow
def test_more_sims_than_the_journal_keeps_are_imported_beside_a_running_server(
    own_server: Server, tmp_path: Path
) -> None:
    import_many(own_server, tmp_path, 100_000)


def test_an_imported_session_is_the_sims_at_the_doors_within_a_second(
    server: Server, headers: dict[str, str], tmp_path: Path
) -> None:
    file = table(tmp_path, "imsi,group,session,simId", "001015600000001,demo,127.7.7.7,8981100000056000001")
    assert command(server, "import", file).returncode == 0
    while subscriber(server, headers, "001015600000001") is None:
        pass
    with socket.create_connection(server.door_stream, 20, ("127.7.7.7", 0)) as door:
        door.sendall(b"hello")
        assert door.recv(100) == b"201"
    entries = ask(server, "GET", "/v1/sims/8981100000056000001/data", headers).json
    assert [entry["content"] for entry in entries] == ['{"payload":"aGVsbG8="}']


def test_one_wrong_line_keeps_all_out_and_every_wrong_line_is_named(
    server: Server, headers: dict[str, str], tmp_path: Path
) -> None:
    file = table(
        tmp_path,
        "imsi,simId,group,session,status,name",
        "001015700000001,,demo,,,fine",
        "12345,,,,,short",
        "001015700000002,,nowhere,,,no group",
        "001015700000003,,,10.300.0.1,,no address",
        "001015700000004,,,,sleeping,no status",
        "001015700000001,,,,,twice",
        "001015700000005,8981100000000000001,,,,the demo SIM's id",
        "001015700000006,,,127.0.0.0/8,,the demo SIM's session",
        "001010000000001,8981100000000000009,,,,the demo SIM under another id",
        "001015700000007,,,",
    )
    done = command(server, "import", file, "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["imported"], told["new"]) == (1, 0, 1)
    assert [error["line"] for error in told["errors"]] == list(range(3, 12))
    expected = ("6 to 15", "no group", "address", "status", "Line 2", "SIM id", "another SIM's", "already", "cells")
    assert all(part in error["message"] for part, error in zip(expected, told["errors"], strict=True))
    columns = ("imsi", "group", "session", "status", "imsi", "simId", "session", "imsi")
    assert tuple(error["column"] for error in told["errors"][:-1]) == columns
    assert "column" not in told["errors"][-1]
    assert "line 3, column imsi: An IMSI has 6 to 15 digits" in done.stderr
    assert "line 4, column group: There is no group 'nowhere'; give the id of one that there is" in done.stderr
    assert subscriber(server, headers, "001015700000001") is None


def test_what_is_no_table_of_sims_is_refused_with_a_sentence(server: Server, tmp_path: Path) -> None:
    done = command(server, "import", table(tmp_path, "imsi,sesion", "001015800000001,"))
    assert (done.returncode, done.stdout) == (1, "")
    assert "Error: There is no column 'sesion'; known are imsi, simId," in done.stderr


def test_the_owner_must_be_one_that_there_is(server: Server, tmp_path: Path) -> None:
    done = command(server, "import", many(tmp_path, 1), "--operator", "OP9999999999")
    assert done.returncode == 1
    assert "operator" in done.stderr
