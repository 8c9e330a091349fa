"""The command line as a shell sees it: words, streams and exit codes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from minori import __version__
from minori.config.settings import REFERENCE
from minori.storage.directory import DataDirectory
from serving import MINORI, bare_environment, minori


def script(*words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """The console script itself, which takes longer than `minori` of the other tests."""
    shown = {**bare_environment(), **environment}
    return subprocess.run([MINORI, *words], env=shown, capture_output=True, text=True, check=False, timeout=60)


def test_the_version_is_the_packages() -> None:
    assert script("--version").stdout == f"minori {__version__}\n"


def test_the_help_names_the_commands_and_one_to_try() -> None:
    shown = minori("--help")
    assert shown.returncode == 0
    assert "serve" in shown.stdout
    assert "Try it: minori serve --demo" in shown.stdout


def test_the_help_of_serve_shows_every_flag_with_its_default_and_where_logs_go() -> None:
    words = " ".join(minori("serve", "--help").stdout.split())
    for setting in REFERENCE:
        if setting.flag and setting.kind is str:
            assert f"{setting.flag} {setting.form}" in words
            assert f"[default: {setting.default}]" in words
    assert "--demo" in words
    assert "--config FILE" in words
    assert "Logs go to standard error" in words


def test_help_loads_no_part_of_the_server() -> None:
    program = (
        "import sys, minori.cli.main; print([name for name in sys.modules if name in ('minori.app', 'rocksdict')])"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert loaded.stdout == "[]\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("serve", "--door-htp", "x"), "Error: No such option '--door-htp'"),
        (("serve", "now"), "Error: Got unexpected extra argument (now)"),
        (("server",), "Error: No such command 'server'"),
        (("serve", "--api", ":80"), "Error: --api: api cannot be ':80'; the host is missing"),
        (("serve", "--config", "absent.toml"), "Error: The settings file 'absent.toml' cannot be read"),
        (("settings", "--config", "absent.toml"), "Error: The settings file 'absent.toml' cannot be read"),
    ],
)
def test_wrong_words_end_with_one_message_and_exit_code_2(words: tuple[str, ...], message: str) -> None:
    refused = minori(*words)
    assert refused.returncode == 2
    assert message in refused.stderr
    assert "Traceback" not in refused.stderr
    assert refused.stdout == ""


def test_a_wrong_variable_ends_with_one_line_and_exit_code_2() -> None:
    refused = script("serve", MINORI_LIMITS_PAYLOAD_BYTE="1")
    assert refused.returncode == 2
    assert refused.stderr == (
        "Error: Environment variable MINORI_LIMITS_PAYLOAD_BYTE: there is no setting 'MINORI_LIMITS_PAYLOAD_BYTE'; "
        "did you mean MINORI_LIMITS_PAYLOAD_BYTES?\n"
    )


def test_a_data_directory_in_use_ends_with_one_line_and_exit_code_1(tmp_path: Path) -> None:
    with DataDirectory(tmp_path):
        refused = script("serve", "--data-dir", str(tmp_path))
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert refused.stderr == (
        f"Error: The data directory {tmp_path} is in use by process {os.getpid()}; "
        "stop that one first, or choose another --data-dir\n"
    )


def test_settings_lists_what_a_start_would_use(tmp_path: Path) -> None:
    (tmp_path / "minori.toml").write_text("limits.payload_bytes = 4096\ndemo = true\n")
    listed = minori("settings", "--config", str(tmp_path / "minori.toml"), MINORI_LOG_LEVEL="debug")
    rows = {row.split()[0]: row.split()[1:] for row in listed.stdout.splitlines()}
    assert list(rows) == [setting.key for setting in REFERENCE]
    assert rows["limits.payload_bytes"] == ["MINORI_LIMITS_PAYLOAD_BYTES", "4096"]
    assert rows["log.level"] == ["MINORI_LOG_LEVEL", "debug"]
    assert rows["demo"] == ["MINORI_DEMO", "true"]
    assert rows["api"] == ["MINORI_API", "127.0.0.1:8080"]


def test_the_reference_page_says_nothing_of_this_machines_settings() -> None:
    page = minori("settings", "--markdown", MINORI_LOG_LEVEL="debug")
    assert page.stdout == minori("settings", "--markdown").stdout
    assert page.stdout.startswith("# Settings\n")
