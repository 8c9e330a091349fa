"""What the audit log on SQLite does beyond the suite of all audit logs: its file, its room, its failures."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from minori.errors import DataDirectoryBroken, FormatTooNew, Overloaded, SettingsInvalid, StoreFailed
from minori.model.audit import AuditEntry, AuditPlace, AuditQuery
from minori.storage.sql.audit import AUDIT, SqlAuditLog, open_audit_log

NOW = 1_700_000_000_000
OPERATOR = "OP0000000001"
KIND = "/v1/data/{resource_type}/{resource_id}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "audit.sqlite"


@asynccontextmanager
async def opened(file: Path) -> AsyncIterator[SqlAuditLog]:
    log = await open_audit_log(f"sqlite://{file}")
    try:
        yield log
    finally:
        await log.close()


def calls(first: int, count: int) -> list[AuditEntry]:
    return [
        AuditEntry(OPERATOR, "ann", "192.0.2.1", "GET", KIND, f"/v1/data/Subscriber/{number}", NOW + number, 200)
        for number in range(first, first + count)
    ]


async def write_one(file: Path) -> None:
    async with opened(file) as log:
        await log.add(calls(0, 1))


async def paths(log: SqlAuditLog) -> list[str]:
    page = await log.page(AuditQuery(OPERATOR, None, 0, 2**63 - 1, 10_000))
    return [entry.path for entry in page.entries]


def size(file: Path) -> int:
    return file.stat().st_size


def damage(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 4096] = bytes(4096)
    file.write_bytes(content)


def pragma(file: Path, statement: str) -> Any:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(f"PRAGMA {statement}").fetchone()


def test_what_was_added_is_there_after_a_restart_and_numbers_go_on(file: Path) -> None:
    async def story() -> None:
        await write_one(file)
        await write_one(file)
        async with opened(file) as log:
            assert len(await paths(log)) == 2
            page = await log.page(AuditQuery(OPERATOR, None, 0, NOW, 1))
            assert page.end == AuditPlace(NOW, 2)

    asyncio.run(story())


def test_nobody_else_may_read_any_of_its_files(file: Path) -> None:
    async def story() -> None:
        async with opened(file) as log:
            await log.add(calls(0, 1))
            modes = {path.name: path.stat().st_mode & 0o777 for path in file.parent.iterdir()}
            assert modes == {f"audit.sqlite{end}": 0o600 for end in ("", "-wal", "-shm", "-reserve")}

    asyncio.run(story())


def test_the_room_of_what_was_forgotten_is_used_again(file: Path) -> None:
    async def story() -> None:
        sizes = []
        async with opened(file) as log:
            for turn in range(4):
                await log.add(calls(turn * 3000, 3000))
                while await log.forget(0, 1000, 500) == 500:
                    pass
                pragma(file, "wal_checkpoint(TRUNCATE)")
                sizes.append(size(file))
        assert sizes[3] <= sizes[1] * 1.05
        assert sizes[0] > 300_000, "or the sizes would say nothing"

    asyncio.run(story())


@pytest.mark.parametrize("kind", [None, KIND])
@pytest.mark.parametrize("before", [None, AuditPlace(NOW), AuditPlace(NOW, 5)])
def test_a_page_is_read_along_an_index_and_nothing_is_sorted(
    file: Path, kind: str | None, before: AuditPlace | None
) -> None:
    async def story() -> None:
        asked: list[tuple[str, Any]] = []

        def keep(_c: Any, _cursor: Any, statement: str, values: Any, *_rest: Any) -> None:
            asked.append((statement, values))

        async with opened(file) as log:
            await log.add(calls(0, 10))
            event.listen(log._database.engine, "before_cursor_execute", keep)
            await log.page(AuditQuery(OPERATOR, kind, 0, NOW, 10), before)
            event.remove(log._database.engine, "before_cursor_execute", keep)
            ((statement, values),) = asked
            with closing(sqlite3.connect(file)) as connection:
                plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
        (looked,) = plan
        assert "SEARCH calls USING PRIMARY KEY (operator_id=? AND time>?" in looked

    asyncio.run(story())


def test_forgetting_looks_at_no_more_than_it_forgets(file: Path) -> None:
    async def story() -> None:
        plans: list[str] = []
        async with opened(file) as log:
            await log.add(calls(0, 100))
            asked: list[tuple[str, Any]] = []

            def keep(_c: Any, _cursor: Any, statement: str, values: Any, *_rest: Any) -> None:
                asked.append((statement, values))

            event.listen(log._database.engine, "before_cursor_execute", keep)
            assert await log.forget(NOW + 5, 10, 7) == 7
            with closing(sqlite3.connect(file)) as connection:
                for statement, values in asked:
                    if "calls" in statement:
                        plans += [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
        looked = [plan for plan in plans if "calls" in plan]
        assert len(looked) == 3
        assert all("SEARCH calls USING PRIMARY KEY (operator_id=?" in plan for plan in looked)

    asyncio.run(story())


def test_a_new_file_carries_the_version_of_its_schema_and_a_newer_one_is_refused(file: Path) -> None:
    asyncio.run(write_one(file))
    assert pragma(file, "user_version") == (AUDIT.version,)
    pragma(file, f"user_version = {AUDIT.version + 1}")
    with pytest.raises(FormatTooNew, match=r"The audit log .* start a newer Minori"):
        asyncio.run(write_one(file))


def test_a_file_that_is_no_database_is_named_and_may_be_moved_away(file: Path) -> None:
    file.write_bytes(b"no database at all, but longer than the header of one would be" * 100)
    with pytest.raises(DataDirectoryBroken, match=r"The audit log .*audit\.sqlite cannot be read .* move it away"):
        asyncio.run(write_one(file))


def test_a_database_of_another_kind_is_refused_and_left_as_it_is(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE notes (text)")
    with pytest.raises(DataDirectoryBroken, match="no audit log of Minori"):
        asyncio.run(write_one(file))
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == [("notes",)]


@pytest.mark.parametrize("url", ["sqlite:relative.sqlite", "sqlite://relative.sqlite", "postgresql://host/x", ""])
def test_a_url_that_names_no_absolute_file_is_refused(url: str) -> None:
    with pytest.raises(SettingsInvalid, match="sqlite:///absolute/path"):
        asyncio.run(open_audit_log(url))


def test_a_write_waits_for_another_process_and_then_says_overloaded(file: Path) -> None:
    async def story() -> None:
        async with opened(file) as log:
            with closing(sqlite3.connect(file)) as other:
                other.execute("BEGIN IMMEDIATE")
                with log._database.engine.connect() as connection:
                    connection.exec_driver_sql("PRAGMA busy_timeout = 10")
                with pytest.raises(Overloaded):
                    await log.add(calls(0, 3))
            await log.add(calls(0, 3))
            assert len(await paths(log)) == 3

    asyncio.run(story())


def test_after_a_write_that_the_disk_refused_reading_goes_on_and_nothing_is_kept(file: Path) -> None:
    async def story() -> None:
        async with opened(file) as log:
            await log.add(calls(0, 3))
            with closing(sqlite3.connect(file)) as other:
                other.execute("DROP TABLE callers")
            with pytest.raises(StoreFailed, match="The audit log failed"):
                await log.add(calls(3, 3))
            with pytest.raises(StoreFailed, match="The audit log takes no writes since a failure"):
                await log.forget(0, 1, 1)
            assert log.failure is not None
            assert len(await paths(log)) == 3

    asyncio.run(story())


def test_a_damaged_log_has_flaws(file: Path) -> None:
    async def story() -> None:
        async with opened(file) as log:
            await log.add(calls(0, 2000))
        damage(file)
        async with opened(file) as log:
            assert await log.flaws()

    asyncio.run(story())
