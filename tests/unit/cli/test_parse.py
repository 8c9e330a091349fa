"""`minori parse`: words, streams and exit codes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from minori.cli.main import cli

MINORI = Path(sys.executable).with_name("minori")
USAGE = "Usage: minori parse [OPTIONS] [HEX]…\nTry 'minori parse --help' for help.\n\nError: "
TWO_DIGITS = "expected two digits from 0 to 9 and a to f, which make a byte"


class Done(NamedTuple):
    returncode: int
    stdout: bytes
    stderr: bytes


def parse(*words: str, sent: bytes = b"") -> Done:
    done = CliRunner().invoke(cli, ["parse", *words], input=sent, prog_name="minori")
    assert isinstance(done.exception, SystemExit | None)
    return Done(done.exit_code, done.stdout_bytes, done.stderr_bytes)


@pytest.mark.parametrize("words", [["8007f85f"], ["80", "07f8", "5F"], ["80:07:f8:5f"]])
def test_a_line_a_field_shows_its_value_its_bytes_and_where_they_are(words: list[str]) -> None:
    done = parse("--format", "flag:0:bool:7 temp:1:int:13:/10 name:0:char:1", *words)
    assert done.returncode == 0
    assert done.stdout.decode() == (
        "flag  true      80    byte 0, bit 7\n"
        "temp  25.5      07f8  bytes 1 to 2, 13 bits from bit 7 on\n"
        'name  "\\u0080"  80    byte 0\n'
    )


def test_many_bytes_of_a_field_are_cut_short() -> None:
    done = parse("--format", "a::char:17", "30" * 17)
    assert done.stdout.decode() == f'a  "{"0" * 17}"  {"30" * 16}…  bytes 0 to 16\n'


def test_without_words_hexadecimal_comes_from_standard_input() -> None:
    done = parse("--format", "a::uint:16:little-endian", sent=b"34\n12\n")
    assert done.stdout == b"a  4660  3412  bytes 0 to 1\n"


def test_json_is_what_would_be_stored_byte_for_byte() -> None:
    assert parse("--json", "--format", "@json", "7b226e223a312e307d").stdout == b'{"n":1,"binaryParserEnabled":true}\n'


def test_a_format_with_a_name_shows_its_members() -> None:
    shown = b'clickType      1\nclickTypeName  "SINGLE"\nbatteryLevel   1\n'
    assert parse("--format", "@button", "4d 01 03 51").stdout == shown
    assert parse("--format", "@json", "7b7d").stdout == b"The payload is an object without members.\n"
    assert parse("--format", "@json", "5b312e305d").stdout == b"[1]\n"


@pytest.mark.parametrize(
    ("format_", "payload", "message", "shown"),
    [
        (
            "temp:0:int16 b::uint:8",
            "00",
            "The binary parser's format is wrong at column 8: expected bool, int, uint, float or char",
            ("temp:0:int16 b::uint:8", "       ^"),
        ),
        (
            "a::uint",
            "00",
            "The binary parser's format is wrong at column 8: expected a colon and a length in bits from 1 to 64",
            ("a::uint", "       ^"),
        ),
        (
            f"{' ' * 100}a::uint:0{' ' * 100}b::uint:8",
            "00",
            "The binary parser's format is wrong at column 109: expected a length in bits from 1 to 64",
            (f"{' ' * 40}a::uint:0{' ' * 47}", f"{' ' * 48}^"),
        ),
        ("a::uint:8", "00 f", f"The hexadecimal bytes are wrong at column 4: {TWO_DIGITS}", ("00 f", "   ^")),
    ],
)
def test_what_is_wrong_is_shown_with_a_caret_under_it(
    format_: str, payload: str, message: str, shown: tuple[str, str]
) -> None:
    done = parse("--format", format_, payload)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode() == f"{USAGE}{message}\n\n  {shown[0]}\n  {shown[1]}\n"


def test_nothing_that_a_payload_holds_reaches_a_terminal_as_it_is() -> None:
    done = parse("--format", "@json", json.dumps({"a\x1b[2J": "\x9b2J\u202e"}).encode().hex())
    assert done.stdout == b'a\\u001b[2J  "\\u009b2J\\u202e"\n'


def test_bytes_that_are_no_text_are_refused_at_their_place() -> None:
    done = parse("--format", "a::uint:8", sent=b"00\n\xff\x1b[2J")
    assert done.returncode == 2
    assert (
        done.stderr.decode()
        == f"{USAGE}The hexadecimal bytes are wrong at column 4: {TWO_DIGITS}\n\n  00 ÿ [2J\n     ^\n"
    )
    done = parse("--format", b"\xff".decode(errors="surrogateescape"), "00")
    assert done.returncode == 2
    assert b"wrong at column 1: " in done.stderr


def test_endless_input_is_refused() -> None:
    done = parse("--format", "a::uint:8", sent=b"00" * 150_000)
    assert done.returncode == 2
    assert b"holds more than 262,144 bytes" in done.stderr


def test_a_payload_that_does_not_fit_ends_with_one_line_and_exit_code_1() -> None:
    done = parse("--format", "a::uint:16", "00")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == (
        b"Error: The payload does not fit the binary parser's format: it ends before byte 1, and a reaches down to"
        b" bit 0 of byte 1, the first byte being 0\n"
    )


def test_the_help_teaches_the_grammar_and_its_examples_run() -> None:
    shown = parse("--help").stdout.decode()
    examples = [line.strip() for line in shown.splitlines() if line.strip().startswith("minori parse --format")]
    assert len(examples) == 3
    script = "\n".join(["set -e", *examples]).replace("minori", str(MINORI))
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    for word in ("little-endian", "bool", "uint", "int", "float", "char", "@json", "@button"):
        assert word in shown
