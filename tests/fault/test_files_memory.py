"""A file of any size passes through the server in little memory, up and down, over both ways."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fault.uploaders import Client, Way
from serving import Serve, Server

MEBIBYTE = 1024 * 1024


class Memory:
    """What a server has in memory beyond what it had at the beginning, at most: its high-water mark."""

    def __init__(self, server: Server) -> None:
        self._of = Path(f"/proc/{server.process.pid}")
        (self._of / "clear_refs").write_text("5")
        self._before = self._figure("VmRSS")

    @property
    def grown(self) -> int:
        """Bytes."""
        return self._figure("VmHWM") - self._before

    def _figure(self, name: str) -> int:
        lines = (self._of / "status").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def block(number: int) -> bytes:
    """A mebibyte that differs from the one before it."""
    return number.to_bytes(8) * (MEBIBYTE // 8)


def blocks(count: int) -> Iterator[bytes]:
    """So many of them, one at a time."""
    return (block(number) for number in range(count))


@pytest.mark.parametrize("way", list(Way))
@pytest.mark.parametrize(
    ("size", "bound"), [(128, 16), pytest.param(1024, 64, marks=pytest.mark.slow)], ids=["128 MiB", "1 GiB"]
)
def test_a_large_file_goes_up_and_down_in_little_memory(serve: Serve, way: Way, size: int, bound: int) -> None:
    server = serve(environment={"MINORI_FILES_DEVICE_FILE_BYTES": str(2048 * MEBIBYTE)})
    with Client(server, way, server.login()) as client:
        assert client.put("/small.bin", block(1)) == 201
        assert client.compare("/small.bin", [block(1)])
        memory = Memory(server)
        assert client.put("/large.bin", blocks(size), size * MEBIBYTE) == 201
        assert memory.grown < bound * MEBIBYTE
        memory = Memory(server)
        assert client.compare("/large.bin", blocks(size))
        assert memory.grown < bound * MEBIBYTE
