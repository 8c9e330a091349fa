"""Filters and searches in a query: text to values, with a sentence for whoever sent something else."""

from minori.api import parameters
from minori.errors import InvalidParameter
from minori.http.exchange import Request
from minori.model.registry import SimStatus
from minori.model.selection import SOUGHT, SimFilter, SimSearch, TagFilter

STATUSES = (*(status.value for status in SimStatus), "instock", "shipped")
"""What `status_filter` may name; no SIM here is in stock or shipped (documented)."""

TEXTS = 20
TEXT_CHARACTERS = 1024
"""How many values a filter or a search may hold, and how long they may be (our choice)."""


def tag_filter(request: Request) -> TagFilter | None:
    """`tag_name`, `tag_value` and `tag_value_match_mode` (documented). Raises `InvalidParameter`."""
    name, value = request.query("tag_name"), request.query("tag_value")
    mode = request.query("tag_value_match_mode") or "exact"
    if mode not in ("exact", "prefix"):
        raise InvalidParameter("tag_value_match_mode must be exact or prefix")
    if name is None and value is None:
        return None
    if name is None or value is None:
        raise InvalidParameter("tag_name and tag_value belong together; send both or neither")
    return TagFilter(name, value, mode == "prefix")


def sim_filter(request: Request) -> SimFilter:
    """The filters of a list of subscribers (documented). Raises `InvalidParameter`."""
    statuses = _several(request, "status_filter")
    if not set(statuses) <= set(STATUSES):
        raise InvalidParameter(f"status_filter must be made of {', '.join(STATUSES)}, joined by vertical bars")
    return SimFilter(
        tag_filter(request),
        statuses,
        _several(request, "speed_class_filter"),
        _several(request, "serial_number_filter"),
    )


def sim_search(request: Request) -> tuple[SimSearch, tuple[str, ...]]:
    """A search of SIMs, and the names of groups that are sought (documented). Raises `InvalidParameter`."""
    kind, session = request.query("search_type") or "and", request.query("session_status") or "NA"
    if kind not in ("and", "or"):
        raise InvalidParameter("search_type must be and or or")
    if session not in ("NA", "ONLINE", "OFFLINE"):
        raise InvalidParameter("session_status must be NA, ONLINE or OFFLINE")
    texts = {name: found for name in SOUGHT if (found := _checked(name, parameters.values(request, name)))}
    is_online = None if session == "NA" else session == "ONLINE"
    small = {name: tuple(text.lower() for text in found) for name, found in texts.items()}
    return SimSearch(small, None, kind == "or", is_online), _checked("group", parameters.values(request, "group"))


def _several(request: Request, name: str) -> tuple[str, ...]:
    return _checked(name, [text for text in (request.query(name) or "").split("|") if text])


def _checked(name: str, texts: list[str]) -> tuple[str, ...]:
    if len(texts) > TEXTS or any(len(text) > TEXT_CHARACTERS for text in texts):
        raise InvalidParameter(f"{name} holds at most {TEXTS} values of at most {TEXT_CHARACTERS} characters")
    return tuple(texts)
