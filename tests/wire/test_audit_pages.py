"""Pages of the audit log, restarts and bounds: every call exactly once, and as long as it is to be kept."""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from soracom_api import ApiClient, Configuration  # type: ignore[import-untyped]  # the client brings no types
from soracom_api.apis import AuditLogApi  # type: ignore[import-untyped]  # the package ships no types

from people import SECONDS, Caller, root
from serving import Serve, Server
from wire.asking import Reply, connect, head, read

CALLS = 2500
KIND = "/v1/data/{resource_type}/{resource_id}"

# The client calls what its HTTP library has come to deprecate.
pytestmark = pytest.mark.filterwarnings("ignore:HTTPResponse.getheader:DeprecationWarning")


def call_often(caller: Caller, calls: int, mark: str = "n") -> None:
    """Ask for so many resources, fast: several in each millisecond."""
    with connect(caller.server.api) as connection:
        for number in range(calls):
            connection.sendall(head("GET", f"/v1/data/Device/{mark}{number}", caller.headers))
            assert read(connection).status == 200


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    """The root user of a server who has called 2,500 times."""
    with Server(tmp_path_factory.mktemp("busy") / "data") as server:
        caller = root(server)
        call_often(caller, CALLS)
        yield caller


def ask(caller: Caller, **query: Any) -> Reply:
    reply = caller.ask("GET", "/audit_logs/api?" + "&".join(f"{name}={value}" for name, value in query.items()))
    assert reply.status == 200, reply.body
    return reply


def pages(caller: Caller, **query: Any) -> Iterator[list[Any]]:
    """The pages, by the key in the header."""
    key: str | None = "9223372036854775807"
    while key is not None:
        reply = ask(caller, **query, last_evaluated_key=key)
        yield reply.json
        key = reply.headers.get("x-soracom-next-key")


def by_hand(caller: Caller, **query: Any) -> Iterator[list[Any]]:
    """The pages, by the time of the last entry of each (documented)."""
    key = 9223372036854775807
    while page := ask(caller, **query, last_evaluated_key=key).json:
        yield page
        key = page[-1]["requestedTimeEpochMs"]


@pytest.mark.parametrize(("limit", "turn"), [(100, pages), (1000, pages), (100, by_hand), (1000, by_hand), (40, pages)])
def test_pages_of_any_size_have_every_call_exactly_once_the_newest_first(
    busy: Caller, limit: int, turn: Callable[..., Iterator[list[Any]]]
) -> None:
    found = list(turn(busy, limit=limit, api_kind=KIND))
    assert all(len(page) <= limit for page in found)
    paths = [entry["requestPath"] for page in found for entry in page]
    assert paths == [f"/v1/data/Device/n{number}" for number in reversed(range(CALLS))]


def test_these_tests_page_through_milliseconds_of_several_calls(busy: Caller) -> None:
    """Or the ones around this one would say little."""
    times = Counter(entry["requestedTimeEpochMs"] for page in pages(busy, limit=1000, api_kind=KIND) for entry in page)
    assert max(times.values()) > 1


def test_one_call_a_page_is_exact_too_though_several_share_a_millisecond(busy: Caller) -> None:
    newest = [entry["requestPath"] for entry in ask(busy, limit=60, api_kind=KIND).json]
    turned = []
    for page in pages(busy, limit=1, api_kind=KIND):
        turned += [entry["requestPath"] for entry in page]
        if len(turned) == len(newest):
            break
    assert turned == newest


def test_a_key_passes_unchanged_through_whatever_a_client_does_to_it_and_the_link_carries_the_conditions(
    busy: Caller,
) -> None:
    reply = ask(
        busy, limit=1, api_kind="/v1/data/%7Bresource_type%7D/%7Bresource_id%7D", from_epoch_ms=1, to_epoch_ms=1 << 62
    )
    key = reply.headers["x-soracom-next-key"]
    assert re.fullmatch(r"[0-9]+(_[0-9]+)?", key)
    link = re.fullmatch(r"<(/v1/audit_logs/api\?[^<>;,]*)>; rel=next", reply.headers["link"])
    assert link is not None
    kept = ("limit=1", "api_kind=%2Fv1%2Fdata%2F%7B", "from_epoch_ms=1", f"to_epoch_ms={1 << 62}")
    assert all(condition in link[1] for condition in (*kept, f"last_evaluated_key={key}"))
    assert busy.ask("GET", link[1].removeprefix("/v1")).json[0]["apiKind"] == KIND
    assert "link" not in ask(busy, api_kind="/v1/nothing").headers


def test_from_and_to_are_both_included(busy: Caller) -> None:
    times = [entry["requestedTimeEpochMs"] for entry in ask(busy, limit=1000, api_kind=KIND).json]
    first, last = times[-1] + 1, times[0] - 1
    found = ask(busy, limit=1000, api_kind=KIND, from_epoch_ms=first, to_epoch_ms=last).json
    assert [entry["requestedTimeEpochMs"] for entry in found] == [time for time in times if first <= time <= last]
    (only,) = {entry["requestedTimeEpochMs"] for entry in ask(busy, from_epoch_ms=times[0], to_epoch_ms=times[0]).json}
    assert only == times[0]


