"""A stored file as an answer: what is said, which bytes are borne, and that the reader is closed."""

import asyncio
from email import message_from_bytes
from email.message import Message
from itertools import product

import pytest

from minori.errors import FileChanged, RangeUnsatisfiable, StoreFailed
from minori.http.delivery import SMALL, Described, deliver, metadata
from minori.http.exchange import Answer, Headers, Request, Stretch
from minori.storage.base import BlobReader

TAG = "0123456789abcdef0123456789abcdef"
DESCRIBED = Described(TAG, "text/html", 1_700_000_000_999)
SHORT = bytes(range(256)) * 4
LONG = bytes(range(256)) * (SMALL // 256) + b"."


class Memory(BlobReader):
    """A blob in memory; `lost` bytes at its end are missing."""

    def __init__(self, data: bytes, lost: int = 0) -> None:
        self.size = len(data)
        self.descriptor = None
        self.is_open = True
        self._data = data[: len(data) - lost]

    async def read(self, offset: int, count: int) -> bytes:
        assert self.is_open
        await asyncio.sleep(0)
        return self._data[offset : offset + min(count, 500)]

    def close(self) -> None:
        self.is_open = False


def asking(method: str = "GET", **headers: str) -> Request:
    lines = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request(method, b"", Headers(lines), "192.0.2.1")


def delivered(data: bytes, request: Request, described: Described = DESCRIBED) -> tuple[Answer, bytes]:
    """An answer and the bytes it bears. The reader is closed behind it."""
    reader = Memory(data)

    async def main() -> tuple[Answer, bytes]:
        answer = await deliver(request, reader, described)
        if answer.content is None:
            return answer, answer.body
        borne = b""
        for piece in answer.content.pieces:
            borne += piece if isinstance(piece, bytes) else await whole(piece)
        answer.content.close()
        assert request.method == "HEAD" or len(borne) == answer.content.length
        return answer, borne

    told = asyncio.run(main())
    assert not reader.is_open
    return told


async def whole(stretch: Stretch) -> bytes:
    got = b""
    while len(got) < stretch.count:
        got += await stretch.reader.read(stretch.offset + len(got), stretch.count - len(got))
    return got


def header(answer: Answer, name: bytes) -> bytes | None:
    return dict(answer.lines()).get(name)


@pytest.mark.parametrize("data", [SHORT, LONG, b""])
def test_a_file_is_delivered_whole(data: bytes) -> None:
    answer, body = delivered(data, asking())
    assert (answer.status, body) == (200, data)
    assert dict(answer.lines()) == {
        b"content-length": b"%d" % len(data),
        b"content-type": b"text/html",
        b"etag": b'"0123456789abcdef0123456789abcdef"',
        b"last-modified": b"Tue, 14 Nov 2023 22:13:20 GMT",
        b"accept-ranges": b"bytes",
        b"cache-control": b"private, no-cache",
        b"x-content-type-options": b"nosniff",
        b"content-security-policy": b"sandbox; default-src 'none'",
        b"referrer-policy": b"no-referrer",
    }


@pytest.mark.parametrize("data", [SHORT, LONG, b""])
def test_head_says_what_get_says_and_bears_nothing(data: bytes) -> None:
    told, body = delivered(data, asking("HEAD", range="bytes=0-1"))
    assert (told.status, body) == (200, b"")
    assert told.lines() == delivered(data, asking())[0].lines()
    assert told.lines() == metadata(asking("HEAD"), len(data), DESCRIBED).lines()


@pytest.mark.parametrize(
    ("data", "asked"),
    list(product([SHORT, LONG], ["bytes=0-511", "bytes=5-", "bytes=-1", "bytes=0-0", "bytes=-99999999"])),
)
def test_one_range_is_a_part_with_its_place(data: bytes, asked: str) -> None:
    answer, body = delivered(data, asking(range=asked))
    assert answer.status == 206
    first, last, size = map(int, (header(answer, b"content-range") or b"")[6:].replace(b"/", b"-").split(b"-"))
    assert (body, size) == (data[first : last + 1], len(data))
    assert header(answer, b"content-length") == b"%d" % len(body)
    assert header(answer, b"content-type") == b"text/html"


@pytest.mark.parametrize("data", [SHORT, LONG * 2])
def test_several_ranges_are_parts_in_their_order(data: bytes) -> None:
    spans = [(600, 699), (0, 0), (len(data) - 300, len(data) - 1), (5, 9), (1000, 1000 + len(data) - 1400)]
    spans = spans if data is not SHORT else spans[:-1]
    answer, body = delivered(data, asking(range="bytes=" + ", ".join(f"{first}-{last}" for first, last in spans)))
    assert answer.status == 206
    assert header(answer, b"content-range") is None
    assert header(answer, b"content-length") == b"%d" % len(body)
    assert parts(answer, body) == [
        ("text/html", f"bytes {first}-{last}/{len(data)}", data[first : last + 1]) for first, last in spans
    ]


def parts(answer: Answer, body: bytes) -> list[tuple[str, str, bytes]]:
    """The parts of a `multipart/byteranges`, taken apart by hand at its boundary."""
    kind, _, boundary = answer.content_type.partition(b"; boundary=")
    assert kind == b"multipart/byteranges"
    preamble, *pieces, epilogue = body.split(b"\r\n--" + boundary)
    assert (preamble, epilogue) == (b"", b"--\r\n")
    taken = []
    for piece in pieces:
        head, _, data = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        message: Message = message_from_bytes(head)
        taken.append((message["content-type"], message["content-range"], data))
    return taken


def test_two_answers_of_several_parts_have_different_boundaries() -> None:
    types = {delivered(SHORT, asking(range="bytes=0-0,9-9"))[0].content_type for _ in range(2)}
    assert len(types) == 2


@pytest.mark.parametrize(
    "headers",
    [
        {"range": "lines=0-1"},
        {"range": "bytes=2-1"},
        {"range": "bytes=0-5,3-9"},
        {"range": "bytes=0-1", "if_range": '"ffffffffffffffffffffffffffffffff"'},
        {"range": "bytes=9999999-", "if_range": '"ffffffffffffffffffffffffffffffff"'},
    ],
)
def test_a_range_that_cannot_be_followed_gets_the_whole_file(headers: dict[str, str]) -> None:
    answer, body = delivered(SHORT, asking(**headers))
    assert (answer.status, body) == (200, SHORT)


def test_a_range_of_the_version_asked_for_is_delivered() -> None:
    assert delivered(SHORT, asking(range="bytes=0-1", if_range=f'"{TAG}"'))[1] == SHORT[:2]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_file_that_the_client_has_is_not_delivered_again(method: str) -> None:
    answer, body = delivered(SHORT, asking(method, if_none_match=f'"{TAG}"', range="bytes=0-1"))
    assert (answer.status, body) == (304, b"")
    assert header(answer, b"etag") == b'"%b"' % TAG.encode()
    assert header(answer, b"content-length") is None


@pytest.mark.parametrize(
    ("headers", "error"),
    [({"range": "bytes=1024-"}, RangeUnsatisfiable), ({"if_match": '"no"', "range": "bytes=0-1"}, FileChanged)],
)
def test_a_refusal_closes_the_reader(headers: dict[str, str], error: type[Exception]) -> None:
    reader = Memory(SHORT)
    with pytest.raises(error):
        asyncio.run(deliver(asking(**headers), reader, DESCRIBED))
    assert not reader.is_open


def test_a_small_file_that_has_lost_bytes_is_no_answer() -> None:
    reader = Memory(SHORT, lost=1)
    with pytest.raises(StoreFailed):
        asyncio.run(deliver(asking(), reader, DESCRIBED))
    assert not reader.is_open


def test_a_delivery_that_is_cancelled_closes_the_reader() -> None:
    reader = Memory(SHORT)

    async def main() -> None:
        task = asyncio.create_task(deliver(asking(), reader, DESCRIBED))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(main())
    assert not reader.is_open


@pytest.mark.parametrize(
    ("filename", "value"),
    [
        ("a.txt", b"attachment; filename=\"a.txt\"; filename*=UTF-8''a.txt"),
        ("実り 1.png", b"attachment; filename=\"__ 1.png\"; filename*=UTF-8''%E5%AE%9F%E3%82%8A%201.png"),
        ('a"b\\c%41.exe', b"attachment; filename=\"a_b_c_41.exe\"; filename*=UTF-8''a%22b%5Cc%2541.exe"),
        ("a'(;)\r\nb", b"attachment; filename=\"a'(;)__b\"; filename*=UTF-8''a%27%28%3B%29%0D%0Ab"),
    ],
)
def test_a_file_is_to_be_saved_under_its_name(filename: str, value: bytes) -> None:
    described = Described(TAG, "text/html", 0, filename)
    assert header(delivered(SHORT, asking(), described)[0], b"content-disposition") == value


@pytest.mark.parametrize(
    ("stored", "told"),
    [
        ("text/plain; charset=Shift_JIS", b"text/plain; charset=Shift_JIS"),
        ("application.json", b"application.json"),
        ("", b"application/octet-stream"),
        ("text/html\r\nSet-Cookie: a=b", b"application/octet-stream"),
        ("text/html\n", b"application/octet-stream"),
        (" text/html", b"application/octet-stream"),
        ("text/häml", b"application/octet-stream"),
        ("a/" + "b" * 255, b"application/octet-stream"),
    ],
)
def test_a_stored_type_that_cannot_stand_in_a_header_is_told_as_bytes(stored: str, told: bytes) -> None:
    described = Described(TAG, stored, 0)
    assert header(delivered(SHORT, asking(), described)[0], b"content-type") == told
    assert header(delivered(SHORT, asking(range="bytes=0-0"), described)[0], b"content-type") == told


def test_small_files_are_read_before_they_are_answered_and_large_ones_are_not() -> None:
    assert delivered(LONG[:SMALL], asking())[0].content is None
    assert delivered(LONG, asking())[0].content is not None
