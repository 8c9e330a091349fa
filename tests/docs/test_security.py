"""The page on security names tests that there are, and every promise on it names one."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/explain/security.md"
ROWS = [line for line in PAGE.read_text().splitlines() if re.match(r"\| (?!promise|-)", line)]
TOLD = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def names_in(file: Path) -> set[str]:
    nodes = ast.walk(ast.parse(file.read_text()))
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_the_page_promises_something() -> None:
    assert len(ROWS) > 50


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[2:50])
def test_a_promise_is_held_by_tests_that_there_are(row: str) -> None:
    told = TOLD.findall(row)
    assert told
    assert [f"{file}::{name}" for file, name in told if name not in names_in(ROOT / file)] == []
