"""The audit log over REST: who called what, when, from where."""

from minori.api import answers, parameters
from minori.api.services import Services
from minori.codec.audit import audit_key, parse_audit_key, show_audit_entry
from minori.codec.entry import encode_json
from minori.http.exchange import Answer, Call
from minori.model.audit import AuditQuery

DEFAULT_LIMIT = 100
"""Entries on a page where none are asked for (our choice)."""

PAGE_LIMIT = 1000
"""Entries on a page at most (documented)."""


async def get_api_audit_logs(services: Services, call: Call) -> Answer:
    """getApiAuditLogs: the calls of the operator, the newest first; the call itself is not among them yet."""
    request = call.request
    first, last = parameters.bounds(request, "from_epoch_ms", "to_epoch_ms")
    limit = parameters.limit(request, DEFAULT_LIMIT, PAGE_LIMIT)
    query = AuditQuery(call.principal.operator_id, request.query("api_kind"), first, last, limit)
    key = request.query("last_evaluated_key")
    page = await services.audit.page(query, None if key is None else parse_audit_key(key))
    body = encode_json([show_audit_entry(entry) for entry in page.entries])
    next_key = None if page.end is None else audit_key(page.end)
    return answers.page(body, request, ("audit_logs", "api"), next_key)
