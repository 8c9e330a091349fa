"""The public Python client `soracom-api`, as it comes from the package index, against a running server."""

import json
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any

import pytest
from soracom_api import ApiClient, Configuration  # type: ignore[import-untyped]  # the client brings no types
from soracom_api.apis import AuthApi, DataEntryApi, FileEntryApi, SimApi, SubscriberApi  # type: ignore[import-untyped]  # the package ships no types
from soracom_api.exceptions import ApiException, NotFoundException, UnauthorizedException  # type: ignore[import-untyped]  # the package ships no types
from soracom_api.models import AuthRequest  # type: ignore[import-untyped]  # the package ships no types

from serving import Server

# The client calls what its HTTP library has come to deprecate.
pytestmark = pytest.mark.filterwarnings("ignore:HTTPResponse.getheader:DeprecationWarning")

IMSI = "001010000000001"
SIM_ID = "8981100000000000001"
FIRST = 1_732_233_600_000
ENTRIES = 2500
WRITERS = 5
TIMES = range(FIRST, FIRST + ENTRIES)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose demo SIM sent 2,500 entries, one each millisecond from `FIRST` on."""
    with Server(tmp_path_factory.mktemp("client") / "data") as server:
        with ThreadPoolExecutor(WRITERS) as pool:
            shares = [TIMES[writer::WRITERS] for writer in range(WRITERS)]
            assert list(pool.map(lambda times: post(server, times), shares)) == [len(share) for share in shares]
        yield server


def post(server: Server, times: range) -> int:
    """Post an entry for each of the times through the HTTP door; how many were confirmed."""
    confirmed = 0
    connection = HTTPConnection(*server.door_http)
    for time in times:
        sent = {"Content-Type": "application/json", "X-Soracom-Timestamp": str(time)}
        connection.request("POST", "/", b'{"n":%d}' % (time - FIRST), sent)
        answer = connection.getresponse()
        answer.read()
        confirmed += answer.status == 201
    connection.close()
    return confirmed


@pytest.fixture(scope="module")
def client(filled: Server) -> Iterator[Any]:
    """The client, logged in with the root auth key."""
    configuration = Configuration(host=f"{filled.url}/v1")
    with ApiClient(configuration) as api:
        credentials = filled.credentials
        request = AuthRequest(auth_key_id=credentials["authKeyId"], auth_key=credentials["authKey"])
        answer = AuthApi(api).auth(auth_request=request)
        configuration.api_key = {"api_key": answer.api_key, "api_token": answer.token}
        yield api


def pages(client: Any, **query: Any) -> Iterator[list[Any]]:
    """The pages of the demo SIM's entries, by the next-key header."""
    while True:
        page, status, headers = DataEntryApi(client).get_data_entries(
            "Subscriber", IMSI, _return_http_data_only=False, **query
        )
        assert status == 200
        yield page
        key = {name.lower(): value for name, value in headers.items()}.get("x-soracom-next-key")
        if key is None:
            return
        query["last_evaluated_key"] = key


def test_it_logs_in_with_a_password_and_with_a_key(filled: Server, client: Any) -> None:
    credentials = filled.credentials
    request = AuthRequest(email=credentials["email"], password=credentials["password"])
    answer = AuthApi(ApiClient(Configuration(host=f"{filled.url}/v1"))).auth(auth_request=request)
    assert answer.operator_id == credentials["operatorId"]
    assert client.configuration.api_key["api_key"] != answer.api_key


def test_it_is_refused_without_a_login(filled: Server) -> None:
    stranger = ApiClient(Configuration(host=f"{filled.url}/v1", api_key={"api_key": "api-x", "api_token": "y"}))
    with pytest.raises(UnauthorizedException):
        DataEntryApi(stranger).get_data_entries("Subscriber", IMSI)


def test_it_gets_the_newest_ten(client: Any) -> None:
    entries = DataEntryApi(client).get_data_entries("Subscriber", IMSI)
    assert [entry.time for entry in entries] == list(TIMES[:-11:-1])
    assert (entries[0].content, entries[0].content_type) == (f'{{"n":{ENTRIES - 1}}}', "application/json")


def test_it_gets_a_range_with_both_ends(client: Any) -> None:
    entries = DataEntryApi(client).get_data_entries("Subscriber", IMSI, _from=FIRST + 5, to=FIRST + 7, sort="asc")
    assert [entry.time for entry in entries] == [FIRST + 5, FIRST + 6, FIRST + 7]


@pytest.mark.parametrize("sort", ["asc", "desc"])
@pytest.mark.parametrize("limit", [999, 2500])
def test_it_pages_through_every_entry_in_both_orders(client: Any, sort: str, limit: int) -> None:
    found = list(pages(client, sort=sort, limit=limit))
    expected = list(TIMES if sort == "asc" else reversed(TIMES))
    assert [entry.time for page in found for entry in page] == expected
    assert [len(page) for page in found] == [min(limit, 1000)] * 2 + [ENTRIES - 2 * min(limit, 1000)]


def test_it_gets_one_entry(client: Any) -> None:
    # The client knows no schema for this answer, so the bytes are read.
    answer = DataEntryApi(client).get_data_entry("Subscriber", IMSI, FIRST + 3, _preload_content=False)
    entry = json.loads(answer.data)
    assert (entry["time"], entry["content"]) == (FIRST + 3, '{"n":3}')


