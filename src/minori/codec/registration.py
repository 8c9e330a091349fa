"""What is asked when a SIM or device is registered or put into a group: JSON bodies, to values."""

import re

from msgspec import Struct, field

from minori.codec.body import parse_body
from minori.codec.tags import checked_tags
from minori.errors import InvalidParameter

TEXT_CHARACTERS = 256
"""The longest text of a registration, in characters (our choice)."""

_imsi = re.compile(r"[0-9]{6,15}\Z").match
_sim_id = re.compile(r"[0-9]{10,22}\Z").match


class _Virtual(Struct, frozen=True):
    type: str
    subscription: str


class _Tag(Struct, frozen=True, rename="camel"):
    tag_name: str
    tag_value: str


class _Registration(Struct, frozen=True, rename="camel"):
    registration_secret: str
    group_id: str | None = None
    tags: list[_Tag] | dict[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Without the secret."""
        return "_Registration(…)"


class _Membership(Struct, frozen=True, rename="camel"):
    group_id: str


class Registration(Struct, frozen=True):
    """What a newly registered SIM or device starts with."""

    group_id: str | None = None
    tags: dict[str, str] = {}


def parse_virtual_sim(body: bytes) -> str:
    """The subscription of a SIM to be made, from `{"type":"virtual","subscription":…}` (documented).

    Raises `InvalidParameter`, for another type too.
    """
    wanted = parse_body(body, _Virtual)
    if wanted.type != "virtual":
        raise InvalidParameter('type must be "virtual"; a SIM that exists is registered by its IMSI or SIM id')
    return checked_text("subscription", wanted.subscription)


def parse_registration(body: bytes) -> Registration:
    """The group and the tags in a registration, whose `registrationSecret` must be there (documented).

    The secret is the vendor's proof that a card is in one's hands. Minori has no cards to compare it with and
    passes over what it says (our choice). Raises `InvalidParameter`.
    """
    wanted = parse_body(body, _Registration)
    if not wanted.registration_secret:
        raise InvalidParameter("registrationSecret must not be empty")
    tags = wanted.tags if isinstance(wanted.tags, dict) else {tag.tag_name: tag.tag_value for tag in wanted.tags}
    return Registration(wanted.group_id or None, checked_tags(tags))


def parse_membership(body: bytes) -> str:
    """The id in `{"groupId":…}` (documented). Raises `InvalidParameter`."""
    group_id = parse_body(body, _Membership).group_id
    if not group_id:
        raise InvalidParameter("groupId must not be empty; unset_group takes it out of its group")
    return group_id


def checked_imsi(text: str) -> str:
    """An IMSI that can be registered: 6 to 15 digits, as ITU-T E.212 has it. Raises `InvalidParameter`."""
    if not _imsi(text):
        raise InvalidParameter("An IMSI has 6 to 15 digits, such as 001010000000001")
    return text


def checked_sim_id(text: str) -> str:
    """A SIM id that can be registered: 10 to 22 digits, those of an ICCID (our choice). Raises `InvalidParameter`."""
    if not _sim_id(text):
        raise InvalidParameter("A SIM id has 10 to 22 digits, such as 8981100000000000001")
    return text


def checked_text(name: str, text: str) -> str:
    """Text that may be kept as the member `name`. Raises `InvalidParameter`."""
    if not 1 <= len(text) <= TEXT_CHARACTERS or "\0" in text:
        raise InvalidParameter(f"{name} has 1 to {TEXT_CHARACTERS} characters, none of them NUL")
    return text
