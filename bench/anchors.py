"""The anchors: nginx with one worker, a bare log, bare files and bare loops, on the core where Minori is measured."""

import os
import pwd
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from select import select
from time import monotonic, sleep

from bench.errors import BenchError
from bench.figures import Reading
from bench.processes import answer, compiled, need, running, tail

_PATIENCE = 10.0

_NGINX = """
daemon off;
worker_processes 1;
pid {work}/nginx.pid;
error_log stderr warn;
{user}
events {{ worker_connections 2048; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000000;
  client_body_temp_path {work}/body;
  proxy_temp_path {work}/proxy;
  fastcgi_temp_path {work}/fastcgi;
  uwsgi_temp_path {work}/uwsgi;
  scgi_temp_path {work}/scgi;
  default_type application/json;
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    root {work}/www;
    location = / {{ return 201; }}
    location /put/ {{
      dav_methods PUT DELETE;
      create_full_put_path on;
      client_max_body_size 0;
    }}
    location /put/buffered/ {{
      dav_methods PUT DELETE;
      create_full_put_path on;
      client_max_body_size 0;
      client_body_buffer_size 1m;
    }}
  }}
}}
"""


@contextmanager
def nginx(core: int, work: Path) -> Iterator[str]:
    """An nginx that answers `POST /` with 201, serves the files of `work`/www and takes more in below `/put/`; its
    address.

    A body goes to a file beside them, which is renamed; nginx syncs nothing. Below `/put/buffered/` it goes there
    through a larger buffer than nginx's own of 16 KiB.
    """
    program = need("nginx", "nginx-light")
    port = free_port()
    (work / "www").mkdir()
    user = f"user {pwd.getpwuid(0).pw_name};" if os.geteuid() == 0 else ""
    settings = work / "nginx.conf"
    settings.write_text(_NGINX.format(work=work, port=port, user=user))
    log = work / "nginx.log"
    with running(core, [program, "-p", str(work), "-c", str(settings)], log) as process:
        wait_for(process, port, "nginx", log)
        yield f"127.0.0.1:{port}"


@contextmanager
def bare_loop(core: int, kind: str, work: Path) -> Iterator[int]:
    """A bare loop in C that answers `201` over `kind` (`tcp` or `udp`); its port."""
    log = work / f"bare-{kind}.log"
    with running(core, [str(compiled("bare_loop.c", work)), kind], log) as process:
        if process.stdout is None or not select([process.stdout], [], [], _PATIENCE)[0]:
            raise BenchError(f"The bare {kind} loop did not start: {tail(log)}")
        yield int(process.stdout.readline())


def bare_log(core: int, file: Path, seconds: int) -> Reading:
    """Appends, each synced on its own, a second, to a new `file`, which is removed."""
    command = [sys.executable, "-m", "bench.bare_log", str(file), str(seconds)]
    figures = answer(core, command, seconds + _PATIENCE)
    return Reading(figures["rate"], figures["p50_ms"], figures["p99_ms"])


def bare_files(core: int, folder: Path, size: int, seconds: int) -> Reading:
    """Files of `size` bytes a second, each written, synced, renamed and its folder synced, in a new `folder`."""
    command = [sys.executable, "-m", "bench.bare_files", str(folder), str(size), str(seconds)]
    figures = answer(core, command, seconds + _PATIENCE)
    return Reading(figures["rate"], figures["p50_ms"], figures["p99_ms"])


def free_port() -> int:
    """A port of 127.0.0.1 that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        return int(door.getsockname()[1])


def wait_for(process: subprocess.Popen[bytes], port: int, name: str, log: Path) -> None:
    """Wait until a program takes connections on a port of 127.0.0.1, but not for long."""
    until = monotonic() + _PATIENCE
    while monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except ConnectionRefusedError:
            sleep(0.02)
        else:
            return
    raise BenchError(f"{name} did not start: {tail(log)}")
