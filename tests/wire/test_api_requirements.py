"""Wire requirements R1 to R29 as they touch data, one by one, over real sockets."""

import json
import re
import socket
import time
from select import select
from typing import Any
from urllib.parse import quote

import pytest

from serving import Server
from wire.asking import Get, Put, ask, connect, head, read, send, times

JSON = {"Content-Type": "application/json"}
IMSI = "001010000000001"
SIM_ID = "8981100000000000001"
TYPES = ("Subscriber", "LoraDevice", "Sim", "SigfoxDevice", "Device", "SoraCam")


def sent_just_now(get: Get, content: str) -> dict[str, Any]:
    """The demo SIM's entry with this content, from the last minute."""
    now = time.time_ns() // 1_000_000
    entries = get(f"/data/Subscriber/{IMSI}?from={now - 60_000}&to={now + 60_000}&limit=1000").json
    found: dict[str, Any] = next(entry for entry in entries if entry["content"] == content)
    return found


def test_r1_a_bare_question_mark_is_ignored(get: Get) -> None:
    assert get("/data/SoraCam/nothing-here?").body == b"[]"


@pytest.mark.parametrize("name", ["a+b", "a b", "50%", "%2B", "カメラ", "a/b", ":&=@$,", "a?b#c"])
def test_r5_a_path_is_decoded_once_as_utf_8(get: Get, put: Put, camera: str, name: str) -> None:
    put(f"{camera}{name}", 5)
    (entry,) = get(f"/data/SoraCam/{camera}{quote(name, safe='')}").json
    assert entry["resourceId"] == f"{camera}{name}"


@pytest.mark.parametrize("literal", ["+", ":", "&", "=", "@", "$", ","])
def test_r5_these_characters_may_be_literal_or_encoded(get: Get, put: Put, camera: str, literal: str) -> None:
    put(f"{camera}{literal}", 5)
    assert times(get(f"/data/SoraCam/{camera}{literal}")) == [5]


def test_r5_a_plus_in_a_query_is_a_space(get: Get, put: Put, camera: str) -> None:
    put(f"{camera} c", 5)
    following = get(f"/data/resources?resource_type=SoraCam&limit=1&last_evaluated_key={camera}+b").json
    assert following[0]["resourceId"] == f"{camera} c"


@pytest.mark.parametrize("name", ["%FF", "%00", "%C3%28", "a%00b"])
def test_r5_a_path_that_is_no_utf_8_or_holds_nul_is_refused(get: Get, name: str) -> None:
    assert get(f"/data/SoraCam/{name}").status == 400


@pytest.mark.parametrize(
    "target", ["/data/resources", "/data/metadata/resources", "/data/categories/plant", "/data/categories/a%20b%2Fc"]
)
def test_r7_fixed_words_are_routed_before_parameters(get: Get, target: str) -> None:
    assert get(target).status == 200
    assert isinstance(get(target).json, list)


@pytest.mark.parametrize(
    "target",
    [
        "/data/Subscribers/1",
        "/data/subscriber/1",
        "/data//1",
        "/data/Device/d/now",
        "/data/Device/d/1.5",
        "/data/Device/d/-1",
        "/data/Device/d/9223372036854775808",
        "/data/Device/d/99999999999999999999999999999999999999",
        "/data/Device/",
        "/data",
        "/data/metadata",
        "/data/Device/d/1/2",
    ],
)
def test_r7_an_unknown_type_or_a_bad_time_is_the_client_s_mistake(get: Get, target: str) -> None:
    reply = get(target)
    assert reply.status in (400, 404)
    assert set(reply.json) == {"code", "message"}


@pytest.mark.parametrize(
    ("alias", "kind"),
    [
        ("subscribers", "Subscriber"),
        ("sims", "Sim"),
        ("devices", "Device"),
        ("lora_devices", "LoraDevice"),
        ("sigfox_devices", "SigfoxDevice"),
    ],
)
def test_r8_the_old_paths_serve_the_same_entries(get: Get, alias: str, kind: str) -> None:
    resource_id = {"sims": SIM_ID, "subscribers": IMSI}.get(alias, "d-1")
    assert get(f"/{alias}/{resource_id}/data").body == get(f"/data/{kind}/{resource_id}").body


def test_r8_subscribers_are_listed_with_what_clients_look_for(get: Get) -> None:
    (subscriber,) = [each for each in get("/subscribers").json if each["imsi"] == IMSI]
    assert set(subscriber) >= {"imsi", "status", "createdAt", "lastModifiedAt", "tags", "sessionStatus"}
    assert isinstance(subscriber["sessionStatus"]["online"], bool)
    assert None not in subscriber.values()


def test_r13_get_and_delete_may_say_that_they_carry_nothing(server: Server, headers: dict[str, str]) -> None:
    said = headers | JSON
    assert ask(server, "GET", "/v1/data/SoraCam/none", said, b"").status == 200
    assert ask(server, "DELETE", "/v1/data/SoraCam/none/1", said, b"").status == 204


