"""`minori` without the second that Python takes to load it: processes forked from one that has loaded it.

A process that comes from here is `minori` in all that a test can see: it has its own process id and session,
its standard streams, environment, working directory and exit code, and ends as Python ends. Only the console
script and the loading are left out; `tests/serving.py` says when they are not.
"""

import array
import atexit
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import IO, NamedTuple, NoReturn

cold = False
"""Whether nothing is forked."""

_LONGEST = 1 << 20
_PRELOADED = (
    "minori.app",
    "minori.cli.main",
    "minori.storage.filesystem.blobs",
    "minori.storage.rocksdb.entries",
    "minori.storage.sql.catalog",
    "minori.storage.sql.files",
    "uvicorn.protocols.http.httptools_impl",
    "uvloop",
)


class Ended(NamedTuple):
    """How a command ended, and what it wrote."""

    returncode: int
    stdout: str
    stderr: str


class Process:
    """A running command: what the tests use of `subprocess.Popen`."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self.returncode: int | None = None
        self.pid = self._told()

    def _told(self) -> int:
        numbers = array.array("q")
        data = self._line.recv(numbers.itemsize)
        assert data, "the process that minori is forked from is gone"
        numbers.frombytes(data)
        return numbers[0]

    def poll(self) -> int | None:
        """Its exit code if it has ended, a signal's number below zero."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code; `subprocess.TimeoutExpired` if it does not end in time."""
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("minori", timeout or 0)
        return code

    def _ended(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._line], [], [], timeout)[0]:
            self.returncode = os.waitstatus_to_exitcode(self._told())
            self._line.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, if it still runs."""
        if self.poll() is None:
            # It may have ended before that was told.
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)


def start(
    command: Sequence[str], environment: Mapping[str, str], stdout: IO[bytes], stderr: IO[bytes]
) -> "Process | subprocess.Popen[bytes]":
    """A command in a session of its own, with exactly this environment and nothing to read.

    It is forked if it begins with the console script; what runs that under something else starts as a shell
    would start it, and so does everything if `cold`.
    """
    if cold or Path(command[0]).name != "minori":
        return subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, start_new_session=True
        )
    asked = json.dumps({"words": command, "environment": dict(environment), "folder": str(Path.cwd())}).encode()
    mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        socket.send_fds(_parent(), [asked], [stdout.fileno(), stderr.fileno(), theirs.fileno()])
    return Process(mine)


def run(command: Sequence[str], environment: Mapping[str, str], seconds: float) -> Ended:
    """Run a command to its end; `subprocess.TimeoutExpired` if that does not come in time."""
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        process = start(command, environment, stdout, stderr)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            raise
        wrote = []
        for stream in stdout, stderr:
            stream.seek(0)
            wrote.append(stream.read().decode())
    return Ended(process.wait(), *wrote)


@cache
def _parent() -> socket.socket:
    """Where to ask for a process: the line to one that has loaded Minori and does nothing else."""
    mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    mine.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _LONGEST)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, __file__, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def end() -> None:
        mine.close()
        process.wait()

    atexit.register(end)
    return mine


def _serve(line: socket.socket) -> list[str]:
    """Fork a process for each that is asked for. Returns in those, with their words."""
    keepers: set[int] = set()
    while True:
        asked, given, _, _ = socket.recv_fds(line, _LONGEST, 3)
        if not asked:
            for keeper in keepers:
                os.waitpid(keeper, 0)
            os._exit(0)
        keepers -= {keeper for keeper in keepers if os.waitpid(keeper, os.WNOHANG)[0]}
        keeper = os.fork()
        if keeper:
            keepers.add(keeper)
            for descriptor in given:
                os.close(descriptor)
            continue
        line.close()
        stdout, stderr, told = given
        if child := os.fork():
            os.close(stdout)
            os.close(stderr)
            _keep(child, told)
        os.close(told)
        return _become(json.loads(asked), stdout, stderr)


def _keep(child: int, told: int) -> NoReturn:
    """Tell of the child: its id, then how it ended."""
    for number in (child, None):
        data = array.array("q", [os.waitpid(child, 0)[1] if number is None else number]).tobytes()
        try:
            os.write(told, data)
        except BrokenPipeError:  # nobody wants to know
            break
    os._exit(0)


def _become(asked: dict[str, "list[str] | dict[str, str] | str"], stdout: int, stderr: int) -> list[str]:
    os.setsid()
    for descriptor, place in (stdout, 1), (stderr, 2):
        os.dup2(descriptor, place)
        os.close(descriptor)
    words, environment, folder = asked["words"], asked["environment"], asked["folder"]
    assert isinstance(words, list)
    assert isinstance(environment, dict)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(str(folder))
    return words


def _main() -> None:
    for name in _PRELOADED:
        import_module(name)
    gc.collect()
    gc.freeze()  # or every process goes through all of it once more when it ends
    words = _serve(socket.socket(fileno=int(sys.argv[1])))
    sys.argv = words
    sys.modules["minori.cli.main"].main()


if __name__ == "__main__":
    _main()
