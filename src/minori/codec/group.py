"""Groups on the wire: the bodies that make and change one, what its options may be, and how it is shown.

Options that Minori acts on are checked when they are saved; all others are kept as they come.
"""

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import msgspec
from msgspec import Struct

from minori.codec.body import parse_body
from minori.codec.entry import encode_json
from minori.codec.harvestoptions import check_option
from minori.codec.tags import checked_tags
from minori.errors import InvalidParameter
from minori.model.account import operator_of
from minori.model.registry import Group

CONFIGURATION_BYTES = 8192
"""The most that all options of one group take as compact JSON, in bytes (documented: 8 KB)."""

NAME_CHARACTERS = 1024
"""The longest name of a namespace or an option, in characters (our choice): some are URLs."""

DEPTH = 64
"""How deep the value of an option may be nested (our choice)."""

Options = dict[str, Any]
Configuration = dict[str, Options]


class _NewGroup(Struct, frozen=True):
    tags: dict[str, str] | None = None
    configuration: Configuration | None = None


class _Option(Struct, frozen=True):
    key: str
    value: Any


def parse_new_group(body: bytes) -> tuple[dict[str, str], Configuration]:
    """The tags and options in `{"tags":{…},"configuration":{…}}` (spec); either or all of it may be absent.

    Raises `InvalidParameter`.
    """
    wanted = parse_body(body, _NewGroup) if body.strip() else _NewGroup()
    return checked_tags(wanted.tags or {}), checked_configuration(wanted.configuration or {})


def parse_options(body: bytes) -> Options:
    """The options in `[{"key":…,"value":…}]` (spec); of one key the last one counts. Raises `InvalidParameter`."""
    return {option.key: option.value for option in parse_body(body, list[_Option])}


def checked_configuration(configuration: Configuration) -> Configuration:
    """Options that may be kept. Raises `InvalidParameter`, and says which is wrong where Minori acts on it."""
    for namespace, options in configuration.items():
        _check_name("namespace", namespace)
        for key, value in options.items():
            _check_name("key", key)
            _check_depth(value)
            check_option(namespace, key, value)
            check = _CHECKS.get((namespace, key))
            if check is not None:
                check(f"{key} of {namespace}", value)
    size = len(msgspec.json.encode(configuration))
    if size > CONFIGURATION_BYTES:
        raise InvalidParameter(
            f"The configuration of the group would take {size} bytes of JSON, and at most {CONFIGURATION_BYTES} are"
            " kept; remove some of it first"
        )
    return configuration


def encode_group(group: Group) -> bytes:
    """A group as JSON (spec), each of its times under both of its names."""
    return encode_json(_members(group))


def encode_groups(groups: list[Group]) -> bytes:
    """An array of groups."""
    return encode_json([_members(group) for group in groups])


def _members(group: Group) -> Mapping[str, Any]:
    return {
        "groupId": group.group_id,
        "operatorId": operator_of(group.account),
        "tags": group.tags,
        "configuration": group.configuration,
        "createdTime": group.created_time,
        "createdAt": group.created_time,
        "lastModifiedTime": group.last_modified_time,
        "lastModifiedAt": group.last_modified_time,
    }


def _check_name(what: str, name: str) -> None:
    if not 1 <= len(name) <= NAME_CHARACTERS or "\0" in name:
        _invalid(f"A {what} of a group's configuration has 1 to {NAME_CHARACTERS} characters, none of them NUL")


def _check_depth(value: Any) -> None:
    """Go down level by level: a value that cannot be written again must not be kept."""
    level = [value]
    for _ in range(DEPTH):
        containers = [one for one in level if isinstance(one, (dict, list))]
        if not containers:
            return
        level = [inner for one in containers for inner in (one.values() if isinstance(one, dict) else one)]
    _invalid(f"The value of an option is nested more than {DEPTH} levels deep")


def _flag(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        _invalid(f"{name} must be true or false")


def _text(name: str, value: Any) -> None:
    """A text, or `null` for none."""
    if value is not None and (not isinstance(value, str) or "\0" in value):
        _invalid(f"{name} must be a text without NUL, or null")


def _directory(name: str, value: Any) -> None:
    _text(name, value)
    if value is not None and not value.startswith("/"):
        _invalid(f"{name} must begin with a slash, or be null")


def _invalid(message: str) -> NoReturn:
    raise InvalidParameter(message)


_CHECKS: Mapping[tuple[str, str], Callable[[str, Any], None]] = {
    ("SoracomHarvestFiles", "enabled"): _flag,
    ("SoracomHarvestFiles", "defaultPath"): _text,
    ("SoracomHarvestFiles", "assumedRoleId"): _text,
    ("SoracomHarvestFiles", "dataEntryEnabled"): _flag,
    ("SoracomHarvestFiles", "dataEntryPath"): _directory,
}
"""The options of Harvest Files; `codec.harvestoptions` has the others."""
