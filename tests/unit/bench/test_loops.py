"""The benchmark's programs in C, and its load of a crowd: what they count, and what ends them."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from socketserver import BaseRequestHandler, ThreadingUDPServer
from threading import Thread
from typing import ClassVar

import httpx
import pytest

from bench.anchors import bare_loop
from bench.datagrams import datagrams
from bench.errors import BenchError
from bench.fill_sims import address
from bench.load import stream
from bench.processes import compiled, cores
from serving import Server

needs_compiler = pytest.mark.skipif(which("cc") is None, reason="no C compiler")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled("stream.c", tmp_path_factory.mktemp("compiled"))


def load(program: Path, kind: str, port: int, senders: int) -> dict[str, float]:
    command = [str(program), kind, str(port), str(senders), "0.1", '{"t":21}']
    told: dict[str, float] = json.loads(subprocess.run(command, capture_output=True, timeout=10, check=True).stdout)
    return told


@needs_compiler
@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_the_bare_loop_answers_every_sender_also_when_others_have_gone(
    kind: str, program: Path, tmp_path: Path
) -> None:
    core, _ = cores()
    with bare_loop(core, kind, tmp_path) as port:
        for _ in range(2):
            told = load(program, kind, port, 3)
            assert told["rate"] > 0
            assert told["failed"] == 0
            assert 0 < told["p50_ms"] <= told["p99_ms"]


@needs_compiler
@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_what_the_load_counts_is_stored(kind: str, program: Path, server: Server) -> None:
    def stored() -> float:
        lines = httpx.get(f"{server.url}/metrics").text.splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if f'accepted_total{{door="{kind}"}}' in line)

    before = stored()
    told = load(program, kind, server.door_stream[1], 4)
    # Those under way at the end are stored, too.
    assert 0 < told["rate"] * 0.1 <= stored() - before


@needs_compiler
def test_the_load_of_a_run_tells_rate_and_latencies(program: Path, answering: int) -> None:
    told = stream(cores()[0], program, "udp", answering, 2, 1)
    assert told.p50_ms is not None
    assert told.value > 0


@needs_compiler
def test_another_answer_ends_the_load(program: Path, refusing: int) -> None:
    command = [str(program), "udp", str(refusing), "1", "1", "x"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    assert (done.returncode, done.stderr) == (1, "the door answered '404'\n")


@needs_compiler
def test_a_load_of_no_senders_is_refused(program: Path) -> None:
    with pytest.raises(BenchError, match="exit code 2"):
        stream(cores()[0], program, "tcp", 1, 0, 1)


class Door(BaseRequestHandler):
    """Answers `201`, or what it is made to, and keeps whom it came from."""

    senders: ClassVar[Counter[str]] = Counter()
    reply: ClassVar[bytes] = b"201"

    def handle(self) -> None:
        self.senders[self.client_address[0]] += 1
        self.request[1].sendto(self.reply, self.client_address)


class Refusing(Door):
    """Answers `404`."""

    senders: ClassVar[Counter[str]] = Counter()
    reply = b"404"


def _serve(handler: type[Door]) -> Iterator[int]:
    handler.senders.clear()
    with ThreadingUDPServer(("127.0.0.1", 0), handler) as door:
        serving = Thread(target=door.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        yield door.server_address[1]
        door.shutdown()
        serving.join()


@pytest.fixture
def answering() -> Iterator[int]:
    yield from _serve(Door)


@pytest.fixture
def refusing() -> Iterator[int]:
    yield from _serve(Refusing)


def test_a_crowd_sends_in_turn_each_from_its_own_address_until_all_have(answering: int) -> None:
    told = datagrams(answering, senders=5, under_way=2, least=20, seconds=0)
    assert told["failed"] == 0
    assert Door.senders.keys() == {address(session) for session in range(1, 6)}
    assert max(Door.senders.values()) - min(Door.senders.values()) <= 1


def test_a_crowd_ends_with_another_answer(refusing: int) -> None:
    with pytest.raises(SystemExit, match="answered b'404'"):
        datagrams(refusing, senders=1, under_way=1, least=1, seconds=0)


def test_a_crowd_is_a_process_of_its_own(answering: int) -> None:
    command = [sys.executable, "-m", "bench.datagrams", str(answering), "2", "1", "4", "0"]
    done = subprocess.run(command, capture_output=True, timeout=30, check=True)
    assert json.loads(done.stdout)["rate"] > 0
