"""A sync stands between each lone request and its answer, seen in the server's own system calls."""

from pathlib import Path
from random import Random

import pytest

from fault.devices import CONFIRMED, Device, Door, Journal, Sent, payload
from fault.lost_power import Disk, Outcome, contents
from fault.strace_log import Answer, Call, answers, command, read
from serving import Server


class LoneRequests:
    """What the server did while one request at a time came in at each door."""

    def __init__(self, data_dir: Path, calls: list[Call], sent: dict[Door, tuple[Sent, tuple[bool, int]]]) -> None:
        self._data_dir, self._calls, self._sent = data_dir, calls, sent

    def answer(self, door: Door) -> Answer:
        """The answer that left through this door."""
        (found,) = [each for each in answers(self._calls) if (each.udp, each.port) == self._sent[door][1]]
        return found

    def syncs(self, door: Door) -> list[Call]:
        """The syncs of the payload's file that began after it was written, and were over before the answer left."""
        disk = Disk(self._data_dir, self._calls)
        disk.advance()
        kept = self._sent[door][0].kept.encode()
        wrote, log = next((call, path) for call, path in disk.history if kept in b"".join(call.strings))
        assert wrote.left is not None
        return [
            call
            for call, path in disk.history
            if path == log and call.name in {"fsync", "fdatasync"} and call.entered > wrote.left
            if call.left is not None and call.left < self.answer(door).moment
        ]

    def kept(self, door: Door, target: Path, chance: Random) -> list[str]:
        """The files that show the payload if the power fails as the answer leaves."""
        disk = Disk(self._data_dir, self._calls)
        disk.advance(self.answer(door).moment)
        disk.write_to(target, Outcome.SYNCED, chance)
        payload = self._sent[door][0].kept.encode()
        return [name for name, content in contents(target).items() if payload in content]


@pytest.fixture(scope="module")
def lone_requests(strace: str, tmp_path_factory: pytest.TempPathFactory) -> LoneRequests:
    folder = tmp_path_factory.mktemp("lone")
    server = Server(folder / "data", prefix=command(strace, folder / "log")).start()
    sent = {}
    for door in Door:
        device, one = Device(server, door), payload(door, f"lone{door}payload")
        assert Journal().send(device, one) == CONFIRMED
        sent[door] = one, device.address
        device.close()
    server.kill()
    return LoneRequests(server.data_dir, read(folder / "log"), sent)


@pytest.fixture(params=list(Door))
def door(request: pytest.FixtureRequest) -> Door:
    found: Door = request.param
    return found


def test_a_sync_follows_the_write_of_a_payload_and_precedes_its_answer(lone_requests: LoneRequests, door: Door) -> None:
    assert lone_requests.syncs(door) != []


def test_the_disk_would_keep_a_payload_as_its_answer_leaves(
    lone_requests: LoneRequests, door: Door, tmp_path: Path, chance: Random
) -> None:
    assert lone_requests.kept(door, tmp_path, chance) != []
