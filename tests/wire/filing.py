"""Files over the API, as a client keeps them: put, fetched through their links, listed."""

from typing import NamedTuple
from urllib.parse import quote
from uuid import uuid4

from serving import Server
from wire.asking import Reply, ask


class Folder(NamedTuple):
    """A folder of the private scope that no other test uses. Paths below are within it and quoted here."""

    server: Server
    headers: dict[str, str]
    path: str

    def url(self, path: str = "") -> str:
        """The target of a path within the folder."""
        return f"/v1/files/private{self.path}{quote(path, safe='/')}"

    def ask(self, method: str, path: str = "", body: bytes | None = None, query: str = "", **more: str) -> Reply:
        """One request about a path. Keywords are more headers, `_` in their names standing for `-`."""
        headers = self.headers | {name.replace("_", "-"): value for name, value in more.items()}
        return ask(self.server, method, self.url(path) + query, headers, body)

    def put(self, path: str, body: bytes = b"x", **more: str) -> Reply:
        """Store a file that is new."""
        reply = self.ask("PUT", path, body, **more)
        assert (reply.status, reply.body) == (201, b"")
        return reply

    def link(self, path: str) -> str:
        """The link that GET gives."""
        reply = self.ask("GET", path)
        assert (reply.status, reply.body) == (302, b"")
        return reply.headers["location"]

    def read(self, path: str) -> bytes:
        """The bytes of a file, fetched by its link without any header."""
        reply = ask(self.server, "GET", self.link(path))
        assert reply.status == 200
        return reply.body

    def names(self, path: str = "/", query: str = "?limit=1000") -> list[str]:
        """The filenames in a directory."""
        reply = self.ask("GET", path, query=query)
        assert reply.status == 200
        return [entry["filename"] for entry in reply.json]


def folder(server: Server, headers: dict[str, str]) -> Folder:
    """A folder with a new name, which is not made until something is put into it."""
    return Folder(server, headers, f"/t{uuid4().hex}")
