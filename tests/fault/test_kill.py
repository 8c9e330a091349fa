"""SIGKILL at any moment loses nothing that was confirmed, and leaves nothing that was not sent."""

from random import Random

import pytest

from fault.devices import Journal, count_writes, read_all, start_writers
from serving import Serve


@pytest.mark.parametrize("cycles", [3, pytest.param(200, marks=pytest.mark.slow)])
def test_nothing_confirmed_is_lost_when_the_server_is_killed(serve: Serve, chance: Random, cycles: int) -> None:
    server = serve()
    headers = server.login()
    journal = Journal()
    since = 0
    for cycle in range(cycles):
        before = set(journal.confirmed)
        writers = start_writers(server, journal, f"c{cycle}")
        journal.wait(len(before) + chance.randint(1, 500))
        server.kill()
        for writer in writers:
            writer.end()
        server.start()
        newest = read_all(server, headers, since)
        journal.check(newest, must=journal.confirmed - before)
        since = newest[-1].time + 1
    everything = read_all(server, headers)
    journal.check(everything)
    assert count_writes(server, headers) == len(everything)
