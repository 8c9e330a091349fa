"""Permissions over all documents and calls: deny wins, allow only adds, what cannot be read or said never grants."""

import fnmatch
import json
from collections.abc import Callable
from typing import Any

from hypothesis import assume, example, given
from hypothesis import strategies as st

from minori.codec.permission.condition import parse_condition
from minori.codec.permission.document import parse_permission
from minori.codec.permission.names import covers
from minori.codec.permission.pattern import Patterns
from minori.codec.permission.source import Source
from minori.errors import InvalidPermission
from minori.service.permissions import ALWAYS, Context, allows, read_permission

Truth = bool | None
Judged = tuple[str, Callable[[Context], Truth]]
"""The text of a condition, and what it comes to by another reckoning; `None` where that cannot be said."""

Rule = dict[str, Any]

NOON = 1_675_252_800_000
HOUR = 3_600_000

texts = st.text(max_size=8)
close_texts = st.sampled_from(("", "a", "ab", "a/b", "it's", "é", "\\", "440101"))
apis = st.sampled_from(("Sim:getSim", "Sim:deleteSim", "Group:getGroup", "FileEntry:getFile", "Auth:auth"))
api_names = st.sampled_from(("*", "Sim:*", "Sim:getSim", "*:get*", "*:delete*", "FileEntry:*", "Group:getGroup"))
variables = st.dictionaries(st.sampled_from(("path", "sim_id")), close_texts | texts)
contexts = st.builds(
    Context,
    st.integers(NOON - 48 * HOUR, NOON + 48 * HOUR) | st.integers(0, 2**53),
    st.none() | st.sampled_from(("10.0.0.7", "192.0.2.1", "2001:db8::7", "::ffff:10.0.0.7", "fe80::1%eth0")) | texts,
    st.none() | close_texts | texts,
    st.none() | st.just("OP0000000001"),
    st.none() | st.sampled_from(("GET", "PUT")),
    variables,
    st.none() | st.sampled_from(("440101", ".*")) | texts,
)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def both(left: Truth, right: Truth) -> Truth:
    return False if False in (left, right) else None if None in (left, right) else True


def opposite(value: Truth) -> Truth:
    return None if value is None else not value


def constant(text: str) -> Judged:
    return text, lambda _: text == "true"


def by_name(name: str) -> Judged:
    return (
        f"samUserName == {quoted(name)}",
        lambda context: None if context.sam_user_name is None else context.sam_user_name == name,
    )


def by_variable(name: str, value: str) -> Judged:
    def judged(context: Context) -> Truth:
        return context.variables[name] != value if name in context.variables else None

    return f"pathVariable({quoted(name)}) != {quoted(value)}", judged


def by_hour(hour: int) -> Judged:
    return f"currentTime < time({hour}, 0)", lambda context: context.time % (24 * HOUR) < hour * HOUR


def negated(word: str, inner: Judged) -> Judged:
    return f"{word} ({inner[0]})", lambda context: opposite(inner[1](context))


def joined(word: str, left: Judged, right: Judged) -> Judged:
    def judged(context: Context) -> Truth:
        values = left[1](context), right[1](context)
        # One of two holds if not both do not.
        return both(*values) if word in ("and", "&&") else opposite(both(*map(opposite, values)))

    return f"({left[0]}) {word} ({right[0]})", judged


leaves = st.one_of(
    st.builds(constant, st.sampled_from(("true", "false"))),
    st.builds(by_name, close_texts),
    st.builds(by_variable, st.sampled_from(("path", "sim_id", "nope")), close_texts),
    st.builds(by_hour, st.integers(0, 23)),
)
judged_conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(negated, st.sampled_from(("not", "!")), inner),
        st.builds(joined, st.sampled_from(("and", "&&", "or", "||")), inner, inner),
    ),
    max_leaves=6,
)
pieces = st.sampled_from(
    (
        "and",
        "or",
        "not",
        "matches",
        "==",
        ">=",
        "<",
        "!",
        "&&",
        "(",
        ")",
        ",",
        "'a'",
        "'.*'",
        "':imsi/.*'",
        "'('",
        "'",
        "true",
        "2023",
        "1.5",
        "currentDate",
        "samUserName",
        "date(2023, 02, 01)",
        "time(9, 0)",
        "ipAddress('10.0.0.0/8')",
        "pathVariable('path')",
        "pathVariable(",
        "é",
        "\0",
        '"',
    )
)
muddles = st.lists(pieces, max_size=9).map(" ".join) | st.text(max_size=40)
conditions = judged_conditions.map(lambda judged: judged[0]) | st.sampled_from(
    (
        "pathVariable('path') matches 'a.*'",
        "pathVariable('path') matches ':imsi/.*'",
        "samUserName matches '[^/]*'",
        "ipAddress('10.0.0.0/8')",
        "not ipAddress('10.0.0.0/8')",
        "currentDateTime >= dateTime(2023, 2, 1, 12, 0)",
    )
)


