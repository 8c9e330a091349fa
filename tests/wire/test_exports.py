"""Exports and statistics over the API: begun, polled, fetched without a login, and counted."""

import csv
import io
import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from soracom_api import ApiClient, Configuration  # type: ignore[import-untyped]  # the client brings no types
from soracom_api.apis import FilesApi  # type: ignore[import-untyped]  # the client brings no types

from serving import Server
from wire.asking import Put, Reply, ask, connect, head, read

IMSI = "001010000000001"
SECONDS = 20
ALL_TIME = "from=0&to=253402300799"

Post = Callable[..., Reply]


@pytest.fixture
def post(server: Server, headers: dict[str, str]) -> Post:
    """POST to a path below `/v1`; keywords are members of the body."""

    def post(target: str, body: bytes | None = None, **members: Any) -> Reply:
        return ask(server, "POST", f"/v1{target}", headers, body if body is not None else json.dumps(members).encode())

    return post


def fetched(server: Server, reply: Reply) -> bytes:
    """The file that the `url` of an answer leads to, for somebody without a login."""
    assert reply.status == 200, reply.body
    url = urlsplit(reply.json["url"])
    assert (url.scheme, url.netloc) == ("http", "api.soracom.io")
    file = ask(server, "GET", f"{url.path}")
    assert file.status == 200
    return file.body


def lines(file: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(file.decode("utf-8-sig"), newline="")))


def told(reply: Reply, status: int) -> str:
    assert (reply.status, reply.headers["content-type"]) == (status, "application/json")
    assert set(reply.json) == {"code", "message"}
    message: str = reply.json["message"]
    return message


def test_a_synchronous_export_answers_with_a_link_to_the_file(
    server: Server, post: Post, put: Put, camera: str
) -> None:
    for at in (3, 1, 2):
        put(camera, at, b'{"n":%d}' % at)
    reply = post("/data/exports", resourceType="SoraCam", resourceId=camera, **{"from": 2, "to": 3})
    assert list(reply.json) == ["url"]
    entries = [json.loads(line) for line in fetched(server, reply).splitlines()]
    assert entries == [
        {
            "resourceType": "SoraCam",
            "resourceId": camera,
            "time": at,
            "contentType": "application/json",
            "content": f'{{"n":{at}}}',
        }
        for at in (2, 3)
    ]


def test_the_file_is_served_under_its_name_and_type(server: Server, post: Post, camera: str) -> None:
    reply = post("/data/exports", resourceType="SoraCam", resourceId=camera, format="csv")
    file = ask(server, "HEAD", urlsplit(reply.json["url"]).path)
    assert file.headers["content-type"] == "text/csv; charset=utf-8"
    assert 'filename="harvest-data-' in file.headers["content-disposition"]
    assert file.headers["content-disposition"].startswith("attachment")


def test_an_asynchronous_export_is_polled_under_the_path_it_gave(
    server: Server, post: Post, put: Put, camera: str, headers: dict[str, str]
) -> None:
    put(camera, 5)
    reply = post("/data/exports?export_mode=async", resourceType="SoraCam", resourceId=camera)
    assert reply.status == 200
    export_id = reply.json["exportedFileId"]
    assert reply.json == {"exportedFileId": export_id, "exportedFilePath": f"//files/exported/{export_id}"}
    for path in (f"/v1{reply.json['exportedFilePath']}", f"/v1/files/exported/{export_id}"):
        answer = polled(server, headers, path)
        assert set(answer.json) == {"status", "exportedEntries", "url"}
        assert answer.json["exportedEntries"] == 1
        assert len(fetched(server, answer).splitlines()) == 1


def polled(server: Server, headers: dict[str, str], path: str) -> Reply:
    """The answer once the export is over."""
    until = time.monotonic() + SECONDS
    while True:
        reply = ask(server, "GET", path, headers)
        assert reply.status == 200
        if reply.json["status"] != "processing":
            assert reply.json["status"] == "exported"
            return reply
        assert time.monotonic() < until


@pytest.mark.parametrize(
    ("host", "front"),
    [
        ("minori.example", "http://minori.example/downloads/"),
        ("127.0.0.1:8080", "http://127.0.0.1:8080/downloads/"),
        ("[::1]:8080", "http://[::1]:8080/downloads/"),
        ('evil"><script>', "/downloads/"),
        ("user@elsewhere", "/downloads/"),
    ],
)
def test_the_url_is_under_the_name_that_the_client_has_for_the_server(
    server: Server, headers: dict[str, str], camera: str, host: str, front: str
) -> None:
    body = json.dumps({"resourceType": "SoraCam", "resourceId": camera}).encode()
    reply = ask(server, "POST", "/v1/data/exports", headers | {"Host": host}, body)
    assert reply.json["url"].startswith(front)


