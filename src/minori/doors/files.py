"""The file door: devices store and fetch files over HTTP, known by their addresses, with direct answers."""

import re
from http import HTTPStatus

import structlog

from minori.codec.entry import encode_json
from minori.codec.fileentry import encode_files, parse_type
from minori.codec.filepath import parse_path, quote_path
from minori.codec.paging import file_key, parse_file_key
from minori.doors.route import is_for_files
from minori.doors.words import fields, status
from minori.errors import Error, InvalidParameter, MethodNotAllowed, NotFound
from minori.http.application import Application, ClientGone
from minori.http.conditions import is_only_new
from minori.http.delivery import Described, deliver
from minori.http.exchange import Answer, Header, Request
from minori.model.entry import DEFAULT_LIMIT, PAGE_LIMIT
from minori.observe.metrics import Metrics
from minori.service.device_files import DeviceFiles, Upload
from minori.service.registry import FileSender

UPLOADS = ("POST", "PUT")
METHODS = ("GET", "HEAD", *UPLOADS)

REFUSED = {
    400: "The request is not valid HTTP",
    408: "The request took too long to arrive; send it again",
    431: "The head of the request is too large; send a shorter path and fewer headers",
}
"""What the connection itself refuses, by status."""

_NUMBER = re.compile(r"0*[1-9][0-9]{0,17}")
_log = structlog.get_logger()


class DeviceAnswer(Answer, frozen=True):
    """An answer whose headers are written `Content-Length`: programs on devices compare them letter by letter."""

    def lines(self) -> list[Header]:
        """See `Answer`."""
        return [(name.title(), value) for name, value in super().lines()]


class FileDoor(Application):
    """Takes files by POST and PUT and gives them by GET and HEAD, at the paths of `harvest-files.*`.

    A body is stored at the path it is sent to, at the path `/` where the group says (documented). Files and
    lists come as they are, without a redirection (seen in the wild). It is reached through the HTTP door,
    which hands over the connections that are for it.

    A group may name a role that says which paths its SIMs may use (documented).

    Shortcomings: nothing is removed here (405).
    """

    def __init__(self, files: DeviceFiles, metrics: Metrics, listener: str = "door-http") -> None:
        self.listener = listener
        self._files = files
        self._metrics = metrics

    async def answer(self, path: str, request: Request) -> Answer:
        """See `Application`."""
        try:
            answer = await self._answer(path, request)
        except Error as error:
            if request.method in UPLOADS:
                self._files.refuse(error, request.address, request.length)
            answer = _told(status(type(error)), error.message, *fields(error))
        except ClientGone:
            raise
        except Exception:  # noqa: BLE001 - a defect of ours must not take the connection's other requests along
            _log.exception("a request for a file failed")
            answer = _told(HTTPStatus.INTERNAL_SERVER_ERROR, "The server failed at this request; its log says why")
        return DeviceAnswer(answer.status, answer.body, answer.content_type, answer.headers, answer.content)

    def answer_at_once(self, path: str, request: Request) -> Answer | None:  # noqa: ARG002 - nothing here is worth it
        """See `Application`."""
        return None

    def refusal(self, status: int) -> bytes:
        """See `Application`."""
        return encode_json({"message": REFUSED[status]})

    async def _answer(self, path: str, request: Request) -> Answer:
        if not is_for_files(request.header(b"host")):
            message = "This connection has been used for Harvest Files; connect anew for another host"
            return _told(HTTPStatus.MISDIRECTED_REQUEST, message)
        if request.method not in METHODS:
            raise MethodNotAllowed(METHODS)
        place = parse_path(path)
        sender = self._files.sender(request.address)
        if request.method in UPLOADS:
            return await self._store(sender, place, request)
        if place.endswith("/"):
            return await self._list(sender, place, request)
        return await self._fetch(sender, place, request)

    async def _store(self, sender: FileSender, place: str, request: Request) -> Answer:
        upload = Upload(
            parse_type(request.header(b"content-type")),
            request.stream(self._files.largest),
            request.length,
            is_only_new(request),
        )
        placed = await self._files.put(sender, place, upload)
        return Answer(HTTPStatus.CREATED if placed.created else HTTPStatus.OK)

    async def _fetch(self, sender: FileSender, place: str, request: Request) -> Answer:
        try:
            entry, reader = await self._files.open(sender, place)
        except NotFound as error:
            if await self._files.files.is_directory(sender.resource.account, f"{place}/"):
                raise NotFound("This is a directory; put a slash behind its name for the list of its files") from error
            raise
        answer = await deliver(request, reader, Described(entry.etag, entry.content_type, entry.last_modified_time))
        if request.method == "GET":
            self._metrics.file_bytes_sent.inc(len(answer.body) if answer.content is None else answer.content.length)
        return answer

    async def _list(self, sender: FileSender, place: str, request: Request) -> Answer:
        if request.method == "HEAD":
            raise NotFound("Only files answer HEAD; a path that ends in a slash is a directory's")
        limit, after = _limit(request), _after(request)
        page = await self._files.children(sender, place, after, limit)
        headers = _to_next_page(place, file_key(page.entries[-1].filename), limit) if page.more else ()
        return Answer(HTTPStatus.OK, encode_files(page.entries), headers=headers)


def _told(code: HTTPStatus, message: str, *headers: Header) -> Answer:
    """An answer without a `code` in its body, unlike the API's (seen in the wild)."""
    return Answer(code, encode_json({"message": message}), headers=headers)


def _limit(request: Request) -> int:
    """How many entries a list may have: as at the API, 10 if nothing is said, and 1,000 at most."""
    text = request.query("limit")
    if text is None:
        return DEFAULT_LIMIT
    if not _NUMBER.fullmatch(text):
        raise InvalidParameter("limit must be a whole number of at least 1")
    return min(int(text), PAGE_LIMIT)


def _after(request: Request) -> str:
    text = request.query("last_evaluated_key") or ""
    if "\0" in text:
        raise InvalidParameter("last_evaluated_key holds a NUL, which no name does; leave it out")
    return parse_file_key(text)


def _to_next_page(place: str, next_key: str, limit: int) -> tuple[Header, ...]:
    link = f"<{quote_path(place)}?last_evaluated_key={next_key}&limit={limit}>; rel=next"
    return (b"x-soracom-next-key", next_key.encode()), (b"link", link.encode())
