"""Logs: one line an event on standard error, for machines or for eyes.

What is logged is named field by field where it happens. Nothing logs a secret, a query string, a header
or a payload; a field name that would hold one does not exist.
"""

import logging
import sys
from typing import Any, TextIO

import structlog

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure(level: str, form: str, stream: TextIO | None = None) -> None:
    """Log events of `level` (`debug`, `info`, `warning`, `error`) and above to `stream`, standard error by default.

    `form` is `json`, `console`, or `auto`: lines for eyes on a terminal, JSON elsewhere.
    """
    out = sys.stderr if stream is None else stream
    eyes = form == "console" or (form == "auto" and out.isatty())
    render: Any = structlog.processors.JSONRenderer()
    if eyes:
        # The default formatter shows the values of variables, secrets among them.
        plain = structlog.dev.plain_traceback
        render = structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=plain)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([] if eyes else [structlog.processors.format_exc_info]),
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=False,
    )
    # Libraries log through the standard module; a warning of theirs goes the same way.
    logging.basicConfig(level=logging.WARNING, stream=out, format="%(levelname)s %(name)s: %(message)s", force=True)
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
