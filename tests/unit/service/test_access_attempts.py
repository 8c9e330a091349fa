"""How wrong guesses are slowed."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from minori.errors import CredentialsWrong, Overloaded, TooManyAttempts
from minori.service import attempts
from minori.service.attempts import Attempts, network_of

HERE, THERE = "192.0.2.1", "192.0.2.2"


class Gate:
    """Attempts on a clock that moves when somebody sleeps; notes how long each sleep was."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0
        self.slept: list[float] = []
        self.attempts = Attempts(self.clock, self.sleep)

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)

    async def guess(self, address: str = HERE) -> None:
        with pytest.raises(CredentialsWrong):
            async with self.attempts.turn(address):
                raise CredentialsWrong("wrong")

    async def succeed(self, address: str = HERE) -> None:
        async with self.attempts.turn(address):
            pass

    async def stay(self, address: str, until: asyncio.Event) -> None:
        async with self.attempts.turn(address):
            await until.wait()


def at_gate(story: Callable[[Gate], Awaitable[None]]) -> Callable[[], None]:
    def test() -> None:
        async def tell() -> None:
            await story(Gate())

        asyncio.run(tell())

    test.__name__ = story.__name__
    return test


@at_gate
async def test_five_wrong_guesses_are_free_and_then_each_doubles_the_delay_up_to_four_seconds(gate: Gate) -> None:
    for _ in range(12):
        await gate.guess()
    assert gate.slept == [0.25, 0.5, 1, 2, 4, 4, 4]


@at_gate
async def test_a_right_login_waits_for_nothing_of_its_own_and_forgives_nothing(gate: Gate) -> None:
    for _ in range(6):
        await gate.guess()
    await gate.succeed()
    assert gate.slept == [0.25]
    await gate.guess()
    assert gate.slept == [0.25, 0.5]


@at_gate
async def test_wrong_guesses_are_forgotten_after_five_minutes(gate: Gate) -> None:
    for _ in range(7):
        await gate.guess()
    gate.now += 300
    await gate.guess()
    assert gate.slept == [0.25, 0.5]


@at_gate
async def test_guesses_of_another_address_cost_nothing_here(gate: Gate) -> None:
    for _ in range(8):
        await gate.guess(THERE)
    gate.slept.clear()
    await gate.guess(HERE)
    assert gate.slept == []


@at_gate
async def test_guesses_at_once_take_turns(gate: Gate) -> None:
    await asyncio.gather(*[gate.guess() for _ in range(8)])
    assert gate.slept == [0.25, 0.5, 1]


@at_gate
async def test_a_login_waits_behind_a_wrong_guess_of_its_address(gate: Gate) -> None:
    for _ in range(5):
        await gate.guess()
    order: list[str] = []

    async def note(what: Awaitable[None], name: str) -> None:
        await what
        order.append(name)

    await asyncio.gather(note(gate.guess(), "wrong"), note(gate.succeed(), "right"), note(gate.succeed(THERE), "else"))
    assert order == ["else", "wrong", "right"]


@at_gate
async def test_hanging_up_on_a_wrong_guess_spares_the_next_one_nothing(gate: Gate) -> None:
    for _ in range(5):
        await gate.guess()

    async def never(seconds: float) -> None:
        await asyncio.Event().wait()

    gate.attempts._sleep = never
    hung_up = asyncio.ensure_future(gate.guess())
    for _ in range(3):
        await asyncio.sleep(0)
    hung_up.cancel()
    await asyncio.wait([hung_up])
    gate.attempts._sleep = gate.sleep
    await gate.guess()
    assert gate.slept == [0.25, 0.5]


@at_gate
async def test_some_may_wait_and_the_next_is_told_when_to_come_back(gate: Gate) -> None:
    leave = asyncio.Event()
    inside = [asyncio.ensure_future(gate.stay(HERE, leave)) for _ in range(attempts.WAITING + 1)]
    await asyncio.sleep(0)
    with pytest.raises(TooManyAttempts) as caught:
        await gate.succeed(HERE)
    assert caught.value.retry_after == 1
    await gate.succeed(THERE)
    leave.set()
    await asyncio.gather(*inside)
    await gate.succeed(HERE)


@at_gate
async def test_logins_of_all_addresses_are_bounded(gate: Gate) -> None:
    leave = asyncio.Event()
    inside = [asyncio.ensure_future(gate.stay(f"10.0.0.{number}", leave)) for number in range(256)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await gate.succeed()
    leave.set()
    await asyncio.gather(*inside)
    await gate.succeed()


@at_gate
async def test_addresses_that_gave_no_trouble_are_not_remembered(gate: Gate) -> None:
    await gate.succeed()
    assert not gate.attempts._sources


def test_the_address_not_heard_of_longest_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "ADDRESSES", 2)

    async def story() -> None:
        gate = Gate()
        leave = asyncio.Event()
        inside = asyncio.ensure_future(gate.stay("10.0.0.1", leave))
        await asyncio.sleep(0)
        for number in (2, 3, 4):
            await gate.guess(f"10.0.0.{number}")
        assert list(gate.attempts._sources) == ["10.0.0.1", "10.0.0.4"]
        leave.set()
        await inside

    asyncio.run(story())


@at_gate
async def test_a_clock_that_was_set_back_delays_by_no_more_than_the_longest_delay(gate: Gate) -> None:
    for _ in range(6):
        await gate.guess()
    gate.now -= 3600
    await gate.succeed()
    assert gate.slept == [0.25, 4]


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::"),
        ("2001:db8:0:0:ffff::1", "2001:db8::"),
        ("2001:db8:0:1::1", "2001:db8:0:1::"),
        ("fe80::1%eth0", "fe80::"),
        ("a socket", "a socket"),
        ("", ""),
    ],
)
def test_an_ipv6_network_of_64_bits_counts_as_one(address: str, network: str) -> None:
    assert network_of(address) == network
