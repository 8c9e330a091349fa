"""Reads that are answered at once: the bytes, the counts and the audit log are those of the long way."""

import json
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.transcribed import TRANSCRIPTS, Transcript, name
from wire.twins import Told, Twins, twins

CAMERA = "lane"
BODIES = [b'{"n":1}', b"5", b'"\\u00e9"', b"x" * 900]
ENTRIES = 12


Headers = list[tuple[bytes, bytes]]


class Asking:
    """The twins, and headers of who may read, may not, or may no more."""

    def __init__(self, pair: Twins) -> None:
        self.pair = pair
        self._root = {name: pair.credentials[name] for name in ("authKeyId", "authKey")}
        mine, others = self.log_in(), self.log_in()
        self.call("POST", "/v1/auth/logout", others, {})
        user = f"/v1/operators/{pair.credentials['operatorId']}/users/lane"
        self.call("POST", user, mine, {})
        key = self.call("POST", f"{user}/auth_keys", mine, {})
        (key_name, key_value), (token_name, token) = mine
        self.pairs: dict[str, Headers] = {
            "root": mine,
            "ended": others,
            "may nothing": self.log_in({name: key[name] for name in ("authKeyId", "authKey")}),
            "nobody": [],
            "no token": mine[:1],
            "mixed": [mine[0], others[1]],
            "forged": [mine[0], (token_name, token[:-4] + b"AAAA")],
            "twice": [*mine, (token_name, b"x")],
            "twice, the wrong one first": [(token_name, b"x"), *mine],
            "empty": [mine[0], (token_name, b"")],
            "written otherwise": [(key_name.upper(), key_value), (token_name.lower(), token)],
        }
        for time in range(1, ENTRIES + 1):
            path = f"/v1/sora_cam/devices/{CAMERA}/data/{time}"
            self.call("PUT", path, mine, BODIES[time % len(BODIES)])

    def log_in(self, credentials: dict[str, str] | None = None) -> Headers:
        """The headers of a login, as the root user where nothing else is said."""
        answer = self.call("POST", "/v1/auth", [], credentials or self._root)
        return [(b"X-Soracom-API-Key", answer["apiKey"].encode()), (b"X-Soracom-Token", answer["token"].encode())]

    def call(self, method: str, path: str, pair: Headers, body: object) -> dict[str, str]:
        """What a call of the API answers, the long way."""
        connection = HTTPConnection(*self.pair.plain.address)
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = {name.decode(): value.decode() for name, value in pair}
        connection.request(method, path, sent, lines | {"Content-Type": "application/json"})
        with closing(connection), connection.getresponse() as response:
            told = response.read()
            assert response.status < 300, told
        return json.loads(told) if told else {}


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    with twins(tmp_path_factory.mktemp("twins")) as pair:
        yield Asking(pair)


def head(target: str, pair: Headers, *more: bytes, method: str = "GET", version: str = "1.1") -> bytes:
    """The head of a request; `more` are lines as they are."""
    lines = [b": ".join(line) for line in pair] + list(more)
    return b"\r\n".join([f"{method} {target} HTTP/{version}".encode("latin-1"), *lines, b"", b""])


AT_ONCE = (
    f"/v1/data/SoraCam/{CAMERA}",
    f"/v1/data/SoraCam/{CAMERA}/3",
    f"/v1/data/SoraCam/{CAMERA}/99",
    "/v1/data/Subscriber/001010000000001",
    "/v1/data/Sim/8981100000000000001",
    "/v1/data/resources",
    "/v1/data/metadata/resources",
    *("/v1/subscribers/001010000000001/data", "/v1/sims/8981100000000000001/data", "/v1/devices/d/data"),
    *("/v1/lora_devices/d/data", "/v1/sigfox_devices/d/data", f"/v1/sora_cam/devices/{CAMERA}/data"),
    *("/v1/data/Nothing/x", "/v1/data/SoraCam/%00", "/v1/data/SoraCam/%ff", "/v1/nothing", "/v1/"),
)
"""Paths that make nobody wait, whatever they answer."""

