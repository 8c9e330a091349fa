"""Sessions: which address or network is which SIM. A device is known by where its packets come from.

An operator sets sessions for its own SIMs. Nobody may take another operator's devices over: a network that
another operator's session overlaps is refused. Whoever runs the server may set any, with `set_session`.
Loopback is for trying things out on the server itself, and may be divided.
"""

import asyncio
from collections.abc import Sequence

from minori.codec.network import parse_network
from minori.codec.session import SimReference
from minori.errors import InvalidParameter, NotFound
from minori.model.registry import Session, Sim
from minori.service.registry import Registry
from minori.service.views import Views
from minori.storage.base import Catalog, Put, Remove


class SessionService:
    """The sessions of all operators; each sees its own alone. A network is given as text, in any form."""

    def __init__(self, registry: Registry, views: Views) -> None:
        self._registry = registry
        self._views = views
        self._turn = asyncio.Lock()

    async def put(self, account: str, text: str, wanted: SimReference) -> tuple[Session, Sim, bool]:
        """Let a network be a SIM, in place of the one it is; the last one tells whether it was none.

        Raises `InvalidParameter` for what is no network, or overlaps another operator's, and `NotFound` for a SIM
        that is not the operator's.
        """
        network = parse_network(text)
        sim = self._sim(account, wanted)
        session = Session(str(network), sim.imsi)
        async with self._turn:
            is_taken = self._registry.is_taken(account, session.network)
            if is_taken or (not network.is_loopback and self._registry.others_at(account, network)):
                raise InvalidParameter(
                    "The network overlaps a session of another operator; choose another one, or let whoever runs the"
                    " server set it with `minori session set`"
                )
            created = self._registry.session(account, session.network) is None
            await self._views.apply(Put(session))
        return session, sim, created

    def get(self, account: str, text: str) -> tuple[Session, Sim]:
        """The session of exactly this network. Raises `NotFound`, and `InvalidParameter` for what is no network."""
        found = self._registry.session(account, str(parse_network(text)))
        if found is None:
            raise _absent()
        return found

    def page(self, account: str, after: str, limit: int) -> Sequence[tuple[Session, Sim]]:
        """The operator's sessions in order of the text of their networks, beyond `after`."""
        return self._registry.sessions(account, after, limit)

    async def delete(self, account: str, text: str) -> None:
        """Let a network be no SIM. Raises as `get` does."""
        async with self._turn:
            session, _ = self.get(account, text)
            await self._views.apply(Remove(session))

    def _sim(self, account: str, wanted: SimReference) -> Sim:
        if wanted.imsi is not None:
            sim = self._registry.sim_by_imsi(account, wanted.imsi)
        else:
            sim = self._registry.sim(account, wanted.sim_id or "")
        if sim is None:
            raise _no_sim(wanted)
        return sim


async def set_session(catalog: Catalog, text: str, wanted: SimReference) -> Session:
    """Let a network be a SIM, of any operator, whatever it was before.

    Raises `NotFound` for a SIM that there is not, `InvalidParameter` for what is no network.
    """
    network = str(parse_network(text))
    where = {"imsi": wanted.imsi} if wanted.imsi is not None else {"sim_id": wanted.sim_id}
    sims = await catalog.find(Sim, where, limit=1)
    if not sims:
        raise _no_sim(wanted)
    session = Session(network, sims[0].imsi)
    await catalog.apply(Put(session))
    return session


async def remove_session(catalog: Catalog, text: str) -> Session:
    """Let a network be no SIM, and return what it was. Raises `NotFound`, `InvalidParameter`."""
    session = await catalog.get(Session, str(parse_network(text)))
    if session is None:
        raise _absent()
    await catalog.apply(Remove(session))
    return session


def _absent() -> NotFound:
    return NotFound("There is no session of exactly this network")


def _no_sim(wanted: SimReference) -> NotFound:
    return NotFound(f"There is no SIM with this {'IMSI' if wanted.imsi is not None else 'SIM id'}")
