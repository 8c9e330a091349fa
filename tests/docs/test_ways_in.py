"""The page about the ways in cannot lie: its commands are run, and its paths and flags are there."""

import os
import re
import subprocess
import sys
from pathlib import Path

from people import root
from serving import Serve
from wire.asking import ask

PAGE = (Path(__file__).parents[2] / "docs" / "explain" / "ways-in.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)


def test_every_command_of_the_page_brings_something_in(serve: Serve) -> None:
    server = serve("--door-beam", "127.0.0.1:0")
    (ready,) = [line for line in server.stdout if line.startswith("minori ready")]
    beam = re.search(r"door-beam=127\.0\.0\.1:(\d+)", ready)
    assert beam is not None
    script = "".join(BLOCKS)
    for written, real in {
        "http://127.0.0.1:8080": server.url,
        "127.0.0.1:8880": "{}:{}".format(*server.door_http),
        "127.0.0.1/8514": "{}/{}".format(*server.door_stream),
        "127.0.0.1/23080": "{}/{}".format(*server.door_unified),
        "127.0.0.1/8515": f"127.0.0.1/{beam[1]}",
        "minori-data/": f"{server.data_dir}/",
        "minori simulate --door http": "minori simulate --door http --to {}:{}".format(*server.door_http),
    }.items():
        assert written in script
        script = script.replace(written, real)
    path = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    settings = {"MINORI_DATA_DIR": str(server.data_dir)}
    command = ["bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(
        command, env=os.environ | path | settings, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert done.stdout.count("HTTP/1.1 201 Created") == 4
    assert [line for line in done.stdout.splitlines() if line == "201"] == ["201"] * 4
    assert "stored 20" in done.stdout
    owner = root(server)
    contents = [one["content"] for one in owner.ask("GET", "/data/Subscriber/001010000000001?limit=100").json]
    assert len(contents) == 6 + 20
    (uplink,) = owner.ask("GET", "/data/LoraDevice/000b78fffe050b09").json
    assert '"data":"5c8fd84180b7c647"' in uplink["content"]
    for way in re.findall(r"`POST (/ingest/[^`]+)`", PAGE):
        assert ask(server, "GET", way.replace("{operator_id}", "OP")).status == 405
