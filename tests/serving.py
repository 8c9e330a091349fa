"""A real `minori serve` as a process: what every test that needs a running server starts."""

import json
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import IO, Protocol, Self

import httpx

import warm

Address = tuple[str, int]

LISTENERS = ("api", "door-http", "door-stream", "door-unified")
READY_SECONDS = 60
STOP_SECONDS = 15
STDERR_TAIL = 8000
MINORI = str(Path(sys.executable).with_name("minori"))
"""The console script."""


def bare_environment() -> dict[str, str]:
    """This process's environment without any setting of Minori's."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MINORI_")}


def minori(*words: str, seconds: float = 60, **environment: str) -> warm.Ended:
    """Run `minori WORDS` to its end, with these settings in its environment and no others."""
    return warm.run([MINORI, *words], bare_environment() | environment, seconds)


class Server:
    """One server process on free ports of 127.0.0.1.

    `flags` go behind those set here, so a flag given twice has the test's value. `environment` is added
    to this process's, from which every `MINORI_…` is taken out. `prefix` is a command to run the server
    under (`("strace", "-f", …)`); signals go to the whole process group, the wrapper included. Without one the process
    is forked from one that has loaded Minori (`tests/warm.py`), unless pytest is told `--cold`.

    With a certificate among the flags the API speaks HTTPS, and `trust` is what `login` checks it by.

    `data_dir` outlives the process: `restart()` comes back with the same data, on other ports.
    """

    api: Address
    door_http: Address
    door_stream: Address
    door_unified: Address
    door_https: Address
    scheme: str
    trust: ssl.SSLContext | bool = True
    credentials: dict[str, str]
    process: "subprocess.Popen[bytes] | warm.Process"

    def __init__(
        self,
        data_dir: Path,
        *flags: str,
        demo: bool = True,
        environment: Mapping[str, str] | None = None,
        prefix: Sequence[str] = (),
    ) -> None:
        self.data_dir = data_dir
        self.stderr_path = data_dir.with_name(f"{data_dir.name}.stderr")
        self.stdout: list[str] = []
        self._environment = {**bare_environment(), **(environment or {})}
        self._command = [*prefix, MINORI, "serve", "--data-dir", str(data_dir)]
        for listener in LISTENERS:
            self._command += [f"--{listener}", "127.0.0.1:0"]
        if demo:
            self._command.append("--demo")
        self._command += flags

    @property
    def url(self) -> str:
        """Where the API is, without a path: `http://127.0.0.1:PORT`."""
        return f"{self.scheme}://{self.api[0]}:{self.api[1]}"

    @property
    def stderr(self) -> str:
        """The log of every run so far."""
        return self.stderr_path.read_text(errors="replace") if self.stderr_path.exists() else ""

    def start(self) -> Self:
        """Start, and return once the ready line is out; `AssertionError` with the log if it never comes."""
        self.stdout = []
        read, write = os.pipe()
        with self.stderr_path.open("ab") as stderr, os.fdopen(write, "wb") as stdout:
            self.process = warm.start(self._command, self._environment, stdout, stderr)
        told = Event()
        self._reader = Thread(target=self._read, args=(os.fdopen(read, "rb"), told), daemon=True)
        self._reader.start()
        if not told.wait(READY_SECONDS) or not self._take_addresses():
            self.kill()
            raise AssertionError(f"minori serve did not get ready; it wrote:\n{''.join(self.stdout)}\n{self.stderr}")
        self.credentials = json.loads((self.data_dir / "root-credentials.json").read_bytes())
        return self

    def _read(self, stdout: IO[bytes], told: Event) -> None:
        with stdout:
            for line in stdout:
                self.stdout.append(line.decode())
                if line.startswith(b"minori ready "):
                    told.set()
        told.set()

    def _take_addresses(self) -> bool:
        ready = [line for line in self.stdout if line.startswith("minori ready ")]
        if not ready:
            return False
        told = dict(word.split("=", 1) for word in ready[0].split()[2:])
        self.scheme = told["api"].partition("://")[0]
        for listener in (*LISTENERS, *({"door-https"} & told.keys())):
            host, _, port = told[listener].removeprefix(f"{self.scheme}://").rpartition(":")
            setattr(self, listener.replace("-", "_"), (host, int(port)))
        return True

    def stop(self) -> int:
        """SIGTERM, and the exit code; `AssertionError` with the log if it does not stop in time."""
        self._signal(signal.SIGTERM)
        try:
            code = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(
                f"minori serve ignored SIGTERM for {STOP_SECONDS} s; it wrote:\n{self.stderr}"
            ) from None
        self._reader.join()
        return code

    def kill(self) -> None:
        """SIGKILL, as a power switch does to a process."""
        self._signal(signal.SIGKILL)
        self.process.wait()
        self._reader.join()

    def restart(self) -> Self:
        """Stop if still running, and start on the same data."""
        self.close()
        return self.start()

    def close(self) -> None:
        """Stop, unless the test did."""
        if self.process.poll() is None:
            self.stop()

    def _signal(self, number: signal.Signals) -> None:
        if self.process.poll() is None:
            # It may have ended since, or before its end was told.
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)

    def login(self) -> dict[str, str]:
        """The two headers of every API call, from a login with the root auth key."""
        body = {name: self.credentials[name] for name in ("authKeyId", "authKey")}
        answer = httpx.post(f"{self.url}/v1/auth", json=body, timeout=30, verify=self.trust).raise_for_status().json()
        return {"X-Soracom-API-Key": answer["apiKey"], "X-Soracom-Token": answer["token"]}

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class Serve(Protocol):
    """What the fixture `serve` is: it starts a server of the test's own, which is stopped after the test."""

    def __call__(
        self,
        *flags: str,
        demo: bool = True,
        environment: Mapping[str, str] | None = None,
        prefix: Sequence[str] = (),
        data_dir: Path | None = None,
    ) -> Server: ...
