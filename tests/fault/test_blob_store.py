"""A blob is whole and durable before its commit returns, and a disk that fails or is full confirms nothing it lost.

Seen in the system calls of a process that stores blobs, and in what it says.
"""

import asyncio
import json
import shutil
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from fault.blobs_at_work import SIZES, keep, pattern
from fault.lost_power import Disk, Outcome, contents
from fault.needs import lacking
from fault.strace_log import Call, command, read
from minori.storage.filesystem.blobs import open_blobs

AT_WORK = (sys.executable, str(Path(__file__).with_name("blobs_at_work.py")))


class Traced:
    """A process that committed a blob of each size and was killed: its calls, and when it told which id."""

    def __init__(self, root: Path, calls: list[Call]) -> None:
        self.root, self.calls = root, calls
        self.told: dict[int, tuple[str, int]] = {}
        """The id of the blob of each size, and the moment at which it was about to be told."""
        for call in calls:
            if call.name == "writev" and call.number == 1:
                line = msgspec.json.decode(call.strings[0])
                self.told[line["size"]] = line["id"], call.entered

    def disk(self) -> Disk:
        """The disk before the first call."""
        return Disk(self.root, self.calls)

    def kept(self, size: int, folder: Path, chance: Random) -> bytes | None:
        """What there is of a blob if the power fails as its commit returns and nothing unsynced is kept."""
        blob_id, moment = self.told[size]
        disk = self.disk()
        disk.advance(moment)
        disk.write_to(folder / "left", Outcome.SYNCED, chance)
        return contents(folder / "left").get(f"data/blobs/{blob_id[:2]}/{blob_id}")

    def way(self, blob_id: str) -> list[tuple[str, Call]]:
        """The steps of one blob to the disk, in order: `write`, `sync`, `rename`, `folder`."""
        disk = self.disk()
        disk.advance()
        steps = [
            ("rename", call) for call in self.calls if "rename" in call.name and call.strings[1] == blob_id.encode()
        ]
        (_, renamed) = steps[0]
        for call, path in disk.history:
            if path.name.startswith(blob_id):
                steps.append(("sync" if "sync" in call.name else "write", call))
            elif path.name == blob_id[:2] and call.thread == renamed.thread and call.entered > renamed.entered:
                steps.append(("folder", call))
        return sorted(steps, key=lambda step: step[1].entered)


@pytest.fixture(scope="module")
def traced(strace: str, tmp_path_factory: pytest.TempPathFactory) -> Traced:
    return trace(strace, tmp_path_factory.mktemp("blobs"), "commit")


def trace(strace: str, folder: Path, what: str) -> Traced:
    """Let a process commit blobs, in a new folder below `folder`, until it kills itself."""
    root, log = folder / "root", folder / "log"
    root.mkdir()
    subprocess.run((*command(strace, log), *AT_WORK, what, str(root / "data" / "blobs")), stdout=-1, check=False)
    found = Traced(root, read(log))
    assert sorted(found.told) == sorted(SIZES)
    return found


@pytest.mark.parametrize("size", SIZES)
def test_the_disk_would_keep_a_blob_whole_as_its_commit_returns(
    traced: Traced, size: int, tmp_path: Path, chance: Random
) -> None:
    assert traced.kept(size, tmp_path, chance) == pattern(size)


def test_what_a_start_cut_short_has_made_is_synced_before_a_blob_counts_on_it(
    strace: str, tmp_path: Path, chance: Random
) -> None:
    assert trace(strace, tmp_path, "resume").kept(4096, tmp_path, chance) == pattern(4096)


@pytest.mark.parametrize("size", SIZES)
def test_a_blob_is_synced_then_named_then_its_folder_is_synced(traced: Traced, size: int) -> None:
    blob_id, told = traced.told[size]
    way = traced.way(blob_id)
    names = [name for name, _ in way]
    assert names == ["write"] * names.count("write") + ["sync", "rename", "folder"]
    ends = [call.left for _, call in way]
    begins = [call.entered for _, call in way[1:]] + [told]
    assert all(end is not None and end < begin for end, begin in zip(ends, begins, strict=True))


def test_a_blob_is_whole_or_absent_whenever_the_power_fails(traced: Traced, tmp_path: Path, chance: Random) -> None:
    whole = {blob_id: pattern(size) for size, (blob_id, _) in traced.told.items()}
    moments = [call.entered for blob_id in whole for step, call in traced.way(blob_id) if step != "write"]
    disk = traced.disk()
    for cut in sorted(moments):
        disk.advance(cut)
        disk.write_to(tmp_path / "left", Outcome.TORN, chance)
        found = {Path(name).name: content for name, content in contents(tmp_path / "left").items()}
        assert [name for name in found if name in whole and found[name] != whole[name]] == []
        shutil.rmtree(tmp_path / "left")


