"""Settings from where they are given: defaults, then the file, then the environment, then flags; all of it checked."""

import re
import tomllib
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from minori.config.address import parse_endpoint
from minori.config.check import check, shown, shown_for, unknown
from minori.config.settings import BY_KEY, REFERENCE, SECTIONS, Setting, Settings, Value
from minori.errors import SettingsInvalid

FILE_BYTES = 65_536
"""The largest settings file (our choice; every setting with its help takes a tenth of it)."""

PAYLOADS_WAITING = 16
"""How many payloads must fit into `limits.waiting_bytes` (our choice; escapes in JSON make one six times as large)."""

_PREFIX = "MINORI_"
_BY_VARIABLE = {setting.variable: setting for setting in REFERENCE}
_TRUTHS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_PLACE_IN_TOML = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
_REASON = 200
_LISTENERS = tuple(setting.key for setting in REFERENCE if setting.form.startswith("HOST:PORT"))


class _Given(Struct, frozen=True):
    """A checked value, and where it came from; asked only for a message, since finding a line takes time."""

    value: Value
    where: Callable[[], str]


def load(config: str | None, environment: Mapping[str, str], flags: Mapping[str, Value | None]) -> Settings:
    """The settings of one start.

    `config` is the path of a TOML file. Of `environment`, all that begins with `MINORI_` counts. `flags`
    go by the setting's key (`door_http`); `None` is a flag that was not given.

    Raises `SettingsInvalid` for the first unknown name or bad value, saying where it stands, what is
    wrong, what is allowed and which name is nearest.
    """
    given: dict[str, _Given] = {}
    if config is not None:
        given.update(_from_file(config))
    given.update(_from_environment(environment))
    given.update(_from_flags(flags))
    tree: dict[str, Any] = {section: {} for section in SECTIONS}
    for key, one in given.items():
        setting = BY_KEY[key]
        (tree[setting.section] if setting.section else tree)[setting.name] = one.value
    settings = msgspec.convert(tree, Settings)
    _check_listeners(settings, given)
    _check_tls(settings, given)
    _check_waiting(settings, given)
    _check_mqtt(settings, given)
    return settings


def _from_file(config: str) -> Iterator[tuple[str, _Given]]:
    text = _read(config)
    for path, value in _flattened(_parsed(config, text)):
        where = partial(_place, config, text, path)
        if len(path) == 1 and path[0] in SECTIONS:
            raise SettingsInvalid(
                f"{where()}: {path[0]} is a section; write [{path[0]}] on a line of its own and its settings below it"
            )
        setting = _named(path)
        if setting is None:
            raise SettingsInvalid(f"{where()}: {unknown('.'.join(path))}")
        yield setting.key, _Given(_checked(setting, value, where), where)


