"""Patterns of `matches`: regular expressions that cannot be made to run long.

RE2 walks a text once, whatever the pattern; the work of one match is bounded by the pattern's program
(`Pattern.program`, in instructions) times the bytes of the text (at most `TEXT_BYTES`).
"""

import re
from functools import lru_cache
from typing import Protocol, cast

import re2  # type: ignore[import-untyped]  # the package has no types; `_Regexp` says what is used of it

from minori.codec.permission.source import Source

PATTERN_LENGTH = 1_024
"""The longest pattern, in characters (our choice)."""

PROGRAM = 2_048
"""Instructions of all patterns of a document together, at most (our choice)."""

TEXT_BYTES = 1_024
"""The longest text that is matched, in bytes of UTF-8: as long as a file's path may be."""

IMSI_LENGTH = 32
"""The longest IMSI that is put into a pattern, in characters."""

PLACEHOLDER = ":imsi"
"""Stands for the calling SIM's IMSI (documented)."""

_MEMORY = 1 << 16  # bytes that RE2 may use for a pattern; with more, a hostile one takes longer
_REMEMBERED = 256  # patterns with an IMSI in them
_SAMPLE = "0" * 15

# In a pattern that compiles: what may hide the placeholder from its meaning, or the placeholder.
_TOKEN = re.compile(
    r"\\Q.*?(?:\\E|\Z)|\\.|\(\?[A-Za-z-]*:|\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*+\]|:imsi", re.DOTALL | re.ASCII
)
_IN_CLASS = re.compile(r"\\.|\[:\^?\w+:\]", re.DOTALL | re.ASCII)

_OPTIONS = re2.Options()
_OPTIONS.max_mem = _MEMORY
_OPTIONS.never_capture = True
_OPTIONS.log_errors = False


class _Regexp(Protocol):
    """What is used of a compiled pattern."""

    programsize: int

    def fullmatch(self, text: bytes) -> object | None: ...


class Pattern:
    """A pattern that compiled. Two of one text are equal."""

    __slots__ = ("_parts", "_regexp", "program", "text")

    def __init__(self, text: str, parts: tuple[str, ...], regexp: _Regexp) -> None:
        self.text = text
        self.program = regexp.programsize
        self._parts = parts
        self._regexp = regexp if len(parts) == 1 else None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pattern) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Pattern({self.text!r})"

    def matches(self, text: str, imsi: str | None) -> bool | None:
        """Whether the whole text matches, the IMSI put in place of its placeholder.

        `None` where that cannot be said: the text is longer than `TEXT_BYTES` or no text that UTF-8 knows,
        or the pattern wants an IMSI and there is none.
        """
        try:
            encoded = text.encode()
        except UnicodeEncodeError:
            return None
        regexp = _with_imsi(self._parts, imsi) if self._regexp is None else self._regexp
        if regexp is None or len(encoded) > TEXT_BYTES:
            return None
        return regexp.fullmatch(encoded) is not None


class Patterns:
    """The patterns of one document, whose programs are bounded together."""

    def __init__(self) -> None:
        self._left = PROGRAM

    def compile(self, text: str, source: Source, start: int) -> Pattern:
        """The pattern that stands in `source` at `start`.

        Raises `InvalidPermission` for what RE2 does not take, for a pattern that is too long or whose program
        is too large, for a class within a class (Java reads it, RE2 would read something else), and for a
        placeholder in a class or between `\\Q` and `\\E`, where it could not stand for an IMSI.
        """
        if len(text) > PATTERN_LENGTH:
            raise source.fault(start, f"a pattern of at most {PATTERN_LENGTH} characters")
        _compiled(text, source, start)
        parts = _split(text, source, start)
        pattern = Pattern(text, parts, _compiled(_put_in(parts, _SAMPLE), source, start))
        self._left -= pattern.program
        if self._left < 0:
            raise source.fault(start, "smaller or fewer patterns: shorter repetitions, plainer classes")
        return pattern


def _split(text: str, source: Source, start: int) -> tuple[str, ...]:
    """A pattern that compiles, cut where an IMSI belongs."""
    parts = [""]
    at = 0
    for token in _TOKEN.finditer(text):
        parts[-1] += text[at : token.start()]
        at = token.end()
        if token[0] == PLACEHOLDER:
            parts.append("")
        else:
            _check_token(token[0], source, start)
            parts[-1] += token[0]
    parts[-1] += text[at:]
    return tuple(parts)


def _check_token(token: str, source: Source, start: int) -> None:
    is_class = token.startswith("[")
    if PLACEHOLDER in token and (is_class or token.startswith("\\Q")):
        raise source.fault(start, f"a pattern in which {PLACEHOLDER} stands neither in [ ] nor between \\Q and \\E")
    inside = _IN_CLASS.sub("", token[1:]) if is_class else ""
    if "[" in inside or "&&" in inside:
        raise source.fault(start, "a pattern in which neither [ nor && stands in [ ]; write \\[ for the bracket itself")


def _compiled(text: str, source: Source, start: int) -> _Regexp:
    try:
        return _compile(text)
    except re2.error as error:
        # What follows the colon is taken from the pattern and may be anything.
        reason = error.args[0].decode(errors="replace").partition(":")[0]
        raise source.fault(start, f"a regular expression as RE2 reads it ({reason})") from error


def _compile(text: str) -> _Regexp:
    return cast("_Regexp", re2.compile(text, _OPTIONS))


def _put_in(parts: tuple[str, ...], imsi: str) -> str:
    return f"(?:{re2.escape(imsi)})".join(parts)


@lru_cache(_REMEMBERED)
def _with_imsi(parts: tuple[str, ...], imsi: str | None) -> _Regexp | None:
    if not imsi or len(imsi) > IMSI_LENGTH:
        return None
    try:
        return _compile(_put_in(parts, imsi))
    except (re2.error, UnicodeEncodeError):
        return None
