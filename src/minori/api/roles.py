"""Roles over REST: permission documents under an id, and who has them."""

from minori.api.answers import EMPTY
from minori.api.operators import BODY_BYTES, own
from minori.api.services import Services
from minori.api.users import shown
from minori.codec.body import parse_body
from minori.codec.entry import encode_json
from minori.codec.people import Attached, RoleBody, list_role, show_role
from minori.errors import InvalidParameter, NotFound
from minori.http.exchange import Answer, Call

OWNERS = ("operator", "soracom", "all")
"""Whose roles are listed (spec). Soracom's own are not here, so that there are none of `soracom` (our choice)."""

SORACOM = "srn:soracom:::Role:"
"""How the ids of Soracom's own roles begin (spec)."""


async def list_roles(services: Services, call: Call) -> Answer:
    """listRoles: without their documents, in order of their ids."""
    operator_id = own(call)
    owner = call.request.query("owner") or "operator"
    if owner not in OWNERS:
        raise InvalidParameter(f"owner must be one of {', '.join(OWNERS)}")
    roles = [] if owner == "soracom" else services.people.identities.roles(operator_id)
    return Answer(200, encode_json([list_role(role) for role in roles]))


async def get_role(services: Services, call: Call) -> Answer:
    """getRole: a role with its document."""
    return Answer(200, encode_json(show_role(services.people.role(*_named(call)))))


async def create_role(services: Services, call: Call) -> Answer:
    """createRole: under the id in the path; 200 (spec)."""
    operator_id, role_id = _named(call)
    body = parse_body(await call.request.body(BODY_BYTES), RoleBody)
    if body.permission is None:
        raise InvalidParameter("permission is missing; send a permission document as a string")
    await services.people.create_role(operator_id, role_id, body.permission, body.description or "")
    return Answer(200, encode_json({"roleId": role_id}))


async def update_role(services: Services, call: Call) -> Answer:
    """updateRole: what is left out stays (our choice)."""
    named = _named(call)
    body = parse_body(await call.request.body(BODY_BYTES), RoleBody)
    await services.people.change_role(*named, body.permission, body.description)
    return Answer(200)


async def delete_role(services: Services, call: Call) -> Answer:
    """deleteRole: 400 while users have it (spec)."""
    await services.people.delete_role(*_named(call))
    return EMPTY


async def list_role_attached_users(services: Services, call: Call) -> Answer:
    """listRoleAttachedUsers: who has a role."""
    users = services.people.users_of_role(*_named(call))
    return Answer(200, encode_json([shown(services, user) for user in users]))


async def list_user_roles(services: Services, call: Call) -> Answer:
    """listUserRoles: the roles that a user has."""
    user = services.people.user(own(call), call.request.params["user_name"])
    roles = services.people.identities.roles(user.operator_id)
    return Answer(200, encode_json([list_role(role) for role in roles if role.role_id in user.role_ids]))


async def attach_role(services: Services, call: Call) -> Answer:
    """attachRole: nothing changes if the user has it (our choice)."""
    operator_id = own(call)
    body = parse_body(await call.request.body(BODY_BYTES), Attached)
    await services.people.attach_role(operator_id, call.request.params["user_name"], body.role_id)
    return Answer(200)


async def detach_role(services: Services, call: Call) -> Answer:
    """detachRole: 200 with no body (spec)."""
    operator_id, role_id = _named(call)
    await services.people.detach_role(operator_id, call.request.params["user_name"], role_id)
    return Answer(200)


async def list_role_versions(_: Services, call: Call) -> Answer:
    """listRoleVersions: of roles of Soracom alone, which there are none of here: 404; of any other 400 (both spec)."""
    if _named(call)[1].startswith(SORACOM):
        raise NotFound("There is no such role of Soracom; Minori has none of them")
    raise InvalidParameter(f"Only roles of Soracom have versions; role_id must begin with {SORACOM}")


def _named(call: Call) -> tuple[str, str]:
    return own(call), call.request.params["role_id"]
