"""SIMs over REST. One SIM is seen by its SIM id or, as a subscriber, by its IMSI: the same operations twice."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from minori.api import parameters, selection
from minori.api.answers import EMPTY, page
from minori.api.services import Services
from minori.codec.entry import encode_json
from minori.codec.registration import parse_membership, parse_registration, parse_virtual_sim
from minori.codec.sim import sim_members
from minori.codec.tags import parse_tags
from minori.http.exchange import Answer, Call
from minori.model.registry import Sim, SimStatus
from minori.model.selection import SimFilter, SimPage
from minori.service.sims import SimName

LARGEST = 100
"""SIMs on a page, and as many without a limit (documented)."""

FOUND = 10
"""SIMs that a search finds without a limit (documented)."""

BODY_BYTES = 256 * 1024
"""The largest body of a request about SIMs or devices (our choice); the most tags fit in."""


class SimView:
    """The operations on SIMs by one of their names. `parameter` is its name in a path."""

    def __init__(self, by: SimName, parameter: str, members: Callable[[Sim], dict[str, Any]]) -> None:
        self._by = by
        self._parameter = parameter
        self._members = members

    async def get(self, services: Services, call: Call) -> Answer:
        """getSim, getSubscriber."""
        return self.shown(services.sims.get(call.account, *self._which(call)))

    async def register(self, services: Services, call: Call) -> Answer:
        """registerSim, registerSubscriber: a SIM that exists elsewhere becomes the operator's."""
        wanted = parse_registration(await call.request.body(BODY_BYTES))
        return self.shown(await services.sims.register(call.account, *self._which(call), wanted), 201)

    async def set_group(self, services: Services, call: Call) -> Answer:
        """setSimGroup, setGroup."""
        group_id = parse_membership(await call.request.body(BODY_BYTES))
        return self.shown(await services.sims.set_group(call.account, *self._which(call), group_id))

    async def unset_group(self, services: Services, call: Call) -> Answer:
        """unsetSimGroup, unsetGroup; a body means nothing here."""
        return self.shown(await services.sims.unset_group(call.account, *self._which(call)))

    async def put_tags(self, services: Services, call: Call) -> Answer:
        """putSimTags, putSubscriberTags: named tags are added or replaced, the others stay."""
        tags = parse_tags(await call.request.body(BODY_BYTES))
        return self.shown(await services.sims.put_tags(call.account, *self._which(call), tags))

    async def delete_tag(self, services: Services, call: Call) -> Answer:
        """deleteSimTag, deleteSubscriberTag."""
        tag = call.request.params["tag_name"]
        await services.sims.delete_tag(call.account, *self._which(call), tag)
        return EMPTY

    async def activate(self, services: Services, call: Call) -> Answer:
        """activateSim, activateSubscriber."""
        return await self._set_status(services, call, SimStatus.ACTIVE)

    async def deactivate(self, services: Services, call: Call) -> Answer:
        """deactivateSim, deactivateSubscriber."""
        return await self._set_status(services, call, SimStatus.INACTIVE)

    async def set_to_standby(self, services: Services, call: Call) -> Answer:
        """setSimToStandby, setSubscriberToStandby."""
        return await self._set_status(services, call, SimStatus.STANDBY)

    async def suspend(self, services: Services, call: Call) -> Answer:
        """suspendSim, suspendSubscriber."""
        return await self._set_status(services, call, SimStatus.SUSPENDED)

    async def terminate(self, services: Services, call: Call) -> Answer:
        """terminateSim, terminateSubscriber."""
        return await self._set_status(services, call, SimStatus.TERMINATED)

    async def enable_termination(self, services: Services, call: Call) -> Answer:
        """enableSimTermination, enableTermination."""
        return await self._let_terminate(services, call, enabled=True)

    async def disable_termination(self, services: Services, call: Call) -> Answer:
        """disableSimTermination, disableTermination."""
        return await self._let_terminate(services, call, enabled=False)

    async def listed(self, services: Services, call: Call, path: tuple[str, ...], wanted: SimFilter) -> Answer:
        """A page of the operator's SIMs that `wanted` fits, in order of this view's name, which is the next key."""
        limit = parameters.limit(call.request, LARGEST, LARGEST)
        after = call.request.query("last_evaluated_key") or ""
        found = await services.sims.page(call.account, self._by, wanted, after, limit)
        return self._page(found, call, path)

    async def found(self, services: Services, call: Call, path: tuple[str, ...]) -> Answer:
        """A page of the operator's SIMs that a search finds, in order of this view's name, which is the next key."""
        operator_id = call.account
        wanted, groups = selection.sim_search(call.request)
        if groups:
            wanted = replace(wanted, groups=services.sims.groups_named(operator_id, groups))
        limit = parameters.limit(call.request, FOUND, LARGEST)
        after = call.request.query("last_evaluated_key") or ""
        return self._page(await services.sims.page(operator_id, self._by, wanted, after, limit), call, path)

    def shown(self, sim: Sim, status: int = 200) -> Answer:
        """A SIM as this view has it."""
        return Answer(status, encode_json(self._members(sim)))

    def _page(self, found: SimPage, call: Call, path: tuple[str, ...]) -> Answer:
        return page(encode_json([self._members(sim) for sim in found.sims]), call.request, path, found.next_after)

    async def _set_status(self, services: Services, call: Call, status: SimStatus) -> Answer:
        return self.shown(await services.sims.set_status(call.account, *self._which(call), status))

    async def _let_terminate(self, services: Services, call: Call, *, enabled: bool) -> Answer:
        which = self._which(call)
        return self.shown(await services.sims.enable_termination(call.account, *which, enabled=enabled))

    def _which(self, call: Call) -> tuple[SimName, str]:
        return self._by, call.request.params[self._parameter]


SIM = SimView(SimName.SIM_ID, "sim_id", sim_members)


async def create_sim(services: Services, call: Call) -> Answer:
    """createSim: a new virtual SIM."""
    subscription = parse_virtual_sim(await call.request.body(BODY_BYTES))
    return SIM.shown(await services.sims.create(call.account, subscription), 201)


async def list_sims(services: Services, call: Call) -> Answer:
    """listSims: the operator's SIMs in order of SIM id; the next key is the last SIM id."""
    return await SIM.listed(services, call, ("sims",), selection.sim_filter(call.request))


async def search_sims(services: Services, call: Call) -> Answer:
    """searchSims: as `list_sims`, but what is sought is contained in the SIM's texts."""
    return await SIM.found(services, call, ("query", "sims"))
