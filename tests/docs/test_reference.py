"""The reference pages of settings and commands say what the program says."""

from pathlib import Path

import pytest

from minori.cli.reference import PAGES
from minori.config.settings import REFERENCE, Setting

FOLDER = Path(__file__).parents[2] / "docs" / "reference"


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_as_make_docs_writes_it(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == PAGES[name](), "run make docs"


@pytest.mark.parametrize("setting", REFERENCE, ids=lambda setting: setting.key)
def test_every_setting_is_documented_with_its_variable_and_default(setting: Setting) -> None:
    page = (FOLDER / "settings.md").read_text(encoding="utf-8")
    row = next(line for line in page.splitlines() if f"`{setting.variable}`" in line and line.startswith("|"))
    assert f"| `{setting.name}`<br>" in row
    assert f"| `{str(setting.default).lower() if setting.kind is bool else setting.default}` |" in row
    assert setting.explanation in row
