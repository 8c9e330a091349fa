"""How a long job gives way."""

import asyncio
import time

import pytest
from msgspec.structs import replace

from minori.service import pace
from minori.service.pace import SLICE_SECONDS, Pace
from minori.storage.base import StoreStatus
from minori.storage.memory.entries import MemoryEntryStore


class BusyStore(MemoryEntryStore):
    """A store with so many writes waiting for the disk."""

    def __init__(self, waiting: int) -> None:
        super().__init__()
        self.waiting = waiting

    def status(self) -> StoreStatus:
        return replace(super().status(), waiting=self.waiting)


def work() -> None:
    time.sleep(5 * SLICE_SECONDS)


def turns_of_others(waiting: int) -> int:
    """How often another task had the loop during one rest."""

    async def story() -> int:
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        spinning = asyncio.create_task(other())
        await asyncio.sleep(0)
        rested = Pace(BusyStore(waiting))
        work()
        before = turns
        await rested.rest()
        spinning.cancel()
        return turns - before

    return asyncio.run(story())


def test_a_job_that_has_hardly_worked_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "SLICE_SECONDS", 1000)
    assert turns_of_others(waiting=1) == 0


def test_a_job_on_an_idle_server_gives_one_turn_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "BUSY", 1000)
    assert turns_of_others(waiting=0) == 1


def test_a_job_rests_for_long_while_devices_wait_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "BUSY", 1000)
    assert turns_of_others(waiting=1) > 3


def test_a_job_rests_for_long_when_others_need_the_loop_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "BUSY", 0)
    assert turns_of_others(waiting=0) > 3


@pytest.mark.parametrize("waiting", [0, 1])
def test_a_job_begins_a_new_slice_after_its_rest(waiting: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "SLICE_SECONDS", 0.05)

    async def story() -> None:
        rested = Pace(BusyStore(waiting))
        time.sleep(0.06)  # noqa: ASYNC251 - this is the work
        await rested.rest()
        others = asyncio.create_task(asyncio.sleep(0, "had a turn"))
        await rested.rest()
        assert not others.done()
        await others

    asyncio.run(story())
