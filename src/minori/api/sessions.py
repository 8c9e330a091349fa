"""Sessions over REST (our own operations): which address or network is which SIM."""

from minori.api import parameters
from minori.api.answers import EMPTY, page
from minori.api.services import Services
from minori.codec.entry import encode_json
from minori.codec.paging import file_key, parse_file_key
from minori.codec.session import parse_session, session_members
from minori.http.exchange import Answer, Call

LARGEST = 1000
DEFAULT = 100
"""Sessions on a page, at most and without a limit (our choice)."""

BODY_BYTES = 16_384
"""The largest body of a request about a session (our choice)."""


async def list_sessions(services: Services, call: Call) -> Answer:
    """listSessions: in order of the text of their networks; the next key stands for the last network."""
    request = call.request
    limit = parameters.limit(request, DEFAULT, LARGEST)
    after = parse_file_key(request.query("last_evaluated_key") or "")
    found = services.sessions.page(call.account, after, limit + 1)
    next_key = file_key(found[limit - 1][0].network) if len(found) > limit else None
    body = encode_json([session_members(session, sim) for session, sim in found[:limit]])
    return page(body, request, ("minori", "sessions"), next_key)


async def put_session(services: Services, call: Call) -> Answer:
    """putSession: 201 where the network was no SIM of the operator's, 200 where it was one."""
    wanted = parse_session(await call.request.body(BODY_BYTES))
    session, sim, created = await services.sessions.put(*_which(call), wanted)
    return Answer(201 if created else 200, encode_json(session_members(session, sim)))


async def get_session(services: Services, call: Call) -> Answer:
    """getSession: the session of exactly this network, in any form of it."""
    return Answer(200, encode_json(session_members(*services.sessions.get(*_which(call)))))


async def delete_session(services: Services, call: Call) -> Answer:
    """deleteSession: what comes from there is refused from now on, or known by a wider network."""
    await services.sessions.delete(*_which(call))
    return EMPTY


def _which(call: Call) -> tuple[str, str]:
    return call.account, call.request.params["network"]
