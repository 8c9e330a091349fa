"""Sessions over the wire: set, listed and removed through the API, and beside the server by the command line."""

import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from people import minori
from serving import Server
from wire.asking import Reply, ask

Api = Callable[..., Reply]
IMSI = "001010000000001"
SIM_ID = "8981100000000000001"


@pytest.fixture
def api(server: Server, headers: dict[str, str]) -> Api:
    """Ask the shared server: method, path below `/v1`, JSON."""

    def api(method: str, target: str, body: Any = None) -> Reply:
        sent = None if body is None else json.dumps(body).encode()
        return ask(server, method, f"/v1{target}", headers, sent)

    return api


def new_imsi(api: Api) -> str:
    """A new SIM in the demo group."""
    group_id = api("GET", "/groups?tag_name=name&tag_value=demo").json[0]["groupId"]
    sim = api("POST", "/sims", {"type": "virtual", "subscription": "planArc01"}).json["simId"]
    api("POST", f"/sims/{sim}/set_group", {"groupId": group_id})
    after = ""
    while True:
        page = api("GET", f"/subscribers?last_evaluated_key={after}")
        for one in page.json:
            if one["simId"] == sim:
                return str(one["imsi"])
        after = page.headers["x-soracom-next-key"]


def post(server: Server, source: str) -> httpx.Response:
    with httpx.Client(transport=httpx.HTTPTransport(local_address=source)) as client:
        return client.post(f"http://{server.door_http[0]}:{server.door_http[1]}/", content=b'{"t":1}')


def stored(api: Api, imsi: str) -> int:
    return len(api("GET", f"/data/Subscriber/{imsi}?limit=1000").json)


def test_a_session_is_set_shown_replaced_and_removed(api: Api) -> None:
    path = "/minori/sessions/192.0.2.0%2F24"
    shown = {"network": "192.0.2.0/24", "imsi": IMSI, "simId": SIM_ID}
    set_, again = api("PUT", path, {"imsi": IMSI}), api("PUT", path, {"simId": SIM_ID})
    assert [set_.status, again.status] == [201, 200]
    for reply in (set_, again, api("GET", path)):
        assert {name: value for name, value in reply.json.items() if name != "operatorId"} == shown
    assert [api("DELETE", path).status, api("DELETE", path).status, api("GET", path).status] == [204, 404, 404]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("198.51.100.7", "198.51.100.7/32"),
        ("198.51.100.7%2F24", "198.51.100.0/24"),
        ("2001:DB8:0:0::7", "2001:db8::7/128"),
        ("2001%3Adb8%3A%3A7%2F32", "2001:db8::/32"),
        ("::ffff:198.51.100.9", "198.51.100.9/32"),
        ("::ffff:198.51.0.0%2F112", "198.51.0.0/16"),
    ],
)
def test_a_network_has_one_form_however_it_is_written(api: Api, written: str, kept: str) -> None:
    path = f"/minori/sessions/{written}"
    assert api("PUT", path, {"imsi": IMSI}).json["network"] == kept
    assert api("GET", path).json["network"] == kept
    assert api("DELETE", f"/minori/sessions/{kept.replace('/', '%2F')}").status == 204


@pytest.mark.parametrize(
    "written",
    ["localhost", "10.0.0", "10.0.0.0%2F33", "fe80::1%25eth0", "10.0.0.0%2F255.0.0.0", "1" * 100, "%2F", "::1%2F129"],
)
def test_what_is_no_network_is_400(api: Api, written: str) -> None:
    for method, body in (("PUT", {"imsi": IMSI}), ("GET", None), ("DELETE", None)):
        assert api(method, f"/minori/sessions/{written}", body).status == 400


@pytest.mark.parametrize("body", [None, {}, [], {"imsi": 1}, {"imsi": IMSI, "simId": SIM_ID}, {"imsi": None}], ids=str)
def test_a_body_that_names_no_sim_is_400(api: Api, body: Any) -> None:
    assert api("PUT", "/minori/sessions/192.0.2.1", body).status == 400


@pytest.mark.parametrize("body", [{"imsi": "999"}, {"simId": "999"}, {"simId": ""}])
def test_a_sim_that_there_is_not_is_404(api: Api, body: Any) -> None:
    assert api("PUT", "/minori/sessions/192.0.2.1", body).status == 404


def test_sessions_are_listed_in_pages(api: Api) -> None:
    networks = sorted([f"10.77.{number}.0/24" for number in range(12)] + ["2001:db8:77::/48"])
    for network in networks:
        assert api("PUT", f"/minori/sessions/{network.replace('/', '%2F')}", {"imsi": IMSI}).status == 201
    seen: list[str] = []
    reply = api("GET", "/minori/sessions?limit=5")
    while True:
        seen += [one["network"] for one in reply.json]
        if "link" not in reply.headers:
            break
        assert len(reply.json) == 5
        reply = api("GET", reply.headers["link"].split(">")[0].removeprefix("</v1"))
    assert [network for network in seen if network in networks] == networks
    assert seen == sorted(seen)
    plain = api("GET", "/minori/sessions?last_evaluated_key=10.77.5.0/24&limit=1").json
    assert plain[0]["network"] == "10.77.6.0/24"
    for network in networks:
        assert api("DELETE", f"/minori/sessions/{network.replace('/', '%2F')}").status == 204


