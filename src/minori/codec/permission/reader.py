"""Reads JSON of one known shape, sign by sign, so that what is wrong can be pointed at."""

from collections.abc import Callable, Iterator
from enum import Enum
from json import JSONDecodeError, JSONDecoder

from minori.codec.permission.condition import parse_condition
from minori.codec.permission.expression import Expression
from minori.codec.permission.pattern import Patterns
from minori.codec.permission.source import Inner, Source

DOCUMENT_LENGTH = 32_768
"""The longest document, in characters (our choice)."""

STATEMENTS = 256
"""Statements of a document at most (our choice)."""

_BLANKS = (" ", "\t", "\r", "\n")
_JSON = JSONDecoder()


class Effect(Enum):
    """What an active statement does to those or to that which it names."""

    ALLOW = "allow"
    DENY = "deny"


class Reader:
    """Reads the one shape that a document has, and nothing else: so it never goes deeper than that.

    Every method raises `InvalidPermission` for what does not fit.
    """

    def __init__(self, source: Source) -> None:
        if len(source.text) > DOCUMENT_LENGTH:
            raise source.fault(DOCUMENT_LENGTH, f"the end, as a document has at most {DOCUMENT_LENGTH} characters")
        self._source = source
        self._at = 0
        self._patterns = Patterns()
        self._skip_blanks()

    def statements(self) -> Iterator[int]:
        """Counts the statements of a whole document from 1 on; at each count, the reader stands before that one."""
        for _ in self.members(required=("statements",)):
            for count in self.items("an array of statements"):
                if count > STATEMENTS:
                    raise self._source.fault(self._at, f"], as a document has at most {STATEMENTS} statements")
                yield count
        if self._at < len(self._source.text):
            raise self._source.fault(self._at, "the end of the document")

    def effect(self) -> Effect:
        """`allow` or `deny`."""
        start = self._at
        wanted = '"allow" or "deny"'
        try:
            return Effect(self.string(wanted))
        except ValueError as error:
            raise self._source.fault(start, wanted) from error

    def condition(self) -> Expression:
        """A condition; its faults point into the document too."""
        start = self._at
        text = self.string("a condition in double quotes")
        return parse_condition(Inner(text, self._source, start), self._patterns)

    def word(self, wanted: str, fits: Callable[[str], object]) -> str:
        """A text that `fits`."""
        start = self._at
        text = self.string(wanted)
        if not fits(text):
            raise self._source.fault(start, wanted)
        return text

    def members(
        self, required: tuple[str, ...] = (), optional: tuple[str, ...] = (), any_of: tuple[str, ...] = ()
    ) -> Iterator[str]:
        """The names of an object's members, each once; at each of them, the reader stands before the value."""
        start = self._at
        known = [*required, *optional, *any_of]
        left = list(known)
        whole = f"an object with {' and '.join(required) or ' or '.join(any_of)}"
        self._take("{", whole)
        while not self.is_next("}"):
            if len(left) < len(known):
                self._take(",", "a comma or }")
            at = self._at
            wanted = " or ".join(f'"{name}"' for name in left) or "}, as every member is there already"
            name = self.string(wanted)
            if name not in left:
                raise self._source.fault(at, wanted)
            left.remove(name)
            self._take(":", "a colon")
            yield name
        self._take("}", "}")
        if set(left) & set(required) or (any_of and set(any_of) <= set(left)):
            raise self._source.fault(start, whole)

    def items(self, wanted: str) -> Iterator[int]:
        """Counts an array's items from 1 on; at each count, the reader stands before the item."""
        self._take("[", wanted)
        count = 0
        while not self.is_next("]"):
            if count:
                self._take(",", "a comma or ]")
            count += 1
            yield count
        self._take("]", "]")

    def string(self, wanted: str) -> str:
        """A text, its escapes undone."""
        start = self._at
        if not self.is_next('"'):
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

    def is_next(self, sign: str) -> bool:
        """Whether this sign comes next."""
        return self._source.text.startswith(sign, self._at)

    def _take(self, sign: str, wanted: str) -> None:
        if not self.is_next(sign):
            raise self._source.fault(self._at, wanted)
        self._at += 1
        self._skip_blanks()

    def _skip_blanks(self) -> None:
        while self._source.text[self._at : self._at + 1] in _BLANKS:
            self._at += 1
