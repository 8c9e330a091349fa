"""Next keys: where a page ended, in characters that pass unchanged through headers, queries and double encoding (R21).

| page | key | also taken |
|---|---|---|
| entries of a resource | `<ms>_<resource id>`, or `<ms>` if the id has other letters | `<ms>`, `<ms>_` and anything |
| entries of a category | `<ms>_<type>.<base64url of the id>` | |
| resources | `<type>.<base64url of the id>` | a bare id, where the type is given |
| files | the file's name, or `~~<base64url of the name or path>` if it has other letters | any name, any path |
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

from minori.errors import InvalidParameter
from minori.model.entry import MAX_TIME, CategoryKey
from minori.model.resource import ResourceType

CURSOR = "~~"
"""What a next key of files begins with that is not the name itself."""

_SAFE = re.compile(r"[A-Za-z0-9.~-]+\Z")
_BARE = re.compile(r"[A-Za-z0-9._~-]+\Z")
_TIME = re.compile(r"([0-9]{1,19})(?:_(.*))?\Z", re.DOTALL)


def entry_key(time: int, resource_id: str) -> str:
    """The next key of a resource's page that ended at `time`."""
    return f"{time}_{resource_id}" if _SAFE.match(resource_id) else str(time)


def parse_entry_key(text: str) -> int:
    """The time after which a resource's next page begins. Raises `InvalidParameter`."""
    return _split(text)[0]


def category_key(place: CategoryKey) -> str:
    """The next key of a category's page that ended at `place`."""
    return f"{place.time}_{resource_key(place.type, place.id)}"


def parse_category_key(text: str) -> CategoryKey:
    """The place after which a category's next page begins. Raises `InvalidParameter`."""
    time, rest = _split(text)
    resource = _parse_resource(rest)
    if resource is None:
        raise _invalid()
    return CategoryKey(time, *resource)


def resource_key(kind: ResourceType, resource_id: str) -> str:
    """The next key of a list of resources that ended at this one."""
    return f"{kind}.{_encoded(resource_id)}"


def parse_resource_key(text: str, kind: ResourceType | None) -> tuple[ResourceType, str]:
    """The resource after which the next page of a list begins. Raises `InvalidParameter`."""
    resource = _parse_resource(text)
    if resource is not None:
        return resource
    if kind is None:
        raise _invalid()
    return kind, text


def file_key(name: str) -> str:
    """The next key of a page of files that ended at this file name (of a list) or path (of what was found)."""
    return name if _BARE.match(name) and not name.startswith(CURSOR) else CURSOR + _encoded(name)


def parse_file_key(text: str) -> str:
    """The file name or path after which the next page begins.

    Anything that is not a key of ours is taken for the name or path itself (documented).
    """
    if not text.startswith(CURSOR):
        return text
    try:
        name = _decoded(text.removeprefix(CURSOR))
    except ValueError:
        return text
    return name if file_key(name) == text else text


def _encoded(name: str) -> str:
    return urlsafe_b64encode(name.encode()).decode().rstrip("=")


def _decoded(encoded: str) -> str:
    return urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()


def _split(text: str) -> tuple[int, str]:
    match = _TIME.match(text)
    if match is None or int(match[1]) > MAX_TIME:
        raise _invalid()
    return int(match[1]), match[2] or ""


def _parse_resource(text: str) -> tuple[ResourceType, str] | None:
    kind, dot, encoded = text.partition(".")
    if not dot:
        return None
    try:
        return ResourceType(kind), _decoded(encoded)
    except ValueError:
        return None


def _invalid() -> InvalidParameter:
    return InvalidParameter(
        "last_evaluated_key is not a key of this list; send the X-Soracom-Next-Key of the page before, or leave it out"
    )
