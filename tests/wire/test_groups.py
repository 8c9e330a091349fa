"""Groups over the wire: every operation with its statuses, and what a change of options means at the doors."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from serving import Serve, Server
from wire.asking import Reply, ask

Api = Callable[..., Reply]
HARVEST = "SoracomHarvest"
FILES = "SoracomHarvestFiles"


@pytest.fixture
def api(server: Server, headers: dict[str, str]) -> Api:
    """Ask the shared server: method, path below `/v1`, JSON."""

    def api(method: str, target: str, json: Any = None) -> Reply:
        body = None if json is None else httpx.Request("POST", "http://x", json=json).content
        return ask(server, method, f"/v1{target}", headers, body)

    return api


@pytest.fixture
def group(api: Api) -> Iterator[str]:
    """A group of the test's own."""
    group_id = api("POST", "/groups", {"tags": {"name": "läge"}}).json["groupId"]
    yield group_id
    api("DELETE", f"/groups/{group_id}")


def options(**values: Any) -> list[dict[str, Any]]:
    return [{"key": key, "value": value} for key, value in values.items()]


def test_a_new_group_answers_201_with_both_pairs_of_times(api: Api) -> None:
    made = api("POST", "/groups", {"tags": {"name": "a"}, "configuration": {"SoracomBeam": {"in": [1, {"x": None}]}}})
    assert made.status == 201
    shown = made.json
    assert set(shown) == {
        *("groupId", "operatorId", "tags", "configuration"),
        *("createdTime", "createdAt", "lastModifiedTime", "lastModifiedAt"),
    }
    assert shown["createdTime"] == shown["createdAt"] == shown["lastModifiedTime"] == shown["lastModifiedAt"]
    assert shown["configuration"] == {"SoracomBeam": {"in": [1, {"x": None}]}}
    assert api("GET", f"/groups/{shown['groupId']}").json == shown
    assert api("DELETE", f"/groups/{shown['groupId']}").status == 204


def test_a_group_is_made_of_nothing_at_all(api: Api) -> None:
    for body in ({}, {"tags": None}, {"tags": {}, "configuration": {}, "unknown": 1}):
        made = api("POST", "/groups", body)
        assert (made.status, made.json["tags"], made.json["configuration"]) == (201, {}, {})
        assert api("DELETE", f"/groups/{made.json['groupId']}").status == 204


def test_deleting_a_group_answers_204_once_and_404_from_then_on(api: Api) -> None:
    group_id = api("POST", "/groups", {}).json["groupId"]
    replies = [api("DELETE", f"/groups/{group_id}") for _ in range(2)]
    assert [(reply.status, reply.body == b"") for reply in replies] == [(204, True), (404, False)]


def test_putting_options_replaces_those_named_and_keeps_the_others(api: Api, group: str) -> None:
    path = f"/groups/{group}/configuration/SoracomBeam"
    first = api("PUT", path, options(a=1, b={"x": [True]}))
    assert (first.status, first.json["configuration"]) == (200, {"SoracomBeam": {"a": 1, "b": {"x": [True]}}})
    second = api("PUT", path, options(b="new", c=None))
    assert second.json["configuration"] == {"SoracomBeam": {"a": 1, "b": "new", "c": None}}
    assert second.json["lastModifiedTime"] >= first.json["lastModifiedTime"] >= first.json["createdTime"]
    assert api("GET", f"/groups/{group}").json == second.json


def test_options_and_namespaces_are_removed_one_by_one(api: Api, group: str) -> None:
    path = f"/groups/{group}/configuration/SoracomBeam"
    url = "inHttp://beam.soracom.io:8888/"
    api("PUT", path, [{"key": url, "value": {"enabled": True}}, {"key": "b", "value": 1}])
    one = f"{path}/{quote(url, safe='')}"
    assert [api("DELETE", one).status for _ in range(2)] == [204, 404]
    assert api("GET", f"/groups/{group}").json["configuration"] == {"SoracomBeam": {"b": 1}}
    assert [api("DELETE", path).status for _ in range(2)] == [204, 400]
    assert api("DELETE", f"{path}/b").status == 404


def test_tags_are_merged_and_removed(api: Api, group: str) -> None:
    path = f"/groups/{group}/tags"
    put = api("PUT", path, [{"tagName": "a/b c", "tagValue": "1"}, {"tagName": "name", "tagValue": "new"}])
    assert (put.status, put.json["tags"]) == (200, {"name": "new", "a/b c": "1"})
    assert [api("DELETE", f"{path}/a%2Fb%20c").status for _ in range(2)] == [204, 404]
    assert api("GET", f"/groups/{group}").json["tags"] == {"name": "new"}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("DELETE", "", None),
        ("PUT", "/configuration/X", []),
        ("DELETE", "/configuration/X", None),
        ("DELETE", "/configuration/X/y", None),
        ("GET", "/subscribers", None),
        ("PUT", "/tags", []),
        ("DELETE", "/tags/x", None),
    ],
)
def test_what_is_asked_of_a_group_that_is_not_there_is_404(api: Api, method: str, path: str, body: Any) -> None:
    assert api(method, f"/groups/00000000-0000-0000-0000-000000000000{path}", body).status == 404


