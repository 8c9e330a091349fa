"""Whether a setting may hold a value, and the words that say why not and what to write instead."""

import os.path
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, time
from difflib import get_close_matches
from typing import Any

from minori.config.address import parse_endpoint, parse_store
from minori.config.mqtt import parse_broker, parse_topics
from minori.config.settings import REFERENCE, SECTIONS, TEXT_LENGTH, Setting, Value

_PASSWORD = re.compile(r"//.*@")
_SHOWN = 60
_MEANT = (
    {setting.name: setting.key for setting in REFERENCE}
    | {setting.key: setting.key for setting in REFERENCE}
    | {section: f"[{section}]" for section in SECTIONS}
)
_PREFIX = "MINORI_"
_VARIABLES = {setting.variable.removeprefix(_PREFIX): setting.variable for setting in REFERENCE}


def check(setting: Setting, value: Any) -> Value:
    """The value as the setting holds it; `ValueError`, saying what to give instead, if it may not."""
    if type(value) is not setting.kind:
        raise ValueError(f"give {setting.allowed}")
    if isinstance(value, str):
        return _text(setting, value)
    if setting.low is not None and setting.high is not None and not setting.low <= value <= setting.high:
        raise ValueError(f"give {setting.allowed}")
    held: Value = value
    return held


def _text(setting: Setting, text: str) -> str:
    if setting.form == "HOST:PORT":
        return str(parse_endpoint(text))
    if setting.form == "HOST:PORT or empty":
        return str(parse_endpoint(text)) if text else ""
    if setting.form == "DIR":
        return _folder(text)
    if setting.form == "FILE":
        return _folder(text, "file") if text else ""
    if setting.form in _CHECKS:
        _CHECKS[setting.form](setting, text)
    elif text not in setting.choices:
        near = _nearest(text, setting.choices)
        raise ValueError(f"give {setting.allowed}{f' (did you mean {near}?)' if near else ''}")
    return text


def _folder(text: str, what: str = "folder") -> str:
    if not text or "\0" in text:
        raise ValueError(f"give the path of a {what}")
    path = os.path.expanduser(text)  # noqa: PTH111 - Path.expanduser raises where there is no home
    if path.startswith("~"):
        raise ValueError("there is no such home folder; write the path out")
    return path


def _check_store(setting: Setting, text: str) -> None:
    try:
        parse_store(text, setting.schemes)
    except ValueError as error:
        raise ValueError(f"{error}; give {setting.allowed}") from error


def _check_broker(_: Setting, text: str) -> None:
    if text:
        parse_broker(text)


def _check_topic(_: Setting, text: str) -> None:
    parse_topics(text)


def _check_plain(setting: Setting, text: str) -> None:
    if len(text) > TEXT_LENGTH or not text.isprintable():
        raise ValueError(f"give {setting.allowed}")


_CHECKS: Mapping[str, Callable[[Setting, str], None]] = {
    "STORE": _check_store,
    "BROKER": _check_broker,
    "TOPIC": _check_topic,
    "TEXT": _check_plain,
}


def unknown(name: str) -> str:
    """That there is no setting `name` (a key, or a variable of the environment), and which one is nearest."""
    meant = _VARIABLES if name.startswith(_PREFIX) else _MEANT
    near = _nearest(name.removeprefix(_PREFIX), meant)
    advice = f"did you mean {meant[near]}?" if near else "run minori settings to see all of them"
    return f"there is no setting {shown(name)}; {advice}"


def _nearest(name: str, names: Iterable[str]) -> str | None:
    plain = name[:_SHOWN].replace("-", "_")
    for written in (plain, plain.lower(), plain.upper(), plain.rpartition(".")[2].lower()):
        if near := get_close_matches(written, names, 1):
            return near[0]
    return None


def shown_for(setting: Setting, value: Any) -> str:
    """A value that was given for a setting, as `shown`; of a broker's nothing, since a wrong one hides its password."""
    return "what it was given" if setting.form == "BROKER" and isinstance(value, str) else shown(value)


def shown(value: Any) -> str:
    """A value as a message may show it: bounded, on one line, without a password."""
    if isinstance(value, str):
        text = _PASSWORD.sub("//…@", value)
        return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "an array"
    if isinstance(value, date | time):
        return "a date or time"
    return str(value) if isinstance(value, float) or abs(value) < 10**_SHOWN else "so large a number"
