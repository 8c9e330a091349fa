"""Tags: names and values that people give to groups, SIMs and devices."""

from collections.abc import Mapping

from msgspec import Struct

from minori.codec.body import parse_body
from minori.errors import InvalidParameter

NAME_CHARACTERS = 256
VALUE_CHARACTERS = 1024
TAGS = 100
"""The longest name and value of a tag in characters, and the most tags of one thing (our choice)."""


class _Tag(Struct, frozen=True, rename="camel"):
    tag_name: str
    tag_value: str


def parse_tags(body: bytes) -> dict[str, str]:
    """The tags in `[{"tagName":…,"tagValue":…}]` (documented); of one name the last one counts.

    Raises `InvalidParameter`.
    """
    return checked_tags({tag.tag_name: tag.tag_value for tag in parse_body(body, list[_Tag])})


def checked_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags that may be kept. Raises `InvalidParameter` for too many of them, or too long ones, and for NUL."""
    if len(tags) > TAGS:
        raise InvalidParameter(f"There are {len(tags)} tags, and at most {TAGS} are kept; remove some first")
    for name, value in tags.items():
        if not 1 <= len(name) <= NAME_CHARACTERS or len(value) > VALUE_CHARACTERS or "\0" in name + value:
            raise InvalidParameter(
                f"The name of a tag has 1 to {NAME_CHARACTERS} characters and its value at most {VALUE_CHARACTERS},"
                " none of them NUL"
            )
    return dict(tags)
