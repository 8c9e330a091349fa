"""Many SIMs at once, from a table, into the catalog: looked at as a whole first, then written some at a time."""

import asyncio
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from minori.codec.simtable import Flaw, SimRow
from minori.errors import InvalidParameter, Overloaded
from minori.model.registry import Group, Session, Sim
from minori.service.sims import new_sim_id
from minori.storage.base import Catalog, Conflict, Insert

TOGETHER = 500
"""SIMs that are written in one transaction (our choice): a server beside waits that long to write."""

READ = 1000
"""Records that are read at once."""

TRIES = 5
PAUSE_SECONDS = 1.0
"""How often, and how far apart, a transaction is tried while others keep the catalog busy (our choice)."""


class Arrival(Struct, frozen=True):
    """A SIM that is to be written, with its session if it has one."""

    sim: Sim
    session: Session | None


class Plan(Struct, frozen=True):
    """What is to become of a table: new SIMs, how many are there already and stay as they are, and what is wrong."""

    arrivals: Sequence[Arrival]
    skipped: int
    flaws: Sequence[Flaw]


class _Known:
    """What the catalog holds already, and what the lines of the table before have taken."""

    def __init__(self, groups: Iterable[Group], sims: dict[str, tuple[str, str]], sessions: dict[str, str]) -> None:
        self.groups: dict[str, list[str]] = {}
        for group in groups:
            for name in {group.group_id, group.tags.get("name", group.group_id)}:
                self.groups.setdefault(name, []).append(group.group_id)
        self.sims = sims
        self.sim_ids = {sim_id for sim_id, _ in sims.values()}
        self.sessions = sessions
        self.lines: dict[str, int] = {}


async def plan(catalog: Catalog, operator_id: str, rows: Iterable[SimRow | Flaw], now: int) -> Plan:
    """Look at every line, and change nothing. `now` is UNIX ms. Raises what reading the table and the catalog raise.

    A SIM of the operator that has this IMSI already, and this SIM id if there is one, is left as it is.
    """
    known = await _read(catalog, operator_id)
    arrivals: list[Arrival] = []
    flaws: list[Flaw] = []
    skipped = 0
    for row in rows:
        if isinstance(row, Flaw):
            flaws.append(row)
            continue
        try:
            _claim(known, row)
            if _is_there(known, operator_id, row):
                skipped += 1
            else:
                arrivals.append(_arrival(known, operator_id, row, now))
        except InvalidParameter as error:
            flaws.append(Flaw(row.line, error.message))
    return Plan(arrivals, skipped, flaws)


async def carry_out(catalog: Catalog, arrivals: Sequence[Arrival], progress: Callable[[int], object]) -> None:
    """Write SIMs, `TOGETHER` at a time; `progress` is told how many became durable.

    What breaks off leaves the first ones; begun anew, it goes on behind them. Raises `InvalidParameter` where
    somebody else has taken a name meanwhile, and what the catalog raises.
    """
    for place in range(0, len(arrivals), TOGETHER):
        some = arrivals[place : place + TOGETHER]
        changes = [Insert(one.sim) for one in some]
        changes += [Insert(one.session) for one in some if one.session is not None]
        try:
            await _apply(catalog, changes)
        except Conflict as error:
            raise InvalidParameter(
                "Somebody else has changed SIMs or sessions meanwhile; import it again, and what is there is skipped"
            ) from error
        progress(len(some))


async def _apply(catalog: Catalog, changes: Sequence[Insert]) -> None:
    for left in reversed(range(TRIES)):
        try:
            return await catalog.apply(*changes)
        except Overloaded:
            if not left:
                raise
            await asyncio.sleep(PAUSE_SECONDS)
    raise AssertionError


async def _read(catalog: Catalog, operator_id: str) -> _Known:
    sims: dict[str, tuple[str, str]] = {}
    after = None
    while page := await catalog.find(Sim, after=after, limit=READ):
        sims.update({sim.imsi: (sim.sim_id, sim.operator_id) for sim in page})
        after = page[-1].sim_id
    sessions = {session.network: session.imsi for session in await catalog.find(Session)}
    return _Known(await catalog.find(Group, {"operator_id": operator_id}), sims, sessions)


def _claim(known: _Known, row: SimRow) -> None:
    """Refuse what an earlier line has, too."""
    for kind, name in (("IMSI", row.imsi), ("SIM id", row.sim_id), ("session", row.network)):
        if name is not None:
            line = known.lines.setdefault(f"{kind} {name}", row.line)
            if line != row.line:
                raise InvalidParameter(f"Line {line} has the same {kind}")


def _is_there(known: _Known, operator_id: str, row: SimRow) -> bool:
    sim_id, owner = known.sims.get(row.imsi, (None, None))
    if owner is None:
        return False
    if owner != operator_id or row.sim_id not in (None, sim_id):
        raise InvalidParameter(
            "A SIM with this IMSI is registered already, for another operator or with another SIM id"
        )
    return True


def _arrival(known: _Known, operator_id: str, row: SimRow, now: int) -> Arrival:
    if row.sim_id in known.sim_ids:
        raise InvalidParameter("A SIM with this SIM id is registered already, with another IMSI")
    if row.network is not None and known.sessions.get(row.network, row.imsi) != row.imsi:
        raise InvalidParameter(f"The session {row.network} is another SIM's already")
    sim = Sim(
        row.sim_id or _free_sim_id(known),
        row.imsi,
        operator_id,
        _group_id(known, row.group),
        row.status,
        dict(row.tags),
        now,
        now,
        type="uicc",
        speed_class=row.speed_class,
        serial_number=row.serial_number,
        subscription=row.subscription,
    )
    session = None if row.network is None or row.network in known.sessions else Session(row.network, row.imsi)
    return Arrival(sim, session)


def _group_id(known: _Known, named: str | None) -> str | None:
    if named is None:
        return None
    found = known.groups.get(named, [])
    if len(found) != 1:
        raise InvalidParameter(f"There is no group {named!r}" if not found else f"Several groups are called {named!r}")
    return found[0]


def _free_sim_id(known: _Known) -> str:
    """A SIM id that is nobody's, whatever lines are still to come."""
    sim_id = new_sim_id()
    while sim_id in known.sim_ids or f"SIM id {sim_id}" in known.lines:
        sim_id = new_sim_id()
    known.lines[f"SIM id {sim_id}"] = 0
    return sim_id
