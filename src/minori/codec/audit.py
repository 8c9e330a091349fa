"""The audit log on the wire: entries as JSON has them, and the keys of their pages."""

import re

from msgspec import Struct

from minori.errors import InvalidParameter
from minori.model.audit import AuditEntry, AuditPlace
from minori.model.entry import MAX_TIME

_KEY = re.compile(r"([0-9]{1,19})(?:_([0-9]{1,19}))?\Z")


class AuditShown(Struct, frozen=True, rename="camel", omit_defaults=True):
    """An entry (documented). `request_method` is our own: without it nobody could tell a read from a removal."""

    api_kind: str
    operator_id: str
    remote_ip_address: str
    request_method: str
    request_path: str
    requested_time_epoch_ms: int
    status_code: int
    user_name: str | None = None


def show_audit_entry(entry: AuditEntry) -> AuditShown:
    """An entry for an answer; the root user has no name there (documented)."""
    return AuditShown(
        entry.kind,
        entry.operator_id,
        entry.address,
        entry.method,
        entry.path,
        entry.time,
        entry.status,
        entry.user_name,
    )


def audit_key(place: AuditPlace) -> str:
    """The next key of a page that ended there: the time of its last entry (documented).

    Where one millisecond fills more than the page, it is `<ms>_<sequence>` (our choice).
    """
    return str(place.time) if place.sequence is None else f"{place.time}_{place.sequence}"


def parse_audit_key(text: str) -> AuditPlace:
    """Where the page before ended. Raises `InvalidParameter`."""
    match = _KEY.match(text)
    time, sequence = (int(match[1]), int(match[2] or 0)) if match else (-1, 0)
    if match is None or max(time, sequence) > MAX_TIME:
        raise InvalidParameter(
            "last_evaluated_key is not a key of this list; send the X-Soracom-Next-Key of the page before, "
            "or the requestedTimeEpochMs of its last entry"
        )
    return AuditPlace(time, sequence if match[2] else None)
