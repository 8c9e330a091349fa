"""The pages beside `/v1`: health, metrics, the API's description for programs and for people."""

from collections.abc import Callable

from minori import __version__
from minori.api import description, pages
from minori.codec.entry import encode_json
from minori.http.exchange import Answer
from minori.observe.metrics import Metrics
from minori.storage.base import BlobStore, Catalog, EntryStore

_GUARDED = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", pages.CONTENT_SECURITY_POLICY.encode()),
)


class Site:
    """Pages that need no login. None shows anything that was stored."""

    def __init__(self, store: EntryStore, catalog: Catalog, blobs: BlobStore, metrics: Metrics) -> None:
        self._store = store
        self._catalog = catalog
        self._blobs = blobs
        self._metrics = metrics
        self._description = description.source()
        self._docs = b""
        self._pages: dict[str, Callable[[], Answer]] = {
            "/healthz": self._health,
            "/metrics": self._exposition,
            "/openapi.json": lambda: Answer(200, self._description),
            "/docs": self._documentation,
        }

    def find(self, path: str) -> Callable[[], Answer] | None:
        """The page at a path, if there is one."""
        return self._pages.get(path)

    def _health(self) -> Answer:
        failure = self._failure()
        if failure is not None:
            return Answer(503, encode_json({"status": "failed", "reason": failure, "version": __version__}))
        return Answer(200, encode_json({"status": "ok", "version": __version__}))

    def _failure(self) -> str | None:
        """Why one of the stores confirms nothing any more."""
        return self._store.status().failure or self._catalog.failure or self._blobs.failure

    def _exposition(self) -> Answer:
        self._metrics.waiting.set(self._store.status().waiting)
        self._metrics.store_failed.set(self._failure() is not None)
        return Answer(200, self._metrics.text(), b"text/plain; version=0.0.4; charset=utf-8")

    def _documentation(self) -> Answer:
        if not self._docs:
            self._docs = pages.render(description.read(), __version__)
        return Answer(200, self._docs, b"text/html; charset=utf-8", _GUARDED)
