"""The benchmark's report: ratios, floors, ceilings, medians and the table they end in."""

import pytest

from bench.figures import ANCHORS, FIGURES, Against, Figure, Reading, middle
from bench.report import Verdict, amount, markdown, missed, rows

POST = Figure("post", "durable POST", "1/s", (Against("nginx-post-64", 0.10), Against("log")))
IDLE = Figure("idle", "resident memory", "MiB", ceiling=90)


def readings(post: float, failed: int = 0) -> dict[str, list[Reading]]:
    return {"post": [Reading(post, 1.0, 2.5, failed)], "nginx-post-64": [Reading(50_000)], "log": [Reading(5_000)]}


def test_a_figure_has_one_row_for_each_anchor() -> None:
    first, second = rows([POST], readings(6_000))
    assert (first.ratio, second.ratio) == (0.12, 1.2)


def test_a_ratio_on_the_floor_is_ok() -> None:
    assert rows([POST], readings(5_000))[0].verdict is Verdict.OK


def test_a_ratio_below_the_floor_is_missed() -> None:
    table = rows([POST], readings(4_999))
    assert table[0].verdict is Verdict.MISSED
    assert missed(table) == ["post"]


def test_an_anchor_without_a_floor_gives_no_verdict() -> None:
    assert rows([POST], readings(1))[1].verdict is Verdict.NONE


def test_the_ratio_is_the_median_of_the_ratios_within_each_round() -> None:
    ours = [Reading(10), Reading(40), Reading(30)]
    theirs = [Reading(100), Reading(200), Reading(100)]
    first, _ = rows([POST], {"post": ours, "nginx-post-64": theirs, "log": theirs})
    assert (first.value, first.anchor_value, first.ratio) == (30, 100, 0.2)


@pytest.mark.parametrize(("mebibytes", "verdict"), [(90.0, Verdict.OK), (90.1, Verdict.MISSED)])
def test_a_ceiling_holds_up_to_its_value(mebibytes: float, verdict: Verdict) -> None:
    assert rows([IDLE], {"idle": [Reading(mebibytes)]})[0].verdict is verdict


def test_a_figure_that_was_not_measured_has_no_row() -> None:
    assert [row.name for row in rows([POST, IDLE], {"idle": [Reading(80)]})] == ["idle"]


def test_a_figure_without_its_anchor_is_an_error() -> None:
    with pytest.raises(KeyError, match="nginx-post-64"):
        rows([POST], {"post": [Reading(1)]})


def test_the_middle_reading_keeps_its_latency_and_adds_up_all_failures() -> None:
    chosen = middle([Reading(30, p99_ms=3, failed=1), Reading(10, p99_ms=1), Reading(20, p99_ms=2, failed=4)])
    assert chosen == Reading(20, p99_ms=2, failed=5)


def test_the_table_names_a_figure_once_and_every_anchor() -> None:
    text = markdown("Doors", rows([POST], readings(4_000)))
    assert text.count("durable POST") == 1
    assert "| nginx `return 201`, 64 connections | 50,000 1/s | 0.080 | ≥ 0.10 | missed |" in text
    assert "| bare log, one append and sync at a time | 5,000 1/s | 0.800 |  |  |" in text


def test_every_line_of_the_table_has_the_same_cells() -> None:
    text = markdown("All", rows([POST, IDLE], {**readings(4_000), "idle": [Reading(80)]}))
    assert {line.count("|") for line in text.splitlines() if line.startswith("|")} == {10}


def test_the_table_tells_requests_without_an_answer() -> None:
    table = rows([POST], readings(4_000, failed=3))
    assert "durable POST: 3 requests had no answer in time." in markdown("Doors", table)


@pytest.mark.parametrize(("value", "text"), [(12345.6, "12,346"), (105.6, "106"), (87.25, "87.2"), (0.5, "0.5")])
def test_an_amount_has_three_digits_that_count(value: float, text: str) -> None:
    assert amount(value) == text


def test_names_of_figures_and_anchors_are_unique_and_known() -> None:
    names = [figure.name for figure in FIGURES]
    assert len(set(names)) == len(names)
    assert {against.probe for figure in FIGURES for against in figure.against} == set(ANCHORS)
