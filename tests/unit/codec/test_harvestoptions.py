"""What a group says about payloads: options as they are written, and those that are refused."""

from typing import Any

import pytest

from minori.codec.customtime import CustomTime, TimeFormat
from minori.codec.harvestoptions import (
    DEFAULT_TIME,
    HarvestOptions,
    Reply,
    UnifiedResponse,
    check_option,
    read_options,
)
from minori.codec.pointer import parse_pointer
from minori.errors import Invalid, InvalidFormat, InvalidParameter
from minori.model.resource import ResourceType

DOCUMENTED = {"format": "iso-8601", "type": "jsonpointer", "value": "/time"}
"""`customTimestamp` as the API's definition shows it."""


def harvest(**options: Any) -> HarvestOptions:
    for key, value in options.items():
        check_option("SoracomHarvest", key, value)
    return read_options({"SoracomHarvest": options})


def test_a_group_that_says_nothing_has_everything_off() -> None:
    options = read_options({})
    assert options == HarvestOptions()
    assert (options.enabled, options.category, options.time, options.batch) == (False, None, None, None)
    assert (options.framed, options.payload_bytes, options.retention_days) == (False, None, None)
    assert options.response == UnifiedResponse("Auto")


def test_the_documented_option_is_read() -> None:
    options = harvest(enabled=True, customTimestamp=DOCUMENTED)
    assert options.enabled
    assert options.time == CustomTime(parse_pointer("/time"), TimeFormat.ISO_8601, falls_back=False)


@pytest.mark.parametrize("form", ["iso-8601", "unix-sec", "unix-msec"])
def test_a_custom_time_has_three_formats(form: str) -> None:
    options = harvest(customTimestamp={"format": form, "type": "jsonpointer", "value": "/a~1b", "fallback": True})
    assert options.time == CustomTime(parse_pointer("/a~1b"), TimeFormat(form), falls_back=True)


@pytest.mark.parametrize("value", [{"value": "/data"}, {"enabled": True, "type": "jsonpointer", "value": "/data"}])
def test_batch_write_has_a_pointer_and_brings_a_time_along(value: dict[str, Any]) -> None:
    options = harvest(batchWrite=value)
    assert options.batch == parse_pointer("/data")
    assert options.time == DEFAULT_TIME
    both = harvest(batchWrite=value, customTimestamp={**DOCUMENTED, "value": "/at"})
    assert both.time == CustomTime(parse_pointer("/at"))


@pytest.mark.parametrize("value", [{}, {"value": ""}, {"value": None}])
def test_a_blank_pointer_of_batch_write_is_the_whole_payload(value: dict[str, Any]) -> None:
    assert harvest(batchWrite=value).batch == parse_pointer("")


@pytest.mark.parametrize("value", [None, {"enabled": False, "value": "/data"}])
def test_batch_write_that_is_off_is_none(value: dict[str, Any] | None) -> None:
    options = harvest(batchWrite=value)
    assert options.batch is None
    assert options.time is None


def test_the_other_options_of_harvest_are_read() -> None:
    options = harvest(category="畑 7", binaryFormatV1Enabled=True, maxPayloadBytes=4096, retentionDays=40)
    assert options == HarvestOptions(category="畑 7", framed=True, payload_bytes=4096, retention_days=40)
    nothing = harvest(category=None, customTimestamp=None, batchWrite=None, maxPayloadBytes=None, retentionDays=None)
    assert nothing == HarvestOptions()
    assert harvest(retentionDays=0).retention_days == 0


def test_the_binary_parser_is_on_where_it_has_a_format() -> None:
    air = {"binaryParserEnabled": True, "binaryParserFormat": "temp:0:int:16:/10"}
    options = read_options({"SoracomAir": air})
    for kind in ResourceType:
        found = options.parser_format(kind)
        assert found is not None
        assert found.parse(b"\0\xff").text == '{"temp":25.5,"binaryParserEnabled":true}'
    check_option("SoracomAir", "binaryParserFormat", "")
    halves = (
        {"binaryParserEnabled": True},
        {"binaryParserEnabled": True, "binaryParserFormat": ""},
        {"binaryParserFormat": "@json"},
        {**air, "binaryParserEnabled": False},
    )
    for half in halves:
        assert read_options({"SoracomAir": half}).parser_format(ResourceType.SUBSCRIBER) is None


def test_lorawan_and_sigfox_devices_may_have_a_format_of_their_own() -> None:
    def on(text: str) -> dict[str, Any]:
        return {"binaryParserEnabled": True, "binaryParserFormat": text}

    options = read_options(
        {"SoracomLora": on("a:0:uint:8"), "SoracomSigfox": on("b:0:uint:8"), "SoracomAir": on("@json")}
    )
    kinds = (ResourceType.LORA_DEVICE, ResourceType.SIGFOX_DEVICE, ResourceType.SUBSCRIBER, ResourceType.DEVICE)
    assert [found.text for kind in kinds if (found := options.parser_format(kind))] == [
        "a:0:uint:8",
        "b:0:uint:8",
        "@json",
        "@json",
    ]


@pytest.mark.parametrize(("namespace", "name"), [("SoracomLora", "deveui"), ("SoracomSigfox", "seqNumber")])
def test_a_format_has_none_of_the_networks_own_names(namespace: str, name: str) -> None:
    text = f"{name}:0:uint:8"
    with pytest.raises(InvalidFormat):
        check_option(namespace, "binaryParserFormat", text)
    check_option("SoracomAir", "binaryParserFormat", text)


def test_the_unified_endpoint_says_how_it_answers() -> None:
    options = read_options(
        {"UnifiedEndpoint": {"response": {"format": "SoracomHarvest"}, "binaryFormatV1Enabled": True}}
    )
    assert options.response == UnifiedResponse("SoracomHarvest")
    assert options.unified_framed
    assert not options.framed
    success = {"statusCode": 202, "body": '{"ok":true}', "contentType": "application/json"}
    custom = {"format": "Custom", "success": success, "failure": {"body": "try again"}}
    check_option("UnifiedEndpoint", "response", custom)
    assert read_options({"UnifiedEndpoint": {"response": custom}}).response == UnifiedResponse(
        "Custom", Reply(202, '{"ok":true}', "application/json"), Reply(400, "try again")
    )


@pytest.mark.parametrize(
    ("namespace", "key", "value"),
    [
        ("SoracomHarvest", "customtimestamp", 1),
        ("SoracomHarvest", "encryption_enabled", "maybe"),
        ("SoracomBeam", "enabled", 1),
        ("Mine", "customTimestamp", {"format": 1}),
        ("SoracomHarvest", "customTimestamp", {**DOCUMENTED, "more": [1]}),
        ("UnifiedEndpoint", "enabled", "yes"),
    ],
)
def test_what_is_not_known_may_be_anything(namespace: str, key: str, value: Any) -> None:
    check_option(namespace, key, value)


WRONG: list[tuple[str, str, Any, str]] = [
    ("SoracomHarvest", "enabled", "true", "enabled of SoracomHarvest must be true or false"),
    ("SoracomHarvest", "enabled", 1, "true or false"),
    ("SoracomHarvest", "enabled", None, "true or false"),
    ("SoracomHarvest", "category", "", "text of 1 to 1024 bytes"),
    ("SoracomHarvest", "category", "a\0", "without NUL"),
    ("SoracomHarvest", "category", "é" * 513, "1024 bytes"),
    ("SoracomHarvest", "category", ["a"], "text"),
    ("SoracomHarvest", "customTimestamp", "/time", "customTimestamp of SoracomHarvest must be an object"),
    ("SoracomHarvest", "customTimestamp", True, "must be an object"),
    ("SoracomHarvest", "customTimestamp", {}, "format in customTimestamp of SoracomHarvest must be iso-8601, unix-sec"),
    ("SoracomHarvest", "customTimestamp", {**DOCUMENTED, "format": "ISO-8601"}, "iso-8601, unix-sec or unix-msec"),
    ("SoracomHarvest", "customTimestamp", {**DOCUMENTED, "format": ["iso-8601"]}, "iso-8601"),
    ("SoracomHarvest", "customTimestamp", {**DOCUMENTED, "type": "jsonpath"}, "type in customTimestamp .* jsonpointer"),
    (
        "SoracomHarvest",
        "customTimestamp",
        {**DOCUMENTED, "value": "time"},
        "is no JSON Pointer: .* begins with a slash",
    ),
    ("SoracomHarvest", "customTimestamp", {**DOCUMENTED, "value": "/~"}, "is no JSON Pointer: .* ~0 stands for ~"),
    ("SoracomHarvest", "customTimestamp", {**DOCUMENTED, "value": 7}, "value in customTimestamp .* must be a text"),
    ("SoracomHarvest", "customTimestamp", {**DOCUMENTED, "fallback": "yes"}, "fallback in .* must be true or false"),
    ("SoracomHarvest", "batchWrite", True, "batchWrite of SoracomHarvest must be an object"),
    ("SoracomHarvest", "batchWrite", {"value": "data"}, "begins with a slash"),
    (
        "SoracomHarvest",
        "batchWrite",
        {"enabled": "no"},
        "enabled in batchWrite of SoracomHarvest must be true or false",
    ),
    ("SoracomHarvest", "binaryFormatV1Enabled", "on", "true or false"),
    ("SoracomHarvest", "maxPayloadBytes", 0, "whole number from 1 to 1048576"),
    ("SoracomHarvest", "maxPayloadBytes", 1_048_577, "whole number from 1 to 1048576"),
    ("SoracomHarvest", "maxPayloadBytes", 1.5, "whole number"),
    ("SoracomHarvest", "maxPayloadBytes", True, "whole number"),
    ("SoracomHarvest", "retentionDays", -1, "whole number from 0 to 36500"),
    ("SoracomHarvest", "retentionDays", "40", "whole number from 0 to 36500"),
    ("SoracomAir", "binaryParserEnabled", "true", "binaryParserEnabled of SoracomAir must be true or false"),
    ("SoracomAir", "binaryParserFormat", 1, "binaryParserFormat of SoracomAir must be a text"),
    ("SoracomAir", "binaryParserFormat", "temp:0:integer", "format is wrong at column"),
    ("SoracomLora", "binaryParserFormat", " ", "format is wrong at column"),
    (
        "UnifiedEndpoint",
        "response",
        "Auto",
        "response of UnifiedEndpoint must be an object whose format is Auto, Unified",
    ),
    ("UnifiedEndpoint", "response", {"format": "auto"}, "whose format is"),
    ("UnifiedEndpoint", "response", {"format": ["Auto"]}, "whose format is"),
    ("UnifiedEndpoint", "response", {"format": "Custom", "success": "ok"}, "success in response .* must be an object"),
    ("UnifiedEndpoint", "response", {"success": {"statusCode": 199}}, "whole number from 200 to 599"),
    ("UnifiedEndpoint", "response", {"success": {"statusCode": "200"}}, "whole number from 200 to 599"),
    ("UnifiedEndpoint", "response", {"failure": {"body": 1}}, "body of failure in response .* 1024 bytes"),
    ("UnifiedEndpoint", "response", {"failure": {"body": "é" * 513}}, "1024 bytes"),
    ("UnifiedEndpoint", "response", {"failure": {"contentType": "a/b\r\nX: y"}}, "must be a media type"),
    ("UnifiedEndpoint", "response", {"failure": {"contentType": None}}, "must be a media type"),
    ("UnifiedEndpoint", "binaryFormatV1Enabled", 0, "true or false"),
]


@pytest.mark.parametrize(("namespace", "key", "value", "why"), WRONG)
def test_a_value_that_minori_could_not_act_on_is_refused_by_name(
    namespace: str, key: str, value: Any, why: str
) -> None:
    with pytest.raises(Invalid, match=why) as refused:
        check_option(namespace, key, value)
    assert isinstance(refused.value, (InvalidParameter, InvalidFormat))
    assert "%" not in refused.value.message


@pytest.mark.parametrize(("namespace", "key", "value", "why"), WRONG)
def test_a_value_that_was_kept_before_it_was_refused_counts_as_absent(
    namespace: str, key: str, value: Any, why: str
) -> None:
    assert read_options({namespace: {key: value}}) == HarvestOptions()


def test_one_wrong_value_takes_no_other_with_it() -> None:
    assert read_options({"SoracomHarvest": {"enabled": True, "batchWrite": 1, "category": "a"}}) == HarvestOptions(
        enabled=True, category="a"
    )