@pytest.mark.parametrize(
    ("namespace", "key", "value"),
    [
        (HARVEST, "enabled", "true"),
        (HARVEST, "enabled", 1),
        (HARVEST, "enabled", None),
        (HARVEST, "category", 7),
        (HARVEST, "category", ""),
        (HARVEST, "category", "a\0b"),
        (HARVEST, "category", "é" * 513),
        (FILES, "enabled", []),
        (FILES, "defaultPath", {}),
        (FILES, "assumedRoleId", 1),
        (FILES, "dataEntryEnabled", "yes"),
        (FILES, "dataEntryPath", 1),
        (FILES, "dataEntryPath", "images"),
    ],
)
def test_an_option_that_we_act_on_is_refused_by_name_and_changes_nothing(
    api: Api, group: str, namespace: str, key: str, value: Any
) -> None:
    before = api("GET", f"/groups/{group}").json
    refused = api("PUT", f"/groups/{group}/configuration/{namespace}", options(**{"other": 1, key: value}))
    assert (refused.status, refused.json["code"]) == (400, "COM0001")
    assert f"{key} of {namespace}" in refused.json["message"]
    assert api("POST", "/groups", {"configuration": {namespace: {key: value}}}).status == 400
    assert api("GET", f"/groups/{group}").json == before


def test_texts_may_be_null_and_a_default_path_may_be_any_text(api: Api, group: str) -> None:
    wanted = {"defaultPath": "logs", "assumedRoleId": None, "dataEntryPath": None, "enabled": False}
    put = api("PUT", f"/groups/{group}/configuration/{FILES}", options(**wanted))
    assert (put.status, put.json["configuration"][FILES]) == (200, wanted)


@pytest.mark.parametrize(
    "body",
    [
        {},
        "x",
        1,
        [1],
        [{"key": "a"}],
        [{"value": 1}],
        [{"key": 1, "value": 1}],
        [{"key": "", "value": 1}],
        [{"key": "a\0", "value": 1}],
    ],
    ids=str,
)
def test_a_body_that_is_no_list_of_options_is_400(api: Api, group: str, body: Any) -> None:
    assert api("PUT", f"/groups/{group}/configuration/X", body).status == 400


def test_all_options_of_a_group_have_8_kilobytes_between_them(api: Api, group: str) -> None:
    path = f"/groups/{group}/configuration"
    fits = 8192 - len('{"A":{"k":""}}')
    assert api("PUT", f"{path}/A", options(k="x" * fits)).status == 200
    refused = api("PUT", f"{path}/B", options(k=""))
    assert refused.status == 400
    assert "8192" in refused.json["message"]
    assert api("PUT", f"{path}/A", options(k="x" * (fits + 1))).status == 400
    assert api("PUT", f"{path}/A", options(k="x")).status == 200


def test_a_value_may_be_deep_but_not_bottomless(api: Api, group: str) -> None:
    def nested(depth: int) -> Any:
        value: Any = 1
        for _ in range(depth):
            value = [value]
        return value

    assert api("PUT", f"/groups/{group}/configuration/A", options(k=nested(60))).status == 200
    assert api("PUT", f"/groups/{group}/configuration/A", options(k=nested(70))).status == 400
    assert api("GET", f"/groups/{group}").status == 200


def test_groups_are_listed_by_id_in_pages_and_by_their_tags(api: Api) -> None:
    made = [
        api("POST", "/groups", {"tags": {"site": f"plant-{number % 2}", "n": str(number)}}).json["groupId"]
        for number in range(5)
    ]
    wanted = "tag_name=site&tag_value=plant-&tag_value_match_mode=prefix&limit=2"
    reply = api("GET", f"/groups?{wanted}")
    pages = [reply]
    while "link" in reply.headers:
        target, _, rel = reply.headers["link"].partition("; ")
        assert (rel, reply.headers["x-soracom-next-key"]) == ("rel=next", reply.json[-1]["groupId"])
        reply = api("GET", target.strip("<>").removeprefix("/v1"))
        pages.append(reply)
    assert [len(page.json) for page in pages] == [2, 2, 1]
    assert [one["groupId"] for page in pages for one in page.json] == sorted(made)
    exact = api("GET", "/groups?tag_name=site&tag_value=plant-1")
    assert {one["groupId"] for one in exact.json} == {made[1], made[3]}
    assert api("GET", "/groups?tag_name=site&tag_value=plant").json == []
    assert {one["groupId"] for one in api("GET", "/groups").json} >= set(made)
    for bad in ("tag_name=site", "tag_name=a&tag_value=b&tag_value_match_mode=like", "limit=0"):
        assert api("GET", f"/groups?{bad}").status == 400
    for group_id in made:
        assert api("DELETE", f"/groups/{group_id}").status == 204


