"""Wire requirements R19 to R21: ranges, pages and next keys, over real sockets."""

import re
from urllib.parse import quote

import pytest

from wire.asking import Get, Put, times

IMSI = "001010000000001"
SAFE_KEY = re.compile(r"[A-Za-z0-9._~-]+")


def test_r19_both_ends_of_a_range_are_in_it(get: Get, put: Put, camera: str) -> None:
    for at in (10, 20, 30, 40):
        put(camera, at)
    assert times(get(f"/data/SoraCam/{camera}?from=20&to=30")) == [30, 20]
    assert times(get(f"/data/SoraCam/{camera}?from=20&to=30&sort=asc")) == [20, 30]
    assert times(get(f"/data/SoraCam/{camera}?from=31&to=29")) == []
    assert times(get(f"/data/SoraCam/{camera}?from=-5&to=99999999999999999999")) == [40, 30, 20, 10]


def test_r19_a_page_has_ten_entries_newest_first_unless_asked_otherwise(get: Get, put: Put, camera: str) -> None:
    for at in range(12):
        put(camera, at)
    assert times(get(f"/data/SoraCam/{camera}")) == list(range(11, 1, -1))
    assert times(get(f"/data/SoraCam/{camera}?limit=2&sort=asc")) == [0, 1]
    assert len(times(get(f"/data/SoraCam/{camera}?limit=1000"))) == 12


@pytest.mark.parametrize("limit", [1001, 2000, 10_000, 100_000])
def test_r19_a_larger_limit_counts_as_1000(get: Get, limit: int) -> None:
    assert get(f"/data/SoraCam/none?limit={limit}").status == 200


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=ten", "limit=1.5", "sort=up", "from=now", "to=1e3"])
def test_r19_what_is_no_condition_is_refused(get: Get, query: str) -> None:
    assert get(f"/data/SoraCam/none?{query}").status == 400


def test_r20_both_paging_headers_come_only_while_more_rows_exist(get: Get, put: Put, camera: str) -> None:
    for at in range(4):
        put(camera, at)
    first = get(f"/data/SoraCam/{camera}?limit=2&sort=asc&from=0")
    key = first.headers["x-soracom-next-key"]
    last = get(f"/data/SoraCam/{camera}?limit=2&sort=asc&from=0&last_evaluated_key={key}")
    assert (times(first), times(last)) == ([0, 1], [2, 3])
    assert {"x-soracom-next-key", "link"}.isdisjoint(last.headers)


def test_r20_the_link_is_path_absolute_unquoted_and_leads_to_the_next_page(get: Get, put: Put, camera: str) -> None:
    name = f"{camera}; a,b"
    for at in range(3):
        put(name, at)
    link = get(f"/data/SoraCam/{quote(name)}?limit=2&sort=asc").headers["link"]
    match = re.fullmatch(r"<(/v1/[^>,;]*\?[^>,;]*)>; rel=next", link)
    assert match
    assert "last_evaluated_key=" in match[1]
    assert times(get(match[1].removeprefix("/v1"))) == [2]


@pytest.mark.parametrize("name", ["", " ", "/", "カメラ", "%", ",;", "_"])
def test_r21_a_next_key_is_made_of_letters_that_survive_everything(get: Get, put: Put, camera: str, name: str) -> None:
    for at in range(3):
        put(camera + name, at)
    page = f"/data/SoraCam/{quote(camera + name, safe='')}?limit=1&sort=asc"
    key = get(page).headers["x-soracom-next-key"]
    assert SAFE_KEY.fullmatch(key)
    assert times(get(f"{page}&last_evaluated_key={key}")) == [1]


def test_r21_the_next_key_of_a_list_of_resources_survives_everything(get: Get, put: Put, camera: str) -> None:
    put(f"{camera}/ü", 1)
    put(f"{camera}/ü2", 1)
    after = quote(f"{camera}/", safe="")
    page = f"/data/resources?resource_type=SoraCam&limit=1&last_evaluated_key={after}"
    first = get(page)
    key = first.headers["x-soracom-next-key"]
    following = get(f"/data/resources?resource_type=SoraCam&limit=1&last_evaluated_key={key}")
    assert SAFE_KEY.fullmatch(key)
    assert [reply.json[0]["resourceId"] for reply in (first, following)] == [f"{camera}/ü", f"{camera}/ü2"]


@pytest.mark.parametrize("key", ["2_{imsi}", "2", "2_", "2_anything%2Felse"])
def test_r21_keys_made_by_hand_are_taken(get: Get, put: Put, camera: str, key: str) -> None:
    for at in range(4):
        put(camera, at)
    made = key.format(imsi=IMSI)
    assert times(get(f"/data/SoraCam/{camera}?sort=asc&last_evaluated_key={made}")) == [3]
    assert times(get(f"/data/SoraCam/{camera}?last_evaluated_key={made}")) == [1, 0]
