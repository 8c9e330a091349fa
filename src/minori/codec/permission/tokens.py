"""The pieces that a condition is made of."""

import re
from enum import Enum

from msgspec import Struct

from minori.codec.permission.source import Source

_TOKEN = re.compile(
    r"(?P<text>'(?:[^']|'')*+')"
    r"|(?P<number>[0-9]{1,15}(?:\.[0-9]{1,15})?)"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<sign>==|!=|<=|>=|&&|\|\||[<>!(),])"
)
_BLANKS = re.compile(r"[ \t\r\n]*")


class Sort(Enum):
    """The sorts of tokens."""

    TEXT = "text"
    NUMBER = "number"
    WORD = "word"
    SIGN = "sign"
    END = "end"


class Token(Struct, frozen=True):
    """A piece as it is written, the offset of its first character, and of what is behind it."""

    sort: Sort
    text: str
    start: int
    end: int

    @property
    def value(self) -> str:
        """The text within the quotes, its doubled quotes made one; any other token as it is written."""
        return self.text[1:-1].replace("''", "'") if self.sort is Sort.TEXT else self.text


def next_token(source: Source, at: int) -> Token:
    """The token at or after an offset. Raises `InvalidPermission` where none begins."""
    blanks = _BLANKS.match(source.text, at)
    start = at if blanks is None else blanks.end()
    match = _TOKEN.match(source.text, start)
    if match is not None and match.lastgroup is not None:
        return Token(Sort(match.lastgroup), match[0], start, match.end())
    if start == len(source.text):
        return Token(Sort.END, "", start, start)
    if source.text[start] == "'":
        raise source.fault(start, "a text that ends in a single quote")
    raise source.fault(start, "a word, a number, a text in single quotes, or one of == != < <= > >= && || ! ( ) ,")