def new_sim(api: Api, group_id: str | None = None) -> dict[str, Any]:
    sim: dict[str, Any] = api("POST", "/sims", {"type": "virtual", "subscription": "planArc01"}).json
    if group_id is not None:
        assert api("POST", f"/sims/{sim['simId']}/set_group", {"groupId": group_id}).status == 200
    return sim


def imsi_of(api: Api, sim: dict[str, Any]) -> str:
    return next(str(one["imsi"]) for one in api("GET", "/subscribers").json if one["simId"] == sim["simId"])


def test_the_subscribers_of_a_group_are_listed_and_leave_it_when_it_is_deleted(api: Api) -> None:
    group_id = api("POST", "/groups", {}).json["groupId"]
    sims = [new_sim(api, group_id)["simId"] for _ in range(3)]
    first = api("GET", f"/groups/{group_id}/subscribers?limit=2")
    rest = api("GET", f"/groups/{group_id}/subscribers?last_evaluated_key={first.headers['x-soracom-next-key']}")
    listed = [*first.json, *rest.json]
    assert {one["simId"] for one in listed} == set(sims)
    assert [one["imsi"] for one in listed] == sorted(one["imsi"] for one in listed)
    assert api("DELETE", f"/groups/{group_id}").status == 204
    for sim_id in sims:
        assert "groupId" not in api("GET", f"/sims/{sim_id}").json


def post(server: Server, source: str, body: bytes = b'{"t":1}') -> httpx.Response:
    transport = httpx.HTTPTransport(local_address=source)
    with httpx.Client(transport=transport) as client:
        return client.post(f"http://{server.door_http[0]}:{server.door_http[1]}/", content=body)


def test_what_a_groups_options_say_counts_at_the_doors_at_once(api: Api, server: Server) -> None:
    wanted = {HARVEST: {"enabled": True, "category": "plant/a"}}
    group_id = api("POST", "/groups", {"configuration": wanted}).json["groupId"]
    sim = new_sim(api, group_id)
    imsi = imsi_of(api, sim)
    assert api("PUT", "/minori/sessions/127.0.0.77", {"simId": sim["simId"]}).status == 201
    assert post(server, "127.0.0.77").status_code == 201
    (entry,) = api("GET", f"/data/Subscriber/{imsi}").json
    assert (entry["category"], entry["content"]) == ("plant/a", '{"t":1}')
    assert [one["resourceId"] for one in api("GET", "/data/categories/plant%2Fa").json] == [imsi]
    path = f"/groups/{group_id}/configuration/{HARVEST}"
    assert api("PUT", path, options(enabled=False)).status == 200
    refused = post(server, "127.0.0.77")
    assert (refused.status_code, refused.json()) == (400, {"message": "Configuration for SORACOM Harvest is not found"})
    assert api("PUT", path, options(enabled=True)).status == 200
    assert post(server, "127.0.0.77").status_code == 201
    assert api("DELETE", f"/groups/{group_id}").status == 204
    assert post(server, "127.0.0.77").json() == {"message": f"No group ID is specified: {imsi}"}
    assert api("DELETE", "/minori/sessions/127.0.0.77").status == 204


def test_every_confirmed_change_outlives_a_crash(serve: Serve) -> None:
    server = serve()
    headers = server.login()
    made = []
    for number in range(20):
        body = b'{"tags":{"n":"%d"},"configuration":{"SoracomHarvest":{"enabled":true}}}' % number
        made.append(ask(server, "POST", "/v1/groups", headers, body).json["groupId"])
        network = f"10.9.{number}.0%2F24"
        assert (
            ask(server, "PUT", f"/v1/minori/sessions/{network}", headers, b'{"imsi":"001010000000001"}').status == 201
        )
    server.kill()
    headers = server.restart().login()
    listed = ask(server, "GET", "/v1/groups", headers).json
    assert {one["groupId"] for one in listed} >= set(made)
    assert (
        len([one for one in ask(server, "GET", "/v1/minori/sessions", headers).json if "10.9." in one["network"]]) == 20
    )
