"""`minori beam-key` and `minori ingest-token`: words, errors and what they print, beside a running server."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from minori.cli.main import cli
from people import minori, other_operator
from serving import Server

COMMANDS = ("beam-key", "ingest-token")


def owned(server: Server, *words: str) -> tuple[str, ...]:
    """A command about the server's first operator, who may not be its only one by now."""
    return (*words, "--operator", server.credentials["operatorId"])


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_how_it_is_used_and_where_the_other_end_is_set(command: str) -> None:
    told = CliRunner().invoke(cli, [command, "--help"]).output
    assert f"minori {command} add" in told
    assert "/ingest/OPERATOR/" in told
    for word in ("add", "list", "remove"):
        assert CliRunner().invoke(cli, [command, word, "--help"]).exit_code == 0


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    "words", [["remove"], ["add", "extra"], ["add", "--coverage", "moon"], ["list", "--key", "x"], ["nothing"]]
)
def test_a_command_that_makes_no_sense_is_wrong_usage(command: str, words: list[str]) -> None:
    assert CliRunner().invoke(cli, [command, *words]).exit_code == 2


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("words", [["add"], ["list"], ["remove", "x"]])
def test_a_folder_that_is_no_data_directory_is_left_alone(tmp_path: Path, command: str, words: list[str]) -> None:
    result = CliRunner().invoke(cli, [command, *words, "--data-dir", str(tmp_path)])
    assert result.exit_code == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_added_is_told_once_and_listed_without_its_secret_until_it_is_removed(
    server: Server, command: str
) -> None:
    added = minori(server, *owned(server, command, "add", "--description", "of a test")).stdout
    (_, name), (_, secret) = (line.split() for line in added.splitlines())
    listed = minori(server, *owned(server, command, "list")).stdout
    (line,) = [line for line in listed.splitlines() if name in line]
    assert line.endswith("  of a test")
    assert secret not in listed
    (known,) = [
        one
        for one in json.loads(minori(server, *owned(server, command, "list", "--json")).stdout)
        if name in one.values()
    ]
    assert (known["description"], secret in known.values()) == ("of a test", False)
    assert name not in minori(server, *owned(server, command, "list", "--coverage", "global")).stdout
    assert minori(server, *owned(server, command, "remove", name, "--coverage", "global")).returncode == 1
    assert minori(server, *owned(server, command, "remove", name)).stdout == f"{name}  removed\n"
    assert name not in minori(server, *owned(server, command, "list")).stdout


def test_a_key_that_beam_cannot_have_is_refused_and_not_repeated(server: Server) -> None:
    done = minori(server, *owned(server, "beam-key", "add", "--key", "not-a-key"))
    assert (done.returncode, "1 to 64 letters and digits" in done.stderr) == (1, True)
    assert "not-a-key" not in done.stderr + done.stdout


def test_of_several_operators_one_must_be_named(server: Server) -> None:
    other_operator(server, "feeders-cli@example.com")
    for command in COMMANDS:
        done = minori(server, command, "list")
        assert (done.returncode, "--operator" in done.stderr) == (1, True)
        assert minori(server, command, "list", "--operator", "feeders-cli@example.com").returncode == 0
        assert minori(server, command, "list", "--operator", "nobody@example.com").returncode == 1