def rules(*effects: str) -> st.SearchStrategy[Rule]:
    required = {"effect": st.sampled_from(effects), "api": api_names | st.lists(api_names, max_size=3)}
    return st.fixed_dictionaries(required, optional={"condition": conditions})


documents = st.lists(rules("allow", "deny"), max_size=4)


def names_of(statement: Rule) -> list[str]:
    named: str | list[str] = statement["api"]
    return [named] if isinstance(named, str) else named


def single(condition: str) -> str:
    return json.dumps({"statements": [{"effect": "allow", "api": "*", "condition": condition}]})


def fault_of(text: str) -> InvalidPermission | None:
    """Why a document is refused, if it is; the place is one in its text."""
    try:
        parse_permission(text)
    except InvalidPermission as error:
        fault = error
    else:
        return None
    lines = text.split("\n")
    assert 1 <= fault.line <= len(lines)
    assert 1 <= fault.column <= len(lines[fault.line - 1]) + 1
    return fault


def answer(given_documents: list[list[Rule]], api: str, context: Context) -> bool:
    read = [read_permission(json.dumps({"statements": statements})) for statements in given_documents]
    return allows(read, api, context)


@given(judged_conditions, contexts)
def test_a_condition_comes_to_what_its_parts_come_to(judged: Judged, context: Context) -> None:
    condition, reckoned = judged
    expected = reckoned(context)
    granted = answer([[{"effect": "allow", "api": "*", "condition": condition}]], "Sim:getSim", context)
    barred = not answer(
        [[{"effect": "allow", "api": "*"}, {"effect": "deny", "api": "*", "condition": condition}]],
        "Sim:getSim",
        context,
    )
    assert granted is (expected is True)
    assert barred is (expected is not False)


@given(st.lists(documents, max_size=3), apis, contexts, st.data())
def test_a_deny_that_is_active_wins_wherever_it_stands(
    many: list[list[Rule]], api: str, context: Context, data: st.DataObject
) -> None:
    naming = [name for name in ("*", "Sim:*", "*:get*", "*:delete*") if covers(name, api)]
    active = {"effect": "deny", "api": data.draw(st.sampled_from(naming))}
    many = [*many, [{"effect": "allow", "api": "*"}]]
    where = data.draw(st.integers(0, len(many) - 1))
    place = data.draw(st.integers(0, len(many[where])))
    many[where] = [*many[where][:place], active, *many[where][place:]]
    assert not answer(many, api, context)


@given(st.lists(documents, max_size=3), rules("allow"), apis, contexts, st.data())
def test_one_more_allow_never_takes_a_right_away(
    many: list[list[Rule]], more: Rule, api: str, context: Context, data: st.DataObject
) -> None:
    if answer(many, api, context):
        assert answer([*many, [more]], api, context)
        where = data.draw(st.integers(0, len(many) - 1)) if many else 0
        assert answer([[more, *each] if at == where else each for at, each in enumerate(many)], api, context)


@given(st.lists(documents, max_size=3), rules("deny"), apis, contexts)
def test_one_more_deny_never_gives_a_right(many: list[list[Rule]], more: Rule, api: str, context: Context) -> None:
    if not answer(many, api, context):
        assert not answer([*many, [more]], api, context)


