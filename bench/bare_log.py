"""The bare log, a process of its own, which appends and syncs: `python -m bench.bare_log FILE SECONDS`."""

import json
import os
import sys
from pathlib import Path
from time import perf_counter

RECORD_BYTES = 180
"""What the bare log appends at a time: about the size of the payloads that are posted."""


def log(path: str, seconds: float) -> dict[str, float]:
    """Append a record and sync it, over and over: records a second, and latencies in ms."""
    record = b"x" * RECORD_BYTES
    taken: list[float] = []
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    try:
        start = now = perf_counter()
        while now - start < seconds:
            os.write(file, record)
            os.fdatasync(file)
            before, now = now, perf_counter()
            taken.append(now - before)
    finally:
        os.close(file)
        Path(path).unlink()
    taken.sort()
    return {
        "rate": len(taken) / (now - start),
        "p50_ms": taken[len(taken) // 2] * 1000,
        "p99_ms": taken[len(taken) * 99 // 100] * 1000,
    }


if __name__ == "__main__":
    print(json.dumps(log(sys.argv[1], float(sys.argv[2]))))
