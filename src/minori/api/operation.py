"""What an operation of the API is: its method, its path, its name, and who answers it."""

from collections.abc import Awaitable, Callable, Coroutine
from functools import cached_property
from typing import Any

from msgspec import Struct

from minori.api.services import Services
from minori.codec.permission.names import permission_name
from minori.http.exchange import Answer, Call, Request

Handler = Callable[[Services, Call], Awaitable[Answer]]
ReadHandler = Callable[[Services, Call], Coroutine[Any, Any, Answer]]
OpenHandler = Callable[[Services, Request], Awaitable[Answer]]


API = "/v1"
"""Where all of them are."""


class Operation(Struct, frozen=True, dict=True):
    """One operation. `name` is its tag and its id, as the description has them: `DataEntry:getDataEntries`.

    `template` is the path after `/v1`, parameters in braces.
    """

    method: str
    template: str
    name: str

    @cached_property
    def operation(self) -> str:
        """Its id."""
        return self.name.partition(":")[2]

    @cached_property
    def path(self) -> str:
        """Its path with its parameters in braces, `/v1` included."""
        return API + self.template

    @cached_property
    def permission(self) -> str:
        """What a SAM user needs to call it: its name, or the other one that some have for that (documented)."""
        return permission_name(*self.name.split(":"))


class Route(Operation, frozen=True):
    """One operation, which needs key and token (our choice)."""

    handler: Handler


class ReadRoute(Route, frozen=True):
    """A read of data entries, which one machine answers without waiting."""

    handler: ReadHandler


class OpenRoute(Operation, frozen=True):
    """One operation that proves its caller by itself, and asks by itself what he may do."""

    handler: OpenHandler


AnyRoute = Route | OpenRoute
