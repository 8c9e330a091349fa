"""What the commands beside a server share: which server's data they are about, and how they show that they work."""

import os
import sys
from collections.abc import Callable
from typing import Any

import click

from minori.config.load import load
from minori.config.settings import BY_KEY, Settings
from minori.observe.logs import configure

Command = Callable[..., Any]


def of_a_server(command: Command) -> Command:
    """Give a command the options `config` and `data_dir`."""
    default = BY_KEY["data_dir"].default
    config = click.option("--config", metavar="FILE", help="The server's TOML file with settings, if it has one.")
    data_dir = click.option("--data-dir", metavar="DIR", help=f"The server's data directory.  [default: {default}]")
    return config(data_dir(command))


def settings_of(config: str | None, data_dir: str | None) -> Settings:
    """The settings of that server; from here on what goes wrong is logged. Raises `SettingsInvalid`."""
    settings = load(config, os.environ, {"data_dir": data_dir})
    configure("warning", settings.log.format)
    return settings


def progress_bar(length: int, label: str) -> Any:
    """A progress bar on standard error, which nobody sees but on a terminal; `update` moves it on."""
    return click.progressbar(length=max(length, 1), label=label, file=sys.stderr, hidden=not sys.stderr.isatty())


def readable(size: int) -> str:
    """A number of bytes for people."""
    number, units = float(size), iter(("KiB", "MiB", "GiB", "TiB"))
    unit = "bytes"
    while number >= 1024 and (larger := next(units, None)):  # noqa: PLR2004 - what the units are made of
        number, unit = number / 1024, larger
    return f"{size:,} bytes" if unit == "bytes" else f"{number:,.1f} {unit}"
