"""A device at the file door: what it sends, and what it is told, over a real socket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from doorway import KNOWN, House, house
from sending import Answer, Line


def message(method: str, path: str, body: bytes | None = None, *fields: str, host: str = "harvest-files.test") -> bytes:
    """A request for files, with a `Content-Length` if it has a body."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *fields]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


class Device:
    """A device on one connection."""

    def __init__(self, line: Line) -> None:
        self.line = line

    async def ask(self, method: str, path: str, body: bytes | None = None, *fields: str, **named: str) -> Answer:
        await self.line.send(message(method, path, body, *fields, **named))
        return await self.answer(head_only=method == "HEAD")

    async def answer(self, *, head_only: bool = False) -> Answer:
        return await self.line.head() if head_only else await self.line.answer()

    async def put(self, path: str, body: bytes = b"hello", *fields: str) -> int:
        return (await self.ask("PUT", path, body, *fields)).status

    async def get(self, path: str, *fields: str) -> Answer:
        return await self.ask("GET", path, None, *fields)


@asynccontextmanager
async def device_of(h: House, source: str = KNOWN) -> AsyncIterator[Device]:
    async with h.http() as door, await Line.open(door.endpoint, source) as line:
        yield Device(line)


@asynccontextmanager
async def device(**options: Any) -> AsyncIterator[tuple[House, Device]]:
    """A house whose group has enabled Harvest Files with these options, and a device of it."""
    async with house() as h:
        await h.let_files(**options)
        async with device_of(h) as known:
            yield h, known