def test_the_longest_match_wins_at_the_door(api: Api, server: Server) -> None:
    wide, narrow = new_imsi(api), new_imsi(api)
    assert api("PUT", "/minori/sessions/127.44.0.0%2F16", {"imsi": wide}).status == 201
    assert api("PUT", "/minori/sessions/127.44.0.5", {"imsi": narrow}).status == 201
    assert [post(server, source).status_code for source in ("127.44.0.5", "127.44.0.6")] == [201, 201]
    assert (stored(api, wide), stored(api, narrow)) == (1, 1)
    assert api("DELETE", "/minori/sessions/127.44.0.5").status == 204
    assert post(server, "127.44.0.5").status_code == 201
    assert (stored(api, wide), stored(api, narrow)) == (2, 1)
    assert api("DELETE", "/minori/sessions/127.44.0.0%2F16").status == 204


def wait_for(holds: Callable[[], bool]) -> None:
    """What another process did is seen in the end; how soon is measured elsewhere."""
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_what_the_command_line_sets_beside_the_server_counts_at_the_doors(api: Api, server: Server) -> None:
    imsi = new_imsi(api)
    done = minori(server, "session", "set", "127.55.0.1", "--imsi", imsi)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"127.55.0.1/32  {imsi}\n", "")

    def counts() -> bool:
        assert post(server, "127.55.0.1").status_code == 201
        return stored(api, imsi) > 0

    wait_for(counts)
    listed = minori(server, "session", "list", "--json")
    assert {"network": "127.55.0.1/32", "imsi": imsi} in json.loads(listed.stdout)
    assert f"127.55.0.1/32  {imsi}\n" in minori(server, "session", "list").stdout
    assert minori(server, "session", "remove", "127.55.0.1").returncode == 0
    wait_for(lambda: api("GET", "/minori/sessions/127.55.0.1").status == 404)
    before = stored(api, imsi)
    assert post(server, "127.55.0.1").status_code == 201
    assert stored(api, imsi) == before


def test_the_command_line_says_what_it_cannot_do(server: Server) -> None:
    for words, code, said in [
        (("set", "127.55.0.1", "--imsi", "999"), 1, "There is no SIM with this IMSI"),
        (("set", "nonsense", "--imsi", IMSI), 2, "The network must be"),
        (("set", "127.55.0.1"), 2, "--imsi or --sim-id"),
        (("set", "127.55.0.1", "--imsi", IMSI, "--sim-id", SIM_ID), 2, "--imsi or --sim-id"),
        (("remove", "203.0.113.1"), 1, "There is no session of exactly this network"),
    ]:
        done = minori(server, "session", *words)
        assert (done.returncode, done.stdout) == (code, "")
        assert said in done.stderr


def other_operator(server: Server) -> dict[str, str]:
    """The headers of a second operator, made beside the server."""
    email = f"other{time.time_ns()}@example.com"
    made = minori(server, "operator", "add", "--email", email, "--json")
    assert made.returncode == 0, made.stderr
    given = json.loads(made.stdout)
    body = json.dumps({name: given[name] for name in ("authKeyId", "authKey")}).encode()
    reply: list[Reply] = []

    def is_in() -> bool:
        reply.append(ask(server, "POST", "/v1/auth", (), body))
        return reply[-1].status == 200

    wait_for(is_in)
    granted = reply[-1].json
    return {"X-Soracom-API-Key": granted["apiKey"], "X-Soracom-Token": granted["token"]}


def test_nobody_takes_over_or_sees_the_sessions_and_groups_of_another_operator(api: Api, server: Server) -> None:
    other = other_operator(server)

    def theirs(method: str, target: str, body: Any = None) -> Reply:
        return ask(server, method, f"/v1{target}", other, None if body is None else json.dumps(body).encode())

    sim = theirs("POST", "/sims", {"type": "virtual", "subscription": "planArc01"}).json["simId"]
    group_id = api("POST", "/groups", {}).json["groupId"]
    assert api("PUT", "/minori/sessions/172.30.5.0%2F24", {"imsi": IMSI}).status == 201
    for network in ("172.30.5.0%2F24", "172.30.5.9", "172.30.0.0%2F16", "0.0.0.0%2F0"):
        refused = theirs("PUT", f"/minori/sessions/{network}", {"simId": sim})
        assert (refused.status, "another operator" in refused.json["message"]) == (400, True)
    assert theirs("PUT", "/minori/sessions/172.30.6.0%2F24", {"simId": sim}).status == 201
    assert api("PUT", "/minori/sessions/172.30.5.9", {"imsi": IMSI}).status == 201
    assert theirs("PUT", "/minori/sessions/172.30.5.8", {"imsi": IMSI}).status == 404
    # Loopback is divided, but what is taken is taken.
    assert theirs("PUT", "/minori/sessions/127.66.0.1", {"simId": sim}).status == 201
    assert theirs("PUT", "/minori/sessions/127.0.0.0%2F8", {"simId": sim}).status == 400
    assert [one["network"] for one in theirs("GET", "/minori/sessions").json] == ["127.66.0.1/32", "172.30.6.0/24"]
    for method, target in [
        ("GET", "/minori/sessions/172.30.5.0%2F24"),
        ("DELETE", "/minori/sessions/172.30.5.0%2F24"),
        ("GET", f"/groups/{group_id}"),
        ("DELETE", f"/groups/{group_id}"),
        ("GET", f"/groups/{group_id}/subscribers"),
        ("DELETE", f"/groups/{group_id}/configuration/X"),
    ]:
        assert theirs(method, target).status == 404
    assert theirs("GET", "/groups").json == []
    for network in ("172.30.5.0%2F24", "172.30.5.9"):
        assert api("DELETE", f"/minori/sessions/{network}").status == 204
    for network in ("172.30.6.0%2F24", "127.66.0.1"):
        assert theirs("DELETE", f"/minori/sessions/{network}").status == 204
