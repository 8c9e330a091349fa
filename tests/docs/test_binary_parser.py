"""The page about the binary parser cannot lie: its examples are parsed, its commands are run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from minori.codec.binary.format import LONGEST, parse_format
from minori.codec.binary.grammar import CHARACTERS, ENABLED, FIELDS, FORMAT_LENGTH, REACH
from minori.codec.binary.hexadecimal import parse_hexadecimal
from minori.errors import InvalidFormat
from minori.model.resource import ATTRIBUTE_NAME_LENGTH

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "explain" / "binary-parser.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^\| `([^`]+)` \| `([0-9A-Fa-f ]+)` \| `(\{.*\})` \|$", PAGE, re.MULTILINE)
REFUSED = re.findall(r"^\| `([^`]+)` \| (\d+) \| [^|]+ \|$", PAGE, re.MULTILINE)
COMMANDS = re.findall(r"^```console\n\$ (.+)\n((?:.*\n)*?)```$", PAGE, re.MULTILINE)


def test_the_page_has_its_examples() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    assert len(EXAMPLES) > 25
    assert len(REFUSED) == 10
    assert len(COMMANDS) == 4
    assert sum("{" in row for row in rows) == len(EXAMPLES)


@pytest.mark.parametrize(("text", "payload", "expected"), EXAMPLES)
def test_an_example_becomes_what_the_page_says(text: str, payload: str, expected: str) -> None:
    comma = "" if expected == "{}" else ","
    parsed = parse_format(text).parse(parse_hexadecimal(payload)).text
    assert parsed == f'{expected[:-1]}{comma}"{ENABLED}":true}}'


@pytest.mark.parametrize(("text", "column"), REFUSED)
def test_a_format_is_refused_at_the_column_that_the_page_says(text: str, column: str) -> None:
    with pytest.raises(InvalidFormat) as error:
        parse_format(text)
    assert error.value.column == int(column)


@pytest.mark.parametrize(("command", "output"), COMMANDS)
def test_a_command_prints_what_the_page_shows(command: str, output: str) -> None:
    path = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    words = ["bash", "-c", f"{command} 2>&1"]
    done = subprocess.run(words, env=os.environ | path, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout == output


def test_the_bounds_are_those_of_the_grammar() -> None:
    (bounds,) = re.findall(r"^Bounds .*$", PAGE, re.MULTILINE)
    for bound in (FORMAT_LENGTH, FIELDS, ATTRIBUTE_NAME_LENGTH, REACH, CHARACTERS):
        assert f" {bound:,} " in bounds
    assert f"{LONGEST / 1024:.0f} KiB" in bounds