def _read(config: str) -> str:
    try:
        with Path(config).open("rb") as file:
            content = file.read(FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SettingsInvalid(
            f"The settings file {shown(config)} cannot be read ({reason}); check the path that --config gives"
        ) from error
    if len(content) > FILE_BYTES:
        raise SettingsInvalid(
            f"The settings file {shown(config)} is larger than {FILE_BYTES} bytes; is it another file?"
        )
    try:
        return content.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SettingsInvalid(f"{config}, line {line}: this is not UTF-8; save the file as UTF-8") from error


def _parsed(config: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, ValueError) else "too many brackets"
        place = _PLACE_IN_TOML.search(reason)
        line = int(place[1]) if place and place[1] else _last_line(text)
        reason = _PLACE_IN_TOML.sub("", reason)[:_REASON]
        raise SettingsInvalid(
            f"{config}, line {line}: this is not TOML ({reason}); "
            'a setting is written as name = value, with text in quotes, such as api = "127.0.0.1:8080"'
        ) from error


def _last_line(text: str) -> int:
    return text.rstrip("\n").count("\n") + 1


def _flattened(document: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in document.items():
        if isinstance(value, dict) and name not in BY_KEY:
            if name not in SECTIONS:
                yield (name,), value
            else:
                yield from (((name, inner), content) for inner, content in value.items())
        else:
            yield (name,), value


def _named(path: tuple[str, ...]) -> Setting | None:
    setting = BY_KEY.get(".".join(path))
    return setting if setting is not None and len(path) == (2 if setting.section else 1) else None


def _place(config: str, text: str, path: tuple[str, ...]) -> str:
    """The line on which a key begins: a parser that says no lines is asked about ever longer beginnings."""
    lines = text.split("\n")

    def beginning(count: int) -> tuple[int, dict[str, Any]]:
        while True:
            try:
                return count, tomllib.loads("\n".join(lines[:count]))
            except tomllib.TOMLDecodeError:
                count -= 1  # inside a value of several lines

    last = bisect_left(range(len(lines)), 1, key=lambda count: _holds(beginning(count)[1], path))
    return f"{config}, line {beginning(last - 1)[0] + 1}"


def _holds(document: Any, path: tuple[str, ...]) -> bool:
    for name in path:
        if not isinstance(document, dict) or name not in document:
            return False
        document = document[name]
    return True


def _from_environment(environment: Mapping[str, str]) -> Iterator[tuple[str, _Given]]:
    for variable, text in environment.items():
        if not variable.startswith(_PREFIX):
            continue
        where = partial(str, f"Environment variable {variable[:_REASON]}")
        setting = _BY_VARIABLE.get(variable)
        if setting is None:
            raise SettingsInvalid(f"{where()}: {unknown(variable)}")
        yield setting.key, _Given(_checked(setting, _read_text(setting, text), where), where)


def _from_flags(flags: Mapping[str, Value | None]) -> Iterator[tuple[str, _Given]]:
    for key, value in flags.items():
        if value is not None:
            setting = BY_KEY[key]
            where = partial(str, setting.flag)
            yield key, _Given(_checked(setting, value, where), where)


def _read_text(setting: Setting, text: str) -> Value:
    """What the words of an environment variable mean, as TOML would have it; text that fits nothing stays text."""
    if setting.kind is bool:
        return _TRUTHS.get(text.lower(), text)
    if setting.kind is int and _WHOLE_NUMBER.fullmatch(text):
        return int(text)
    return text


def _checked(setting: Setting, value: Any, where: Callable[[], str]) -> Value:
    try:
        return check(setting, value)
    except ValueError as error:
        raise SettingsInvalid(f"{where()}: {setting.key} cannot be {shown_for(setting, value)}; {error}") from error


def _check_listeners(settings: Settings, given: Mapping[str, _Given]) -> None:
    for first, second in combinations(_LISTENERS, 2):
        address = getattr(settings, second)
        if address and getattr(settings, first) == address and parse_endpoint(address).port:
            raise SettingsInvalid(
                f"{_source(given, second, first)}: {first} and {second} are both {address}; "
                "give each listener a port of its own"
            )


def _check_tls(settings: Settings, given: Mapping[str, _Given]) -> None:
    for first, second in (("tls_cert", "tls_key"), ("tls_key", "tls_cert"), ("door_https", "tls_cert")):
        if getattr(settings, first) and not getattr(settings, second):
            raise SettingsInvalid(f"{_source(given, first)}: {first} needs {second} beside it; give both, or neither")


def _check_waiting(settings: Settings, given: Mapping[str, _Given]) -> None:
    least = PAYLOADS_WAITING * settings.limits.payload_bytes
    if settings.limits.waiting_bytes < least:
        source = _source(given, "limits.waiting_bytes", "limits.payload_bytes")
        raise SettingsInvalid(
            f"{source}: limits.waiting_bytes must be at least {least}, "
            f"{PAYLOADS_WAITING} times limits.payload_bytes; raise it, or lower limits.payload_bytes"
        )


def _check_mqtt(settings: Settings, given: Mapping[str, _Given]) -> None:
    if settings.mqtt.url and not settings.mqtt.operator_id:
        raise SettingsInvalid(
            f"{_source(given, 'mqtt.url')}: mqtt.url needs mqtt.operator_id beside it, the operator whose devices "
            "publish there; minori operator list shows all"
        )


def _source(given: Mapping[str, _Given], *keys: str) -> str:
    return next(given[key].where() for key in keys if key in given)
