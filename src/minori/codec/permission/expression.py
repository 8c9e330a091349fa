"""What a condition is once it has been read: a tree of frozen values, its kinds checked.

Dates are days, times of day and moments are seconds, moments and dates since 1970-01-01, all in UTC.
"""

from enum import StrEnum

from msgspec import Struct

from minori.codec.permission.pattern import Pattern

Value = str | int | float | bool
"""What an expression comes to."""


class Kind(StrEnum):
    """The kinds of values, in the words of a message; only values of one kind compare."""

    TEXT = "a text"
    NUMBER = "a number"
    TRUTH = "a condition"
    DATE = "a date"
    TIME = "a time of day"
    MOMENT = "a date with its time of day"


class Constant(Struct, frozen=True):
    """A value that stands in the condition."""

    value: Value


class Variable(StrEnum):
    """A value of the call; its name is the condition's word for it."""

    CURRENT_DATE = "currentDate"
    CURRENT_TIME = "currentTime"
    CURRENT_DATE_TIME = "currentDateTime"
    SAM_USER_NAME = "samUserName"
    OPERATOR_ID = "operatorId"
    HTTP_METHOD = "httpMethod"


class PathVariable(Struct, frozen=True):
    """A parameter of the path, under the name that stands in braces in the API's definition."""

    name: str


class FromNetwork(Struct, frozen=True):
    """Whether the caller's address is in a network: of IP `version` 4 or 6, from `first` to `last`."""

    version: int
    first: int
    last: int


class Matches(Struct, frozen=True):
    """Whether a pattern matches the whole of a text."""

    subject: "Expression"
    pattern: Pattern


class Comparison(Struct, frozen=True):
    """Two values of one kind compared: `sign` is one of `== != < <= > >=`."""

    sign: str
    left: "Expression"
    right: "Expression"


class Not(Struct, frozen=True):
    """The opposite."""

    operand: "Expression"


class And(Struct, frozen=True):
    """All of two or more."""

    operands: tuple["Expression", ...]


class Or(Struct, frozen=True):
    """One of two or more."""

    operands: tuple["Expression", ...]


Expression = Constant | Variable | PathVariable | FromNetwork | Matches | Comparison | Not | And | Or
"""A condition, or a part of one."""