def test_without_a_name_the_url_is_a_path(server: Server, headers: dict[str, str]) -> None:
    request = head("POST", "/v1/subscribers/export", headers, b"").replace(b"HTTP/1.1", b"HTTP/1.0")
    with connect(server.api) as connection:
        connection.sendall(request.replace(b"Host: api.soracom.io\r\n", b""))
        assert read(connection).json["url"].startswith("/downloads/")


@pytest.mark.parametrize("written", ["csv", "jsonl", "parquet"])
def test_every_format_can_be_had_with_columns(server: Server, post: Post, put: Put, camera: str, written: str) -> None:
    put(camera, 1, b'{"t":21.50,"gps":{"lat":1}}')
    put(camera, 2, b"text", "text/plain")
    file = fetched(
        server, post("/data/exports", resourceType="SoraCam", resourceId=camera, format=written, columns=True)
    )
    if written == "csv":
        assert [line[2:] for line in lines(file)] == [
            ["time", "contentType", "content", "category", "gps.lat", "t"],
            ["1", "application/json", "", "", "1", "21.50"],
            ["2", "text/plain", "text", "", "", ""],
        ]
    elif written == "jsonl":
        assert [json.loads(line)["content"] for line in file.splitlines()] == [{"t": 21.5, "gps": {"lat": 1}}, "text"]
    else:
        assert (file[:4], file[-4:]) == (b"PAR1", b"PAR1")


@pytest.mark.parametrize(
    ("target", "body", "says"),
    [
        ("/data/exports", b'{"resource":"x"}', "mean nothing here: resource;"),
        ("/data/exports", b'{"format":"xml"}', "format must be one of"),
        ("/data/exports", b"[", "not valid JSON"),
        ("/data/exports?export_mode=later", b"{}", "export_mode must be sync or async"),
        ("/subscribers/export?export_mode=later", b"", "export_mode must be sync or async"),
    ],
)
def test_what_cannot_be_exported_is_refused_with_a_reason(post: Post, target: str, body: bytes, says: str) -> None:
    assert says in told(post(target, body), 400)


def test_a_body_that_is_too_large_is_refused(post: Post) -> None:
    told(post("/data/exports", b" " * 20_000), 413)


def test_an_export_needs_a_login_and_a_post(server: Server, headers: dict[str, str]) -> None:
    told(ask(server, "POST", "/v1/data/exports", body=b"{}"), 401)
    reply = ask(server, "GET", "/v1/data/exports", headers)
    assert (reply.status, reply.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("export_id", ["fe_0f8fad5b-d9cb-469f-a165-70867728950e", "x", "%C3%A9"])
def test_an_unknown_export_is_not_found(server: Server, headers: dict[str, str], export_id: str) -> None:
    assert "no such export" in told(ask(server, "GET", f"/v1/files/exported/{export_id}", headers), 404)


def test_subscribers_are_exported(own_server: Server) -> None:
    reply = ask(own_server, "POST", "/v1/subscribers/export", own_server.login(), b"")
    header, *rest = lines(fetched(own_server, reply))
    assert header[:6] == ["imsi", "simId", "operatorId", "status", "groupId", "groupName"]
    assert [(line[0], line[5]) for line in rest] == [(IMSI, "demo")]


@pytest.mark.parametrize("service", ["air", "beam", "funk", "funnel"])
def test_statistics_of_what_is_not_done_here_are_a_header(server: Server, post: Post, service: str) -> None:
    target = f"/stats/{service}/operators/{server.credentials['operatorId']}/export"
    table = lines(fetched(server, post(target, period="day", **{"from": 1, "to": 2})))
    assert [line[:2] for line in table] == [["imsi", "date"]]


@pytest.mark.parametrize("service", ["harvest", "air"])
def test_statistics_are_the_operators_own(server: Server, headers: dict[str, str], post: Post, service: str) -> None:
    assert "no such operator" in told(
        post(f"/stats/{service}/operators/OP0000000000/export", **{"from": 1, "to": 2}), 404
    )
    assert "from and to" in told(post(f"/stats/{service}/operators/{server.credentials['operatorId']}/export"), 400)
    told(ask(server, "GET", "/v1/stats/harvest/operators/OP0000000000", headers), 404)


@pytest.mark.parametrize("target", ["/bills/202411/export", "/bills/latest/export", "/payment_statements/1/export"])
def test_there_are_no_bills(post: Post, target: str) -> None:
    assert "no bills" in told(post(target), 404)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("", "period must be one of month, day, minutes"),
        ("?period=year&from=1&to=2", "period must be one of"),
        ("?period=day&to=2", "must hold from"),
        ("?period=day&from=1&to=x", "to must be a whole number"),
        ("?period=day&from=2&to=1", "from must not be after to"),
        ("?period=day&from=1732233600000&to=1732233600001", "seconds, not milliseconds"),
        ("?period=minutes&from=0&to=9999999", "at most 32 days"),
    ],
)
def test_statistics_that_make_no_sense_are_refused(
    server: Server, headers: dict[str, str], query: str, says: str
) -> None:
    assert says in told(ask(server, "GET", f"/v1/stats/harvest/subscribers/{IMSI}{query}", headers), 400)


