"""SIGKILL during uploads, overwrites and removals: no confirmed file is lost or torn, and what is left is swept."""

import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from fault.uploaders import Account, start_readers, start_uploaders
from serving import Serve
from tidied import examined, swept

DAY_SECONDS = 86_400
SWEEP_SOON = """
import sys
from minori.cli.main import main
from minori.service.tidying import Sweep
Sweep.__init__.__defaults__ = (0.2,)
sys.argv.pop(0)
main()
"""
SWEEPING = (sys.executable, "-c", SWEEP_SOON)
"""A server that is certain sooner of what is nobody's: its clock is not set while it looks."""


@pytest.mark.parametrize(("cycles", "most"), [(2, 60), pytest.param(200, 150, marks=pytest.mark.slow)])
def test_no_confirmed_file_is_lost_or_torn_when_the_server_is_killed(
    serve: Serve, chance: Random, cycles: int, most: int
) -> None:
    server = serve()
    headers = server.login()
    account = Account()
    for cycle in range(cycles):
        workers = start_uploaders(server, headers, account, f"c{cycle}") + start_readers(server, headers, account)
        account.wait(account.confirmed + chance.randint(1, most))
        account.kill(server, workers)
        if cycle % 20 < 3:
            assert examined(server.data_dir)["findings"] == []
        server.start()
        account.check(server, headers)
    server.stop()
    report = examined(server.data_dir)
    assert report["findings"] == []
    make_older(server.data_dir)
    server = serve(data_dir=server.data_dir, prefix=SWEEPING)
    assert swept(server) == (0, report["orphans"])
    account.check(server, headers)
    server.stop()
    report = examined(server.data_dir)
    assert (report["sound"], report["orphans"], report["findings"]) == (True, 0, [])


def make_older(data_dir: Path) -> None:
    """Make all that is kept look a day older, whatever is left over with it."""
    for path in (data_dir / "blobs").glob("*/*"):
        long_ago = path.stat().st_mtime - DAY_SECONDS
        os.utime(path, (long_ago, long_ago))
    with closing(sqlite3.connect(data_dir / "catalog.sqlite")) as connection, connection:
        connection.execute("UPDATE operators SET created_time = created_time - ?", (2 * DAY_SECONDS * 1000,))
