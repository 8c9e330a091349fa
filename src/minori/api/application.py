"""The ASGI application of the API listener: finds the operation, proves the caller, answers.

No framework stands between: every answer, good or bad, leaves through one place.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog

from minori.api import routes
from minori.api.answers import INTERNAL, error_answer
from minori.api.auth import API_KEY, TOKEN
from minori.api.exchange import Answer, Call, Read, Request
from minori.api.services import Services
from minori.api.site import Site
from minori.errors import Error, MethodNotAllowed, NotFound, PayloadTooLarge
from minori.observe.metrics import Metrics

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

API = "/v1"

PATH_LOGGED = 200
"""Characters of a path that a log line holds at most."""

_log = structlog.get_logger()


class ClientGone(Exception):
    """The client closed the connection while its body was being read; nobody waits for an answer."""


class Application:
    """The API and the pages beside it, for one server.

    With `log_requests` every answer is logged at level debug: what was asked without its query, and the status.
    """

    def __init__(self, services: Services, site: Site, metrics: Metrics, *, log_requests: bool = False) -> None:
        self._log_requests = log_requests
        self._services = services
        self._site = site
        self._metrics = metrics
        self._answered: dict[tuple[str, int], Callable[[], None]] = {}
        self._is_prompt = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        client = scope["client"]
        request = Request(
            scope["method"],
            scope["query_string"],
            scope["headers"],
            client[0] if client else "",
            _reader(scope, receive),
        )
        try:
            answer = await self.answer(scope["raw_path"].decode("latin-1"), request)
        except ClientGone:
            return
        await _send(send, request.method, answer)

    def answer_at_once(self, path: str, request: Request) -> Answer | None:
        """The answer to a request without a body, if it takes no waiting; otherwise `None`, and nothing has happened.

        On one machine every read is answered without waiting. A store that makes a read wait is asked
        once, and the application never tries again.
        """
        if not self._is_prompt:
            return None
        answering = self.answer(path, request)
        try:
            answering.send(None)
        except StopIteration as done:
            answer: Answer = done.value
            return answer
        answering.close()
        self._is_prompt = False
        return None

    async def answer(self, path: str, request: Request) -> Answer:
        """The answer to a request for a raw path. Raises `ClientGone`, and nothing else."""
        operation = "none"
        try:
            if path.startswith(API) and path[len(API) : len(API) + 1] in ("/", ""):
                route, request.params = routes.find(request.method, path[len(API) :])
                operation = route.operation
                answer = await self._operate(route, request)
            else:
                operation = "page"
                answer = self._page(request.method, path)
        except Error as error:
            answer = error_answer(error)
        except ClientGone:
            raise
        except Exception:  # noqa: BLE001 - a defect of ours must not take the connection's other requests along
            _log.exception("request failed", operation=operation)
            answer = INTERNAL
        self._count(operation, answer.status)
        if self._log_requests:
            asked = {"operation": operation, "method": request.method, "path": path[:PATH_LOGGED]}
            _log.debug("answered", **asked, status=answer.status)
        return answer

    async def _operate(self, route: routes.AnyRoute, request: Request) -> Answer:
        if isinstance(route, routes.OpenRoute):
            return await route.handler(self._services, request)
        principal = self._services.access.authenticate(request.header(API_KEY), request.header(TOKEN))
        return await route.handler(self._services, Call(principal, request))

    def _page(self, method: str, path: str) -> Answer:
        page = self._site.find(path)
        if page is None:
            raise NotFound("There is no such page; /docs tells what there is")
        if method not in ("GET", "HEAD"):
            raise MethodNotAllowed(("GET", "HEAD"))
        return page()

    def _count(self, operation: str, status: int) -> None:
        key = (operation, status)
        count = self._answered.get(key)
        if count is None:
            count = self._answered[key] = self._metrics.requests.labels(operation, str(status)).inc
        count()


def _reader(scope: Scope, receive: Receive) -> Read:
    async def read(limit: int) -> bytes:
        length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if int(length) > limit:
            raise PayloadTooLarge(limit)
        chunks, size = [], 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > limit:
                raise PayloadTooLarge(limit)
            chunks.append(chunk)
            if not message.get("more_body", False):
                return b"".join(chunks)

    return read


async def _send(send: Send, method: str, answer: Answer) -> None:
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.lines()})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else answer.body})
