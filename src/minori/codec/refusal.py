"""The log of refusals on the wire: entries as JSON has them, and the keys of their pages."""

import re

from msgspec import Struct

from minori.errors import InvalidParameter
from minori.model.account import operator_of
from minori.model.entry import MAX_TIME
from minori.model.refusal import Refusal, RefusalPlace, UnknownSender

_KEY = re.compile(r"([0-9]{1,19})_([0-9]{1,19})\Z")


class _Body(Struct, frozen=True, rename="camel", omit_defaults=True):
    """What is told of a refusal (our choice: the real members are not known). `since` only where `count` is over 1."""

    message: str
    reason: str
    door: str
    count: int
    address: str = ""
    size: int | None = None
    since: int | None = None


class LogEntry(Struct, frozen=True, rename="camel", omit_defaults=True):
    """An entry (documented)."""

    time: int
    service: str
    log_level: str
    operator_id: str
    body: _Body
    resource_type: str | None = None
    resource_id: str | None = None


class SenderShown(Struct, frozen=True, rename="camel", omit_defaults=True):
    """An unknown sender (our own operation)."""

    address: str
    first_time: int
    last_time: int
    count: int
    door: str
    reason: str
    size: int | None = None


def show_refusal(one: Refusal) -> LogEntry:
    """A refusal for an answer."""
    since = one.since if one.count > 1 else None
    return LogEntry(
        one.time,
        one.service,
        one.level,
        operator_of(one.account),
        _Body(one.message, one.reason, one.door, one.count, one.address, one.size, since),
        one.resource_type,
        one.resource_id,
    )


def show_sender(one: UnknownSender) -> SenderShown:
    """An unknown sender for an answer."""
    return SenderShown(one.address, one.first, one.last, one.count, one.door, one.reason, one.size)


def refusal_key(place: RefusalPlace) -> str:
    """The next key of a page that ended there: `<ms>_<sequence>` (our choice)."""
    return f"{place.time}_{place.sequence}"


def parse_refusal_key(text: str) -> RefusalPlace:
    """Where the page before ended. Raises `InvalidParameter`."""
    match = _KEY.match(text)
    time, sequence = (int(match[1]), int(match[2])) if match else (-1, 0)
    if match is None or max(time, sequence) > MAX_TIME:
        raise InvalidParameter(
            "last_evaluated_key is not a key of this list; send the X-Soracom-Next-Key of the page before"
        )
    return RefusalPlace(time, sequence)
