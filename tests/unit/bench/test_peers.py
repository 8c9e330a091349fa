"""The benchmark's peers: what they are sent, and what becomes of those that are not installed; and its parts."""

import json
from collections import Counter
from pathlib import Path

import pytest

from bench.figures import ANCHORS, DOOR_FIGURES, FIGURES, GROWTH_FIGURES, Against, Figure, Reading
from bench.parts import PARTS
from bench.payload import payload
from bench.peers import line, peers
from bench.plan import Plan, choose
from bench.report import Verdict, missed, rows

POST = Figure("post-64", "durable POST", "1/s", (Against("nginx-post-64", 0.1), Against("influxdb", 10, peer=True)))


def test_a_peer_that_was_not_measured_has_no_line() -> None:
    measured = {"post-64": [Reading(100)], "nginx-post-64": [Reading(100)]}
    assert [row.anchor for row in rows([POST], measured)] == [ANCHORS["nginx-post-64"]]


def test_a_peer_that_was_measured_has_a_floor() -> None:
    measured = {"post-64": [Reading(99)], "nginx-post-64": [Reading(100)], "influxdb": [Reading(10)]}
    table = rows([POST], measured)
    assert [row.verdict for row in table] == [Verdict.OK, Verdict.MISSED]
    assert missed(table) == ["post-64"]


def test_a_peer_that_is_not_installed_is_said_to_be_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with peers(Plan(0, 0, 1, 1, 0), {"influxdb", "nginx-post-64"}, tmp_path) as started:
        assert started.probes == {}
        started.settle()
    said = "influxdb is not installed, so its line is left out; on Debian: apt-get install influxdb\n"
    assert capsys.readouterr().err == said


def test_peers_are_sent_every_reading_of_the_payload() -> None:
    told = line(json.loads(payload()))
    series, fields = told.split(" ")
    assert series == "telemetry,imsi=001010000000001"
    assert [field.split("=")[0] for field in fields.split(",")] == [*json.loads(payload())]
    assert 'status="ok"' in fields


def test_every_figure_is_in_one_part() -> None:
    named = Counter(figure.name for part in PARTS for figure in part.figures)
    assert named == Counter(figure.name for figure in FIGURES)


def test_growth_is_measured_when_asked_for_only() -> None:
    assert set(choose([])) == set(FIGURES) - set(GROWTH_FIGURES)
    assert choose(["growth"]) == list(GROWTH_FIGURES)


def test_the_peers_are_beside_the_durable_post_at_64_connections() -> None:
    floors = {against.probe: against.floor for figure in DOOR_FIGURES for against in figure.against if against.peer}
    assert floors == {"victoria-metrics": 1.0, "postgresql": 2.5, "influxdb": 10}
