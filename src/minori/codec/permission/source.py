"""Texts that are read, and how to say where one of them is wrong."""

import re

from minori.errors import InvalidPermission

# One character of a JSON string as it is written there: two halves that make one, an escape, or itself.
_CHARACTER = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|[^\\\"]", re.DOTALL
)


class Source:
    """A text, and what is made of it. Offsets count its characters from 0."""

    def __init__(self, text: str, name: str = "permission document") -> None:
        self.text = text
        self._name = name

    def fault(self, offset: int, expected: str) -> InvalidPermission:
        """The error that says what was expected at an offset."""
        before = self.text[:offset]
        return InvalidPermission(before.count("\n") + 1, offset - before.rfind("\n"), expected, self._name)


class Inner(Source):
    """A text that stands in a JSON string of another, its opening quote at `start`; faults point into the other."""

    def __init__(self, text: str, outer: Source, start: int) -> None:
        super().__init__(text)
        self._outer = outer
        self._start = start

    def fault(self, offset: int, expected: str) -> InvalidPermission:
        """The error, its place found in the text that is around this one, escapes and all."""
        at = self._start + 1
        for _ in range(offset):
            character = _CHARACTER.match(self._outer.text, at)
            if character is None:
                break
            at = character.end()
        return self._outer.fault(at, expected)
