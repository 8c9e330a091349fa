"""A server with the operator's certificate: the same over HTTPS as over HTTP, and a new certificate at SIGHUP."""

import re
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from time import sleep

import httpx
import pytest

from certificates import Authority, Pair
from doorway import House, house, run
from minori.config.address import Endpoint
from secured import SecuredLine
from sending import Line, post
from serving import Address, Serve, Server
from wire.transcribed import Transcript, at, name

READY = re.compile(
    r"minori ready api=https://127\.0\.0\.1:\d+ door-http=127\.0\.0\.1:\d+ door-stream=127\.0\.0\.1:\d+"
    r" door-unified=127\.0\.0\.1:\d+ door-https=127\.0\.0\.1:\d+\n"
)
DATE = re.compile(rb"(?i)date: [^\r]*")
LENGTH = re.compile(rb"(?i)content-length: ([0-9]+)")
HALF_OPEN = 200
WAITS = 1_000
ASKED = (
    b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET /openapi.json HTTP/1.1\r\nHost: h\r\n\r\n",
    b"HEAD /docs HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET /v1/data/Subscriber/001010000000001 HTTP/1.1\r\nHost: h\r\n\r\n",
    b"PUT /v1/data HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}",
    b"POST /v1/auth HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    b"POST /v1/auth HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
    b"GET /nowhere HTTP/1.0\r\n\r\n",
    b"rubbish\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n" * 3,
)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def pair(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return authority.pair(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def secured(authority: Authority, pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that speaks HTTPS at its API and at a door of its own, and logs everything."""
    verbose = {"MINORI_LOG_LEVEL": "debug"}
    flags = (*pair.flags, "--door-https", "127.0.0.1:0")
    with Server(tmp_path_factory.mktemp("secured") / "data", *flags, environment=verbose) as server:
        server.trust = authority.client()
        yield server


@pytest.fixture
def client(secured: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=secured.url, headers=secured.login(), verify=secured.trust, timeout=30) as client:
        yield client


def names(address: Address, context: ssl.SSLContext) -> str:
    """Whose certificate a new connection is shown."""
    with socket.create_connection(address, 30) as plain, context.wrap_socket(plain, server_hostname="localhost") as tls:
        return "".join(re.findall(r"'commonName', '(\w+)'", str((tls.getpeercert() or {})["subject"])))


async def exchanged(endpoint: Endpoint, context: ssl.SSLContext | None, request: bytes, answers: int = 1) -> bytes:
    """All that is answered to a request, and to the end of the client's side then; over TLS if there is a context."""
    line = await (Line.open(endpoint) if context is None else SecuredLine.secure(endpoint, context))
    async with line:
        await line.send(request)
        told = b"".join([await answer(line, is_head=request.startswith(b"HEAD")) for _ in range(answers)])
        line.finish()
        return DATE.sub(b"date", told + await line.reader.read())


async def answer(line: Line, *, is_head: bool) -> bytes:
    """The bytes of the next answer, with those that only say that the client may go on."""
    head = await line.reader.readuntil(b"\r\n\r\n")
    if head.startswith(b"HTTP/1.1 100 "):
        return head + await answer(line, is_head=is_head)
    length = LENGTH.search(head)
    return head + await line.reader.readexactly(int(length[1]) if length and not is_head else 0)


def test_the_ready_line_says_what_is_spoken_where(secured: Server) -> None:
    assert READY.fullmatch(secured.stdout[-1])


def test_everything_is_answered_over_https_as_over_http(secured: Server, authority: Authority, server: Server) -> None:
    async def main() -> None:
        for request in ASKED:
            count = max(1, request.count(b"GET "))
            over_tls = await exchanged(Endpoint(*secured.api), authority.client(), request, count)
            assert over_tls == await exchanged(Endpoint(*server.api), None, request, count)

    run(main())


@pytest.mark.parametrize("transcript", at("http"), ids=name)
def test_a_device_is_answered_over_https_as_over_http(transcript: Transcript, authority: Authority, pair: Pair) -> None:
    async def told(h: House, *, secure: bool) -> list[bytes]:
        context = authority.client() if secure else None
        async with h.http(pair=pair if secure else None) as door:
            answers = [await exchanged(door.endpoint, context, message) for message, _ in transcript.exchanges]
        return [*answers, *[f"{entry.time} {entry.content}".encode() for entry in await h.entries()]]

    async def main() -> None:
        async with house() as first, house() as second:
            assert await told(first, secure=True) == await told(second, secure=False)

    run(main())


def test_files_come_whole_in_part_and_by_their_head_alone(client: httpx.Client) -> None:
    content = bytes(range(251)) * 20_000
    path = "/v1/files/private/tls.bin"
    pieces = (content[start : start + 100_000] for start in range(0, len(content), 100_000))
    assert client.put(path, content=pieces, headers={"Content-Type": "application/x-test"}).status_code == 201
    link = client.get(path).headers["location"]
    whole = client.get(link)
    assert (whole.status_code, whole.content) == (200, content)
    part = client.get(link, headers={"Range": "bytes=65530-4000000"})
    assert (part.status_code, part.content) == (206, content[65_530:4_000_001])
    two = client.get(link, headers={"Range": "bytes=0-99999,200000-299999"})
    assert two.status_code == 206
    assert content[200_000:300_000] in two.content
    head = client.head(link)
    assert (head.headers["content-length"], head.content) == (str(len(content)), b"")
    assert client.get(link, headers={"If-None-Match": whole.headers["etag"]}).status_code == 304


def test_a_device_stores_and_fetches_files_at_the_https_door(authority: Authority, pair: Pair) -> None:
    async def main() -> None:
        async with house() as h, h.http(pair=pair) as door:
            await h.let_files()
            content = bytes(range(200)) * 900
            line = await SecuredLine.secure(door.endpoint, authority.client())
            async with line:
                await line.send(post(content, target="/a/log.bin", host="harvest-files.soracom.io"))
                assert (await line.answer()).status == 201
                assert (await h.file("/a/log.bin"))[1] == content
                await line.send(b"GET /a/log.bin HTTP/1.1\r\nHost: harvest-files.soracom.io\r\n\r\n")
                assert (await line.answer()).body == content

    run(main())


def test_the_link_to_an_export_is_https(client: httpx.Client, secured: Server) -> None:
    sent = httpx.post("https://{}:{}/".format(*secured.door_https), json={"over": "tls"}, verify=secured.trust)
    assert sent.status_code == 201
    wanted = {"resourceType": "Subscriber", "resourceId": "001010000000001"}
    answer = client.post("/v1/data/exports", json=wanted)
    assert answer.status_code == 200, answer.text
    url = answer.json()["url"]
    assert url.startswith(f"{secured.url}/")
    assert b"tls" in client.get(url).content


def test_half_open_handshakes_leave_a_healthy_client_alone_and_the_log_empty(
    secured: Server, client: httpx.Client
) -> None:
    before = len(secured.stderr)
    with ExitStack() as stack:
        for number in range(HALF_OPEN):
            for address in (secured.api, secured.door_https):
                opened = stack.enter_context(socket.create_connection(address, 30))
                opened.sendall((b"", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 20)[number % 4])
        assert client.get("/healthz").status_code == 200
        sent = httpx.post("https://{}:{}/".format(*secured.door_https), content=b"1", verify=secured.trust)
        assert sent.status_code == 201
    said = secured.stderr[before:]
    assert "Traceback" not in said
    assert not re.search(r'"level": "(?!debug|info)', said)


def test_a_new_certificate_is_shown_from_sighup_on_and_a_broken_one_never(
    serve: Serve, authority: Authority, tmp_path: Path
) -> None:
    pair, other = authority.pair(tmp_path), authority.pair(tmp_path, title="renewed")
    running = serve(*pair.flags, "--door-https", "127.0.0.1:0")
    context = authority.client()

    def renewed(said: str) -> None:
        count = running.stderr.count(said)
        running.process.send_signal(signal.SIGHUP)
        for _ in range(WAITS):
            if running.stderr.count(said) > count:
                return
            sleep(0.01)
        raise AssertionError(f"nothing said {said}")

    with httpx.Client(base_url=running.url, verify=context) as kept:
        assert kept.get("/healthz").status_code == 200
        assert names(running.api, context) == names(running.door_https, context) == "server"
        pair.replace(other)
        assert names(running.api, context) == "server"
        renewed("a certificate is in use")
        assert names(running.api, context) == names(running.door_https, context) == "renewed"
        pair.key.write_bytes(b"half a key")
        renewed("the certificate was not replaced")
        assert names(running.api, context) == names(running.door_https, context) == "renewed"
        assert kept.get("/healthz").status_code == 200
    assert running.stop() == 0


def test_a_server_does_not_start_with_a_certificate_it_cannot_use(authority: Authority, tmp_path: Path) -> None:
    pair = authority.pair(tmp_path)
    flags = ["--tls-cert", str(pair.cert), "--tls-key", str(authority.pair(tmp_path, title="other").key)]
    command = [str(Path(sys.executable).with_name("minori")), "serve", "--data-dir", str(tmp_path / "data"), *flags]
    ended = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert not (tmp_path / "data").exists()
    assert b"is not the key of the first certificate" in ended.stderr
    assert b"Traceback" not in ended.stderr
