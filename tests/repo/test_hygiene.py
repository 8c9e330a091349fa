"""What no file of this repository may hold: addresses in locks, paths of somebody's machine, bare exemptions."""

import io
import os
import re
import shutil
import subprocess
import tokenize
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))
PYTHON = sorted(file for folder in ("src", "tests", "bench") for file in (ROOT / folder).rglob("*.py"))

MACHINE_PATH = re.compile(r"(?<![\w./$}~-])/(?:home|Users|root)/[\w.-]+")
EXEMPTION = re.compile(r"#\s*(?:noqa|type:\s*ignore)", re.IGNORECASE)
REASONED = (
    re.compile(r"# noqa: [A-Z]+[0-9]+(?:, ?[A-Z]+[0-9]+)* - \w.{4,}"),
    re.compile(r"# type: ignore\[[a-z, -]+\]  # (?!noqa)\w.{4,}"),
)


def tracked() -> list[Path]:
    """The files that git keeps, or will keep when they are added."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        if os.environ.get("CI"):
            pytest.fail("git is missing, or this is no clone")
        pytest.skip("needs git and a clone")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.split(b"\0")
    return [path for name in names if name and (path := ROOT / os.fsdecode(name)).is_file()]


def unreasoned(source: str) -> list[str]:
    """The comments of `source` that exempt a line without a code, or without a reason."""
    comments = [
        one.string for one in tokenize.generate_tokens(io.StringIO(source).readline) if one.type == tokenize.COMMENT
    ]
    return [
        comment
        for comment in comments
        if len(EXEMPTION.findall(comment)) > sum(len(form.findall(comment)) for form in REASONED)
    ]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_names_no_address(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    assert " @ " not in text
    assert "-index" not in text
    assert "find-links" not in text


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_pins_every_package_with_its_hashes(lock: Path) -> None:
    entries = re.sub(r"\\\n|#.*", "", lock.read_text()).split("\n")
    pinned = [entry for entry in entries if entry.strip()]
    assert len(pinned) > 20
    assert [entry for entry in pinned if not re.match(r"[a-z0-9.-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", entry)] == []


def test_the_two_locks_agree() -> None:
    serve, dev = (
        set(re.findall(r"^\S+==\S+", (ROOT / "requirements" / name).read_text(), re.MULTILINE))
        for name in ("serve.lock", "dev.lock")
    )
    assert serve < dev


@pytest.mark.parametrize(("lock", "groups"), [("serve.lock", ["build"]), ("dev.lock", ["build", "check", "test"])])
def test_every_dependency_is_locked(lock: str, groups: list[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = list(project["project"]["dependencies"])
    if lock == "dev.lock":
        wanted += [one for extra in project["project"]["optional-dependencies"].values() for one in extra]
    for group in groups:
        wanted += project["dependency-groups"][group]
    locked = set(re.findall(r"^(\S+)==", (ROOT / "requirements" / lock).read_text(), re.MULTILINE))
    assert {re.split(r"[^a-z0-9-]", one)[0] for one in wanted} <= locked


def test_no_file_holds_a_path_of_somebodys_machine() -> None:
    found = []
    for file in tracked():
        text = file.read_bytes().decode(errors="replace")
        found += [f"{file.relative_to(ROOT)}: {match}" for match in MACHINE_PATH.findall(text)]
    assert found == []


def test_an_exemption_carries_its_code_and_its_reason() -> None:
    found = {str(file.relative_to(ROOT)): unreasoned(file.read_text(encoding="utf-8")) for file in PYTHON}
    assert {file: comments for file, comments in found.items() if comments} == {}


@pytest.mark.parametrize(
    "comment",
    [
        "# noqa",
        "# noqa: S101",
        "# noqa - because it is so",
        "# type: ignore",
        "# type: ignore[misc]",
        "# type: ignore  # because it is so",
        "# type: ignore[misc]  # noqa: S101 - because it is so",
    ],
)
def test_an_exemption_without_one_of_them_is_found(comment: str) -> None:
    assert unreasoned(f"x = 1  {comment}\n") == [comment]


def test_an_exemption_with_both_is_no_find() -> None:
    assert unreasoned("x = 1  # noqa: S101, T201 - as it must be\ny = 2  # type: ignore[misc]  # as it must be\n") == []
