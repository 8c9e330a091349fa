"""What the system runs short of: descriptors for connections must not take those of the entry store."""

import contextlib
import socket
import sys
import time

import httpx

from serving import Serve

SECONDS = 20
FEW = 1200
"""Descriptors: what is kept for the store, and some hundred for connections."""


def test_idle_connections_leave_the_entry_store_its_descriptors(serve: Serve) -> None:
    limited = f"import os, resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, ({FEW}, {FEW})); "
    server = serve(prefix=(sys.executable, "-c", limited + "os.execv(sys.argv[1], sys.argv[1:])"))
    with contextlib.ExitStack() as stack:
        for address in (server.door_http, server.door_stream, server.door_unified, server.api):
            for _ in range(FEW // 3):
                with contextlib.suppress(OSError):
                    stack.enter_context(socket.create_connection(address, 5))
    end = time.monotonic() + SECONDS
    # The server is told of the ends of hundreds of connections one after the other.
    while (
        answer := httpx.post("http://{}:{}/".format(*server.door_http), json={"temperature": 21})
    ).status_code == 503:
        assert time.monotonic() < end
    assert answer.status_code == 201
    assert httpx.get(f"{server.url}/healthz").status_code == 200
