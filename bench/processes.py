"""Child processes on a core of their own, ended when their block ends and never otherwise."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import which
from time import monotonic, sleep
from typing import Any

from bench.errors import BenchError

ROOT = Path(__file__).parent.parent
_STOP_SECONDS = 15.0
_COMPILE_SECONDS = 60.0
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def cores() -> tuple[int, int]:
    """The core of what is measured and the core of the load."""
    first, *others = sorted(os.sched_getaffinity(0))
    if not others:
        raise BenchError("The benchmark needs two cores, one to measure and one for the load; only one is usable")
    return first, others[0]


def need(program: str, package: str) -> str:
    """The path of a program that is not part of Minori, or an error that names its Debian package."""
    path = which(program) or which(program, path="/usr/sbin:/usr/local/sbin")
    if path is None:
        raise BenchError(f"{program} is missing; on Debian: apt-get install {package}")
    return path


def pinned(core: int | None, argv: Sequence[str]) -> list[str]:
    """The command line that runs `argv` on one core, or on any for `None`, under its own process id."""
    if core is None:
        return [*argv]
    return [need("taskset", "util-linux"), "--cpu-list", str(core), *argv]


@contextmanager
def running(
    core: int, argv: Sequence[str], log: Path, settings: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process on `core` for as long as the block runs; its standard error goes to the file `log`.

    Of Minori's settings in the environment it sees `settings` and no others, and of Python's none, so that
    it runs as it would elsewhere.
    """
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MINORI_", "PYTHON"))} | dict(
        settings or {}
    )
    with log.open("wb") as errors:
        process = subprocess.Popen(
            pinned(core, argv),
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
    try:
        yield process
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process that `running` started: politely, then for good."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdout is not None:
        process.stdout.close()


def answer(core: int | None, argv: Sequence[str], seconds: float) -> dict[str, Any]:
    """Run a command on `core` (anywhere for `None`) to its end; the JSON object on the last line it prints.

    An end later than `seconds`, a bad exit code or anything else on that line is an error.
    """
    said = output(core, argv, seconds)
    try:
        value = json.loads(said.splitlines()[-1])
    except (IndexError, ValueError) as error:
        raise BenchError(f"{' '.join(argv[:3])} gave no figures: {said.splitlines()[-5:]}") from error
    if not isinstance(value, dict):
        raise BenchError(f"{' '.join(argv[:3])} gave no figures: {said.splitlines()[-5:]}")
    return value


def output(core: int | None, argv: Sequence[str], seconds: float) -> str:
    """Run a command on `core` (anywhere for `None`) to its end; what it prints.

    Its standard error is ours, so its progress is seen. An end later than `seconds`, or a bad exit code, is an error.
    """
    try:
        done = subprocess.run(
            pinned(core, argv), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"{argv[0]} did not end within {seconds:.0f} seconds") from error
    said = done.stdout.decode(errors="replace")
    if done.returncode != 0:
        raise BenchError(f"{' '.join(argv[:3])} ended with exit code {done.returncode}: {said.splitlines()[-5:]}")
    return said


def compiled(source: str, work: Path) -> Path:
    """The program that a C source of the benchmark becomes, in `work`; it is compiled once."""
    program = work / Path(source).stem
    if not program.exists():
        output(None, [need("cc", "gcc"), "-O2", "-o", str(program), str(ROOT / "bench" / source)], _COMPILE_SECONDS)
    return program


def resident_bytes(pid: int) -> int:
    """The resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE


def forget_peak(pid: int) -> None:
    """Let the peak of a process's resident memory begin anew, at what it is now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak_bytes(pid: int) -> int:
    """The most resident memory that a process has had since it began, or since `forget_peak`."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def settle(pid: int, limit: float) -> bool:
    """Wait until a process and its children are nearly idle (below 3 % of a core for 0.4 s), at most `limit` seconds.

    Otherwise what they still do in the background would count against the next anchor.
    """
    until = monotonic() + limit
    while monotonic() < until:
        before = _family_seconds(pid)
        sleep(0.4)
        if _family_seconds(pid) - before < 0.012 + 1 / _TICKS:
            return True
    return False


def cpu_seconds(pid: int) -> float:
    """The processor time that a process has used, in all its threads, to a hundredth of a second."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _family_seconds(pid: int) -> float:
    used = cpu_seconds(pid)
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with suppress(FileNotFoundError, ProcessLookupError):
            used += cpu_seconds(int(child))
    return used


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log, for an error message."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
