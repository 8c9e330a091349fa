"""What the file index on SQLite does beyond the suite of all file indexes: sharing commits, its failures, its plans."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from minori.errors import Overloaded, PathTaken, StorageFull
from minori.model.file import Blob, FileEntry, FileWrite, Placed
from minori.model.registry import Secret
from minori.storage.base import Put
from minori.storage.contract.file_story import (
    ALL,
    NOW,
    OWNER,
    PATIENCE,
    all_paths,
    directory,
    everything,
    file,
    put,
    put_paths,
)
from minori.storage.sql.catalog import SqlCatalog, open_catalog
from minori.storage.sql.files import TOGETHER, WAITING


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "catalog.sqlite"


@asynccontextmanager
async def opened(database: Path) -> AsyncIterator[SqlCatalog]:
    catalog = await open_catalog(f"sqlite://{database}")
    try:
        yield catalog
    finally:
        await catalog.close()


def run(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(story, PATIENCE))


async def pragma(catalog: SqlCatalog, statement: str) -> int:
    """Ask, or tell, the one connection that is open so far."""
    with catalog._database.engine.connect() as connection:
        return int(connection.exec_driver_sql(f"PRAGMA {statement}").scalar_one())


@contextmanager
def commits(catalog: SqlCatalog) -> Iterator[list[object]]:
    """Gathers something for every transaction that is committed."""
    made: list[object] = []

    def keep(connection: object) -> None:
        made.append(connection)

    event.listen(catalog._database.engine, "commit", keep)
    yield made
    event.remove(catalog._database.engine, "commit", keep)


def test_what_was_changed_is_there_after_a_restart(database: Path) -> None:
    async def story() -> None:
        async with opened(database) as catalog:
            await put(catalog.files, file("/a/b", expiry=NOW + 1), file("/a/c"), file("/d/e"))
            await catalog.files.remove(OWNER, "/a/c", NOW)
            await catalog.files.forget([file("/d/e")])
        async with opened(database) as catalog:
            kept = [directory("/a/"), file("/a/b", expiry=NOW + 1), directory("/d/")]
            assert await everything(catalog.files) == kept

    run(story())


def test_changes_that_wait_share_a_transaction(database: Path) -> None:
    async def story() -> None:
        async with opened(database) as catalog:
            for changes, transactions in ((1, 1), (TOGETHER, 1), (2 * TOGETHER + 1, 3)):
                with commits(catalog) as made:
                    await put_paths(catalog.files, *[f"/{changes}/{number}" for number in range(changes)])
                    assert len(made) == transactions
                assert len((await catalog.files.children(OWNER, f"/{changes}/", "", ALL, NOW)).entries) == changes

    run(story())


def test_more_changes_than_may_wait_are_turned_away(database: Path) -> None:
    async def story() -> None:
        async with opened(database) as catalog:
            calls = [catalog.files.remove(OWNER, "/a", NOW) for _ in range(WAITING + 5)]
            told = await asyncio.gather(*calls, return_exceptions=True)
            assert [type(error) for error in told[WAITING:]] == [Overloaded] * 5
            assert set(told[:WAITING]) == {None}
            await put_paths(catalog.files, "/a")

    run(story())


def test_closing_finishes_what_waits(database: Path) -> None:
    async def story() -> None:
        catalog = await open_catalog(f"sqlite://{database}")
        waiting = [asyncio.create_task(put(catalog.files, file(f"/{number}"))) for number in range(3 * TOGETHER)]
        await asyncio.sleep(0)
        await catalog.close()
        with closing(sqlite3.connect(database)) as connection:
            assert connection.execute("SELECT count(*) FROM files").fetchone() == (3 * TOGETHER,)
        assert [placed.created for (placed,) in await asyncio.gather(*waiting)] == [True] * (3 * TOGETHER)

    run(story())


def test_a_value_that_no_database_takes_hurts_only_its_caller(database: Path) -> None:
    async def story() -> None:
        async with opened(database) as catalog:
            huge = FileEntry(OWNER, "/huge", 0, 0, Blob("huge", 2**64, ""))
            told = await asyncio.gather(
                catalog.files.place(FileWrite(file("/a")), NOW),
                catalog.files.place(FileWrite(huge), NOW),
                catalog.files.place(FileWrite(file("/a/b")), NOW),
                catalog.files.place(FileWrite(file("/\ud800")), NOW),
                catalog.files.place(FileWrite(file("/b")), NOW),
                return_exceptions=True,
            )
            assert [type(one) for one in told] == [Placed, OverflowError, PathTaken, UnicodeEncodeError, Placed]
            assert await everything(catalog.files) == [file("/a"), file("/b")]

    run(story())


def test_a_full_disk_refuses_what_it_has_no_room_for_and_nothing_later(database: Path) -> None:
    async def story() -> None:
        async with opened(database) as catalog:
            await put_paths(catalog.files, "/a")
            await pragma(catalog, f"max_page_count = {await pragma(catalog, 'page_count')}")
            long = [FileWrite(file(f"/new/{number}{'x' * 900}")) for number in range(50)]
            told = await asyncio.gather(*[catalog.files.place(write, NOW) for write in long], return_exceptions=True)
            assert {type(error) for error in told} == {StorageFull}
            assert len({id(error) for error in told}) == 50
            assert all(isinstance(error, StorageFull) and error.__cause__ is not None for error in told)
            with pytest.raises(StorageFull):
                await catalog.apply(Put(Secret("large", bytes(10_000))))
            assert await all_paths(catalog.files) == ["/a"]
            await pragma(catalog, "max_page_count = 1000000")
            await asyncio.gather(*[catalog.files.place(write, NOW) for write in long])
            await catalog.apply(Put(Secret("large", bytes(10_000))))
            assert len(await all_paths(catalog.files)) == 52

    run(story())


def test_a_removal_is_made_on_a_full_disk_whoever_waits_beside_it(database: Path) -> None:
    async def story() -> None:
        async with opened(database) as catalog:
            await put_paths(catalog.files, "/a", "/b", "/c")
            await pragma(catalog, f"max_page_count = {await pragma(catalog, 'page_count')}")
            entry = await catalog.files.get(OWNER, "/b", NOW)
            assert entry is not None
            long = [FileWrite(file(f"/new/{number}{'x' * 900}")) for number in range(50)]
            changes: list[Coroutine[Any, Any, Any]] = [catalog.files.place(write, NOW) for write in long]
            changes[20:20] = [catalog.files.remove(OWNER, "/a", NOW), catalog.files.forget([entry])]
            told: list[Any] = await asyncio.gather(*changes, return_exceptions=True)
            removed, forgotten = told[20:22]
            assert (removed.path, forgotten) == ("/a", None)
            assert {type(error) for error in told[:20] + told[22:]} == {StorageFull}
            assert await all_paths(catalog.files) == ["/c"]

    run(story())


FAILING_DISK = """
import asyncio, resource, sys
from minori.errors import StoreFailed
from minori.model.registry import Secret
from minori.observe.logs import configure
from minori.storage.base import Put
from minori.storage.contract.file_story import all_paths, put_paths
from minori.storage.sql.catalog import open_catalog

