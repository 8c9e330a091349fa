"""Harvest Files as devices in the field speak to it: transcripts, pauses, and a whole server."""

import asyncio
import http.client
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import pytest

from doorway import LOOPS, House, house, run
from sending import Line
from serving import Serve, Server
from wire.asking import connect
from wire.transcribed import Transcript, at, name

FILES = at("files")
HOST = {"Host": "harvest-files.soracom.io"}
MICRO_PYTHON = (
    b"POST / HTTP/1.1\r\nHost: harvest-files.soracom.io\r\nContent-Type: application/octet-stream\r\n"
    b"Content-Length: 5120\r\nConnection: close\r\n\r\n"
)


async def stored(h: House) -> list[str]:
    """The files in the words of a transcript."""
    told = []
    for path in await h.paths():
        content_type, body = await h.file(path)
        told.append(f"{content_type} {path} {body.decode('latin-1')}")
    return told


def of(transcript: Transcript) -> list[str]:
    """What a transcript says is stored, its bytes written out."""
    return [text.encode().decode("unicode_escape") for text in transcript.stored]


async def answered(line: Line) -> str:
    """The next answer in the words of a transcript."""
    answer = await line.answer()
    words = f"{answer.status} {answer.reason}"
    if answer.fields.get("connection") == "close":
        words += ", close"
        assert await line.ended()
    return f"{words}: {answer.body.decode()}" if answer.body else words


@asynccontextmanager
async def file_house() -> AsyncIterator[House]:
    async with house() as h:
        await h.let_files(defaultPath="/:imsi/log")
        yield h


async def replay(h: House, transcript: Transcript, *, whole: bool) -> None:
    async with h.http() as door, AsyncExitStack() as lines:
        line = await lines.enter_async_context(await Line.open(door.endpoint))
        for message, answer in transcript.exchanges:
            for piece in [message] if whole else [bytes([byte]) for byte in message]:
                await line.send(piece)
                await asyncio.sleep(0)
            assert await answered(line) == answer
            if ", close" in answer:
                line = await lines.enter_async_context(await Line.open(door.endpoint))


@pytest.mark.parametrize("transcript", FILES, ids=name)
@pytest.mark.parametrize("loop", LOOPS)
def test_a_request_for_files_is_answered_and_stored(transcript: Transcript, loop: str) -> None:
    async def main() -> None:
        async with file_house() as h:
            await replay(h, transcript, whole=True)
            assert await stored(h) == of(transcript)

    run(main(), loop)


@pytest.mark.parametrize("transcript", FILES, ids=name)
def test_a_request_for_files_that_comes_byte_by_byte_is_the_same_request(transcript: Transcript) -> None:
    async def main() -> None:
        async with file_house() as h:
            await replay(h, transcript, whole=False)
            assert await stored(h) == of(transcript)

    run(main())


@pytest.mark.parametrize("transcript", FILES, ids=name)
def test_a_request_for_files_cut_in_two_anywhere_is_answered_alike(transcript: Transcript) -> None:
    async def main() -> None:
        message, answer = transcript.exchanges[0]
        async with file_house() as h, h.http() as door:
            for cut in range(1, len(message)):
                async with await Line.open(door.endpoint) as line:
                    await line.send(message[:cut])
                    await asyncio.sleep(0)
                    await line.send(message[cut:])
                    # From the second time on it replaces what is there.
                    assert (await answered(line)).replace("200 OK", "201 Created") == answer.replace(
                        "200 OK", "201 Created"
                    )

    run(main())


def test_a_device_that_pauses_between_its_writes_is_waited_for(server: Server) -> None:
    body = bytes(5120)

    async def main() -> None:
        reader, writer = await asyncio.open_connection(*server.door_http)
        writer.write(MICRO_PYTHON.replace(b"POST /", b"POST /paused"))
        for start in range(0, len(body), 1024):
            writer.write(body[start : start + 1024])
            await writer.drain()
            await asyncio.sleep(0.3)
        assert (await reader.read()).startswith((b"HTTP/1.1 201", b"HTTP/1.1 200"))
        writer.close()

    run(main())


