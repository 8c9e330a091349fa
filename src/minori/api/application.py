"""The ASGI application of the API listener: finds the operation, proves the caller, answers.

No framework stands between: every answer, good or bad, leaves through one place.
"""

import time
from collections.abc import Callable

import structlog

from minori.api import downloads, ingest, routes
from minori.api.answers import INTERNAL, REFUSED, error_answer, error_body
from minori.api.auth import API_KEY, TOKEN, context
from minori.api.operation import AnyRoute, OpenRoute, ReadRoute
from minori.api.services import Services
from minori.api.site import Site
from minori.errors import Error, MethodNotAllowed, NotFound
from minori.http.application import Application, ClientGone
from minori.http.exchange import Answer, Call, Request
from minori.model.account import Coverage, account_of, coverage_of_host
from minori.model.audit import AuditEntry
from minori.observe.metrics import Metrics

API = "/v1"

PATH_LOGGED = 200
"""Characters of a path that a log line holds at most."""

PATH_KEPT = 2048
"""Characters of a path that the audit log holds at most (our choice)."""

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
        self._answered: dict[tuple[str, int], Callable[[], None]] = {}
        self._is_prompt = True

    def answer_at_once(self, path: str, request: Request) -> Answer | None:
        """The answer to a request without a body, if it takes no waiting; otherwise `None`, and nothing has happened.

        On one machine every read of data entries is answered without waiting. A store that makes one wait
        is asked once, and the application never tries again.
        """
        if not self._is_prompt or _waits(path):
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
        operation, template, path_logged = "none", "", path[:PATH_LOGGED]
        began = time.time_ns() // 1_000_000
        try:
            if path.startswith(API) and path[len(API) : len(API) + 1] in ("/", ""):
                route, request.params = routes.find(request.method, path[len(API) :])
                operation, template = route.operation, route.template
                answer = await self._operate(route, request)
            elif path.startswith(downloads.PREFIX):
                operation, path_logged = "downloadFile", downloads.PREFIX
                answer = await self._download(request, path)
            elif path.startswith(ingest.PREFIX):
                operation = "ingest"
                answer = await ingest.ingest(self._services, request, path)
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
        self._note(request, path, template, began, answer.status)
        if self._log_requests:
            asked = {"operation": operation, "method": request.method, "path": path_logged}
            _log.debug("answered", **asked, status=answer.status)
        return answer

    def refusal(self, status: int) -> bytes:
        """See `Application.refusal`."""
        return error_body(*REFUSED[status])

    async def _operate(self, route: AnyRoute, request: Request) -> Answer:
        if isinstance(route, OpenRoute):
            return await route.handler(self._services, request)
        principal = self._services.access.authenticate(request.header(API_KEY), request.header(TOKEN))
        request.caller = principal
        self._services.access.authorize(principal, route.permission, context(principal, request))
        coverage = self._coverage or coverage_of_host(request.header(b"host"))
        account = account_of(principal.operator_id, coverage)
        return await route.handler(self._services, Call(principal, request, account))

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

    def _note(self, request: Request, path: str, template: str, began: int, status: int) -> None:
        """Write an operation down in the audit log of whose call it was; `began` is UNIX ms.

        One that concerns another operator, too, is written down in both logs.
        """
        caller, claimed = request.caller, request.claimed
        what = (request.address, request.method, API + template, path[:PATH_KEPT], began, status)
        if caller is not None:
            entry = AuditEntry(caller.operator_id, caller.user_name, *what)
            self._services.audit.record(entry, is_proven=True)
        if claimed is not None and (caller is None or claimed.operator_id != caller.operator_id):
            entry = AuditEntry(claimed.operator_id, claimed.user_name, *what)
            self._services.audit.record(entry, is_proven=False)

    def _count(self, operation: str, status: int) -> None:
        key = (operation, status)
        count = self._answered.get(key)
        if count is None:
            count = self._answered[key] = self._metrics.requests.labels(operation, str(status)).inc
        count()


def _waits(path: str) -> bool:
    """Whether a GET below `/v1` asks a store that makes it wait; what is refused does not."""
    try:
        route, _ = routes.find("GET", path[len(API) :])
    except Error:
        return False
    return not isinstance(route, ReadRoute)
