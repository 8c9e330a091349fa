"""What was refused, and why, over REST; and who sends that nobody knows."""

from minori.api import answers, parameters
from minori.api.services import Services
from minori.codec.entry import encode_json
from minori.codec.refusal import parse_refusal_key, refusal_key, show_refusal, show_sender
from minori.errors import Forbidden, InvalidParameter
from minori.http.exchange import Answer, Call, Request
from minori.model.refusal import RefusalQuery, Service
from minori.model.resource import ResourceType
from minori.service.refusals import SENDERS

DEFAULT_LIMIT = 100
"""Entries on a page where none are asked for (our choice)."""

PAGE_LIMIT = 1000
"""Entries on a page at most (our choice)."""

SERVICES = ("Air", "Beam", "Funk", "Funnel", "Harvest", "Napter", "Orbit", "Unified")
"""The services that may be asked for (documented). Minori has something of two of them to tell."""

TYPES = ("Subscriber", "Device", "LoraDevice", "SigfoxDevice", "SoraCam")
"""The types that may be asked for (documented, but for cameras). A SIM is asked for by its IMSI, as a subscriber."""

_TOLD = {service.value: service for service in Service}


async def get_logs(services: Services, call: Call) -> Answer:
    """getLogs: what was refused of the operator's senders, the newest first (our choice of order)."""
    request = call.request
    kind, asked = request.query("resource_type"), request.query("service")
    if asked is not None and asked not in SERVICES:
        raise InvalidParameter(f"service must be one of {', '.join(SERVICES)}")
    query = RefusalQuery(
        call.account,
        None if asked is None else _TOLD.get(asked),
        None if kind is None else _resource_type(kind),
        _resource_id(request),
        *parameters.bounds(request, "from", "to"),
        parameters.limit(request, DEFAULT_LIMIT, PAGE_LIMIT),
    )
    key = request.query("last_evaluated_key")
    before = None if key is None else parse_refusal_key(key)
    if asked is not None and asked not in _TOLD:
        return Answer(200, b"[]")
    page = await services.refusals.page(query, before)
    body = encode_json([show_refusal(one) for one in page.refusals])
    return answers.page(body, request, ("logs",), None if page.end is None else refusal_key(page.end))


async def list_unknown_senders(services: Services, call: Call) -> Answer:
    """listUnknownSenders: addresses that are no SIM's, the latest first; for root users alone."""
    if call.principal.user_name is not None:
        raise Forbidden("Only the root user may see who sends that nobody knows; those senders are no operator's yet")
    limit = parameters.limit(call.request, DEFAULT_LIMIT, SENDERS)
    return Answer(200, encode_json([show_sender(one) for one in await services.refusals.unknown_senders(limit)]))


def _resource_type(text: str) -> ResourceType:
    if text not in TYPES:
        raise InvalidParameter(f"resource_type must be one of {', '.join(TYPES)}")
    return ResourceType(text)


def _resource_id(request: Request) -> str | None:
    text = request.query("resource_id")
    return None if text is None else parameters.checked_id(text)
