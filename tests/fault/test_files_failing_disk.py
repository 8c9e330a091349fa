"""A disk that fails under files stops confirming them, loudly, and takes nothing back that was confirmed."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import httpx
import pytest

from fault.strace_log import command
from fault.uploaders import Client, Way, content_of, version_in
from serving import Server

GOOD_CALLS = 40
"""How many syncs of one thread succeed, more than a start needs."""


class Failed:
    """A server whose disk failed while files were stored, and the paths that had been confirmed until then."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.headers = server.login()
        self.kept: list[str] = []
        for number in count():
            self.status = self.put(path := f"/{number}")
            if self.status != 201:
                break
            self.kept.append(path)

    def put(self, path: str, way: Way = Way.API) -> int:
        with Client(self.server, way, self.headers) as client:
            return client.put(path, content_of(path, 5000))

    def versions(self, server: Server) -> list[str | None]:
        """What each path shows that was confirmed."""
        with Client(server, Way.API, server.login()) as client:
            return [None if (content := client.get(path)) is None else version_in(content) for path in self.kept]


@pytest.fixture(scope="module", params=["blobs", "catalog"])
def failed(request: pytest.FixtureRequest, strace: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Failed]:
    folder: Path = tmp_path_factory.mktemp("failed")
    options: tuple[str, ...] = ("-e", f"inject=fsync,fdatasync:error=EIO:when={GOOD_CALLS}+")
    if request.param == "catalog":
        options = (*options, "-P", str(folder / "data/catalog.sqlite-wal"))
    prefix = command(strace, folder / "log", traced="fsync,fdatasync", options=options)
    yield Failed((server := Server(folder / "data", prefix=prefix)).start())
    server.kill()


def test_a_failing_disk_refuses_the_first_file_it_did_not_keep_and_every_one_after_it(failed: Failed) -> None:
    assert failed.status == 503
    assert failed.kept != []
    assert [failed.put(f"/later/{number}", way) for number in range(3) for way in Way] == [503] * 6


def test_health_metrics_and_log_say_that_the_disk_has_failed(failed: Failed) -> None:
    health = httpx.get(f"{failed.server.url}/healthz")
    assert health.status_code == 503
    assert "restart" in health.json()["reason"]
    assert "minori_store_failed 1.0" in httpx.get(f"{failed.server.url}/metrics").text
    assert failed.server.stderr.count('"level": "critical"') == 1


def test_files_that_were_confirmed_can_be_read_then_and_after_a_restart_on_a_mended_disk(failed: Failed) -> None:
    assert failed.versions(failed.server) == failed.kept
    failed.server.kill()
    with Server(failed.server.data_dir) as mended:
        assert failed.versions(mended) == failed.kept
        with Client(mended, Way.API, mended.login()) as client:
            assert client.put("/mended", content_of("mended", 100)) == 201