def test_an_unknown_subscriber_never_wrote(server: Server, headers: dict[str, str]) -> None:
    reply = ask(server, "GET", f"/v1/stats/harvest/subscribers/{uuid4().hex}?period=day&{ALL_TIME}", headers)
    assert (reply.status, reply.body) == (200, b"[]")


@pytest.mark.parametrize("month", ["2024", "202413", "202400", "2024-11", "x"])
def test_a_month_is_six_digits(server: Server, headers: dict[str, str], month: str) -> None:
    operator = server.credentials["operatorId"]
    target = f"/v1/stats/harvest/operators/{operator}?year_month={month}"
    assert "year_month must be" in told(ask(server, "GET", target, headers), 400)


def test_writes_and_exported_bytes_are_counted_across_restarts(own_server: Server) -> None:
    server = own_server
    operator = server.credentials["operatorId"]
    exported = 0
    for turn in (1, 2):
        for _ in range(3):
            with connect(server.door_http) as door:
                door.sendall(head("POST", "/", {"X-Soracom-Timestamp": "1732233600000"}, b'{"n":1}'))
                assert read(door).status == 201
        headers = server.login()
        for period in ("month", "day"):
            reply = ask(server, "GET", f"/v1/stats/harvest/subscribers/{IMSI}?period={period}&{ALL_TIME}", headers)
            assert counted(reply) == 3 * turn
        body = b'{"from":0,"to":253402300799,"period":"month"}'
        table = lines(
            fetched(server, ask(server, "POST", f"/v1/stats/harvest/operators/{operator}/export", headers, body))
        )
        assert table[0] == ["imsi", "date", "soracomHarvestType", "count"]
        assert {(line[0], line[2]) for line in table[1:]} == {(IMSI, "write")}
        assert sum(int(line[3]) for line in table[1:]) == 3 * turn
        exported += len(fetched(server, ask(server, "POST", "/v1/data/exports", headers, b"")))
        told_bytes = ask(server, "GET", f"/v1/stats/harvest/operators/{operator}", headers).json
        assert (len(told_bytes["yearMonth"]), told_bytes["exportedBytes"]) == (6, exported)
        server.restart()


def counted(reply: Reply) -> int:
    assert reply.status == 200
    assert all(set(each["harvestStatsMap"]) == {"write"} for each in reply.json)
    return sum(each["harvestStatsMap"]["write"]["count"] for each in reply.json)


@pytest.fixture
def client(server: Server, headers: dict[str, str]) -> Iterator[Any]:
    configuration = Configuration(host=f"{server.url}/v1")
    with ApiClient(configuration) as api:
        for name, value in headers.items():
            api.set_default_header(name, value)
        yield FilesApi(api)


@pytest.mark.filterwarnings("ignore:HTTPResponse.getheader:DeprecationWarning")
def test_the_public_client_polls_an_export(post: Post, client: Any) -> None:
    export_id = post("/subscribers/export?export_mode=async", b"").json["exportedFileId"]
    until = time.monotonic() + SECONDS
    while (answer := client.get_exported_file(export_id)).status == "processing":
        assert time.monotonic() < until
    assert answer.status == "exported"
    assert answer.url.startswith("http://127.0.0.1:")
