"""The operator itself over REST: what it is, its root user's password, keys and tokens."""

from minori.api.answers import EMPTY
from minori.api.services import Services
from minori.codec.body import parse_body
from minori.codec.entry import encode_json
from minori.codec.people import ChangedPassword, FactorCode, RevokedFactor, show_key, show_operator
from minori.errors import NotFound
from minori.http.exchange import Answer, Call
from minori.model.registry import AuthKey, Principal

BODY_BYTES = 262_144
"""The largest body about people (our choice): a permission document is in the longest."""


def own(call: Call) -> str:
    """The operator in the path, who must be the caller's: whether others exist is not told (our choice)."""
    operator_id = call.request.params["operator_id"]
    if operator_id != call.principal.operator_id:
        raise NotFound("There is no such operator")
    return operator_id


async def get_operator(services: Services, call: Call) -> Answer:
    """getOperator: the caller's own."""
    return Answer(200, encode_json(show_operator(services.people.operator(own(call)))))


async def update_operator_password(services: Services, call: Call) -> Answer:
    """updateOperatorPassword: another password for the root user; his tokens go on (our choice)."""
    operator_id = own(call)
    body = parse_body(await call.request.body(BODY_BYTES), ChangedPassword)
    address = call.request.address
    await services.accounts.change_root_password(operator_id, body.current_password, body.new_password, address)
    return Answer(200)


async def list_operator_auth_keys(services: Services, call: Call) -> Answer:
    """listOperatorAuthKeys: the root user's keys, without their secrets."""
    return keys_answer(services, services.people.auth_keys(Principal(own(call))))


async def generate_operator_auth_key(services: Services, call: Call) -> Answer:
    """generateOperatorAuthKey: one more key for the root user, its secret shown this once; 201 (spec)."""
    return Answer(201, encode_json(await services.people.create_key(Principal(own(call)))))


async def delete_operator_auth_key(services: Services, call: Call) -> Answer:
    """deleteOperatorAuthKey: the key, and the tokens of its logins, end."""
    await services.people.delete_key(Principal(own(call)), call.request.params["auth_key_id"])
    return EMPTY


async def revoke_operator_auth_tokens(services: Services, call: Call) -> Answer:
    """revokeOperatorAuthTokens: every token of the root user ends, that of the call too."""
    await services.people.end_tokens(Principal(own(call)))
    return EMPTY


async def get_mfa_status(services: Services, call: Call) -> Answer:
    """getMFAStatus: how far the root user's second factor is."""
    return status_answer(services, Principal(own(call)))


async def enable_mfa(services: Services, call: Call) -> Answer:
    """enableMFA: a second factor for the root user, which is asked for once it is verified."""
    return Answer(200, encode_json({"totpUri": await services.access.second_factors.set_up(Principal(own(call)))}))


async def verify_mfa(services: Services, call: Call) -> Answer:
    """verifyMFA: from now on it is asked for; the backup codes are shown this once."""
    owner = Principal(own(call))
    body = parse_body(await call.request.body(BODY_BYTES), FactorCode)
    codes = await services.access.second_factors.confirm(owner, body.code)
    return Answer(200, encode_json({"backupCodes": codes}))


async def revoke_mfa(services: Services, call: Call) -> Answer:
    """revokeMFA: the root user's second factor ends; a password in the body must be right."""
    operator_id = own(call)
    sent = await call.request.body(BODY_BYTES)
    body = parse_body(sent, RevokedFactor) if sent.strip() else RevokedFactor()
    await services.accounts.remove_root_factor(operator_id, body.password, call.request.address)
    return EMPTY


def status_answer(services: Services, owner: Principal) -> Answer:
    """How far somebody's second factor is."""
    return Answer(200, encode_json({"status": services.access.second_factors.status(owner)}))


def keys_answer(services: Services, keys: list[AuthKey]) -> Answer:
    """A list of keys."""
    return Answer(200, encode_json([show_key(key, services.people.identities.used(key.auth_key_id)) for key in keys]))