configure("warning", "json")

def allow(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

async def is_refused(call):
    try:
        await call
    except StoreFailed as failure:
        return failure.message.partition("(")[0]

async def main(file):
    catalog = await open_catalog(f"sqlite://{file}")
    await put_paths(catalog.files, "/before")
    allow(200_000)
    print(await is_refused(put_paths(catalog.files, *[f"/{n}{'x' * 900}" for n in range(200)])))
    allow(resource.RLIM_INFINITY)
    print(await is_refused(put_paths(catalog.files, "/after")))
    print(await is_refused(catalog.apply(Put(Secret("after", b"1")))))
    print(await all_paths(catalog.files))
    await catalog.close()

asyncio.run(main(sys.argv[1]))
"""


def test_after_a_write_the_disk_refused_no_other_is_confirmed_until_a_restart(database: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", FAILING_DISK, str(database)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    stopped = "The catalog takes no writes since a failure "
    assert done.stdout.splitlines() == ["The catalog failed: disk I/O error", stopped, stopped, "['/before']"]
    (line,) = done.stderr.splitlines()
    assert '"event": "catalog failed", "level": "critical"' in line

    async def story() -> None:
        async with opened(database) as catalog:
            await put_paths(catalog.files, "/restarted")
            assert await all_paths(catalog.files) == ["/before", "/restarted"]

    run(story())


def test_a_change_waits_for_another_process_and_then_says_overloaded(database: Path) -> None:
    async def story() -> None:
        async with opened(database) as catalog:
            await pragma(catalog, "busy_timeout = 10")
            with closing(sqlite3.connect(database)) as other:
                other.execute("BEGIN IMMEDIATE")
                with pytest.raises(Overloaded):
                    await put_paths(catalog.files, "/a")
                assert await all_paths(catalog.files) == []
            await put_paths(catalog.files, "/a")

    run(story())


def test_a_change_sees_what_another_process_wrote_while_it_waited(database: Path) -> None:
    async def story() -> None:
        async with opened(database) as catalog, opened(database) as other:
            await put_paths(catalog.files, "/first")
            with other._database.engine.begin() as connection:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                change = asyncio.ensure_future(put(catalog.files, file("/a/b")))
                await asyncio.sleep(0.1)
                connection.exec_driver_sql(
                    "INSERT INTO files SELECT owner, '/a', parent, created_time, last_modified_time, 'x', size, md5,"
                    " content_type, expiry_time FROM files"
                )
            with pytest.raises(PathTaken):
                await change
            assert await all_paths(catalog.files) == ["/a", "/first"]

    run(story())


WRITER = """
import asyncio, sys
from minori.errors import FileExists
from minori.model.file import FileWrite
from minori.storage.contract.file_story import NOW, file
from minori.storage.sql.catalog import open_catalog

async def main(database, name):
    catalog = await open_catalog(f"sqlite://{database}")
    won = 0
    for number in range(40):
        try:
            await catalog.files.place(FileWrite(file(f"/d/{number}", f"{name}{number}"), only_new=True), NOW)
        except FileExists:
            continue
        won += 1
    print(won)
    await catalog.close()

asyncio.run(main(*sys.argv[1:]))
"""


def test_of_two_processes_that_place_a_new_file_one_wins(database: Path) -> None:
    commands = [[sys.executable, "-c", WRITER, str(database), name] for name in "ab"]
    writers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for command in commands]
    won = [int(writer.communicate()[0]) for writer in writers]

    async def story() -> None:
        async with opened(database) as catalog:
            files = (await catalog.files.children(OWNER, "/d/", "", ALL, NOW)).entries
            assert [sum((entry.blob_id or "").startswith(name) for entry in files) for name in "ab"] == won
            assert sum(won) == 40

    run(story())


def test_every_statement_goes_straight_to_its_rows_by_an_index(database: Path) -> None:
    statements: dict[str, Any] = {}

    def keep(_connection: object, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
        if "files" in statement:
            statements[statement] = parameters[0] if isinstance(parameters, list) else parameters

    async def story() -> None:
        async with opened(database) as catalog:
            event.listen(catalog._database.engine, "before_cursor_execute", keep)
            index = catalog.files
            await put(index, file("/a/b/c", expiry=NOW), file("/a/d"))
            await index.get(OWNER, "/a/d", NOW)
            await index.children(OWNER, "/a/", "", 10, NOW)
            await index.find(OWNER, "/a", "", 10, NOW)
            await index.find(OWNER, "/a", "/a/d", 10, NOW)
            await index.of_blobs(["1", "2"])
            await index.expired(NOW, 10)
            await index.remove(OWNER, "/a/d", NOW)
            await index.remove(OWNER, "/a/b/", NOW)

    run(story())
    with closing(sqlite3.connect(database)) as connection:
        plans = [connection.execute(f"EXPLAIN QUERY PLAN {text}", values) for text, values in statements.items()]
        steps = {step for plan in plans for *_, step in plan}
    assert all("SEARCH" in step for step in steps), steps
    assert {step[step.index("(") :] for step in steps} == {
        "(owner=? AND path=?)",
        "(owner=? AND path>? AND path<?)",
        "(owner=? AND parent=? AND path>?)",
        "(blob_id=?)",
        "(expiry_time<?)",
    }


def test_a_page_begins_where_the_last_one_ended(database: Path) -> None:
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    async def story() -> None:
        nonlocal steps
        async with opened(database) as catalog:
            await put_paths(catalog.files, *[f"/d/{number:04}" for number in range(2000)])
            with catalog._database.engine.connect() as connection:
                driver = connection.connection.driver_connection
                assert driver is not None
                driver.set_progress_handler(count, 10)
            for ask in (catalog.files.children, catalog.files.find):
                steps = 0
                await ask(OWNER, "/d/", "", 10, NOW)
                first = steps
                await ask(OWNER, "/d/", "/d/1980", 10, NOW)
                assert steps - first < 2 * first

    run(story())
