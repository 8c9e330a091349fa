"""JSON Pointers (RFC 6901) into the text of a payload; what one points at is given back as text, as it was sent.

A payload is looked into level by level without being turned into values, so that what is found keeps its
spelling: blanks, the digits of a number, the order of members.
"""

import re
from typing import Any

import msgspec
from msgspec import Raw, Struct

from minori.errors import InvalidParameter

POINTER_CHARACTERS = 1024
"""The longest pointer, in characters (our choice)."""

POINTER_DEPTH = 32
"""The most names in one pointer (our choice); each of them costs one look at what is below it."""

_wrong_escape = re.compile("~(?![01])").search
_index = re.compile(r"(?:0|[1-9][0-9]{0,8})\Z").match
_plain = re.compile(r"[A-Za-z0-9_./~-]{1,128}\Z").match
_value = msgspec.json.Decoder(Raw).decode
_members = msgspec.json.Decoder(dict[str, Raw]).decode
_items = msgspec.json.Decoder(list[Raw]).decode
_values = msgspec.json.Decoder(list[Any]).decode
_anything = msgspec.json.Decoder().decode
_OBJECT, _ARRAY = b"{["


class Pointer(Struct, frozen=True):
    """A place in a JSON document: the names of members and the numbers of items on the way; none is the whole."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        """The pointer as RFC 6901 writes it."""
        return "".join([f"/{name.replace('~', '~0').replace('/', '~1')}" for name in self.names])

    @property
    def told(self) -> str:
        """The pointer for a message: a long or odd one is not repeated."""
        text = str(self)
        if not text:
            return "its root"
        return text if _plain(text) else "the place that the group names"


def parse_pointer(text: str) -> Pointer:
    """The pointer that `text` writes; empty text is the whole document (RFC 6901).

    Raises `InvalidParameter`: it begins with a slash, `~` is written `~0` and a slash in a name `~1`.
    """
    if len(text) > POINTER_CHARACTERS:
        raise InvalidParameter(f"A JSON Pointer has {POINTER_CHARACTERS} characters at most")
    if not text:
        return Pointer(())
    if not text.startswith("/"):
        raise InvalidParameter("A JSON Pointer is empty or begins with a slash, such as /time")
    if _wrong_escape(text):
        raise InvalidParameter("In a JSON Pointer ~0 stands for ~ and ~1 for a slash; a ~ alone means nothing")
    names = text[1:].split("/")
    if len(names) > POINTER_DEPTH:
        raise InvalidParameter(f"A JSON Pointer has {POINTER_DEPTH} names at most")
    return Pointer(tuple([name.replace("~1", "/").replace("~0", "~") for name in names]))


def find(pointer: Pointer, text: str) -> str | None:
    """What a pointer points at, as JSON text without the blanks around it; `None` if there is nothing.

    Nothing is also at `-`, which is behind the last item (RFC 6901), below what is no object and no array,
    and in text that cannot be looked into: no JSON, nested as deep as a recursion goes (about 1,000 levels),
    or with half a surrogate pair in it (our choice). Of doubled members the last one counts (our choice).
    """
    try:
        value = _value(text.encode())
        for name in pointer.names:
            below = _below(value, name)
            if below is None:
                return None
            value = below
        return bytes(value).decode()
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def split_items(text: str) -> list[str] | None:
    """The items of a JSON array, each as JSON text; `None` if the text is no array."""
    try:
        return [bytes(item).decode() for item in _items(text)]
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def parse_array(whole: str, text: str) -> list[Any] | None:
    """The values of a JSON array that stands in `whole`; `None` if either is no JSON, or the array is none.

    `split_items` does not look into items; this does, and so finds what is wrong there.
    """
    try:
        if text != whole:
            _anything(whole)
        return _values(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _below(value: Raw, name: str) -> Raw | None:
    first = memoryview(value)[0]
    if first == _OBJECT:
        return _members(value).get(name)
    if first != _ARRAY or not _index(name):
        return None
    items, number = _items(value), int(name)
    return items[number] if number < len(items) else None
