"""Opening a database: what may happen to the folder meanwhile, and what is said when it cannot be opened."""

import os
import sys
from pathlib import Path

import pytest

from minori.errors import DataDirectoryBroken
from minori.storage.rocksdb.database import STEPS_BACK, Database

fsync = os.fsync


def test_a_file_may_vanish_while_its_folder_is_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RocksDB compacts in the background as soon as it is open."""
    passing = [tmp_path / "first.old", tmp_path / "second.old"]
    for path in passing:
        path.touch()

    def compact_and_sync(descriptor: int) -> None:
        for path in passing:
            path.unlink(missing_ok=True)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", compact_and_sync)
    Database(tmp_path).close()


def test_every_file_and_the_folder_are_synced_when_a_database_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: set[Path] = set()

    def note(descriptor: int) -> None:
        synced.add(Path(f"/proc/self/fd/{descriptor}").readlink())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    opened = Database(tmp_path / "entries")
    assert synced >= {tmp_path / "entries", *(tmp_path / "entries").iterdir()}
    opened.close()


def test_a_folder_that_is_no_database_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "CURRENT").write_text("nonsense\n")
    with pytest.raises(DataDirectoryBroken, match=str(tmp_path)):
        Database(tmp_path)


def test_a_database_that_is_open_is_refused_a_second_time(tmp_path: Path) -> None:
    opened = Database(tmp_path)
    with pytest.raises(DataDirectoryBroken, match="cannot be opened"):
        Database(tmp_path)
    opened.close()
    Database(tmp_path).close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of threads")
def test_the_threads_of_rocksdb_stand_back_behind_those_that_answer(tmp_path: Path) -> None:
    opened = [Database(tmp_path / "one"), Database(tmp_path / "other")]
    nice = {
        (thread / "comm").read_text().startswith("rocksdb:"): os.getpriority(os.PRIO_PROCESS, int(thread.name))
        for thread in Path("/proc/self/task").iterdir()
    }
    for database in opened:
        database.close()
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert nice == {False: own, True: min(own + STEPS_BACK, 19)}
