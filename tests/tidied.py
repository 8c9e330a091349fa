"""What a server's sweep has done, and what `minori doctor` says of its data directory."""

import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from serving import Server, minori

SWEEP_SECONDS = 60


def examined(data_dir: Path) -> Any:
    """The report of `minori doctor`."""
    done = minori("doctor", "--json", "--data-dir", str(data_dir))
    assert done.stderr == ""
    return json.loads(done.stdout)


def swept(server: Server) -> tuple[int, int]:
    """Wait for the sweep that follows a start; how many expired files it removed, and how many blobs of nobody's."""
    for _ in range(SWEEP_SECONDS * 10):
        text = httpx.get(f"{server.url}/metrics").text
        counts = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        if float(counts["minori_sweeps_total"]):
            return int(float(counts["minori_files_expired_total"])), int(float(counts["minori_blobs_orphaned_total"]))
        time.sleep(0.1)
    pytest.fail("the server does not sweep")
