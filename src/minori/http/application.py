"""What a listener serves: an ASGI application whose every answer leaves through one place."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from minori.errors import PayloadTooLarge
from minori.http.exchange import Answer, Read, Request

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class ClientGone(Exception):
    """The client closed the connection while its body was being read; nobody waits for an answer."""


class Application(ABC):
    """Answers requests. `listener` is its name in metrics."""

    listener: str

    @abstractmethod
    async def answer(self, path: str, request: Request) -> Answer:
        """The answer to a request for a raw path. Raises `ClientGone`, and nothing else."""

    @abstractmethod
    def answer_at_once(self, path: str, request: Request) -> Answer | None:
        """The answer to a request without a body, if it takes no waiting; else `None`, and nothing has happened."""

    @abstractmethod
    def refusal(self, status: int) -> bytes:
        """The JSON body for what the connection itself refuses: 400 malformed, 408 too slow, 431 too large a head."""

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
