"""What simulated devices send."""

import json
from itertools import islice
from random import Random

import pytest

from minori.codec.binary.format import parse_format
from minori.codec.lorawan import parse_uplink
from minori.simulator.profiles import LORA, PROFILES, lora_eui


def chance(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - a simulation keeps no secret


@pytest.mark.parametrize("profile", [name for name in PROFILES if name != LORA])
def test_a_seed_gives_the_same_messages_every_time_and_another_seed_others(profile: str) -> None:
    def messages(seed: int) -> list[tuple[bytes, str]]:
        return list(islice(PROFILES[profile](chance(seed), 0), 50))

    assert messages(1) == messages(1)
    assert messages(1) != messages(2)


@pytest.mark.parametrize("profile", PROFILES)
def test_every_message_is_within_the_limit_of_a_payload(profile: str) -> None:
    assert all(0 < len(body) <= 1024 for body, _ in islice(PROFILES[profile](chance(1), 7), 1000))


def test_a_button_s_bytes_are_those_the_parser_reads() -> None:
    read = parse_format("@button").parse
    clicks = {json.loads(read(body).text)["clickTypeName"] for body, _ in islice(PROFILES["button"](chance(1), 0), 50)}
    assert clicks == {"SINGLE", "DOUBLE", "LONG"}


def test_a_gps_multiunit_has_its_documented_members_and_now_and_then_no_fix() -> None:
    told = [json.loads(body) for body, _ in islice(PROFILES["gps"](chance(1), 0), 200)]
    assert {tuple(one) for one in told} == {("lat", "lon", "bat", "rs", "temp", "humi", "x", "y", "z", "type")}
    assert {one["lat"] is None for one in told} == {True, False}


def test_a_lorawan_device_sends_soracoms_envelope_under_its_own_eui() -> None:
    body, _ = next(PROFILES[LORA](chance(1), 300))
    assert parse_uplink(body).device_id == lora_eui(300) == "020000000000012c"
