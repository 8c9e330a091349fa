"""Permission documents: `{"statements":[{"effect":"allow","api":["FileEntry:*"],"condition":"…"}]}`."""

from collections.abc import Iterator
from enum import Enum
from json import JSONDecodeError, JSONDecoder

from msgspec import Struct

from minori.codec.permission.condition import parse_condition
from minori.codec.permission.expression import Expression
from minori.codec.permission.names import is_name
from minori.codec.permission.pattern import Patterns
from minori.codec.permission.source import Inner, Source

DOCUMENT_LENGTH = 32_768
"""The longest document, in characters (our choice)."""

STATEMENTS = 256
"""Statements of a document at most (our choice)."""

_BLANKS = (" ", "\t", "\r", "\n")
_JSON = JSONDecoder()
_A_NAME = "the name of an operation such as FileEntry:getFile, with a * for any characters if need be: FileEntry:*"


class Effect(Enum):
    """What an active statement does to the operations that it names."""

    ALLOW = "allow"
    DENY = "deny"


class Statement(Struct, frozen=True):
    """One rule. `apis` are names in which `*` is a wildcard (see `names.covers`).

    It is active where its condition holds; without one, always.
    """

    effect: Effect
    apis: tuple[str, ...]
    condition: Expression | None = None


def parse_permission(text: str) -> tuple[Statement, ...]:
    """The statements of a document, in its order.

    Raises `InvalidPermission` for anything but a JSON object of the documented shape whose conditions
    parse (see `parse_condition`). Members that are not documented and members that occur twice are refused
    too: a misspelt `condition` must not make a rule that always holds (our choice).
    """
    source = Source(text)
    if len(text) > DOCUMENT_LENGTH:
        raise source.fault(DOCUMENT_LENGTH, f"the end, as a document has at most {DOCUMENT_LENGTH} characters")
    return _Reader(source).document()


class _Reader:
    """Reads the one shape that a document has, and nothing else: so it never goes deeper than that."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._at = 0
        self._patterns = Patterns()
        self._skip_blanks()

    def document(self) -> tuple[Statement, ...]:
        statements: tuple[Statement, ...] = ()
        for _ in self._members(required=("statements",)):
            statements = tuple(self._statements())
        if self._at < len(self._source.text):
            raise self._source.fault(self._at, "the end of the document")
        return statements

    def _statements(self) -> Iterator[Statement]:
        for count in self._items("an array of statements"):
            if count > STATEMENTS:
                raise self._source.fault(self._at, f"], as a document has at most {STATEMENTS} statements")
            yield self._statement()

    def _statement(self) -> Statement:
        effect = Effect.DENY
        apis: tuple[str, ...] = ()
        condition = None
        for member in self._members(required=("effect", "api"), optional=("condition",)):
            if member == "effect":
                effect = self._effect()
            elif member == "api":
                apis = tuple(self._apis())
            else:
                start = self._at
                text = self._string("a condition in double quotes")
                condition = parse_condition(Inner(text, self._source, start), self._patterns)
        return Statement(effect, apis, condition)

    def _effect(self) -> Effect:
        start = self._at
        wanted = '"allow" or "deny"'
        try:
            return Effect(self._string(wanted))
        except ValueError as error:
            raise self._source.fault(start, wanted) from error

    def _apis(self) -> Iterator[str]:
        if self._is_next('"'):
            yield self._api()
        else:
            for _ in self._items(f"{_A_NAME}, in double quotes, or an array of them"):
                yield self._api()

    def _api(self) -> str:
        start = self._at
        name = self._string(_A_NAME)
        if not is_name(name):
            raise self._source.fault(start, _A_NAME)
        return name

    def _members(self, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> Iterator[str]:
        """The names of an object's members; at each of them, the reader stands before the value."""
        start = self._at
        left = [*required, *optional]
        self._take("{", f"an object with {' and '.join(required)}")
        while not self._is_next("}"):
            if len(left) < len(required) + len(optional):
                self._take(",", "a comma or }")
            at = self._at
            wanted = " or ".join(f'"{name}"' for name in left) or "}, as every member is there already"
            name = self._string(wanted)
            if name not in left:
                raise self._source.fault(at, wanted)
            left.remove(name)
            self._take(":", "a colon")
            yield name
        self._take("}", "}")
        if not set(left) <= set(optional):
            raise self._source.fault(start, f"an object with {' and '.join(required)}")

    def _items(self, wanted: str) -> Iterator[int]:
        """Counts an array's items from 1 on; at each count, the reader stands before the item."""
        self._take("[", wanted)
        count = 0
        while not self._is_next("]"):
            if count:
                self._take(",", "a comma or ]")
            count += 1
            yield count
        self._take("]", "]")

    def _string(self, wanted: str) -> str:
        start = self._at
        if not self._is_next('"'):
            raise self._source.fault(start, wanted)
        try:
            value, self._at = _JSON.raw_decode(self._source.text, start)
            text = str(value)
            text.encode()
        except JSONDecodeError as error:
            raise self._source.fault(error.pos, "a JSON string: " + wanted) from error
        except UnicodeEncodeError as error:
            raise self._source.fault(start, "a text that UTF-8 knows, without half a character") from error
        self._skip_blanks()
        return text

    def _is_next(self, sign: str) -> bool:
        return self._source.text.startswith(sign, self._at)

    def _take(self, sign: str, wanted: str) -> None:
        if not self._is_next(sign):
            raise self._source.fault(self._at, wanted)
        self._at += 1
        self._skip_blanks()

    def _skip_blanks(self) -> None:
        while self._source.text[self._at : self._at + 1] in _BLANKS:
            self._at += 1
