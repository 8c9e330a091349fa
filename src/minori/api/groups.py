"""Groups over REST: made, listed, configured, tagged and removed, and the subscribers in one."""

from minori.api import parameters, selection
from minori.api.answers import EMPTY, page
from minori.api.services import Services
from minori.codec.entry import encode_json
from minori.codec.group import encode_group, encode_groups, parse_new_group, parse_options
from minori.codec.sim import subscriber_members
from minori.codec.tags import parse_tags
from minori.http.exchange import Answer, Call

LARGEST = 100
"""Groups, or subscribers of one, on a page, and as many without a limit (documented for subscribers)."""

BODY_BYTES = 256 * 1024
"""The largest body of a request about groups (our choice); the most tags fit in."""


async def list_groups(services: Services, call: Call) -> Answer:
    """listGroups: the operator's groups in order of their ids, all or those with a tag; the next key is the last id."""
    request = call.request
    limit = parameters.limit(request, LARGEST, LARGEST)
    after = request.query("last_evaluated_key") or ""
    found = services.groups.page(call.account, selection.tag_filter(request), after, limit + 1)
    next_key = found[limit - 1].group_id if len(found) > limit else None
    return page(encode_groups(found[:limit]), request, ("groups",), next_key)


async def create_group(services: Services, call: Call) -> Answer:
    """createGroup: a new group with tags and options; 201 (spec)."""
    tags, configuration = parse_new_group(await call.request.body(BODY_BYTES))
    group = await services.groups.create(call.account, tags, configuration)
    return Answer(201, encode_group(group))


async def get_group(services: Services, call: Call) -> Answer:
    """getGroup: one of the operator's."""
    return Answer(200, encode_group(services.groups.get(*_which(call))))


async def delete_group(services: Services, call: Call) -> Answer:
    """deleteGroup: the SIMs in it are in no group then (our choice)."""
    await services.groups.delete(*_which(call))
    return EMPTY


async def put_configuration(services: Services, call: Call) -> Answer:
    """putConfigurationParameters: named options are added or replaced, the others stay (documented)."""
    options = parse_options(await call.request.body(BODY_BYTES))
    namespace = call.request.params["namespace"]
    return Answer(200, encode_group(await services.groups.put_options(*_which(call), namespace, options)))


async def delete_namespace(services: Services, call: Call) -> Answer:
    """deleteConfigurationNamespace: all options of one namespace; 400 where there are none (spec)."""
    await services.groups.delete_namespace(*_which(call), call.request.params["namespace"])
    return EMPTY


async def delete_option(services: Services, call: Call) -> Answer:
    """deleteConfigurationParameter: one option; 404 where it is not set (spec)."""
    params = call.request.params
    await services.groups.delete_option(*_which(call), params["namespace"], params["name"])
    return EMPTY


async def put_tags(services: Services, call: Call) -> Answer:
    """putGroupTags: named tags are added or replaced, the others stay."""
    tags = parse_tags(await call.request.body(BODY_BYTES))
    return Answer(200, encode_group(await services.groups.put_tags(*_which(call), tags)))


async def delete_tag(services: Services, call: Call) -> Answer:
    """deleteGroupTag: 404 where there is no such tag (spec)."""
    await services.groups.delete_tag(*_which(call), call.request.params["tag_name"])
    return EMPTY


async def list_subscribers(services: Services, call: Call) -> Answer:
    """listSubscribersInGroup: in order of IMSI; the next key is the last IMSI."""
    request = call.request
    group_id = services.groups.get(*_which(call)).group_id
    limit = parameters.limit(request, LARGEST, LARGEST)
    found = services.registry.sims_of_group(group_id, request.query("last_evaluated_key") or "", limit + 1)
    next_key = found[limit - 1].imsi if len(found) > limit else None
    body = encode_json([subscriber_members(sim) for sim in found[:limit]])
    return page(body, request, ("groups", group_id, "subscribers"), next_key)


def _which(call: Call) -> tuple[str, str]:
    return call.account, call.request.params["group_id"]
