"""SIMs by their IMSIs, as subscribers (R8)."""

from minori.api import selection
from minori.api.services import Services
from minori.api.sims import SimView
from minori.codec.sim import subscriber_members
from minori.http.exchange import Answer, Call
from minori.service.sims import SimName

SUBSCRIBER = SimView(SimName.IMSI, "imsi", subscriber_members)


async def list_subscribers(services: Services, call: Call) -> Answer:
    """listSubscribers: the operator's subscribers in order of IMSI; the next key is the last IMSI."""
    return await SUBSCRIBER.listed(services, call, ("subscribers",), selection.sim_filter(call.request))


async def search_subscribers(services: Services, call: Call) -> Answer:
    """searchSubscribers: as `list_subscribers`, but what is sought is contained in the SIM's texts."""
    return await SUBSCRIBER.found(services, call, ("query", "subscribers"))