def test_it_deletes_one_entry(filled: Server, client: Any) -> None:
    extra = TIMES.stop + 60_000
    assert post(filled, range(extra, extra + 1)) == 1
    _, status, _ = DataEntryApi(client).delete_data_entry("Subscriber", IMSI, extra, _return_http_data_only=False)
    assert status == 204
    with pytest.raises(NotFoundException):
        DataEntryApi(client).get_data_entry("Subscriber", IMSI, extra)


def test_it_lists_the_resources_that_sent_data(client: Any) -> None:
    (resource,) = DataEntryApi(client).list_data_source_resources()
    assert (resource.resource_type, resource.resource_id) == ("Subscriber", IMSI)
    assert resource.attribute_names == ["n"]


def test_it_lists_the_subscribers(client: Any) -> None:
    (subscriber,) = SubscriberApi(client).list_subscribers()
    assert (subscriber.imsi, subscriber.sim_id) == (IMSI, SIM_ID)


def test_it_reads_a_sim_under_both_of_its_names(client: Any) -> None:
    by_imsi = SubscriberApi(client).get_data_from_subscriber(IMSI, limit=3)
    by_sim_id = SimApi(client).get_data_from_sim(SIM_ID, limit=3)
    assert [entry.time for entry in by_imsi] == [entry.time for entry in by_sim_id] == list(TIMES[:-4:-1])


FILES = {
    "logs/one.txt": b"1",
    "/logs/two words.txt": b"22",
    "logs/deeper/3+4=7&c.bin": bytes(range(256)),
    "logs/deeper/カメラ.jpg": b"",
    "logs/~~tilde": b"~",
    "top": b"at the root",
}


@pytest.fixture(scope="module")
def files(client: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The client's files, which it has put."""
    api = FileEntryApi(client)
    for path, content in FILES.items():
        for status in (201, 200):
            local = tmp_path_factory.mktemp("put") / "file"
            local.write_bytes(content)
            with local.open("rb") as body:
                _, answered, _ = api.put_file(path, body, _content_type="text/x", _return_http_data_only=False)
            assert answered == status
    return api


def file_pages(call: Any, *where: str, **query: Any) -> Iterator[Any]:
    """The entries on the pages of a list, by the next-key header."""
    while True:
        page, status, headers = call(*where, _return_http_data_only=False, **query)
        assert status == 200
        assert len(page) <= int(query["limit"])
        yield from page
        key = {name.lower(): value for name, value in headers.items()}.get("x-soracom-next-key")
        if key is None:
            return
        query["last_evaluated_key"] = key


@pytest.mark.parametrize("limit", ["2", "1", "100"])
def test_it_lists_files_with_pages_of_any_size(files: Any, limit: str) -> None:
    root = [entry.filename for entry in file_pages(files.list_files, "private", "/", limit=limit)]
    logs = list(file_pages(files.list_files, "private", "/logs", limit=limit))
    assert root == ["logs/", "top"]
    assert [entry.filename for entry in logs] == ["deeper/", "one.txt", "two words.txt", "~~tilde"]
    assert [entry.is_directory for entry in logs] == [True, False, False, False]
    assert [entry.get("content_length") for entry in logs] == [None, 1, 2, 1]


@pytest.mark.parametrize("limit", ["2", "1", "100"])
def test_it_finds_files_at_any_depth_with_pages_of_any_size(files: Any, limit: str) -> None:
    found = list(file_pages(files.find_files, "private", prefix="/logs/deeper", limit=limit))
    assert [entry.file_path for entry in found] == [
        "/logs/deeper/",
        "/logs/deeper/3+4=7&c.bin",
        "/logs/deeper/カメラ.jpg",
    ]


@pytest.mark.parametrize("path", FILES)
def test_it_gets_a_file_as_it_was(files: Any, path: str) -> None:
    answer = files.get_file(path, _preload_content=False)
    assert (answer.status, answer.data) == (200, FILES[path])


@pytest.mark.parametrize("path", FILES)
def test_it_gets_the_metadata_of_a_file(files: Any, path: str) -> None:
    # It expects JSON in the answer to HEAD, so the headers are read.
    answer = files.get_file_metadata(path, _preload_content=False)
    assert (answer.status, answer.data) == (200, b"")
    assert answer.headers["content-length"] == str(len(FILES[path]))
    assert answer.headers["content-type"] == "text/x"
    (entry,) = files.find_files("private", prefix="/" + path.lstrip("/"))
    assert answer.headers["etag"] == f'"{entry.etag}"'


def test_it_deletes_files_and_directories(files: Any) -> None:
    with tempfile.TemporaryFile() as body:
        files.put_file("gone/soon", body, _content_type="text/x")
    with pytest.raises(ApiException) as refused:
        files.delete_directory("gone")
    assert refused.value.status == 400
    files.delete_file("gone/soon")
    files.delete_directory("gone")
    for call, path in (
        (files.delete_file, "gone/soon"),
        (files.delete_directory, "gone"),
        (files.get_file, "gone/soon"),
    ):
        with pytest.raises(NotFoundException):
            call(path)
