"""The house: imports run one way, drivers are named in one place, and modules are small and say their reason."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"

BELOW_SERVICE = {"storage.base", "codec", "model", "errors", "config", "observe"}
MAY_IMPORT = {
    "errors": set[str](),
    "model": {"errors"},
    "codec": {"model", "errors"},
    "config": {"model", "errors"},
    "observe": {"model", "errors"},
    "storage.base": {"codec", "model", "errors"},
    "storage": {"storage.base", "codec", "model", "errors"},
    "service": BELOW_SERVICE,
    "http": BELOW_SERVICE | {"service"},
    "doors": BELOW_SERVICE | {"service", "http"},
    "api": BELOW_SERVICE | {"service", "http"},
    "console": BELOW_SERVICE | {"service"},
    "mcp": BELOW_SERVICE | {"service"},
    "simulator": {"codec", "model", "errors"},
    "app": BELOW_SERVICE | {"service", "http", "doors", "api", "console", "mcp", "storage"},
    "cli": BELOW_SERVICE | {"service", "http", "doors", "api", "console", "mcp", "app", "simulator"},
}
"""What each part may import besides itself, in the order of the house from the ground up."""

NO_DRIVERS = {"base", "contract", "directory", "records"}
"""The modules of `storage` that drive nothing; any driver may use them, and they use none."""

EMPTY_NAMES = {"utils", "util", "common", "helpers", "helper", "manager", "managers", "core", "misc"}
LONGEST_FILE = 400

DRIVER = re.compile(r"minori\.storage\.(?!(?:base|contract|directory|records)\b)\w+")

FILES = sorted((SOURCE / "minori").rglob("*.py"))
KNOWN = {".".join(file.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__") for file in FILES}


def module_of(file: Path) -> str:
    return ".".join(file.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")


def imported(source: str) -> Iterator[str]:
    """The modules of Minori that `source` imports, wherever it does."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.split(".")[0] == "minori")
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import hides which part it means"
            if node.module and node.module.split(".")[0] == "minori":
                for name in node.names:
                    inner = f"{node.module}.{name.name}"
                    yield inner if inner in KNOWN else node.module


def part_of(module: str) -> str:
    parts = module.split(".")[1:]
    return "storage.base" if parts[:2] == ["storage", "base"] else ".".join(parts[:1])


def violations(module: str, source: str) -> list[str]:
    """What `module` imports and may not; the version, which the package itself holds, is everybody's."""
    part = part_of(module)
    wrong = []
    for other in imported(source):
        theirs = part_of(other)
        if not theirs or theirs == part == "storage.base":
            continue
        sibling = theirs == part == "storage" and not shares_a_driver(module, other)
        if sibling or (theirs != part and theirs not in MAY_IMPORT[part]):
            wrong.append(f"{module} imports {other}")
    return wrong


def shares_a_driver(module: str, other: str) -> bool:
    mine, theirs = module.split(".")[2:3], other.split(".")[2:3]
    return mine == theirs or set(theirs) <= NO_DRIVERS


def named_drivers(source: str) -> list[str]:
    """Drivers that `source` names in a literal, as a table of them does."""
    return [
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and DRIVER.match(node.value)
    ]


def test_a_module_imports_only_what_is_below_it() -> None:
    modules = {module_of(file): file.read_text(encoding="utf-8") for file in FILES}
    assert [wrong for module, source in modules.items() for wrong in violations(module, source)] == []


@pytest.mark.parametrize(
    ("module", "source", "wrong"),
    [
        ("minori.doors.http", "from minori.api.data import x", "minori.doors.http imports minori.api.data"),
        ("minori.api.data", "import minori.doors.http", "minori.api.data imports minori.doors.http"),
        ("minori.http.exchange", "from minori.api.data import x", "minori.http.exchange imports minori.api.data"),
        ("minori.service.data", "from minori import app", "minori.service.data imports minori.app"),
        ("minori.service.data", "from minori.storage import memory", "imports minori.storage.memory"),
        ("minori.service.data", "def f():\n    from minori.storage.rocksdb.entries import x", "minori.storage.rocksdb"),
        ("minori.storage.base", "from minori.storage.records import x", "imports minori.storage.records"),
        ("minori.storage.memory.entries", "from minori.storage.rocksdb.keys import x", "minori.storage.rocksdb.keys"),
        ("minori.storage.directory", "from minori.storage.sql.sqlite import x", "minori.storage.sql.sqlite"),
        ("minori.config.load", "from minori.observe.logs import x", "minori.config.load imports minori.observe.logs"),
        ("minori.codec.entry", "from minori.config.settings import x", "minori.config.settings"),
        ("minori.model.entry", "from minori.codec.entry import x", "minori.codec.entry"),
        ("minori.errors", "from minori.model.entry import x", "minori.model.entry"),
        ("minori.app", "from minori.cli.main import x", "minori.cli.main"),
        ("minori.cli.serve", "from minori.storage.memory.entries import x", "minori.storage.memory.entries"),
    ],
)
def test_an_import_that_runs_the_other_way_is_found(module: str, source: str, wrong: str) -> None:
    (found,) = violations(module, source)
    assert wrong in found


def test_a_relative_import_is_found() -> None:
    with pytest.raises(AssertionError, match="relative import"):
        violations("minori.doors.http", "from . import words")


def test_only_app_names_a_driver() -> None:
    naming = [module_of(file) for file in FILES if named_drivers(file.read_text(encoding="utf-8"))]
    assert naming == ["minori.app.stores"]


def test_every_part_of_the_house_has_its_place() -> None:
    assert {part_of(module) for module in KNOWN} - {""} <= set(MAY_IMPORT)


def test_a_module_says_its_reason_in_its_first_line() -> None:
    reasons = {module_of(file): ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) for file in FILES}
    assert [module for module, reason in reasons.items() if not (reason or "").splitlines()[:1]] == []


def test_a_file_of_the_package_has_at_most_four_hundred_lines() -> None:
    lengths = {module_of(file): len(file.read_text(encoding="utf-8").splitlines()) for file in FILES}
    assert {module: length for module, length in lengths.items() if length > LONGEST_FILE} == {}


def test_no_module_bears_an_empty_name() -> None:
    files = [file for folder in ("src", "tests", "bench") for file in (ROOT / folder).rglob("*.py")]
    assert files
    assert [str(file) for file in files if EMPTY_NAMES & set(file.relative_to(ROOT).with_suffix("").parts)] == []
