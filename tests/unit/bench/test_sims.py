"""The benchmark of many SIMs: the table they come from, the load of many senders, and its turns."""

import json
from collections import Counter
from ipaddress import ip_address, ip_network
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import ClassVar

import httpx
import pytest

from bench.figures import ANCHORS, SIM_FIGURES, Reading
from bench.fill_sims import SENDERS, SESSIONS, SIMS, address, sender, senders_alone, sources, write_table
from bench.plan import choose
from bench.report import markdown, missed, rows
from bench.senders import senders
from bench.sims import ONE
from serving import Server, minori

THESE = [address(session) for session in (1, 2, 3)]


def test_every_session_has_an_address_of_its_own_on_this_machine() -> None:
    every = {ip_address(address(session)) for session in range(SESSIONS)}
    assert len(every) == SESSIONS
    assert all(each in ip_network("127.0.0.0/8") for each in every)
    assert str(ip_address("127.0.0.1")) == address(0)


def test_the_load_comes_from_as_many_sessions_as_it_says_from_the_first_to_the_last() -> None:
    chosen = sources()
    assert len(set(chosen)) == SENDERS
    assert min(chosen) == 1
    assert SESSIONS * 9 // 10 < max(chosen) < SESSIONS


def test_the_table_is_one_that_the_command_line_takes(server: Server, tmp_path: Path) -> None:
    write_table(tmp_path / "sims.csv", range(50))
    beside = ["--data-dir", str(server.data_dir), "--operator", server.credentials["operatorId"]]
    done = minori("sim", "import", str(tmp_path / "sims.csv"), "--dry-run", "--json", *beside)
    assert json.loads(done.stdout) == {"imported": 0, "new": 50, "skipped": 0, "errors": []}
    lines = [line.split(",") for line in (tmp_path / "sims.csv").read_text().splitlines()[1:]]
    assert {line[0]: line[3] for line in lines if line[3]} == {sender(number): address(number) for number in range(5)}


def test_a_smaller_registry_has_just_the_sims_that_send(tmp_path: Path) -> None:
    write_table(tmp_path / "few.csv", senders_alone())
    lines = [line.split(",") for line in (tmp_path / "few.csv").read_text().splitlines()[1:]]
    assert {line[0]: line[3] for line in lines} == {sender(session): address(session) for session in sources()}


def test_the_whole_table_has_all_sims_and_all_sessions(tmp_path: Path) -> None:
    write_table(tmp_path / "sims.csv")
    lines = (tmp_path / "sims.csv").read_text().splitlines()[1:]
    assert len({line.split(",")[0] for line in lines}) == SIMS
    assert len({line.split(",")[3] for line in lines} - {""}) == SESSIONS


class Door(StreamRequestHandler):
    """Answers 201 to everything, and keeps whom it came from."""

    senders: ClassVar[Counter[str]] = Counter()

    def handle(self) -> None:
        for line in self.rfile:
            if line.startswith(b"Content-Length: "):
                length = int(line.split()[1])
            elif line == b"\r\n":
                self.rfile.read(length)
                self.senders[self.client_address[0]] += 1
                self.wfile.write(b"HTTP/1.1 201 Created\r\n\r\n")


def test_the_payloads_come_from_each_address_in_its_turn() -> None:
    with ThreadingTCPServer(("127.0.0.1", 0), Door) as door:
        serving = Thread(target=door.serve_forever)
        serving.start()
        senders(door.server_address[1], THESE, under_way=1, seconds=0.1)
        door.shutdown()
        serving.join()
    assert Door.senders.keys() == set(THESE)
    assert max(Door.senders.values()) - min(Door.senders.values()) <= 1


def test_every_payload_is_counted_once(server: Server) -> None:
    def stored() -> float:
        lines = httpx.get(f"{server.url}/metrics").text.splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if 'accepted_total{door="http"}' in line)

    before = stored()
    told = senders(server.door_http[1], THESE, under_way=2, seconds=0.05)
    assert 0 < told["rate"] * 0.05 <= stored() - before
    assert told["p50_ms"] <= told["p99_ms"]


def test_a_payload_that_is_refused_ends_the_run(server: Server) -> None:
    with pytest.raises(SystemExit, match=r"answered b'HTTP/1\.1 404"):
        senders(server.api[1], THESE, under_way=1, seconds=0.05)


def test_each_figure_of_many_sims_is_told_beside_the_same_with_one() -> None:
    of_both = [figure for figure in SIM_FIGURES if figure.against]
    assert [figure.name + ONE for figure in of_both] == [figure.against[-1].probe for figure in of_both]
    assert {ANCHORS[figure.name + ONE] for figure in of_both} == {"the same with one SIM"}
    assert choose(["sims"]) == list(SIM_FIGURES)


@pytest.mark.parametrize(("rate", "late"), [(9_500, []), (9_499, ["sims-post"])])
def test_five_in_a_hundred_may_be_lost_to_many_sims_and_no_more(rate: float, late: list[str]) -> None:
    table = rows(SIM_FIGURES, {"sims-post": [Reading(rate)], "sims-post-one": [Reading(10_000)]})
    assert missed(table) == late
    of_senders = {name: [Reading(10_000)] for name in ("sims-senders-few", "sims-senders-one")}
    assert bool(missed(rows(SIM_FIGURES, {"sims-senders": [Reading(rate)], **of_senders}))) == bool(late)
    assert f"{rate / 10_000:.3f} | ≥ 0.95 | {'missed' if late else 'ok'} |" in markdown("SIMs", table)


def test_start_up_and_memory_are_told_without_a_floor() -> None:
    readings = {"sims-start": [Reading(4_000)], "sims-start-one": [Reading(500)]}
    assert [(row.ratio, row.bound, row.verdict) for row in rows(SIM_FIGURES, readings)] == [(8.0, None, "")]
