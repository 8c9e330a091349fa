"""What a listener serves: an ASGI application whose every answer leaves through one place."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from minori.http.exchange import Answer, Headers, Request
from minori.http.outgoing import OUTGOING

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
        """The answer to a read, if it takes no waiting; else `None`, and nothing has happened.

        A read is a GET without a body. The answer is the one that `answer` would give, but never one with
        `content`: that is sent piece by piece.
        """

    @abstractmethod
    def refusal(self, status: int) -> bytes:
        """The JSON body for what the connection itself refuses: 400 malformed, 408 too slow, 431 too large a head."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - as ASGI has it
        """Answer one HTTP request, through the connection's own `Outgoing` and not through ASGI's `send`."""
        client = scope["client"]
        request = Request(
            scope["method"],
            scope["query_string"],
            Headers(scope["headers"]),
            client[0] if client else "",
            partial(_chunks, receive),
            scope["scheme"],
        )
        try:
            answer = await self.answer(scope["raw_path"].decode("latin-1"), request)
        except ClientGone:
            return
        await scope["state"][OUTGOING].send(answer, head_only=request.method == "HEAD")


async def _chunks(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        more = message["more_body"]
        if message["body"]:
            yield message["body"]
