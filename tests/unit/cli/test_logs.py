"""`minori logs` refuses what makes no sense, before it looks at anything."""

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner

from minori.cli.logs import newest
from minori.cli.main import cli
from minori.model.refusal import RefusalQuery
from minori.storage.contract.refusal_story import ACCOUNT, NOW, OTHER, add, refusal
from minori.storage.memory.refusals import MemoryRefusalLog


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--since", "x"), "such as 10m"),
        (("--since", "10"), "such as 10m"),
        (("--json", "--follow"), "--jsonl"),
        (("--json", "--jsonl"), "--jsonl"),
        (("--unknown", "--follow"), "nobody's"),
        (("--unknown", "--resource", "1"), "nobody's"),
        (("--limit", "0"), "0"),
        (("--limit", "1001"), "1001"),
        (("--service", "Funnel"), "Funnel"),
    ],
)
def test_a_command_that_makes_no_sense_says_so(words: tuple[str, ...], told: str) -> None:
    result = CliRunner().invoke(cli, ["logs", *words])
    assert result.exit_code == 2
    assert told in result.output


@pytest.mark.parametrize("words", [(), ("--unknown",)])
def test_a_folder_that_is_no_data_directory_is_left_alone(tmp_path: Path, words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(cli, ["logs", *words, "--data-dir", str(tmp_path)])
    assert result.exit_code == 1
    assert list(tmp_path.iterdir()) == []


def test_the_newest_come_last_and_of_one_millisecond_in_the_order_in_which_they_were_refused() -> None:
    async def story() -> None:
        log = MemoryRefusalLog()
        following = {ACCOUNT: 0, OTHER: 0}
        await add(log, *[refusal(NOW, text) for text in "abc"], refusal(NOW - 1, "d", OTHER))
        assert [one.message for one in await newest(log, RefusalQuery("", limit=2), following)] == list("dbc")
        await add(log, refusal(NOW - 9, "late"))
        assert [one.message for one in await newest(log, RefusalQuery("", limit=2), following)] == ["late"]
        assert await newest(log, RefusalQuery("", limit=2), following) == []

    asyncio.run(story())
