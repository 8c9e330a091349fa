"""What the figures were measured on: hardware and versions, without names or paths."""

import os
import platform
import re
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from time import sleep

from bench.peers import found
from bench.processes import need

_BUSY_SECONDS = 2.0
_LIBRARIES = ("uvloop", "httptools", "uvicorn", "msgspec", "rocksdict")


def describe(work: Path) -> dict[str, str]:
    """Kind of thing → what it is, in the order it is told. `work` is where data was written."""
    return {
        "processor": f"{_cpu_model()}, {os.cpu_count()} cores",
        "memory": f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release().partition('-')[0]}",
        "other work before the run": f"{_busy():.0%} of all cores",
        "file system": _file_system(work.resolve()),
        "Python": platform.python_version(),
        "nginx": _first(r"nginx/(\S+)", need("nginx", "nginx-light"), "-v"),
        "wrk": _first(r"wrk (?:debian/)?(\S+)", need("wrk", "wrk"), "-v"),
        "peers": ", ".join(_peers()) or "none",
        "Minori": version("minori"),
        "libraries": ", ".join(f"{name} {version(name)}" for name in _LIBRARIES),
    }


def _cpu_model() -> str:
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _peers() -> Iterator[str]:
    if found("victoria-metrics"):
        # The distribution's does not know its version.
        yield "VictoriaMetrics"
    for name, program, asked, pattern in (
        ("PostgreSQL", "postgres", "--version", r"PostgreSQL\) (\S+)"),
        ("InfluxDB", "influxd", "version", r"InfluxDB v(\S+)"),
    ):
        if path := found(program):
            yield f"{name} {_first(pattern, path, asked)}"


def _busy() -> float:
    """The share of all cores that others use."""
    idle_before, all_before = _ticks()
    sleep(_BUSY_SECONDS)
    idle, everything = _ticks()
    return 1 - (idle - idle_before) / max(1, everything - all_before)


def _ticks() -> tuple[int, int]:
    ticks = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return ticks[3] + ticks[4], sum(ticks)


def _file_system(path: Path) -> str:
    """The type of the file system that `path` is on: the one mounted nearest to it."""
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    holding = [(len(place), kind) for place, kind in mounts if path.is_relative_to(place)]
    return max(holding)[1]


def _first(pattern: str, *command: str) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    found = re.search(pattern, done.stdout)
    return found[1] if found else "unknown"
