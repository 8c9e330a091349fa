"""Logging in and out."""

import time

import structlog

from minori.api.answers import EMPTY
from minori.api.services import Services
from minori.codec.body import parse_body
from minori.codec.entry import encode_json
from minori.codec.login import RootLogin, UserLogin, canonical_email, parse_login, parse_switch, parse_token_seconds
from minori.codec.people import ResetFactor, ResetPassword, ResetRequest
from minori.errors import CredentialsWrong
from minori.http.exchange import Answer, Call, Headers, Request
from minori.model.registry import Principal
from minori.service.audit import claimed
from minori.service.permissions import Context
from minori.service.tokens import Pair, pair_of

API_KEY = b"x-soracom-api-key"
TOKEN = b"x-soracom-token"

BODY_BYTES = 16_384
"""The largest body here (our choice), where any stranger may send one."""

_log = structlog.get_logger()


async def auth(services: Services, request: Request) -> Answer:
    """auth: credentials in, an API key and a token out."""
    login = parse_login(await _body(services, request))
    request.claimed = claimed(services.people.identities, login.identity)
    try:
        granted = await services.access.log_in(login, request.address)
    except CredentialsWrong:
        _log.warning("login refused", address=request.address)
        raise
    request.caller = Principal(granted.operator_id, granted.user_name)
    _log.info("logged in", operator_id=granted.operator_id, user_name=granted.user_name, address=request.address)
    return Answer(200, encode_json(granted))


async def generate_auth_token(services: Services, request: Request) -> Answer:
    """generateAuthToken: another token for the same API key."""
    renewing = (request.params["operator_id"], request.header(API_KEY), request.header(TOKEN))
    request.caller = services.access.holder(*renewing[1:])
    # Tokens are kept nowhere: this one is dropped, and only proves the caller before the body is read.
    await services.access.renew(*renewing, None)
    principal = services.access.authenticate(*renewing[1:])
    services.access.authorize(principal, "Operator:generateAuthToken", context(principal, request))
    seconds = parse_token_seconds(await _body(services, request))
    return Answer(200, encode_json({"token": await services.access.renew(*renewing, seconds)}))


async def logout(services: Services, call: Call) -> Answer:
    """logout: the API key and every token of it end at once. Whatever the body holds is ignored (R12)."""
    await services.access.log_out(call.request.header(API_KEY), call.request.header(TOKEN))
    return EMPTY


async def switch_user(services: Services, call: Call) -> Answer:
    """switchUser: an API key and a token of another user, who trusts the caller."""
    request = call.request
    switch = parse_switch(await _body(services, request))
    request.claimed = claimed(services.people.identities, UserLogin(switch.operator_id, switch.user_name, ""))
    pair = request.header(API_KEY), request.header(TOKEN)
    granted = services.access.switch(*pair, switch, context(call.principal, request))
    origin = {"from_operator_id": call.principal.operator_id, "from_user_name": call.principal.user_name}
    target = {"operator_id": granted.operator_id, "user_name": granted.user_name}
    _log.info("user switched", **origin, **target, address=request.address)
    return Answer(200, encode_json(granted))


async def issue_password_reset_token(services: Services, request: Request) -> Answer:
    """issuePasswordResetToken: 200, and nothing else: no mail is sent, and nobody learns who has an account."""
    body = parse_body(await _body(services, request), ResetRequest)
    request.claimed = _root(services, body.email)
    return Answer(200)


async def verify_password_reset_token(services: Services, request: Request) -> Answer:
    """verifyPasswordResetToken: a new password for the root user, for a token that the server's command line made."""
    body = parse_body(await _body(services, request), ResetPassword)
    request.caller = await services.accounts.reset_root_password(
        body.token, body.password, request.address, int(time.time())
    )
    _log.warning("a root password was reset", address=request.address)
    return Answer(200)


async def issue_mfa_revoking_token(services: Services, request: Request) -> Answer:
    """issueMFARevokingToken: 200, and nothing else: no mail is sent, and nobody learns who has an account."""
    body = parse_body(await _body(services, request), ResetRequest)
    request.claimed = _root(services, body.email)
    return Answer(200)


async def verify_mfa_revoking_token(services: Services, request: Request) -> Answer:
    """verifyMFARevokingToken: the root user's second factor ends, for a token that the server's command line made."""
    body = parse_body(await _body(services, request), ResetFactor)
    request.claimed = _root(services, body.email)
    await services.accounts.reset_root_factor(body, request.address, int(time.time()))
    request.caller = request.claimed
    _log.warning("a second factor was removed", address=request.address)
    return Answer(200)


def sent_pair(headers: Headers) -> Pair | None:
    """The API key and the token of a request, if both are there."""
    return pair_of(headers.first(API_KEY), headers.first(TOKEN))


def context(principal: Principal, request: Request) -> Context:
    """The circumstances of a call, as conditions of permissions see them.

    The path of a file has no slash in front there, and a directory's has one behind (documented).
    """
    variables = request.params
    path = variables.get("path")
    if path is not None:
        variables = {**variables, "path": path[1:]}
    return Context(
        time.time_ns() // 1_000_000,
        request.address,
        principal.user_name,
        principal.operator_id,
        request.method,
        variables,
    )


def _root(services: Services, email: str) -> Principal | None:
    """The root user with this e-mail address, if there is one; whether it is he who calls is another matter."""
    return claimed(services.people.identities, RootLogin(canonical_email(email), ""))


async def _body(services: Services, request: Request) -> bytes:
    return await request.body(min(services.limits.api_body_bytes, BODY_BYTES))
