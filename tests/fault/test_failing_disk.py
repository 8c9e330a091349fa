"""A disk that fails stops every confirmation, loudly, and takes nothing back that was confirmed."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from fault.devices import CONFIRMED, Device, Door, Journal, payload, read_all
from fault.strace_log import command
from serving import Server

GOOD_CALLS = 40
"""How many syncs or writes of one thread succeed, more than a start needs."""

LOGS = range(100)
"""Numbers of RocksDB's log files in a young data directory."""


class Failed:
    """A server whose disk failed while a device was sending, and what had been confirmed until then."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.headers = server.login()
        self.journal = Journal()
        device = Device(server, Door.HTTP)
        for number in range(3 * GOOD_CALLS):
            self.answer = self.journal.send(device, payload(Door.HTTP, f"n{number}"))
            if self.answer != CONFIRMED:
                break
        device.close()


@pytest.fixture(scope="module", params=["sync", "space"])
def failed(request: pytest.FixtureRequest, strace: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Failed]:
    folder: Path = tmp_path_factory.mktemp("failed")
    when = f"when={GOOD_CALLS}+"
    options: tuple[str, ...]
    if request.param == "sync":
        traced, options = "fsync,fdatasync", ("-e", f"inject=fsync,fdatasync:error=EIO:{when}")
    else:
        logs = [option for n in LOGS for option in ("-P", str(folder / f"data/entries/{n:06}.log"))]
        traced, options = "write", ("-e", f"inject=write:error=ENOSPC:{when}", *logs)
    server = Server(folder / "data", prefix=command(strace, folder / "log", traced=traced, options=options))
    yield Failed(server.start())
    server.kill()


def test_a_failing_disk_refuses_the_first_payload_it_did_not_keep(failed: Failed) -> None:
    assert failed.answer == b"503"
    assert len(failed.journal.confirmed) > GOOD_CALLS // 2


@pytest.mark.parametrize("door", list(Door))
def test_no_door_confirms_after_the_disk_has_failed(failed: Failed, door: Door) -> None:
    device = Device(failed.server, door)
    assert [failed.journal.send(device, payload(door, f"{door}{n}"))[:3] for n in range(3)] == [b"503"] * 3
    device.close()


def test_health_says_that_the_disk_has_failed(failed: Failed) -> None:
    assert httpx.get(f"{failed.server.url}/healthz", timeout=30).status_code == 503


def test_the_log_says_why_nothing_is_confirmed(failed: Failed) -> None:
    assert "The entry store could not be" in failed.server.stderr
    assert any(reason in failed.server.stderr for reason in ("Input/output error", "No space left on device"))


def test_what_was_confirmed_can_be_read_after_the_disk_has_failed(failed: Failed) -> None:
    failed.journal.check(read_all(failed.server, failed.headers))


def test_what_was_confirmed_is_there_once_the_disk_is_mended(failed: Failed) -> None:
    failed.server.kill()
    with Server(failed.server.data_dir) as mended:
        failed.journal.check(read_all(mended, mended.login()))
        device = Device(mended, Door.STREAM)
        assert failed.journal.send(device, payload(Door.STREAM, "mended")) == CONFIRMED
        device.close()
