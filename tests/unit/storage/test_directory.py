"""The data directory: who may hold it, what it must look like, and what it says when it cannot be used."""

import errno
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from minori import __version__
from minori.errors import DataDirectoryBroken, DataDirectoryBusy, FormatTooNew
from minori.storage.directory import FORMAT, DataDirectory, visit

HOLD = """
import sys
from minori.storage.directory import DataDirectory
with DataDirectory(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def holder(folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Another process that holds `folder` until its standard input ends."""
    command = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def refusal(folder: Path, error: type[Exception] = DataDirectoryBroken) -> str:
    with pytest.raises(error) as refused:
        DataDirectory(folder)
    return str(refused.value)


@pytest.mark.usefixtures("no_umask")
def test_a_new_directory_is_its_owners_alone(folder: Path) -> None:
    with DataDirectory(folder / "deep" / "down"):
        assert mode(folder / "deep" / "down") == 0o700


def test_a_new_directory_says_its_format_and_who_wrote_it(folder: Path) -> None:
    with DataDirectory(folder):
        assert (folder / "format.json").read_text() == '{"format": 2, "minori": "%s"}\n' % __version__


def test_an_existing_empty_directory_is_taken_and_keeps_its_rights(folder: Path) -> None:
    folder.mkdir(0o750)
    with DataDirectory(folder):
        assert mode(folder) == 0o750


def test_a_directory_opens_again_after_it_was_closed(folder: Path) -> None:
    DataDirectory(folder).close()
    directory = DataDirectory(folder)
    directory.close()
    directory.close()


def test_everything_kept_is_inside(folder: Path) -> None:
    with DataDirectory(str(folder)) as directory:
        assert {directory.entries.parent, directory.catalog.parent, directory.credentials.parent} == {folder}


def test_a_second_process_is_refused_with_the_pid_of_the_first(folder: Path, holder: "subprocess.Popen[bytes]") -> None:
    assert refusal(folder, DataDirectoryBusy) == (
        f"The data directory {folder} is in use by process {holder.pid}; "
        "stop that one first, or choose another --data-dir"
    )


def test_a_directory_is_free_once_its_holder_was_killed(folder: Path, holder: "subprocess.Popen[bytes]") -> None:
    holder.kill()
    holder.wait()
    DataDirectory(folder).close()


def test_a_second_opening_in_one_process_is_refused_too(folder: Path) -> None:
    with DataDirectory(folder):
        assert f"in use by process {os.getpid()};" in refusal(folder, DataDirectoryBusy)


def test_a_holder_whose_pid_cannot_be_read_is_another_process(folder: Path) -> None:
    with DataDirectory(folder):
        (folder / "minori.lock").write_bytes(b"%s")
        assert "in use by another process;" in refusal(folder, DataDirectoryBusy)


def test_a_refused_opening_lets_go_of_the_lock(folder: Path) -> None:
    DataDirectory(folder).close()
    stamp = (folder / "format.json").read_bytes()
    (folder / "format.json").write_bytes(b"{}")
    refusal(folder)
    (folder / "format.json").write_bytes(stamp)
    DataDirectory(folder).close()


def test_a_newer_format_is_refused_politely(folder: Path) -> None:
    DataDirectory(folder).close()
    stamp = {"format": FORMAT + 1, "minori": "9.8.7", "sealed": True}
    (folder / "format.json").write_bytes(msgspec.json.encode(stamp))
    message = refusal(folder, FormatTooNew)
    assert "has format 3 and was written by Minori 9.8.7" in message
    assert "start Minori 9.8.7 or newer" in message
    assert msgspec.json.decode((folder / "format.json").read_bytes()) == stamp


def test_an_older_format_becomes_this_one(folder: Path) -> None:
    folder.mkdir()
    (folder / "format.json").write_text('{"format": 1, "minori": "0.0.1"}')
    visit(folder)
    assert msgspec.json.decode((folder / "format.json").read_bytes())["format"] == 1
    DataDirectory(folder).close()
    assert msgspec.json.decode((folder / "format.json").read_bytes()) == {"format": FORMAT, "minori": __version__}


@pytest.mark.parametrize(
    "stamp",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        b'{"format": 0, "minori": "1"}',
        b'{"format": "1", "minori": "1"}',
        b'{"format": 1, "minori": "a\\nb"}',
        b'{"format": 1',
        b"[" * 5000,
    ],
)
def test_a_stamp_that_says_no_format_is_refused(folder: Path, stamp: bytes) -> None:
    folder.mkdir()
    (folder / "format.json").write_bytes(stamp)
    message = refusal(folder)
    assert message.startswith(f"{folder}/format.json does not say which format")
    assert message.endswith("put it back from a backup")


