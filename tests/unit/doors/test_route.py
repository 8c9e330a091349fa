"""Where the HTTP door sends a request, by method, target and host."""

import pytest

from minori.doors.route import is_for_files, route
from minori.errors import MethodNotAllowed, NotFound


@pytest.mark.parametrize(
    "target", [b"/", b"/?", b"/?a=/b", b"http://h", b"HTTP://h:80/", b"https://h/?a", b"http://h?a=/b"]
)
@pytest.mark.parametrize("method", [b"POST", b"PUT"])
def test_a_payload_goes_to_the_root_however_it_is_written(method: bytes, target: bytes) -> None:
    assert route(method, target, b"127.0.0.1:8880").refusal is None


@pytest.mark.parametrize("target", [b"//", b"/data", b"*", b"", b"http://h/data?x", b"/%2F"])
def test_another_path_is_not_found(target: bytes) -> None:
    assert isinstance(route(b"POST", target, b"").refusal, NotFound)


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"DELETE", b"OPTIONS", b"PATCH"])
def test_another_method_is_not_allowed(method: bytes) -> None:
    refusal = route(method, b"/", b"harvest.soracom.io").refusal
    assert isinstance(refusal, MethodNotAllowed)
    assert refusal.allowed == ("POST", "PUT")


@pytest.mark.parametrize("host", [b"uni.soracom.io", b"UNI.soracom.io:80", b"unified.soracom.io", b"unified.example"])
def test_the_unified_endpoint_is_told_by_its_host(host: bytes) -> None:
    assert route(b"POST", b"/", host).unified


@pytest.mark.parametrize("host", [b"", b"harvest.soracom.io", b"127.0.0.1", b"unify.example", b"uni", b"\xff"])
def test_any_other_host_is_harvest_data(host: bytes) -> None:
    found = route(b"POST", b"/", host)
    assert not found.unified
    assert found.refusal is None


def test_the_host_of_an_absolute_target_wins_over_the_header() -> None:
    assert route(b"POST", b"http://uni.soracom.io/", b"harvest.soracom.io").unified


@pytest.mark.parametrize("method", [b"PUT", b"GET", b"DELETE", b"PATCH"])
@pytest.mark.parametrize(
    ("target", "host"),
    [
        (b"/a.bin", b"harvest-files.soracom.io"),
        (b"/", b"Harvest-Files.example:8880"),
        (b"http://harvest-files.soracom.io/a?b", b"harvest.soracom.io"),
        (b"HTTP://HARVEST-FILES.soracom.io", b""),
    ],
)
def test_harvest_files_is_told_by_its_host_whatever_is_asked_there(method: bytes, target: bytes, host: bytes) -> None:
    assert route(method, target, host).files


@pytest.mark.parametrize("host", [b"", b"harvest-files", b"harvest.soracom.io", b"x.harvest-files.soracom.io"])
def test_no_other_host_is_harvest_files(host: bytes) -> None:
    assert not route(b"PUT", b"/", host).files
    assert not is_for_files(host.decode())


def test_an_absolute_target_to_another_host_is_not_for_files() -> None:
    assert not route(b"PUT", b"http://harvest.soracom.io/", b"harvest-files.soracom.io").files


def test_a_missing_host_is_not_for_files() -> None:
    assert not is_for_files(None)