def test_r14_unknown_query_parameters_are_ignored(get: Get) -> None:
    assert get("/data/SoraCam/none?colour=green&limit=5&colour=blue&=&&x").body == b"[]"


def test_r15_a_list_is_a_compact_array_without_a_line_end(get: Get, put: Put, camera: str) -> None:
    put(camera, 5)
    reply = get(f"/data/SoraCam/{camera}")
    assert reply.headers["content-type"] == "application/json"
    assert reply.body == json.dumps(reply.json, separators=(",", ":")).encode()


@pytest.mark.parametrize("kind", TYPES)
def test_r15_no_data_is_an_empty_array(get: Get, kind: str) -> None:
    reply = get(f"/data/{kind}/never-heard-of")
    assert (reply.status, reply.body) == (200, b"[]")


def test_r16_an_entry_has_these_members_and_no_others(get: Get, put: Put, camera: str) -> None:
    put(camera, 1_732_233_600_000, b'{"t": 21.0}')
    expected = {
        "resourceType": "SoraCam",
        "resourceId": camera,
        "time": 1_732_233_600_000,
        "contentType": "application/json",
        "content": '{"t": 21.0}',
    }
    assert get(f"/data/SoraCam/{camera}").json == [expected]
    assert get(f"/data/SoraCam/{camera}/1732233600000").json == expected


def test_r16_a_time_is_an_integer_in_the_text_too(get: Get, put: Put, camera: str) -> None:
    put(camera, 2**63 - 1)
    assert b'"time":9223372036854775807,' in get(f"/data/SoraCam/{camera}").body


@pytest.mark.parametrize(
    ("declared", "body", "content_type"),
    [
        ("application/json", b'{"a":1}', "application/json"),
        ("application/json; charset=utf-8", b" [1, 2] ", "application/json"),
        ("application/json", b'{"a":', "text/plain"),
        ("application/json", b"\xff\xfe", "application/json"),
        ("text/plain; charset=utf-8", b'{"a":1}', "text/plain"),
        ("application/x-www-form-urlencoded", b'{"a":1}', "application/json"),
        ("application/octet-stream", b"\x00\x01", "application/json"),
    ],
)
def test_r17_content_parses_if_it_is_called_json(
    get: Get, put: Put, camera: str, declared: str, body: bytes, content_type: str
) -> None:
    put(camera, 5, body, declared)
    (entry,) = get(f"/data/SoraCam/{camera}").json
    assert entry["contentType"] == content_type
    if content_type == "application/json":
        json.loads(entry["content"])


def test_r18_bytes_over_tcp_are_kept_as_base64(server: Server, get: Get) -> None:
    with socket.create_connection(server.door_stream, 10) as connection:
        connection.sendall(b"Hello, R18 over TCP")
        assert connection.recv(1024) == b"201"
    assert sent_just_now(get, '{"payload":"SGVsbG8sIFIxOCBvdmVyIFRDUA=="}')["contentType"] == "application/json"


def test_r18_bytes_over_udp_are_kept_as_base64(server: Server, get: Get) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as device:
        device.settimeout(10)
        device.sendto(b"Hello, R18 over UDP", server.door_stream)
        assert device.recv(1024) == b"201"
    assert sent_just_now(get, '{"payload":"SGVsbG8sIFIxOCBvdmVyIFVEUA=="}')["contentType"] == "application/json"


def test_r18_text_stays_text(get: Get, put: Put, camera: str) -> None:
    put(camera, 5, "Hello, 収穫!".encode(), "text/plain")
    (entry,) = get(f"/data/SoraCam/{camera}").json
    assert (entry["content"], entry["contentType"]) == ("Hello, 収穫!", "text/plain")


def test_r26_deleting_answers_204_without_a_body_whether_the_entry_was_there_or_not(
    server: Server, headers: dict[str, str], get: Get, put: Put, camera: str
) -> None:
    put(camera, 5)
    for _ in range(2):
        reply = ask(server, "DELETE", f"/v1/data/SoraCam/{camera}/5", headers)
        assert (reply.status, reply.body, reply.headers.get("content-type")) == (204, b"", None)
    assert get(f"/data/SoraCam/{camera}/5").status == 404


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/v1/data/SoraCam/c?limit=0", 400),
        ("GET", "/v1/data/SoraCam/c/1", 404),
        ("GET", "/v1/nothing", 404),
        ("GET", "/nothing", 404),
        ("GET", "/v1", 404),
        ("PATCH", "/v1/data/SoraCam/c", 405),
        ("GET", "/v1/auth", 405),
        ("DELETE", "/healthz", 405),
    ],
)
def test_r27_an_error_is_json_without_a_per_cent_sign(
    server: Server, headers: dict[str, str], method: str, target: str, status: int
) -> None:
    reply = ask(server, method, target, headers)
    assert (reply.status, reply.headers["content-type"]) == (status, "application/json")
    assert re.fullmatch(r"[A-Z]{3}[0-9]{4}", reply.json["code"])
    assert reply.json["message"]
    assert b"%" not in reply.body


