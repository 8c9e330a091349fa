"""A server clears away, soon after its start, what is over."""

import sqlite3
from contextlib import closing

from serving import Server
from tidied import examined, swept
from wire.filing import folder


def test_a_file_whose_time_is_over_is_removed_with_its_bytes_when_the_server_starts(own_server: Server) -> None:
    server = own_server
    of_test = folder(server, server.login())
    of_test.put("/over.txt", b"over")
    of_test.put("/kept.txt", b"kept")
    server.stop()
    blobs = {path.read_bytes(): path for path in (server.data_dir / "blobs").glob("*/*")}
    with closing(sqlite3.connect(server.data_dir / "catalog.sqlite")) as connection, connection:
        connection.execute("UPDATE files SET expiry_time = 1 WHERE path LIKE '%/over.txt'")
    server.start()
    assert swept(server) == (1, 0)
    of_test = of_test._replace(headers=server.login())
    assert of_test.names() == ["kept.txt"]
    assert of_test.read("/kept.txt") == b"kept"
    server.stop()
    assert not blobs[b"over"].exists()
    report = examined(server.data_dir)
    assert (report["sound"], report["files"], report["orphans"]) == (True, 1, 0)
