"""The peers: VictoriaMetrics, PostgreSQL and InfluxDB 1.x, each as its distribution has it, on the core where Minori is
measured, its data beside Minori's, 64 connections, one entry a request.
"""

import json
import os
import pwd
import re
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from shutil import which
from urllib.parse import quote
from urllib.request import Request as Asked
from urllib.request import urlopen

from msgspec import Struct

from bench.anchors import free_port, wait_for
from bench.errors import BenchError
from bench.figures import Reading
from bench.load import Request, http
from bench.payload import payload
from bench.plan import Plan
from bench.processes import need, output, running, settle
from bench.rounds import Probe, say

CONNECTIONS = 64
_INITDB_SECONDS = 120.0
_GRACE_SECONDS = 30.0
_REST_SECONDS = 20.0
_POSTGRESQL = "/usr/lib/postgresql"
_RATE = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)

_INFLUXDB = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{data}/meta"
[data]
  dir = "{data}/data"
  wal-dir = "{data}/wal"
  wal-fsync-delay = "0s"
  query-log-enabled = false
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
"""

_TABLE = "create table entries (resource text, time bigint, content text, primary key (resource, time))"

# The client's number and the microsecond together come once.
_INSERT = "insert into entries values ('00101' || :client_id, extract(epoch from clock_timestamp()) * 1e6, :content);\n"


class Peer(Struct, frozen=True):
    """A peer that runs: its process, and what measures it."""

    pid: int
    probe: Probe


class Peers(Struct, frozen=True):
    """The peers that run, by their probes' names."""

    running: Mapping[str, Peer]

    @property
    def probes(self) -> dict[str, Probe]:
        """What measures them."""
        return {name: peer.probe for name, peer in self.running.items()}

    def settle(self) -> None:
        """Wait until all of them have come to rest, but no longer than a while each."""
        for peer in self.running.values():
            settle(peer.pid, _REST_SECONDS)


@contextmanager
def peers(plan: Plan, needed: AbstractSet[str], work: Path) -> Iterator[Peers]:
    """Those of the peers that are `needed` and installed; of each that is not it is said."""
    started: dict[str, Peer] = {}
    with ExitStack() as stack:
        for name, (programs, package, start) in _PEERS.items():
            if name not in needed:
                continue
            if all(found(program) for program in programs):
                (place := work / name).mkdir()
                started[name] = stack.enter_context(start(plan, place))
            else:
                say(f"{name} is not installed, so its line is left out; on Debian: apt-get install {package}")
        yield Peers(started)


@contextmanager
def _victoria_metrics(plan: Plan, work: Path) -> Iterator[Peer]:
    port, log = free_port(), work / "log"
    command = [_path("victoria-metrics"), f"-storageDataPath={work / 'data'}", f"-httpListenAddr=127.0.0.1:{port}"]
    with running(plan.core, command, log) as process:
        wait_for(process, port, "VictoriaMetrics", log)
        yield Peer(process.pid, _write(plan, f"127.0.0.1:{port}", "/write", work))


@contextmanager
def _influxdb(plan: Plan, work: Path) -> Iterator[Peer]:
    port, log, settings = free_port(), work / "log", work / "influxdb.conf"
    settings.write_text(_INFLUXDB.format(data=work / "data", port=port, rpc=free_port()))
    with running(plan.core, [_path("influxd"), "run", "-config", str(settings)], log) as process:
        wait_for(process, port, "InfluxDB", log)
        asked = Asked(f"http://127.0.0.1:{port}/query?q={quote('CREATE DATABASE bench')}", method="POST")
        with urlopen(asked, timeout=_GRACE_SECONDS):  # noqa: S310 - our own server
            pass
        yield Peer(process.pid, _write(plan, f"127.0.0.1:{port}", "/write?db=bench", work))


def _write(plan: Plan, address: str, path: str, work: Path) -> Probe:
    request = Request(address, [path], body=line(json.loads(payload())).encode())
    return lambda seconds: http(plan.load_core, request, CONNECTIONS, seconds, work)


def line(readings: Mapping[str, object]) -> str:
    """A message in the line protocol, without a time, so that each gets that of its receipt."""
    fields = (f'{name}="{value}"' if isinstance(value, str) else f"{name}={value}" for name, value in readings.items())
    return f"telemetry,imsi=001010000000001 {','.join(fields)}"


@contextmanager
def _postgresql(plan: Plan, work: Path) -> Iterator[Peer]:
    data, port, log, script = work / "data", free_port(), work / "log", work / "insert.sql"
    script.write_text(_INSERT)
    nobody = _as_nobody(data)
    made = [*nobody, _path("initdb"), "-D", str(data), "-U", "bench", "-A", "trust", "-E", "UTF8", "--locale=C"]
    output(None, made, _INITDB_SECONDS)
    settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=on", "synchronous_commit=on"]
    told = [text for setting in settings for text in ("-c", setting)]
    to = ["-h", "127.0.0.1", "-p", str(port), "-U", "bench"]
    with running(plan.core, [*nobody, _path("postgres"), "-D", str(data), "-p", str(port), *told], log) as process:
        wait_for(process, port, "PostgreSQL", log)
        output(None, [_path("psql"), *to, "-d", "postgres", "-q", "-c", _TABLE], _GRACE_SECONDS)
        command = [_path("pgbench"), *to, "-n", "-f", str(script), "-M", "prepared", "-c", str(CONNECTIONS), "-j", "1"]
        yield Peer(process.pid, _insert(plan, [*command, "-D", f"content={payload().decode()}", "postgres"]))


def _insert(plan: Plan, command: list[str]) -> Probe:
    def measured(seconds: int) -> Reading:
        said = output(plan.load_core, [*command[:-1], "-T", str(seconds), command[-1]], seconds + _GRACE_SECONDS)
        rate = _RATE.search(said)
        if rate is None:
            raise BenchError(f"pgbench gave no figures: {said.splitlines()[-5:]}")
        return Reading(float(rate[1]))

    return measured


def _as_nobody(data: Path) -> list[str]:
    """How to run a program that refuses to be run by root, and leave it its data."""
    data.mkdir(mode=0o700)
    if os.geteuid() != 0:
        return []
    user = pwd.getpwnam("nobody")
    os.chown(data, user.pw_uid, user.pw_gid)
    return [need("setpriv", "util-linux"), f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


def found(program: str) -> str | None:
    """The path of a program, also where Debian keeps those of PostgreSQL's newest version."""
    versions = sorted(Path(_POSTGRESQL).glob("*/bin"), key=lambda place: int(place.parent.name), reverse=True)
    return which(program) or next((path for place in versions if (path := which(program, path=str(place)))), None)


def _path(program: str) -> str:
    path = found(program)
    if path is None:
        raise BenchError(f"{program} is missing")
    return path


_PEERS: Mapping[str, tuple[tuple[str, ...], str, Callable[[Plan, Path], AbstractContextManager[Peer]]]] = {
    "victoria-metrics": (("victoria-metrics",), "victoria-metrics", _victoria_metrics),
    "postgresql": (("initdb", "postgres", "psql", "pgbench"), "postgresql", _postgresql),
    "influxdb": (("influxd",), "influxdb", _influxdb),
}
