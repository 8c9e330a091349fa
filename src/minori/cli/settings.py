"""`minori settings`: every setting, with what a start from here would make of it; and its reference page."""

import os
from collections.abc import Iterator

import click

from minori.config.load import load
from minori.config.mqtt import shown_broker
from minori.config.settings import REFERENCE, SECTIONS, Setting, Settings, Value

_INTRODUCTION = """\
# Settings

<!-- Made from the program by `make docs`; a test compares. -->

Each setting has one name, written three ways: `door_http` in the file, `MINORI_DOOR_HTTP` in the environment,
`--door-http` as a flag. Settings in a section have no flag: `payload_bytes` below `[limits]` in the file,
`MINORI_LIMITS_PAYLOAD_BYTES` in the environment.

Defaults come first, then the file, then the environment, then flags; the last one that says something wins.
`minori settings` shows what comes out.

The file is TOML, at most 64 KiB, and is read only when `--config FILE` names it:

```toml
data_dir = "/var/lib/minori"
door_http = "0.0.0.0:80"

[limits]
payload_bytes = 4096
```

In the environment, `1`, `true`, `yes`, `on` and `0`, `false`, `no`, `off` are true and false. A relative path
starts at the folder Minori was started in; `~` is a home folder. An unknown name, in a file or beginning with
`MINORI_`, and a value outside its bounds stop the start, with a message that says the line, what is allowed and
the nearest name.
"""


@click.command(
    epilog="\b\nExamples:\n  minori settings\n  MINORI_LOG_LEVEL=debug minori settings --config minori.toml",
)
@click.option("--config", metavar="FILE", help="A TOML file with settings; without it no file is read.")
@click.option("--markdown", is_flag=True, help="Print the reference page instead: bounds, defaults and help.")
def settings(config: str | None, *, markdown: bool) -> None:
    """List every setting, its name in the environment and its value.

    The values are those that minori serve would start with, given the same file and environment and no flags.
    """
    click.echo(settings_page() if markdown else _listing(load(config, os.environ, {})), nl=False)


def _listing(effective: Settings) -> str:
    width = max(len(setting.key) for setting in REFERENCE)
    wide = max(len(setting.variable) for setting in REFERENCE)
    return "".join(
        f"{setting.key:<{width}}  {setting.variable:<{wide}}  {_written(_value(effective, setting))}\n"
        for setting in REFERENCE
    )


def _value(effective: Settings, setting: Setting) -> Value:
    holder = getattr(effective, setting.section) if setting.section else effective
    value: Value = getattr(holder, setting.name)
    return shown_broker(str(value)) if setting.form == "BROKER" else value


def _written(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def settings_page() -> str:
    """`docs/reference/settings.md`."""
    return "\n".join([_INTRODUCTION, *_tables()])


def _tables() -> Iterator[str]:
    for section in ("", *SECTIONS):
        yield f"## `[{section}]`\n" if section else "## Top level\n"
        if section:
            yield f"{(type(getattr(Settings(), section)).__doc__ or '').strip()}\n".replace("\n    ", "\n")
        yield "| setting | default | allowed | what it does |\n|---|---|---|---|"
        for setting in REFERENCE:
            if setting.section == section:
                names = "<br>".join(f"`{name}`" for name in (setting.name, setting.variable, setting.flag) if name)
                yield f"| {names} | `{_written(setting.default)}` | {setting.allowed} | {setting.explanation} |"
        yield ""
