"""A power failure loses nothing that was confirmed, though sealing writes to the log what nobody waits for.

The process of the kill test is traced; its folder is rebuilt as it would be found if the power had failed as a
confirmation left, and must hold all that was confirmed by then.
"""

import asyncio
import subprocess
from pathlib import Path
from random import Random

import pytest

from fault.lost_power import Disk, Outcome
from fault.strace_log import Call, command, read
from fault.test_entries_kill import AT_WORK, Confirmed, check

CONFIRMED = 150
"""How many confirmations the traced process lives to see."""

FIRST = 4
"""Confirmations after a log was begun: some may be of the one before, one is of the new one's first batch."""


class Traced:
    """A run of the process, from an empty folder to its end."""

    def __init__(self, folder: Path, log: Path) -> None:
        self.folder = folder
        self.calls = read(log)
        lines = [call for call in self.calls if call.name == "write" and call.number == 1]
        self.confirmed = [(call.entered, b"".join(call.strings)) for call in lines]
        """The moments at which confirmations left, and what they said."""
        births = [call.entered for call in self.calls if _makes_log(call)]
        self.first_in_logs = [[moment for moment, _ in self.confirmed if moment > birth][:FIRST] for birth in births]
        """The moments of the first confirmations after a log file was begun."""


def _makes_log(call: Call) -> bool:
    is_new = call.name == "openat" and "O_CREAT" in call.arguments
    return (is_new or call.name.startswith("rename")) and call.strings[-1].endswith(b".log")


@pytest.fixture(scope="module")
def traced(strace: str, tmp_path_factory: pytest.TempPathFactory) -> Traced:
    folder = tmp_path_factory.mktemp("traced")
    work = (*command(strace, folder / "log"), *AT_WORK, str(folder / "entries"), "1")
    process = subprocess.Popen(work, stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process, process.stdout as stdout:
        for _ in range(CONFIRMED):
            assert stdout.readline()
        process.kill()
    return Traced(folder / "entries", folder / "log")


@pytest.mark.parametrize("times", [2, pytest.param(40, marks=pytest.mark.slow)])
def test_what_was_confirmed_is_there_after_a_power_failure(
    traced: Traced, tmp_path: Path, chance: Random, times: int
) -> None:
    assert len(traced.first_in_logs) > 4
    assert any(call.name.startswith("rename") for call in traced.calls if _makes_log(call)), "no log is written over"
    rotated = {moment for first in chance.sample(traced.first_in_logs, min(2 * times, 5)) for moment in first}
    cuts = sorted(rotated | {moment for moment, _ in chance.sample(traced.confirmed, times)})
    disk = Disk(traced.folder, traced.calls)
    for number, cut in enumerate(cuts):
        disk.advance(cut)
        rebuilt = tmp_path / str(number)
        outcome = Outcome.SYNCED if cut in rotated else chance.choice((Outcome.SYNCED, Outcome.TORN))
        disk.write_to(rebuilt, outcome, chance)
        confirmed = Confirmed(1, [line for moment, line in traced.confirmed if moment <= cut])
        asyncio.run(check(rebuilt, confirmed, chance))
