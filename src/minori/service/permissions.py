"""Who may do what: permission documents, asked about one call.

| conditions of the statements that name the operation | answer |
|---|---|
| of a `deny`, one holds, or cannot be said to hold or not | no |
| of an `allow`, one holds | yes |
| none of these | no |

All documents of a caller count together: the default permissions, those of the roles, and the user's own
(documented). So more statements that allow never take a right away, and one that denies always wins.

What cannot be said is a value that the call lacks, such as a path variable that the operation has not got. It
stays unsaid through `not` and comparisons, but `true or` it is true, and `false and` it is false (our choice).
"""

import operator
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from minori.codec.permission.document import Statement, parse_permission
from minori.codec.permission.expression import (
    And,
    Comparison,
    Constant,
    Expression,
    FromNetwork,
    Matches,
    Not,
    Or,
    PathVariable,
    Value,
    Variable,
)
from minori.codec.permission.names import covers
from minori.codec.permission.reader import Effect
from minori.codec.permission.trust import Trust
from minori.errors import InvalidPermission

ALWAYS = frozenset({"Auth:logout"})
"""Operations that every caller may do, whatever the documents say (documented)."""

_REMEMBERED = 1024  # addresses; also operations of a document: there are fewer of them
_DAY = 86_400
_NONE: Mapping[str, str] = MappingProxyType({})

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Context(Struct, frozen=True):
    """One call. `time` is UNIX ms; every other member may be unknown, and no condition on it holds then.

    `variables` are the parameters of the path, decoded, under their names in the API's definition; the
    `path` of a file has no slash in front, and a directory's has one behind (documented). `imsi` is the
    calling SIM's, where a SIM calls: it takes the place of `:imsi` in patterns.
    """

    time: int
    address: str | None = None
    sam_user_name: str | None = None
    operator_id: str | None = None
    http_method: str | None = None
    variables: Mapping[str, str] = _NONE
    imsi: str | None = None


class Permission:
    """One document, ready to be asked. Made once a text and kept by whoever asks."""

    def __init__(self, statements: Iterable[Statement]) -> None:
        self._statements = tuple(statements)
        self._naming: dict[str, tuple[Statement, ...]] = {}

    def allows(self, api: str, context: Context) -> bool:
        """Whether this document alone lets a caller do `api`, such as `FileEntry:getFile`."""
        return allows((self,), api, context)

    def naming(self, api: str) -> tuple[Statement, ...]:
        """The statements that name an operation."""
        found = self._naming.get(api)
        if found is None:
            found = tuple(each for each in self._statements if any(covers(name, api) for name in each.apis))
            if len(self._naming) >= _REMEMBERED:
                self._naming.clear()
            self._naming[api] = found
        return found


DENY_ALL = Permission([Statement(Effect.DENY, ("*",))])
"""Denies everything."""


def read_permission(text: str) -> Permission:
    """A document that is to be saved. Raises `InvalidPermission` as `parse_permission` does."""
    return Permission(parse_permission(text))


def kept_permission(text: str) -> Permission:
    """A document that was saved once. If it cannot be read any more it denies everything (our choice)."""
    try:
        return read_permission(text)
    except InvalidPermission:
        return DENY_ALL


def allows(permissions: Iterable[Permission], api: str, context: Context) -> bool:
    """Whether all of a caller's documents together let him do `api`. Never raises.

    Takes a few microseconds; the most that a document can cost is bounded when it is read.
    """
    return api in ALWAYS or permits([each for one in permissions for each in one.naming(api)], context)


def permits(statements: Iterable[Statement | Trust], context: Context) -> bool:
    """What statements that name one thing say of it, all together. Never raises."""
    is_allowed = False
    for statement in statements:
        if statement.effect is Effect.DENY:
            if _holds(statement.condition, context) is not False:
                return False
        elif not is_allowed:
            is_allowed = _holds(statement.condition, context) is True
    return is_allowed


def _holds(condition: Expression | None, context: Context) -> Value | None:
    """Whether a condition holds, or `None` where that cannot be said."""
    return True if condition is None else _value(condition, context)


def _value(expression: Expression, context: Context) -> Value | None:
    """What an expression comes to; its kinds were checked when it was read."""
    return _VALUE[type(expression)](expression, context)


def _constant(expression: Constant, _: Context) -> Value:
    return expression.value


def _variable(expression: Variable, context: Context) -> Value | None:
    return _VARIABLE[expression](context)


def _path_variable(expression: PathVariable, context: Context) -> Value | None:
    return context.variables.get(expression.name)


def _from_network(expression: FromNetwork, context: Context) -> bool | None:
    address = None if context.address is None else _number(context.address)
    if address is None:
        return None
    version, number = address
    return version == expression.version and expression.first <= number <= expression.last


def _matches(expression: Matches, context: Context) -> bool | None:
    text = _value(expression.subject, context)
    return None if text is None else expression.pattern.matches(str(text), context.imsi)


def _comparison(expression: Comparison, context: Context) -> bool | None:
    left, right = _value(expression.left, context), _value(expression.right, context)
    if left is None or right is None:
        return None
    return _COMPARE[expression.sign](left, right)


def _not(expression: Not, context: Context) -> bool | None:
    value = _value(expression.operand, context)
    return None if value is None else not value


def _and(expression: And, context: Context) -> bool | None:
    return _first(expression.operands, context, decisive=False)


def _or(expression: Or, context: Context) -> bool | None:
    return _first(expression.operands, context, decisive=True)


def _first(operands: Iterable[Expression], context: Context, *, decisive: bool) -> bool | None:
    """`decisive` if one operand comes to it; else `None` if one cannot be said; else the opposite."""
    outcome: bool | None = not decisive
    for operand in operands:
        value = _value(operand, context)
        if value is decisive:
            return decisive
        if value is None:
            outcome = None
    return outcome


@lru_cache(_REMEMBERED)
def _number(address: str) -> tuple[int, int] | None:
    """The version and the number of an IP address; an IPv4 address in IPv6 clothes is an IPv4 address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return (4, int(mapped)) if mapped is not None else (parsed.version, int(parsed))


_VARIABLE: dict[Variable, Callable[[Context], Value | None]] = {
    Variable.CURRENT_DATE: lambda context: context.time // 1000 // _DAY,
    Variable.CURRENT_TIME: lambda context: context.time // 1000 % _DAY,
    Variable.CURRENT_DATE_TIME: lambda context: context.time // 1000,
    Variable.SAM_USER_NAME: operator.attrgetter("sam_user_name"),
    Variable.OPERATOR_ID: operator.attrgetter("operator_id"),
    Variable.HTTP_METHOD: operator.attrgetter("http_method"),
}

_VALUE: dict[type, Callable[[Any, Context], Value | None]] = {
    Constant: _constant,
    Variable: _variable,
    PathVariable: _path_variable,
    FromNetwork: _from_network,
    Matches: _matches,
    Comparison: _comparison,
    Not: _not,
    And: _and,
    Or: _or,
}
