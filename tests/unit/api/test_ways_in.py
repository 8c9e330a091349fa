"""What comes in at the API without a login: Beam, network servers and publishing devices, at their worst."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

import pytest

from contract.ingest_suite import content
from doorway import (
    BEAM_KEY,
    DEVICE,
    DEVICE_SECRET,
    EUI,
    IMSI,
    INGEST_TOKEN,
    KNOWN,
    NO_GROUP,
    NOT_ENABLED,
    OPERATOR,
    STRANGER_IMSI,
    House,
    house,
    run,
)
from minori.model.account import Coverage, account_of
from minori.model.registry import BeamKey, Device, IngestToken
from minori.model.resource import ResourceType
from minori.service.devices import device_key
from minori.service.passwords import sha256_hex
from minori.storage.base import Put
from sending import Answer, BeamDevice, Line, PublishingDevice, WrappedBeamDevice, post

OTHER = "OP0000000002"
GLOBAL = account_of(OPERATOR, Coverage.GLOBAL)
UPLINK = {"deviceInfo": {"devEui": EUI}, "time": "2024-09-02T12:34:56.789Z", "data": "Cw=="}
API = "api.soracom.io"

Story = Callable[[House, Line], Awaitable[None]]


def tell(story: Story, **limits: int) -> None:
    """A story of a house and a connection to the API."""

    async def main() -> None:
        async with house(**limits) as h:
            await h.admit_feeders()
            async with h.api() as door, await Line.open(door.endpoint) as line:
                await story(h, line)

    run(main())


def beam(line: Line, imsi: str = IMSI[KNOWN], key: str = BEAM_KEY, operator: str = OPERATOR) -> BeamDevice:
    return BeamDevice(line, operator, imsi, key)


def wrapped(line: Line) -> WrappedBeamDevice:
    return WrappedBeamDevice(line, OPERATOR, IMSI[KNOWN], BEAM_KEY)


def uplink(message: Any = UPLINK, token: str = INGEST_TOKEN, path: str = f"/ingest/{OPERATOR}/chirpstack") -> bytes:
    return post(json.dumps(message).encode(), f"Authorization: Bearer {token}", target=path, host=API)


def publishing(line: Line, name: str = DEVICE[KNOWN], secret: str = DEVICE_SECRET) -> PublishingDevice:
    return PublishingDevice(line, name, secret)


async def answer(line: Line, request: bytes) -> Answer:
    await line.send(request)
    return await line.answer()


def without_body(request: bytes, size: int) -> bytes:
    """The head of a request that announces a body of so many bytes."""
    head = request.partition(b"\r\n\r\n")[0]
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"content-length")]
    return b"\r\n".join([*lines, b"Content-Length: %d" % size, b"", b""])


def chunked(request: bytes, *chunks: bytes) -> bytes:
    """The same request with a body in chunks."""
    head = request.partition(b"\r\n\r\n")[0]
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"content-length")]
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return b"\r\n".join([*lines, b"Transfer-Encoding: chunked", b"", b""]) + body + b"0\r\n\r\n"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/ingest/OP%2Fx/beam", 401),
        ("/ingest/%00/beam", 400),
        ("/ingest/%ff/beam", 400),
        ("/ingest//beam", 401),
        (f"/ingest/{OPERATOR}/beam/", 404),
        (f"/ingest/{OPERATOR}/beam/x", 404),
        (f"/ingest/{OPERATOR}/Beam", 404),
        (f"/ingest/{OPERATOR}%2Fbeam", 404),
        ("/ingest", 404),
        ("/ingest/../v1/data/resources", 404),
        (f"//ingest/{OPERATOR}/beam", 404),
    ],
)
def test_an_odd_path_leads_nowhere(path: str, status: int) -> None:
    async def story(h: House, line: Line) -> None:
        request = beam(line).message(b"1").replace(f"/ingest/{OPERATOR}/beam".encode(), path.encode())
        assert (await answer(line, request)).status == status
        assert await h.contents() == []

    tell(story)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "PATCH"])
@pytest.mark.parametrize("feeder", ["beam", "chirpstack", "tts", "sigfox"])
def test_only_post_brings_something_in(method: str, feeder: str) -> None:
    async def story(h: House, line: Line) -> None:
        request = uplink(path=f"/ingest/{OPERATOR}/{feeder}").replace(b"POST", method.encode())
        told = await answer(line, request)
        assert (told.status, told.fields["allow"]) == (405, "POST")
        assert await h.contents() == []

    tell(story)


def test_head_is_told_without_a_body() -> None:
    async def story(_: House, line: Line) -> None:
        await line.send(b"HEAD /ingest/%b/beam HTTP/1.1\r\nHost: x\r\n\r\n" % OPERATOR.encode())
        assert (await line.head()).status == 405
        assert (await answer(line, beam(line).message(b"1"))).status == 201

    tell(story)


@pytest.mark.parametrize("way", [beam, publishing])
def test_a_body_may_come_in_chunks(way: Any) -> None:
    async def story(h: House, line: Line) -> None:
        if way is publishing:
            h.kind, h.names = ResourceType.DEVICE, DEVICE
        assert (await answer(line, chunked(way(line).message(b""), b"1", b"23"))).status == 201
        assert (await answer(line, chunked(way(line).message(b"")))).status == 400
        assert (await answer(line, chunked(way(line).message(b""), b"x" * 1000, b"x" * 1000))).status == 413
        assert await h.contents() == [content(b"123")]

    tell(story)


@pytest.mark.parametrize(
    "request_of",
    [
        lambda line: beam(line, key="another").message(b""),
        lambda line: beam(line, STRANGER_IMSI).message(b""),
        lambda line: publishing(line, secret="wrong").message(b""),
        lambda _: uplink(token="wrong"),
    ],
    ids=["signature", "stranger", "secret", "token"],
)
def test_a_body_is_not_asked_for_before_its_sender_has_proved_itself(request_of: Callable[[Line], bytes]) -> None:
    async def story(_: House, line: Line) -> None:
        request = without_body(request_of(line), 500).replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n")
        await line.send(request)
        assert (await line.reader.readline()).split()[1] in (b"400", b"401")

    tell(story)


@pytest.mark.parametrize(
    ("request_of", "size"),
    [
        (lambda line: beam(line).message(b""), 1025),
        (lambda line: wrapped(line).message(b""), 2000),
        (lambda line: publishing(line).message(b""), 1025),
        (lambda _: uplink(), 65_537),
        (lambda _: uplink(path=f"/ingest/{OPERATOR}/sigfox"), 16_385),
    ],
    ids=["beam", "wrapped", "publish", "chirpstack", "sigfox"],
)
def test_a_body_over_the_limit_is_refused_unread_and_noted(request_of: Callable[[Line], bytes], size: int) -> None:
    async def story(h: House, line: Line) -> None:
        await line.send(without_body(request_of(line), size))
        told = await line.answer()
        assert (told.status, "larger than" in told.message) == (413, True)
        ((_, reason, _, noted),) = await h.refused()
        assert (reason, noted) == ("PayloadTooLarge", size)

    tell(story)


def test_the_limit_that_is_told_is_that_of_the_payload_and_not_of_its_wrapping() -> None:
    async def story(_: House, line: Line) -> None:
        await line.send(without_body(wrapped(line).message(b""), 2000))
        assert "larger than 1024 bytes" in (await line.answer()).message

    tell(story)


def test_what_beam_wrapped_is_empty_where_the_device_sent_nothing() -> None:
    async def story(h: House, line: Line) -> None:
        assert "payload is empty" in (await wrapped(line).tell(b"")).message
        assert await h.contents() == []

    tell(story)


@pytest.mark.parametrize(
    "body", [b'{"payload":"CcQ"}', b'{"payload":"CcQ=","x":1}', b'{"payload":1}', b"[1]", b'{"payload":"\xff"}', b"{"]
)
def test_what_only_looks_wrapped_is_stored_as_it_came(body: bytes) -> None:
    async def story(h: House, line: Line) -> None:
        request = beam(line).message(body).replace(b"Content-Type: ", b"User-Agent: SORACOM Beam\r\nContent-Type: ")
        assert (await answer(line, request)).status == 201
        assert await h.contents() == [content(body)]

    tell(story)


@pytest.mark.parametrize("name", ["x-soracom-imsi", "X-SORACOM-TIMESTAMP", "x-soracom-signature"])
def test_a_header_of_beam_that_comes_twice_is_refused(name: str) -> None:
    async def story(h: House, line: Line) -> None:
        request = beam(line).message(b"1").replace(b"Content-Type: ", f"{name}: 1\r\nContent-Type: ".encode())
        assert (await answer(line, request)).status == 400
        assert await h.contents() == []

    tell(story)


def test_a_key_signs_for_sims_of_its_own_operator_alone() -> None:
    async def story(h: House, line: Line) -> None:
        await h.catalog.apply(Put(BeamKey("bk_2", OTHER, "", "theirs", 1)))
        await h.views.refresh()
        assert (await answer(line, beam(line, key="theirs").message(b"1"))).status == 401
        assert (await answer(line, beam(line, key="theirs", operator=OTHER).message(b"1"))).status == 400
        assert (await answer(line, beam(line, operator=OTHER).message(b"1"))).status == 401
        assert await h.contents() == []

    tell(story)


def test_a_key_that_both_coverages_have_finds_the_sim_in_either_whatever_the_host() -> None:
    async def story(h: House, line: Line) -> None:
        await h.catalog.apply(Put(BeamKey("bk_0", GLOBAL, "", BEAM_KEY, 0)))
        await h.views.refresh()
        request = beam(line).message(b"1").replace(API.encode(), b"g.api.soracom.io")
        assert (await answer(line, request)).status == 201
        assert await h.contents() == [content(b"1")]

    tell(story)


def test_a_token_opens_the_devices_of_its_own_account_alone() -> None:
    async def story(h: House, line: Line) -> None:
        for number, account in enumerate((OTHER, GLOBAL)):
            token = IngestToken(f"it_{account}", account, "", sha256_hex(f"token{number}"), 1)
            await h.catalog.apply(Put(token))
        await h.views.refresh()
        assert (await answer(line, uplink(token="token0"))).status == 401
        assert (await answer(line, uplink(token="token0", path=f"/ingest/{OTHER}/chirpstack"))).status == 400
        assert (await answer(line, uplink(token="token1"))).status == 400
        assert (await answer(line, uplink(path=f"/ingest/{OTHER}/chirpstack"))).status == 401
        assert (await answer(line, uplink())).status == 201

    tell(story)


@pytest.mark.parametrize("spelled", [EUI, EUI.upper()])
def test_a_lorawan_device_is_found_however_its_id_was_spelled_when_it_was_registered(spelled: str) -> None:
    async def story(h: House, line: Line) -> None:
        key = device_key(OPERATOR, ResourceType.LORA_DEVICE, EUI)
        await h.forget(Device(key, OPERATOR, ResourceType.LORA_DEVICE, EUI, "enabled", {}, {}, 0, 0))
        await h.register(ResourceType.LORA_DEVICE, spelled)
        h.kind, h.names = ResourceType.LORA_DEVICE, {KNOWN: spelled}
        assert (await answer(line, uplink())).status == 201
        assert [entry.time for entry in await h.entries()] == [1725280496789]

    tell(story)


@pytest.mark.parametrize("way", [beam, publishing])
def test_who_may_store_no_more_once_its_body_is_there_stores_nothing(way: Any) -> None:
    async def story(h: House, line: Line) -> None:
        request = way(line).message(b"1234")
        await line.send(request[:-1])
        await asyncio.sleep(0.05)
        await h.say({"enabled": False})
        await line.send(request[-1:])
        assert "SORACOM Harvest is not found" in (await line.answer()).message
        assert await h.contents() == []

    tell(story)


def test_a_suspended_sim_stores_nothing_through_beam() -> None:
    async def story(h: House, line: Line) -> None:
        await h.suspend()
        assert (await beam(line).tell(b"1")).message == f"The SIM {IMSI[KNOWN]} is suspended"
        assert await h.contents() == []

    tell(story)


def test_a_key_or_a_token_that_was_removed_brings_nothing_in() -> None:
    async def story(h: House, line: Line) -> None:
        await h.forget(BeamKey("bk_1", OPERATOR, "", BEAM_KEY, 1))
        await h.forget(IngestToken("it_1", OPERATOR, "", sha256_hex(INGEST_TOKEN), 1))
        assert (await answer(line, beam(line).message(b"1"))).status == 401
        assert (await answer(line, uplink())).status == 401
        assert await h.contents() == []

    tell(story)


@pytest.mark.parametrize(("source", "reason"), [(NO_GROUP, "NoGroup"), (NOT_ENABLED, "HarvestDisabled")])
def test_a_device_that_may_not_store_is_noted_by_its_name(source: str, reason: str) -> None:
    async def story(h: House, line: Line) -> None:
        assert (await publishing(line, DEVICE[source]).tell(b"1")).outcome == "refused"
        assert await h.refused() == [("publish", reason, DEVICE[source], 1)]

    tell(story)


def test_a_wrong_secret_is_noted_by_the_address_it_came_from() -> None:
    async def story(h: House, line: Line) -> None:
        assert (await answer(line, publishing(line, secret="wrong").message(b"1"))).status == 401
        assert await h.refused() == [("publish", "CredentialsWrong", IMSI[KNOWN], 1)]

    tell(story)


@pytest.mark.parametrize("scheme", ["", "Basic ", "Bearer", "Bearer  ", "Token "])
def test_a_token_comes_as_a_bearer(scheme: str) -> None:
    async def story(_: House, line: Line) -> None:
        request = uplink(token="").replace(b"Bearer ", scheme.encode())
        assert (await answer(line, request)).status == 401
        spelled = uplink().replace(b"Bearer ", b"bearer   ")
        assert (await answer(line, spelled)).status == 201

    tell(story)


def test_no_secret_is_in_an_answer_or_in_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    async def story(h: House, line: Line) -> None:
        device = publishing(line, secret="not-the-secret")
        told = [
            await answer(line, beam(line, key="not-the-key").message(b"1")),
            await answer(line, uplink(token="not-the-token")),
            await answer(line, device.message(b"1")),
            await answer(line, uplink({"deviceInfo": 1, "token": INGEST_TOKEN})),
        ]
        said = b" ".join(each.body for each in told).decode() + repr(await h.refused())
        said += "".join(capsys.readouterr())
        for secret in (BEAM_KEY, INGEST_TOKEN, DEVICE_SECRET, "not-the-key", "not-the-token", "not-the-secret"):
            assert secret not in said

    tell(story)


@pytest.mark.parametrize("number", ["1" * 5000, "1e400", "-0", "1e-400"])
@pytest.mark.parametrize("member", ["seqNumber", "time", "extra"])
def test_a_number_that_is_out_of_all_bounds_is_no_fault_of_the_server(member: str, number: str) -> None:
    async def story(h: House, line: Line) -> None:
        await h.register(ResourceType.SIGFOX_DEVICE, "1D2E3F")
        body = '{"device":"1D2E3F","data":"00","%s":%s}' % (member, number)
        request = post(
            body.encode(), f"Authorization: Bearer {INGEST_TOKEN}", target=f"/ingest/{OPERATOR}/sigfox", host=API
        )
        assert (await answer(line, request)).status in (201, 400)

    tell(story)


@pytest.mark.parametrize("feeder", ["chirpstack", "tts", "sigfox"])
def test_a_message_nested_without_end_is_refused(feeder: str) -> None:
    async def story(_: House, line: Line) -> None:
        body = b'{"object":' + b"[" * 7000 + b"]" * 7000 + b"}"
        path = f"/ingest/{OPERATOR}/{feeder}"
        request = post(body, f"Authorization: Bearer {INGEST_TOKEN}", target=path, host=API)
        assert (await answer(line, request)).status == 400

    tell(story)


@pytest.mark.parametrize("written", [DEVICE_SECRET, quote(DEVICE_SECRET, safe=""), "s3cret%2B/="])
def test_a_secret_may_be_in_the_query_as_it_is_or_encoded(written: str) -> None:
    async def story(_: House, line: Line) -> None:
        assert (await answer(line, publishing(line, secret=written).message(b"1"))).status == 201
        request = (
            publishing(line, secret="").message(b"1").replace(b"Content-Type", b"X-Device-Secret: %b\r\nContent-Type")
        )
        assert (await answer(line, request % DEVICE_SECRET.encode())).status == 201
        assert (await answer(line, request % b"wrong")).status == 401

    tell(story)


def test_a_message_that_cannot_be_read_is_noted_in_the_account_of_the_token_whoever_has_its_address() -> None:
    async def story(h: House, line: Line) -> None:
        await h.catalog.apply(Put(IngestToken("it_2", OTHER, "", sha256_hex("theirs"), 1)))
        await h.views.refresh()
        for operator, token in ((OPERATOR, INGEST_TOKEN), (OTHER, "theirs")):
            request = uplink(message=[], token=token, path=f"/ingest/{operator}/chirpstack")
            assert (await answer(line, request)).status == 400
            assert await h.refused(operator) == [("chirpstack", "InvalidParameter", None, 2)]

    tell(story)


def test_what_beam_cannot_prove_is_noted_by_the_address_it_came_from() -> None:
    async def story(h: House, line: Line) -> None:
        assert (await answer(line, beam(line, key="another").message(b"12"))).status == 401
        assert await h.refused() == [("beam", "BeamRejected", IMSI[KNOWN], 2)]

    tell(story)
