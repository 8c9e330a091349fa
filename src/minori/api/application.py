"""The ASGI application of the API listener: finds the operation, proves the caller, answers.

No framework stands between: every answer, good or bad, leaves through one place.
"""

import time
from collections.abc import Coroutine
from typing import Any

import structlog

from minori.api import downloads, ingest, routes
from minori.api.answers import INTERNAL, REFUSED, error_answer, error_body
from minori.api.auth import context, sent_pair
from minori.api.operation import API, AnyRoute, OpenRoute, ReadRoute, Route
from minori.api.services import Services
from minori.api.site import Site
from minori.errors import Error, MethodNotAllowed, NotFound
from minori.http.application import Application, ClientGone
from minori.http.exchange import Answer, Call, Headers, Request
from minori.model.account import Coverage, account_of, coverage_of_host
from minori.model.audit import AuditEntry
from minori.observe.metrics import Metrics

PATH_LOGGED = 200
"""Characters of a path that a log line holds at most."""

PATH_KEPT = 2048
"""Characters of a path that the audit log holds at most (our choice)."""

_BELOW = f"{API}/"
_log = structlog.get_logger()


class Api(Application):
    """The API and the pages beside it, for one server.

    `coverage` is whose data it shows, whatever the host; without one the host of each request says so.
    With `log_requests` every answer is logged at level debug: what was asked without its query, and the status.
    """

    listener = "api"

    def __init__(
        self,
        services: Services,
        site: Site,
        metrics: Metrics,
        *,
        coverage: Coverage | None = None,
        log_requests: bool = False,
    ) -> None:
        self._coverage = coverage
        self._log_requests = log_requests
        self._services = services
        self._site = site
        self._metrics = metrics
        self._is_prompt = True

    def answer_at_once(self, path: str, request: Request) -> Answer | None:
        """See `Application`.

        On one machine every read of data entries is answered without waiting. A store that makes one wait
        is asked once, and the application never tries again. What has no route waits for nothing.
        """
        if not self._is_prompt or not path.startswith(_BELOW):
            return None
        operation, kind = "none", API
        began = time.time_ns() // 1_000_000
        try:
            route, request.params = routes.find(request.method, path[len(API) :])
            if not isinstance(route, ReadRoute):
                return None
            operation, kind = route.operation, route.path
            answer = _done(route.handler(self._services, self._call(route, request)))
        except Exception as error:  # noqa: BLE001 - a defect of ours must not take the connection along
            answer = _failure(operation, error)
        if answer is None:
            self._is_prompt = False
        else:
            self._tell(request, path, operation, kind, began, answer.status)
        return answer

    async def answer(self, path: str, request: Request) -> Answer:
        """The answer to a request for a raw path. Raises `ClientGone`, and nothing else."""
        operation, kind, logged = "none", API, path
        began = time.time_ns() // 1_000_000
        try:
            if path == API or path.startswith(_BELOW):
                route, request.params = routes.find(request.method, path[len(API) :])
                operation, kind = route.operation, route.path
                answer = await self._operate(route, request)
            elif path.startswith(downloads.PREFIX):
                operation, logged = "downloadFile", downloads.PREFIX
                answer = await self._download(request, path)
            elif path.startswith(ingest.PREFIX):
                operation = "ingest"
                answer = await ingest.ingest(self._services, request, path)
            else:
                operation = "page"
                answer = self._page(request.method, path)
        except ClientGone:
            raise
        except Exception as error:  # noqa: BLE001 - a defect of ours must not take the connection's other requests along
            answer = _failure(operation, error)
        self._tell(request, path, operation, kind, began, answer.status, logged)
        return answer

    def refusal(self, status: int) -> bytes:
        """See `Application.refusal`."""
        return error_body(*REFUSED[status])

    async def _operate(self, route: AnyRoute, request: Request) -> Answer:
        if isinstance(route, OpenRoute):
            return await route.handler(self._services, request)
        return await route.handler(self._services, self._call(route, request))

    def _call(self, route: Route, request: Request) -> Call:
        """The call that a request is, once it is proven who calls and that he may. Raises what `access` does."""
        headers = request.headers
        principal = self._services.access.recognize(headers.once(sent_pair))
        request.caller = principal
        self._services.access.authorize(principal, route.permission, context(principal, request))
        account = account_of(principal.operator_id, self._coverage or headers.once(_coverage))
        return Call(principal, request, account)

    async def _download(self, request: Request, path: str) -> Answer:
        answer = await downloads.download(self._services, request, path)
        if request.method == "GET":
            self._metrics.file_bytes_sent.inc(len(answer.body) if answer.content is None else answer.content.length)
        return answer

    def _page(self, method: str, path: str) -> Answer:
        page = self._site.find(path)
        if page is None:
            raise NotFound("There is no such page; /docs tells what there is")
        if method not in ("GET", "HEAD"):
            raise MethodNotAllowed(("GET", "HEAD"))
        return page()

    def _tell(
        self, request: Request, path: str, operation: str, kind: str, began: int, status: int, logged: str = ""
    ) -> None:
        """Count an answer, note it in the audit logs it belongs in, and log it if all are logged."""
        self._metrics.requests.count(operation, str(status))
        self._note(request, path, kind, began, status)
        if self._log_requests:
            asked = {"operation": operation, "method": request.method, "path": (logged or path)[:PATH_LOGGED]}
            _log.debug("answered", **asked, status=status)

    def _note(self, request: Request, path: str, kind: str, began: int, status: int) -> None:
        """Write an operation down in the audit log of whose call it was; `began` is UNIX ms.

        One that concerns another operator, too, is written down in both logs.
        """
        caller, claimed = request.caller, request.claimed
        what = (request.address, request.method, kind, path[:PATH_KEPT], began, status)
        if caller is not None:
            entry = AuditEntry(caller.operator_id, caller.user_name, *what)
            self._services.audit.record(entry, is_proven=True)
        if claimed is not None and (caller is None or claimed.operator_id != caller.operator_id):
            entry = AuditEntry(claimed.operator_id, claimed.user_name, *what)
            self._services.audit.record(entry, is_proven=False)


def _done(answering: Coroutine[Any, Any, Answer]) -> Answer | None:
    """What it comes to, if it does so without waiting; else it is given up."""
    try:
        answering.send(None)
    except StopIteration as done:
        answer: Answer = done.value
        return answer
    answering.close()
    return None


def _failure(operation: str, error: Exception) -> Answer:
    if isinstance(error, Error):
        return error_answer(error)
    _log.error("request failed", operation=operation, exc_info=error)
    return INTERNAL


def _coverage(headers: Headers) -> Coverage:
    return coverage_of_host(headers.first(b"host"))
