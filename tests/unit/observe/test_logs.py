"""Logs: one event a line, and no secret in it."""

import io
import json

import pytest
import structlog

from minori.observe.logs import configure


def _fail_with(secret: str) -> None:
    raise ValueError(f"{len(secret)} characters")


def test_an_event_is_one_json_object_a_line() -> None:
    out = io.StringIO()
    configure("info", "json", out)
    structlog.get_logger().info("started", version="1")
    logged = json.loads(out.getvalue())
    assert (logged["event"], logged["level"], logged["version"]) == ("started", "info", "1")


def test_what_is_less_than_the_level_is_not_logged() -> None:
    out = io.StringIO()
    configure("warning", "json", out)
    structlog.get_logger().info("started")
    assert out.getvalue() == ""


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_traceback_shows_no_variable(form: str) -> None:
    out = io.StringIO()
    configure("info", form, out)
    try:
        _fail_with("hidden-" + "word")
    except ValueError:
        structlog.get_logger().exception("request failed")
    assert "ValueError: 11 characters" in out.getvalue()
    assert "hidden-word" not in out.getvalue()


def test_no_colours_are_written_to_what_is_no_terminal() -> None:
    out = io.StringIO()
    configure("info", "console", out)
    structlog.get_logger().info("started")
    assert "\x1b" not in out.getvalue()