def fetch(server: Server, path: str, **headers: str) -> httpx.Response:
    return httpx.get(f"http://{server.door_http[0]}:{server.door_http[1]}{path}", headers=HOST | headers)


def test_what_a_device_stores_the_api_shows_and_the_other_way_round(server: Server, headers: dict[str, str]) -> None:
    door = f"http://{server.door_http[0]}:{server.door_http[1]}"
    firmware = bytes(range(256)) * 1000
    assert httpx.put(f"{door}/meeting/up.bin", content=firmware, headers=HOST).status_code == 201
    api = f"{server.url}/v1/files/private/meeting"
    assert httpx.get(f"{api}/up.bin", headers=headers, follow_redirects=True).content == firmware
    assert httpx.put(f"{api}/down.bin", content=firmware[::-1], headers=headers).status_code == 201
    answer = fetch(server, "/meeting/down.bin")
    assert (answer.status_code, answer.content) == (200, firmware[::-1])
    part = fetch(server, "/meeting/down.bin", Range="bytes=100000-100511")
    assert (part.status_code, part.content) == (206, firmware[::-1][100_000:100_512])
    listed = httpx.get(f"{api}/", headers=headers)
    assert fetch(server, "/meeting/").json() == listed.json()
    assert [entry["filename"] for entry in listed.json()] == ["down.bin", "up.bin"]


def test_one_connection_carries_a_payload_and_then_files(server: Server) -> None:
    connection = http.client.HTTPConnection(*server.door_http)
    for method, path, host, status in (
        ("POST", "/", "harvest.soracom.io", 201),
        ("PUT", "/one/a.txt", "harvest-files.soracom.io", 201),
        ("GET", "/one/a.txt", "harvest-files.soracom.io", 200),
        ("POST", "/", "harvest.soracom.io", 421),
        ("PUT", "/one/a.txt", "harvest-files.soracom.io", 200),
    ):
        connection.request(method, path, body=None if method == "GET" else b"hello", headers={"Host": host})
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == status
        if status == 421:
            assert list(json.loads(body)) == ["message"]
    connection.close()


def test_the_limit_of_devices_is_not_that_of_the_api(server: Server) -> None:
    large = {"Content-Length": "104857601", "Expect": "100-continue"}
    connection = http.client.HTTPConnection(*server.door_http)
    connection.putrequest("PUT", "/large", skip_host=True)
    for field, value in (HOST | large).items():
        connection.putheader(field, value)
    connection.endheaders()
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["message"].split()[:6]) == (
        413,
        ["The", "body", "is", "larger", "than", "104857600"],
    )
    connection.close()


def test_an_upload_under_way_is_taken_in_while_the_server_stops(serve: Serve) -> None:
    server = serve()
    with connect(server.door_http) as device, connect(server.door_http) as idle:
        idle.sendall(b"GET /x HTTP/1.1\r\nHost: harvest-files.soracom.io\r\n\r\n")
        assert idle.recv(4096).startswith(b"HTTP/1.1 404 ")
        device.sendall(b"PUT /late HTTP/1.1\r\nHost: harvest-files.soracom.io\r\nContent-Length: 5\r\n\r\nhel")
        # Its head has come when the other's answer has.
        idle.sendall(b"GET /x HTTP/1.1\r\nHost: harvest-files.soracom.io\r\n\r\n")
        assert idle.recv(4096).startswith(b"HTTP/1.1 404 ")
        server.process.terminate()
        assert idle.recv(4096) == b""
        device.sendall(b"lo")
        answer = device.makefile("rb").read()
        assert answer.startswith(b"HTTP/1.1 201 Created\r\n")
        assert b"connection: close" in answer
    assert server.process.wait(15) == 0
    server.start()
    assert fetch(server, "/late").content == b"hello"
