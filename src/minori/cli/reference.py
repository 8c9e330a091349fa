"""Writes the reference pages that are made from the program: `python -m minori.cli.reference FOLDER`."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from minori.api import reference as api_reference
from minori.cli.main import cli
from minori.cli.settings import settings_page
from minori.observe.metrics import reference as metrics_page

_WIDTH = 110
_INTRODUCTION = """\
# Commands

<!-- Made from the program by `make docs`; a test compares. -->

Exit codes: 0 when all went well; 1 when Minori cannot start (the data directory is in use, broken or newer; an
address is taken), or a command could not do all it was asked to; 2 for a wrong flag or setting. What is wrong is
said on standard error.
"""


def cli_page() -> str:
    """`docs/reference/cli.md`."""
    root = click.Context(cli, info_name="minori", terminal_width=_WIDTH, max_content_width=_WIDTH)
    return "\n".join([_INTRODUCTION, *_sections(cli, root)])


def _sections(command: click.Command, context: click.Context) -> Iterator[str]:
    yield f"## `{context.command_path}`\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for name, inner in sorted(command.commands.items()):
            yield from _sections(inner, click.Context(inner, context, name))


PAGES = {"settings.md": settings_page, "cli.md": cli_page, "metrics.md": metrics_page, **api_reference.PAGES}
"""The pages, and what makes each."""


def main(folder: Path) -> None:
    """Write every page into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
