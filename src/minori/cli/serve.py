"""`minori serve`: read the settings, then run the server until it is told to stop."""

import os
from collections.abc import Callable
from typing import Any

import click

from minori.config.load import load
from minori.config.settings import BY_KEY

_EPILOG = """\b
Examples:
  minori serve --demo
      a server for a first look; its data is in ./minori-data
  minori serve --data-dir /var/lib/minori --door-http 0.0.0.0:80
      devices on every network may send over HTTP; the API stays on this machine
  minori serve --api 0.0.0.0:443 --tls-cert chain.pem --tls-key key.pem
      the API over HTTPS for every network; SIGHUP reads the certificate anew
  minori serve --config minori.toml --api 127.0.0.1:0
      settings from a file, and any free port for the API

\b
Once every listener is open, one line on standard output says where:
  minori ready api=http://127.0.0.1:8080 door-http=127.0.0.1:8880 …

Logs go to standard error. SIGTERM and Ctrl-C let requests under way finish and stop within ten seconds.

The first start on an empty data directory makes an operator with a root user and an auth key, prints them
once on standard output and keeps them in root-credentials.json in the data directory.

A flag (--door-http) wins over the environment (MINORI_DOOR_HTTP), which wins over the file (door_http = …);
minori settings lists every setting.
"""


def _option(key: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    setting = BY_KEY[key]
    explanation = setting.explanation.replace("`", "")
    if setting.kind is bool:
        return click.option(setting.flag or "", key, is_flag=True, default=None, help=explanation)
    metavar = setting.form or "|".join(setting.choices)
    return click.option(setting.flag or "", key, metavar=metavar, help=f"{explanation}  [default: {setting.default}]")


@click.command(epilog=_EPILOG)
@click.option("--config", metavar="FILE", help="A TOML file with settings; without it no file is read.")
@_option("data_dir")
@_option("api")
@_option("door_http")
@_option("door_stream")
@_option("door_unified")
@_option("door_beam")
@_option("door_https")
@_option("tls_cert")
@_option("tls_key")
@_option("coverage")
@_option("demo")
def serve(config: str | None, **flags: str | bool | None) -> None:
    """Run the server, on this machine alone until told otherwise."""
    settings = load(config, os.environ, flags)
    from minori import app  # noqa: PLC0415 - parts that take a second to load; help and refusals need none of them

    app.serve(settings)