ROUTES = (
    *AT_ONCE,
    *("/v1/data/categories/a%2Fb", "/v1/data/SoraCam/" + "x" * 999, "/v1/subscribers", "/v1", "/v1//data/resources"),
    *("/v1/../v1/data/resources", "/healthz", "/docs", "/", "/v1?x", "*", "//v1/"),
    *("http://g.api.soracom.io/v1/data/resources", "http://h"),
)
QUERIES = (
    *(
        "limit=2",
        "limit=0",
        "limit=",
        "limit=x",
        "limit=%31",
        "limit=2&limit=3",
        "sort=asc",
        "sort=up",
        "from=3",
        "to=9",
    ),
    *("from=3&to=9&sort=asc", "from=-1", "from=99999999999999999999", f"last_evaluated_key=3_{CAMERA}"),
    *("last_evaluated_key=x", "resource_type=SoraCam", "resource_type=x", "a=b+c", "a=%zz", "&&", "=", "?", "x" * 2100),
)
NAMES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters=" "), max_size=8)
TARGETS = st.one_of(
    st.sampled_from(ROUTES),
    st.builds("{}?{}".format, st.sampled_from(ROUTES), st.lists(st.sampled_from(QUERIES), max_size=3).map("&".join)),
    st.builds("/v1/data/SoraCam/{}?{}".format, NAMES, NAMES),
)
HEADERS = (
    *(b"Host: api.soracom.io", b"host: g.api.soracom.io", b"Host:", b"Accept: */*", b"X-Odd: \xff", b"X: \t y \t"),
    *(b"Connection: keep-alive", b"Connection: close", b"Connection: Keep-Alive, close", b"Proxy-Connection: close"),
    *(b"Connection: upgrade", b"Upgrade: websocket", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"),
    *(b"Expect: 100-continue", b"Expect: x", b"Content-Length: 0", b"Transfer-Encoding: identity", b"If-None-Match: *"),
    *(b"Range: bytes=0-1", b"Cookie: a=b", b"Date: now", b"Content-Type: text/html", b"X-Forwarded-For: 192.0.2.1"),
    *(b"Trailer: x", b"Te: trailers", b"Keep-Alive: timeout=5", b"X-Long: " + b"y" * 1900),
)
SMUGGLED = (
    *(b"Content-Length: 3\r\nTransfer-Encoding: chunked", b"Transfer-Encoding: chunked\r\nContent-Length: 3"),
    *(b"Content-Length: 3\r\nContent-Length: 4", b"Content-Length: 3\r\nContent-Length: 3", b"Content-Length: 3, 3"),
    *(
        b"Content-Length: +3",
        b"Content-Length: -3",
        b"Content-Length: 0x3",
        b"Content-Length: 3 3",
        b"Content-Length: ",
    ),
    *(b"Content-Length: 99999999999999999999", b"Content-Length : 3", b" Content-Length: 3", b"Content-Length\x00: 3"),
    *(b"Transfer-Encoding: xchunked", b"Transfer-Encoding: chunked, identity", b"Transfer-Encoding: chunked\x0b"),
    *(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", b"Transfer-Encoding\t: chunked"),
    *(b"X: y\r\n z", b"X: y\n\nGET /v1/nothing HTTP/1.1", b"X: y\nZ: 1", b"X: y\rZ: 1", b"X: \x00", b"X\x00: y"),
    *(b"no colon", b": no name", b"X y: z", b"(x): y", b"X: y\x7f", b"\xff: y", b"\x00"),
    b"\r\n".join([b"a: b"] * 127),
    b"\r\n".join([b"a: b"] * 130),
    b"X: " + b"y" * 40_000,
)


def smuggled() -> Iterator[tuple[bytes, bytes]]:
    """Headers, and what comes behind the head: a body where one is declared, since it is another request elsewhere."""
    for more in SMUGGLED:
        yield more, b""
        if more.lower().startswith((b"content-length: 3", b"transfer-encoding: chunked")):
            yield from ((more, b"5"), (more, b"3\r\nabc\r\n0\r\n\r\n"))


LINES = (
    *(
        "GET {} HTTP/1.1\n",
        "GET  {} HTTP/1.1\r\n",
        "GET {}  HTTP/1.1\r\n",
        " GET {} HTTP/1.1\r\n",
        "get {} HTTP/1.1\r\n",
    ),
    *("GET\t{} HTTP/1.1\r\n", "GET {} HTTP/1.2\r\n", "GET {} HTTP/2.0\r\n", "GET {}\r\n", "GET {} HTTP/1.1 \r\n"),
    *("GET {} HTTP/1.1\r\r\n", "GET {}\0 HTTP/1.1\r\n", "GET {}# HTTP/1.1\r\n", "\r\n\r\nGET {} HTTP/1.1\r\n"),
    *(
        "GET {} http/1.1\r\n",
        "GET {} HTTP/01.1\r\n",
        "GETX {} HTTP/1.1\r\n",
        "PRI {} HTTP/1.1\r\n",
        "CONNECT {} HTTP/1.1\r\n",
    ),
    *(
        "GET h{} HTTP/1.1\r\n",
        "GET {}\u0080 HTTP/1.1\r\n",
        "GET {}| HTTP/1.1\r\n",
        "GET {}\u00ff HTTP/1.1\r\n",
        "\0GET {} HTTP/1.1\r\n",
    ),
)
"""First lines for a path, of which few are what they should be."""

READ = f"/v1/data/SoraCam/{CAMERA}?limit=2"


def same(asking: Asking, *requests: bytes) -> Told:
    """What came of requests in one piece: asserted to be as if they had come one by one, the long way."""
    fast = asking.pair.fast.ask(b"".join(requests))
    assert fast == asking.pair.plain.ask(*requests)
    return fast


@given(
    target=TARGETS,
    who=st.sampled_from(["root", "root", "ended", "may nothing", "nobody", "no token", "mixed", "forged", "twice"]),
    method=st.sampled_from(["GET", "GET", "GET", "HEAD", "DELETE", "POST", "PUT", "OPTIONS"]),
    version=st.sampled_from(["1.1", "1.1", "1.1", "1.0"]),
    more=st.lists(st.sampled_from(HEADERS), max_size=3),
    cuts=st.sets(st.integers(1, 120), max_size=2),
)
def test_any_request_is_answered_as_the_long_way(
    asking: Asking, target: str, who: str, method: str, version: str, more: list[bytes], cuts: set[int]
) -> None:
    request = head(target, asking.pairs[who], *more, method=method, version=version)
    pieces = [request[start:end] for start, end in pairwise([0, *sorted(cuts), len(request)])]
    assert asking.pair.fast.ask(pieces) == asking.pair.plain.ask(request)


@given(
    st.lists(
        st.tuples(st.sampled_from(AT_ONCE), st.sampled_from(["root", "may nothing", "forged"])),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from(
        [b"", b"GET", b"rubbish\r\n\r\n", b"\r\n", b"GET /v1/nothing HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nX"]
    ),
)
def test_requests_in_one_piece_are_answered_in_their_order(
    asking: Asking, requests: list[tuple[str, str]], end: bytes
) -> None:
    heads = [head(target, asking.pairs[who]) for target, who in requests]
    told = same(asking, *heads, end)
    assert told.answers.count(b"HTTP/1.1 ") >= len(heads)


STATUSES = {"root": 200, "written otherwise": 200, "twice": 200, "may nothing": 403} | dict.fromkeys(
    ("ended", "nobody", "no token", "mixed", "forged", "twice, the wrong one first", "empty"), 401
)


@pytest.mark.parametrize(("who", "status"), STATUSES.items())
@pytest.mark.parametrize("host", [b"Host: api.soracom.io", b"Host: g.api.soracom.io"])
def test_whoever_asks_is_told_what_he_is_told_the_long_way(asking: Asking, who: str, status: int, host: bytes) -> None:
    request = head(READ, asking.pairs[who], host)
    told = same(asking, request, request)
    assert told.answers.count(b"HTTP/1.1 %d " % status) == 2
    assert len(told.noted) == (0 if status == 401 else 2)


@pytest.mark.parametrize(("more", "body"), list(smuggled()))
def test_what_two_servers_would_read_differently_is_read_as_the_long_way(
    asking: Asking, more: bytes, body: bytes
) -> None:
    same(asking, head(READ, asking.pairs["root"], more) + body)


@pytest.mark.parametrize("line", LINES)
def test_a_first_line_that_is_not_as_it_should_be_is_read_as_the_long_way(asking: Asking, line: str) -> None:
    _, _, rest = head(READ, asking.pairs["root"]).partition(b"\r\n")
    same(asking, line.format(READ).encode("latin-1") + rest)


@pytest.mark.parametrize("transcript", [one for one in TRANSCRIPTS if one.door in ("http", "files")], ids=name)
def test_what_devices_send_is_answered_as_the_long_way(asking: Asking, transcript: Transcript) -> None:
    for message, _ in transcript.exchanges:
        assert asking.pair.fast.ask(message) == asking.pair.plain.ask(message)


def test_reads_do_not_go_the_long_way(asking: Asking) -> None:
    fast, plain = asking.pair.fast, asking.pair.plain
    ways = fast.long_ways, plain.long_ways
    for path in AT_ONCE:
        fast.ask(head(path, asking.pairs["root"]))
        plain.ask(head(path, asking.pairs["root"]))
    assert (fast.long_ways, plain.long_ways) == (ways[0], ways[1] + len(AT_ONCE))


def test_a_head_that_is_known_does_not_outlive_its_login(asking: Asking) -> None:
    pair = asking.log_in()
    request = head(READ, pair)
    before = same(asking, request, request)
    assert before.answers.count(b"HTTP/1.1 200 ") == 2
    asking.call("POST", "/v1/auth/logout", pair, {})
    after = same(asking, request)
    assert after.answers.startswith(b"HTTP/1.1 401 ")
    assert after.noted == []


def test_a_known_head_asks_for_what_is_there_now(asking: Asking) -> None:
    request = head("/v1/data/SoraCam/lane-now", asking.pairs["root"])
    assert same(asking, request).answers.endswith(b"[]")
    asking.call("PUT", "/v1/sora_cam/devices/lane-now/data/7", asking.pairs["root"], b"1")
    assert b'"time":7' in same(asking, request).answers


def test_the_same_headers_ask_for_another_range(asking: Asking) -> None:
    found = [
        same(asking, head(f"/v1/data/SoraCam/{CAMERA}?from={time}&to={time}", asking.pairs["root"])).answers
        for time in range(1, ENTRIES + 1)
    ]
    assert [json.loads(answer.partition(b"\r\n\r\n")[2])[0]["time"] for answer in found] == list(range(1, ENTRIES + 1))
