"""A full disk refuses what does not fit with 507, gives back what that took, and shows all it had before."""

import os
import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from threading import Thread

import httpx
import pytest

from fault.needs import lacking
from fault.uploaders import Client, Way, content_of, version_in
from serving import Server

MEBIBYTE = 1024 * 1024
DISK = 24 * MEBIBYTE
TOO_LARGE = 64 * MEBIBYTE

ALONE = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")
ON_A_SMALL_DISK = f'mount -t tmpfs -o size={DISK} tmpfs "$0" && exec "$@"'


class SmallDisk:
    """A server that keeps its files, and the index of them, on a disk of `DISK` bytes."""

    def __init__(self, folder: Path) -> None:
        self.disk = folder / "disk"
        self.disk.mkdir()
        stores = {
            "MINORI_STORES_BLOBS": f"file://{self.disk}/blobs",
            "MINORI_STORES_CATALOG": f"sqlite://{self.disk}/catalog.sqlite",
        }
        prefix = (*ALONE, ON_A_SMALL_DISK, str(self.disk))
        self.server = Server(folder / "data", environment=stores, prefix=prefix).start()
        self.headers = self.server.login()

    @property
    def free(self) -> int:
        """Bytes that are free on it, seen through the server's own eyes."""
        status = os.statvfs(f"/proc/{self.server.process.pid}/root{self.disk}")
        return status.f_bavail * status.f_frsize

    def client(self, way: Way = Way.API) -> Client:
        return Client(self.server, way, self.headers)

    def put(self, path: str, content: bytes, way: Way = Way.API) -> int:
        with self.client(way) as client:
            return client.put(path, content)

    def version(self, path: str) -> str | None:
        """The version that a path shows, whole."""
        with self.client() as client:
            content = client.get(path)
        return None if content is None else version_in(content)

    def fill(self) -> list[str]:
        """Store files, ever smaller ones, until not even the smallest fits; their paths."""
        kept = []
        numbers = count()
        for size in (MEBIBYTE, 65_536, 4096, 100):
            while self.put(path := f"/full/{next(numbers)}", content_of(path, size)) == 201:
                kept.append(path)
        return kept


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallDisk]:
    try:
        subprocess.run((*ALONE, "mount -t tmpfs tmpfs /mnt"), check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        lacking("a small disk cannot be mounted here; install util-linux and allow user namespaces")
    small = SmallDisk(tmp_path_factory.mktemp("small"))
    yield small
    small.server.close()


@pytest.fixture
def small(shared: SmallDisk) -> SmallDisk:
    """The small disk without a file."""
    with shared.client() as client:
        for entry in list(client.listing()):
            assert entry["isDirectory"] or client.delete(entry["filePath"]) == 204
    return shared


@pytest.mark.parametrize("way", list(Way))
def test_an_upload_that_does_not_fit_is_refused_and_leaves_nothing(small: SmallDisk, way: Way) -> None:
    assert small.put("/kept.bin", content_of("kept", MEBIBYTE)) == 201
    free = small.free
    assert small.put("/large.bin", bytes(TOO_LARGE), way) == 507
    assert small.free == free
    assert small.version("/large.bin") is None
    assert small.put("/next.bin", content_of("next", MEBIBYTE), way) == 201
    assert small.version("/next.bin") == "next"


@pytest.mark.parametrize("way", list(Way))
def test_a_version_that_does_not_fit_leaves_the_one_before_it(small: SmallDisk, way: Way) -> None:
    assert small.put("/a.bin", content_of("first", 2 * MEBIBYTE), way) == 201
    free = small.free
    assert small.put("/a.bin", content_of("second", TOO_LARGE), way) == 507
    assert small.free == free
    assert small.version("/a.bin") == "first"


def test_of_many_uploads_at_once_those_that_fit_are_whole(small: SmallDisk) -> None:
    told: dict[str, int] = {}

    def upload(path: str) -> None:
        told[path] = small.put(path, content_of(path, 3 * MEBIBYTE))

    uploads = [Thread(target=upload, args=(f"/{number}",)) for number in range(12)]
    for one in uploads:
        one.start()
    for one in uploads:
        one.join()
    assert set(told.values()) == {201, 507}
    assert [small.version(path) for path in told] == [path if status == 201 else None for path, status in told.items()]


def test_a_full_disk_shows_all_it_has_and_has_room_again_once_a_file_is_removed(small: SmallDisk) -> None:
    kept = small.fill()
    with small.client() as client:
        listed = [entry["filePath"] for entry in client.listing() if not entry["isDirectory"]]
        assert sorted(listed) == sorted(kept)
        assert [small.version(path) for path in kept] == kept
        assert httpx.get(f"{small.server.url}/healthz").status_code == 200
        assert client.put(kept[0], content_of("newer", 100)) == 507
        assert client.delete(kept[0]) == 204
        assert client.put("/full/again", content_of("again", MEBIBYTE // 2)) == 201
    assert [small.version(path) for path in kept] == [None, *kept[1:]]
