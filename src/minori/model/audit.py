"""The audit log's values: one call, a question about calls, and a page of them."""

from collections.abc import Sequence

from msgspec import Struct


class AuditEntry(Struct, frozen=True, gc=False):
    """One call of the API, as the audit log keeps it.

    `kind` is the operation's path with its parameters in braces, `/v1/sims/{sim_id}` (our choice; a path without
    parameters is documented); `path` is as it was sent, without its query. `user_name` is a SAM user's, `None` the
    root user's (documented). `address` is the caller's. `time` is when the call came in, UNIX ms.
    """

    operator_id: str
    user_name: str | None
    address: str
    method: str
    kind: str
    path: str
    time: int
    status: int


class AuditQuery(Struct, frozen=True):
    """Calls of one operator, of one `kind` or all, from `first` to `last` (UNIX ms, both included), `limit` at most."""

    operator_id: str
    kind: str | None
    first: int
    last: int
    limit: int


class AuditPlace(Struct, frozen=True):
    """Where a page ended: only what is older follows. `time` is UNIX ms.

    Without a `sequence` all of that millisecond has been told. With one it has been told down to that entry; entries
    of one operator are numbered as they are added.
    """

    time: int
    sequence: int | None = None


class AuditPage(Struct, frozen=True):
    """The newest calls first; `end` is where the next page begins, `None` if nothing follows."""

    entries: Sequence[AuditEntry]
    end: AuditPlace | None = None


def page_of(found: Sequence[tuple[int, AuditEntry]], limit: int) -> AuditPage:
    """A page of what was found, the newest first, up to one more than `limit`, each with its sequence.

    It ends where a millisecond does, if it can, though it has fewer entries then: so a client may take the time of
    its last entry for the key of the next page (documented), and loses nothing.
    """
    if len(found) <= limit:
        return AuditPage([entry for _, entry in found])
    page, (_, following) = found[:limit], found[limit]
    whole = [entry for _, entry in page if entry.time > following.time]
    if whole:
        return AuditPage(whole, AuditPlace(whole[-1].time))
    sequence, last = page[-1]
    return AuditPage([entry for _, entry in page], AuditPlace(last.time, sequence))
