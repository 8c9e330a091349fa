"""A power failure at any moment keeps every confirmed file: bytes, folder and catalog are synced before the answer.

Seen in the server's own system calls, and in a server started on what the disk would have kept.
"""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from fault.lost_power import Disk, Outcome
from fault.strace_log import Answer, Call, answers, command, read
from fault.uploaders import ABSENT, CONTESTED, Account, Change, Client, Way, content_of, start_uploaders
from serving import Server

SMALL_SIZES = (100, 4096, 0, 30_000, 1_300_000, 1000)
CONFIRMATIONS = 120

CONFIRMING = tuple(b"HTTP/1.1 %d" % status for status in (200, 201, 204, 404))
"""How answers to changes begin: 404 if there was nothing to remove."""

STEPS = ["write", "sync", "rename", "sync folder", "write index", "sync index"]
"""What has to be over before the next begins, and all of it before the answer."""


class Traced:
    """A server's run under strace from an empty folder to SIGKILL, and the account of its clients."""

    def __init__(self, data_dir: Path, log: Path, account: Account) -> None:
        self.data_dir = data_dir
        self.calls = read(log)
        self.account = account
        self._changes: dict[int, list[Change]] = {}
        for change in account.changes:
            self._changes.setdefault(change.port, []).append(change)
        self.answered: list[tuple[Answer, Change]] = []
        """The answers that confirm a change, in order, each with what it confirms."""
        for answer in answers(self.calls):
            if answer.port in self._changes and answer.data.startswith(CONFIRMING):
                self.answered.append((answer, self._changes[answer.port].pop(0)))
        assert len(self.answered) >= account.confirmed, "the trace lacks answers"

    def possible(self, moment: int) -> dict[str, set[str]]:
        """What each path may show if the power fails at this moment: what was confirmed last, or what came next."""
        seen: dict[str, set[str]] = {change.path: {ABSENT} for change in self.account.changes}
        seen[CONTESTED] = {change.version for change in self.account.changes if change.path == CONTESTED} | {ABSENT}
        waiting: dict[str, list[str]] = {path: [] for path in seen}
        for change in self.account.changes:
            waiting[change.path].append(change.version)
        for answer, change in self.answered:
            if answer.moment > moment:
                break
            if change.path == CONTESTED:
                seen[CONTESTED].discard(ABSENT)
            else:
                waiting[change.path].pop(0)
                seen[change.path] = {change.version}
        for path, versions in seen.items():
            versions.update(waiting[path][:1])
        return seen

    def steps(self, change: Change) -> Iterator[tuple[str, Call]]:
        """The way of an uploaded file to the disk, in the order of `STEPS`."""
        disk = Disk(self.data_dir, self.calls)
        disk.advance()
        ahead = iter(disk.history)
        wrote, beside = next((call, path) for call, path in ahead if f"{change.version} ".encode() in _written(call))
        yield "write", wrote
        synced = next(call for call, path in ahead if path == beside and _is_sync(call))
        yield "sync", synced
        renamed = next(call for call in self.calls if "rename" in call.name and call.strings[0] == beside.name.encode())
        yield "rename", renamed
        assert synced.left is not None
        assert renamed.left is not None
        yield (
            "sync folder",
            next(
                call for call, path in ahead if path == beside.parent and _is_sync(call) and call.entered > renamed.left
            ),
        )
        blob_id = beside.name.partition(".")[0].encode()
        logged, log = next((call, path) for call, path in ahead if blob_id in _written(call))
        assert log.name == "catalog.sqlite-wal"
        yield "write index", logged
        yield "sync index", next(call for call, path in ahead if path == log and _is_sync(call))


def _written(call: Call) -> bytes:
    return b"" if _is_sync(call) else b"".join(call.strings)


def _is_sync(call: Call) -> bool:
    return call.name in {"fsync", "fdatasync"}


@pytest.fixture(scope="module")
def lone(strace: str, tmp_path_factory: pytest.TempPathFactory) -> Traced:
    """A file that is stored over each way in, and then replaced, one request at a time."""
    folder = tmp_path_factory.mktemp("lone")
    server = Server(folder / "data", prefix=command(strace, folder / "log")).start()
    headers = server.login()
    account = Account()
    for way in Way:
        with Client(server, way, headers) as client:
            for version, status in ((f"{way}-first", 201), (f"{way}-second", 200)):
                change = Change(client.port, f"/{way}.bin", version)
                with account.changing(change):
                    assert client.put(change.path, content_of(version, 5000)) == status
    server.kill()
    return Traced(server.data_dir, folder / "log", account)


@pytest.mark.parametrize("number", range(4))
def test_bytes_folder_and_index_are_synced_one_after_the_other_before_the_answer(lone: Traced, number: int) -> None:
    answer, change = lone.answered[number]
    found = list(lone.steps(change))
    assert [name for name, _ in found] == STEPS
    ends = [call.left for _, call in found]
    begins = [call.entered for _, call in found[1:]] + [answer.moment]
    assert all(end is not None and end < begin for end, begin in zip(ends, begins, strict=True))


@pytest.fixture(scope="module")
def traced(strace: str, tmp_path_factory: pytest.TempPathFactory) -> Traced:
    """Five uploaders at work on a server that was killed after so many confirmations."""
    folder = tmp_path_factory.mktemp("traced")
    server = Server(folder / "data", prefix=command(strace, folder / "log")).start()
    account = Account()
    workers = start_uploaders(server, server.login(), account, "t", SMALL_SIZES)
    account.wait(CONFIRMATIONS)
    account.kill(server, workers)
    return Traced(server.data_dir, folder / "log", account)


@pytest.mark.parametrize("times", [1, pytest.param(20, marks=pytest.mark.slow)])
def test_no_confirmed_file_is_lost_or_torn_when_the_power_fails(
    traced: Traced, tmp_path: Path, chance: Random, times: int
) -> None:
    outcomes = [*Outcome] * times
    moments = [answer.moment for answer, _ in traced.answered]
    cuts = sorted([*chance.sample(moments[:-1], len(outcomes) - 1), moments[-1]])
    disk = Disk(traced.data_dir, traced.calls)
    for number, (cut, outcome) in enumerate(zip(cuts, outcomes, strict=True)):
        disk.advance(cut)
        rebuilt = tmp_path / f"{number}-{outcome.name.lower()}"
        disk.write_to(rebuilt, outcome, chance)
        account = Account()
        account.possible = traced.possible(cut)
        with Server(rebuilt) as server:
            account.check(server, server.login())
