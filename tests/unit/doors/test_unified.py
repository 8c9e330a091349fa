"""What the Unified Endpoint answers, as the group wants it."""

import json
from typing import Any

import pytest

from doorway import KNOWN, NOT_ENABLED, House, house, run
from sending import DatagramDevice, Line, post

UNIFIED = "uni.soracom.io"
OK = {"result": "ok", "detail": {"harvest": {"statusCode": 204, "body": ""}}}
CUSTOM = {
    "format": "Custom",
    "success": {"statusCode": 202, "body": '{"ok":true}', "contentType": "application/json"},
    "failure": {"statusCode": 418, "body": "no"},
}


async def over_http(h: House, body: bytes, host: str = UNIFIED) -> tuple[int, str | None, bytes]:
    async with h.http() as door, await Line.open(door.endpoint) as line:
        await line.send(post(body, host=host))
        answer = await line.answer()
        return answer.status, answer.fields.get("content-type"), answer.body


async def over_tcp(h: House, body: bytes, source: str = KNOWN, name: str = "door-unified") -> bytes:
    async with h.stream(name=name) as door, await Line.open(door.endpoint, source) as line:
        await line.send(body)
        return await line.reply()


async def over_udp(h: House, body: bytes) -> bytes:
    async with h.datagram(name="door-unified") as door, await DatagramDevice.open(door.endpoint) as device:
        await device.send(body)
        return await device.reply()


@pytest.mark.parametrize("form", ["Auto", "SoracomHarvest", "SoracomBeam"])
def test_with_harvest_data_alone_its_own_answer_is_given(form: str) -> None:
    async def main() -> None:
        async with house() as h:
            await h.say(UnifiedEndpoint={"response": {"format": form}})
            assert await over_http(h, b"1") == (201, None, b"")
            assert await over_tcp(h, b"1") == b"201"
            assert await over_udp(h, b"1") == b"201"

    run(main())


def test_the_answer_for_all_services_holds_that_of_harvest_data() -> None:
    async def main() -> None:
        async with house() as h:
            await h.say(UnifiedEndpoint={"response": {"format": "Unified"}})
            status, content_type, body = await over_http(h, b"1")
            assert (status, content_type, json.loads(body)) == (200, "application/json", OK)
            assert json.loads(await over_tcp(h, b"1")) == OK
            assert json.loads(await over_udp(h, b"1")) == OK
            assert len(await h.contents()) == 3

    run(main())


def test_the_answer_for_all_services_is_207_where_harvest_data_refuses() -> None:
    async def main() -> None:
        async with house() as h:
            await h.say({"maxPayloadBytes": 1}, UnifiedEndpoint={"response": {"format": "Unified"}})
            status, _, body = await over_http(h, b"12")
            told: dict[str, Any] = json.loads(body)
            assert (status, told["result"], told["detail"]["harvest"]["statusCode"]) == (207, "ng", 413)
            assert "larger than 1 bytes" in json.loads(told["detail"]["harvest"]["body"])["message"]
            assert json.loads(await over_tcp(h, b"12"))["result"] == "ng"
            assert json.loads(await over_udp(h, b"12"))["result"] == "ng"

    run(main())


def test_a_group_may_have_answers_of_its_own() -> None:
    async def main() -> None:
        async with house() as h:
            await h.say({"maxPayloadBytes": 1}, UnifiedEndpoint={"response": CUSTOM})
            assert await over_http(h, b"1") == (202, "application/json", b'{"ok":true}')
            assert await over_http(h, b"12") == (418, "text/plain", b"no")
            assert (await over_tcp(h, b"1"), await over_tcp(h, b"12")) == (b'{"ok":true}', b"no")
            assert (await over_udp(h, b"1"), await over_udp(h, b"12")) == (b'{"ok":true}', b"no")

    run(main())


def test_harvest_data_itself_answers_as_ever() -> None:
    async def main() -> None:
        async with house() as h:
            await h.say(UnifiedEndpoint={"response": CUSTOM})
            assert (await over_http(h, b"1", "harvest.soracom.io"))[0] == 201
            assert await over_tcp(h, b"1", name="door-stream") == b"201"

    run(main())


def test_what_cannot_be_taken_now_is_told_plainly() -> None:
    async def main() -> None:
        async with house() as h:
            await h.say(UnifiedEndpoint={"response": CUSTOM})
            h.store.full = True
            assert (await over_http(h, b"1"))[0] == 503
            assert await over_tcp(h, b"1") == b"503"

    run(main())


def test_who_may_not_store_is_told_in_harvests_words() -> None:
    async def main() -> None:
        async with house() as h:
            assert await over_tcp(h, b"1", NOT_ENABLED) == b"400 Configuration for SORACOM Harvest is not found"

    run(main())


def test_answers_on_one_connection_have_the_form_that_their_host_asks_for() -> None:
    async def main() -> None:
        async with house() as h:
            await h.say(UnifiedEndpoint={"response": CUSTOM})
            async with h.http() as door, await Line.open(door.endpoint) as line:
                await line.send(post(b"1", host=UNIFIED) + post(b"2") + post(b"3", host=UNIFIED))
                assert [(await line.answer()).status for _ in range(3)] == [202, 201, 202]

    run(main())


@pytest.mark.parametrize("status", [204, 205, 304])
def test_an_answer_of_one_s_own_that_can_have_no_body_is_whole_and_the_next_one_follows(status: int) -> None:
    async def main() -> None:
        async with house() as h:
            custom = {"format": "Custom", "success": {"statusCode": status, "body": "never"}}
            await h.say(UnifiedEndpoint={"response": custom})
            async with h.http() as door, await Line.open(door.endpoint) as line:
                await line.send(post(b"1", host=UNIFIED) + post(b"2"))
                first, second = await line.answer(), await line.answer()
                assert (first.status, first.body, second.status) == (status, b"", 201)
                assert first.fields.get("content-length") == ("0" if status == 205 else None)

    run(main())
