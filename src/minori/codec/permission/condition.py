"""Conditions, from their text to an expression whose kinds fit together.

    expression = all { ("or" | "||") all }
    all        = negation { ("and" | "&&") negation }
    negation   = { "not" | "!" } comparison
    comparison = value [ ("==" | "!=" | "<" | "<=" | ">" | ">=") value | "matches" 'pattern' ]
    value      = 'text' | number | true | false | variable | function | "(" expression ")"

Documented are `currentDate`, `date(2023, 02, 01)`, `ipAddress('10.0.0.0/24')`, `samUserName`,
`pathVariable('sim_id')`, `>=`, `==`, `matches` and `and`; all else is our choice. In a text, two single
quotes stand for one (our choice), and a backslash for itself.
"""

from collections.abc import Callable

from msgspec import Struct

from minori.codec.permission.expression import And, Comparison, Constant, Expression, Kind, Matches, Not, Or, Variable
from minori.codec.permission.functions import FUNCTIONS
from minori.codec.permission.pattern import Patterns
from minori.codec.permission.source import Source
from minori.codec.permission.tokens import Sort, Token, next_token

CONDITION_LENGTH = 4_096
"""The longest condition, in characters (our choice)."""

DEPTH = 32
"""Parentheses within each other at most (our choice)."""

_VARIABLES = {
    Variable.CURRENT_DATE: Kind.DATE,
    Variable.CURRENT_TIME: Kind.TIME,
    Variable.CURRENT_DATE_TIME: Kind.MOMENT,
    Variable.SAM_USER_NAME: Kind.TEXT,
    Variable.OPERATOR_ID: Kind.TEXT,
    Variable.HTTP_METHOD: Kind.TEXT,
}
_EQUALITY = ("==", "!=")
_ORDER = ("<", "<=", ">", ">=")
_ORDERED = (Kind.NUMBER, Kind.DATE, Kind.TIME, Kind.MOMENT)
_A_VALUE = (
    "a value: a text in single quotes, a number, true, false, a condition in parentheses, "
    f"{', '.join(_VARIABLES)}, {', '.join(function.example for function in FUNCTIONS.values())}"
)


class _Typed(Struct, frozen=True):
    """An expression, what it comes to, and where it begins."""

    expression: Expression
    kind: Kind
    start: int


def parse_condition(source: Source, patterns: Patterns) -> Expression:
    """The expression in a text; `patterns` are those of its document. Raises `InvalidPermission`.

    Patterns must compile, dates and networks exist, and only values of one kind compare: what can go wrong
    later is that a call does not have a value.
    """
    if len(source.text) > CONDITION_LENGTH:
        raise source.fault(CONDITION_LENGTH, f"the end, as a condition has at most {CONDITION_LENGTH} characters")
    return _Parser(source, patterns).condition()


class _Parser:
    def __init__(self, source: Source, patterns: Patterns) -> None:
        self._source = source
        self._patterns = patterns
        self._token = next_token(source, 0)
        self._depth = 0

    def condition(self) -> Expression:
        whole = self._expression()
        if self._token.sort is not Sort.END:
            raise self._source.fault(self._token.start, "and, or, or the end of the condition")
        return self._truth(whole)

    def _expression(self) -> _Typed:
        return self._joined(("or", "||"), self._all, Or)

    def _all(self) -> _Typed:
        return self._joined(("and", "&&"), self._negation, And)

    def _joined(self, words: tuple[str, str], operand: Callable[[], _Typed], joined: type[And | Or]) -> _Typed:
        operands = [operand()]
        while self._took(*words):
            operands.append(operand())
        first = operands[0]
        if len(operands) == 1:
            return first
        return _Typed(joined(tuple(map(self._truth, operands))), Kind.TRUTH, first.start)

    def _negation(self) -> _Typed:
        start = self._token.start
        negations = 0
        while self._took("not", "!"):
            negations += 1
        operand = self._comparison()
        if not negations:
            return operand
        truth = self._truth(operand)
        return _Typed(Not(truth) if negations % 2 else truth, Kind.TRUTH, start)

    def _comparison(self) -> _Typed:
        left = self._value()
        sign = self._token.text
        if self._took("matches"):
            return self._matches(left)
        if not self._took(*_EQUALITY, *_ORDER):
            return left
        if sign in _ORDER and left.kind not in _ORDERED:
            raise self._source.fault(left.start, f"{', '.join(_ORDERED)}: nothing else has an order")
        right = self._value()
        self._check(right, left.kind)
        return _Typed(Comparison(sign, left.expression, right.expression), Kind.TRUTH, left.start)

    def _matches(self, subject: _Typed) -> _Typed:
        self._check(subject, Kind.TEXT)
        pattern = self._take(Sort.TEXT, "a pattern in single quotes")
        compiled = self._patterns.compile(pattern.value, self._source, pattern.start)
        return _Typed(Matches(subject.expression, compiled), Kind.TRUTH, subject.start)

    def _value(self) -> _Typed:
        token = self._token
        if self._took("("):
            return self._in_parentheses(token.start)
        if token.text in FUNCTIONS:
            self._advance()
            return self._function(token)
        if token.sort is Sort.TEXT:
            found = _Typed(Constant(token.value), Kind.TEXT, token.start)
        elif token.sort is Sort.NUMBER:
            found = _Typed(Constant(float(token.text)), Kind.NUMBER, token.start)
        elif token.text in ("true", "false"):
            found = _Typed(Constant(token.text == "true"), Kind.TRUTH, token.start)
        elif token.text in _VARIABLES:
            variable = Variable(token.text)
            found = _Typed(variable, _VARIABLES[variable], token.start)
        else:
            raise self._source.fault(token.start, _A_VALUE)
        self._advance()
        return found

    def _in_parentheses(self, start: int) -> _Typed:
        self._depth += 1
        if self._depth > DEPTH:
            raise self._source.fault(start, f"at most {DEPTH} parentheses within each other")
        inner = self._expression()
        if not self._took(")"):
            raise self._source.fault(self._token.start, "and, or, or the ) of the parenthesis")
        self._depth -= 1
        return inner

    def _function(self, name: Token) -> _Typed:
        function = FUNCTIONS[name.text]
        wanted = f"{function.kind} as in {function.example}"
        sort = Sort.TEXT if function.argument is Kind.TEXT else Sort.NUMBER
        arguments: list[str] = []
        while self._took("," if arguments else "("):
            arguments.append(self._take(sort, wanted).value)
        if not function.least <= len(arguments) <= function.most or not self._took(")"):
            raise self._source.fault(self._token.start, wanted)
        try:
            return _Typed(function.read(arguments), function.kind, name.start)
        except (ValueError, OverflowError) as error:
            raise self._source.fault(name.start, wanted) from error

    def _truth(self, typed: _Typed) -> Expression:
        self._check(typed, Kind.TRUTH)
        return typed.expression

    def _check(self, typed: _Typed, kind: Kind) -> None:
        if typed.kind is not kind:
            raise self._source.fault(typed.start, f"{kind}, not {typed.kind}")

    def _took(self, *texts: str) -> bool:
        """Whether the next token is one of these words or signs; then it is taken."""
        if self._token.text not in texts:
            return False
        self._advance()
        return True

    def _take(self, sort: Sort, wanted: str) -> Token:
        token = self._token
        if token.sort is not sort:
            raise self._source.fault(token.start, wanted)
        self._advance()
        return token

    def _advance(self) -> None:
        self._token = next_token(self._source, self._token.end)