def test_nothing_is_written_into_a_folder_with_files_of_somebody_else(folder: Path) -> None:
    folder.mkdir()
    (folder / "letter.txt").touch()
    assert "('letter.txt' is one of them)" in refusal(folder)
    assert [entry.name for entry in folder.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize("left", ["minori.lock", "format.json.new", "lost+found"])
def test_what_a_first_start_that_was_cut_short_left_behind_is_no_hindrance(folder: Path, left: str) -> None:
    folder.mkdir()
    (folder / left).touch()
    with DataDirectory(folder):
        assert (folder / "format.json").exists()


@pytest.mark.parametrize("name", ["minori.lock", "format.json"])
def test_a_link_in_place_of_an_own_file_is_refused(folder: Path, name: str) -> None:
    DataDirectory(folder).close()
    (folder / name).unlink()
    (folder / name).symlink_to("/dev/null")
    assert "choose a --data-dir without links" in refusal(folder)


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "choose a --data-dir that is a folder" in refusal(tmp_path / "file")
    assert "choose a --data-dir that is a folder" in refusal(tmp_path / "file" / "data")


def test_a_place_where_nobody_may_write_is_refused_with_the_next_step() -> None:
    assert "give the user who runs Minori the right to write there" in refusal(Path("/sys/minori"))


def test_a_name_that_is_too_long_is_refused(tmp_path: Path) -> None:
    assert "choose a --data-dir with a shorter name" in refusal(tmp_path / ("x" * 300))


def test_a_full_disk_is_named_and_nothing_half_written_stays(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), descriptor)

    with monkeypatch.context() as fault:
        fault.setattr(os, "fsync", full)
        assert "free some space on that disk" in refusal(folder)
    assert [entry.name for entry in folder.iterdir()] == ["minori.lock"]
    DataDirectory(folder).close()


@pytest.mark.usefixtures("no_umask")
def test_the_credentials_file_is_its_owners_alone_from_its_first_byte(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    sync = os.fsync

    def watching(descriptor: int) -> None:
        seen.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        sync(descriptor)

    with DataDirectory(folder) as directory:
        monkeypatch.setattr(os, "fsync", watching)
        assert directory.write_credentials(b"{}")
    assert seen == [0o600, 0o700]
    assert mode(folder / "root-credentials.json") == 0o600
    assert (folder / "root-credentials.json").read_bytes() == b"{}"


def test_credentials_that_exist_are_never_overwritten(folder: Path) -> None:
    with DataDirectory(folder) as directory:
        directory.credentials.write_bytes(b"first")
        assert not directory.write_credentials(b"second")
        assert directory.credentials.read_bytes() == b"first"


def test_a_leftover_of_a_start_that_was_cut_short_does_not_widen_the_rights(folder: Path) -> None:
    with DataDirectory(folder) as directory:
        leftover = folder / "root-credentials.json.new"
        leftover.touch(0o666)
        directory.write_credentials(b"{}")
        assert mode(directory.credentials) == 0o600
        assert not leftover.exists()


def test_a_disk_that_refuses_the_credentials_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO), descriptor)

    with DataDirectory(folder) as directory:
        monkeypatch.setattr(os, "fsync", failing)
        with pytest.raises(DataDirectoryBroken, match="the disk is failing"):
            directory.write_credentials(b"{}")
        assert not directory.credentials.exists()


def test_a_visit_goes_beside_a_holder_and_makes_nothing(folder: Path) -> None:
    with DataDirectory(folder) as directory:
        before = sorted(folder.iterdir())
        visited = visit(folder)
        assert (visited.entries, visited.catalog, visited.blobs) == (
            directory.entries,
            directory.catalog,
            directory.blobs,
        )
        assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("what", ["absent", "empty", "file"])
def test_a_visit_to_what_is_no_data_directory_is_refused(folder: Path, what: str) -> None:
    if what == "empty":
        folder.mkdir()
    elif what == "file":
        folder.touch()
    with pytest.raises(DataDirectoryBroken, match="is no data directory of Minori"):
        visit(folder)
    assert not folder.is_dir() or list(folder.iterdir()) == []


def test_a_visit_to_a_newer_directory_is_refused(folder: Path) -> None:
    DataDirectory(folder).close()
    (folder / "format.json").write_text('{"format": 99, "minori": "99.0"}')
    with pytest.raises(FormatTooNew):
        visit(folder)


def test_a_visit_of_another_user_is_refused_with_the_users_number(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    DataDirectory(folder).close()
    user = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: user + 1)
    with pytest.raises(DataDirectoryBroken, match=f"belongs to user {user}, and this is user {user + 1}"):
        visit(folder)
