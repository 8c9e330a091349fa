"""Names of operations, as permissions know them: `Tag:operation`."""

import re

RENAMED = {
    "Gadget:deleteGadgetTag": "Gadget:deleteTag",
    "Group:deleteGroupTag": "Group:deleteTag",
    "Group:listSubscribersInGroup": "Group:listSubscribers",
    "Group:putGroupTags": "Group:putTags",
    "LoraDevice:deleteLoraDeviceTag": "LoraDevice:deleteTag",
    "SigfoxDevice:deleteSigfoxDeviceTag": "SigfoxDevice:deleteTag",
    "Sim:deleteSimTag": "Sim:deleteTag",
    "Sim:putSimTags": "Sim:putTags",
    "Subscriber:deleteSubscriberTag": "Subscriber:deleteTag",
    "Subscriber:putSubscriberTags": "Subscriber:putTags",
}
"""Operations whose permission is not named after their id: `x-sam-operationId` in the API's definition (spec)."""

NAME_LENGTH = 128
"""The longest name in a document, in characters (our choice)."""

_NAME = re.compile(r"[A-Za-z0-9_*]+(:[A-Za-z0-9_*]+)?")


def permission_name(tag: str, operation_id: str) -> str:
    """The name of an operation's permission, such as `FileEntry:getFile` (documented)."""
    name = f"{tag}:{operation_id}"
    return RENAMED.get(name, name)


def is_name(text: str) -> bool:
    """Whether a document may name operations so: `Tag:operation`, or anything with a `*` in it.

    What could name no operation is no name: it would look like a rule and be none (our choice). Whether
    Minori has the operation does not matter.
    """
    return len(text) <= NAME_LENGTH and (":" in text or "*" in text) and _NAME.fullmatch(text) is not None


def covers(name: str, api: str) -> bool:
    """Whether a name in a document means the operation `api`.

    A `*` is any run of characters, also none, wherever it stands (our choice; documented at the end);
    case matters. The time is bounded by the product of the two lengths: each piece is sought once.
    """
    first, *others = name.split("*")
    if not others:
        return name == api
    *between, last = others
    end = len(api) - len(last)
    if len(first) > end or not api.startswith(first) or not api.endswith(last):
        return False
    at = len(first)
    for piece in between:
        at = api.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return True
