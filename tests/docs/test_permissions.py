"""The documents on the page about permissions are documents, and the answers it states are those that they give."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from minori.api.routes import ROUTES
from minori.codec.permission.trust import parse_trust_policy
from minori.model.registry import Principal, holder_srn
from minori.service.permissions import Context, read_permission
from minori.service.trust import trusts

PAGE = (Path(__file__).parents[2] / "docs" / "explain" / "permissions.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"```json\n(?P<text>.*?)```\n(?P<table>\n(?:\|[^\n]*\|\n)+|)", re.DOTALL)
ROW = re.compile(r"\| `([^`]+)` \|([^\n]*)\| (yes|no) \|")
OF_SORACOM_ALONE = {"Payment:get*", "Payment:list*"}
"""Names that the page has from Soracom's documentation, and that no operation here bears."""


class Stated(NamedTuple):
    """One answer that the page states: of which document, to what, in which circumstances."""

    text: str
    asked: str
    when: dict[str, str]
    answer: bool


def documents() -> list[tuple[str, str]]:
    """Every document on the page, and the table behind it."""
    return [(block["text"], block["table"]) for block in BLOCK.finditer(PAGE)]


def stated() -> list[Stated]:
    """Every answer on the page."""
    return [
        Stated(text, asked, dict(re.findall(r"`(\w+)=([^`]+)`", when)), answer == "yes")
        for text, table in documents()
        for asked, when, answer in ROW.findall(table)
    ]


def context(when: dict[str, str]) -> Context:
    """The call of a user named anna, at noon of a day in 2024 where nothing else is said."""
    hour, minute = map(int, when.get("currentTime", "12:00").split(":"))
    time = int(datetime(2024, 5, 1, hour, minute, tzinfo=UTC).timestamp() * 1000)
    variables = {name: value for name, value in when.items() if name not in ("address", "currentTime")}
    return Context(time, when.get("address"), "anna", "OP0123456789", "GET", variables)


def test_the_page_has_documents_and_answers() -> None:
    assert len(documents()) == len(re.findall("^```json$", PAGE, re.MULTILINE)) > 10
    assert len(stated()) == len(re.findall(r"\| (?:yes|no) \|$", PAGE, re.MULTILINE)) > 30
    assert {each.answer for each in stated()} == {True, False}


@pytest.mark.parametrize("text", [text for text, _ in documents()])
def test_every_document_can_be_saved(text: str) -> None:
    if "principal" in text:
        assert parse_trust_policy(text)
    else:
        read_permission(text)


@pytest.mark.parametrize("each", stated(), ids=lambda each: f"{each.asked}-{'yes' if each.answer else 'no'}")
def test_every_answer_that_is_stated_is_given(each: Stated) -> None:
    if "principal" in each.text:
        operator_id, _, name = each.asked.removeprefix("srn:soracom:").partition("::")
        origin = Principal(operator_id, name.removeprefix("User:") if name.startswith("User:") else None)
        assert holder_srn(origin.operator_id, origin.user_name) == each.asked
        assert trusts(each.text, origin, context(each.when)) is each.answer
    else:
        assert read_permission(each.text).allows(each.asked, context(each.when)) is each.answer


def test_operations_that_answers_are_stated_of_exist() -> None:
    known = {route.permission for route in ROUTES}
    asked = {each.asked for each in stated() if "principal" not in each.text}
    assert asked <= known


def test_names_in_the_documents_to_begin_with_are_of_operations_here_or_of_soracom_s() -> None:
    known = {route.permission for route in ROUTES}
    begin = PAGE[PAGE.index("## Documents to begin with") :]
    names = {
        name
        for block in BLOCK.finditer(begin)
        for name in re.findall(r'"(\*|\w+:[\w*]+)"', block["text"])
        if name not in OF_SORACOM_ALONE
    }
    unknown = [name for name in names if not any(re.fullmatch(name.replace("*", ".*"), api) for api in known)]
    assert unknown == []
