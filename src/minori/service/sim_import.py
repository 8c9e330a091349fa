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

    def groups_called(self, name: str | None) -> Sequence[str | None]:
        """The groups of this name or id; where none is named it is no group at all that is meant."""
        return [None] if name is None else self.groups.get(name, [])


async def plan(catalog: Catalog, account: str, rows: Iterable[SimRow | Flaw], now: int) -> Plan:
    """Look at every line, and change nothing. `now` is UNIX ms. Raises what reading the table and the catalog raise.

    A SIM of the account that has this IMSI already, and this SIM id if there is one, is left as it is.
    """
    known = await _read(catalog, account)
    arrivals: list[Arrival] = []
    flaws: list[Flaw] = []
    skipped = 0
    for row in rows:
        found = row if isinstance(row, Flaw) else _judge(known, account, row, now)
        if found is None:
            skipped += 1
        elif isinstance(found, Flaw):
            flaws.append(found)
        else:
            arrivals.append(found)
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


async def _read(catalog: Catalog, account: str) -> _Known:
    sims: dict[str, tuple[str, str]] = {}
    after = None
    while page := await catalog.find(Sim, after=after, limit=READ):
        sims.update({sim.imsi: (sim.sim_id, sim.account) for sim in page})
        after = page[-1].sim_id
    sessions = {session.network: session.imsi for session in await catalog.find(Session)}
    return _Known(await catalog.find(Group, {"account": account}), sims, sessions)


def _judge(known: _Known, account: str, row: SimRow, now: int) -> Arrival | Flaw | None:
    """What becomes of a line: a SIM, nothing if it is there already, or what is wrong with it."""
    claimed = _claim(known, row)
    if claimed is not None:
        return claimed
    sim_id, owner = known.sims.get(row.imsi, (None, None))
    if owner == account and row.sim_id in (None, sim_id):
        return None
    return _misfit(known, row, owner) or _arrival(known, account, row, now)


def _claim(known: _Known, row: SimRow) -> Flaw | None:
    """Refuse what an earlier line has, too."""
    for column, name in (("imsi", row.imsi), ("simId", row.sim_id), ("session", row.network)):
        line = row.line if name is None else known.lines.setdefault(f"{column} {name}", row.line)
        if line != row.line:
            return Flaw(row.line, f"Line {line} has the same one; remove one of the two lines", column)
    return None


def _misfit(known: _Known, row: SimRow, owner: str | None) -> Flaw | None:
    """What does not fit what there is."""
    if owner is not None:
        return Flaw(row.line, "A SIM with this IMSI is registered already, elsewhere or with another SIM id", "imsi")
    if row.sim_id in known.sim_ids:
        return Flaw(row.line, "A SIM with this SIM id is registered already, with another IMSI", "simId")
    if row.network is not None and known.sessions.get(row.network, row.imsi) != row.imsi:
        message = f"The session {row.network} is another SIM's already; minori session remove frees it"
        return Flaw(row.line, message, "session")
    groups = known.groups_called(row.group)
    if len(groups) != 1:
        what = f"Several groups are called {row.group!r}" if groups else f"There is no group {row.group!r}"
        return Flaw(row.line, f"{what}; give the id of one that there is", "group")
    return None


def _arrival(known: _Known, account: str, row: SimRow, now: int) -> Arrival:
    sim = Sim(
        row.sim_id or _free_sim_id(known),
        row.imsi,
        account,
        known.groups_called(row.group)[0],
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


def _free_sim_id(known: _Known) -> str:
    """A SIM id that is nobody's, whatever lines are still to come."""
    sim_id = new_sim_id()
    while sim_id in known.sim_ids or f"simId {sim_id}" in known.lines:
        sim_id = new_sim_id()
    known.lines[f"simId {sim_id}"] = 0
    return sim_id
