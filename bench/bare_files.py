"""The bare anchor of small files, a process of its own: `python -m bench.bare_files FOLDER BYTES SECONDS`.

What a file costs that is durable under its name, one at a time: written beside its place, synced, renamed,
the folder synced.
"""

import json
import os
import sys
from pathlib import Path
from time import perf_counter

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL


def files(path: str, size: int, seconds: float) -> dict[str, float]:
    """Make files of `size` bytes in a new folder: files a second, and latencies in ms.

    The folder stays: a file system that has just lost many files makes new ones slowly, for whoever comes next.
    """
    content = b"x" * size
    taken: list[float] = []
    Path(path).mkdir()
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        start = now = perf_counter()
        while now - start < seconds:
            _make(folder, str(len(taken)), content)
            before, now = now, perf_counter()
            taken.append(now - before)
    finally:
        os.close(folder)
    taken.sort()
    return {
        "rate": len(taken) / (now - start),
        "p50_ms": taken[len(taken) // 2] * 1000,
        "p99_ms": taken[len(taken) * 99 // 100] * 1000,
    }


def _make(folder: int, name: str, content: bytes) -> None:
    beside = f"{name}.new"
    file = os.open(beside, _NEW, 0o600, dir_fd=folder)
    try:
        os.write(file, content)
        os.fsync(file)
    finally:
        os.close(file)
    os.rename(beside, name, src_dir_fd=folder, dst_dir_fd=folder)
    os.fsync(folder)


if __name__ == "__main__":
    print(json.dumps(files(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))))
