"""`minori simulate` against a real server."""

import json
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest

from people import Caller, minori, root
from serving import Server
from warm import Ended

ADDRESSES = {"http": "door_http", "tcp": "door_stream", "udp": "door_stream", "beam": "api"}


def simulate(server: Server, door: str, *options: str) -> Ended:
    host, port = getattr(server, ADDRESSES[door])
    # The shared server may have more operators than one by now.
    owner = ("--operator", server.credentials["operatorId"])
    return minori(server, "simulate", "--door", door, "--to", f"{host}:{port}", *owner, *options)


def told(done: Ended) -> dict[str, Any]:
    counts: dict[str, Any] = json.loads(done.stdout)
    return counts


@pytest.fixture(scope="module")
def owner(server: Server) -> Caller:
    return root(server)


@pytest.mark.parametrize(("door", "profile"), [("http", "temperature"), ("tcp", "gps"), ("udp", "button")])
def test_registered_devices_send_as_sims_of_their_own(owner: Caller, door: str, profile: str) -> None:
    wanted = ("--devices", "3", "--rate", "200", "--messages", "30", "--profile", profile, "--register", "--json")
    done = simulate(owner.server, door, *wanted)
    assert done.returncode == 0, done.stderr
    assert (told(done)["sent"], told(done)["stored"]) == (30, 30)
    sims = [one["imsi"] for one in owner.ask("GET", "/subscribers?limit=100").json if one["imsi"].startswith("0010109")]
    newest = [owner.ask("GET", f"/data/Subscriber/{imsi}?limit=100").json for imsi in sims[:3]]
    assert all(len(entries) >= 10 for entries in newest)


def test_without_registering_all_are_the_sim_of_the_demo(own_server: Server) -> None:
    done = simulate(own_server, "http", "--devices", "4", "--rate", "100", "--messages", "8", "--json")
    assert told(done)["stored"] == 8
    assert len(root(own_server).ask("GET", "/data/Subscriber/001010000000001?limit=100").json) == 8


def test_lorawan_devices_come_through_beam(owner: Caller) -> None:
    key = owner.ask("POST", "/minori/beam_keys", {}).json["beamKey"]
    wanted = (
        "--profile",
        "lora",
        "--beam-key",
        key,
        "--devices",
        "2",
        "--rate",
        "100",
        "--messages",
        "10",
        "--register",
    )
    done = simulate(owner.server, "beam", *wanted, "--json")
    assert (done.returncode, told(done)["stored"]) == (0, 10)
    assert len(owner.ask("GET", "/data/LoraDevice/0200000000000000?limit=100").json) == 5


def test_what_is_not_stored_is_told_with_its_reason_and_the_exit_code_is_1(server: Server) -> None:
    wanted = ("--beam-key", "wrong", "--devices", "1", "--rate", "100", "--messages", "2")
    done = simulate(server, "beam", *wanted)
    assert done.returncode == 1
    assert "refused 2" in done.stdout
    assert "signature" in done.stdout


def test_a_server_that_is_not_there_is_told_plainly(server: Server) -> None:
    done = minori(server, "simulate", "--door", "tcp", "--to", "127.0.0.1:1", "--messages", "2", "--rate", "100")
    assert (done.returncode, "lost 2" in done.stdout) == (1, True)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("wrong", [("--door", "beam"), ("--profile", "lora"), ("--to", "nowhere"), ("--devices", "0")])
def test_what_cannot_be_done_is_wrong_usage(server: Server, wrong: tuple[str, ...]) -> None:
    assert minori(server, "simulate", "--messages", "1", *wrong).returncode == 2


def test_ctrl_c_ends_it_with_its_count(server: Server) -> None:
    host, port = server.door_http
    command = [str(Path(sys.executable).with_name("minori")), "simulate", "--to", f"{host}:{port}", "--json"]
    command += ["--rate", "500", "--data-dir", str(server.data_dir)]
    with ExitStack() as stack:
        running = stack.enter_context(subprocess.Popen(command, stdout=PIPE, stderr=PIPE, text=True))
        # It runs until it is told to end.
        stack.callback(running.kill)
        before = newest(server)
        while newest(server) == before:
            assert running.poll() is None, running.stderr
        running.send_signal(signal.SIGINT)
        out, _ = running.communicate(timeout=20)
    assert json.loads(out)["stored"] > 0


def newest(server: Server) -> list[dict[str, Any]]:
    """The newest entry of the demo SIM, which may have any number of them by now."""
    found: list[dict[str, Any]] = root(server).ask("GET", "/data/Subscriber/001010000000001?limit=1").json
    return found
