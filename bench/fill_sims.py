"""The many SIMs of a large registry: a table for `minori sim import`, and the addresses that they send from."""

from collections.abc import Iterable
from pathlib import Path

from bench.fill import imsi

SIMS = 100_000
SESSIONS = 10_000

SENDERS = 1_024
"""Addresses that the load comes from, each a session of its own."""

_APART = SIMS // SESSIONS
_HOSTS = 250
_NETWORK = 62_500


def address(session: int) -> str:
    """The address of the `session`-th session. The first one is that of whoever binds to none."""
    if session == 0:
        return "127.0.0.1"
    network, host = divmod(session, _NETWORK)
    return f"127.{32 + network}.{host // _HOSTS}.{host % _HOSTS + 1}"


def sender(session: int) -> str:
    """The IMSI of the SIM behind the `session`-th session."""
    return imsi(session * _APART)


def sources(senders: int = SENDERS) -> list[int]:
    """Sessions that the load comes from, spread over all of them; never the first one."""
    return [1 + number * ((SESSIONS - 1) // senders) for number in range(senders)]


def senders_alone() -> list[int]:
    """The numbers of the SIMs that the load comes from."""
    return [session * _APART for session in sources()]


def write_table(file: Path, numbers: Iterable[int] = range(SIMS)) -> None:
    """Write the SIMs of these numbers, all of the demo group; every tenth of all has a session."""
    _write(file, (_line(number, "" if number % _APART else address(number // _APART)) for number in numbers))


def write_senders(file: Path, sims: int) -> None:
    """Write the first so many SIMs, all of the demo group; each has a session, from the second one on."""
    _write(file, (_line(number, address(number + 1)) for number in range(sims)))


def _line(number: int, session: str) -> str:
    return f"{imsi(number)},pump {number},demo,{session},site {number % 100}"


def _write(file: Path, lines: Iterable[str]) -> None:
    file.write_text("\n".join(["imsi,name,group,session,tag:site", *lines]) + "\n")
