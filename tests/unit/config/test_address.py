"""Addresses of listeners and stores: what is taken, what is refused and with which hint."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minori.config.address import Endpoint, StoreAddress, parse_endpoint, parse_store


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("127.0.0.1:8080", Endpoint("127.0.0.1", 8080)),
        ("localhost:0", Endpoint("localhost", 0)),
        ("0.0.0.0:65535", Endpoint("0.0.0.0", 65535)),  # noqa: S104 - text to be parsed, nothing listens
        ("[::1]:0", Endpoint("::1", 0)),
        ("[fe80::1%eth0]:80", Endpoint("fe80::1%eth0", 80)),
        ("gateway_1.plant.example.:23080", Endpoint("gateway_1.plant.example.", 23080)),
    ],
)
def test_a_host_and_a_port_make_an_endpoint_that_reads_as_it_was_written(text: str, endpoint: Endpoint) -> None:
    assert parse_endpoint(text) == endpoint
    assert str(endpoint) == text


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (":8080", "write 127.0.0.1:8080 for this machine alone, or 0.0.0.0:8080 for every network"),
        ("*:8080", "write 127.0.0.1:8080 for this machine alone"),
        ("8080", "write 127.0.0.1:8080"),
        ("localhost", "write localhost:0"),
        ("", "the port is missing"),
        ("::1:8080", "an IPv6 address stands in brackets"),
        ("[::1]", "the port must be a whole number"),
        ("[localhost]:80", "must be an IPv6 address"),
        ("[::1:80", "an IPv6 address stands in brackets"),
        ("1.2.3:80", "an IPv4 address has four numbers"),
        ("256.1.1.1:80", "an IPv4 address has four numbers"),
        ("host:65536", "from 0 to 65535"),
        ("host:-1", "from 0 to 65535"),
        ("host:", "from 0 to 65535"),
        ("host:\uff18", "from 0 to 65535"),
        ("host:80 ", "from 0 to 65535"),
        ("a b:80", "the host must be a name or an IP address"),
        ("-host:80", "the host must be a name or an IP address"),
        ("host\n:80", "the host must be a name or an IP address"),
        (f"{'a' * 64}:80", "the host must be a name or an IP address"),
        (f"{'a.' * 127}a:80", "the host must be a name or an IP address"),
        ("http://127.0.0.1:80", "without a scheme or a path"),
        ("127.0.0.1:80/v1", "without a scheme or a path"),
    ],
)
def test_anything_else_is_refused_with_a_hint(text: str, hint: str) -> None:
    with pytest.raises(ValueError, match=re.escape(hint)):
        parse_endpoint(text)


@given(st.text(max_size=40))
def test_no_text_makes_the_endpoint_parser_fail_otherwise(text: str) -> None:
    try:
        endpoint = parse_endpoint(text)
    except ValueError:
        return
    assert parse_endpoint(str(endpoint)) == endpoint


def test_a_store_may_name_its_scheme_alone() -> None:
    assert parse_store("rocksdb:", ("rocksdb", "memory")) == StoreAddress("rocksdb", None)


def test_a_store_may_name_an_absolute_path_which_is_taken_as_it_stands() -> None:
    assert parse_store("sqlite:///srv/a%20b?c.sqlite", ("sqlite",)) == StoreAddress("sqlite", "/srv/a%20b?c.sqlite")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "no such store"),
        ("rocksdb", "no such store"),
        ("lmdb:", "no such store"),
        ("ROCKSDB:", "no such store"),
        ("rocksdb:relative", "must be absolute"),
        ("rocksdb:/one/slash", "must be absolute"),
        ("rocksdb://host/path", "must be absolute"),
        ("rocksdb:///", "must be absolute"),
        ("rocksdb:///a\0b", "no NUL"),
        ("memory:///path", "takes no path"),
    ],
)
def test_any_other_store_is_refused_with_a_hint(text: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        parse_store(text, ("rocksdb", "memory"))