@pytest.mark.parametrize(
    ("query", "length"),
    [
        ("limit=2000", 1000),
        (f"limit={'9' * 30}", 1000),
        ("", 100),
        ("from_epoch_ms=-5&to_epoch_ms=99999999999999999999", 100),
        ("from_epoch_ms=99999999999999999999", 0),
        ("from_epoch_ms=5&to_epoch_ms=-99999999999999999999", 0),
        ("from_epoch_ms=9&to_epoch_ms=5", 0),
        ("last_evaluated_key=0", 0),
        ("last_evaluated_key=5_5", 0),
        ("api_kind=/v1/sims/%25", 0),
    ],
)
def test_a_condition_that_asks_for_too_much_or_for_nothing_gets_what_there_is(
    busy: Caller, query: str, length: int
) -> None:
    reply = busy.ask("GET", f"/audit_logs/api?{query}")
    # A page ends where a millisecond does, and so may hold fewer than it could.
    assert (reply.status, len(reply.json) > 0, len(reply.json) <= length) == (200, length > 0, True)


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=-1",
        "limit=x",
        "from_epoch_ms=yesterday",
        "to_epoch_ms=1.5",
        "last_evaluated_key=x",
        "last_evaluated_key=5_",
        "last_evaluated_key=5_x",
        "last_evaluated_key=-5",
        "last_evaluated_key=9999999999999999999",
        "last_evaluated_key=5_9999999999999999999",
    ],
)
def test_what_is_no_number_and_no_key_is_refused(busy: Caller, query: str) -> None:
    reply = busy.ask("GET", f"/audit_logs/api?{query}")
    assert (reply.status, reply.json["code"]) == (400, "COM0001")
    assert query.partition("=")[0] in reply.json["message"]


def test_the_public_client_reads_and_pages(busy: Caller) -> None:
    pair = {"api_key": busy.headers["X-Soracom-API-Key"], "api_token": busy.headers["X-Soracom-Token"]}
    with ApiClient(Configuration(host=f"{busy.server.url}/v1", api_key=pair)) as api:
        found: list[Any] = []
        query: dict[str, Any] = {"api_kind": KIND, "limit": 400, "from_epoch_ms": 1, "to_epoch_ms": time.time_ns()}
        while page := AuditLogApi(api).get_api_audit_logs(**query):
            found += page
            query["last_evaluated_key"] = str(page[-1].requested_time_epoch_ms)
    assert [entry.request_path for entry in found] == [f"/v1/data/Device/n{at}" for at in reversed(range(CALLS))]
    assert {(entry.operator_id, entry.remote_ip_address) for entry in found} == {(busy.operator_id, "127.0.0.1")}
    assert all(newer.requested_time_epoch_ms >= older.requested_time_epoch_ms for newer, older in pairwise(found))


def test_entries_outlive_a_stop_and_what_is_a_second_old_a_kill(serve: Serve) -> None:
    server = serve()
    call_often(root(server), 300, "stopped")
    server.restart()
    call_often(root(server), 300, "killed")
    file = server.data_dir / "audit.sqlite-wal"
    _until(lambda: b"/v1/data/Device/killed299" in file.read_bytes())
    server.kill()
    server.restart()
    found = ask(root(server), limit=1000, api_kind=KIND).json
    marks = Counter(entry["requestPath"].rstrip("0123456789") for entry in found)
    assert marks == {"/v1/data/Device/stopped": 300, "/v1/data/Device/killed": 300}


def test_of_an_operator_who_has_too_many_the_newest_stay(tmp_path: Path) -> None:
    with Server(tmp_path / "data") as server:
        call_often(root(server), 300)
    with Server(tmp_path / "data", environment={"MINORI_AUDIT_ENTRIES": "50"}) as server:
        caller = root(server)

        def paths() -> list[str]:
            return [entry["requestPath"] for entry in ask(caller, limit=1000, api_kind=KIND).json]

        _until(lambda: len(paths()) <= 50)
        found = paths()
        assert found == [f"/v1/data/Device/n{299 - number}" for number in range(len(found))]
        assert len(found) > 30, "no more than is too much"


def test_a_log_that_cannot_be_read_is_named_at_the_start_and_nothing_is_touched(serve: Serve, tmp_path: Path) -> None:
    server = serve(data_dir=tmp_path / "data")
    call_often(root(server), 10)
    server.stop()
    file = server.data_dir / "audit.sqlite"
    file.write_bytes(b"no database at all, but longer than the header of one would be" * 100)
    with pytest.raises(AssertionError) as refused:
        server.start()
    assert f"The audit log {file} cannot be read" in str(refused.value)
    assert "move it away" in str(refused.value)
    for path in list(server.data_dir.glob("audit.sqlite*")):
        path.rename(tmp_path / path.name)
    server.start()
    assert [entry["apiKind"] for entry in ask(root(server)).json] == ["/v1/auth"]


def test_a_data_directory_of_before_gets_its_log_at_the_start(serve: Serve, tmp_path: Path) -> None:
    server = serve(data_dir=tmp_path / "data")
    server.stop()
    for path in list(server.data_dir.glob("audit.sqlite*")):
        path.unlink()
    server.start()
    assert len(ask(root(server)).json) == 1


def test_a_log_in_memory_leaves_no_file(serve: Serve) -> None:
    server = serve(environment={"MINORI_STORES_AUDIT": "memory:"})
    assert [entry["apiKind"] for entry in ask(root(server)).json] == ["/v1/auth"]
    assert list(server.data_dir.glob("audit*")) == []


def _until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.02)
