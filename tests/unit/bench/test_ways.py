"""The load of batches, and what is counted of a flood."""

from bench.load import Batch, script
from bench.ways import counted

TOLD = """\
minori_entries_accepted_total{door="http"} 7.0
minori_entries_accepted_total{door="udp"} 100.0
minori_payloads_refused_total{door="udp",reason="UnknownSender"} 3.0
minori_datagrams_dropped_total{listener="door-stream",reason="buffer_full"} 40.0
minori_datagrams_dropped_total{listener="door-stream",reason="Overloaded"} 5.0
minori_payloads_refused_total{door="udp",reason="Overloaded"} 5.0
"""


def test_every_datagram_is_counted_once() -> None:
    assert counted(TOLD) == (100.0, 48.0)


def test_a_batch_is_items_with_times_of_their_own() -> None:
    told = script(Batch("127.0.0.1:1", {}, b'{"a":1}', 100))
    assert "items, rest, at, parts = 100, [==[" in told
    assert '[==["a":1}]==]' in told