def test_r27_a_405_names_the_methods_there_are(server: Server, headers: dict[str, str]) -> None:
    reply = ask(server, "POST", "/v1/data/SoraCam/c/1", headers)
    assert (reply.status, reply.headers["allow"]) == (405, "DELETE, GET, HEAD")


@pytest.mark.parametrize("path", ["/v1/sora_cam/devices/c/data", "/v1/auth"])
def test_r27_a_body_that_is_too_large_is_refused_before_it_is_sent(
    server: Server, headers: dict[str, str], path: str
) -> None:
    request = head("POST", path, headers | JSON | {"Content-Length": "1073741824"})
    reply = send(server, request, "POST")
    assert (reply.status, set(reply.json)) == (413, {"code", "message"})


def test_r27_a_chunked_body_that_grows_too_large_is_refused(server: Server, headers: dict[str, str]) -> None:
    request = head("POST", "/v1/sora_cam/devices/c/data", headers | {"Transfer-Encoding": "chunked"})
    reply = send(server, request + b"401\r\n" + b"x" * 1025 + b"\r\n0\r\n\r\n", "POST")
    assert (reply.status, set(reply.json)) == (413, {"code", "message"})


def test_a_body_of_exactly_the_limit_is_taken(put: Put, camera: str) -> None:
    put(camera, 5, b"x" * 1024, "text/plain")


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{", b'"x"', b"\xff", b"[" * 100_000, b'{"email":7}'])
@pytest.mark.parametrize("path", ["/v1/auth", "/v1/operators/OP0000000001/token"])
def test_r28_a_body_that_makes_no_sense_is_the_client_s_mistake(
    server: Server, headers: dict[str, str], path: str, body: bytes
) -> None:
    reply = ask(server, "POST", path, headers | JSON, body, "127.0.0.8")
    assert reply.status in (400, 401, 404, 413) or (reply.status == 200 and path.endswith("/token"))


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /v1/data/resources HTTP/9.9\r\n\r\n",
        b"POST /v1/auth HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/auth HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["header", "tls", "version", "length", "chunk"],
)
def test_r28_what_is_no_http_is_the_client_s_mistake(server: Server, request_: bytes) -> None:
    reply = send(server, request_)
    assert 400 <= reply.status < 500
    assert reply.status != 429


def test_r28_a_header_that_never_ends_is_refused_while_it_is_being_sent(server: Server) -> None:
    with connect(server.api) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nA: ")
        for _ in range(100):
            connection.sendall(b"x" * 4096)
            if select([connection], [], [], 0.02)[0]:
                break
        assert read(connection).status == 431


@pytest.mark.parametrize(
    "host", ["api.soracom.io", "g.api.soracom.io", "harvest.soracom.io", "127.0.0.1:1", "[::1]", ""]
)
def test_r29_any_host_is_accepted(get: Get, host: str) -> None:
    assert get("/data/SoraCam/none", Host=host).status == 200


def test_r29_a_connection_is_kept_until_somebody_closes_it(server: Server, headers: dict[str, str]) -> None:
    with connect(server.api) as connection:
        for _ in range(3):
            connection.sendall(head("GET", "/v1/data/SoraCam/none", headers))
            assert read(connection).status == 200
        connection.sendall(head("GET", "/v1/data/SoraCam/none", headers | {"Connection": "close"}))
        assert read(connection).status == 200
        assert connection.recv(1) == b""


def test_r29_an_absolute_target_means_its_path(server: Server, headers: dict[str, str]) -> None:
    reply = ask(server, "GET", "http://api.soracom.io/v1/data/SoraCam/none?limit=5", headers)
    assert (reply.status, reply.body) == (200, b"[]")


def test_requests_sent_at_once_are_answered_in_their_order(server: Server, headers: dict[str, str]) -> None:
    requests = [head("GET", target, headers) for target in ("/v1/data/SoraCam/none", "/v1/nothing")]
    requests.append(head("GET", "/healthz", {"Connection": "close"}))
    with connect(server.api) as connection:
        connection.sendall(b"".join(requests))
        answers = b"".join(iter(lambda: connection.recv(65536), b""))
    assert re.findall(rb"HTTP/1\.1 ([0-9]{3})", answers) == [b"200", b"404", b"200"]


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/healthz", "application/json"),
        ("/metrics", "text/plain; version=0.0.4; charset=utf-8"),
        ("/openapi.json", "application/json"),
        ("/docs", "text/html; charset=utf-8"),
    ],
)
def test_the_pages_beside_v1_need_no_login(server: Server, path: str, content_type: str) -> None:
    reply = ask(server, "GET", path)
    assert (reply.status, reply.headers["content-type"]) == (200, content_type)
    without_body = ask(server, "HEAD", path)
    assert (without_body.status, without_body.body) == (200, b"")
