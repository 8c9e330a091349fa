"""A power failure at any moment loses nothing that was confirmed by then.

The server's writes are traced; the folder is rebuilt as it would be found if the power had failed as a
confirmation left; a server started there shows every entry confirmed by then.
"""

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from fault.devices import CONFIRMED, Device, Door, Journal, payload, read_all, start_writers
from fault.lost_power import Disk, Outcome, contents
from fault.strace_log import Call, answers, command, read
from serving import Server

CHANGES = {"write", "pwrite64", "fsync", "fdatasync", "rename", "mkdir", "unlink"}
CREDENTIALS = b"root-credentials.json"


class Traced:
    """A server's run under strace, from an empty folder to SIGKILL, and the journal of its devices."""

    def __init__(self, data_dir: Path, log: Path, journal: Journal) -> None:
        self.data_dir = data_dir
        self.calls = read(log)
        self.journal = journal
        self.confirmed: list[tuple[int, str]] = []
        """The moments at which confirmations left, and the values they confirmed."""
        seen = Counter[tuple[bool, int]]()
        for answer in answers(self.calls):
            address = answer.udp, answer.port
            if address in journal.connections:
                value = journal.connections[address][seen[address]]
                seen[address] += 1
                if answer.data.removeprefix(b"HTTP/1.1 ").startswith(CONFIRMED):
                    self.confirmed.append((answer.moment, value))
        assert journal.confirmed <= {value for _, value in self.confirmed}, "the trace lacks answers"

    def disk(self) -> Disk:
        """The disk before the first call."""
        return Disk(self.data_dir, self.calls)

    def survives(self, outcomes: list[Outcome], folder: Path, chance: Random) -> None:
        """Fail the power at confirmations that chance picks, the last one among them, once for each outcome."""
        cuts = sorted(moment for moment, _ in [*chance.sample(self.confirmed, len(outcomes) - 1), self.confirmed[-1]])
        disk = self.disk()
        for number, (cut, outcome) in enumerate(zip(cuts, outcomes, strict=True)):
            disk.advance(cut)
            rebuilt = folder / f"{number}-{outcome.name.lower()}"
            disk.write_to(rebuilt, outcome, chance)
            with Server(rebuilt) as server:
                must = {value for moment, value in self.confirmed if moment <= cut}
                self.journal.check(read_all(server, server.login()), must)


@pytest.fixture(scope="module")
def traced(strace: str, tmp_path_factory: pytest.TempPathFactory) -> Traced:
    """Eight writers at work on a server that was killed after 300 confirmations."""
    folder = tmp_path_factory.mktemp("traced")
    server = Server(folder / "data", prefix=command(strace, folder / "log")).start()
    journal = Journal()
    writers = start_writers(server, journal, "")
    journal.wait(300)
    server.kill()
    for writer in writers:
        writer.end()
    return Traced(server.data_dir, folder / "log", journal)


def test_the_trace_shows_every_write(traced: Traced, tmp_path: Path, chance: Random) -> None:
    disk = traced.disk()
    disk.advance()
    disk.write_to(tmp_path / "rebuilt", Outcome.WHOLE, chance)
    assert contents(tmp_path / "rebuilt") == contents(traced.data_dir)


@pytest.mark.parametrize("times", [1, pytest.param(20, marks=pytest.mark.slow)])
def test_nothing_confirmed_is_lost_when_the_power_fails(
    traced: Traced, tmp_path: Path, chance: Random, times: int
) -> None:
    traced.survives([*Outcome] * times, tmp_path, chance)


@pytest.mark.parametrize("times", [2, pytest.param(40, marks=pytest.mark.slow)])
def test_a_first_start_cut_short_by_a_power_failure_is_taken_up_by_the_next(
    traced: Traced, tmp_path: Path, chance: Random, times: int
) -> None:
    changes = [call for call in traced.calls if call.name in CHANGES]
    ready = next(at for at, call in enumerate(changes) if b"minori ready" in b"".join(call.strings))
    kept = next(
        at for at, call in enumerate(changes) if call.name == "rename" and call.strings[1].endswith(CREDENTIALS)
    )
    # The sync of the folder follows, and then the operator is made whose credentials these are.
    moments = [changes[kept + 2].entered, *(call.entered for call in chance.sample(changes[:ready], times - 1))]
    disk = traced.disk()
    for number, cut in enumerate(sorted(moments)):
        disk.advance(cut)
        rebuilt = tmp_path / str(number)
        disk.write_to(rebuilt, chance.choice(list(Outcome)), chance)
        with Server(rebuilt) as server:
            assert read_all(server, server.login()) == []


@pytest.mark.parametrize("times", [1, pytest.param(10, marks=pytest.mark.slow)])
def test_nothing_confirmed_is_lost_when_the_power_fails_after_the_log_has_rotated(
    strace: str, tmp_path: Path, chance: Random, times: int
) -> None:
    large = {"MINORI_LIMITS_PAYLOAD_BYTES": "1048576"}
    server = Server(tmp_path / "data", prefix=command(strace, tmp_path / "log"), environment=large).start()
    journal = Journal()
    devices = {door: Device(server, door) for door in Door}
    for number in range(18):
        assert journal.send(devices[Door.HTTP], payload(Door.HTTP, f"large{number}", 1_000_000)) == CONFIRMED
        for door in (Door.STREAM, Door.DATAGRAM):
            assert journal.send(devices[door], payload(door, f"{door}{number}")) == CONFIRMED
    for device in devices.values():
        device.close()
    server.kill()
    traced = Traced(server.data_dir, tmp_path / "log", journal)
    assert len({call.strings[0] for call in traced.calls if call.name == "openat" and _is_log(call)}) > 1
    traced.survives([Outcome.SYNCED, Outcome.TORN] * times, tmp_path, chance)


def _is_log(call: Call) -> bool:
    return call.strings[0].endswith(b".log") and b"/entries/0" in call.strings[0] and "O_CREAT" in call.arguments
