"""Fixtures for talking to the API: reading below `/v1`, and storing at a given time."""

from urllib.parse import quote
from uuid import uuid4

import pytest

from serving import Server
from wire.asking import Get, Put, Reply, ask
from wire.filing import Folder, folder


@pytest.fixture
def get(server: Server, headers: dict[str, str]) -> Get:
    """GET a path below `/v1`."""

    def get(target: str, **more: str) -> Reply:
        return ask(server, "GET", f"/v1{target}", headers | more)

    return get


@pytest.fixture
def put(server: Server, headers: dict[str, str]) -> Put:
    """Store an entry under a camera at a time."""

    def put(camera: str, at: int, body: bytes = b'{"n":1}', content_type: str = "application/json") -> None:
        target = f"/v1/sora_cam/devices/{quote(camera, safe='')}/data/{at}"
        reply = ask(server, "PUT", target, headers | {"Content-Type": content_type}, body)
        assert (reply.status, reply.body) == (200, b"")

    return put


@pytest.fixture
def camera() -> str:
    """A camera that no other test writes to."""
    return f"cam-{uuid4().hex}"


@pytest.fixture
def own(server: Server, headers: dict[str, str]) -> Folder:
    """A folder of files that no other test uses."""
    return folder(server, headers)