@given(st.lists(documents, max_size=3), apis, contexts)
def test_how_statements_are_spread_over_documents_does_not_matter(
    many: list[list[Rule]], api: str, context: Context
) -> None:
    together = [statement for statements in many for statement in statements]
    assert answer(many, api, context) == answer([together], api, context) == answer([together[::-1]], api, context)


@given(documents, apis, contexts)
def test_what_no_statement_names_is_not_allowed(statements: list[Rule], api: str, context: Context) -> None:
    assert api not in ALWAYS
    others = [statement for statement in statements if not any(covers(name, api) for name in names_of(statement))]
    assert not answer([others], api, context)


@given(muddles | conditions, contexts)
@example("", Context(0))
@example("true or", Context(0))
@example("true)", Context(0))
@example("matches", Context(0))
@example("samUserName matches '" + "(" * 1_000 + "'", Context(0))
@example("(" * 4_000, Context(0))
@example("not " * 1_000 + "true", Context(0))
def test_a_condition_that_cannot_be_read_never_grants(condition: str, context: Context) -> None:
    """It makes no permission at all; and what was read was read whole: its opposite never grants beside it."""
    fault = fault_of(single(condition))
    opposite_fault = fault_of(single(f"not ({condition})"))
    if fault is None and opposite_fault is None:
        read, opposed = read_permission(single(condition)), read_permission(single(f"not ({condition})"))
        assert not (read.allows("Sim:getSim", context) and opposed.allows("Sim:getSim", context))
    elif fault is not None:
        assert "%" not in fault.message


@given(
    judged_conditions,
    st.sampled_from(("allow", "deny")),
    st.lists(st.sampled_from(("not", "!", "==")), max_size=8),
    contexts,
)
def test_what_cannot_be_said_never_grants_and_always_bars(
    judged: Judged, effect: str, around: list[str], context: Context
) -> None:
    condition, reckoned = joined("and", judged, by_variable("nope", "a"))
    assume(reckoned(context) is None)
    for word in around:
        condition = f"({condition}) == false" if word == "==" else f"{word} ({condition})"
    statements: list[Rule] = [{"effect": "allow", "api": "*"}] if effect == "deny" else []
    statements.append({"effect": effect, "api": "*", "condition": condition})
    assert not answer([statements], "Sim:getSim", context)


documents_as_text = st.one_of(
    st.text(max_size=40),
    st.builds(
        json.dumps,
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.sampled_from(("allow", "deny", "*", "Sim:*", "true", "x")),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(("statements", "effect", "api", "condition", "x")), inner, max_size=4)
            ),
            max_leaves=12,
        ),
    ),
    documents.map(lambda statements: json.dumps({"statements": statements}, indent=1)),
)


@given(documents_as_text, st.data())
@example("[" * 30_000, None)
@example('{"statements":' * 2_000, None)
@example('{"statements":[{"condition":"\\', None)
@example('{"statements":[{"condition":"\\ud83c\\u', None)
@example('{"statements":[{"effect":"\ud800"}]}', None)
def test_any_text_is_a_document_or_refused_at_a_place_within_it(text: str, data: st.DataObject | None) -> None:
    if data is not None and data.draw(st.booleans()):
        cut = data.draw(st.integers(0, len(text)))
        text = text[:cut] + data.draw(st.text(max_size=2)) + text[cut + data.draw(st.integers(0, 2)) :]
    if fault_of(text) is None:
        assert len(parse_permission(text)) == len(json.loads(text)["statements"])


@given(muddles)
def test_a_fault_in_a_condition_moves_with_what_is_before_it(condition: str) -> None:
    assume("\n" not in condition)

    def place(before: str) -> tuple[int, int] | None:
        try:
            parse_condition(Source(before + condition), Patterns())
        except InvalidPermission as error:
            return error.line, error.column
        return None

    alone = place("")
    if alone is None:
        assert place("  ") is place("\n") is None
    else:
        line, column = alone
        assert place("  ") == (line, column + 2)
        assert place("\n\n") == (line + 2, column)


@given(st.text("ab*", max_size=6), st.text("ab", max_size=6))
def test_a_star_in_a_name_is_any_run_of_characters(name: str, api: str) -> None:
    assert covers(name, api) == fnmatch.fnmatchcase(api, name)
