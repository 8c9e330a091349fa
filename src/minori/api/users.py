"""SAM users over REST, with their passwords, keys, rights and tokens. The oddities of statuses are the spec's."""

from minori.api.answers import EMPTY
from minori.api.operators import BODY_BYTES, keys_answer, own, status_answer
from minori.api.services import Services
from minori.codec.body import parse_body
from minori.codec.entry import encode_json
from minori.codec.people import (
    ChangedPassword,
    DefaultPermissions,
    Described,
    FactorCode,
    NewPassword,
    Permitted,
    Trusted,
    UserShown,
    show_key,
    show_user,
)
from minori.errors import NotFound
from minori.http.exchange import Answer, Call
from minori.model.registry import Principal, User

NOTHING = '{"statements":[]}'
"""The permission document of a user who has got none."""


async def list_users(services: Services, call: Call) -> Answer:
    """listUsers: all users of the operator, in order of their names; never more than fit on a page."""
    users = services.people.identities.users(own(call))
    return Answer(200, encode_json([shown(services, user) for user in users]))


async def get_user(services: Services, call: Call) -> Answer:
    """getUser: a user with all he has."""
    return Answer(200, encode_json(shown(services, _user(services, call))))


async def create_user(services: Services, call: Call) -> Answer:
    """createUser: a user without password, key and rights (documented)."""
    body = await _described(call)
    await services.people.create_user(*_named(call), body.description or "")
    return Answer(201)


async def update_user(services: Services, call: Call) -> Answer:
    """updateUser: another description."""
    body = await _described(call)
    await services.people.describe_user(*_named(call), body.description)
    return Answer(200)


async def delete_user(services: Services, call: Call) -> Answer:
    """deleteUser: the user, his keys and his tokens end."""
    await services.people.delete_user(*_named(call))
    return EMPTY


async def list_user_auth_keys(services: Services, call: Call) -> Answer:
    """listUserAuthKeys: without their secrets."""
    return keys_answer(services, services.people.auth_keys(Principal(*_named(call))))


async def generate_user_auth_key(services: Services, call: Call) -> Answer:
    """generateUserAuthKey: its secret is shown this once; 200, where the root user's is 201 (spec)."""
    return Answer(200, encode_json(await services.people.create_key(Principal(*_named(call)))))


async def get_user_auth_key(services: Services, call: Call) -> Answer:
    """getUserAuthKey: without its secret."""
    key = services.people.auth_key(Principal(*_named(call)), call.request.params["auth_key_id"])
    return Answer(200, encode_json(show_key(key, services.people.identities.used(key.auth_key_id))))


async def delete_user_auth_key(services: Services, call: Call) -> Answer:
    """deleteUserAuthKey: the key, and the tokens of its logins, end."""
    await services.people.delete_key(Principal(*_named(call)), call.request.params["auth_key_id"])
    return EMPTY


async def has_user_password(services: Services, call: Call) -> Answer:
    """hasUserPassword: whether the user can log in with one."""
    return Answer(200, encode_json({"hasPassword": _user(services, call).password_hash is not None}))


async def create_user_password(services: Services, call: Call) -> Answer:
    """createUserPassword: the first one."""
    named = _named(call)
    body = parse_body(await call.request.body(BODY_BYTES), NewPassword)
    await services.accounts.create_user_password(*named, body.password)
    return Answer(201)


async def update_user_password(services: Services, call: Call) -> Answer:
    """updateUserPassword: another one, for whoever knows the one there is; his tokens go on (our choice)."""
    named = _named(call)
    body = parse_body(await call.request.body(BODY_BYTES), ChangedPassword)
    address = call.request.address
    await services.accounts.change_user_password(*named, body.current_password, body.new_password, address)
    return Answer(200)


async def delete_user_password(services: Services, call: Call) -> Answer:
    """deleteUserPassword: 404 where there is none (spec)."""
    await services.accounts.delete_user_password(*_named(call))
    return EMPTY


async def get_user_permission(services: Services, call: Call) -> Answer:
    """getUserPermission: the user's own document, as text (spec); clients demand one, so without it one that allows
    nothing (our choice).
    """
    permission = _user(services, call).permission
    return Answer(200, encode_json({"permission": NOTHING if permission is None else permission}))


