"""The README cannot lie: its commands are run, its links lead somewhere."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from serving import Server

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def _run(block: str, server: Server) -> str:
    """Run a block as it stands, but for where the server listens and keeps its data."""
    here = {
        "http://127.0.0.1:8080": server.url,
        "127.0.0.1:8880": "{}:{}".format(*server.door_http),
        "minori-data/": f"{server.data_dir}/",
    }
    for written, real in here.items():
        block = block.replace(written, real)
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", block], capture_output=True, text=True, check=True)
    return done.stdout


def test_the_readme_stores_an_entry_and_a_file_and_reads_them_back(own_server: Server) -> None:
    send, read, file, device = BLOCKS
    assert _run(send, own_server).startswith("HTTP/1.1 201 Created")
    entries, _, content = _run(f"{read}echo\n{file}", own_server).partition("\n")
    (entry,) = json.loads(entries)
    assert entry["content"] == '{"temperature":21.5}'
    assert content == "hello"
    assert _run(device, own_server).startswith("HTTP/1.1 201 Created")


def test_the_readmes_two_commands_are_targets_of_the_makefile() -> None:
    commands = re.findall(r"^make ([a-z-]+)", README, re.MULTILINE)
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert commands == ["serve", "test"]
    assert targets.issuperset(commands)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []
