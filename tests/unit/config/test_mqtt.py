"""The section `[mqtt]`: what a broker's URL and a topic mean, and that no message holds the password."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import strategies as st

from minori.cli.settings import settings
from minori.config.load import load
from minori.config.mqtt import Broker, Mqtt, parse_broker, parse_topics, shown_broker
from minori.errors import InvalidParameter, SettingsInvalid
from minori.model.resource import ResourceType

SECRET = "zq8pay1oad"
TOPIC = "harvest/{resource_type}/{resource_id}"


@pytest.mark.parametrize(
    ("url", "broker"),
    [
        ("mqtt://localhost", Broker("localhost", 1883, is_secured=False)),
        ("mqtts://broker.example.com/", Broker("broker.example.com", 8883, is_secured=True)),
        ("mqtt://10.0.0.1:11883", Broker("10.0.0.1", 11883, is_secured=False)),
        ("mqtt://[::1]", Broker("::1", 1883, is_secured=False)),
        ("mqtt://[::1]:1", Broker("::1", 1, is_secured=False)),
        ("mqtt://minori@host", Broker("host", 1883, False, "minori")),
        ("mqtts://us%3Aer:p%40ss:w@o/rd@host:1", Broker("host", 1, True, "us:er", "p@ss:w@o/rd")),
    ],
)
def test_a_url_means_a_broker(url: str, broker: Broker) -> None:
    assert parse_broker(url) == broker


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("http://host", "begins with mqtt:// or mqtts://"),
        ("broker:1883", "begins with mqtt:// or mqtts://"),
        (f"mqtt:user:{SECRET}@host", "begins with mqtt:// or mqtts://"),
        (f"mqtt://user:{SECRET}", "behind // or, if there is one, the last @ stand a host"),
        (f"mqtt://user:{SECRET}@", "behind // or, if there is one, the last @ stand a host"),
        (f"mqtt://user:{SECRET}@host/topic", "behind // or, if there is one, the last @ stand a host"),
        (f"mqtt://user:{SECRET}@host:0", "the port of a broker is 1 to 65535"),
        (f"mqtt://:{SECRET}@host", "the user's name is missing"),
        (f"mqtt://user:{SECRET}%ff@host", "must be UTF-8"),
        (f"mqtt://user:{SECRET}%00@host", "printable"),
        (f"mqtt://user:{SECRET * 200}@host", "up to 1024"),
    ],
)
def test_a_url_that_is_wrong_is_answered_without_its_password(url: str, hint: str) -> None:
    with pytest.raises(SettingsInvalid, match=re.escape(hint)) as caught:
        load(None, {"MINORI_MQTT_URL": url, "MINORI_MQTT_OPERATOR_ID": "OP1"}, {})
    assert "MINORI_MQTT_URL" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_url_that_is_no_text_is_answered_without_its_password(tmp_path: Path) -> None:
    file = tmp_path / "minori.toml"
    file.write_text(f'[mqtt]\nurl = ["mqtt://user:{SECRET}@host"]\n')
    with pytest.raises(SettingsInvalid, match="give mqtt://HOST") as caught:
        load(str(file), {}, {})
    assert SECRET not in str(caught.value)


@given(st.text(max_size=40) | st.builds("mqtt://{}".format, st.text(max_size=40)))
def test_no_text_makes_the_parser_of_urls_fail_otherwise(text: str) -> None:
    try:
        parse_broker(text)
    except ValueError as error:
        assert str(error)  # noqa: PT017 - either outcome is right


def test_the_settings_are_listed_without_the_password() -> None:
    told = {"MINORI_MQTT_URL": f"mqtts://minori:{SECRET}@host", "MINORI_MQTT_OPERATOR_ID": "OP1"}
    listed = CliRunner().invoke(settings, env=told)
    assert "mqtts://minori:…@host:8883" in listed.output
    assert SECRET not in listed.output
    assert SECRET not in repr(load(None, told, {}))
    assert SECRET not in repr(parse_broker(told["MINORI_MQTT_URL"]))
    assert [shown_broker(url) for url in ("", "mqtt://host", "mqtt://me@[::1]")] == [
        "",
        "mqtt://host:1883",
        "mqtt://me@[::1]:1883",
    ]


def test_a_broker_needs_an_operator() -> None:
    with pytest.raises(SettingsInvalid, match=r"mqtt\.url needs mqtt\.operator_id beside it"):
        load(None, {"MINORI_MQTT_URL": "mqtt://host"}, {})


def test_there_is_no_broker_by_default() -> None:
    assert Mqtt().url == ""


@pytest.mark.parametrize(
    ("topic", "subscribed"),
    [(TOPIC, "harvest/+/+"), ("/a/{resource_id}/b c/{resource_type}/up", "/a/+/b c/+/up")],
)
def test_a_topic_is_subscribed_with_a_plus_in_place_of_each_placeholder(topic: str, subscribed: str) -> None:
    assert parse_topics(topic).filter == subscribed


@pytest.mark.parametrize(
    ("topic", "hint"),
    [
        ("", "{resource_type} stands in it exactly once, as a whole level"),
        ("harvest/{resource_type}", "{resource_id} stands in it exactly once, as a whole level"),
        ("{resource_type}/{resource_id}/{resource_id}", "{resource_id} stands in it exactly once"),
        ("{resource_type}-{resource_id}", "{resource_type} stands in it exactly once, as a whole level"),
        ("{resource_type}/{resource_id}/{imsi}", "no other placeholder and no wildcard"),
        ("+/{resource_type}/{resource_id}", "no other placeholder and no wildcard"),
        ("{resource_type}/{resource_id}/#", "no other placeholder and no wildcard"),
        ("$share/a/{resource_type}/{resource_id}", "begins with no $"),
        ("a\0/{resource_type}/{resource_id}", "printable"),
        (f"{'a' * 256}/{TOPIC}", "up to 256"),
    ],
)
def test_a_topic_that_is_wrong_is_refused_with_what_is_wrong(topic: str, hint: str) -> None:
    with pytest.raises(SettingsInvalid, match=re.escape(hint)):
        load(None, {"MINORI_MQTT_TOPIC": topic}, {})


@pytest.mark.parametrize("kind", ResourceType)
def test_a_topic_names_a_resource(kind: ResourceType) -> None:
    assert parse_topics("a/{resource_id}/{resource_type}").read(f"a/de:vice 1/{kind}") == (kind, "de:vice 1")


@pytest.mark.parametrize(
    ("topic", "hint"),
    [
        ("harvest/Sim", "is not of the form"),
        ("harvest/Sim/1/2", "is not of the form"),
        ("/harvest/Sim/1", "is not of the form"),
        ("other/Sim/1", "is not of the form"),
        ("", "is not of the form"),
        ("harvest/sim/1", "names no type of a resource"),
        ("harvest/Sim/", "names no resource id"),
        ("harvest/Sim/\n", "names no resource id"),
        (f"harvest/Sim/{'é' * 129}", "names no resource id"),
    ],
)
def test_a_topic_that_names_none_is_answered_with_why_and_stays_short(topic: str, hint: str) -> None:
    with pytest.raises(InvalidParameter, match=re.escape(hint)) as caught:
        parse_topics(TOPIC).read(topic)
    assert len(str(caught.value)) < 300
    assert str(caught.value).isprintable()


@given(st.text())
@example("harvest/Sim/\ud800")
def test_no_topic_makes_the_reader_fail_otherwise(topic: str) -> None:
    try:
        parse_topics(TOPIC).read(topic)
    except InvalidParameter as error:
        assert error.message  # noqa: PT017 - either outcome is right
