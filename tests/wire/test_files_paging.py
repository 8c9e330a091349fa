"""Pages of files (R19 to R21): limits, links, and next keys that survive every client, over real sockets."""

import re
from collections.abc import Iterator
from urllib.parse import quote, unquote

import pytest

from serving import Server
from wire.asking import Reply, ask
from wire.filing import Folder, folder

SAFE_KEY = re.compile(r"[A-Za-z0-9._~-]+")
NAMES = ["!", "+", "-.b", "A", "Z a", "_", "a", "a b", "a%20b", "a.txt", "b/", "e\u0301", "~", "~~YQ", "~~YSBi", "~~x"]
NAMES += ["\u00e9", "漢字", "😀"]
"""In order of their UTF-8 bytes; two are the Unicode forms of one letter, and one looks like the key of another."""

MOST_PAGES = 100


@pytest.fixture(scope="module")
def filled(server: Server, headers: dict[str, str]) -> Folder:
    """A folder with a file, or a directory with one, of each name; tests only read it."""
    own = folder(server, headers)
    for name in NAMES:
        own.put(f"/{name}f" if name.endswith("/") else f"/{name}", b"x")
    return own


def list_target(folder: Folder) -> str:
    return folder.url("/")


def find_target(folder: Folder) -> str:
    return f"/v1/files?scope=private&prefix={quote(folder.path + '/', safe='')}"


def pages(folder: Folder, target: str, limit: int, *, raw: bool = False) -> Iterator[Reply]:
    """The pages of a list by the next-key header, which is put into the query as it came, or encoded."""
    key = None
    for _ in range(MOST_PAGES):
        joint = "&" if "?" in target else "?"
        after = "" if key is None else f"&last_evaluated_key={key if raw else quote(key, safe='')}"
        reply = ask(folder.server, "GET", f"{target}{joint}limit={limit}{after}", folder.headers)
        assert reply.status == 200
        yield reply
        key = reply.headers.get("x-soracom-next-key")
        if key is None:
            return
    raise AssertionError("the pages have no end")


def test_names_come_in_order_of_their_utf_8_bytes(filled: Folder) -> None:
    assert sorted(NAMES, key=str.encode) == NAMES
    assert filled.names() == NAMES


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("limit", [1, 2, 5, 19, 20])
def test_pages_of_a_directory_join_to_the_whole(filled: Folder, limit: int, raw: bool) -> None:  # noqa: FBT001 - pytest passes it by name
    found = list(pages(filled, list_target(filled), limit, raw=raw))
    assert [entry["filename"] for page in found for entry in page.json] == NAMES
    assert {len(page.json) for page in found[:-1]} <= {limit}
    assert found[-1].json != []


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("limit", [1, 2, 7, 21, 22])
def test_pages_of_what_was_found_join_to_the_whole(filled: Folder, limit: int, raw: bool) -> None:  # noqa: FBT001 - pytest passes it by name
    found = list(pages(filled, find_target(filled), limit, raw=raw))
    paths = [entry["filePath"] for page in found for entry in page.json]
    expected = [f"{filled.path}/{name}" for name in ["", *NAMES, "b/f"]]
    assert paths == sorted(expected, key=str.encode)


def test_r21_every_next_key_is_made_of_letters_that_survive_everything(filled: Folder) -> None:
    for target in (list_target(filled), find_target(filled)):
        keys = [page.headers.get("x-soracom-next-key") for page in pages(filled, target, 1)]
        assert all(SAFE_KEY.fullmatch(key or "") for key in keys[:-1])


def test_r21_a_plain_name_is_its_own_next_key(filled: Folder) -> None:
    plain = {"-.b", "A", "_", "a", "a.txt", "~"}
    keys = [page.headers.get("x-soracom-next-key") for page in pages(filled, list_target(filled), 1)]
    assert plain <= set(keys)
    assert all(key is None or key in plain or key.startswith("~~") for key in keys)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "~~YSBi"])
def test_r21_a_filename_made_a_key_by_hand_is_taken(filled: Folder, name: str) -> None:
    key = quote(name, safe="")
    assert filled.names("/", f"?limit=1000&last_evaluated_key={key}") == NAMES[NAMES.index(name) + 1 :]


def test_r21_a_file_path_made_a_key_by_hand_is_taken_by_find(filled: Folder) -> None:
    target = find_target(filled)
    everything = [page.json[0]["filePath"] for page in pages(filled, target, 1)]
    for place, path in enumerate(everything):
        for key in (quote(path, safe=""), quote(path, safe="/")):
            reply = ask(filled.server, "GET", f"{target}&limit=1000&last_evaluated_key={key}", filled.headers)
            assert [entry["filePath"] for entry in reply.json] == everything[place + 1 :]


@pytest.mark.parametrize("key", ["zzz-not-there", "~~", "~~!", "~~%FF", "%E3%81%82", "~~w", "/", "%2F..%2F", "%20"])
def test_a_key_that_names_nothing_is_a_place_in_the_order(filled: Folder, key: str) -> None:
    names = filled.names("/", f"?limit=1000&last_evaluated_key={key}")
    assert names == NAMES[len(NAMES) - len(names) :]


def test_a_key_with_a_nul_is_400(filled: Folder) -> None:
    assert filled.ask("GET", "/", query="?last_evaluated_key=%00").status == 400
    assert filled.ask("GET", "/", query="?last_evaluated_key=~~AA").status == 200


def test_r20_the_link_leads_to_the_next_page_with_all_conditions_kept(filled: Folder) -> None:
    for target in (f"{list_target(filled)}?limit=4", f"{find_target(filled)}&limit=4"):
        whole = target.replace("limit=4", "limit=1000")
        expected = ask(filled.server, "GET", whole, filled.headers).json
        found = []
        follow = target
        for _ in range(MOST_PAGES):
            reply = ask(filled.server, "GET", follow, filled.headers)
            found += reply.json
            link = reply.headers.get("link")
            match = re.fullmatch(r"<(/v1/files[^>,;\"]*\?last_evaluated_key=[^>,;\"]*)>; rel=next", link or "")
            assert (match is None) == (link is None)
            if match is None:
                break
            follow = match[1]
        assert found == expected


def test_r20_the_last_page_has_neither_header_and_neither_has_an_empty_one(filled: Folder) -> None:
    for query in ("?limit=19", f"?last_evaluated_key={quote(NAMES[-1])}"):
        reply = filled.ask("GET", "/", query=query)
        assert {"x-soracom-next-key", "link"}.isdisjoint(reply.headers)
    assert "x-soracom-next-key" in filled.ask("GET", "/", query="?limit=18").headers


@pytest.mark.parametrize(("query", "count"), [("", 10), ("?", 10), ("?limit=2000", 12), ("?limit=99999999999", 12)])
def test_r19_a_page_has_ten_entries_unless_asked_otherwise(own: Folder, query: str, count: int) -> None:
    for number in range(12):
        own.put(f"/{number}")
    assert len(own.names("/", query)) == count


def test_a_page_of_names_as_long_as_may_be_is_followed(own: Folder) -> None:
    longest = [letter * ((1024 - len(own.path) - 1) // len(letter.encode())) for letter in ("a", "é", "漢")]
    for name in longest:
        own.put(f"/{name}")
    found = list(pages(own, list_target(own), 1))
    assert [unquote(page.json[0]["filename"]) for page in found] == longest
