"""The public Python client `soracom-lib`, as it comes from the package index, against a running server."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from soracomlib import soracom_harvest_files as client  # type: ignore[import-untyped]  # the client brings no types

from serving import Server

CONTENTS = {
    "/top.txt": b"at the root",
    "/nested/a.txt": b"a",
    "/nested/b c.txt": b"b c",
    "/nested/c+d&e=f@g$h,i;j.txt": b"marks",
    "/nested/deeper/still/100%.bin": bytes(range(256)),
    "/nested/deeper/~~tilde": b"looks like a cursor",
    "/nested/deeper/カメラ 1.jpg": b"\xff\xd8 a camera",
    "/nested/empty": b"",
}
MISSPELT = "nested//deeper/~~tilde"

Login = tuple[Server, dict[str, str]]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Login]:
    """A server whose files the client has uploaded, and the client's login."""
    with Server(tmp_path_factory.mktemp("lib") / "data") as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "API_BASE", f"{server.url}/v1")
        keys = client.AuthInfo(api_key=server.credentials["authKeyId"], api_token=server.credentials["authKey"])
        token = client.authenticate(keys)
        for number, (path, content) in enumerate(CONTENTS.items()):
            local = tmp_path_factory.mktemp("local") / f"{number}.txt"
            local.write_bytes(content)
            # It takes the documented 201 for a failure.
            assert client.upload_file_to_soracom(str(local), path, token) is False
            assert client.upload_file_to_soracom(str(local), path, token) is True
        yield server, token


def paths(entries: list[Any]) -> set[str]:
    return {entry.path for entry in entries}


@pytest.mark.parametrize("page_size", [2, 1, 100])
@pytest.mark.parametrize("root", ["", "/"])
def test_it_lists_every_file_at_any_depth_with_pages_of_any_size(filled: Login, root: str, page_size: int) -> None:
    _, token = filled
    found = client.list_files_iterative(root, token, page_size=page_size)
    assert paths(found) == set(CONTENTS)
    assert len(found) == len(CONTENTS)


@pytest.mark.parametrize("base", ["nested/deeper/", "/nested/deeper/", "nested//deeper/"])
def test_it_lists_below_a_directory(filled: Login, base: str) -> None:
    _, token = filled
    found = client.list_files_iterative(base, token, page_size=2)
    expected = {path for path in CONTENTS if path.startswith("/nested/deeper/")}
    assert {path.replace("//", "/").lstrip("/") for path in paths(found)} == {path[1:] for path in expected}


def test_it_reads_the_time_of_each_file(filled: Login) -> None:
    _, token = filled
    start = datetime.now(UTC)
    found = client.list_files_iterative("", token)
    assert all(entry.last_modified is not None and entry.last_modified <= start for entry in found)
    assert client.list_files_iterative("", token, start_time=start) == []
    assert len(client.list_files_iterative("", token, end_time=start)) == len(CONTENTS)


@pytest.mark.parametrize("path", [*CONTENTS, *[path[1:] for path in CONTENTS], MISSPELT])
def test_it_downloads_every_file_as_it_was(filled: Login, tmp_path: Path, path: str) -> None:
    _, token = filled
    local = tmp_path / "downloaded"
    assert client.download_and_save(path, str(local), token)
    assert local.read_bytes() == CONTENTS["/" + path.replace("//", "/").lstrip("/")]


def test_it_is_told_of_a_file_that_is_not_there(filled: Login, tmp_path: Path) -> None:
    _, token = filled
    assert not client.download_and_save("/none", str(tmp_path / "downloaded"), token)
    assert client.list_files_iterative("/none/", token) == []


def test_it_deletes_a_file_and_then_its_directory(filled: Login, tmp_path: Path) -> None:
    server, token = filled
    local = tmp_path / "a"
    local.write_bytes(b"x")
    client.upload_file_to_soracom(str(local), "/gone/soon", token)
    directory = f"{server.url}/v1/files/private/gone/"
    assert client.delete_with_auth(directory, token) is None
    assert client.delete_with_auth(f"{directory}soon", token).status_code == 204
    assert client.delete_with_auth(directory, token).status_code == 204
    assert client.get_with_auth(directory, token) is None