class Failed:
    """A process whose disk began to fail at a sync or a write, and what it said."""

    def __init__(
        self, strace: str, folder: Path, failing: str, error: str, good: int, *, has_folders: bool = True
    ) -> None:
        self.blobs, log = folder / "blobs", folder / "log"
        asyncio.run(_begin(self.blobs))
        for number in range(256 if has_folders else 0):
            (self.blobs / f"{number:02x}").mkdir(exist_ok=True)
        self.before = self.files()
        inject = ("-e", f"inject={failing}:error={error}:when={good + 1}+")
        traced = command(strace, log, traced="fsync,fdatasync,write", options=inject)
        self.said, self.log = run((*traced, *AT_WORK, "fail", str(self.blobs)))
        self.calls = read(log)
        self.kept = [line["id"] for line in self.said if "id" in line]
        self.errors = [line["error"] for line in self.said if "error" in line]

    def files(self) -> set[str]:
        return {path.name for path in self.blobs.glob("*/*")}


async def _begin(blobs: Path) -> None:
    store = await open_blobs(f"file://{blobs}")
    await keep(store, 4096)
    await store.close()


def run(arguments: tuple[str, ...]) -> tuple[list[dict[str, Any]], str]:
    """The lines that a process said, and its log."""
    done = subprocess.run(arguments, capture_output=True, check=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


@pytest.fixture(scope="module", params=["file", "folder", "root", "full root"])
def unsynced(request: pytest.FixtureRequest, strace: str, tmp_path_factory: pytest.TempPathFactory) -> Failed:
    """A sync of the second blob of a thread fails: the file's, its folder's, or the one of the folder of a new folder.

    Each thread counts for itself. A new folder costs a sync more, and nearly every blob needs one.
    """
    good = 2 if request.param == "file" else 3
    error = "ENOSPC" if request.param == "full root" else "EIO"
    folder = tmp_path_factory.mktemp("unsynced")
    return Failed(strace, folder, "fsync", error, good, has_folders="root" not in request.param)


def test_a_failed_sync_ends_confirming(unsynced: Failed) -> None:
    assert unsynced.errors == ["StoreFailed"] * 4
    assert unsynced.kept
    assert unsynced.log.count("blob store failed") == 1
    assert any(reason in unsynced.log for reason in ("Input/output error", "No space left on device"))


def test_a_failed_sync_is_never_tried_again(unsynced: Failed) -> None:
    results = [call.result for call in unsynced.calls if call.name == "fsync"]
    assert results[-1] == -1
    assert set(results[:-1]) == {0}


def test_what_was_not_synced_is_thrown_away_and_the_rest_can_be_read(unsynced: Failed) -> None:
    assert {"read": [True] * len(unsynced.kept)} in unsynced.said
    assert {"listed": sorted(unsynced.before | set(unsynced.kept))} in unsynced.said
    assert unsynced.files() == unsynced.before | set(unsynced.kept)


@pytest.mark.parametrize(
    ("error", "name"), [("ENOSPC", "StorageFull"), ("EDQUOT", "StorageFull"), ("EIO", "StoreFailed")]
)
def test_a_refused_write_leaves_nothing_behind(strace: str, tmp_path: Path, error: str, name: str) -> None:
    failed = Failed(strace, tmp_path, "write", error, len("ab"))
    assert set(failed.errors) == {name}
    assert failed.files() == failed.before | set(failed.kept)


@pytest.fixture(scope="module")
def filled() -> list[dict[str, Any]]:
    """What was said on a disk of 8 MiB."""
    alone = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")
    try:
        subprocess.run((*alone, "mount -t tmpfs tmpfs /mnt"), check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        lacking("a small disk cannot be mounted here; install util-linux and allow user namespaces")
    said, _ = run((*alone, 'mount -t tmpfs -o size=8m tmpfs /mnt && exec "$@" fill /mnt/blobs', "sh", *AT_WORK))
    return said


def test_a_full_disk_takes_no_blob_and_frees_what_it_took(filled: list[dict[str, Any]]) -> None:
    first, large = filled[:2]
    assert first["kept"]
    assert large["large"]["error"] == "StorageFull"
    assert large["free"] == first["free"]


def test_of_many_blobs_on_a_full_disk_those_that_fit_are_whole(filled: list[dict[str, Any]]) -> None:
    many, listed = filled[2:4]
    assert set(many["whole"]) == {True}
    assert {refused["error"] for refused in many["refused"]} == {"StorageFull"}
    assert len(many["whole"]) + len(many["refused"]) == 16
    assert listed["listed"] == 1 + len(many["whole"])


def test_a_disk_with_room_again_takes_blobs_again(filled: list[dict[str, Any]]) -> None:
    first, *_, last = filled
    assert last["free"] == first["free"]
    assert "id" in last["again"]
