"""What the catalog on SQLite does beyond the suite of all catalogs: its file, its version, its failures."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
import uvloop

from minori.errors import DataDirectoryBroken, FormatTooNew, Overloaded, SettingsInvalid
from minori.model.registry import Operator, Secret, Session
from minori.storage.base import Insert, Put
from minori.storage.sql.catalog import SqlCatalog, open_catalog
from minori.storage.sql.tables import CATALOG


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "catalog.sqlite"


@asynccontextmanager
async def opened(file: Path) -> AsyncIterator[SqlCatalog]:
    catalog = await open_catalog(f"sqlite://{file}")
    try:
        yield catalog
    finally:
        await catalog.close()


async def write_one(file: Path, number: int = 1) -> None:
    async with opened(file) as catalog:
        await catalog.apply(Insert(Session(str(number), "1")))


async def be_impatient(catalog: SqlCatalog) -> None:
    """Let the one connection that is open so far wait for 10 ms instead of seconds."""
    with catalog._database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 10")


def overwrite(file: Path, content: bytes) -> None:
    file.write_bytes(content)


def pragma(file: Path, statement: str) -> object:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(f"PRAGMA {statement}").fetchone()


def test_what_was_written_is_there_after_a_restart(file: Path) -> None:
    async def story() -> None:
        await write_one(file)
        async with opened(file) as catalog:
            assert await catalog.find(Session) == [Session("1", "1")]

    asyncio.run(story())


def test_it_runs_on_uvloop(file: Path) -> None:
    uvloop.run(write_one(file))


def test_nobody_else_may_read_any_of_its_files(file: Path) -> None:
    async def story() -> None:
        async with opened(file) as catalog:
            await catalog.apply(Insert(Secret("token-signing", b"")))
            modes = {path.name: path.stat().st_mode & 0o777 for path in file.parent.iterdir()}
            assert modes == {f"catalog.sqlite{end}": 0o600 for end in ("", "-wal", "-shm", "-reserve")}

    asyncio.run(story())


def test_it_journals_ahead_and_syncs_every_commit(file: Path) -> None:
    async def story() -> None:
        async with opened(file) as catalog:
            with catalog._database.engine.connect() as connection:
                settings = {
                    name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
                    for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
                }
            assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}

    asyncio.run(story())


def test_a_new_file_carries_the_version_of_its_schema(file: Path) -> None:
    asyncio.run(write_one(file))
    assert pragma(file, "user_version") == (CATALOG.version,)


def test_a_file_of_a_newer_version_is_refused_and_left_as_it_is(file: Path) -> None:
    asyncio.run(write_one(file))
    pragma(file, f"user_version = {CATALOG.version + 1}")
    before = file.read_bytes()
    with pytest.raises(FormatTooNew, match="start a newer Minori"):
        asyncio.run(write_one(file))
    assert file.read_bytes() == before


def test_a_file_that_is_no_database_is_refused(file: Path) -> None:
    file.write_bytes(b"no database at all, but longer than the header of one would be" * 100)
    with pytest.raises(DataDirectoryBroken, match="cannot be read") as caught:
        asyncio.run(write_one(file))
    assert caught.value.__cause__ is not None


def test_a_truncated_file_is_refused(file: Path) -> None:
    asyncio.run(write_one(file))
    file.write_bytes(file.read_bytes()[:6000])
    with pytest.raises(DataDirectoryBroken):
        asyncio.run(write_one(file))


def test_a_database_of_another_program_is_refused_and_left_as_it_is(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE notes (text)")
    with pytest.raises(DataDirectoryBroken, match="no catalog of Minori"):
        asyncio.run(write_one(file))
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == [("notes",)]


def test_a_catalog_without_one_of_its_tables_is_refused(file: Path) -> None:
    asyncio.run(write_one(file))
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("DROP TABLE operators")
    with pytest.raises(DataDirectoryBroken, match="lacks operators"):
        asyncio.run(write_one(file))


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataDirectoryBroken, match=r"absent/catalog\.sqlite"):
        asyncio.run(write_one(tmp_path / "absent" / "catalog.sqlite"))


def test_a_folder_in_place_of_the_file_is_refused(file: Path) -> None:
    file.mkdir()
    with pytest.raises(DataDirectoryBroken):
        asyncio.run(write_one(file))


@pytest.mark.parametrize("url", ["sqlite:relative.sqlite", "sqlite://relative.sqlite", "postgresql://host/x", "/x", ""])
def test_a_url_that_names_no_absolute_file_is_refused(url: str) -> None:
    with pytest.raises(SettingsInvalid, match="sqlite:///absolute/path"):
        asyncio.run(open_catalog(url))


@pytest.mark.parametrize("name", ["a b.sqlite", "a?mode=ro.sqlite", "a#b.sqlite", "a%20b.sqlite", "実り.sqlite"])
def test_the_path_is_taken_as_it_is(tmp_path: Path, name: str) -> None:
    asyncio.run(write_one(tmp_path / name))
    assert sorted(path.name for path in tmp_path.iterdir()) == [name, f"{name}-reserve"]


WRITER = """
import asyncio, sys
from minori.model.registry import Session
from minori.storage.base import Insert
from minori.storage.sql.catalog import open_catalog

