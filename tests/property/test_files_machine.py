"""The API against a model of folders and files: whatever is done, both say the same."""

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from itertools import count
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from serving import Server

SECONDS = 20
MOST_PAGES = 1000
HOMES = count()

NAMES = ("a", "b", "a.", "a b", "A+", "~~YQ", "\u00e9", "e\u0301", "漢", "%2F", "\\..", "'")
"""Few, so that files and directories meet, and next to each other in the order of their bytes."""

names = st.sampled_from(NAMES)
paths = st.lists(names | st.just("a"), min_size=1, max_size=3).map("/".join)
contents = st.binary(max_size=20) | st.integers(60_000, 70_000).map(bytes)
kinds = st.sampled_from(["text/plain", "image/png", "x/y; z=1"])
chosen = st.none() | st.integers(0, 99)
"""Which of the paths that there are is meant, if one is: half of what happens happens to something that is there."""

limits = st.integers(1, 4)
spellings = st.sampled_from(["plain", "encoded", "doubled"])


class File(NamedTuple):
    """A file of the model."""

    content: bytes
    kind: str


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class FilesMachine(RuleBasedStateMachine):
    """The model is what is below one folder: the contents of files by their paths, and the paths of directories."""

    server: Server
    headers: dict[str, str]

    def __init__(self) -> None:
        super().__init__()
        self.connection = HTTPConnection(*self.server.api, timeout=SECONDS)
        self.home = f"/m{next(HOMES)}"
        self.files: dict[str, File] = {}
        self.directories: set[str] = set()
        self.links: dict[str, tuple[str, File] | None] = {}

    def teardown(self) -> None:
        assert self.found(f"{self.home}/", 1000) == self.below(f"{self.home}/")
        self.connection.close()

    def ask(self, method: str, target: str, body: bytes | None = None, **more: str) -> Reply:
        headers = self.headers | {name.replace("_", "-"): value for name, value in more.items()}
        if "Transfer-Encoding" in headers:
            assert body is not None
            halves = [half for half in (body[: len(body) // 2], body[len(body) // 2 :]) if half]
            self.connection.request(method, target, iter(halves), headers, encode_chunked=True)
        else:
            self.connection.request(method, target, body, headers)
        answer = self.connection.getresponse()
        named = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, named, answer.read())

    def path(self, path: str, chosen: int | None = None) -> str:
        """A path below the folder: one that there is, where one was chosen and any is there."""
        there = sorted([*self.files, *self.directories])
        return f"{self.home}/{path}" if chosen is None or not there else there[chosen % len(there)]

    def above(self, path: str) -> Iterator[str]:
        """The directories that a path is in, without their slashes."""
        while (path := path.rpartition("/")[0]) != "":
            yield path

    def below(self, prefix: str) -> list[tuple[str, bytes | None]]:
        """What the model has whose path begins so, each with its content's length and type in bytes."""
        held: dict[str, bytes | None] = {
            path: b"%d %b" % (len(file.content), file.kind.encode()) for path, file in self.files.items()
        }
        held |= {f"{directory}/": None for directory in self.directories}
        return sorted(
            ((path, what) for path, what in held.items() if path.startswith(prefix)), key=lambda each: each[0].encode()
        )

    def pages(self, target: str, limit: int) -> list[dict[str, Any]] | None:
        """All entries of a list, page by page; `None` for 404."""
        joint = "&" if "?" in target else "?"
        entries: list[dict[str, Any]] = []
        key = ""
        for _ in range(MOST_PAGES):
            reply = self.ask("GET", f"{target}{joint}limit={limit}{key}")
            if reply.status == 404:
                return None
            assert reply.status == 200
            page = json.loads(reply.body)
            entries += page
            if "x-soracom-next-key" not in reply.headers:
                return entries
            assert len(page) == limit
            key = f"&last_evaluated_key={reply.headers['x-soracom-next-key']}"
        raise AssertionError("the pages have no end")

    def found(self, prefix: str, limit: int) -> list[tuple[str, bytes | None]]:
        entries = self.pages(f"/v1/files?scope=private&prefix={quote(prefix, safe='')}", limit)
        assert entries is not None
        return [shown(entry) for entry in entries]

    @initialize(several=st.lists(paths, min_size=4, max_size=10), content=contents, kind=kinds)
    def begin(self, several: list[str], content: bytes, kind: str) -> None:
        """Otherwise most of what happens would happen to what is not there."""
        for path in several:
            self.put(path, None, content, kind, "plain", only_new=False, chunked=False)

    @rule(
        path=paths,
        chosen=chosen,
        content=contents,
        kind=kinds,
        spelling=spellings,
        only_new=st.booleans(),
        chunked=st.booleans(),
    )
    def put(
        self, path: str, chosen: int | None, content: bytes, kind: str, spelling: str, *, only_new: bool, chunked: bool
    ) -> None:
        where = self.path(path, chosen)
        more = {"Content_Type": kind}
        more |= {"If_None_Match": "*"} if only_new else {}
        more |= {"Transfer_Encoding": "chunked"} if chunked else {}
        status = self.ask("PUT", target(where, spelling), content, **more).status
        if where in self.directories or any(each in self.files for each in self.above(where)):
            assert status == 400
        elif where in self.files and only_new:
            assert status == 412
        else:
            assert status == (200 if where in self.files else 201)
            self.forget_links(where)
            self.files[where] = File(content, kind)
            self.directories |= set(self.above(where))

    @rule(path=paths, chosen=chosen, spelling=spellings)
    def put_what_breaks_off(self, path: str, chosen: int | None, spelling: str) -> None:
        broken = HTTPConnection(*self.server.api, timeout=SECONDS)
        broken.putrequest("PUT", target(self.path(path, chosen), spelling))
        for name, value in (self.headers | {"Content-Length": "100000"}).items():
            broken.putheader(name, value)
        broken.endheaders(b"broken off")
        broken.close()

    @rule(path=paths, chosen=chosen, spelling=spellings)
    def get(self, path: str, chosen: int | None, spelling: str) -> None:
        where = self.path(path, chosen)
        reply = self.ask("GET", target(where, spelling))
        if where in self.files:
            assert reply.status == 302
            self.links[reply.headers["location"]] = where, self.files[where]
            self.follow(reply.headers["location"])
        elif where in self.directories:
            assert (reply.status, reply.headers["location"]) == (302, f"/v1/files/private{quote(where)}/")
        else:
            assert reply.status == 404

    @rule(path=paths, chosen=chosen, spelling=spellings)
    def head(self, path: str, chosen: int | None, spelling: str) -> None:
        where = self.path(path, chosen)
        reply = self.ask("HEAD", target(where, spelling))
        assert (reply.status, reply.body) == (200 if where in self.files else 404, b"")
        if where in self.files:
            assert reply.headers["content-length"] == str(len(self.files[where].content))
            assert reply.headers["content-type"] == self.files[where].kind

    @rule(path=paths | st.just(""), chosen=chosen, spelling=spellings, limit=limits)
    def list_directory(self, path: str, chosen: int | None, spelling: str, limit: int) -> None:
        where = self.path(path, chosen).rstrip("/")
        entries = self.pages(target(f"{where}/", spelling), limit)
        if where not in self.directories:
            assert entries is None
            return
        assert entries is not None
        inside = [each for each in self.below(f"{where}/") if each[0].strip("/").rpartition("/")[0] == where.strip("/")]
        assert [shown(entry) for entry in entries] == inside
        assert all(entry["directory"] == f"{where}/" for entry in entries)
        assert [entry["directory"] + entry["filename"] for entry in entries] == [path for path, _ in inside]

    @rule(prefix=paths | st.just(""), limit=limits, ending=st.sampled_from(["", "/", "a"]))
    def find(self, prefix: str, limit: int, ending: str) -> None:
        where = self.path(prefix + ending)
        assert self.found(where, limit) == self.below(where)

    @rule(path=paths, chosen=chosen, spelling=spellings)
    def delete_file(self, path: str, chosen: int | None, spelling: str) -> None:
        where = self.path(path, chosen)
        status = self.ask("DELETE", target(where, spelling)).status
        assert status == (204 if where in self.files else 404)
        self.forget_links(where)
        self.files.pop(where, None)

    @rule(path=paths, chosen=chosen, spelling=spellings)
    def delete_directory(self, path: str, chosen: int | None, spelling: str) -> None:
        where = self.path(path, chosen)
        status = self.ask("DELETE", target(f"{where}/", spelling)).status
        if where not in self.directories:
            assert status == 404
        elif len(self.below(f"{where}/")) > 1:
            assert status == 400
        else:
            assert status == 204
            self.directories.remove(where)

    @rule(data=st.data())
    def follow_a_link(self, data: st.DataObject) -> None:
        if self.links:
            self.follow(data.draw(st.sampled_from(sorted(self.links))))

    def follow(self, link: str) -> None:
        """A link leads to its version while that is there, and nowhere afterwards."""
        reply = self.ask("GET", link)
        led = self.links[link]
        if led is None:
            assert reply.status == 404
        else:
            _, file = led
            assert (reply.status, reply.body, reply.headers["content-type"]) == (200, file.content, file.kind)

    def forget_links(self, where: str) -> None:
        """From now on the links to what is at this path lead nowhere."""
        self.links |= {link: None for link, led in self.links.items() if led is not None and led[0] == where}


def target(path: str, spelling: str) -> str:
    """One of the ways to send a path."""
    if spelling == "encoded":
        return f"/v1/files/private/{quote(path, safe='')}"
    quoted = quote(path, safe="/")
    return f"/v1/files/private{quoted.replace('/', '//') if spelling == 'doubled' else quoted}"


def shown(entry: dict[str, Any]) -> tuple[str, bytes | None]:
    """An entry as the model holds it."""
    if entry["isDirectory"]:
        assert "contentLength" not in entry
        return entry["filePath"], None
    return entry["filePath"], b"%d %b" % (entry["contentLength"], entry["contentType"].encode())


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[type[FilesMachine]]:
    """The machine, with a server of its own."""
    with Server(tmp_path_factory.mktemp("machine") / "data") as running:

        class Machine(FilesMachine):
            server = running
            headers = running.login()

        yield Machine


def profile(examples: int, steps: int) -> settings:
    checks = list(HealthCheck)
    return settings(max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=checks)


def test_files_are_what_a_model_of_them_says(machine: type[FilesMachine]) -> None:
    run_state_machine_as_test(machine, settings=profile(10, 30))


@pytest.mark.slow
def test_files_are_what_a_model_of_them_says_for_long(machine: type[FilesMachine]) -> None:
    run_state_machine_as_test(machine, settings=profile(300, 60))
