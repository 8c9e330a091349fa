"""A confirmation is told to everyone who waits for it, whatever one of them does."""

import asyncio
from typing import Any

import pytest

from minori.errors import StoreFailed
from minori.storage.base import Confirmation


def test_all_who_wait_are_called_in_their_order_once_it_is_known() -> None:
    confirmation, told = Confirmation(), list[str]()
    confirmation.then(lambda _: told.append("a"))
    confirmation.then(lambda _: told.append("b"))
    assert (told, confirmation.is_known) == ([], False)
    confirmation.settle()
    assert told == ["a", "b"]
    assert (confirmation.is_known, confirmation.failure) == (True, None)


def test_who_comes_when_it_is_known_is_called_at_once() -> None:
    confirmation, told = Confirmation(), list[Confirmation]()
    confirmation.settle(StoreFailed("The disk is full"))
    confirmation.then(told.append)
    assert told == [confirmation]


def test_who_comes_while_others_are_called_is_called_too() -> None:
    confirmation, told = Confirmation(), list[Confirmation]()
    confirmation.then(lambda known: known.then(told.append))
    confirmation.settle()
    assert told == [confirmation]


def test_the_fault_of_one_does_not_hold_up_the_others() -> None:
    async def main() -> None:
        troubles: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, trouble: troubles.append(trouble))
        confirmation, told = Confirmation(), list[Confirmation]()
        fault = RuntimeError("a fault of ours")

        def stumble(_: Confirmation) -> None:
            raise fault

        confirmation.then(stumble)
        confirmation.then(told.append)
        confirmation.settle()
        confirmation.then(stumble)
        assert told == [confirmation]
        assert [trouble["exception"] for trouble in troubles] == [fault, fault]

    asyncio.run(main())


def test_to_give_up_waiting_harms_nobody() -> None:
    async def main() -> None:
        confirmation = Confirmation()
        impatient, patient = (asyncio.ensure_future(confirmation.durable()) for _ in range(2))
        await asyncio.sleep(0)
        impatient.cancel()
        await asyncio.sleep(0)
        confirmation.settle()
        await patient
        await confirmation.durable()
        assert impatient.cancelled()

    asyncio.run(main())


def test_everyone_gets_an_error_of_his_own_with_the_cause_of_the_first() -> None:
    async def main() -> None:
        cause, failure = OSError("No space left on device"), StoreFailed("The entry store could not be synced")
        failure.__cause__ = cause
        confirmation = Confirmation()
        waiting = [asyncio.ensure_future(confirmation.durable()) for _ in range(2)]
        await asyncio.sleep(0)
        confirmation.settle(failure)
        raised = await asyncio.gather(*waiting, return_exceptions=True)
        assert len({id(error) for error in (*raised, failure)}) == 3
        for error in raised:
            assert isinstance(error, StoreFailed)
            assert (error.message, error.__cause__) == (failure.message, cause)

    asyncio.run(main())


@pytest.mark.parametrize("failure", [None, StoreFailed("The disk is full")])
def test_to_know_it_is_not_to_be_told_by_an_error(failure: StoreFailed | None) -> None:
    async def main() -> None:
        confirmation = Confirmation()
        confirmation.settle(failure)
        await confirmation.known()

    asyncio.run(main())