async def main(file, name):
    catalog = await open_catalog(f"sqlite://{file}")
    for number in range(5):
        await catalog.apply(Insert(Session(f"{name}-{number}", "1")), Insert(Session(f"{name}-{number}-", "2")))
    await catalog.close()

asyncio.run(main(*sys.argv[1:]))
"""


def test_two_processes_that_start_on_a_new_file_at_once_both_write_to_it(file: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, file, name]) for name in "ab"]
    assert [writer.wait() for writer in writers] == [0, 0]

    async def story() -> None:
        async with opened(file) as catalog:
            assert len(await catalog.find(Session)) == 2 * 5 * 2

    asyncio.run(story())


def test_a_write_waits_for_another_process_and_then_says_overloaded(file: Path) -> None:
    async def story() -> None:
        async with opened(file) as catalog:
            with closing(sqlite3.connect(file)) as other:
                other.execute("BEGIN IMMEDIATE")
                await be_impatient(catalog)
                with pytest.raises(Overloaded):
                    await catalog.apply(Insert(Session("1", "1")))
                assert await catalog.find(Session) == []
            await catalog.apply(Insert(Session("1", "1")))

    asyncio.run(story())


FULL_DISK = """
import asyncio, resource, sys
from minori.errors import StoreFailed
from minori.model.registry import Secret
from minori.observe.logs import configure
from minori.storage.base import Put
from minori.storage.sql.catalog import open_catalog

configure("warning", "json")

def allow(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

async def main(file):
    catalog = await open_catalog(f"sqlite://{file}")
    await catalog.apply(Put(Secret("before", b"1")))
    allow(200_000)
    for size in (300_000, 1):
        try:
            await catalog.apply(Put(Secret("after", bytes(size))))
        except StoreFailed as failure:
            print(size, failure.__cause__ is not None, failure.message)
        allow(resource.RLIM_INFINITY)
    print(len(await catalog.find(Secret)))
    await catalog.close()

asyncio.run(main(sys.argv[1]))
"""


def test_after_a_write_the_disk_refused_no_other_is_confirmed_until_a_restart(file: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FULL_DISK, file], capture_output=True, text=True, check=True
    )
    refused, later, kept = done.stdout.splitlines()
    assert refused.startswith("300000 True The catalog failed: ")
    assert later.startswith("1 False The catalog takes no writes since a failure")
    assert kept == "1"
    (line,) = done.stderr.splitlines()
    assert '"event": "catalog failed", "level": "critical"' in line
    asyncio.run(write_one(file))


def test_a_damaged_index_is_a_flaw_and_so_is_a_file_that_can_be_read_no_more(file: Path) -> None:
    asyncio.run(write_one(file))
    pragma(file, "journal_mode = DELETE")
    content = file.read_bytes()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'ix_sessions_imsi'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    empty = b"\x0a" + bytes(4) + size.to_bytes(2) + bytes(1)

    async def story() -> None:
        at = (page - 1) * size
        overwrite(file, content[:at] + empty + content[at + len(empty) :])
        async with opened(file) as catalog:
            assert "ix_sessions_imsi" in (await catalog.flaws())[0]
            overwrite(file, bytes(len(content)))
            assert "file is not a database" in (await catalog.flaws())[0]

    asyncio.run(story())


def test_a_write_that_is_refused_for_its_values_does_not_stop_the_next(file: Path) -> None:
    async def story() -> None:
        async with opened(file) as catalog:
            with pytest.raises(OverflowError):
                await catalog.apply(Put(Session("1", "1")), Put(Operator("OP1", "a@b", "", 2**64)))
            await catalog.apply(Put(Session("2", "1")))
            assert await catalog.find(Session) == [Session("2", "1")]

    asyncio.run(story())
