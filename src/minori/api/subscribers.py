"""The list of subscribers, as far as clients need it to find their IMSIs (R8)."""

from minori.api import parameters
from minori.api.answers import page
from minori.api.services import Services
from minori.codec.entry import encode_json
from minori.http.exchange import Answer, Call
from minori.model.registry import Sim

LARGEST = 100
"""Subscribers on a page (documented)."""


async def list_subscribers(services: Services, call: Call) -> Answer:
    """listSubscribers: the operator's subscribers in order of IMSI; the next key is the last IMSI."""
    request = call.request
    limit = parameters.limit(request, LARGEST, LARGEST)
    after = request.query("last_evaluated_key") or ""
    found = services.registry.sims(call.principal.operator_id, after, limit + 1)
    next_key = found[limit - 1].imsi if len(found) > limit else None
    return page(encode_json([_shown(sim) for sim in found[:limit]]), request, ("subscribers",), next_key)


def _shown(sim: Sim) -> dict[str, object]:
    return {
        "imsi": sim.imsi,
        "simId": sim.sim_id,
        "operatorId": sim.operator_id,
        **({} if sim.group_id is None else {"groupId": sim.group_id}),
        "status": sim.status,
        "tags": sim.tags,
        "sessionStatus": {"online": sim.status == "active"},
        "createdAt": sim.created_time,
        "createdTime": sim.created_time,
        "lastModifiedAt": sim.last_modified_time,
        "lastModifiedTime": sim.last_modified_time,
    }
