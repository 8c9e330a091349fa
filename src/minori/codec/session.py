"""Sessions on the wire: the body that sets one, and how it is shown."""

from collections.abc import Mapping

from msgspec import Struct

from minori.codec.body import parse_body
from minori.errors import InvalidParameter
from minori.model.account import operator_of
from minori.model.registry import Session, Sim


class SimReference(Struct, frozen=True, rename="camel"):
    """A SIM by one of its names; the other one is `None`."""

    imsi: str | None = None
    sim_id: str | None = None


def parse_session(body: bytes) -> SimReference:
    """The SIM in `{"imsi":…}` or `{"simId":…}` (our own operation). Raises `InvalidParameter`."""
    wanted = parse_body(body, SimReference)
    if (wanted.imsi is None) == (wanted.sim_id is None):
        raise InvalidParameter('The body must name the SIM: {"imsi":"…"} or {"simId":"…"}, one of them')
    return wanted


def session_members(session: Session, sim: Sim) -> Mapping[str, str]:
    """A session as JSON has it."""
    return {
        "network": session.network,
        "imsi": session.imsi,
        "simId": sim.sim_id,
        "operatorId": operator_of(sim.account),
    }