async def update_user_permission(services: Services, call: Call) -> Answer:
    """updateUserPermission: checked, and in force from the next request on."""
    named = _named(call)
    body = parse_body(await call.request.body(BODY_BYTES), Permitted)
    await services.people.permit_user(*named, body.permission)
    return Answer(200)


async def delete_user_permission(services: Services, call: Call) -> Answer:
    """deleteUserPermission: afterwards the user has none of his own, whether he had or not (our choice)."""
    await services.people.permit_user(*_named(call), None)
    return EMPTY


async def get_user_trust_policy(services: Services, call: Call) -> Answer:
    """getUserTrustPolicy: who may switch to the user, as text."""
    policy = _user(services, call).trust_policy
    return Answer(200, encode_json({} if policy is None else {"trustPolicy": policy}))


async def update_user_trust_policy(services: Services, call: Call) -> Answer:
    """updateUserTrustPolicy: checked, and in force from the next switch on; 204 (spec)."""
    named = _named(call)
    body = parse_body(await call.request.body(BODY_BYTES), Trusted)
    await services.people.trust(*named, body.trust_policy)
    return EMPTY


async def delete_user_trust_policy(services: Services, call: Call) -> Answer:
    """deleteUserTrustPolicy: afterwards nobody may switch to the user, whether somebody might or not (our choice)."""
    await services.people.trust(*_named(call), None)
    return EMPTY


async def revoke_user_auth_tokens(services: Services, call: Call) -> Answer:
    """revokeUserAuthTokens: every token of the user ends."""
    await services.people.end_tokens(Principal(*_named(call)))
    return EMPTY


async def get_user_mfa_status(services: Services, call: Call) -> Answer:
    """getUserMFAStatus: how far the user's second factor is."""
    user = _user(services, call)
    return status_answer(services, Principal(user.operator_id, user.user_name))


async def enable_user_mfa(services: Services, call: Call) -> Answer:
    """enableUserMFA: a second factor for the user, which is asked for once it is verified."""
    uri = await services.access.second_factors.set_up(Principal(*_named(call)))
    return Answer(200, encode_json({"totpUri": uri}))


async def verify_user_mfa(services: Services, call: Call) -> Answer:
    """verifyUserMFA: from now on it is asked for; 204 and no backup codes (spec)."""
    user = _user(services, call)
    body = parse_body(await call.request.body(BODY_BYTES), FactorCode)
    await services.access.second_factors.confirm(Principal(user.operator_id, user.user_name), body.code)
    return EMPTY


async def revoke_user_mfa(services: Services, call: Call) -> Answer:
    """revokeUserMFA: afterwards the user has no second factor, whether he had one or not (our choice)."""
    user = _user(services, call)
    await services.access.second_factors.remove(Principal(user.operator_id, user.user_name))
    return EMPTY


async def get_default_permissions(services: Services, call: Call) -> Answer:
    """getDefaultPermissions: the document that counts for every user, as text."""
    permissions = services.people.operator(own(call)).default_permissions
    return Answer(200, encode_json({} if permissions is None else {"defaultPermissions": permissions}))


async def update_default_permissions(services: Services, call: Call) -> Answer:
    """updateDefaultPermissions: 202 (spec), though it is in force already."""
    operator_id = own(call)
    body = parse_body(await call.request.body(BODY_BYTES), DefaultPermissions)
    await services.people.permit_all_users(operator_id, body.permissions)
    return Answer(202)


async def delete_default_permissions(services: Services, call: Call) -> Answer:
    """deleteDefaultPermissions: 404 where there are none (spec)."""
    operator_id = own(call)
    if services.people.operator(operator_id).default_permissions is None:
        raise NotFound("There are no default permissions")
    await services.people.permit_all_users(operator_id, None)
    return EMPTY


def shown(services: Services, user: User) -> UserShown:
    """A user as the wire has him."""
    people = services.people.identities
    keys = people.auth_keys(Principal(user.operator_id, user.user_name))
    roles = [role for role in people.roles(user.operator_id) if role.role_id in user.role_ids]
    return show_user(user, [show_key(key, people.used(key.auth_key_id)) for key in keys], roles)


def _named(call: Call) -> tuple[str, str]:
    return own(call), call.request.params["user_name"]


def _user(services: Services, call: Call) -> User:
    return services.people.user(*_named(call))


async def _described(call: Call) -> Described:
    body = await call.request.body(BODY_BYTES)
    return parse_body(body, Described) if body.strip() else Described()
